//! The reqwest clients of users, made when they are needed from settings that all users share,
//! with everything that they do by themselves switched off: redirects, cookies, decoding, limits
//! and deadlines are ours.
//!
//! They open connections, and carry what does not go over a [`line`](super::line): HTTP/2, and
//! whatever goes through a proxy. A client that opens plain connections for lines keeps none of
//! them, so that all users of a worker have the same; what carries, or resumes TLS sessions, is a
//! user's own.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use rustls::ClientConfig;
use rustls::client::Resumption;

use reqwest::{Client, ClientBuilder};
pub use reqwest::{Request, Response};

use super::connect::{Dial, Probe, Sessions, Watch, WatchedNames};
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

/// A client that opens connections.
#[derive(Debug, Clone)]
pub struct Opener {
    /// Sends what is to go over the next of them.
    pub client: Client,
    /// Is told of them.
    pub probe: Probe,
}

/// Those that open plain connections for all users of a worker, by the local address from which
/// they come.
#[derive(Debug, Clone, Default)]
pub struct Openers(Arc<Mutex<HashMap<Option<IpAddr>, Opener>>>);

/// One user's.
pub struct Clients {
    common: Arc<Common>,
    openers: Openers,
    probe: Probe,
    /// One that carries; those that only open are in `openers`.
    plain: OnceCell<Client>,
    /// Its TLS sessions are with it.
    secure: OnceCell<Client>,
    /// Which of the local addresses is its own; taken with the first client.
    turn: OnceCell<u64>,
}

impl Clients {
    /// None yet.
    pub fn new(common: Arc<Common>, openers: Openers) -> Self {
        let (probe, plain, secure, turn) = Default::default();
        Clients { common, openers, probe, plain, secure, turn }
    }

    /// The one for plain HTTP, or for TLS.
    pub fn get(&self, secure: bool) -> Result<Opener, SendError> {
        if self.are_shared(secure) {
            return self.shared();
        }
        let kept = if secure { &self.secure } else { &self.plain };
        let client = match kept.get() {
            Some(client) => client,
            None => {
                let client = self.first(secure)?;
                kept.get_or_init(|| client)
            }
        };
        Ok(Opener { client: client.clone(), probe: self.probe.clone() })
    }

    /// Connections that were opened, and that could not be: those of an exchange's `dials`, and,
    /// where a client may go on with one after the exchange, all of them since this was last asked.
    pub fn take_counts(&self, secure: bool, dials: &[Dial]) -> (u8, u8) {
        if !self.are_shared(secure) {
            return self.probe.take_counts();
        }
        let times = || dials.iter().map(Dial::times);
        let some = |count: usize| u8::try_from(count).unwrap_or(u8::MAX);
        (
            some(times().filter(|times| times.connected.is_some()).count()),
            some(times().filter(|times| times.failed.is_some()).count()),
        )
    }

    fn are_shared(&self, secure: bool) -> bool {
        !secure && self.common.allows_lines()
    }

    fn shared(&self) -> Result<Opener, SendError> {
        let address = self.local_address();
        let mut openers = self.openers.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(opener) = openers.get(&address) {
            return Ok(opener.clone());
        }
        let probe = Probe::default();
        let plain = self.common.tls.none().clone();
        let builder = self.builder(plain, &probe).map(|it| it.pool_max_idle_per_host(0));
        let opener = Opener { client: built(builder)?, probe };
        Ok(openers.entry(address).or_insert(opener).clone())
    }

    fn local_address(&self) -> Option<IpAddr> {
        let common = &*self.common;
        if common.local_addresses.is_empty() {
            return None;
        }
        common.local_addresses.nth(*self.turn.get_or_init(|| common.turns.fetch_add(1, Relaxed)))
    }

    #[cold]
    fn first(&self, secure: bool) -> Result<Client, SendError> {
        if !secure && self.common.version == Version::Http2 {
            let message = "HTTP/2 cannot be agreed on over plain http; for a server that speaks \
                           nothing else there, set version = \"h2c\"";
            return Err(SendError { category: Category::Protocol, message: message.to_owned() });
        }
        let tls = if secure { self.tls()? } else { self.common.tls.none().clone() };
        built(self.builder(tls, &self.probe))
    }

    fn tls(&self) -> Result<ClientConfig, SendError> {
        let mut config = self.common.tls.config().cloned().map_err(|error| SendError {
            category: Category::Tls,
            message: format!("no TLS without roots to trust: {error}"),
        })?;
        config.resumption = Resumption::store(Arc::new(Sessions::new(self.probe.clone())));
        Ok(config)
    }

    fn builder(&self, tls: ClientConfig, probe: &Probe) -> reqwest::Result<ClientBuilder> {
        let common = &*self.common;
        let names = WatchedNames { names: common.names.clone(), probe: probe.clone() };
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
            .local_address(self.local_address())
            .dns_resolver(names)
            .connector_layer(Watch(probe.clone()));
        if common.version.insists_on_2() {
            builder = builder.http2_prior_knowledge();
        }
        if let Some(proxy) = &common.proxy {
            builder = builder.proxy(reqwest::Proxy::all(proxy.url().clone())?);
        }
        Ok(builder)
    }
}

fn built(builder: reqwest::Result<ClientBuilder>) -> Result<Client, SendError> {
    builder.and_then(ClientBuilder::build).map_err(|error| SendError {
        category: Category::Resource,
        message: format!("no client can be made: {error}"),
    })
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
