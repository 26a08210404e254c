//! The HTTP API over real ports.
