//! One request, as handlers see it.

use super::auth::Principal;
use super::dispatch::Shared;
use super::{body, route::Route};
use crate::service::{Api, ApiError, IdempotencyKey};
use crate::wire::ErrorCode;
use axum::body::Body;
use axum::extract::Query;
use http::header::{HeaderName, IF_MATCH};
use http::request::Parts;
use serde::de::DeserializeOwned;
use std::net::IpAddr;
use std::sync::Arc;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// A request whose caller is known and may ask for this.
pub(super) struct Call {
    pub(super) shared: Arc<Shared>,
    /// It acts for the caller.
    pub(super) api: Api,
    pub(super) route: Arc<Route>,
    /// `None` on routes that are for anybody.
    pub(super) caller: Option<Principal>,
    pub(super) peer: Option<IpAddr>,
    pub(super) parts: Parts,
    /// The names in the path, decoded.
    pub(super) params: Vec<(String, String)>,
    pub(super) body: Body,
}

impl Call {
    pub(super) const fn api(&self) -> &Api {
        &self.api
    }

    /// What stands in the path at the place of this name.
    pub(super) fn param(&self, name: &str) -> &str {
        self.params.iter().find(|(n, _)| n == name).map_or("", |(_, value)| value)
    }

    pub(super) fn query<T: DeserializeOwned>(&self) -> Result<T, ApiError> {
        let query = Query::try_from_uri(&self.parts.uri);
        query.map(|Query(query)| query).map_err(|e| ApiError::invalid("query", e.body_text()))
    }

    /// The body as a value.
    pub(super) async fn json<T: DeserializeOwned>(&mut self) -> Result<T, ApiError> {
        let limit = self.shared.limits.body_bytes;
        self.json_up_to(limit).await
    }

    /// The body as a value, of up to so many bytes.
    pub(super) async fn json_up_to<T: DeserializeOwned>(&mut self, limit: usize) -> Result<T, ApiError> {
        let body = std::mem::take(&mut self.body);
        let bytes = body::read(&self.parts, body, limit, self.shared.limits.body_time).await?;
        body::parse(&bytes)
    }

    /// The version that the caller has seen: `If-Match: "3"`. Other forms have no meaning here: a tag that no answer of
    /// this server ever had is a mistake, and not a version that has passed.
    pub(super) fn if_match(&self) -> Result<Option<i64>, ApiError> {
        let Some(value) = only(&self.parts, &IF_MATCH)? else { return Ok(None) };
        let version = value.strip_prefix('"').and_then(|v| v.strip_suffix('"')).and_then(|v| v.parse().ok());
        let unknown = || {
            let error = ApiError::new(ErrorCode::Malformed, "If-Match is no version of this");
            error.on("If-Match").with_remedy("send the ETag of the answer before, quotes included")
        };
        version.map(Some).ok_or_else(unknown)
    }

    pub(super) fn idempotency_key(&self) -> Result<Option<IdempotencyKey>, ApiError> {
        let Some(key) = only(&self.parts, &IDEMPOTENCY_KEY)? else { return Ok(None) };
        let caller = self.caller.as_ref().map_or("", |caller| &caller.name);
        IdempotencyKey::new(caller, key).map(Some)
    }

    /// Refuses headers that would change what the request means, where the route does not know them: they must not be
    /// passed over in silence.
    pub(super) fn check_headers(&self) -> Result<(), ApiError> {
        let known = [(IF_MATCH, self.route.takes_if_match), (IDEMPOTENCY_KEY, self.route.takes_key)];
        for (name, known) in known {
            if self.route.changes() && !known && self.parts.headers.contains_key(&name) {
                let text = format!("the header {name} has no meaning here: leave it out");
                return Err(ApiError::new(ErrorCode::Malformed, text).on(name.as_str()));
            }
        }
        Ok(())
    }
}

/// The only header of this name.
fn only<'a>(parts: &'a Parts, name: &HeaderName) -> Result<Option<&'a str>, ApiError> {
    let mut all = parts.headers.get_all(name).iter();
    let Some(first) = all.next() else { return Ok(None) };
    let text = first.to_str().ok().filter(|_| all.next().is_none());
    let bad = || {
        ApiError::new(ErrorCode::Malformed, format!("{name} is not one readable header")).on(name.as_str())
    };
    text.map(Some).ok_or_else(bad)
}
