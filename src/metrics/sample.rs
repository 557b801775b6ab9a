//! One sample of each kind, as the driver hands it to the recorder: ids and durations, no text.

use std::time::Duration;

use super::names::NameId;

/// The part of a run that a sample belongs to: that of its iteration's intended start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[allow(missing_docs)]
pub enum Phase {
    Setup,
    OnStart,
    Warmup,
    #[default]
    Load,
    Drain,
    Teardown,
}

impl Phase {
    /// In the order of a run.
    pub const ALL: [Phase; 6] =
        [Phase::Setup, Phase::OnStart, Phase::Warmup, Phase::Load, Phase::Drain, Phase::Teardown];

    /// The tag's text.
    pub fn as_str(self) -> &'static str {
        match self {
            Phase::Setup => "setup",
            Phase::OnStart => "on_start",
            Phase::Warmup => "warmup",
            Phase::Load => "load",
            Phase::Drain => "drain",
            Phase::Teardown => "teardown",
        }
    }
}

/// How an iteration, a step or a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Outcome {
    /// To its end, without a failure.
    #[default]
    Completed,
    /// By a failure of the journey (or, for a call, an unexpected answer or none).
    Failed,
    /// Cut off by the run's end, the end of data or a stop; its time is a lower bound.
    Interrupted,
}

impl Outcome {
    /// All there are.
    pub const ALL: [Outcome; 3] = [Outcome::Completed, Outcome::Failed, Outcome::Interrupted];

    /// The tag's text.
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Completed => "completed",
            Outcome::Failed => "failed",
            Outcome::Interrupted => "interrupted",
        }
    }
}

/// Where in the run a sample arose: the tags that the driver knows. Cheap to copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Place {
    /// Index of the scenario in the plan.
    pub scenario: u16,
    /// Phase of the iteration's intended start.
    pub phase: Phase,
    /// Stage's name or number; none outside ramping loads.
    pub stage: NameId,
    /// Path of the step (`"checkout/pay"`); none outside steps.
    pub step: NameId,
    /// Interned set of the author's tags (definition, scenario, call, `lt.tag`); see
    /// [`Recorder::intern_tags`](super::Recorder::intern_tags).
    pub extra: NameId,
}

/// One `http.get(…)` as the author wrote it: all its hops and tries.
#[derive(Debug, Clone, Copy)]
pub struct CallSample {
    /// What the report calls it.
    pub name: NameId,
    /// `GET`, ….
    pub method: NameId,
    /// Of the last hop; 0 if no head arrived.
    pub status: u16,
    /// Whether the author expected this answer.
    pub expected: bool,
    /// Error category; none if the answer was expected.
    pub error: NameId,
    /// How it ended.
    pub outcome: Outcome,
    /// Call → last body byte of the last hop.
    pub duration: Duration,
}

/// One exchange on the wire.
#[derive(Debug, Clone, Copy)]
pub struct RequestSample {
    /// What the report calls the call that it is part of.
    pub name: NameId,
    /// `GET`, … of this hop.
    pub method: NameId,
    /// 0 if no head arrived.
    pub status: u16,
    /// `"1.1"`, `"2"`.
    pub proto: NameId,
    /// Redirect hop, from 0.
    pub hop: u8,
    /// Try of a retry, from 0.
    pub attempt: u8,
    /// A redirect that is followed counts as expected.
    pub expected: bool,
    /// Error category; none if the answer was expected.
    pub error: NameId,
    /// `ip:port`; none if there was no connection.
    pub peer: NameId,
    /// send + wait + receive.
    pub duration: Duration,
    /// Waiting for a connection, set-up included; zero where one was at hand.
    pub blocked: Duration,
    /// Name resolution; zero where the connection was reused.
    pub dns: Duration,
    /// TCP set-up; likewise.
    pub connect: Duration,
    /// TLS set-up; likewise.
    pub tls: Duration,
    /// Until the body's last byte was taken.
    pub send: Duration,
    /// Until the response's head.
    pub wait: Duration,
    /// Until the body's last byte.
    pub receive: Duration,
    /// Head and body as serialised for HTTP/1.1.
    pub bytes_sent: u64,
    /// Likewise, before decoding.
    pub bytes_received: u64,
    /// Whether it began on a connection that was used before.
    pub reused: bool,
    /// Connections opened for it (a dead one is dialled again).
    pub opened: u8,
    /// Connections that could not be opened.
    pub connect_failed: u8,
}

/// One pass of `lt.step`.
#[derive(Debug, Clone, Copy)]
pub struct StepSample {
    /// The block, less `lt.think`.
    pub duration: Duration,
    /// How it ended.
    pub outcome: Outcome,
}

/// One pass of a scenario's function.
#[derive(Debug, Clone, Copy)]
pub struct IterationSample {
    /// Actual start → end, less `lt.think`.
    pub duration: Duration,
    /// Intended start → actual start.
    pub lag: Duration,
    /// The part of `lag` spent waiting for a free user.
    pub lag_users: Duration,
    /// Whether the rest of `lag`, which is ours, is more than its scenario bears.
    pub late: bool,
    /// How it ended.
    pub outcome: Outcome,
}
