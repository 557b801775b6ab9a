//! `POST /register`, `/login` and `/logout`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use http::{StatusCode, header};
use serde::Deserialize;
use serde_json::json;

use super::answer::{Checked, Problem};
use super::session::Session;
use super::shop::{COOKIE, Passer, Shop, Visitor, set_cookie};

/// The routes of this file.
pub fn routes() -> Router<Arc<Shop>> {
    Router::new()
        .route("/register", post(register))
        .route("/login", post(login))
        .route("/logout", post(logout))
}

#[derive(Deserialize)]
struct Credentials {
    email: String,
    password: String,
}

async fn register(
    State(shop): State<Arc<Shop>>,
    Checked(Json(given)): Checked<Json<Credentials>>,
) -> Result<Response, Problem> {
    shop.accounts().register(&given.email, &given.password)?;
    let body = Json(json!({ "user": { "email": given.email } }));
    Ok((StatusCode::CREATED, body).into_response())
}

/// A fresh session; the one that came along ends, as a browser's would.
async fn login(
    State(shop): State<Arc<Shop>>,
    Passer(old): Passer,
    Checked(Json(given)): Checked<Json<Credentials>>,
) -> Result<Response, Problem> {
    if !shop.accounts().admits(&given.email, &given.password) {
        return Err(Problem::unauthorized("wrong e-mail address or password"));
    }
    old.map(|id| shop.close(id));
    let id = shop.open(Session { user: Some(given.email.as_str().into()), ..Session::default() });
    let token = shop.tokens.issue(&given.email, id);
    let body = json!({ "token": token, "token_type": "Bearer", "user": { "email": given.email } });
    Ok(([(header::SET_COOKIE, set_cookie(id))], Json(body)).into_response())
}

async fn logout(State(shop): State<Arc<Shop>>, Visitor(id): Visitor) -> Result<Response, Problem> {
    if !shop.close(id) {
        return Err(Problem::unauthorized("the session is unknown or has ended"));
    }
    let gone = format!("{COOKIE}=; Path=/; Max-Age=0");
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, gone)]).into_response())
}
