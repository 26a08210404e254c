//! `cargo xtask mutate-guards`: each guard of the storage is removed in turn, and a rule must notice.

use crate::postgres;
use crate::run::cargo;

/// Runs the guard table's test and shows the table.
///
/// Over the whole workspace, so that the feature set, and with it the build, is that of `cargo test --workspace`.
pub(crate) fn run() -> Result<(), String> {
    // A test among what is built turns the features of tests on for the program as well.
    cargo(["build", "--workspace", "--bin", "forge-test-cluster", "--test", "guards"]).run()?;
    let test = ["test", "--workspace", "--test", "guards", "--", "--nocapture"];
    postgres::cargo_with_server(test)?.run_tests().map(|_| ())
}
