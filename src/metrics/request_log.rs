//! Requests one by one, for who wants each of them and not only their sums.
//!
//! What is done with them is for whoever implements [`RequestLog`]; a recorder without one pays a
//! look at an `Option` per request.

use std::sync::Arc;
use std::time::Duration;

use super::sample::RequestSample;
use super::span::Span;

/// One request with its texts. All of them are without secrets but `scenario`, which is the plan's.
#[derive(Debug, Clone, Copy)]
pub struct Logged<'r> {
    /// When it was over, since the load began; zero before.
    pub at: Duration,
    /// Numbers and whatever has no text.
    pub sample: &'r RequestSample,
    /// Empty where the phase has none, as `setup`.
    pub scenario: &'r str,
    /// `load`, ….
    pub phase: &'static str,
    /// Empty outside ramps.
    pub stage: &'r str,
    /// Empty outside steps.
    pub step: &'r str,
    /// What the report calls the call.
    pub name: &'r str,
    /// `GET`, ….
    pub method: &'r str,
    /// `1.1`, `2`; empty without an answer.
    pub proto: &'r str,
    /// Category; empty if the answer was expected.
    pub error: &'r str,
    /// `ip:port`; empty if there was no connection.
    pub peer: &'r str,
    /// If requests carry a trace.
    pub span: Option<Span>,
    /// The author's.
    pub tags: &'r [(Arc<str>, Arc<str>)],
}

/// Takes the requests of one worker, on its thread: it must not wait.
pub trait RequestLog {
    /// A request has ended.
    fn request(&mut self, request: &Logged);

    /// A second has passed, or it was the last request: nothing may stay here.
    fn flush(&mut self);
}

/// Makes the log of a worker, by its number, on its thread.
pub type RequestLogMaker = Arc<dyn Fn(usize) -> Box<dyn RequestLog> + Send + Sync>;
