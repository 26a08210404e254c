//! The HTTP API over real ports, on both storages.

#![allow(clippy::unwrap_used, reason = "a test may end in a panic, its helpers included")]

mod abuse;
mod auth_matrix;
mod bulk;
mod bulk_cases;
mod cases;
mod checkup;
mod document;
mod events;
mod http;
mod idempotency;
mod local;
mod look;
mod look_cases;
mod pages;
mod resources;
mod rig;
mod routes;
mod secrets;
mod security;
mod sessions;
mod world;
