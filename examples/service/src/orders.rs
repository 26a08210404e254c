//! Orders: what a customer does. The order, the stock and the job that follows are one transaction.

use crate::app::{Shop, failed};
use crate::jobs::Invoice;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{Html, IntoResponse, Response};
use forge_jobs::EnqueueRequest;
use serde::Deserialize;
use serde_json::json;
use std::error::Error;

const PAGE: &str = "<!doctype html><html lang=\"en\"><title>Shop</title><h1>Shop</h1>\
    <form method=\"post\" action=\"/orders\"><label>Item <input name=\"item\" value=\"book\"></label> \
    <label>Mail <input name=\"email\" type=\"email\" required></label> <button>Order</button></form>\
    <p>People who work here: <a href=\"/ops/panel/\">the jobs</a></p>";

/// The front page.
pub(crate) async fn page() -> Html<&'static str> {
    Html(PAGE)
}

/// What a customer wants.
#[derive(Debug, Deserialize)]
struct Wish {
    item: String,
    email: String,
}

/// `POST /orders`, a form: 201 with the order and its job, 409 when there is no such thing.
pub(crate) async fn order(State(shop): State<Shop>, body: String) -> Response {
    let Ok(wish) = serde_urlencoded::from_str::<Wish>(&body) else {
        return (StatusCode::UNPROCESSABLE_ENTITY, "an order has an item and an email\n").into_response();
    };
    match take(&shop, &wish).await {
        Ok(Some((order, job))) => {
            let text = json!({ "order": order, "job": job }).to_string();
            (StatusCode::CREATED, [(CONTENT_TYPE, "application/json")], text).into_response()
        }
        Ok(None) => (StatusCode::CONFLICT, "it is sold out\n").into_response(),
        Err(e) => failed(&*e),
    }
}

/// `None`: sold out. Whatever goes wrong before the commit, nothing of it remains: no order, and no job.
async fn take(shop: &Shop, wish: &Wish) -> Result<Option<(i64, String)>, Box<dyn Error + Send + Sync>> {
    let mut tx = shop.database.shop.begin().await?;
    let stocked =
        sqlx::query("SELECT 1 FROM stock WHERE item = $1").bind(&wish.item).fetch_optional(&mut *tx);
    if stocked.await?.is_none() {
        return Ok(None);
    }
    let insert = "INSERT INTO orders (item, email) VALUES ($1, $2) RETURNING id";
    let order: i64 =
        sqlx::query_scalar(insert).bind(&wish.item).bind(&wish.email).fetch_one(&mut *tx).await?;
    let invoice = EnqueueRequest::of(&Invoice { order }).on_queue("invoices").with_tag(&wish.item);
    let job = shop.enqueuer.enqueue_in(shop.database.queue.within_sqlx(&mut tx), invoice).await?;
    let taken = sqlx::query("UPDATE stock SET pieces = pieces - 1 WHERE item = $1 AND pieces > 0");
    if taken.bind(&wish.item).execute(&mut *tx).await?.rows_affected() == 0 {
        // The job is in the transaction already, and goes with it.
        tx.rollback().await?;
        return Ok(None);
    }
    tx.commit().await?;
    Ok(Some((order, job.to_string())))
}
