//! HTTP as a virtual user needs it: one call with its hops, cookies, limits and timings.
//!
//! [`call`](call::call) runs the whole of what an author wrote; each hop goes through a [`Wire`],
//! a user's own connections, which a [`Transport`] opens (reqwest for real, simulated in tests).
//! A failed request is data: a [`Response`] with an `error`, never a Rust error.

pub mod settings;
pub mod proxy;
pub mod local;
pub mod options;
pub mod name;
pub mod payload;
pub mod redirect;
pub mod retry;
pub mod cookies;
pub mod session;
pub mod coding;
pub mod body;
pub mod weight;
pub mod alarm;
pub mod failure;
pub mod dns;
pub mod identity;
pub mod trust;
pub mod tls;
pub mod connect;
pub mod progress;
pub mod upload;
pub mod line;
pub mod client;
pub mod wire;
pub mod simulated;
pub mod call;
pub mod redact;
pub mod server_timing;

use std::net::SocketAddr;
use std::rc::Rc;
use std::task::Context;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::LocalBoxFuture;
use http::{HeaderMap, Method};
use url::Url;

use crate::metrics::Span;

pub use call::call;
pub use cookies::{CookieAttributes, Jar};
pub use options::{CallOptions, ExpectStatus};
pub use payload::Payload;
pub use session::Session;
pub use settings::{TlsOptions, TransportOptions, Version};
pub use simulated::SimulatedTransport;
pub use wire::ReqwestTransport;

/// What the author asked for, ready to go on the wire.
#[derive(Debug, Clone)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// Absolute.
    pub url: Rc<Url>,
    /// What the report calls it (see [`name`]).
    pub name: Rc<str>,
    /// The author's headers, content-type included. An `accept-encoding` or `host` here wins over
    /// ours; a `cookie` goes before those of the jar.
    pub headers: HeaderMap,
    /// Empty if there is none.
    pub body: Payload,
    /// Timeouts, limits and what counts as expected.
    pub options: Rc<CallOptions>,
}

/// What a call came to: the last hop's answer, or what there was of it.
#[derive(Debug, Clone)]
pub struct Response {
    /// 0 if no head arrived.
    pub status: u16,
    /// `"1.0"`, `"1.1"`, `"2"`; empty if no head arrived.
    pub proto: &'static str,
    /// Of the last hop.
    pub headers: HeaderMap,
    /// Decoded; empty with `discard_body`. Owns its memory (never a slice of a read buffer).
    pub body: Bytes,
    /// The last hop's.
    pub url: Rc<Url>,
    /// Of the last hop.
    pub timings: Timings,
    /// Whether the last hop began on a connection that was used before.
    pub reused: bool,
    /// Redirects that were followed.
    pub hops: u8,
    /// Call → last body byte of its last hop: `http_call_duration`.
    pub duration: Duration,
    /// Body bytes as received, before decoding.
    pub size: u64,
    /// What failed in transport; an unexpected status is none.
    pub error: Option<SendError>,
    /// Whether the status is among the expected ones and nothing failed.
    pub expected: bool,
    /// What was asked.
    pub request: Rc<Request>,
    /// Of the last hop; for error messages and the `peer` tag.
    pub peer: Option<SocketAddr>,
    /// What the last hop carried, if requests are traced.
    pub span: Option<Span>,
}

/// One hop, ready to be sent as it is.
#[derive(Debug, Clone)]
pub struct Hop {
    /// The method of this hop.
    pub method: Method,
    /// Absolute.
    pub url: Rc<Url>,
    /// All headers but `host` and `content-length`.
    pub headers: HeaderMap,
    /// Empty if there is none.
    pub body: Payload,
    /// When the whole call must be over.
    pub deadline: tokio::time::Instant,
    /// How long the call could take in all, for messages.
    pub timeout: Duration,
    /// How long a new connection may take.
    pub connect_timeout: Duration,
    /// Most bytes of decoded body to keep; more is cut off with `body_too_large`.
    pub body_limit: u64,
    /// Read and count the body but keep (and decode) nothing.
    pub discard_body: bool,
    /// Decode the content-codings that we know.
    pub decode: bool,
}

