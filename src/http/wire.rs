//! The real transport: one user's connections, and what an exchange over them comes to.
//!
//! HTTP/1.1 goes over a [`line`](super::line); what cannot goes through the user's
//! [client](super::client).

use std::cell::Cell;
use std::error::Error;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Context;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use http::header::CONTENT_LENGTH;
use http::{HeaderValue, Method, response};
use http_body::Body;
use tokio::time::Instant;
use url::Url;

use super::alarm::Alarm;
use super::body::{Collector, Keep};
use super::client::{Clients, Common, Opener, Openers, Response, request};
use super::connect::{Dial, Wanted};
use super::failure;
use super::line::{self, Census, Line, Lines};
use super::progress::{Progress, Sending};
use super::upload::Upload;
use super::{Category, Exchange, Hop, SendError, Transport, TransportOptions, Wire, weight};
use crate::diagnostic::Diagnostic;

/// Opens real connections. Cloning shares what users share, also between threads; each clone counts
/// its own connections.
#[derive(Debug)]
pub struct ReqwestTransport {
    own: Settings,
    scenarios: Vec<Settings>,
    census: Census,
}

/// What connections of a worker with the same settings share.
#[derive(Debug)]
struct Settings {
    common: Arc<Common>,
    openers: Openers,
}

impl Settings {
    fn new(common: Arc<Common>) -> Self {
        Settings { common, openers: Openers::default() }
    }
}

impl Clone for ReqwestTransport {
    fn clone(&self) -> Self {
        let scenarios = self.scenarios.iter().map(|settings| settings.common.clone());
        Self::of(self.own.common.clone(), scenarios)
    }
}

impl ReqwestTransport {
    /// Reads what the options name; roots are loaded at the first `https` URL.
    pub fn new(options: &TransportOptions) -> Result<Self, Diagnostic> {
        Self::with_scenarios(options, [])
    }

    /// The same with settings for each scenario; equal ones are shared.
    pub fn with_scenarios<'o>(
        own: &'o TransportOptions,
        scenarios: impl IntoIterator<Item = &'o TransportOptions>,
    ) -> Result<Self, Diagnostic> {
        let mut made = vec![(own, Arc::new(Common::new(own)?))];
        let mut of_scenarios = Vec::new();
        for options in scenarios {
            let known = made.iter().find(|(known, _)| *known == options);
            let common = match known {
                Some((_, common)) => common.clone(),
                None => Arc::new(Common::new(options)?),
            };
            made.push((options, common.clone()));
            of_scenarios.push(common);
        }
        Ok(Self::of(made.swap_remove(0).1, of_scenarios))
    }

    fn of(own: Arc<Common>, scenarios: impl IntoIterator<Item = Arc<Common>>) -> Self {
        let scenarios = scenarios.into_iter().map(Settings::new).collect();
        ReqwestTransport { own: Settings::new(own), scenarios, census: Census::default() }
    }
}

impl Transport for ReqwestTransport {
    fn open(&self, scenario: Option<usize>) -> Rc<dyn Wire> {
        let settings = scenario.and_then(|index| self.scenarios.get(index)).unwrap_or(&self.own);
        let (common, openers) = (settings.common.clone(), settings.openers.clone());
        Rc::new(UserWire::new(common, openers, self.census.clone()))
    }

    fn connections_open(&self) -> Option<u64> {
        self.census.open()
    }
}

/// One user's connections.
struct UserWire {
    common: Arc<Common>,
    openers: Openers,
    clients: Clients,
    lines: Lines,
    census: Census,
    /// Exchanges under way.
    busy: Cell<u32>,
    /// Whether a server has answered in HTTP/2.
    speaks_2: Cell<bool>,
    alarm: Alarm,
}

impl Wire for UserWire {
    fn fresh(&self) -> Rc<dyn Wire> {
        let (common, openers) = (self.common.clone(), self.openers.clone());
        Rc::new(UserWire::new(common, openers, self.census.clone()))
    }

    fn send<'a>(&'a self, mut hop: Hop) -> LocalBoxFuture<'a, Exchange> {
        async move { self.exchange(&mut hop).await }.boxed_local()
    }

    fn rest(&self) {
        self.lines.rest();
    }

    fn tend(&self, cx: &mut Context<'_>) {
        self.lines.tend(cx);
    }
}

