//! `/stream?events=&every_ms=`: server-sent events at a steady pace.

use std::convert::Infallible;
use std::time::Duration;

use axum::Router;
use axum::extract::Query;
use axum::response::sse::{Event, Sse};
use axum::routing::get;
use futures_util::stream::{self, Stream};
use serde::Deserialize;
use serde_json::json;

use super::answer::{Checked, Problem};

/// The routes of this file.
pub fn routes() -> Router {
    Router::new().route("/stream", get(events))
}

#[derive(Deserialize)]
struct Asked {
    #[serde(default = "ten")]
    events: u64,
    #[serde(default = "hundred")]
    every_ms: u64,
}

fn ten() -> u64 {
    10
}

fn hundred() -> u64 {
    100
}

/// `events` (10; at most 10,000) events named `tick`, the first at once, then one each `every_ms`
/// (100; at most 60,000).
async fn events(
    Checked(Query(asked)): Checked<Query<Asked>>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    if asked.events > 10_000 || asked.every_ms > 60_000 {
        return Err(Problem::bad("at most 10,000 events and 60,000 ms between them"));
    }
    let every = Duration::from_millis(asked.every_ms);
    Ok(Sse::new(stream::unfold(0, move |n| async move {
        if n == asked.events {
            return None;
        }
        if n > 0 {
            tokio::time::sleep(every).await;
        }
        let event = Event::default().event("tick").id(n.to_string());
        Some((Ok(event.data(json!({ "n": n }).to_string())), n + 1))
    })))
}
