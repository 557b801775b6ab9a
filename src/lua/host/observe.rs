//! What is recorded of a call: each exchange as it ends, the call as a whole, its error.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::time::Duration;

use http::Method;
use rand::RngExt;
use tokio::time::Instant;

use super::call::Call;
use super::known;
use crate::http::{Category, Exchange, Leg, Next, Observer, Request, Response};
use crate::metrics::window::Lifecycle;
use crate::metrics::{
    CallSample, Chosen, Event, NameId, Outcome, Phase, Recorder, RequestSample, Sent, Span, What,
};

/// Interned names that every call needs.
pub struct Ids {
    methods: Vec<(Method, NameId)>,
    http11: NameId,
    http2: NameId,
    /// The last peer: its text is not written anew for each request.
    peer: Cell<Option<(SocketAddr, NameId)>>,
}

impl Ids {
    /// Of one worker's recorder.
    pub fn new(recorder: &mut Recorder) -> Ids {
        let methods = [
            Method::GET,
            Method::POST,
            Method::PUT,
            Method::PATCH,
            Method::DELETE,
            Method::HEAD,
            Method::OPTIONS,
        ];
        let methods = methods.map(|method| {
            let id = recorder.intern(method.as_str());
            (method, id)
        });
        Ids {
            methods: methods.into(),
            http11: recorder.intern("1.1"),
            http2: recorder.intern("2"),
            peer: Cell::new(None),
        }
    }

    fn method(&self, recorder: &mut Recorder, method: &Method) -> NameId {
        let known = self.methods.iter().find(|(known, _)| known == method);
        known.map_or_else(|| recorder.intern(method.as_str()), |(_, id)| *id)
    }

    fn proto(&self, recorder: &mut Recorder, proto: &str) -> NameId {
        match proto {
            "1.1" => self.http11,
            "2" => self.http2,
            other => recorder.intern(other),
        }
    }

    fn peer(&self, recorder: &mut Recorder, peer: Option<SocketAddr>) -> NameId {
        let Some(peer) = peer else { return NameId::NONE };
        match self.peer.get() {
            Some((last, id)) if last == peer => id,
            _ => {
                let id = recorder.intern(&peer.to_string());
                self.peer.set(Some((peer, id)));
                id
            }
        }
    }
}

/// The set of tags `base` with `tags` over it.
pub fn add_tags(recorder: &mut Recorder, base: NameId, tags: &[(String, String)]) -> NameId {
    let tags: Vec<(&str, &str)> = tags.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    recorder.extend_tags(base, &tags)
}

/// One call under way. Dropped before its end it is recorded as interrupted.
pub struct Watch {
    call: Call,
    began: Instant,
    ended: Cell<bool>,
    /// Whether a function will say what is expected.
    judged: bool,
    /// The last exchange, until that was said.
    last: RefCell<Option<Box<RequestSample>>>,
    /// What its last request carries.
    span: Cell<Option<Span>>,
}

impl Watch {
    /// Counts the request as prepared.
    pub fn begin(call: Call, judged: bool) -> Watch {
        let (began, ended, last) = (Instant::now(), Cell::new(false), RefCell::default());
        let watch = Watch { call, began, ended, judged, last, span: Cell::default() };
        let at = watch.call.host.shared.offset(began);
        watch.count(&mut watch.call.host.recorder.borrow_mut(), |life| {
            life.prepared += 1;
            life.requesting.begin(at);
        });
        watch
    }

    /// What is under way.
    pub fn call(&self) -> &Call {
        &self.call
    }

    /// Counts a boundary of an arrival; what hooks send belongs to none.
    fn count(&self, recorder: &mut Recorder, boundary: impl FnOnce(&mut Lifecycle)) {
        if matches!(self.call.place.phase, Phase::Warmup | Phase::Load) {
            boundary(recorder.lifecycle(self.call.place.scenario));
        }
    }

    /// Records the call, and its error if it came to one.
    pub fn end(self, response: &Response) {
        self.ended.set(true);
        let error = failure(response);
        if let Some(mut last) = self.last.take() {
            let mut recorder = self.call.host.recorder.borrow_mut();
            last.expected = response.expected;
            last.error = error.map_or(NameId::NONE, |error| recorder.intern(error.as_str()));
            self.record_request(&mut recorder, &last);
        }
        let outcome = if response.expected { Outcome::Completed } else { Outcome::Failed };
        if let Some(chosen) = self.record(response.status, error, outcome, response.duration) {
            self.keep(chosen, response);
        }
        if let Some(category) = error {
            self.error(category, response);
        }
    }

    fn record_request(&self, recorder: &mut Recorder, sample: &RequestSample) {
        let (place, shared) = (&self.call.place, &self.call.host.shared);
        recorder.request(place, sample);
        let span = self.span.get();
        if let Some(span) = span {
            recorder.trace_request(place, sample, shared.elapsed(), span);
        }
        if recorder.logs_requests() {
            recorder.log(place, sample, shared.elapsed(), span);
        }
    }

