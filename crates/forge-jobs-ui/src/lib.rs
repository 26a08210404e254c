//! Mission Control, the panel of `forge-jobs`: what is in the queue, why it does not run, and what to do about it.
//!
//! `Panel` mounts into any element, below any path. It reaches a queue through `ipc::QueueIpc` alone, so that the same
//! pages work over HTTP, in a desktop program, and on a queue that is made up. What pages show is computed in [`model`],
//! without a browser.
//!
//! With the feature `serve` a server has the built panel as bytes, and a service that answers requests for it.

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
pub use app::{Panel, PanelProps, mount};