/// An exchange under way, as long as it lives.
struct Busy<'w>(&'w Cell<u32>);

impl<'w> Busy<'w> {
    fn begin(count: &'w Cell<u32>) -> Self {
        count.update(|count| count + 1);
        Busy(count)
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.update(|count| count - 1);
    }
}

/// What opening a connection came to.
enum Opened {
    Line(Box<Line>),
    /// It speaks HTTP/2, and the client has sent the request on it.
    Answered(Response),
}

impl UserWire {
    fn new(common: Arc<Common>, openers: Openers, census: Census) -> Self {
        let speaks_2 = Cell::new(common.version.insists_on_2());
        UserWire {
            clients: Clients::new(common.clone(), openers.clone()),
            common,
            openers,
            lines: Lines::default(),
            census,
            busy: Cell::new(0),
            speaks_2,
            alarm: Alarm::default(),
        }
    }

    async fn exchange(&self, hop: &mut Hop) -> Exchange {
        let alone = self.busy.get() == 0;
        let _busy = Busy::begin(&self.busy);
        let by_line = self.goes_by_line(&hop.url);
        // Beside others it may have to wait for a connection, or for its turn on one.
        let watched = Upload::is_for(&hop.body) || (!alone && !by_line);
        let sending = watched.then(|| Sending::new(hop.body.size()));
        let mut progress = Progress::new(sending);
        progress.done.bytes_sent = weigh(hop);
        let outcome = {
            let deadline = hop.deadline;
            let conversation = pin!(self.converse(hop, by_line, &mut progress));
            self.alarm.race(deadline, conversation).await
        };
        let peer = || self.common.peer(&hop.url);
        let error = match outcome {
            Some(Ok(())) => None,
            Some(Err(Broken::Unsent(error))) => {
                return Exchange { error: Some(error), ..Exchange::default() };
            }
            Some(Err(Broken::Ours(error))) => Some(error),
            Some(Err(Broken::Off(error))) => {
                Some(failure::broken(&*error, progress.stage(), &peer()))
            }
            None => Some(failure::timeout(hop.timeout, progress.stage(), &peer())),
        };
        let counts = self.clients.take_counts(line::is_secure(&hop.url), &progress.dials);
        let mut done = progress.finish();
        self.speaks_2.set(self.speaks_2.get() || done.proto == "2");
        (done.opened, done.connect_failed) = counts;
        done.stale = self.is_stale(&done, error.as_ref());
        done.error = error;
        done
    }

    /// Whether HTTP/1.1 may be what is spoken. Over TLS that shows in the handshake.
    fn goes_by_line(&self, url: &Url) -> bool {
        self.common.allows_lines() && !(self.speaks_2.get() && line::is_secure(url))
    }

    /// HTTP/2 tells what became of a stream, and that is an answer.
    fn is_stale(&self, done: &Exchange, error: Option<&SendError>) -> bool {
        let lost = error.is_some_and(|error| error.category == Category::Reset);
        lost && done.reused && done.status == 0 && !self.speaks_2.get()
    }

    /// Sends the request and takes the answer; what arrived before an error is in `progress`.
    async fn converse(
        &self,
        hop: &mut Hop,
        by_line: bool,
        progress: &mut Progress,
    ) -> Result<(), Broken> {
        let keep = Keep::from(&*hop);
        if !by_line {
            // Boxed, here and below, so that what goes by a kept line does not carry it.
            let answer = Box::pin(self.execute(hop, false, progress)).await?;
            return read(progress, answer.remote_addr(), answer.into(), keep).await;
        }
        let mut unsent: Option<Box<_>> = None;
        loop {
            let kept = self.lines.take(&hop.url);
            let may_be_dead = kept.is_some();
            let mut line = match kept {
                Some(line) => line,
                None => match Box::pin(self.open(hop, progress)).await? {
                    Opened::Line(line) => line,
                    Opened::Answered(answer) => {
                        let peer = answer.remote_addr();
                        return Box::pin(read(progress, peer, answer.into(), keep)).await;
                    }
                },
            };
            let request = match unsent.take() {
                Some(request) => *request,
                None => line.request(hop, progress.sending.as_ref()).map_err(Broken::Ours)?,
            };
            if line.rests() {
                Box::pin(line.wake()).await?;
            }
            let peer = line.peer();
            let answer = match line.send(request).await {
                Ok(answer) => answer,
                Err(mut error) => match error.take_message() {
                    Some(request) if may_be_dead => {
                        unsent = Some(Box::new(request));
                        continue;
                    }
                    _ => return Err(error.into_error().into()),
                },
            };
            read(progress, peer, answer, keep).await?;
            self.lines.put(line);
            return Ok(());
        }
    }

