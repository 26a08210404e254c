//! What a route is: where it is, whom it is for, what goes in and comes out, and the code behind it.

use super::call::Call;
use super::reply::Reply;
use crate::service::ApiError;
use crate::wire::Role;
use futures_util::future::BoxFuture;
use http::Method;
use schemars::{JsonSchema, Schema, SchemaGenerator};

/// Whom a route is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anybody, without a token.
    Anybody,
    /// Callers with this role, or one above it.
    Needs(Role),
}

pub(super) type Handler = fn(Call) -> BoxFuture<'static, Result<Reply, ApiError>>;
pub(super) type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// What comes back when all goes well.
#[derive(Clone, Copy)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) says: &'static str,
    pub(super) content: Content,
}

/// The content of an answer.
#[derive(Clone, Copy)]
pub(super) enum Content {
    Nothing,
    Json(SchemaOf),
    Events,
}

/// A route. Made by [`Route::new`] alone, which asks for whom it is.
#[derive(Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each says one thing that a route may do, and they mix")]
pub(super) struct Route {
    pub(super) method: Method,
    pub(super) path: &'static str,
    pub(super) access: Access,
    /// Its name for programs that are generated from the document.
    pub(super) id: &'static str,
    pub(super) says: &'static str,
    pub(super) query: Option<SchemaOf>,
    pub(super) body: Option<SchemaOf>,
    pub(super) answers: Vec<Answer>,
    /// The state of things may forbid it: 409.
    pub(super) conflicts: bool,
    /// What its path names need not be there.
    pub(super) any_name: bool,
    /// What its body names must be there.
    pub(super) names_in_body: bool,
    /// It takes `If-Match`: 412.
    pub(super) takes_if_match: bool,
    /// It takes `Idempotency-Key`.
    pub(super) takes_key: bool,
    pub(super) handler: Handler,
}

fn schema_of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

/// The schema of a query is needed as it is, without a reference: its fields become parameters.
fn whole_schema_of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    T::json_schema(generator)
}

impl Route {
    pub(super) fn new(
        method: Method,
        path: &'static str,
        access: Access,
        (id, says): (&'static str, &'static str),
        handler: Handler,
    ) -> Self {
        Self {
            method,
            path,
            access,
            id,
            says,
            query: None,
            body: None,
            answers: Vec::new(),
            conflicts: false,
            any_name: false,
            names_in_body: false,
            takes_if_match: false,
            takes_key: false,
            handler,
        }
    }

    pub(super) fn query<T: JsonSchema>(mut self) -> Self {
        self.query = Some(whole_schema_of::<T>);
        self
    }

    pub(super) fn body<T: JsonSchema>(mut self) -> Self {
        self.body = Some(schema_of::<T>);
        self
    }

    pub(super) fn gives<T: JsonSchema>(self, status: u16, says: &'static str) -> Self {
        self.answer(status, says, Content::Json(schema_of::<T>))
    }

    pub(super) fn answer(mut self, status: u16, says: &'static str, content: Content) -> Self {
        self.answers.push(Answer { status, says, content });
        self
    }

    pub(super) const fn conflicts(mut self) -> Self {
        self.conflicts = true;
        self
    }

    pub(super) const fn names_in_body(mut self) -> Self {
        self.names_in_body = true;
        self
    }

    pub(super) const fn any_name(mut self) -> Self {
        self.any_name = true;
        self
    }

    pub(super) const fn if_match(mut self) -> Self {
        self.takes_if_match = true;
        self
    }

    pub(super) const fn keyed(mut self) -> Self {
        self.takes_key = true;
        self
    }

    /// Whether it changes anything.
    pub(super) fn changes(&self) -> bool {
        self.method != Method::GET
    }

    /// The names in its path.
    pub(super) fn params(&self) -> impl Iterator<Item = &'static str> {
        self.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
    }
}
