//! The whole schema of a fresh database, kept as text, so that a migration shows in review what it comes to.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use forge_jobs::storage::sqlite::{SqliteOptions, SqliteStorage};
use std::path::Path;

const KEPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/schema/sqlite.sql");

/// Every object, as SQLite remembers it.
fn dump(file: &Path) -> String {
    let conn = rusqlite::Connection::open(file).unwrap();
    let mut objects = conn
        .prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY type, name")
        .unwrap();
    let sql = objects.query_map([], |r| r.get::<_, String>(0)).unwrap();
    sql.map(|s| s.unwrap() + ";\n\n").collect::<String>().trim_end().to_owned() + "\n"
}

#[tokio::test]
async fn the_schema_is_the_one_that_was_reviewed() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("jobs.db");
    drop(SqliteStorage::open(&file, SqliteOptions::default()).await.unwrap());
    let fresh = dump(&file);
    if std::env::var_os("FORGE_BLESS").is_some() {
        std::fs::create_dir_all(Path::new(KEPT).parent().unwrap()).unwrap();
        std::fs::write(KEPT, &fresh).unwrap();
    }
    let kept = std::fs::read_to_string(KEPT).unwrap_or_default();
    assert!(kept == fresh, "the schema has changed: look at what `cargo xtask schema` writes, and commit it");
}
