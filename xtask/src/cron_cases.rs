//! `cargo xtask cron-cases`: the fires that the tests expect, compared with those that Python computes.

use crate::run::Cmd;
use crate::{root, venv};
use std::path::PathBuf;
use std::time::Duration;

const FOLDER: &str = "crates/forge-jobs/tests/cron";
/// It takes some 15 s.
const LIMIT: Duration = Duration::from_secs(300);

/// Compares, or writes with `--write`.
pub(crate) fn run(args: &[String]) -> Result<(), String> {
    if args.iter().any(|arg| arg != "--write") {
        return Err(format!("cargo xtask cron-cases takes --write or nothing, got {args:?}"));
    }
    let python = set_up()?;
    let script = root::workspace().join(FOLDER).join("cases.py");
    Cmd::new(python).args([script]).args(args).within(LIMIT).run()
}

/// A Python with the libraries.
pub(crate) fn set_up() -> Result<PathBuf, String> {
    venv::python("cron-cases", &format!("{FOLDER}/requirements.txt"))
}
