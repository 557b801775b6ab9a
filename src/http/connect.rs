//! What the client's connector does for one user, watched from outside: it is called for each new
//! connection and for no other, asks our resolver for names, and asks our store for TLS sessions
//! at the moment in which TCP has connected and TLS begins. Those three stamp the times of a
//! [`Dial`].
//!
//! All of it happens inside polls, so a [`Probe`] always knows whose turn it is: while a dial is
//! polled it is the probe's current one, and a dial that begins belongs to the exchange that is
//! polled just then. A dial that a freed connection made superfluous goes on in the background;
//! the connection counts when it is there, with the next exchange.
//!
//! A connection on which HTTP/1.1 is to be spoken never comes back to the client: the exchange that
//! wanted it takes it out of its dial and drives it itself.

use std::fmt;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::rt::{Read, Write};
use hyper_util::client::legacy::connect::{Connected, Connection, HttpInfo};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use rustls::NamedGroup;
use rustls::client::{
    ClientSessionMemoryCache, ClientSessionStore, Tls12ClientSessionValue, Tls13ClientSessionValue,
};
use rustls::pki_types::ServerName;
use tokio::time::Instant;
use tower_layer::Layer;
use tower_service::Service;

use super::dns::Names;
use super::failure::{ConnectTimeout, Stage};

/// TLS sessions that one user keeps to resume.
const SESSIONS: usize = 8;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What connector, resolver and session store of one user tell its exchanges.
#[derive(Debug, Clone, Default)]
pub struct Probe(Arc<Mutex<State>>);

/// What the exchange that is polled wants of a connection.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wanted {
    /// How long it may take to open.
    pub connect_timeout: Duration,
    /// The URL's port.
    pub port: u16,
    /// The exchange takes the connection itself, if HTTP/1.1 is spoken on it.
    pub itself: bool,
}

#[derive(Debug, Default)]
struct State {
    wanted: Wanted,
    /// Begun in the poll of the exchange that is polled.
    begun: Vec<Dial>,
    /// Polled now.
    current: Option<Dial>,
    /// Since they were last taken.
    opened: u8,
    failed: u8,
}

/// One attempt to open a connection.
#[derive(Clone)]
pub struct Dial(Arc<Mutex<Attempt>>);

struct Attempt {
    wanted: Wanted,
    times: Times,
    /// What came of it, for the exchange to take.
    socket: Option<Socket>,
}

/// What bytes go through, plain or by TLS.
pub trait Stream: Read + Write + Send + Unpin {}

impl<S: Read + Write + Send + Unpin> Stream for S {}

/// A connection that was opened and not spoken on.
pub struct Socket {
    /// What goes through it.
    pub stream: Box<dyn Stream>,
    /// The other end.
    pub peer: Option<SocketAddr>,
}

impl Socket {
    fn new(stream: impl Stream + 'static, connected: &Connected) -> Self {
        let mut extras = http::Extensions::new();
        connected.get_extras(&mut extras);
        let peer = extras.get().map(HttpInfo::remote_addr);
        Socket { stream: Box::new(stream), peer }
    }
}

/// When the parts of a dial began and ended; `None` where that did not happen (yet).
#[derive(Debug, Clone, Copy)]
pub struct Times {
    /// The connector was called.
    pub began: Instant,
    /// The name was asked for; never for an address.
    pub dns_began: Option<Instant>,
    /// Its addresses were there.
    pub dns_ended: Option<Instant>,
    /// TCP had connected.
    pub tls_began: Option<Instant>,
    /// The connection could be used.
    pub connected: Option<Instant>,
    /// It failed.
    pub failed: Option<Instant>,
}

impl Probe {
    /// Polls an exchange; dials that begin in it are added to `dials`.
    pub fn poll<T>(
        &self,
        wanted: Wanted,
        dials: &mut Vec<Dial>,
        poll: impl FnOnce() -> Poll<T>,
    ) -> Poll<T> {
        self.state().wanted = wanted;
        let outcome = poll();
        dials.append(&mut self.state().begun);
        outcome
    }

