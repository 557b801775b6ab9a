//! Connections that speak HTTP/1.1, each driven by the exchange that uses it.
//!
//! The client opens them (names, local addresses, TCP, TLS) and would hand requests through its pool
//! to a task per connection. A virtual user waits for its own answer and for nothing else, so its
//! task drives the connection itself, by the same hyper that the client would use: no second task
//! to wake, no pool to ask, no URL to parse again. That is two thirds of what a request costs.
//!
//! A connection that nobody uses is watched while its user pauses, and rests if that is for long:
//! it is but its socket then, without the 25 KB of buffers that hyper speaks with. Else, whether the
//! server has closed it shows when the next request is to go out, which is then still at hand for
//! another connection.

use std::cell::RefCell;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::header::{ACCEPT, HOST, USER_AGENT};
use http::{HeaderMap, HeaderValue, Uri};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1::{Connection, SendRequest, handshake};
use hyper::rt::{Read, ReadBuf, Write};
use url::{Position, Url};

use super::connect::{Socket, Stream};
use super::progress::Sending;
use super::upload::Outgoing;
use super::{Category, Hop, SendError, weight};

/// The user-agent, unless a request has one.
pub const OWN_NAME: &str = concat!("loadtool/", env!("CARGO_PKG_VERSION"));
/// What is accepted, unless a request says it.
const ANYTHING: &str = "*/*";

/// A request as a line takes it.
type Request = http::Request<Outgoing>;

/// What moves a connection's bytes when it is polled, until the connection ends.
type Driven = Option<Connection<Box<dyn Stream>, Outgoing>>;

/// Lines of one worker, those that are open and all that there were. Clones count together.
#[derive(Debug, Clone, Default)]
pub struct Census(Arc<[AtomicU64; 2]>);

impl Census {
    /// Lines that are open; `None` if there never was one.
    pub fn open(&self) -> Option<u64> {
        let [open, all] = &*self.0;
        (all.load(Relaxed) > 0).then(|| open.load(Relaxed))
    }

    fn enter(&self) -> Counted {
        self.0.iter().for_each(|count| _ = count.fetch_add(1, Relaxed));
        Counted(self.clone())
    }
}

/// One line in a census, as long as it lives.
struct Counted(Census);

impl Drop for Counted {
    fn drop(&mut self) {
        let [open, _] = &*self.0.0;
        open.fetch_sub(1, Relaxed);
    }
}

/// A connection to one server.
pub struct Line {
    /// `None` once it is being closed.
    sender: Option<SendRequest<Outgoing>>,
    /// `None` once it has ended: a request that it still held came back as it was dropped.
    connection: Driven,
    /// What is left of it while nothing is spoken.
    resting: Option<Box<dyn Stream>>,
    secure: bool,
    /// As the `host` header has it.
    host: HeaderValue,
    peer: Option<SocketAddr>,
    _counted: Counted,
}

impl Line {
    /// Speaks HTTP/1.1 on `socket`, which leads to the server of `url`.
    pub async fn open(socket: Socket, url: &Url, census: &Census) -> hyper::Result<Box<Line>> {
        let Socket { stream, peer } = socket;
        let (sender, connection) = handshake(stream).await?;
        let host = HeaderValue::from_str(host(url)).expect("a URL's host is visible ASCII");
        let secure = is_secure(url);
        let (sender, connection, resting) = (Some(sender), Some(connection), None);
        let counted = census.enter();
        Ok(Box::new(Line { sender, connection, resting, secure, host, peer, _counted: counted }))
    }

    /// Gives up what it speaks with, if it is free; whether it is still open. What was received and
    /// not asked for ends it.
    fn rest(&mut self) -> bool {
        if self.resting.is_none() && self.is_free() {
            self.sender = None;
            let parts = self.connection.take().map(Connection::into_parts);
            self.resting = parts.filter(|parts| parts.read_buf.is_empty()).map(|parts| parts.io);
        }
        self.connection.is_some() || self.resting.is_some()
    }

    /// Whether it has to be [woken](Self::wake) before it can be spoken on.
    pub fn rests(&self) -> bool {
        self.resting.is_some()
    }

    /// Speaks again.
    pub async fn wake(&mut self) -> hyper::Result<()> {
        if let Some(stream) = self.resting.take() {
            let (sender, connection) = handshake(stream).await?;
            (self.sender, self.connection) = (Some(sender), Some(connection));
        }
        Ok(())
    }

    /// Whether it is still open; `cx` is woken when the server does anything.
    fn is_open(&mut self, cx: &mut Context<'_>) -> bool {
        if self.resting.as_mut().is_some_and(|stream| has_spoken(stream, cx)) {
            self.resting = None;
        }
        drive(&mut self.connection, cx);
        self.connection.is_some() || self.resting.is_some()
    }

    /// The other end.
    pub fn peer(&self) -> Option<SocketAddr> {
        self.peer
    }

    /// The request that `hop` is, whose headers it takes.
    pub fn request(&self, hop: &mut Hop, sending: Option<&Sending>) -> Result<Request, SendError> {
        let mut request = Request::new(Outgoing::new(&hop.body, sending));
        *request.method_mut() = hop.method.clone();
        *request.uri_mut() = target(&hop.url)?;
        let headers = request.headers_mut();
        *headers = std::mem::take(&mut hop.headers);
        let defaults = [
            (HOST, self.host.clone()),
            (ACCEPT, HeaderValue::from_static(ANYTHING)),
            (USER_AGENT, HeaderValue::from_static(OWN_NAME)),
        ];
        for (name, value) in defaults {
            headers.entry(name).or_insert(value);
        }
        Ok(request)
    }