    /// Has the client open a connection, and takes that from it unless it speaks HTTP/2.
    async fn open(&self, hop: &Hop, progress: &mut Progress) -> Result<Opened, Broken> {
        match self.execute(hop, true, progress).await {
            Ok(answer) => Ok(Opened::Answered(answer)),
            Err(error) => match progress.dials.last().and_then(Dial::take_socket) {
                Some(socket) => Ok(Opened::Line(Line::open(socket, &hop.url, &self.census).await?)),
                None => Err(error),
            },
        }
    }

    /// Sends the request through the client; `itself` is as in [`Wanted`].
    async fn execute(
        &self,
        hop: &Hop,
        itself: bool,
        progress: &mut Progress,
    ) -> Result<Response, Broken> {
        let secure = line::is_secure(&hop.url);
        let Opener { client, probe } = self.clients.get(secure).map_err(Broken::Unsent)?;
        let port = hop.url.port_or_known_default().unwrap_or(0);
        let wanted = Wanted { connect_timeout: hop.connect_timeout, port, itself };
        let Progress { dials, sending, .. } = progress;
        let request = request(hop, sending.as_ref());
        let mut executing = pin!(match sending {
            None => client.execute(request),
            Some(sending) => sending.ours(|| client.execute(request)),
        });
        let answer = poll_fn(|cx| {
            probe.poll(wanted, dials, || match sending {
                None => executing.as_mut().poll(cx),
                Some(sending) => sending.ours(|| executing.as_mut().poll(cx)),
            })
        });
        Ok(answer.await?)
    }
}

/// Bytes of the request as it goes on the wire. An empty body that the method has is one of its own.
fn weigh(hop: &mut Hop) -> u64 {
    let size = hop.body.size();
    if size == 0 && matches!(hop.method, Method::POST | Method::PUT | Method::PATCH) {
        hop.headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
    let head = weight::request_head(&hop.method, &hop.url, &hop.headers, size);
    head + line::defaults(&hop.headers) + size
}

/// Takes an answer, from its head to its end.
async fn read<B>(
    progress: &mut Progress,
    peer: Option<SocketAddr>,
    answer: http::Response<B>,
    keep: Keep,
) -> Result<(), Broken>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Error + 'static,
{
    progress.head = Some(Instant::now());
    let (head, mut body) = answer.into_parts();
    take_head(head, &mut progress.done);
    progress.done.peer = peer;
    let collector = Collector::new(&progress.done.headers, body.size_hint().exact(), keep);
    let collector = progress.body.insert(collector);
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        if let Some(chunk) = frame?.data_ref() {
            collector.push(chunk).map_err(Broken::Ours)?;
        }
    }
    collector.finish().map_err(Broken::Ours)
}

fn take_head(mut head: response::Parts, done: &mut Exchange) {
    done.status = head.status.as_u16();
    done.proto = match head.version {
        http::Version::HTTP_2 => "2",
        http::Version::HTTP_10 => "1.0",
        _ => "1.1",
    };
    done.headers = std::mem::take(&mut head.headers);
    done.bytes_received = weight::take_response_head(head.status, &mut done.headers);
}

/// Why an exchange ended early.
enum Broken {
    /// Before anything was begun.
    Unsent(SendError),
    /// By what we make of an answer, or of a request.
    Ours(SendError),
    /// By what happened to the connection.
    Off(Box<dyn Error>),
}

impl<E: Error + 'static> From<E> for Broken {
    #[cold]
    fn from(error: E) -> Self {
        Broken::Off(Box::new(error))
    }
}
