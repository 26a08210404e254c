#![doc = include_str!("../README.md")]

#[cfg(feature = "convert")]
pub mod convert;
#[cfg(feature = "server")]
pub mod http;
#[cfg(feature = "server")]
pub mod server;
#[cfg(feature = "service")]
pub mod service;
pub mod wire;
