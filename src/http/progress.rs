//! How far one hop has come: its dials, the moments in which its phases end, and what arrived.
//! From it come the exchange's timings and, if it breaks off, the stage in which it did.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::body::Collector;
use super::connect::{Dial, Times};
use super::failure::Stage;
use super::{Exchange, Timings};

/// One hop under way.
pub struct Progress {
    /// The hop was handed over.
    pub began: Instant,
    /// Connections that it began to open; more than one if a dead one was dialled again.
    pub dials: Vec<Dial>,
    /// The request's body, if it is watched.
    pub sending: Option<Sending>,
    /// The response's head was there.
    pub head: Option<Instant>,
    /// Takes the body, once the head is there.
    pub body: Option<Collector>,
    /// What is known of the exchange.
    pub done: Exchange,
}

/// A request's body that is watched while a connection takes it.
///
/// The client asks a body about its size, too, but only while the exchange is begun or polled
/// ([`Sending::ours`]); a connection does so in a task of its own, right before it writes the head.
#[derive(Debug, Clone)]
pub struct Sending(Arc<Mutex<Handed>>);

#[derive(Debug)]
struct Handed {
    left: u64,
    /// Whether the exchange is being polled.
    polled: bool,
    /// A part was taken.
    begun: bool,
    asked: Option<Instant>,
    ended: Option<Instant>,
}

impl Sending {
    /// A body of `bytes`, of which none is taken yet.
    pub fn new(bytes: u64) -> Self {
        let handed = Handed { left: bytes, polled: false, begun: false, asked: None, ended: None };
        Sending(Arc::new(Mutex::new(handed)))
    }

    /// Polls the exchange that it belongs to.
    pub fn ours<T>(&self, poll: impl FnOnce() -> T) -> T {
        self.lock().polled = true;
        let outcome = poll();
        self.lock().polled = false;
        outcome
    }

    /// Somebody wants to know how much there is of it.
    pub fn asked(&self) {
        let mut handed = self.lock();
        if !handed.polled && !handed.begun {
            // A connection that proves dead hands the request on to another: the last one counts.
            handed.asked = Some(Instant::now());
        }
    }

    /// The next `bytes` of it were taken now.
    pub fn took(&self, bytes: u64) {
        let mut handed = self.lock();
        handed.left -= bytes;
        handed.begun = true;
        if handed.left == 0 {
            handed.ended = Some(Instant::now());
        }
    }

    /// Bytes that were not taken.
    pub fn left(&self) -> u64 {
        self.lock().left
    }

    /// When a connection took the request; `None` if none did.
    fn handed_over(&self) -> Option<Instant> {
        self.lock().asked
    }

    fn ended(&self) -> Option<Instant> {
        self.lock().ended
    }

    fn lock(&self) -> MutexGuard<'_, Handed> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Progress {
    /// Nothing has happened yet.
    pub fn new(sending: Option<Sending>) -> Self {
        Progress {
            began: Instant::now(),
            dials: Vec::new(),
            sending,
            head: None,
            body: None,
            done: Exchange::default(),
        }
    }

    /// What it is about.
    pub fn stage(&self) -> Stage {
        if let Some(body) = &self.body {
            return Stage::Reading(body.received());
        }
        match (self.dial(), &self.sending) {
            (Some(dial), _) if dial.connected.is_none() && !self.is_handed_over() => dial.stage(),
            (None, Some(_)) if !self.is_handed_over() => Stage::Queued,
            (_, Some(sending)) if sending.left() > 0 => Stage::Sending,
            _ => Stage::Waiting,
        }
    }

    /// Whether there was a connection on which the request could go.
    pub fn is_connected(&self) -> bool {
        self.head.is_some()
            || match &self.sending {
                Some(_) => self.is_handed_over(),
                None => self.dial().is_none_or(|dial| dial.connected.is_some()),
            }
    }

    fn is_handed_over(&self) -> bool {
        self.sending.as_ref().is_some_and(|sending| sending.handed_over().is_some())
    }

    /// The exchange as it stands.
    pub fn finish(mut self) -> Exchange {
        if !self.is_connected() {
            self.done.bytes_sent = 0;
        } else if let Some(sending) = &self.sending {
            self.done.bytes_sent -= sending.left();
        }
        self.done.timings = self.timings(Instant::now());
        self.done.reused = self.is_connected() && !self.has_own_connection();
        if let Some(body) = self.body {
            self.done.size = body.received();
            self.done.bytes_received += body.received();
            self.done.body = body.into_bytes();
        }
        self.done
    }

    fn dial(&self) -> Option<Times> {
        self.dials.last().map(Dial::times)
    }

    fn has_own_connection(&self) -> bool {
        self.dial().is_some_and(|dial| dial.connected.is_some())
    }

    fn timings(&self, now: Instant) -> Timings {
        let connected = self.is_connected();
        let mut timings = match self.dial() {
            Some(dial) if dial.connected.is_some() || !connected => set_up(&dial, self.began, now),
            // A connection that was there, or that became free before the dial was over.
            _ => Timings::default(),
        };
        if let Some(sending) = &self.sending {
            // It may have waited for a connection that another exchange opened, or for its turn.
            let handed_over = sending.handed_over().or((!connected).then_some(now));
            let waited = handed_over.map(|at| at.saturating_duration_since(self.began));
            timings.blocked = timings.blocked.max(waited.unwrap_or_default());
        }
        if !connected {
            return timings;
        }
        let ready = self.began + timings.blocked;
        let taken = self.sending.as_ref().and_then(Sending::ended).unwrap_or(ready).max(ready);
        let head = self.head.unwrap_or(now).max(ready);
        timings.send = taken.min(head) - ready;
        timings.wait = head.saturating_duration_since(taken);
        timings.receive = now.saturating_duration_since(head);
        timings
    }
}

/// Phases of a connection's set-up, as far as they came.
fn set_up(dial: &Times, hop_began: Instant, now: Instant) -> Timings {
    let end = dial.connected.or(dial.failed).unwrap_or(now);
    let since = |from: Option<Instant>, to: Option<Instant>| match from {
        Some(from) => to.unwrap_or(end).saturating_duration_since(from),
        None => Duration::ZERO,
    };
    let tcp_began = if dial.dns_began.is_some() { dial.dns_ended } else { Some(dial.began) };
    Timings {
        blocked: end.saturating_duration_since(hop_began),
        dns: since(dial.dns_began, dial.dns_ended),
        connect: since(tcp_began, dial.tls_began),
        tls: since(dial.tls_began, None),
        ..Timings::default()
    }
}
