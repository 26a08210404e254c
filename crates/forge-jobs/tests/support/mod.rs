//! A database file, and what tests do with it again and again.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part of this")]

use forge_jobs::storage::sqlite::{SqliteOptions, SqliteStorage};
use forge_jobs::storage::{ClaimMode, ClaimParams, ClaimWant, KindFilter, RegisterParams};
use forge_jobs::{DefaultRouter, EnqueueRequest, NewJob, ProcessId};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

pub const HANG: Duration = Duration::from_secs(180);

pub fn dir() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("jobs.db");
    (dir, file)
}

pub async fn open(file: &Path) -> Arc<SqliteStorage> {
    SqliteStorage::open(file, SqliteOptions::default().normal()).await.unwrap()
}

pub fn job(kind: &str) -> NewJob {
    EnqueueRequest::new(kind, 1).validate(&DefaultRouter).unwrap()
}

pub fn register(process: ProcessId) -> RegisterParams {
    RegisterParams {
        process,
        host: "test".into(),
        pid: 1,
        version: "0".into(),
        kinds: None,
        queues: None,
        heartbeat_interval: Duration::from_secs(10),
        stale_after: Duration::from_secs(45),
        now: None,
    }
}

pub fn claim(process: ProcessId, limit: u32) -> ClaimParams {
    let wants = vec![ClaimWant { queue: "default".into(), limit }];
    ClaimParams { process, wants, kinds: KindFilter::Any, mode: ClaimMode::Ordinary, now: None }
}

pub fn sql(file: &Path, statement: &str) -> String {
    let conn = rusqlite::Connection::open(file).unwrap();
    conn.query_row(statement, [], |r| r.get::<_, rusqlite::types::Value>(0)).map_or_else(
        |e| e.to_string(),
        |v| match v {
            rusqlite::types::Value::Integer(n) => n.to_string(),
            rusqlite::types::Value::Text(t) => t,
            other => format!("{other:?}"),
        },
    )
}
