//! The OpenAPI document, made of the table of routes and of the wire types' schemas.

use super::API_PREFIX;
use super::reply::status_of;
use super::route::{Access, Content, Route};
use super::routes;
use crate::wire::{Changed, ErrorBody, ErrorCode, Role};
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

/// Schemas of what comes in and of what goes out: a field with a default may be left out of the former alone.
struct Schemas {
    incoming: SchemaGenerator,
    outgoing: SchemaGenerator,
}

impl Schemas {
    fn new() -> Self {
        let settings = || {
            SchemaSettings::draft2020_12().with(|s| {
                s.definitions_path = "/components/schemas".into();
                s.meta_schema = None;
            })
        };
        Self {
            incoming: settings().for_deserialize().into_generator(),
            outgoing: settings().for_serialize().into_generator(),
        }
    }

    /// All types that were named. One that goes both ways has one schema, the stricter one of what goes out.
    fn definitions(mut self) -> Map<String, Value> {
        let mut all = self.incoming.take_definitions(true);
        all.append(&mut self.outgoing.take_definitions(true));
        all
    }
}

/// The OpenAPI document, version 3.1, for a router that is mounted under this prefix; `""` for none.
#[must_use]
pub fn document(base_path: &str) -> Value {
    let mut schemas = Schemas::new();
    let mut paths = Map::new();
    for route in routes::all() {
        let operation = operation(&route, &mut schemas);
        let path = format!("{API_PREFIX}{}", route.path);
        let item = paths.entry(path).or_insert_with(|| json!({}));
        if let Value::Object(item) = item {
            item.insert(route.method.as_str().to_ascii_lowercase(), operation);
        }
    }
    let server = if base_path.is_empty() { "/" } else { base_path };
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Forge jobs",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "See and steer a queue of background jobs.",
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "servers": [{ "url": server }],
        "security": [{ "bearer": [] }, { "session": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "bearer": { "type": "http", "scheme": "bearer" },
                "session": { "type": "apiKey", "in": "cookie", "name": super::auth::COOKIE },
            },
            "schemas": schemas.definitions(),
        },
    })
}

fn operation(route: &Route, schemas: &mut Schemas) -> Value {
    let mut operation = Map::new();
    operation.insert("operationId".into(), route.id.into());
    operation.insert("summary".into(), route.says.into());
    operation.insert("tags".into(), json!([tag(route)]));
    match route.access {
        Access::Anybody => operation.insert("security".into(), json!([])),
        Access::Needs(role) => operation.insert("x-role".into(), role.as_str().into()),
    };
    let parameters = parameters(route, schemas);
    if !parameters.is_empty() {
        operation.insert("parameters".into(), parameters.into());
    }
    if let Some(body) = route.body {
        let schema = body(&mut schemas.incoming);
        let content = json!({ "application/json": { "schema": schema } });
        operation.insert("requestBody".into(), json!({ "required": true, "content": content }));
    }
    operation.insert("responses".into(), responses(route, schemas));
    operation.into()
}

/// The first part of its path.
fn tag(route: &Route) -> &str {
    route.path.split('/').nth(1).unwrap_or_default().trim_end_matches(".json")
}

fn parameters(route: &Route, schemas: &mut Schemas) -> Vec<Value> {
    let mut all: Vec<Value> = route
        .params()
        .map(|name| {
            let schema = match name {
                "job" | "process" => json!({ "type": "string", "format": "uuid" }),
                "group" => json!({ "type": "string", "pattern": "^[0-9a-fA-F]{16}$" }),
                _ => json!({ "type": "string", "pattern": "^[A-Za-z0-9._:/-]{1,128}$" }),
            };
            let says = "A name with a slash is written with %2F.";
            json!({ "name": name, "in": "path", "required": true, "schema": schema, "description": says })
        })
        .collect();
    if let Some(query) = route.query {
        all.extend(fields(query(&mut schemas.incoming).to_value()));
    }
    let header = |name: &str, says: &str, schema: Value| json!({ "name": name, "in": "header", "required": false, "schema": schema, "description": says });
    if route.takes_if_match {
        let schema = json!({ "type": "string", "pattern": "^\"-?[0-9]{1,18}\"$" });
        all.push(header(
            "If-Match",
            "Change it only if it still has this version: the ETag of an answer.",
            schema,
        ));
    }
    if route.takes_key {
        let schema = json!({ "type": "string", "pattern": "^[!-~]{1,255}$" });
        all.push(header(
            "Idempotency-Key",
            "The same request under the same key is carried out once.",
            schema,
        ));
    }
    all
}

