//! What all requests share, and who is asking.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{HeaderMap, header};

use super::Options;
use super::accounts::Accounts;
use super::answer::Problem;
use super::catalogue::{Catalogue, Product};
use super::session::{Session, SessionId, Sessions};
use super::token::Tokens;

/// The cookie that carries a session's id.
pub const COOKIE: &str = "session";

/// The whole state.
pub struct Shop {
    /// What there is to buy.
    pub catalogue: Catalogue,
    /// Signs and reads JWTs.
    pub tokens: Tokens,
    sessions: Mutex<Sessions>,
    accounts: Mutex<Accounts>,
    numbers: AtomicU64,
}

impl Shop {
    /// An empty shop with a secret of its own.
    pub fn new(options: &Options) -> io::Result<Self> {
        let mut secret = [0; 32];
        aws_lc_rs::rand::fill(&mut secret)
            .map_err(|_| io::Error::other("the system gives no random numbers"))?;
        Ok(Shop {
            catalogue: Catalogue::new(),
            tokens: Tokens::new(&secret),
            sessions: Mutex::new(Sessions::new(options.max_sessions)),
            accounts: Mutex::new(Accounts::new(options.max_accounts)),
            numbers: AtomicU64::new(1),
        })
    }

    /// A number that was not given before: of a cart or an order.
    pub fn number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    /// The product with this id, or 404.
    pub fn product(&self, id: u32) -> Result<&Product, Problem> {
        self.catalogue.get(id).ok_or_else(|| Problem::not_found(format_args!("product {id}")))
    }

    /// The accounts, for as short as possible.
    pub fn accounts(&self) -> MutexGuard<'_, Accounts> {
        self.accounts.lock().expect("nobody panics while holding the accounts")
    }

    /// Lets a visitor in.
    pub fn open(&self, session: Session) -> SessionId {
        let id = SessionId::new(unguessable());
        self.sessions().open(id, session);
        id
    }

    /// Shows a visitor out; whether there was one.
    pub fn close(&self, id: SessionId) -> bool {
        self.sessions().close(id)
    }

    /// How many visitors there are.
    pub fn open_sessions(&self) -> usize {
        self.sessions().len()
    }

    /// What `visit` makes of this session, or `None` if there is none.
    pub fn visit<T>(&self, id: SessionId, visit: impl FnOnce(&mut Session) -> T) -> Option<T> {
        self.sessions().get(id).map(visit)
    }

    /// The same for somebody who has logged in; 401 for everybody else.
    pub fn serve<T>(
        &self,
        id: SessionId,
        serve: impl FnOnce(&mut Session) -> Result<T, Problem>,
    ) -> Result<T, Problem> {
        let mut sessions = self.sessions();
        let session = sessions
            .get(id)
            .ok_or_else(|| Problem::unauthorized("the session is unknown or has ended"))?;
        if session.user.is_none() {
            return Err(Problem::unauthorized("the session is not logged in"));
        }
        serve(session)
    }

    fn sessions(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().expect("nobody panics while holding the sessions")
    }
}

/// 128 bits from the system.
pub fn unguessable() -> u128 {
    let mut bytes = [0; 16];
    aws_lc_rs::rand::fill(&mut bytes).expect("the system gave random numbers at the start");
    u128::from_ne_bytes(bytes)
}

/// Whom the bearer token, or else the cookie, names; 401 if neither is there.
pub struct Visitor(pub SessionId);

impl FromRequestParts<Arc<Shop>> for Visitor {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, shop: &Arc<Shop>) -> Result<Self, Problem> {
        if let Some(token) = bearer(&parts.headers) {
            return shop.tokens.read(token).map(Visitor);
        }
        let text = cookie(&parts.headers, COOKIE)
            .ok_or_else(|| Problem::unauthorized("neither a session cookie nor a bearer token"))?;
        let id = SessionId::parse(text);
        id.map(Visitor).ok_or_else(|| Problem::unauthorized("the session cookie is malformed"))
    }
}

/// The session that the cookie names, if there is one; for pages that anyone may see.
pub struct Passer(pub Option<SessionId>);

impl FromRequestParts<Arc<Shop>> for Passer {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Shop>) -> Result<Self, Self::Rejection> {
        Ok(Passer(cookie(&parts.headers, COOKIE).and_then(SessionId::parse)))
    }
}

/// The `Set-Cookie` that makes a browser keep `id`.
pub fn set_cookie(id: SessionId) -> String {
    format!("{COOKIE}={id}; Path=/; HttpOnly; SameSite=Lax")
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(header::COOKIE).into_iter().filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.split_once('='));
    pairs.find(|(key, _)| key.trim() == name).map(|(_, value)| value.trim())
}