    /// Sends `request`; its answer's head, and a body that must be read before the next one.
    ///
    /// Gives the request back if the connection was found closed before any of it was written.
    pub fn send(
        &mut self,
        request: Request,
    ) -> impl Future<Output = Result<http::Response<Answer<'_>>, TrySendError<Request>>> {
        let sender = self.sender.as_mut().expect("a line is closed when it is dropped");
        // Handed over at once, so that what waits for the answer does not carry it.
        let answer = sender.try_send_request(request);
        async move {
            let mut answer = pin!(answer);
            let connection = &mut self.connection;
            let mut is_behind = false;
            let head = poll_fn(|cx| {
                if !std::mem::replace(&mut is_behind, true) {
                    // Behind other users who are ready: a server that is woken for each request
                    // alone costs us twice the time in the kernel that it does if they go out
                    // together.
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                drive(connection, cx);
                answer.as_mut().poll(cx)
            });
            let head = head.await?;
            Ok(head.map(|body| Answer { line: self, body }))
        }
    }

    /// Whether it could take another request now: the last answer was read to its end, and the
    /// server has not said that it will close.
    fn is_free(&mut self) -> bool {
        let is_ready = |line: &Self| line.sender.as_ref().is_some_and(SendRequest::is_ready);
        if !is_ready(self) {
            // The end of an answer may be all that it has not seen yet.
            drive(&mut self.connection, &mut Context::from_waker(Waker::noop()));
        }
        self.connection.is_some() && is_ready(self)
    }

    fn leads_to(&self, url: &Url) -> bool {
        self.host.as_bytes() == host(url).as_bytes() && self.secure == is_secure(url)
    }
}

impl Drop for Line {
    /// Says goodbye on TLS, so that the other end knows that nothing was cut off.
    fn drop(&mut self) {
        let cx = &mut Context::from_waker(Waker::noop());
        if !self.secure {
            return;
        }
        if let Some(stream) = &mut self.resting {
            let _ = Pin::new(stream).poll_shutdown(cx);
        } else if self.sender.take().is_some_and(|sender| sender.is_ready()) {
            drive(&mut self.connection, cx);
        }
    }
}

/// Whether the other end has closed it, or said anything: nobody has asked.
fn has_spoken(stream: &mut Box<dyn Stream>, cx: &mut Context<'_>) -> bool {
    let mut byte = [0];
    let mut buffer = ReadBuf::new(&mut byte);
    Pin::new(stream).poll_read(cx, buffer.unfilled()).is_ready()
}

fn drive(connection: &mut Driven, cx: &mut Context<'_>) {
    // Why it ended is told to whoever waits for an answer on it.
    if connection.as_mut().is_some_and(|driven| Pin::new(driven).poll(cx).is_ready()) {
        *connection = None;
    }
}

/// An answer's body on its way.
pub struct Answer<'l> {
    line: &'l mut Line,
    body: Incoming,
}

impl Body for Answer<'_> {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<hyper::Result<Frame<Bytes>>>> {
        let Answer { line, body } = &mut *self;
        // A small body came along with the head.
        match Pin::new(&mut *body).poll_frame(cx) {
            Poll::Pending => {
                drive(&mut line.connection, cx);
                Pin::new(body).poll_frame(cx)
            }
            ready => ready,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Most lines to look after: a user's own are few, and those that many users share are in use.
const MOST_TENDED: usize = 16;

/// One user's lines that are not in use.
#[derive(Default)]
#[expect(clippy::vec_box, reason = "a line moves in and out with each request")]
pub struct Lines(RefCell<Vec<Box<Line>>>);

impl Lines {
    /// One that leads to the server of `url`: the one that was used last.
    pub fn take(&self, url: &Url) -> Option<Box<Line>> {
        let mut lines = self.0.borrow_mut();
        loop {
            let place = lines.iter().rposition(|line| line.leads_to(url))?;
            let mut line = lines.remove(place);
            if !line.rests() || line.is_open(&mut Context::from_waker(Waker::noop())) {
                return Some(line);
            }
        }
    }

    /// Has them rest until they are wanted again.
    pub fn rest(&self) {
        self.0.borrow_mut().retain_mut(|line| line.rest());
    }

    /// Keeps `line` for later, if it can be used again.
    pub fn put(&self, mut line: Box<Line>) {
        if line.is_free() {
            self.0.borrow_mut().push(line);
        }
    }

    /// Closes those that the server has closed, and wakes `cx` when it closes another.
    pub fn tend(&self, cx: &mut Context<'_>) {
        let mut lines = self.0.borrow_mut();
        if lines.len() <= MOST_TENDED {
            lines.retain_mut(|line| line.is_open(cx));
        }
    }
}

/// Bytes of the headers that are added where the request has none of that name.
pub fn defaults(headers: &HeaderMap) -> u64 {
    let line = |name: http::HeaderName, value: &str| {
        if headers.contains_key(&name) { 0 } else { weight::header(name.as_str(), value.len()) }
    };
    (line(ACCEPT, ANYTHING) + line(USER_AGENT, OWN_NAME)) as u64
}

/// Whether TLS is spoken.
pub fn is_secure(url: &Url) -> bool {
    url.scheme() == "https"
}

/// The host, with its port if that is not the scheme's.
fn host(url: &Url) -> &str {
    &url[Position::BeforeHost..Position::AfterPort]
}

fn target(url: &Url) -> Result<Uri, SendError> {
    let target = &url[Position::BeforePath..Position::AfterQuery];
    Uri::from_maybe_shared(Bytes::copy_from_slice(target.as_bytes())).map_err(|error| SendError {
        category: Category::Protocol,
        message: format!("HTTP cannot ask for {target}: {error}"),
    })
}