    /// Connections that were opened, and that could not be, since this was last asked.
    pub fn take_counts(&self) -> (u8, u8) {
        let mut state = self.state();
        (std::mem::take(&mut state.opened), std::mem::take(&mut state.failed))
    }

    fn begin(&self) -> Dial {
        let mut state = self.state();
        let attempt = Attempt { wanted: state.wanted, times: Times::begin(), socket: None };
        let dial = Dial(Arc::new(Mutex::new(attempt)));
        state.begun.push(dial.clone());
        dial
    }

    /// Runs `poll` as the turn of `dial`.
    fn turn<T>(&self, dial: &Dial, poll: impl FnOnce() -> T) -> T {
        let before = self.state().current.replace(dial.clone());
        let outcome = poll();
        self.state().current = before;
        outcome
    }

    fn stamp(&self, stamp: impl FnOnce(&mut Times)) {
        if let Some(dial) = &self.state().current {
            dial.stamp(stamp);
        }
    }

    /// The port of the URL that the current dial is for; 0 if there is none.
    fn port(&self) -> u16 {
        self.state().current.as_ref().map_or(0, |dial| dial.lock().wanted.port)
    }

    fn end(&self, dial: &Dial, connected: bool) {
        let now = Some(Instant::now());
        let mut state = self.state();
        if connected {
            dial.stamp(|times| times.connected = now);
            state.opened = state.opened.saturating_add(1);
        } else {
            dial.stamp(|times| times.failed = now);
            state.failed = state.failed.saturating_add(1);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Dial {
    /// Its times so far.
    pub fn times(&self) -> Times {
        self.lock().times
    }

    /// The connection, if it was opened for the exchange itself and not taken yet.
    pub fn take_socket(&self) -> Option<Socket> {
        self.lock().socket.take()
    }

    /// Keeps `connection` for the exchange, if that wants it and HTTP/1.1 is spoken on it, and else
    /// gives it back for the client.
    fn keep<C>(&self, connection: C) -> Result<C, BoxError>
    where
        C: Stream + Connection + 'static,
    {
        let connected = connection.connected();
        let mut attempt = self.lock();
        if !attempt.wanted.itself || connected.is_negotiated_h2() || connected.is_proxied() {
            return Ok(connection);
        }
        attempt.socket = Some(Socket::new(connection, &connected));
        Err(Taken.into())
    }

    fn stamp(&self, stamp: impl FnOnce(&mut Times)) {
        stamp(&mut self.lock().times);
    }

    fn lock(&self) -> MutexGuard<'_, Attempt> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Dial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Dial").field(&self.times()).finish()
    }
}

/// What the client is told in place of a connection that an exchange took itself.
#[derive(Debug, thiserror::Error)]
#[error("the connection was taken")]
struct Taken;

impl Times {
    fn begin() -> Times {
        Times {
            began: Instant::now(),
            dns_began: None,
            dns_ended: None,
            tls_began: None,
            connected: None,
            failed: None,
        }
    }

    /// What it is about, if it has not succeeded.
    pub fn stage(&self) -> Stage {
        match self {
            Times { tls_began: Some(_), .. } => Stage::Handshake,
            Times { dns_began: Some(_), dns_ended: None, .. } => Stage::Resolving,
            _ => Stage::Connecting,
        }
    }
}

/// Counts a dial that is dropped half-way as failed.
struct Guard {
    probe: Probe,
    dial: Dial,
    over: bool,
}

impl Guard {
    fn end(mut self, connected: bool) {
        self.over = true;
        self.probe.end(&self.dial, connected);
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if !self.over {
            self.probe.end(&self.dial, false);
        }
    }
}

/// Watches the connector: the innermost layer around it.
#[derive(Debug, Clone)]
pub struct Watch(pub Probe);

impl<S> Layer<S> for Watch {
    type Service = Watched<S>;

    fn layer(&self, connector: S) -> Watched<S> {
        Watched { connector: Arc::new(connector), probe: self.0.clone() }
    }
}

/// A watched connector. The client clones it several times per request, so that must be cheap.
pub struct Watched<S> {
    connector: Arc<S>,
    probe: Probe,
}

impl<S> Clone for Watched<S> {
    fn clone(&self) -> Self {
        Watched { connector: self.connector.clone(), probe: self.probe.clone() }
    }
}

impl<S, Target> Service<Target> for Watched<S>
where
    S: Service<Target, Error = BoxError> + Clone + Send + Sync + 'static,
    S::Future: Send + 'static,
    Target: Send + 'static,
    S::Response: Stream + Connection + 'static,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, target: Target) -> Self::Future {
        let dial = self.probe.begin();
        let limit = dial.lock().wanted.connect_timeout;
        let probe = self.probe.clone();
        let mut connector = (*self.connector).clone();
        let guard = Guard { probe: probe.clone(), dial: dial.clone(), over: false };
        Box::pin(async move {
            let connecting = async {
                std::future::poll_fn(|cx| connector.poll_ready(cx)).await?;
                connector.call(target).await
            };
            let mut connecting = pin!(connecting);
            let turns =
                std::future::poll_fn(|cx| probe.turn(&dial, || connecting.as_mut().poll(cx)));
            let outcome = match tokio::time::timeout(limit, turns).await {
                Ok(outcome) => outcome,
                Err(_) => Err(ConnectTimeout(limit).into()),
            };
            guard.end(outcome.is_ok());
            outcome.and_then(|connection| dial.keep(connection))
        })
    }
}