/// What came of one hop. Whatever arrived before an error stays.
#[derive(Debug, Clone, Default)]
pub struct Exchange {
    /// 0 if no head arrived.
    pub status: u16,
    /// `"1.0"`, `"1.1"`, `"2"`; empty if no head arrived.
    pub proto: &'static str,
    /// As received, copied out of the read buffers.
    pub headers: HeaderMap,
    /// Decoded, copied out of the read buffers.
    pub body: Bytes,
    /// Body bytes before decoding.
    pub size: u64,
    /// How long each part took.
    pub timings: Timings,
    /// Whether it began on a connection that was used before.
    pub reused: bool,
    /// Whether that connection was gone before anything of an answer came: it was given up, as it
    /// seems, while it waited.
    pub stale: bool,
    /// Connections that this user opened since its last exchange: for this one, as a rule.
    pub opened: u8,
    /// Likewise, those that could not be opened.
    pub connect_failed: u8,
    /// The other end.
    pub peer: Option<SocketAddr>,
    /// Head and body as serialised for HTTP/1.1.
    pub bytes_sent: u64,
    /// Likewise, before decoding.
    pub bytes_received: u64,
    /// What failed.
    pub error: Option<SendError>,
}

/// Phases of one hop; those of connection set-up are zero where one was reused.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Timings {
    /// Waiting for a connection, set-up included.
    pub blocked: Duration,
    /// Name resolution.
    pub dns: Duration,
    /// TCP.
    pub connect: Duration,
    /// TLS.
    pub tls: Duration,
    /// Until the body's last byte was taken; zero for bodies that one write takes (64 KiB).
    pub send: Duration,
    /// Until the response's head.
    pub wait: Duration,
    /// Until the body's last byte.
    pub receive: Duration,
}

impl Timings {
    /// send + wait + receive: `http_req_duration`.
    pub fn duration(&self) -> Duration {
        self.send + self.wait + self.receive
    }
}

/// Why there is no whole answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SendError {
    /// One of measurement.md, section 5.
    pub category: Category,
    /// Names the peer and the phase, without addresses of memory or a Rust type.
    pub message: String,
}

/// The transport's error categories, and those of unexpected answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "measurement.md, section 5, defines each")]
pub enum Category {
    Dns,
    Connect,
    Tls,
    Timeout,
    Reset,
    Protocol,
    Body,
    BodyTooLarge,
    Redirect,
    Resource,
    ClientError,
    ServerError,
    Status,
}

impl Category {
    /// As reports and scripts spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Category::Dns => "dns",
            Category::Connect => "connect",
            Category::Tls => "tls",
            Category::Timeout => "timeout",
            Category::Reset => "reset",
            Category::Protocol => "protocol",
            Category::Body => "body",
            Category::BodyTooLarge => "body_too_large",
            Category::Redirect => "redirect",
            Category::Resource => "resource",
            Category::ClientError => "client_error",
            Category::ServerError => "server_error",
            Category::Status => "status",
        }
    }
}

/// Opens users' connections; one per worker, sharing TLS configuration and DNS.
pub trait Transport {
    /// A pool of connections of its own, empty at first, for a user of this scenario (its index
    /// in the plan), or for one of none. About a microsecond.
    fn open(&self, scenario: Option<usize>) -> Rc<dyn Wire>;

    /// Connections of this worker's users that are open now; `None` if it has not counted any.
    fn connections_open(&self) -> Option<u64> {
        None
    }
}

/// One user's connections, or those that the users of a scenario share.
pub trait Wire {
    /// Connections with the same settings, none open yet.
    fn fresh(&self) -> Rc<dyn Wire>;

    /// Sends one hop and reads its answer, by `hop.deadline`. Never panics, never outlives it.
    fn send<'a>(&'a self, hop: Hop) -> LocalBoxFuture<'a, Exchange>;

    /// The user will send nothing for long: what connections need not keep meanwhile is given up.
    fn rest(&self) {}

    /// Looks after connections that are not in use, while their user waits for something else:
    /// what a server closes is closed here, too. Wakes `cx` when there is more to do.
    fn tend(&self, _cx: &mut Context<'_>) {}
}

/// Who is told of each exchange as it ends, and draws what a call leaves to chance.
pub trait Observer {
    /// One exchange of `request` is over.
    fn exchange(&self, request: &Request, leg: &Leg<'_>, done: &Exchange);

    /// A number from 0 to 1.
    fn chance(&self) -> f64 {
        0.5
    }

    /// What the next exchange carries as `traceparent`, if it is to carry one.
    fn span(&self) -> Option<Span> {
        None
    }
}

/// Which exchange of a call it is, and what comes after it.
#[derive(Debug, Clone, Copy)]
pub struct Leg<'c> {
    /// The method of this hop.
    pub method: &'c Method,
    /// Counts redirects from 0, in each try anew.
    pub hop: u8,
    /// Counts tries from 0.
    pub attempt: u8,
    /// What it carried as `traceparent`.
    pub span: Option<Span>,
    /// What the call does next.
    pub next: Next,
}

/// What a call does after an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Nothing: the exchange is its answer.
    End,
    /// It follows a redirect.
    Redirect,
    /// It is tried once more.
    Retry,
}
