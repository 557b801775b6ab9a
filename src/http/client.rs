//! The real transport: reqwest, with a client per user and everything that it does by itself
//! switched off, for redirects, cookies, decoding, limits and deadlines are ours.
//!
//! A client costs a user nothing until the first request: one for plain HTTP, one for TLS, each
//! made when it is needed from settings that all users share.

use std::cell::OnceCell;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use http::header::{ACCEPT, CONTENT_LENGTH, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Version};
use reqwest::{Client, Request, Response};
use rustls::ClientConfig;
use rustls::client::Resumption;
use tokio::time::Instant;

use super::alarm::Alarm;
use super::body::{Collector, Keep};
use super::connect::{Probe, Sessions, Watch, WatchedNames};
use super::dns::Names;
use super::failure;
use super::progress::{Progress, Sending};
use super::tls::Tls;
use super::upload::{PART, Upload};
use super::{Category, Exchange, Hop, SendError, Transport, TransportOptions, Wire, weight};
use crate::diagnostic::Diagnostic;

/// Opens real connections. Cloning shares what users share, also between threads.
#[derive(Debug, Clone)]
pub struct ReqwestTransport(Arc<Common>);

#[derive(Debug)]
struct Common {
    tls: Tls,
    names: Names,
    user_agent: HeaderValue,
}

impl ReqwestTransport {
    /// Reads what the options name; roots are loaded at the first `https` URL.
    pub fn new(options: &TransportOptions) -> Result<Self, Diagnostic> {
        let own = concat!("loadtool/", env!("CARGO_PKG_VERSION"));
        let user_agent = options.user_agent.as_deref().unwrap_or(own);
        let user_agent = HeaderValue::from_str(user_agent).map_err(|_| {
            Diagnostic::new(format!("`{user_agent}` cannot be the value of the user-agent header"))
        })?;
        let tls = Tls::new(options)?;
        Ok(ReqwestTransport(Arc::new(Common { tls, names: Names::default(), user_agent })))
    }
}

impl Transport for ReqwestTransport {
    fn open(&self) -> Rc<dyn Wire> {
        Rc::new(ReqwestWire {
            common: self.0.clone(),
            probe: Probe::default(),
            plain: OnceCell::new(),
            secure: OnceCell::new(),
            alarm: Alarm::default(),
        })
    }
}

/// One user's connections.
struct ReqwestWire {
    common: Arc<Common>,
    probe: Probe,
    plain: OnceCell<Client>,
    secure: OnceCell<Client>,
    alarm: Alarm,
}

impl Wire for ReqwestWire {
    fn send<'a>(&'a self, hop: Hop) -> LocalBoxFuture<'a, Exchange> {
        self.exchange(hop).boxed_local()
    }
}

impl ReqwestWire {
    async fn exchange(&self, hop: Hop) -> Exchange {
        let client = match self.client(hop.url.scheme() == "https") {
            Ok(client) => client,
            Err(error) => return Exchange { error: Some(error), ..Exchange::default() },
        };
        let (deadline, timeout, url) = (hop.deadline, hop.timeout, hop.url.clone());
        let sending = (hop.body.len() > PART).then(|| Sending::new(hop.body.len()));
        let mut progress = Progress::new(sending);
        let outcome = {
            let conversation = pin!(self.converse(client, hop, &mut progress));
            self.alarm.race(deadline, conversation).await
        };
        let error = match outcome {
            Some(Ok(())) => None,
            Some(Err(Broken::Body(error))) => Some(error),
            Some(Err(Broken::Client(error))) => {
                Some(failure::broken(&error, progress.stage(), &failure::peer_of(&url)))
            }
            None => Some(failure::timeout(timeout, progress.stage(), &failure::peer_of(&url))),
        };
        let mut done = progress.finish();
        (done.opened, done.connect_failed) = self.probe.take_counts();
        done.error = error;
        done
    }

    /// Sends the request and takes the answer; what arrived before an error is in `progress`.
    async fn converse(
        &self,
        client: &Client,
        hop: Hop,
        progress: &mut Progress,
    ) -> Result<(), Broken> {
        let keep = Keep::from(&hop);
        let connect_timeout = hop.connect_timeout;
        let request = self.request(hop, progress);
        let mut executing = pin!(client.execute(request));
        let dials = &mut progress.dials;
        let mut response = std::future::poll_fn(|cx| {
            self.probe.poll(connect_timeout, dials, || executing.as_mut().poll(cx))
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
        let size = body.len();
        if size == 0 && matches!(method, Method::POST | Method::PUT | Method::PATCH) {
            headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        let sent = weight::request_head(&method, &url, &headers, size) + self.defaults(&headers);
        progress.done.bytes_sent = sent + size as u64;
        let mut request = Request::new(method, (*url).clone());
        *request.headers_mut() = headers;
        *request.body_mut() = match &progress.sending {
            _ if size == 0 => None,
            Some(sending) => Some(reqwest::Body::wrap(Upload::new(body, sending.clone()))),
            None => Some(body.into()),
        };
        request
    }

    /// Bytes of the headers that the client adds where the request has none of that name.
    fn defaults(&self, headers: &HeaderMap) -> u64 {
        let line = |name: http::HeaderName, value: usize| {
            if headers.contains_key(&name) { 0 } else { weight::header(name.as_str(), value) }
        };
        (line(ACCEPT, "*/*".len()) + line(USER_AGENT, self.common.user_agent.len())) as u64
    }

    fn client(&self, secure: bool) -> Result<&Client, SendError> {
        let cell = if secure { &self.secure } else { &self.plain };
        if let Some(client) = cell.get() {
            return Ok(client);
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
        let names = WatchedNames { names: self.common.names.clone(), probe: self.probe.clone() };
        Client::builder()
            .tls_backend_preconfigured(tls)
            .user_agent(self.common.user_agent.clone())
            .http1_only()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .tcp_nodelay(true)
            .tcp_keepalive(None)
            .pool_idle_timeout(None)
            .dns_resolver(names)
            .connector_layer(Watch(self.probe.clone()))
            .build()
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
        Version::HTTP_2 => "2",
        Version::HTTP_10 => "1.0",
        _ => "1.1",
    };
    done.peer = response.remote_addr();
    done.headers = std::mem::take(response.headers_mut());
    done.bytes_received = weight::take_response_head(status, &mut done.headers);
}
