//! The built-in target: a small shop to try scenarios on, and to test the tool with.
//!
//! It owns its thread and its runtime, so that it serves beside a run in the same process, and it
//! goes away when its handle is dropped. All state is in memory, per session and bounded; the
//! catalogue is the same every time. A wrong cookie or token fails visibly, as JSON.
//!
//! [`ROUTES`] says what it answers; `GET /` tells it too.

mod account;
mod accounts;
mod answer;
mod capacity;
mod cart;
mod catalogue;
mod encoding;
mod form;
pub mod null;
mod orders;
mod products;
mod session;
mod shop;
mod stream;
mod token;
mod variations;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use axum::serve::ListenerExt;
use tokio::sync::oneshot;

use shop::Shop;

/// What the shop answers, and who may log in.
pub const ROUTES: &str = "\
Routes of the shop (answers are JSON; who is not known gets 401):
  GET /                        these lines
  GET /health                  {\"status\": \"ok\"}
  POST /login                  {email, password}: a session cookie, and a JWT in `token`; the
                               accounts are userN@shop.test with the password secret-N, N from 1
                               to 100,000, and those that were registered
  POST /register               {email, password}
  POST /logout                 ends the session
  GET /products                ?page=&size=&q=: the catalogue
  GET /products/{id}
  GET /cart                    POST {product_id, quantity} adds to it, DELETE empties it
  POST /cart/{id}/items        {quantity}: adds product {id}
  PUT /cart/{id}               {quantity}; DELETE takes it out
  POST /checkout               makes an order of the cart
  GET /orders
  GET /orders/{id}
  GET /form                    an HTML form with a CSRF token; POST takes it
Answers to order, to any method:
  GET /status/{code}           that status, from 200 to 599
  GET /delay/{ms}              later, at most a minute
  GET /bytes/{size}            a body of so many bytes, at most 1 GiB
  GET /redirect/{times}        so many redirects, one after the other
  GET /encoding/{name}         gzip, br, zstd, deflate or identity, whatever is accepted
  GET /echo                    what was sent
  GET /stream                  ?events=&every_ms=: server-sent events
";

/// How much a shop remembers.
#[derive(Debug, Clone)]
pub struct Options {
    /// Sessions at a time; beyond that, the one unused for longest makes room. About 0.5 KB each.
    pub max_sessions: usize,
    /// Registered accounts at a time; beyond that, the oldest makes room.
    pub max_accounts: usize,
    /// Requests that are answered per second, one after the other; `None`: as many as come.
    pub capacity: Option<f64>,
    /// How much later each request is answered than it could be.
    pub delay: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            max_sessions: 50_000,
            max_accounts: 50_000,
            capacity: None,
            delay: Duration::ZERO,
        }
    }
}

/// A shop that is open; dropping it closes it, cutting off what is under way.
#[derive(Debug)]
pub struct Demo {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Opens the shop on `listener`, in a thread of its own.
///
/// # Errors
/// What the operating system says about the socket, the runtime or the thread.
pub fn serve(listener: TcpListener, options: &Options) -> io::Result<Demo> {
    let address = listener.local_addr()?;
    listener.set_nonblocking(true)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let listener = runtime.block_on(async { tokio::net::TcpListener::from_std(listener) })?;
    let mut routes = routes(Arc::new(Shop::new(options)?));
    if let Some(per_second) = options.capacity {
        routes = runtime.block_on(async { capacity::limited(routes, per_second) });
    }
    if !options.delay.is_zero() {
        routes = capacity::delayed(routes, options.delay);
    }
    let (stop, stopped) = oneshot::channel();
    let thread = std::thread::Builder::new().name("demo".into()).spawn(move || {
        // Dropping the runtime at the end of this closure drops every connection.
        runtime.block_on(answer_until(stopped, listener, routes));
    })?;
    Ok(Demo { address, stop: Some(stop), thread: Some(thread) })
}

async fn answer_until(
    stopped: oneshot::Receiver<()>,
    listener: tokio::net::TcpListener,
    routes: Router,
) {
    let listener = listener.tap_io(|connection| {
        if let Err(error) = connection.set_nodelay(true) {
            log::debug!("demo: no TCP_NODELAY: {error}");
        }
    });
    tokio::select! {
        _ = stopped => {}
        served = axum::serve(listener, routes).into_future() => {
            if let Err(error) = served {
                log::error!("demo: {error}");
            }
        }
    }
}

impl Demo {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its base URL, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            log::error!("demo: its thread panicked");
        }
    }
}

fn routes(shop: Arc<Shop>) -> Router {
    Router::new()
        .route("/", get(|| async { ROUTES }))
        .merge(account::routes())
        .merge(products::routes())
        .merge(cart::routes())
        .merge(orders::routes())
        .merge(form::routes())
        .with_state(shop)
        .merge(variations::routes())
        .merge(encoding::routes())
        .merge(stream::routes())
        .fallback(answer::no_such_path)
        .method_not_allowed_fallback(answer::no_such_method)
}

#[cfg(test)]
mod tests;
