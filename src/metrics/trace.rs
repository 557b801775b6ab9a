//! What one iteration does, noted while it does it: a compact list that nearly every iteration
//! throws away, since only the slowest become a [`Journey`](super::Journey).
//!
//! An event costs a few stores. Buffers are lent for an iteration and used again; a new one holds
//! nothing until the first event, so that a user who waits in its first request costs 100 bytes.

use std::time::Duration;

use super::ledger::micros;
use super::names::NameId;
use super::sample::RequestSample;

/// Events of one iteration; further ones are counted.
const MOST: usize = 500;
/// The least that remains of [`MOST`] where many users share a worker.
const LEAST: usize = 64;
/// Events that the users of one worker may hold together, as long as each has [`LEAST`]: 18 MB.
const OF_A_WORKER: usize = 160_000;
/// Buffers that wait for their next iteration.
const MOST_SPARE: usize = 1024;

/// Something that took time. Names are ids while the iteration runs, and text once it is kept.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Event<N> {
    /// When it began: since the run's start in a [`Trace`], since the iteration's in a journey.
    pub at: Duration,
    /// Until it ended.
    pub length: Duration,
    /// Path of the step that it lies in; of a step, its own.
    pub step: N,
    /// What it was.
    pub what: What<N>,
}

/// What took time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum What<N> {
    /// A step, pauses included.
    Step,
    /// `lt.think`.
    Think,
    /// `lt.sleep`.
    Sleep,
    /// One exchange on the wire.
    Request(Sent<N>),
}

/// A request, as [`RequestSample`] tells it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sent<N> {
    /// What the report calls its call.
    pub name: N,
    /// `GET`, ….
    pub method: N,
    /// Error category; none if the answer was expected.
    pub error: N,
    /// `ip:port`; none if there was no connection.
    pub peer: N,
    /// 0 if no head arrived.
    pub status: u16,
    /// Redirect hop, from 0.
    pub hop: u8,
    /// Try of the hop, from 0.
    pub attempt: u8,
    /// Whether it began on a connection that was used before.
    pub reused: bool,
    /// How long each part took.
    pub phases: Phases,
    /// Head and body.
    pub bytes_sent: u64,
    /// Likewise, before decoding.
    pub bytes_received: u64,
}

/// Parts of a request [µs]; what takes over an hour counts as 71 minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "the names are those of RequestSample")]
pub struct Phases {
    pub blocked: u32,
    pub dns: u32,
    pub connect: u32,
    pub tls: u32,
    pub send: u32,
    pub wait: u32,
    pub receive: u32,
}

impl Phases {
    /// In microseconds.
    pub fn of(parts: [Duration; 7]) -> Phases {
        let [blocked, dns, connect, tls, send, wait, receive] = parts.map(micros);
        Phases { blocked, dns, connect, tls, send, wait, receive }
    }
}

impl From<&RequestSample> for Sent<NameId> {
    fn from(sample: &RequestSample) -> Self {
        Sent {
            name: sample.name,
            method: sample.method,
            error: sample.error,
            peer: sample.peer,
            status: sample.status,
            hop: sample.hop,
            attempt: sample.attempt,
            reused: sample.reused,
            phases: Phases::of([
                sample.blocked,
                sample.dns,
                sample.connect,
                sample.tls,
                sample.send,
                sample.wait,
                sample.receive,
            ]),
            bytes_sent: sample.bytes_sent,
            bytes_received: sample.bytes_received,
        }
    }
}

impl<N> Event<N> {
    /// The same with its names as `text` gives them, and since `start`.
    pub fn told<T>(&self, start: Duration, mut text: impl FnMut(&N) -> T) -> Event<T> {
        let what = match &self.what {
            What::Step => What::Step,
            What::Think => What::Think,
            What::Sleep => What::Sleep,
            What::Request(sent) => What::Request(Sent {
                name: text(&sent.name),
                method: text(&sent.method),
                error: text(&sent.error),
                peer: text(&sent.peer),
                status: sent.status,
                hop: sent.hop,
                attempt: sent.attempt,
                reused: sent.reused,
                phases: sent.phases,
                bytes_sent: sent.bytes_sent,
                bytes_received: sent.bytes_received,
            }),
        };
        let at = self.at.saturating_sub(start);
        Event { at, length: self.length, step: text(&self.step), what }
    }
}

/// The events of an iteration under way.
#[derive(Debug, Default)]
pub struct Trace {
    events: Vec<Event<NameId>>,
    most: usize,
    truncated: u32,
}

/// Where in a [`Trace`] a step was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark(u32);

