//! `cargo xtask mutate-guards`: each guard of the storage is removed in turn, and a rule must notice.

use crate::run::cargo;

/// Runs the guard table's test and shows the table.
///
/// Over the whole workspace, so that the feature set, and with it the build, is that of `cargo test --workspace`.
pub(crate) fn run() -> Result<(), String> {
    cargo(["test", "--workspace", "--test", "guards", "--", "--nocapture"]).run_tests().map(|_| ())
}