/// Resolves names by the cache of all users, and stamps the times into the user's dial.
pub struct WatchedNames {
    /// Of all users.
    pub names: Names,
    /// Of this one.
    pub probe: Probe,
}

impl Resolve for WatchedNames {
    fn resolve(&self, name: Name) -> Resolving {
        let (names, probe) = (self.names.clone(), self.probe.clone());
        Box::pin(async move {
            probe.stamp(|times| times.dns_began = Some(Instant::now()));
            let found = names.lookup(name.as_str(), probe.port()).await?;
            probe.stamp(|times| times.dns_ended = Some(Instant::now()));
            Ok(Box::new(found) as Addrs)
        })
    }
}

/// One user's TLS sessions. Room for them is made when the first one comes.
pub struct Sessions {
    probe: Probe,
    kept: OnceLock<ClientSessionMemoryCache>,
}

impl Sessions {
    /// None yet.
    pub fn new(probe: Probe) -> Self {
        Sessions { probe, kept: OnceLock::new() }
    }

    fn kept(&self) -> &ClientSessionMemoryCache {
        self.kept.get_or_init(|| ClientSessionMemoryCache::new(SESSIONS))
    }
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sessions")
    }
}

impl ClientSessionStore for Sessions {
    fn set_kx_hint(&self, server_name: ServerName<'static>, group: NamedGroup) {
        self.kept().set_kx_hint(server_name, group);
    }

    /// The first thing that a handshake asks for.
    fn kx_hint(&self, server_name: &ServerName<'_>) -> Option<NamedGroup> {
        self.probe.stamp(|times| times.tls_began = times.tls_began.or(Some(Instant::now())));
        self.kept.get()?.kx_hint(server_name)
    }

    fn set_tls12_session(&self, server_name: ServerName<'static>, value: Tls12ClientSessionValue) {
        self.kept().set_tls12_session(server_name, value);
    }

    fn tls12_session(&self, server_name: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        self.kept.get()?.tls12_session(server_name)
    }

    fn remove_tls12_session(&self, server_name: &ServerName<'static>) {
        if let Some(kept) = self.kept.get() {
            kept.remove_tls12_session(server_name);
        }
    }

    fn insert_tls13_ticket(
        &self,
        server_name: ServerName<'static>,
        value: Tls13ClientSessionValue,
    ) {
        self.kept().insert_tls13_ticket(server_name, value);
    }

    fn take_tls13_ticket(
        &self,
        server_name: &ServerName<'static>,
    ) -> Option<Tls13ClientSessionValue> {
        self.kept.get()?.take_tls13_ticket(server_name)
    }
}