/// The fields of a query as parameters.
fn fields(mut schema: Value) -> Vec<Value> {
    let required: Vec<String> = schema
        .get("required")
        .and_then(Value::as_array)
        .map(|names| names.iter().filter_map(|n| n.as_str().map(str::to_owned)).collect())
        .unwrap_or_default();
    let Some(Value::Object(properties)) = schema.get_mut("properties").map(Value::take) else {
        return Vec::new();
    };
    let parameter = |(name, mut schema): (String, Value)| {
        let says = schema.as_object_mut().and_then(|s| s.remove("description")).unwrap_or_default();
        without_null(&mut schema);
        let required = required.contains(&name);
        json!({ "name": name, "in": "query", "required": required, "schema": schema, "description": says })
    };
    properties.into_iter().map(parameter).collect()
}

/// A parameter is left out or a text: it is never null.
fn without_null(schema: &mut Value) {
    let Some(object) = schema.as_object_mut() else { return };
    object.remove("default");
    if let Some(Value::Array(types)) = object.get_mut("type") {
        types.retain(|t| t != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            object.insert("type".into(), only);
        }
    }
    if let Some(Value::Array(any)) = object.get_mut("anyOf") {
        any.retain(|s| s.get("type").is_none_or(|t| t != "null"));
        if let [only] = any.as_slice() {
            *schema = only.clone();
        }
    }
}

fn responses(route: &Route, schemas: &mut Schemas) -> Value {
    let mut all = Map::new();
    for answer in &route.answers {
        let mut response = json!({ "description": answer.says });
        match answer.content {
            Content::Nothing => {}
            Content::Json(schema) => {
                let schema = schema(&mut schemas.outgoing);
                response["content"] = json!({ "application/json": { "schema": schema } });
            }
            Content::Events => {
                // What `data` of each event `changed` is.
                schemas.outgoing.subschema_for::<Changed>();
                response["content"] = json!({ "text/event-stream": { "schema": { "type": "string" } } });
            }
        }
        all.insert(answer.status.to_string(), response);
    }
    let error = schemas.outgoing.subschema_for::<ErrorBody>();
    for (code, says) in errors(route) {
        let content = json!({ "application/json": { "schema": error } });
        all.insert(status_of(code).as_u16().to_string(), json!({ "description": says, "content": content }));
    }
    all.into()
}

/// What can go wrong, which follows from what the route takes.
fn errors(route: &Route) -> Vec<(ErrorCode, &'static str)> {
    let mut all = vec![
        (ErrorCode::Misdirected, "The server has another name"),
        (ErrorCode::TooManyRequests, "Too many requests came from there"),
        (ErrorCode::Failed, "It failed inside; the log knows more"),
        (ErrorCode::Unavailable, "The database cannot be used now"),
    ];
    let (has_names, takes_values) =
        (route.params().next().is_some(), route.query.is_some() || route.body.is_some());
    let mut add = |applies: bool, code, says| {
        if applies {
            all.push((code, says));
        }
    };
    add(route.changes(), ErrorCode::Malformed, "The request cannot be read");
    add(route.id != "log_out", ErrorCode::Unauthenticated, "There is no valid token");
    let everybody = matches!(route.access, Access::Anybody | Access::Needs(Role::Viewer));
    add(route.changes() || !everybody, ErrorCode::Forbidden, "The caller may not do this");
    add(
        (has_names && !route.any_name) || route.names_in_body || route.id == "log_in",
        ErrorCode::NotFound,
        "There is nothing of that name",
    );
    add(route.changes(), ErrorCode::UnsupportedMediaType, "The body is no JSON by its content type");
    let named_strictly = route.params().any(|name| matches!(name, "job" | "kind"));
    add(takes_values || named_strictly, ErrorCode::Invalid, "A value is not allowed; `field` names it");
    add(route.body.is_some(), ErrorCode::TooLarge, "The body is too long");
    add(route.body.is_some(), ErrorCode::TimedOut, "The body took too long to arrive");
    add(route.conflicts, ErrorCode::Conflict, "Its state does not allow it");
    add(route.takes_if_match, ErrorCode::PreconditionFailed, "It has another version by now");
    all
}
