//! One call: what the author wrote as `http.get(…)`, with all its hops.
//!
//! Each hop gets the cookies of its URL and leaves the ones that it was given; redirects are
//! followed and failures tried again as documented; all of it is over by one deadline. The observer
//! is told of every exchange, the author of the last.
//!
//! A server may close a kept connection at the very moment in which a request goes out on it. That
//! is nobody's fault, so what may be repeated is sent again unasked, as RFC 9110 (9.2.2) allows and
//! browsers do: unless a byte of an answer came, and until the connection is one of its own.

use std::rc::Rc;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::header::{ACCEPT_ENCODING, AUTHORIZATION, CONTENT_LENGTH, COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use percent_encoding::percent_decode_str;
use tokio::time::{Instant, sleep};
use url::Url;

use super::redirect::{Redirect, redirect, strip};
use super::{
    Category, Exchange, Hop, Leg, Next, Observer, Request, Response, SendError, Session, coding,
};
use crate::metrics::Span;

/// Sends `request` and follows where it leads; whatever fails is in the response's `error`.
pub async fn call(session: &Session, request: Rc<Request>, observer: &dyn Observer) -> Response {
    let began = Instant::now();
    let wire = session.wire();
    let mut journey = Journey::new(session, &request, began);
    loop {
        let span = observer.span();
        // What a call that is tried again carries through its pause ends with this block.
        let pause = {
            let done = wire.send(journey.hop(span)).await;
            session.cookies.store(&journey.url, &done.headers);
            let step = journey.after(&done, observer);
            observer.exchange(&request, &journey.leg(&step, span), &done);
            match step {
                Step::Go { url, method, with_body } => {
                    journey.go(url, method, with_body);
                    continue;
                }
                Step::Repeat => {
                    journey.stale += 1;
                    continue;
                }
                Step::Again(pause) => pause,
                Step::End(error) => return Response { span, ..journey.end(done, error) },
            }
        };
        // Boxed, so that calls which are never tried again do not carry a timer.
        Box::pin(sleep(pause)).await;
        journey.again();
    }
}

/// Where a backend finds the trace that a request belongs to.
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Kept connections that one call may find dead, one after the other.
const MOST_STALE: u8 = 8;

/// Where a call is.
struct Journey<'c> {
    session: &'c Session,
    request: &'c Rc<Request>,
    began: Instant,
    method: Method,
    url: Rc<Url>,
    /// The author's, less what does not go along. `None`: all of them.
    headers: Option<HeaderMap>,
    with_body: bool,
    hops: u8,
    /// Tries before this one.
    attempt: u8,
    /// Kept connections that were found dead, which are no tries of the author's.
    stale: u8,
}

/// What comes after an exchange.
enum Step {
    Go {
        url: Box<Url>,
        method: Method,
        with_body: bool,
    },
    /// The same hop, on another connection.
    Repeat,
    /// All of the call, after a pause.
    Again(Duration),
    End(Option<SendError>),
}

impl<'c> Journey<'c> {
    fn new(session: &'c Session, request: &'c Rc<Request>, began: Instant) -> Self {
        Journey {
            session,
            request,
            began,
            method: request.method.clone(),
            url: request.url.clone(),
            headers: None,
            with_body: true,
            hops: 0,
            attempt: 0,
            stale: 0,
        }
    }

    /// The next hop, as it goes on the wire.
    fn hop(&self, span: Option<Span>) -> Hop {
        let options = &*self.request.options;
        let mut headers = self.head();
        if let Some(span) = span {
            headers.insert(TRACEPARENT, traceparent(span));
        }
        Hop {
            method: self.method.clone(),
            url: self.url.clone(),
            headers,
            body: if self.with_body { self.request.body.clone() } else { Default::default() },
            deadline: self.began + options.timeout,
            timeout: options.timeout,
            connect_timeout: options.connect_timeout,
            body_limit: options.body_limit,
            discard_body: options.discard_body,
            decode: options.compression,
        }
    }

