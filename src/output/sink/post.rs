//! POST requests of a sink, over the same transport as the load's.

use std::rc::Rc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method};
use tokio::runtime::Runtime;
use tokio::time::Instant;
use url::Url;

use crate::http::{Hop, Payload, ReqwestTransport, Transport, TransportOptions, Wire};

/// How long a request may take.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Most of an answer that is read, and of it what is told.
const ANSWER: u64 = 64 << 10;
const TOLD: usize = 200;

/// Where to, and what goes along each time. Makes connections on the thread that uses them.
#[derive(Debug, Clone)]
pub struct Address {
    url: Url,
    headers: HeaderMap,
    transport: ReqwestTransport,
}

impl Address {
    /// A URL; a user in it goes along as basic authentication.
    ///
    /// # Errors
    /// It is none.
    pub fn parse(url: &str, content_type: &'static str) -> Result<Address, String> {
        let mut url = Url::parse(url).map_err(|error| format!("not a URL: {error}"))?;
        if !["http", "https"].contains(&url.scheme()) || !url.has_host() {
            return Err("expected a URL, as in http://127.0.0.1:8086/loadtool".to_owned());
        }
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        let name = concat!("loadtool/", env!("CARGO_PKG_VERSION"));
        headers.insert(USER_AGENT, HeaderValue::from_static(name));
        let mut address = Address { headers, transport: transport()?, url: url.clone() };
        if !url.username().is_empty() {
            let decoded = |part: &str| {
                percent_encoding::percent_decode_str(part).decode_utf8_lossy().into_owned()
            };
            let user = decoded(url.username());
            let password = decoded(url.password().unwrap_or_default());
            address.authorize(&format!("Basic {}", BASE64.encode(format!("{user}:{password}"))))?;
            let gone = url.set_username("").and_then(|()| url.set_password(None));
            gone.map_err(|()| "that URL cannot have a user".to_owned())?;
        }
        Ok(Address { url, ..address })
    }

    /// Without its user.
    pub fn url(&mut self) -> &mut Url {
        &mut self.url
    }

    /// Sends this as `authorization`.
    ///
    /// # Errors
    /// It cannot stand in a header.
    pub fn authorize(&mut self, value: &str) -> Result<(), String> {
        let mut value = HeaderValue::from_str(value)
            .map_err(|_| "the credentials cannot stand in a header".to_owned())?;
        value.set_sensitive(true);
        self.headers.insert(AUTHORIZATION, value);
        Ok(())
    }

    /// Opens connections, from this thread.
    ///
    /// # Errors
    /// The system refuses what that takes.
    pub fn open(self) -> Result<Post, String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| error.to_string())?;
        let wire = self.transport.open(None);
        Ok(Post { url: Rc::new(self.url), headers: self.headers, wire, runtime })
    }
}

fn transport() -> Result<ReqwestTransport, String> {
    ReqwestTransport::new(&TransportOptions::default()).map_err(|fault| fault.to_string())
}

/// Connections to one URL.
pub struct Post {
    url: Rc<Url>,
    headers: HeaderMap,
    wire: Rc<dyn Wire>,
    runtime: Runtime,
}

impl Post {
    /// Sends a body, and waits for the answer.
    ///
    /// # Errors
    /// There was none within five seconds, or its status is no success.
    pub fn send(&self, body: Bytes) -> Result<(), String> {
        let sent = self.runtime.block_on(async {
            let sent = self.wire.send(self.hop(body.clone())).await;
            // Closed by the other end while it waited for this second.
            if sent.stale { self.wire.send(self.hop(body)).await } else { sent }
        });
        match (sent.error, sent.status) {
            (Some(error), _) => Err(error.message),
            (None, 200..=299) => Ok(()),
            (None, status) => {
                let answer = String::from_utf8_lossy(&sent.body);
                let told: String = answer.trim().chars().take(TOLD).collect();
                Err(format!("answered with status {status} {told}").trim_end().to_owned())
            }
        }
    }

    fn hop(&self, body: Bytes) -> Hop {
        Hop {
            method: Method::POST,
            url: self.url.clone(),
            headers: self.headers.clone(),
            body: Payload::from(body),
            deadline: Instant::now() + TIMEOUT,
            timeout: TIMEOUT,
            connect_timeout: TIMEOUT,
            body_limit: ANSWER,
            discard_body: false,
            decode: true,
        }
    }
}
