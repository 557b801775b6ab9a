//! Servers whose every byte the test writes: a thread each, and one for each connection. They
//! last as long as the test's process.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::spawn;

use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// A connection as the server sees it.
pub struct Peer {
    pub stream: TcpStream,
    /// From 0, in the order in which they were accepted.
    pub number: usize,
}

impl Peer {
    /// Head and body of the next request; an error once the client has gone.
    pub fn request(&mut self) -> io::Result<String> {
        self.bytes().map(|(head, body)| head + "\r\n\r\n" + &String::from_utf8_lossy(&body))
    }

    /// The same, whatever its body is.
    pub fn bytes(&mut self) -> io::Result<(String, Vec<u8>)> {
        let mut read = Vec::new();
        let mut chunk = [0; 4096];
        loop {
            if let Some(end) = read.windows(4).position(|end| end == b"\r\n\r\n") {
                let head = String::from_utf8_lossy(&read[..end]).to_lowercase();
                let length = head.split("content-length: ").nth(1);
                let length = length.and_then(|rest| rest.lines().next()?.parse().ok());
                if read.len() >= end + 4 + length.unwrap_or(0) {
                    let head = String::from_utf8_lossy(&read[..end]).into_owned();
                    return Ok((head, read.split_off(end + 4)));
                }
            }
            match self.stream.read(&mut chunk)? {
                0 => return Err(ErrorKind::UnexpectedEof.into()),
                n => read.extend_from_slice(&chunk[..n]),
            }
        }
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.write_all(bytes.as_ref())
    }

    /// Waits until the client has gone.
    pub fn hang(&mut self) -> io::Result<()> {
        let mut rest = [0; 4096];
        while self.stream.read(&mut rest)? > 0 {}
        Ok(())
    }
}

/// Serves each connection with `serve`; the server's URL.
pub fn server(serve: impl Fn(Peer) -> io::Result<()> + Clone + Send + 'static) -> String {
    let address = server_at("127.0.0.1:0", serve).expect("a free port");
    format!("http://{address}")
}

/// The same at this address, if it is free; which one it is.
pub fn server_at(
    address: &str,
    serve: impl Fn(Peer) -> io::Result<()> + Clone + Send + 'static,
) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind(address)?;
    let address = listener.local_addr()?;
    spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            let (serve, Ok(stream)) = (serve.clone(), stream) else { continue };
            // The client may go at any time.
            spawn(move || drop(serve(Peer { stream, number })));
        }
    });
    Ok(address)
}

/// Answers every request with what `answer` makes of it.
pub fn answering(answer: impl Fn(&str) -> Vec<u8> + Clone + Send + 'static) -> String {
    server(move |mut peer| {
        loop {
            let request = peer.request()?;
            peer.send(answer(&request))?;
        }
    })
}

/// The same with bodies that are no text.
pub fn taking(answer: impl Fn(&str, &[u8]) -> Vec<u8> + Clone + Send + 'static) -> String {
    server(move |mut peer| {
        loop {
            let (head, body) = peer.bytes()?;
            peer.send(answer(&head, &body))?;
        }
    })
}

/// The same over TLS, with a certificate for 127.0.0.1 that only its own PEM text vouches for.
pub fn secure(answer: impl Fn(&str) -> Vec<u8> + Clone + Send + 'static) -> (String, String) {
    let certified = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a name");
    let key = PrivatePkcs8KeyDer::from(certified.signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("there are versions")
        .with_no_client_auth()
        .with_single_cert(vec![certified.cert.der().clone()], key.into())
        .expect("they belong together");
    let config = Arc::new(config);
    let url = server(move |peer| {
        let connection = ServerConnection::new(config.clone()).map_err(io::Error::other)?;
        let mut stream = StreamOwned::new(connection, peer.stream);
        let mut chunk = [0; 4096];
        while let n @ 1.. = stream.read(&mut chunk)? {
            stream.write_all(&answer(&String::from_utf8_lossy(&chunk[..n])))?;
        }
        Ok(())
    });
    (url.replace("http://", "https://"), certified.cert.pem())
}

/// A whole answer.
pub fn answer(head: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let head = head.replace('\n', "\r\n");
    let head = format!("HTTP/1.1 {head}\r\ncontent-length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

/// The path and query of a request.
pub fn target(request: &str) -> &str {
    request.split(' ').nth(1).unwrap_or_default()
}
