//! Mission Control, the panel of `forge-jobs`: what is in the queue, why it does not run, and what to do about it.
//!
//! `Panel` mounts into any element, below any path. It reaches a queue through `ipc::QueueIpc` alone, so that the same
//! pages work over HTTP, in a desktop program, and on a queue that is made up. What pages show is computed in [`model`],
//! without a browser.
//!
//! With the feature `serve` a server has the built panel as bytes, and a service that answers requests for it.

#![allow(clippy::future_not_send, reason = "a page has one thread")]
#![allow(clippy::needless_pass_by_value, reason = "a page is given what it shows")]
#![allow(clippy::option_if_let_else, clippy::single_match_else, reason = "views read better in arms")]
#![allow(clippy::similar_names, reason = "what is typed and its type, a part and the whole")]
#![allow(clippy::suboptimal_flops, reason = "wasm has no fused multiply")]

#[cfg(feature = "panel")]
#[allow(unreachable_pub, reason = "the macro writes a public function that only its own type names")]
mod app;
#[cfg(feature = "panel")]
pub mod ipc;
pub mod model;
#[cfg(feature = "panel")]
mod pages;
#[cfg(feature = "panel")]
mod parts;
#[cfg(feature = "serve")]
pub mod serve;

#[cfg(feature = "panel")]
mod text;

#[cfg(feature = "panel")]
pub use app::{Panel, PanelProps, mount, show_panics};
