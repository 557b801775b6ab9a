//! `prometheus=ADDR`: everything so far, at `/metrics` on a port, for Prometheus to scrape.
//!
//! A server thread of its own renders what the sink's thread has added up. When the run is over,
//! whoever scraped it more than once gets a last look at the final numbers: the sink waits for one
//! more scrape, as long as those before were apart, [`LAST`] at most.

mod format;
mod messages;
mod protobuf;
mod text;

use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Redirect};
use axum::routing::get;
use jiff::Timestamp;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::{Moment, PATIENCE, Sink};
use crate::metrics::Window;
use crate::results::Summary;
use format::Format;
use protobuf::protobuf;
use text::text;

/// Longest wait for the last scrape.
const LAST: Duration = PATIENCE.checked_sub(Duration::from_secs(1)).expect("patience is longer");

/// Serves the numbers as long as it lives.
pub struct Prometheus {
    board: Arc<Board>,
    stop: Option<oneshot::Sender<()>>,
    server: Option<JoinHandle<()>>,
}

/// What is served.
struct Board {
    run: String,
    shown: Mutex<Shown>,
    scraped: Condvar,
}

#[derive(Default)]
struct Shown {
    totals: Window,
    /// When the load did.
    began: Option<Timestamp>,
    scrapes: u64,
    last: Option<Instant>,
    /// Between the last two.
    apart: Option<Duration>,
}

impl Board {
    fn shown(&self) -> MutexGuard<'_, Shown> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn scrape(&self, format: Format) -> Vec<u8> {
        let mut shown = self.shown();
        let now = Instant::now();
        shown.apart = shown.last.replace(now).map(|last| now - last);
        shown.scrapes += 1;
        self.scraped.notify_all();
        let began = shown.began.unwrap_or_default();
        let page = match format {
            Format::Protobuf => protobuf(&shown.totals, &self.run, began),
            Format::Plain | Format::Open => {
                text(&shown.totals, &self.run, began, format).into_bytes()
            }
        };
        if format != Format::Plain {
            shown.totals.exemplars.clear(); // told; the next scrape gets newer ones
        }
        page
    }
}

impl Prometheus {
    /// Listens at `dest`: a port of this machine alone, or `ADDRESS:PORT`.
    ///
    /// # Errors
    /// `dest` is no address, or the system does not give it.
    pub fn listen(dest: &str, run: &str) -> Result<Prometheus, String> {
        let listener = TcpListener::bind(address(dest)?).map_err(|error| error.to_string())?;
        let board = Board { run: run.to_owned(), shown: Mutex::default(), scraped: Condvar::new() };
        let board = Arc::new(board);
        Self::serve(listener, board).map_err(|error| error.to_string())
    }

    fn serve(listener: TcpListener, board: Arc<Board>) -> io::Result<Prometheus> {
        let place = listener.local_addr()?;
        listener.set_nonblocking(true)?;
        let routes = Router::new()
            .route("/", get(async || Redirect::temporary("/metrics")))
            .route("/metrics", get(metrics))
            .with_state(board.clone());
        let (stop, stopped) = oneshot::channel();
        let server = thread::Builder::new().name("out-prometheus-http".to_owned());
        let server = server.spawn(move || {
            if let Err(error) = serve(listener, routes, stopped) {
                log::warn!("--out prometheus: {error}");
            }
        })?;
        log::info!("metrics for Prometheus at http://{place}/metrics");
        Ok(Prometheus { board, stop: Some(stop), server: Some(server) })
    }
}

/// Serves until it is stopped; answers that are under way are finished.
fn serve(listener: TcpListener, routes: Router, stopped: oneshot::Receiver<()>) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let until = async {
            let _ = stopped.await; // hung up is stopped, too
        };
        axum::serve(listener, routes).with_graceful_shutdown(until).await
    })
}

async fn metrics(State(board): State<Arc<Board>>, headers: HeaderMap) -> impl IntoResponse {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    let format = Format::accepted(accept.unwrap_or_default());
    ([(header::CONTENT_TYPE, format.content_type())], board.scrape(format))
}

impl Sink for Prometheus {
    fn second(&mut self, moment: &Moment) -> Result<u64, String> {
        let second = &moment.second;
        let mut shown = self.board.shown();
        second.add_to(&mut shown.totals);
        shown.began = Some(moment.began);
        drop(shown);
        Ok(u64::from(!second.late))
    }

    fn finish(&mut self, _: &Summary) -> Result<u64, String> {
        let shown = self.board.shown();
        if let Some(apart) = shown.apart {
            let seen = shown.scrapes;
            let patience = (apart + apart / 2 + Duration::from_secs(1)).min(LAST);
            let unseen = |shown: &mut Shown| shown.scrapes == seen;
            drop(self.board.scraped.wait_timeout_while(shown, patience, unseen));
        }
        Ok(0)
    }
}

/// Answers that are under way are finished.
impl Drop for Prometheus {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(server) = self.server.take() {
            let _ = server.join(); // it has told of a panic itself
        }
    }
}

/// `9464`, `:9464`, `127.0.0.1:9464`, `localhost:9464`.
fn address(dest: &str) -> Result<SocketAddr, String> {
    let port = dest.strip_prefix(':').unwrap_or(dest).parse::<u16>();
    if let Ok(port) = port {
        return Ok(([127, 0, 0, 1], port).into());
    }
    if !dest.contains(':') {
        return Err("expected a port, or ADDRESS:PORT, as in 127.0.0.1:9464".to_owned());
    }
    let mut found = dest.to_socket_addrs().map_err(|error| error.to_string())?;
    found.next().ok_or_else(|| "that name has no address".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_alone_is_on_the_loopback() {
        for (dest, expected) in [
            ("9464", "127.0.0.1:9464"),
            (":9464", "127.0.0.1:9464"),
            ("0.0.0.0:1", "0.0.0.0:1"),
            ("[::1]:0", "[::1]:0"),
        ] {
            assert_eq!(address(dest).map(|address| address.to_string()), Ok(expected.to_owned()));
        }
        for dest in ["somewhere", "127.0.0.1:99999", "99999", "1.2.3.4"] {
            assert!(address(dest).is_err(), "{dest}");
        }
    }
}
