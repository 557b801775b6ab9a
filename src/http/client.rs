//! The real transport: reqwest, with a client per user and everything that it does by itself
//! switched off, for redirects, cookies, decoding, limits and deadlines are ours.
//!
//! A client costs a user nothing until the first request: one for plain HTTP, one for TLS, each
//! made when it is needed from settings that all users share.

use std::cell::{Cell, OnceCell};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use http::header::{ACCEPT, CONTENT_LENGTH, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method};
use reqwest::{Client, Request, Response};
use rustls::ClientConfig;
use rustls::client::Resumption;
use tokio::time::Instant;

use super::alarm::Alarm;
use super::body::{Collector, Keep};
use super::connect::{Probe, Sessions, Wanted, Watch, WatchedNames};
use super::dns::Names;
use super::failure;
use super::local::LocalAddresses;
use super::progress::{Progress, Sending};
use super::proxy::Proxy;
use super::tls::Tls;
use super::upload::Upload;
use super::{
    Category, Exchange, Hop, SendError, Transport, TransportOptions, Version, Wire, weight,
};
use crate::diagnostic::Diagnostic;

/// The user-agent, unless a request has one.
const OWN_NAME: &str = concat!("loadtool/", env!("CARGO_PKG_VERSION"));

/// Opens real connections. Cloning shares what users share, also between threads.
#[derive(Debug, Clone)]
pub struct ReqwestTransport {
    own: Arc<Common>,
    scenarios: Arc<[Arc<Common>]>,
}

/// What connections with the same settings share.
#[derive(Debug)]
struct Common {
    version: Version,
    tls: Tls,
    names: Names,
    proxy: Option<Proxy>,
    local_addresses: LocalAddresses,
    /// Wires that have taken one of them.
    turns: AtomicU64,
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
        Ok(ReqwestTransport { own: made.swap_remove(0).1, scenarios: of_scenarios.into() })
    }
}

impl Common {
    fn new(options: &TransportOptions) -> Result<Common, Diagnostic> {
        Ok(Common {
            version: options.version,
            tls: Tls::new(&options.tls, options.version)?,
            names: Names::new(options.dns.clone(), &options.resolve),
            proxy: options.proxy.clone(),
            local_addresses: options.local_addresses.clone(),
            turns: AtomicU64::new(0),
        })
    }

    /// Who is spoken to, for messages.
    fn peer(&self, url: &url::Url) -> String {
        let peer = failure::peer_of(url);
        match &self.proxy {
            Some(proxy) => format!("{peer} through the proxy {}", proxy.peer()),
            None => peer,
        }
    }
}

impl Transport for ReqwestTransport {
    fn open(&self, scenario: Option<usize>) -> Rc<dyn Wire> {
        let common = scenario.and_then(|index| self.scenarios.get(index)).unwrap_or(&self.own);
        Rc::new(ReqwestWire::new(common.clone()))
    }
}

/// One user's connections.
struct ReqwestWire {
    common: Arc<Common>,
    probe: Probe,
    plain: OnceCell<Client>,
    secure: OnceCell<Client>,
    /// Which of the local addresses is its own; taken with the first client.
    turn: OnceCell<u64>,
    /// Exchanges under way.
    busy: Cell<u32>,
    /// Whether a server has answered in HTTP/2.
    speaks_2: Cell<bool>,
    alarm: Alarm,
}

impl Wire for ReqwestWire {
    fn fresh(&self) -> Rc<dyn Wire> {
        Rc::new(ReqwestWire::new(self.common.clone()))
    }

    fn send<'a>(&'a self, hop: Hop) -> LocalBoxFuture<'a, Exchange> {
        self.exchange(hop).boxed_local()
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

impl ReqwestWire {
    fn new(common: Arc<Common>) -> Self {
        let speaks_2 = Cell::new(common.version.insists_on_2());
        ReqwestWire {
            common,
            probe: Probe::default(),
            plain: OnceCell::new(),
            secure: OnceCell::new(),
            turn: OnceCell::new(),
            busy: Cell::new(0),
            speaks_2,
            alarm: Alarm::default(),
        }
    }

    async fn exchange(&self, hop: Hop) -> Exchange {
        let alone = self.busy.get() == 0;
        let _busy = Busy::begin(&self.busy);
        let client = match self.client(hop.url.scheme() == "https") {
            Ok(client) => client,
            Err(error) => return Exchange { error: Some(error), ..Exchange::default() },
        };
        let (deadline, timeout, url) = (hop.deadline, hop.timeout, hop.url.clone());
        // Beside others it may have to wait for a connection, or for its turn on one.
        let watched = !alone || Upload::is_for(&hop.body);
        let sending = watched.then(|| Sending::new(hop.body.size()));
        let mut progress = Progress::new(sending);
        let outcome = {
            let conversation = pin!(self.converse(client, hop, &mut progress));
            self.alarm.race(deadline, conversation).await
        };
        let error = match outcome {
            Some(Ok(())) => None,
            Some(Err(Broken::Body(error))) => Some(error),
            Some(Err(Broken::Client(error))) => {
                Some(failure::broken(&error, progress.stage(), &self.common.peer(&url)))
            }
            None => Some(failure::timeout(timeout, progress.stage(), &self.common.peer(&url))),
        };
        let mut done = progress.finish();
        self.speaks_2.set(self.speaks_2.get() || done.proto == "2");
        (done.opened, done.connect_failed) = self.probe.take_counts();
        done.stale = self.is_stale(&done, error.as_ref());
        done.error = error;
        done
    }

    /// HTTP/2 tells what became of a stream, and that is an answer.
    fn is_stale(&self, done: &Exchange, error: Option<&SendError>) -> bool {
        let lost = error.is_some_and(|error| error.category == Category::Reset);
        lost && done.reused && done.status == 0 && !self.speaks_2.get()
    }

