//! Where the database is and how to open it.

mod database;
mod paths;

pub use database::{ConfigError, DatabaseConfig, OpenError};
pub use paths::{PathsError, QueuePaths};
