//! The dashboard over HTTP: one page with its assets, the seconds as server-sent events, and the
//! controls. It lives on a thread of its own with a runtime of its own.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;
use std::{io, thread};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use futures_util::stream;
use tokio::sync::broadcast::Receiver;
use tokio::time::timeout;

use super::guard::{Guard, Refusal};
use super::hub::Hub;
use crate::output::steer::{Command, Steer};

/// Nothing from elsewhere, no frames, and no style or script in the page itself.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                      img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// When there is nothing to say, that is said so often: a viewer who hears nothing for a few of
/// these has lost us.
const BEAT: Duration = Duration::from_secs(2);

/// Longest command.
const MOST_BYTES: usize = 4 << 10;

const ASSETS: [(&str, &str, &str); 5] = [
    ("/", "text/html; charset=utf-8", include_str!("assets/page.html")),
    ("/page.css", "text/css", include_str!("assets/page.css")),
    ("/page.js", "text/javascript", include_str!("assets/page.js")),
    ("/uplot.css", "text/css", include_str!("assets/uplot.css")),
    ("/uplot.js", "text/javascript", include_str!("assets/uplot.js")),
];

/// What every request needs.
#[derive(Clone)]
pub struct Site {
    pub hub: Arc<Hub>,
    pub guard: Guard,
    pub steer: Arc<dyn Steer>,
}

/// Serves until the process ends.
///
/// # Errors
/// The address cannot be had, or the system gives no thread.
pub fn serve(address: SocketAddr, site: Site) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    let bound = listener.local_addr()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    thread::Builder::new().name("dashboard".to_owned()).spawn(move || {
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener)?;
            axum::serve(listener, router(site)).await
        })
    })?;
    Ok(bound)
}

fn router(site: Site) -> Router {
    let mut router = Router::new();
    for (path, kind, text) in ASSETS {
        router = router.route(
            path,
            get(move |State(site): State<Site>, headers: HeaderMap| async move {
                match site.guard.page(&headers) {
                    Ok(()) => asset(kind, text).into_response(),
                    Err(refusal) => refused(refusal),
                }
            }),
        );
    }
    router
        .route("/events", get(events))
        .route("/steer", post(steer))
        .layer(DefaultBodyLimit::max(MOST_BYTES))
        .with_state(site)
}

fn asset(kind: &'static str, text: &'static str) -> impl IntoResponse {
    let nosniff = HeaderName::from_static("x-content-type-options");
    let headers = [
        (CONTENT_TYPE, kind),
        (CONTENT_SECURITY_POLICY, POLICY),
        (CACHE_CONTROL, "no-cache"),
        (nosniff, "nosniff"),
    ];
    (headers, text)
}

fn refused(refusal: Refusal) -> Response {
    match refusal {
        Refusal::Stranger => {
            (StatusCode::FORBIDDEN, "this dashboard answers only to its own address\n")
        }
        Refusal::NoToken => (
            StatusCode::UNAUTHORIZED,
            "the token is needed that loadtool wrote behind the address\n",
        ),
    }
    .into_response()
}

/// What a viewer waits for.
type Live = Receiver<Arc<str>>;

/// All that was, then each second as it comes. A viewer who cannot keep up is cut off: it comes
/// again and begins with all that was.
async fn events(State(site): State<Site>, headers: HeaderMap) -> Response {
    if let Err(refusal) = site.guard.look(&headers) {
        return refused(refusal);
    }
    let (past, live) = site.hub.join();
    let past = stream::iter(past.into_iter().map(|message| Ok(event(&message))));
    let messages = futures_util::StreamExt::chain(past, stream::unfold(live, next));
    let headers = [(CONTENT_TYPE, "text/event-stream"), (CACHE_CONTROL, "no-store")];
    (headers, Body::from_stream(messages)).into_response()
}

/// The next message, or a sign of life; nothing after the end, nor for a viewer who lags.
async fn next(live: Option<Live>) -> Option<(io::Result<Bytes>, Option<Live>)> {
    let mut live = live?;
    match timeout(BEAT, live.recv()).await {
        Ok(message) => message.ok().map(|message| (Ok(event(&message)), Some(live))),
        Err(_) => Some((Ok(Bytes::from_static(b":\n\n")), Some(live))),
    }
}

/// JSON has no raw line breaks, so a message is one line.
fn event(message: &str) -> Bytes {
    format!("data: {message}\n\n").into()
}

async fn steer(State(site): State<Site>, headers: HeaderMap, body: Bytes) -> Response {
    if let Err(refusal) = site.guard.steer(&headers) {
        return refused(refusal);
    }
    let done = serde_json::from_slice::<Command>(&body)
        .map_err(|error| format!("no command: {error}"))
        .and_then(|command| site.steer.steer(&command));
    match done {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(why) => (StatusCode::UNPROCESSABLE_ENTITY, why + "\n").into_response(),
    }
}
