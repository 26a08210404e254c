//! A PostgreSQL server of the tests' own, and `PgBouncer` in front of it.
//!
//! Tests ask [`Databases::shared`] for a database. The server behind it is that of `FORGE_TEST_POSTGRES_URL`, or a
//! private one that lives as long as the process. Tests that crash the server start a [`Cluster`] for themselves.
//!
//! Nothing is left behind, whatever ends the process: every server is watched by a shell that reads from a pipe which
//! only this process can write to. When the pipe closes, the shell stops the server and removes its directory.
//!
//! Starting and stopping block the thread: they are rare, and a test waits for them anyway.

mod bouncer;
mod cluster;
mod databases;
mod error;
mod install;
mod port;
mod programs;
mod ready;
mod sql;
mod supervisor;
mod user;

pub use bouncer::{BouncerOptions, PgBouncer, Target};
pub use cluster::{Cluster, Options};
pub use databases::{Databases, PGBOUNCER_URL, POSTGRES_URL, TestDatabase};
pub use error::Error;
pub use install::ensure_faketime;
pub use programs::{OLDEST, Programs, pgbouncer};
pub use sql::{connect, with_database};