    fn record(
        &self,
        status: u16,
        error: Option<Category>,
        outcome: Outcome,
        duration: Duration,
    ) -> Option<Chosen> {
        let mut recorder = self.call.host.recorder.borrow_mut();
        let sample = CallSample {
            name: self.call.name,
            method: self.call.ids.method(&mut recorder, &self.call.request.method),
            status,
            expected: outcome == Outcome::Completed,
            error: error.map_or(NameId::NONE, |error| recorder.intern(error.as_str())),
            outcome,
            duration,
        };
        let chosen = recorder.call(&self.call.place, &sample);
        if let Some(span) = self.span.get() {
            let at = self.call.host.shared.elapsed();
            recorder.trace_call(&self.call.place, &sample, at, span);
        }
        chosen
    }

    /// Into the tail's ledger.
    #[cold]
    fn keep(&self, chosen: Chosen, response: &Response) {
        let mut recorder = self.call.host.recorder.borrow_mut();
        let peer = self.call.ids.peer(&mut recorder, response.peer);
        let at = self.call.host.shared.offset(self.began);
        let traits = known::of_call(&self.call, response, peer, at);
        recorder.keep(chosen, &self.call.place, &traits);
    }

    /// When an exchange ended, since the run began; the first one began with the call.
    fn end_of(&self, leg: &Leg<'_>, length: Duration) -> Duration {
        let end = match (leg.hop, leg.attempt) {
            (0, 0) => self.began + length,
            _ => Instant::now(),
        };
        self.call.host.shared.offset(end)
    }

    /// Into the iteration's trace.
    fn note(&self, sample: &RequestSample, end: Duration) {
        let length = sample.blocked + sample.duration;
        let at = end.saturating_sub(length);
        let what = What::Request(Sent::from(sample));
        self.call.user.note(Event { at, length, step: self.call.place.step, what });
    }

    fn error(&self, category: Category, response: &Response) {
        let title = format!("{} {}", self.call.request.method, self.call.request.name);
        let message = match &response.error {
            Some(error) => format!("{title}: {}", error.message),
            None if self.judged => {
                format!("{title}: expect_status refused the answer (status {})", response.status)
            }
            None => format!("{title}: unexpected status {}", response.status),
        };
        let shared = &self.call.host.shared;
        self.call.host.recorder.borrow_mut().error(
            &self.call.place,
            category.as_str(),
            response.status,
            &message,
            shared.elapsed(),
            || shared.redactor.exemplar(&self.call.request, response),
        );
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(last) = self.last.take() {
            self.record_request(&mut self.call.host.recorder.borrow_mut(), &last);
        }
        if !self.ended.get() {
            self.record(0, None, Outcome::Interrupted, self.began.elapsed());
        }
    }
}

impl Observer for Watch {
    fn chance(&self) -> f64 {
        self.call.user.rng.borrow_mut().random()
    }

    fn span(&self) -> Option<Span> {
        let tracer = self.call.host.tracer.as_ref()?;
        let span = Some(tracer.span(&self.call.user.trace_id));
        self.span.set(span);
        span
    }

    fn exchange(&self, request: &Request, leg: &Leg<'_>, done: &Exchange) {
        let followed = leg.next == Next::Redirect;
        let end = self.end_of(leg, done.timings.blocked + done.timings.duration());
        let mut recorder = self.call.host.recorder.borrow_mut();
        self.count(&mut recorder, |life| {
            life.requesting.end(end);
            if leg.next != Next::End {
                life.prepared += 1;
                life.requesting.begin(end);
            }
            life.sent += u64::from(done.status != 0 || done.bytes_sent > 0);
            life.headers += u64::from(done.status != 0);
            life.bodies += u64::from(done.status != 0 && done.error.is_none());
        });
        let accepted = followed || request.options.expect_status.accepts(done.status);
        let expected = accepted && done.error.is_none();
        let error = match &done.error {
            Some(error) => Some(error.category),
            None if expected => None,
            None => Some(of_status(done.status)),
        };
        let sample = RequestSample {
            name: self.call.name,
            method: self.call.ids.method(&mut recorder, leg.method),
            status: done.status,
            proto: self.call.ids.proto(&mut recorder, done.proto),
            hop: leg.hop,
            attempt: leg.attempt,
            expected,
            error: error.map_or(NameId::NONE, |error| recorder.intern(error.as_str())),
            peer: self.call.ids.peer(&mut recorder, done.peer),
            duration: done.timings.duration(),
            blocked: done.timings.blocked,
            dns: done.timings.dns,
            connect: done.timings.connect,
            tls: done.timings.tls,
            send: done.timings.send,
            wait: done.timings.wait,
            receive: done.timings.receive,
            bytes_sent: done.bytes_sent,
            bytes_received: done.bytes_received,
            reused: done.reused,
            opened: done.opened,
            connect_failed: done.connect_failed,
        };
        if self.judged && leg.next == Next::End && done.error.is_none() {
            *self.last.borrow_mut() = Some(Box::new(sample));
        } else {
            self.record_request(&mut recorder, &sample);
        }
        self.note(&sample, end);
    }
}

/// The error category of a call that did not come to what was expected.
fn failure(response: &Response) -> Option<Category> {
    match &response.error {
        Some(error) => Some(error.category),
        None if response.expected => None,
        None => Some(of_status(response.status)),
    }
}

fn of_status(status: u16) -> Category {
    match status {
        400..=499 => Category::ClientError,
        500..=599 => Category::ServerError,
        _ => Category::Status,
    }
}
