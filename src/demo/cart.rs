//! The cart: what a visitor who has logged in is about to buy.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{Checked, Problem};
use super::catalogue::{Catalogue, money};
use super::session::SessionId;
use super::shop::{Shop, Visitor};

const MAX_LINES: usize = 50;
const MAX_QUANTITY: u32 = 99;

/// The routes of this file.
pub fn routes() -> Router<Arc<Shop>> {
    Router::new()
        .route("/cart", get(show).post(add).delete(empty))
        .route("/cart/{id}", put(change).delete(remove))
        .route("/cart/{id}/items", post(add_one))
}

/// Products and how many of each, at most 50 kinds; a number once there is something in it.
#[derive(Debug, Default)]
pub struct Cart {
    id: Option<u64>,
    lines: Vec<Line>,
}

#[derive(Debug)]
struct Line {
    product: u32,
    quantity: u32,
}

#[derive(Deserialize)]
struct Item {
    product_id: u32,
    #[serde(default = "one")]
    quantity: u32,
}

#[derive(Deserialize)]
struct Quantity {
    #[serde(default = "one")]
    quantity: u32,
}

fn one() -> u32 {
    1
}

impl Cart {
    /// How many pieces there are, and what they cost in cents.
    pub fn sum(&self, catalogue: &Catalogue) -> (u32, u64) {
        self.lines.iter().fold((0, 0), |(count, cents), line| {
            let price = catalogue.get(line.product).map_or(0, |product| product.cents);
            (count + line.quantity, cents + price * u64::from(line.quantity))
        })
    }

    /// Adds to what is there of this product.
    fn add(&mut self, shop: &Shop, item: &Item) -> Result<(), Problem> {
        shop.product(item.product_id)?;
        let full = self.lines.len() == MAX_LINES;
        let there = self.lines.iter_mut().find(|line| line.product == item.product_id);
        let had = there.as_ref().map_or(0, |line| line.quantity);
        let quantity = checked(had.saturating_add(checked(item.quantity)?))?;
        match there {
            Some(line) => line.quantity = quantity,
            None if full => {
                return Err(Problem::conflict(format!("a cart holds {MAX_LINES} kinds of things")));
            }
            None => self.lines.push(Line { product: item.product_id, quantity }),
        }
        self.id.get_or_insert_with(|| shop.number());
        Ok(())
    }

    fn line(&mut self, product: u32) -> Result<&mut Line, Problem> {
        let line = self.lines.iter_mut().find(|line| line.product == product);
        line.ok_or_else(|| Problem::not_found(format_args!("product {product} in the cart")))
    }

    fn remove(&mut self, product: u32) -> Result<(), Problem> {
        self.line(product)?;
        self.lines.retain(|line| line.product != product);
        Ok(())
    }

    fn show(&self, shop: &Shop) -> Value {
        let (count, cents) = self.sum(&shop.catalogue);
        let known = |line: &Line| Some((shop.catalogue.get(line.product)?, line.quantity));
        let items: Vec<Value> = self.lines.iter().filter_map(known).map(|(product, quantity)| {
            json!({ "id": product.id, "name": product.name, "price": product.price, "quantity": quantity })
        }).collect();
        json!({ "cart_id": self.id, "items": items, "count": count, "total": money(cents) })
    }
}

fn checked(quantity: u32) -> Result<u32, Problem> {
    match quantity {
        1..=MAX_QUANTITY => Ok(quantity),
        _ => Err(Problem::bad(format!("quantity is between 1 and {MAX_QUANTITY}"))),
    }
}

async fn show(State(shop): State<Arc<Shop>>, Visitor(id): Visitor) -> Result<Json<Value>, Problem> {
    shop.serve(id, |session| Ok(Json(session.cart.show(&shop))))
}

async fn add(
    State(shop): State<Arc<Shop>>,
    Visitor(id): Visitor,
    Checked(Json(item)): Checked<Json<Item>>,
) -> Result<Response, Problem> {
    put_in(&shop, id, &item)
}

async fn add_one(
    State(shop): State<Arc<Shop>>,
    Visitor(id): Visitor,
    Checked(Path(product_id)): Checked<Path<u32>>,
    Checked(Json(Quantity { quantity })): Checked<Json<Quantity>>,
) -> Result<Response, Problem> {
    put_in(&shop, id, &Item { product_id, quantity })
}

fn put_in(shop: &Shop, id: SessionId, item: &Item) -> Result<Response, Problem> {
    let cart = shop.serve(id, |session| {
        session.cart.add(shop, item)?;
        Ok(session.cart.show(shop))
    })?;
    Ok((StatusCode::CREATED, Json(cart)).into_response())
}

async fn change(
    State(shop): State<Arc<Shop>>,
    Visitor(id): Visitor,
    Checked(Path(product)): Checked<Path<u32>>,
    Checked(Json(Quantity { quantity })): Checked<Json<Quantity>>,
) -> Result<Json<Value>, Problem> {
    shop.serve(id, |session| {
        session.cart.line(product)?.quantity = checked(quantity)?;
        Ok(Json(session.cart.show(&shop)))
    })
}

async fn remove(
    State(shop): State<Arc<Shop>>,
    Visitor(id): Visitor,
    Checked(Path(product)): Checked<Path<u32>>,
) -> Result<Json<Value>, Problem> {
    shop.serve(id, |session| {
        session.cart.remove(product)?;
        Ok(Json(session.cart.show(&shop)))
    })
}

async fn empty(State(shop): State<Arc<Shop>>, Visitor(id): Visitor) -> Result<StatusCode, Problem> {
    shop.serve(id, |session| {
        session.cart = Cart::default();
        Ok(StatusCode::NO_CONTENT)
    })
}
