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
    /// The request's body, if it is sent in parts.
    pub sending: Option<Sending>,
    /// The response's head was there.
    pub head: Option<Instant>,
    /// Takes the body, once the head is there.
    pub body: Option<Collector>,
    /// What is known of the exchange.
    pub done: Exchange,
}

/// A request's body that is sent in parts: what is left of it, and when its last byte was taken.
#[derive(Debug, Clone)]
pub struct Sending(Arc<Mutex<(usize, Option<Instant>)>>);

impl Sending {
    /// A body of `bytes`, of which none is taken yet.
    pub fn new(bytes: usize) -> Self {
        Sending(Arc::new(Mutex::new((bytes, None))))
    }

    /// The next `bytes` of it were taken now.
    pub fn took(&self, bytes: usize) {
        let (left, ended) = &mut *self.lock();
        *left -= bytes;
        if *left == 0 {
            *ended = Some(Instant::now());
        }
    }

    /// Bytes that were not taken.
    pub fn left(&self) -> usize {
        self.lock().0
    }

    fn ended(&self) -> Option<Instant> {
        self.lock().1
    }

    fn lock(&self) -> MutexGuard<'_, (usize, Option<Instant>)> {
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
        match self.dial() {
            Some(dial) if dial.connected.is_none() => dial.stage(),
            _ if self.sending.as_ref().is_some_and(|sending| sending.ended().is_none()) => {
                Stage::Sending
            }
            _ => Stage::Waiting,
        }
    }

    /// Whether there was a connection on which the request could go.
    pub fn is_connected(&self) -> bool {
        self.head.is_some() || self.dial().is_none_or(|dial| dial.connected.is_some())
    }

    /// The exchange as it stands.
    pub fn finish(mut self) -> Exchange {
        if !self.is_connected() {
            self.done.bytes_sent = 0;
        } else if let Some(sending) = &self.sending {
            self.done.bytes_sent -= sending.left() as u64;
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
        let mut timings = match self.dial() {
            Some(dial) if dial.connected.is_some() || self.head.is_none() => {
                set_up(&dial, self.began, now)
            }
            // A connection that was there, or that became free before the dial was over.
            _ => Timings::default(),
        };
        if !self.is_connected() {
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
