//! A server that shows what it was sent and answers what it is asked to.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Json;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{any, get};
use serde_json::{Value, json};
use tokio::sync::oneshot;

/// How often each id was asked for.
type Failures = Arc<Mutex<HashMap<String, u32>>>;

pub struct Server {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub fn start() -> Server {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        listener.set_nonblocking(true).expect("a socket can be non-blocking");
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(async move {
                let listener = tokio::net::TcpListener::from_std(listener).expect("in a runtime");
                let serve = async { axum::serve(listener, routes()).await.expect("it serves") };
                tokio::select! {
                    () = serve => {}
                    _ = stopped => {}
                }
            });
        });
        Server { address, stop: Some(stop), thread: Some(thread) }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where nobody listens.
    pub fn dead_url(&self) -> String {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        format!("http://{}", listener.local_addr().expect("it is bound"))
    }

    pub fn stop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the server did not panic");
        }
    }
}

fn routes() -> Router {
    Router::new()
        .route("/", get(|| async { "hello" }))
        .route("/echo", any(echo))
        .route("/echo/{*rest}", any(echo))
        .route("/status/{code}", any(status))
        .route("/redirect/{left}", any(redirect))
        .route("/cookies/set/{name}/{value}", get(set_cookie))
        .route("/document", get(document))
        .route("/page", get(page))
        .route("/slow", get(slow))
        .route("/flaky/{id}/{n}", any(flaky))
        .with_state(Failures::default())
}

/// Method, URI, the author's headers and body, as JSON.
async fn echo(method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Json<Value> {
    const OURS: [&str; 5] = ["host", "accept", "accept-encoding", "content-length", "user-agent"];
    let mut shown = serde_json::Map::new();
    for name in headers.keys().filter(|name| !OURS.contains(&name.as_str())) {
        let values = headers.get_all(name).iter();
        let values: Vec<_> = values.map(|value| value.to_str().unwrap_or("?")).collect();
        shown.insert(name.to_string(), json!(values.join(", ")));
    }
    shown.sort_keys();
    let body = String::from_utf8_lossy(&body);
    Json(
        json!({ "method": method.as_str(), "uri": uri.to_string(), "headers": shown, "body": body }),
    )
}

async fn status(Path(code): Path<u16>) -> Response {
    let code = StatusCode::from_u16(code).expect("a status");
    (code, Json(json!({ "error": "as asked", "password": "hidden" }))).into_response()
}

async fn redirect(Path(left): Path<u8>) -> Response {
    match left {
        0 => Redirect::to("/echo").into_response(),
        left => Redirect::to(&format!("/redirect/{}", left - 1)).into_response(),
    }
}

async fn set_cookie(Path((name, value)): Path<(String, String)>) -> Response {
    let cookie = HeaderValue::try_from(format!("{name}={value}; Path=/")).expect("a header");
    ([(header::SET_COOKIE, cookie)], "set").into_response()
}

async fn document() -> Response {
    let body = json!({
        "token": "abc", "count": 3, "big": 9007199254740993i64, "ratio": 0.5, "none": null,
        "items": [{ "id": 1, "tags": ["x"] }, { "id": 2, "tags": [] }], "empty": {},
    });
    let name = HeaderName::from_static("x-several");
    let mut response = Json(body).into_response();
    response.headers_mut().append(name.clone(), HeaderValue::from_static("one"));
    response.headers_mut().append(name, HeaderValue::from_static("two"));
    response
}

async fn page() -> Response {
    let html = "<form><input name=\"csrf\" value=\"t0k\"><a href=\"/p/1\">1</a><a href=\"/p/2\">2</a></form>";
    ([(header::CONTENT_TYPE, "text/html")], html).into_response()
}

/// Fails so many times with 503 for each id.
async fn flaky(State(failures): State<Failures>, Path((id, n)): Path<(String, u32)>) -> Response {
    let mut failures = failures.lock().expect("nobody panics while counting");
    let failed = failures.entry(id).or_default();
    *failed += 1;
    match *failed <= n {
        true => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        false => "at last".into_response(),
    }
}

async fn slow() -> &'static str {
    tokio::time::sleep(Duration::from_secs(30)).await;
    "late"
}
