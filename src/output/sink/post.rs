//! POST requests of a sink, over the same transport as the load's.
//!
//! [`Post`] sends once. [`Patient`] tries again what a server may take later, with growing pauses;
//! meanwhile seconds wait in the sink's queue. What failed to the last is tried once from then on,
//! until the server takes something again: a dead one holds nobody up.

use std::rc::Rc;
use std::thread;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use percent_encoding::percent_decode_str;
use tokio::runtime::Runtime;
use tokio::time::Instant;
use url::Url;

use crate::http::{Exchange, Hop, Payload, ReqwestTransport, Transport, TransportOptions, Wire};
use crate::secrets::Secrets;

/// How long a request may take.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Most of an answer that is read, and of it what is told.
const ANSWER: u64 = 64 << 10;
const TOLD: usize = 200;

/// Pauses before a request is tried again, and how long all tries of one may take: less than a
/// run waits for its outputs at its end.
const PAUSES: [Duration; 3] =
    [Duration::from_millis(500), Duration::from_secs(1), Duration::from_secs(2)];
const TRYING: Duration = Duration::from_secs(6);

/// Where to, and what goes along each time. Makes connections on the thread that uses them.
#[derive(Debug)]
pub struct Address {
    url: Url,
    headers: HeaderMap,
    transport: ReqwestTransport,
    /// What a server may repeat and nobody may read.
    secrets: Secrets,
}

impl Address {
    /// A URL; a user in it goes along as basic authentication.
    ///
    /// # Errors
    /// It is none.
    pub fn parse(url: &str, content_type: &'static str) -> Result<Address, String> {
        let mut url = Url::parse(url).map_err(|error| format!("not a URL: {error}"))?;
        if !["http", "https"].contains(&url.scheme()) || !url.has_host() {
            return Err("expected a URL, as in http://127.0.0.1:8086".to_owned());
        }
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        let name = concat!("loadtool/", env!("CARGO_PKG_VERSION"));
        headers.insert(USER_AGENT, HeaderValue::from_static(name));
        let secrets = Secrets::default();
        let mut address = Address { headers, transport: transport()?, url: url.clone(), secrets };
        if !url.username().is_empty() {
            let decoded = |part: &str| percent_decode_str(part).decode_utf8_lossy().into_owned();
            let user = decoded(url.username());
            let password = decoded(url.password().unwrap_or_default());
            address.secrets.add(&password);
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
        self.header(AUTHORIZATION, value)
            .map_err(|_| "the credentials cannot stand in a header".to_owned())
    }

    /// Sends this header. Its value is nobody's to read.
    ///
    /// # Errors
    /// The value cannot stand in one.
    pub fn header(&mut self, name: HeaderName, value: &str) -> Result<(), String> {
        let wrong = |_| format!("the value of {name} cannot stand in a header");
        let mut sent = HeaderValue::from_str(value).map_err(wrong)?;
        sent.set_sensitive(true);
        self.secrets.add(value);
        if let Some((_, token)) = value.split_once(' ') {
            self.secrets.add(token);
        }
        self.headers.insert(name, sent);
        Ok(())
    }

    /// Sends a header that everybody may read.
    pub fn plain(&mut self, name: &'static str, value: &'static str) {
        self.headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }

    /// Sends the headers that the environment variable `name` lists: `a=1,b=2`, percent-encoded,
    /// as OpenTelemetry has it.
    ///
    /// # Errors
    /// It is no such list; the message names the variable and shows no value.
    pub fn headers_from(&mut self, name: &str) -> Result<(), String> {
        let Ok(list) = std::env::var(name) else { return Ok(()) };
        for pair in list.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
            let (header, value) = pair
                .split_once('=')
                .ok_or_else(|| format!("{name}: expected NAME=VALUE,NAME=VALUE"))?;
            let header = HeaderName::try_from(header.trim())
                .map_err(|_| format!("{name}: `{}` is no header name", header.trim()))?;
            let value = percent_decode_str(value.trim()).decode_utf8_lossy();
            self.header(header, &value).map_err(|why| format!("{name}: {why}"))?;
        }
        Ok(())
    }

