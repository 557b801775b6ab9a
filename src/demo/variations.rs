//! Answers to order: a status, a delay, a size, a chain of redirects, an echo.

use axum::body::Body;
use axum::extract::{Path, Query};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use axum::{Json, Router};
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, Method, StatusCode, Uri, header};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::time::Duration;

use super::answer::{Checked, Problem};

const MAX_DELAY_MS: u64 = 60_000;
const MAX_BYTES: u64 = 1 << 30;
const CHUNK: &[u8] = &[b'x'; 64 * 1024];

/// The routes of this file.
pub fn routes() -> Router {
    Router::new()
        .route("/status/{code}", any(status))
        .route("/delay/{ms}", any(delay))
        .route("/bytes/{n}", any(bytes))
        .route("/redirect/{n}", any(redirect))
        .route("/echo", any(echo))
}

/// This status, from 200 to 599.
async fn status(Checked(Path(code)): Checked<Path<u16>>) -> Result<Response, Problem> {
    let known = StatusCode::from_u16(code).ok().filter(|_| (200..=599).contains(&code));
    let status = known.ok_or_else(|| Problem::bad("a status is between 200 and 599"))?;
    if matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
        return Ok(status.into_response());
    }
    Ok((status, Json(json!({ "status": code }))).into_response())
}

/// An answer after so many milliseconds, at most a minute.
async fn delay(Checked(Path(ms)): Checked<Path<u64>>) -> Result<Json<Value>, Problem> {
    if ms > MAX_DELAY_MS {
        return Err(Problem::bad(format!("a delay has at most {MAX_DELAY_MS} ms")));
    }
    tokio::time::sleep(Duration::from_millis(ms)).await;
    Ok(Json(json!({ "delay_ms": ms })))
}

/// So many bytes, at most 1 GiB, with a length and at no cost of memory.
async fn bytes(Checked(Path(n)): Checked<Path<u64>>) -> Result<Response, Problem> {
    if n > MAX_BYTES {
        return Err(Problem::bad(format!("at most {MAX_BYTES} bytes")));
    }
    let chunks = stream::unfold(n, |left| async move {
        let now = left.min(CHUNK.len() as u64);
        let chunk = Bytes::from_static(&CHUNK[..now as usize]);
        (now > 0).then_some((Ok::<_, std::convert::Infallible>(chunk), left - now))
    });
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (header::CONTENT_LENGTH, n.to_string()),
    ];
    Ok((headers, Body::from_stream(chunks)).into_response())
}

#[derive(Deserialize)]
struct How {
    #[serde(default = "found")]
    code: u16,
}

fn found() -> u16 {
    302
}

/// `n` redirects to here, then 200; `?code=` chooses among 301, 302, 303, 307 and 308.
async fn redirect(
    Checked(Path(n)): Checked<Path<u64>>,
    Checked(Query(How { code })): Checked<Query<How>>,
    method: Method,
) -> Result<Response, Problem> {
    let status = match code {
        301 | 302 | 303 | 307 | 308 => StatusCode::from_u16(code).expect("one of five"),
        _ => return Err(Problem::bad("code is 301, 302, 303, 307 or 308")),
    };
    let Some(left) = n.checked_sub(1) else {
        return Ok(Json(json!({ "arrived": true, "method": method.as_str() })).into_response());
    };
    let target = format!("/redirect/{left}?code={code}");
    Ok((status, [(header::LOCATION, target)]).into_response())
}

/// What was asked, as JSON; repeated headers are joined, a body that is JSON is shown as such.
async fn echo(method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Json<Value> {
    Json(json!({
        "method": method.as_str(),
        "path": uri.path(),
        "query": query(&uri),
        "headers": joined(&headers),
        "body": String::from_utf8_lossy(&body),
        "json": serde_json::from_slice::<Value>(&body).ok(),
    }))
}

fn query(uri: &Uri) -> Map<String, Value> {
    url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes())
        .map(|(key, value)| (key.into_owned(), Value::String(value.into_owned())))
        .collect()
}

fn joined(headers: &HeaderMap) -> Map<String, Value> {
    let all = |name| {
        let values = headers.get_all(name).iter();
        values.map(|v| String::from_utf8_lossy(v.as_bytes())).collect::<Vec<_>>().join(", ")
    };
    headers.keys().map(|name| (name.to_string(), Value::String(all(name)))).collect()
}