    /// Sends the request and takes the answer; what arrived before an error is in `progress`.
    async fn converse(
        &self,
        client: &Client,
        hop: Hop,
        progress: &mut Progress,
    ) -> Result<(), Broken> {
        let keep = Keep::from(&hop);
        let port = hop.url.port_or_known_default().unwrap_or(0);
        let wanted = Wanted { connect_timeout: hop.connect_timeout, port };
        let request = self.request(hop, progress);
        let Progress { dials, sending, .. } = progress;
        let mut executing = pin!(match sending {
            None => client.execute(request),
            Some(sending) => sending.ours(|| client.execute(request)),
        });
        let mut response = std::future::poll_fn(|cx| {
            self.probe.poll(wanted, dials, || match sending {
                None => executing.as_mut().poll(cx),
                Some(sending) => sending.ours(|| executing.as_mut().poll(cx)),
            })
        })
        .await?;
        progress.head = Some(Instant::now());
        take_head(&mut response, &mut progress.done);
        let expected = response.content_length();
        let body = progress.body.insert(Collector::new(&progress.done.headers, expected, keep));
        while let Some(chunk) = response.chunk().await? {
            body.push(&chunk)?;
        }
        Ok(body.finish()?)
    }

    /// The request as reqwest wants it, weighed.
    fn request(&self, hop: Hop, progress: &mut Progress) -> Request {
        let Hop { method, url, mut headers, body, .. } = hop;
        let size = body.size();
        if size == 0 && matches!(method, Method::POST | Method::PUT | Method::PATCH) {
            headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        let sent = weight::request_head(&method, &url, &headers, size) + self.defaults(&headers);
        progress.done.bytes_sent = sent + size;
        let mut request = Request::new(method, (*url).clone());
        *request.headers_mut() = headers;
        *request.body_mut() = match (body, &progress.sending) {
            (body, Some(sending)) => Some(reqwest::Body::wrap(Upload::new(body, sending.clone()))),
            (_, None) if size == 0 => None,
            (body, None) => body.bytes().cloned().map(reqwest::Body::from),
        };
        request
    }

    /// Bytes of the headers that the client adds where the request has none of that name.
    fn defaults(&self, headers: &HeaderMap) -> u64 {
        let line = |name: http::HeaderName, value: usize| {
            if headers.contains_key(&name) { 0 } else { weight::header(name.as_str(), value) }
        };
        (line(ACCEPT, "*/*".len()) + line(USER_AGENT, OWN_NAME.len())) as u64
    }

    fn client(&self, secure: bool) -> Result<&Client, SendError> {
        let cell = if secure { &self.secure } else { &self.plain };
        match cell.get() {
            Some(client) => Ok(client),
            None => self.first_client(secure, cell),
        }
    }

    #[cold]
    fn first_client<'w>(
        &self,
        secure: bool,
        cell: &'w OnceCell<Client>,
    ) -> Result<&'w Client, SendError> {
        if !secure && self.common.version == Version::Http2 {
            let message = "HTTP/2 cannot be agreed on over plain http; for a server that speaks \
                           nothing else there, set version = \"h2c\"";
            return Err(SendError { category: Category::Protocol, message: message.to_owned() });
        }
        let tls = if secure { self.tls()? } else { self.common.tls.none().clone() };
        let client = self.make(tls).map_err(|error| SendError {
            category: Category::Resource,
            message: format!("no client can be made: {error}"),
        })?;
        Ok(cell.get_or_init(|| client))
    }

    fn tls(&self) -> Result<ClientConfig, SendError> {
        let mut config = self.common.tls.config().cloned().map_err(|error| SendError {
            category: Category::Tls,
            message: format!("no TLS without roots to trust: {error}"),
        })?;
        config.resumption = Resumption::store(Arc::new(Sessions::new(self.probe.clone())));
        Ok(config)
    }

    fn make(&self, tls: ClientConfig) -> reqwest::Result<Client> {
        let common = &*self.common;
        let names = WatchedNames { names: common.names.clone(), probe: self.probe.clone() };
        let mut builder = Client::builder()
            .tls_backend_preconfigured(tls)
            .user_agent(OWN_NAME)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .tcp_nodelay(true)
            .tcp_keepalive(None)
            .pool_idle_timeout(None)
            .dns_resolver(names)
            .connector_layer(Watch(self.probe.clone()));
        if common.version.insists_on_2() {
            builder = builder.http2_prior_knowledge();
        }
        if let Some(proxy) = &common.proxy {
            builder = builder.proxy(reqwest::Proxy::all(proxy.url().clone())?);
        }
        if !common.local_addresses.is_empty() {
            let turn = self.turn.get_or_init(|| common.turns.fetch_add(1, Relaxed));
            builder = builder.local_address(common.local_addresses.nth(*turn));
        }
        builder.build()
    }
}

/// Why an exchange ended early.
enum Broken {
    Client(reqwest::Error),
    Body(SendError),
}

impl From<reqwest::Error> for Broken {
    fn from(error: reqwest::Error) -> Self {
        Broken::Client(error)
    }
}

impl From<SendError> for Broken {
    fn from(error: SendError) -> Self {
        Broken::Body(error)
    }
}

fn take_head(response: &mut Response, done: &mut Exchange) {
    let status = response.status();
    done.status = status.as_u16();
    done.proto = match response.version() {
        http::Version::HTTP_2 => "2",
        http::Version::HTTP_10 => "1.0",
        _ => "1.1",
    };
    done.peer = response.remote_addr();
    done.headers = std::mem::take(response.headers_mut());
    done.bytes_received = weight::take_response_head(status, &mut done.headers);
}