    fn head(&self) -> HeaderMap {
        let mut headers = self.headers.clone().unwrap_or_else(|| authors_headers(self.request));
        if self.request.options.compression && !headers.contains_key(ACCEPT_ENCODING) {
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(coding::ACCEPTED));
        }
        if let Some(basic) = userinfo(&self.url)
            && !headers.contains_key(AUTHORIZATION)
        {
            headers.insert(AUTHORIZATION, basic);
        }
        if let Some(ours) = self.session.cookies.header(&self.url) {
            let joined = match headers.get(COOKIE) {
                None => ours,
                Some(theirs) => join_cookies(theirs, &ours),
            };
            headers.insert(COOKIE, joined);
        }
        headers
    }

    fn leg(&self, step: &Step, span: Option<Span>) -> Leg<'_> {
        let next = match step {
            Step::Go { .. } => Next::Redirect,
            Step::Repeat | Step::Again(_) => Next::Retry,
            Step::End(_) => Next::End,
        };
        let attempt = self.attempt.saturating_add(self.stale);
        Leg { method: &self.method, hop: self.hops, attempt, span, next }
    }

    fn after(&self, done: &Exchange, observer: &dyn Observer) -> Step {
        if done.stale && self.stale < MOST_STALE && self.method.is_idempotent() {
            return Step::Repeat;
        }
        let step = self.follow(done);
        match (&step, &self.request.options.retry) {
            (Step::End(error), Some(retry)) => {
                let chance = || observer.chance();
                let attempt = self.attempt.saturating_add(1);
                let method = &self.request.method;
                let pause = retry.pause(attempt, method, done, error.as_ref(), chance);
                let left = (self.began + self.request.options.timeout) - Instant::now();
                pause.filter(|pause| *pause < left).map_or(step, Step::Again)
            }
            _ => step,
        }
    }

    /// From the first hop once more.
    fn again(&mut self) {
        let attempt = self.attempt.saturating_add(1);
        *self = Journey {
            attempt,
            stale: self.stale,
            ..Journey::new(self.session, self.request, self.began)
        };
    }

    /// Where the answer leads.
    fn follow(&self, done: &Exchange) -> Step {
        if done.error.is_some() {
            return Step::End(done.error.clone());
        }
        let most = self.request.options.redirects;
        if most == 0 {
            return Step::End(None);
        }
        match redirect(done.status, &done.headers, &self.method, &self.url) {
            Redirect::None => Step::End(None),
            Redirect::Broken(message) => Step::End(Some(redirect_error(message))),
            Redirect::To { .. } if self.hops >= most => Step::End(Some(redirect_error(format!(
                "more than {most} redirects; the next would go to {}",
                String::from_utf8_lossy(done.headers[http::header::LOCATION].as_bytes())
            )))),
            Redirect::To { url, method, with_body } => Step::Go { url, method, with_body },
        }
    }

    fn go(&mut self, url: Box<Url>, method: Method, with_body: bool) {
        let mut headers = self.headers.take().unwrap_or_else(|| authors_headers(self.request));
        strip(&mut headers, &self.url, &url, with_body);
        self.headers = Some(headers);
        self.with_body &= with_body;
        self.method = method;
        self.url = Rc::from(url);
        self.hops += 1;
    }

    fn end(self, done: Exchange, error: Option<SendError>) -> Response {
        let expected = error.is_none() && self.request.options.expect_status.accepts(done.status);
        Response {
            status: done.status,
            proto: done.proto,
            headers: done.headers,
            body: done.body,
            url: self.url,
            timings: done.timings,
            reused: done.reused,
            hops: self.hops,
            duration: self.began.elapsed(),
            size: done.size,
            error,
            expected,
            request: self.request.clone(),
            peer: done.peer,
            span: None,
        }
    }
}

#[cold]
fn traceparent(span: Span) -> HeaderValue {
    HeaderValue::try_from(span.to_string()).expect("hexadecimal digits stand in a header")
}

/// The options' headers, under those of the call; the body's length is not the author's to say.
fn authors_headers(request: &Request) -> HeaderMap {
    let mut headers = if request.options.headers.is_empty() {
        request.headers.clone()
    } else {
        overlay(&request.options.headers, &request.headers)
    };
    headers.remove(CONTENT_LENGTH);
    headers
}

fn overlay(under: &HeaderMap, over: &HeaderMap) -> HeaderMap {
    let mut headers = under.clone();
    for name in over.keys() {
        headers.remove(name);
        for value in over.get_all(name) {
            headers.append(name, value.clone());
        }
    }
    headers
}

/// `user:password@` of a URL, as the header that says the same.
fn userinfo(url: &Url) -> Option<HeaderValue> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let mut plain: Vec<u8> = percent_decode_str(url.username()).collect();
    plain.push(b':');
    plain.extend(percent_decode_str(url.password().unwrap_or_default()));
    let basic = format!("Basic {}", BASE64_STANDARD.encode(plain));
    let mut value = HeaderValue::try_from(basic).expect("base64 is a header value");
    value.set_sensitive(true);
    Some(value)
}

fn join_cookies(theirs: &HeaderValue, ours: &HeaderValue) -> HeaderValue {
    let joined = [theirs.as_bytes(), b"; ", ours.as_bytes()].concat();
    HeaderValue::from_maybe_shared(joined).expect("two header values joined are one")
}

fn redirect_error(message: String) -> SendError {
    SendError { category: Category::Redirect, message }
}