impl Mark {
    /// Of a step that is in no trace.
    pub const NONE: Mark = Mark(u32::MAX);
}

impl Trace {
    /// Notes an event, or counts it if there are too many.
    #[inline]
    pub fn note(&mut self, event: Event<NameId>) {
        if self.events.len() >= self.most {
            self.truncated += 1;
            return;
        }
        if self.events.capacity() == 0 {
            self.events.reserve_exact(1);
        }
        self.events.push(event);
    }

    /// Notes a step that begins, so that it stands before what it holds.
    pub fn open(&mut self, step: NameId, at: Duration) -> Mark {
        let here = Mark(self.events.len() as u32);
        let noted = self.events.len() < self.most;
        self.note(Event { at, length: Duration::ZERO, step, what: What::Step });
        if noted { here } else { Mark::NONE }
    }

    /// The step that was opened there has ended.
    pub fn close(&mut self, mark: Mark, length: Duration) {
        if let Some(step) = self.events.get_mut(mark.0 as usize) {
            step.length = length;
        }
    }

    /// What was noted, in the order of beginnings as far as that is known.
    pub fn events(&self) -> &[Event<NameId>] {
        &self.events
    }

    /// What was noted since a step was opened; nothing if that is in no trace.
    pub fn since(&self, mark: Mark) -> &[Event<NameId>] {
        self.events
            .get(mark.0 as usize..)
            .and_then(<[_]>::split_first)
            .map_or(&[], |(_, in_it)| in_it)
    }

    /// How many events were too many.
    pub fn truncated(&self) -> u32 {
        self.truncated
    }
}

/// The buffers of one worker.
#[derive(Debug)]
pub struct Traces {
    spare: Vec<Vec<Event<NameId>>>,
    most: usize,
}

impl Default for Traces {
    fn default() -> Self {
        Traces { spare: Vec::new(), most: MOST }
    }
}

impl Traces {
    /// Fits the length of traces to the number of users who may each hold one.
    pub fn fit(&mut self, users: usize) {
        self.most = (OF_A_WORKER / users.max(1)).clamp(LEAST, MOST);
    }

    /// A buffer for an iteration. No allocation where one has come back.
    pub fn lend(&mut self) -> Trace {
        let events = self.spare.pop().unwrap_or_default();
        Trace { events, most: self.most, truncated: 0 }
    }

    /// Takes a buffer back.
    pub fn take_back(&mut self, mut trace: Trace) {
        if self.spare.len() < MOST_SPARE && trace.events.capacity() > 0 {
            trace.events.clear();
            self.spare.push(trace.events);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pause(at: u64) -> Event<NameId> {
        let (at, length) = (Duration::from_millis(at), Duration::from_millis(1));
        Event { at, length, step: NameId::NONE, what: What::Think }
    }

    #[test]
    fn a_step_stands_before_what_it_holds_and_gets_its_length_at_its_end() {
        let mut trace = Traces::default().lend();
        let step = trace.open(NameId(7), Duration::from_millis(1));
        trace.note(pause(2));
        trace.close(step, Duration::from_millis(5));
        let [step, pause] = trace.events() else { panic!("{trace:?}") };
        assert_eq!((step.what, step.length), (What::Step, Duration::from_millis(5)));
        assert_eq!(pause.what, What::Think);
    }

    #[test]
    fn events_beyond_the_limit_are_counted() {
        let mut trace = Traces::default().lend();
        (0..MOST as u64 + 3).for_each(|at| trace.note(pause(at)));
        assert_eq!(trace.open(NameId(7), Duration::ZERO), Mark::NONE);
        trace.close(Mark::NONE, Duration::from_secs(1));
        assert_eq!((trace.events().len(), trace.truncated()), (MOST, 4));
    }

    #[test]
    fn buffers_are_used_again_and_start_empty() {
        let mut traces = Traces::default();
        let mut trace = traces.lend();
        trace.note(pause(1));
        let memory = trace.events().as_ptr();
        traces.take_back(trace);
        let again = traces.lend();
        assert_eq!((again.events().as_ptr(), again.events().len()), (memory, 0));
    }

    #[test]
    fn many_users_have_shorter_traces() {
        let mut traces = Traces::default();
        for (users, most) in [(0, 500), (1, 500), (320, 500), (1000, 160), (10_000, 64)] {
            traces.fit(users);
            assert_eq!(traces.most, most, "{users} users");
        }
    }

    #[test]
    fn an_event_is_small() {
        assert!(size_of::<Event<NameId>>() <= 112, "{}", size_of::<Event<NameId>>());
    }
}
