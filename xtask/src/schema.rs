//! `cargo xtask schema`: the whole schema as text, for review.

use crate::run::cargo;

/// Has the schema tests write what they would otherwise compare.
pub(crate) fn run() -> Result<(), String> {
    cargo(["test", "--workspace", "--test", "sqlite_schema"]).env("FORGE_BLESS", "1").run_tests()?;
    println!(
        "\nwrote crates/forge-jobs/tests/schema/sqlite.sql: look at the difference before you commit it"
    );
    Ok(())
}
