//! `POST /checkout` turns the cart into an order; `GET /orders` shows the last ones.

use std::collections::VecDeque;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::StatusCode;
use serde::Serialize;
use serde_json::{Value, json};

use super::answer::{Checked, Problem};
use super::catalogue::money;
use super::shop::{Shop, Visitor};

const KEPT: usize = 20;

/// The routes of this file.
pub fn routes() -> Router<Arc<Shop>> {
    Router::new()
        .route("/checkout", post(checkout))
        .route("/orders", get(list))
        .route("/orders/{id}", get(one))
}

/// A visitor's last 20 orders, oldest first.
#[derive(Debug, Default)]
pub struct Orders(VecDeque<Order>);

#[derive(Debug, Clone, Copy, Serialize)]
struct Order {
    order_id: u64,
    count: u32,
    total: f64,
}

impl Orders {
    fn push(&mut self, order: Order) {
        if self.0.len() == KEPT {
            self.0.pop_front();
        }
        self.0.push_back(order);
    }
}

async fn checkout(
    State(shop): State<Arc<Shop>>,
    Visitor(id): Visitor,
) -> Result<Response, Problem> {
    let order = shop.serve(id, |session| {
        let (count, cents) = session.cart.sum(&shop.catalogue);
        if count == 0 {
            return Err(Problem::conflict("the cart is empty"));
        }
        let order = Order { order_id: shop.number(), count, total: money(cents) };
        session.cart = Default::default();
        session.orders.push(order);
        Ok(order)
    })?;
    Ok((StatusCode::CREATED, Json(order)).into_response())
}

async fn list(State(shop): State<Arc<Shop>>, Visitor(id): Visitor) -> Result<Json<Value>, Problem> {
    shop.serve(id, |session| Ok(Json(json!({ "orders": session.orders.0 }))))
}

async fn one(
    State(shop): State<Arc<Shop>>,
    Visitor(id): Visitor,
    Checked(Path(number)): Checked<Path<u64>>,
) -> Result<Response, Problem> {
    shop.serve(id, |session| {
        let order = session.orders.0.iter().find(|order| order.order_id == number);
        let order = order.ok_or_else(|| Problem::not_found(format_args!("order {number}")))?;
        Ok(Json(order).into_response())
    })
}
