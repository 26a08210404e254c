//! The shop's own login: people have a code, browsers a session cookie. Both are in the database, so that every replica
//! knows them.

use crate::app::{Shop, failed};
use axum::extract::{Query, Request, State};
use axum::http::header::{COOKIE, HOST, LOCATION, ORIGIN, SET_COOKIE};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Response};
use forge_jobs_api::http::{Principal, Proof};
use forge_jobs_api::wire::Role;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use sqlx::PgPool;
use std::error::Error;
use std::fmt::Write as _;

const SESSION: &str = "shop_session";
const HOURS: i32 = 12;

const PAGE: &str = "<!doctype html><html lang=\"en\"><title>Log in</title><h1>Log in</h1>\
    <form method=\"post\"><label>Code <input name=\"code\" type=\"password\" required autofocus></label> \
    <button>Log in</button></form>\
    <form method=\"post\" action=\"/logout\"><button>Log out</button></form>";

fn hash(text: &str) -> Vec<u8> {
    Sha256::digest(text.as_bytes()).to_vec()
}

/// 32 random bytes as text.
fn random() -> Result<String, Box<dyn Error + Send + Sync>> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes)?;
    Ok(bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    }))
}

fn role(name: &str) -> Option<Role> {
    Role::ALL.into_iter().find(|role| role.as_str() == name)
}

/// Lets a person in, and gives the code to log in with. Who is known already gets a new code; the old one and the sessions
/// that were begun with it end.
pub(crate) async fn add(shop: &PgPool, name: &str, as_role: &str) -> Result<String, Box<dyn Error>> {
    let role =
        role(as_role).ok_or_else(|| format!("{as_role:?} is no role: use viewer, operator or admin"))?;
    let code = random().map_err(|e| e.to_string())?;
    let insert = "INSERT INTO people VALUES ($1, $2, $3) \
                  ON CONFLICT (name) DO UPDATE SET role = excluded.role, code = excluded.code";
    let mut tx = shop.begin().await?;
    sqlx::query(insert).bind(name).bind(role.as_str()).bind(hash(&code)).execute(&mut *tx).await?;
    sqlx::query("DELETE FROM sessions WHERE name = $1").bind(name).execute(&mut *tx).await?;
    tx.commit().await?;
    Ok(code)
}

/// The value of the session cookie.
fn session(headers: &HeaderMap) -> Option<&str> {
    let all = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = all.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == SESSION).map(|(_, value)| value)
}

/// Whose session it is, and what they may do by now.
async fn caller(shop: &Shop, headers: &HeaderMap) -> Result<Option<Principal>, sqlx::Error> {
    let Some(session) = session(headers) else { return Ok(None) };
    let find = "SELECT p.name, p.role FROM sessions s JOIN people p USING (name) \
                WHERE s.hash = $1 AND s.ends_at > now()";
    let found: Option<(String, String)> =
        sqlx::query_as(find).bind(hash(session)).fetch_optional(&shop.database.shop).await?;
    Ok(found.and_then(|(name, as_role)| Some(Principal::new(&name, role(&as_role)?, Proof::Cookie))))
}

/// In front of the panel and the API. Callers who are known go on, with what they may do; the API decides on each route,
/// and refuses changes that pages of other sites send. Others are led to the login if they want a page, and are refused
/// by the API if not.
pub(crate) async fn guard(State(shop): State<Shop>, mut request: Request, next: Next) -> Response {
    match caller(&shop, request.headers()).await {
        Ok(Some(principal)) => {
            request.extensions_mut().insert(principal);
            next.run(request).await
        }
        Ok(None) if request.uri().path().starts_with("/panel") => to("/login"),
        Ok(None) => next.run(request).await,
        Err(e) => failed(&e),
    }
}

fn to(place: &'static str) -> Response {
    (StatusCode::SEE_OTHER, [(LOCATION, place)]).into_response()
}

/// Whether a form was sent by a page of this server: the same rule as that of the queue's API.
fn is_own(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    match (text("sec-fetch-site"), text(ORIGIN.as_str()), text(HOST.as_str())) {
        (Some(site), ..) => matches!(site, "same-origin" | "none"),
        (None, Some(origin), Some(host)) => origin.split_once("://").is_some_and(|(_, at)| at == host),
        // Every browser sends one of them with a form.
        (None, ..) => false,
    }
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Asked {
    wrong: Option<String>,
}

/// `GET /login`.
pub(crate) async fn page(Query(asked): Query<Asked>) -> Html<String> {
    let wrong = asked.wrong.map_or("", |_| "<p role=\"alert\">That is no code of this shop.</p>");
    Html(format!("{PAGE}{wrong}"))
}

#[derive(Debug, Deserialize)]
struct Code {
    code: String,
}

/// `POST /login`, a form.
pub(crate) async fn log_in(State(shop): State<Shop>, headers: HeaderMap, body: String) -> Response {
    let code = serde_urlencoded::from_str::<Code>(&body).map(|form| form.code).unwrap_or_default();
    if !is_own(&headers) {
        return (StatusCode::FORBIDDEN, "a page of another site may not log anybody in\n").into_response();
    }
    match begin(&shop, code.trim()).await {
        Ok(Some(session)) => {
            let seconds = HOURS * 3_600;
            // Over HTTPS it would say `Secure` too.
            let cookie = format!("{SESSION}={session}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax");
            (StatusCode::SEE_OTHER, [(LOCATION, "/ops/panel/".to_owned()), (SET_COOKIE, cookie)])
                .into_response()
        }
        Ok(None) => to("/login?wrong=1"),
        Err(e) => failed(&*e),
    }
}

async fn begin(shop: &Shop, code: &str) -> Result<Option<String>, Box<dyn Error + Send + Sync>> {
    let session = random()?;
    let insert = "INSERT INTO sessions SELECT $1, name, now() + make_interval(hours => $2) FROM people WHERE code = $3";
    let insert = sqlx::query(insert).bind(hash(&session)).bind(HOURS).bind(hash(code));
    let begun = insert.execute(&shop.database.shop).await?.rows_affected() == 1;
    Ok(begun.then_some(session))
}

/// `POST /logout`.
pub(crate) async fn log_out(State(shop): State<Shop>, headers: HeaderMap) -> Response {
    if !is_own(&headers) {
        return (StatusCode::FORBIDDEN, "a page of another site may not log anybody out\n").into_response();
    }
    if let Some(session) = session(&headers) {
        let end = sqlx::query("DELETE FROM sessions WHERE hash = $1").bind(hash(session));
        if let Err(e) = end.execute(&shop.database.shop).await {
            return failed(&e);
        }
    }
    let gone = format!("{SESSION}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax");
    (StatusCode::SEE_OTHER, [(LOCATION, "/login".to_owned()), (SET_COOKIE, gone)]).into_response()
}
