//! `cargo xtask cron-cases`: the fires that the tests expect, compared with those that Python computes.

use crate::root;
use crate::run::Cmd;
use std::path::{Path, PathBuf};
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

/// A Python of its own with the libraries, below `target`; made unless it is there.
pub(crate) fn set_up() -> Result<PathBuf, String> {
    let folder = root::workspace().join("target/tools/cron-cases");
    let python = folder.join("bin/python");
    let wanted = root::workspace().join(FOLDER).join("requirements.txt");
    if asks(&python, &wanted) {
        return Ok(python);
    }
    let remedy = "it needs python3 with venv, and PyPI for three packages";
    let fails = |e: String| format!("{e}: {remedy}");
    Cmd::new("python3").args(["-m", "venv"]).args([&folder]).within(LIMIT).run().map_err(fails)?;
    let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"];
    Cmd::new(&python).args(install).args([&wanted]).within(LIMIT).run().map_err(fails)?;
    // Written last: a half-made one is made again.
    let text = std::fs::read(&wanted).map_err(|e| e.to_string())?;
    std::fs::write(python.with_file_name("made-for"), text).map_err(|e| e.to_string())?;
    Ok(python)
}

/// Whether this Python was made for these requirements.
fn asks(python: &Path, wanted: &Path) -> bool {
    let made_for = std::fs::read(python.with_file_name("made-for"));
    made_for.ok().is_some_and(|made_for| std::fs::read(wanted).is_ok_and(|wanted| wanted == made_for))
}
