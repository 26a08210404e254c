#![doc = include_str!("../README.md")]

#[cfg(feature = "convert")]
pub mod convert;
pub mod wire;
