//! One user's reqwest clients, made when they are needed from settings that all users share, with
//! everything that they do by themselves switched off: redirects, cookies, decoding, limits and
//! deadlines are ours. One for plain HTTP, one for TLS; a user that never sends has none.
//!
//! They open connections, and carry what does not go over a [`line`](super::line): HTTP/2, and
//! whatever goes through a proxy.

use std::cell::{OnceCell, RefCell};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use rustls::ClientConfig;
use rustls::client::Resumption;

pub use reqwest::{Client, Request, Response};

use super::connect::{Probe, Sessions, Watch, WatchedNames};
use super::dns::Names;
use super::failure;
use super::line::OWN_NAME;
use super::local::LocalAddresses;
use super::progress::Sending;
use super::proxy::Proxy;
use super::tls::Tls;
use super::upload::Outgoing;
use super::{Category, Hop, SendError, TransportOptions, Version};
use crate::diagnostic::Diagnostic;

/// What connections with the same settings share.
#[derive(Debug)]
pub struct Common {
    /// Which HTTP is spoken.
    pub version: Version,
    tls: Tls,
    names: Names,
    proxy: Option<Proxy>,
    local_addresses: LocalAddresses,
    /// Users that have taken one of them.
    turns: AtomicU64,
}

impl Common {
    /// Reads what the options name; roots are loaded at the first `https` URL.
    pub fn new(options: &TransportOptions) -> Result<Common, Diagnostic> {
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
    pub fn peer(&self, url: &url::Url) -> String {
        let peer = failure::peer_of(url);
        match &self.proxy {
            Some(proxy) => format!("{peer} through the proxy {}", proxy.peer()),
            None => peer,
        }
    }

    /// Whether HTTP/1.1 may be spoken, and with the server itself.
    pub fn allows_lines(&self) -> bool {
        self.proxy.is_none() && !self.version.insists_on_2()
    }
}

/// A client, from its first use on.
type Kept = RefCell<Option<Client>>;

/// One user's.
pub struct Clients {
    common: Arc<Common>,
    probe: Probe,
    plain: Kept,
    /// Its TLS sessions are with it.
    secure: Kept,
    /// Which of the local addresses is its own; taken with the first client.
    turn: OnceCell<u64>,
}

impl Clients {
    /// None yet; what they open is told to `probe`.
    pub fn new(common: Arc<Common>, probe: Probe) -> Self {
        let (plain, secure, turn) = Default::default();
        Clients { common, probe, plain, secure, turn }
    }

    /// The one for plain HTTP, or for TLS.
    pub fn get(&self, secure: bool) -> Result<Client, SendError> {
        let kept = if secure { &self.secure } else { &self.plain };
        if let Some(client) = &*kept.borrow() {
            return Ok(client.clone());
        }
        let client = self.first(secure)?;
        Ok(kept.borrow_mut().insert(client).clone())
    }

    /// Gives back what the one for plain HTTP takes, until it is needed again.
    pub fn let_go(&self) {
        self.plain.take();
    }

    #[cold]
    fn first(&self, secure: bool) -> Result<Client, SendError> {
        if !secure && self.common.version == Version::Http2 {
            let message = "HTTP/2 cannot be agreed on over plain http; for a server that speaks \
                           nothing else there, set version = \"h2c\"";
            return Err(SendError { category: Category::Protocol, message: message.to_owned() });
        }
        let tls = if secure { self.tls()? } else { self.common.tls.none().clone() };
        self.make(tls).map_err(|error| SendError {
            category: Category::Resource,
            message: format!("no client can be made: {error}"),
        })
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

/// The request that `hop` is, as reqwest wants it.
pub fn request(hop: &Hop, sending: Option<&Sending>) -> Request {
    let mut request = Request::new(hop.method.clone(), (*hop.url).clone());
    *request.headers_mut() = hop.headers.clone();
    *request.body_mut() = match Outgoing::new(&hop.body, sending) {
        Outgoing::Whole(bytes) if bytes.is_empty() => None,
        Outgoing::Whole(bytes) => Some(bytes.into()),
        watched @ Outgoing::Watched(_) => Some(reqwest::Body::wrap(watched)),
    };
    request
}
