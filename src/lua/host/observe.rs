//! What is recorded of a call: each exchange as it ends, the call as a whole, its error.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;

use http::Method;
use tokio::time::Instant;

use super::{Host, User};
use crate::http::{Category, Exchange, Observer, Request, Response};
use crate::metrics::window::Lifecycle;
use crate::metrics::{
    CallSample, Event, NameId, Outcome, Phase, Place, Recorder, RequestSample, Sent, What,
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
pub struct Watch<'a> {
    host: &'a Host,
    ids: &'a Ids,
    user: &'a User,
    place: Place,
    name: NameId,
    request: &'a Rc<Request>,
    began: Instant,
    ended: Cell<bool>,
}

impl<'a> Watch<'a> {
    /// Counts the request as prepared.
    pub fn begin(
        host: &'a Host,
        ids: &'a Ids,
        user: &'a User,
        place: Place,
        name: NameId,
        request: &'a Rc<Request>,
    ) -> Watch<'a> {
        let (began, ended) = (Instant::now(), Cell::new(false));
        let watch = Watch { host, ids, user, place, name, request, began, ended };
        watch.count(&mut host.recorder.borrow_mut(), |life| life.prepared += 1);
        watch
    }

    /// Counts a boundary of an arrival; what hooks send belongs to none.
    fn count(&self, recorder: &mut Recorder, boundary: impl FnOnce(&mut Lifecycle)) {
        if matches!(self.place.phase, Phase::Warmup | Phase::Load | Phase::Drain) {
            boundary(recorder.lifecycle(self.place.scenario));
        }
    }

    /// Records the call, and its error if it came to one.
    pub fn end(self, response: &Response) {
        self.ended.set(true);
        let error = failure(response);
        let outcome = if response.expected { Outcome::Completed } else { Outcome::Failed };
        self.call(response.status, error, outcome, response.duration);
        if let Some(category) = error {
            self.error(category, response);
        }
    }

    fn call(
        &self,
        status: u16,
        error: Option<Category>,
        outcome: Outcome,
        duration: std::time::Duration,
    ) {
        let mut recorder = self.host.recorder.borrow_mut();
        let sample = CallSample {
            name: self.name,
            method: self.ids.method(&mut recorder, &self.request.method),
            status,
            expected: outcome == Outcome::Completed,
            error: error.map_or(NameId::NONE, |error| recorder.intern(error.as_str())),
            outcome,
            duration,
        };
        recorder.call(&self.place, &sample);
    }

    /// Into the iteration's trace; the first hop begins with the call.
    fn note(&self, sample: &RequestSample) {
        let length = sample.blocked + sample.duration;
        let began = match (sample.hop, sample.attempt) {
            (0, 0) => self.began,
            _ => Instant::now() - length,
        };
        let at = self.host.shared.offset(began);
        let what = What::Request(Sent::from(sample));
        self.user.note(Event { at, length, step: self.place.step, what });
    }

    fn error(&self, category: Category, response: &Response) {
        let title = format!("{} {}", self.request.method, self.request.name);
        let message = match &response.error {
            Some(error) => format!("{title}: {}", error.message),
            None => format!("{title}: unexpected status {}", response.status),
        };
        let shared = &self.host.shared;
        self.host.recorder.borrow_mut().error(
            &self.place,
            category.as_str(),
            response.status,
            &message,
            shared.elapsed(),
            || shared.redactor.exemplar(self.request, response),
        );
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        if !self.ended.get() {
            self.call(0, None, Outcome::Interrupted, self.began.elapsed());
        }
    }
}

impl Observer for Watch<'_> {
    fn exchange(
        &self,
        request: &Request,
        method: &Method,
        hop: u8,
        followed: bool,
        done: &Exchange,
    ) {
        let mut recorder = self.host.recorder.borrow_mut();
        self.count(&mut recorder, |life| {
            life.prepared += u64::from(followed);
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
            name: self.name,
            method: self.ids.method(&mut recorder, method),
            status: done.status,
            proto: self.ids.proto(&mut recorder, done.proto),
            hop,
            attempt: 0,
            expected,
            error: error.map_or(NameId::NONE, |error| recorder.intern(error.as_str())),
            peer: self.ids.peer(&mut recorder, done.peer),
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
        recorder.request(&self.place, &sample);
        self.note(&sample);
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
