//! An HTML form as older sites have them: a hidden CSRF token, tied to the session and good once,
//! and a redirect after the post.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Form, Query, State};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::get;
use http::{StatusCode, header};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use super::answer::{Checked, Problem};
use super::session::{Session, SessionId};
use super::shop::{Passer, Shop, set_cookie, unguessable};

/// The routes of this file.
pub fn routes() -> Router<Arc<Shop>> {
    Router::new().route("/form", get(show).post(take)).route("/form/sent", get(sent))
}

#[derive(Deserialize)]
struct Posted {
    #[serde(default)]
    csrf: String,
    name: String,
    #[serde(default)]
    message: String,
}

#[derive(Deserialize)]
struct Sent {
    #[serde(default)]
    name: String,
}

async fn show(State(shop): State<Arc<Shop>>, Passer(id): Passer) -> Response {
    let csrf = format!("{:032x}", unguessable());
    let known = id.and_then(|id| shop.visit(id, |session| session.csrf = Some(csrf.clone())));
    let page = page(&format!(
        r#"<form action="/form" method="post">
  <input type="hidden" name="csrf" value="{csrf}">
  <label>Name <input name="name" required></label>
  <label>Message <textarea name="message"></textarea></label>
  <button>Send</button>
</form>"#
    ));
    match known {
        Some(()) => page.into_response(),
        None => {
            let id = shop.open(Session { csrf: Some(csrf), ..Session::default() });
            ([(header::SET_COOKIE, set_cookie(id))], page).into_response()
        }
    }
}

async fn take(
    State(shop): State<Arc<Shop>>,
    Passer(id): Passer,
    Checked(Form(posted)): Checked<Form<Posted>>,
) -> Result<Redirect, Problem> {
    if !fresh(&shop, id, &posted.csrf) {
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "the csrf token is not the one of this session's form",
        ));
    }
    if posted.name.trim().is_empty() || posted.name.len() > 200 || posted.message.len() > 10_000 {
        return Err(Problem::bad("a name has 1 to 200 bytes, a message at most 10,000"));
    }
    let name = utf8_percent_encode(&posted.name, NON_ALPHANUMERIC);
    Ok(Redirect::to(&format!("/form/sent?name={name}")))
}

/// Whether the token is the last one shown to this session; it is spent by asking.
fn fresh(shop: &Shop, id: Option<SessionId>, csrf: &str) -> bool {
    let shown = id.and_then(|id| shop.visit(id, |session| session.csrf.take())).flatten();
    shown.is_some_and(|shown| shown == csrf)
}

async fn sent(Checked(Query(Sent { name })): Checked<Query<Sent>>) -> Html<String> {
    page(&format!("<p id=\"thanks\">Thank you, {}.</p>", escaped(&name)))
}

fn page(body: &str) -> Html<String> {
    Html(format!(
        "<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>Write to us</title></head>\n<body>\n{body}\n</body>\n</html>\n"
    ))
}

fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    text.replace('"', "&quot;").replace('\'', "&#39;")
}
