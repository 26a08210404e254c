//! Charts in pure Rust, drawn as SVG.
//!
//! Data and options ([`chart::Chart`]) become a picture as a value ([`scene::Scene`]), which [`svg`] writes as text
//! and, with the feature `leptos`, the components of `view` draw into a page. What a pointer or a key does to
//! a chart is decided in [`interact`], without a browser. Below lie [`scale`], [`time`], [`format`](mod@format), [`thin`],
//! [`stack`] and [`shape`].
//!
//! All but `view` is pure: no clock, no locale, no DOM. Whatever numbers come in, what comes out is finite and bounded.
//!
//! ```
//! use forge_charts::scale::{Linear, ticks};
//! use forge_charts::shape::Path;
//!
//! let x = Linear::new((0.0, 60.0), (0.0, 300.0));
//! let y = Linear::new((0.0, 87.0), (100.0, 0.0)).nice(5);
//! assert_eq!(y.domain(), (0.0, 100.0));
//!
//! let mut line = Path::new();
//! line.move_to(x.map(0.0), y.map(20.0));
//! line.line_to(x.map(30.0), y.map(87.0));
//! assert_eq!(line.to_string(), "M0,80l150-67");
//! assert_eq!(ticks((0.0, 87.0), 5), [0.0, 20.0, 40.0, 60.0, 80.0]);
//! ```
#![allow(
    clippy::suboptimal_flops,
    reason = "wasm has no fused multiply: `mul_add` would be a call there, in the innermost loops"
)]

pub mod chart;
pub mod data;
pub mod format;
pub mod interact;
mod num;
mod order;
pub mod scale;
pub mod scene;
pub mod shape;
pub mod stack;
pub mod svg;
pub mod table;
pub mod text;
pub mod theme;
pub mod thin;
pub mod time;
#[cfg(feature = "leptos")]
pub mod view;
