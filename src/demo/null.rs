//! The null target: answers every request with the same few bytes, as fast as one thread can.
//! What a load generator reaches against it is its own ceiling.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::thread::JoinHandle;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

/// The end of a request without a body; others are not understood.
const END: &[u8] = b"\r\n\r\n";

/// A target that is there until it is dropped.
#[derive(Debug)]
pub struct Null {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Null {
    /// Opens it on a free port of this machine, in a thread of its own.
    ///
    /// # Errors
    /// As [`Null::at`].
    pub fn open() -> io::Result<Null> {
        Null::at((Ipv4Addr::LOCALHOST, 0).into())
    }

    /// The same at `address`.
    ///
    /// # Errors
    /// What the operating system says about the socket, the runtime or the thread.
    pub fn at(address: SocketAddr) -> io::Result<Null> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let listener = runtime.block_on(TcpListener::bind(address))?;
        let address = listener.local_addr()?;
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = std::thread::Builder::new().name("null".into()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    _ = stopped => {}
                    () = accept(&listener) => {}
                }
            });
        })?;
        Ok(Null { address, stop: Some(stop), thread: Some(thread) })
    }

    /// Its base URL, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Null {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            log::error!("the null target's thread panicked");
        }
    }
}

async fn accept(listener: &TcpListener) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => drop(connections.spawn(answer(stream))),
                Err(error) => return log::error!("the null target accepts no more: {error}"),
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Until the other end hangs up.
async fn answer(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut requests = Vec::with_capacity(4096);
    while stream.read_buf(&mut requests).await? > 0 {
        let mut rest = requests.as_slice();
        while let Some(end) = rest.windows(END.len()).position(|four| four == END) {
            stream.write_all(ANSWER).await?;
            rest = &rest[end + END.len()..];
        }
        let left = rest.len();
        requests.drain(..requests.len() - left);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpStream;

    use super::*;

    #[test]
    fn each_request_has_its_answer_however_it_arrives() {
        let null = Null::open().unwrap();
        let mut stream = TcpStream::connect(null.address).unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\nGET / HTTP/1.1\r\n\r\nGET").unwrap();
        stream.write_all(b" / HTTP/1.1\r\nhost: a\r\n\r\n").unwrap();
        let mut answers = vec![0; 3 * ANSWER.len()];
        stream.read_exact(&mut answers).unwrap();
        assert_eq!(answers, ANSWER.repeat(3));
        drop(null);
        assert_eq!(stream.read(&mut [0]).unwrap_or(0), 0, "it is gone");
    }
}
