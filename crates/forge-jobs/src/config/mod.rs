//! Where the database is and how to open it.

mod database;
mod environment;
mod error;
mod file;
mod paths;
mod postgres;
mod secret;
mod target;

pub use database::DatabaseConfig;
pub use error::{ConfigError, OpenError};
pub use paths::{PathsError, QueuePaths};
pub use postgres::{Pooler, PostgresConfig, PostgresHost, TlsMode};
pub use secret::Secret;