    /// The path, where the URL has none.
    pub fn default_path(&mut self, path: &str) {
        if self.url.path().trim_matches('/').is_empty() {
            self.url.set_path(path);
        }
    }

    /// Opens connections, from this thread.
    ///
    /// # Errors
    /// The system refuses what that takes.
    pub fn open(self) -> Result<Post, String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| error.to_string())?;
        let wire = self.transport.open(None);
        let (url, headers, secrets) = (Rc::new(self.url), self.headers, self.secrets);
        Ok(Post { url, headers, secrets, wire, runtime })
    }
}

fn transport() -> Result<ReqwestTransport, String> {
    ReqwestTransport::new(&TransportOptions::default()).map_err(|fault| fault.to_string())
}

/// Connections to one URL.
pub struct Post {
    url: Rc<Url>,
    headers: HeaderMap,
    secrets: Secrets,
    wire: Rc<dyn Wire>,
    runtime: Runtime,
}

/// Why a request came to nothing.
#[derive(Debug)]
pub struct Refusal {
    /// 0 if there was no answer.
    pub status: u16,
    /// For people.
    pub why: String,
    /// What the server asks for before the next try.
    after: Option<Duration>,
}

impl Post {
    /// Sends a body, and waits for the answer; gives its body.
    ///
    /// # Errors
    /// There was none within five seconds, or its status is no success.
    pub fn send(&self, body: Bytes) -> Result<Bytes, Refusal> {
        let sent = self.runtime.block_on(async {
            let sent = self.wire.send(self.hop(body.clone())).await;
            // Closed by the other end while it waited for this second.
            if sent.stale { self.wire.send(self.hop(body)).await } else { sent }
        });
        match sent.error {
            None if (200..300).contains(&sent.status) => Ok(sent.body),
            _ => Err(self.refusal(sent)),
        }
    }

    fn refusal(&self, sent: Exchange) -> Refusal {
        if let Some(error) = sent.error {
            return Refusal { status: 0, why: error.message, after: None };
        }
        let answer = self.told(&String::from_utf8_lossy(&sent.body));
        let why = format!("answered with status {} {answer}", sent.status);
        let after = sent.headers.get(RETRY_AFTER).and_then(|after| after.to_str().ok());
        let after = after.and_then(|after| after.parse().ok()).map(Duration::from_secs);
        Refusal { status: sent.status, why: why.trim_end().to_owned(), after }
    }

    /// The beginning of what a server says, without what it was sent in confidence.
    pub fn told(&self, answer: &str) -> String {
        self.secrets.mask(answer.trim()).chars().take(TOLD).collect()
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

/// Sends again what the server may take later.
pub struct Patient {
    post: Post,
    /// Whether a status (0: no answer) may pass.
    passes: fn(u16) -> bool,
    /// Nothing was taken since tries were given up.
    down: bool,
}

impl Patient {
    /// Over these connections.
    pub fn new(post: Post, passes: fn(u16) -> bool) -> Patient {
        Patient { post, passes, down: false }
    }

    /// Sends a body until it is taken; gives the answer's.
    ///
    /// # Errors
    /// It is not taken, by whatever was said last.
    pub fn send(&mut self, body: &Bytes) -> Result<Bytes, String> {
        let began = Instant::now();
        let mut pauses = PAUSES.iter().filter(|_| !self.down);
        loop {
            let refusal = match self.post.send(body.clone()) {
                Ok(answer) => {
                    self.down = false;
                    return Ok(answer);
                }
                Err(refusal) => refusal,
            };
            let passes = (self.passes)(refusal.status);
            let pause = pauses.next().filter(|_| passes);
            let pause = pause.map(|&pause| refusal.after.map_or(pause, |after| after.max(pause)));
            match pause.filter(|&pause| began.elapsed() + pause <= TRYING) {
                Some(pause) => {
                    log::debug!("{}; tried again in {pause:?}", refusal.why);
                    thread::sleep(pause);
                }
                None => {
                    self.down = passes;
                    return Err(refusal.why);
                }
            }
        }
    }

    /// As [`Post::told`].
    pub fn told(&self, answer: &str) -> String {
        self.post.told(answer)
    }
}
