//! The stage of a test: a server whose every byte the test writes, and one user who calls it.

use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use loadtool::http::{
    CallOptions, Exchange, Leg, Next, Observer, Request, ReqwestTransport, Response, Session,
    Transport, TransportOptions, call,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use url::Url;

/// A connection as the server sees it.
pub struct Peer<S = TcpStream> {
    pub stream: S,
    /// From 0, in the order in which they were accepted.
    pub number: usize,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Peer<S> {
    /// Head and body of the next request; an error once the client has gone.
    pub async fn request(&mut self) -> io::Result<String> {
        let mut read = Vec::new();
        loop {
            if let Some(end) = read.windows(4).position(|end| end == b"\r\n\r\n") {
                let head = String::from_utf8_lossy(&read[..end]).to_lowercase();
                let length = head.split("content-length: ").nth(1);
                let length = length.and_then(|rest| rest.lines().next()?.parse().ok());
                if read.len() >= end + 4 + length.unwrap_or(0) {
                    return Ok(String::from_utf8_lossy(&read).into_owned());
                }
            }
            if self.stream.read_buf(&mut read).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.write_all(bytes.as_ref()).await?;
        self.stream.flush().await
    }

    /// Answers every request with what `answer` makes of it, until the client goes.
    pub async fn answer(mut self, answer: impl Fn(&str) -> Vec<u8>) -> io::Result<()> {
        loop {
            let request = self.request().await?;
            self.send(answer(&request)).await?;
        }
    }
}

impl Peer<TcpStream> {
    /// Ends the connection with a reset.
    pub fn reset(self) {
        self.stream.set_zero_linger().unwrap();
    }

    /// Neither says nor reads anything until the client goes.
    pub async fn hang(self) {
        std::future::pending::<()>().await;
    }
}

/// Serves each connection with `serve`; the server's address.
pub async fn server<F, Done>(serve: F) -> SocketAddr
where
    F: Fn(Peer) -> Done + Send + 'static,
    Done: Future + Send + 'static,
    Done::Output: Send,
{
    server_at("127.0.0.1:0", serve).await
}

pub async fn server_at<F, Done>(address: &str, serve: F) -> SocketAddr
where
    F: Fn(Peer) -> Done + Send + 'static,
    Done: Future + Send + 'static,
    Done::Output: Send,
{
    let listener = TcpListener::bind(address).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        for number in 0.. {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(serve(Peer { stream, number }));
        }
    });
    address
}

/// Answers every request with `text`.
pub async fn always(text: impl Into<Vec<u8>>) -> SocketAddr {
    let text = text.into();
    server(move |peer| {
        let text = text.clone();
        peer.answer(move |_| text.clone())
    })
    .await
}

/// A whole answer.
pub fn answer(head: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let head = head.replace('\n', "\r\n");
    let head = format!("HTTP/1.1 {head}\r\ncontent-length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

/// The first line of a request.
pub fn line(request: &str) -> &str {
    request.lines().next().unwrap_or_default()
}

/// The value of a header of a request, empty if it is not there.
pub fn header<'r>(request: &'r str, name: &str) -> &'r str {
    let start = format!("{name}: ");
    request.lines().find_map(|line| line.strip_prefix(&start)).unwrap_or_default()
}

/// One user, and what the observer was told.
pub struct User {
    pub session: Session,
    pub seen: RefCell<Vec<Seen>>,
    pub options: CallOptions,
}

pub struct Seen {
    pub method: Method,
    pub hop: u8,
    pub attempt: u8,
    pub next: Next,
    pub done: Exchange,
}

impl Observer for User {
    fn exchange(&self, _: &Request, leg: &Leg<'_>, done: &Exchange) {
        let (method, done) = (leg.method.clone(), done.clone());
        let seen = Seen { method, hop: leg.hop, attempt: leg.attempt, next: leg.next, done };
        self.seen.borrow_mut().push(seen);
    }
}

impl User {
    pub fn new() -> User {
        User::with(&TransportOptions::default())
    }

    pub fn with(options: &TransportOptions) -> User {
        User::over(&ReqwestTransport::new(options).unwrap())
    }

    pub fn over(transport: &ReqwestTransport) -> User {
        User {
            session: Session::new(transport.open(None)),
            seen: RefCell::default(),
            options: CallOptions::default(),
        }
    }

    /// The same with other options of its calls.
    pub fn set(mut self, set: impl FnOnce(&mut CallOptions)) -> User {
        set(&mut self.options);
        self
    }

    /// Each call may take so long.
    pub fn patient(self, milliseconds: u64) -> User {
        self.set(|options| options.timeout = Duration::from_millis(milliseconds))
    }

    pub async fn get(&self, url: impl AsRef<str>) -> Response {
        self.send(Method::GET, url, &[], "").await
    }

    pub async fn send(
        &self,
        method: Method,
        url: impl AsRef<str>,
        headers: &[(&'static str, &'static str)],
        body: impl Into<Bytes>,
    ) -> Response {
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        let request = Request {
            method,
            url: Rc::new(Url::parse(url.as_ref()).unwrap()),
            name: "/".into(),
            headers,
            body: body.into().into(),
            options: Rc::new(self.options.clone()),
        };
        call(&self.session, Rc::new(request), self).await
    }

    /// The last exchange.
    pub fn last(&self) -> Exchange {
        self.seen.borrow().last().expect("there was one").done.clone()
    }
}
