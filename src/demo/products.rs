//! `GET /health`, `GET /products` and `GET /products/{id}`: what anyone may see.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;

use super::answer::{Checked, Problem};
use super::shop::Shop;

const MAX_SIZE: usize = 100;

/// The routes of this file.
pub fn routes() -> Router<Arc<Shop>> {
    Router::new()
        .route("/health", get(health))
        .route("/products", get(list))
        .route("/products/{id}", get(one))
}

#[derive(Deserialize)]
struct Asked {
    #[serde(default = "first_page")]
    page: usize,
    #[serde(default = "usual_size")]
    size: usize,
    #[serde(default)]
    q: String,
}

fn first_page() -> usize {
    1
}

fn usual_size() -> usize {
    20
}

async fn health(State(shop): State<Arc<Shop>>) -> Response {
    Json(json!({ "status": "ok", "sessions": shop.open_sessions() })).into_response()
}

async fn list(
    State(shop): State<Arc<Shop>>,
    Checked(Query(asked)): Checked<Query<Asked>>,
) -> Result<Response, Problem> {
    if asked.page == 0 {
        return Err(Problem::bad("page counts from 1"));
    }
    if asked.size == 0 || asked.size > MAX_SIZE {
        return Err(Problem::bad(format!("size is between 1 and {MAX_SIZE}")));
    }
    Ok(Json(shop.catalogue.search(&asked.q, asked.page, asked.size)).into_response())
}

async fn one(
    State(shop): State<Arc<Shop>>,
    Checked(Path(id)): Checked<Path<u32>>,
) -> Result<Response, Problem> {
    Ok(Json(shop.product(id)?).into_response())
}
