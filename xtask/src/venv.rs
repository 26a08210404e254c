//! Pythons of the workspace's own, below `target`.

use crate::root;
use crate::run::Cmd;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Downloads included.
const LIMIT: Duration = Duration::from_secs(300);

/// A Python with the libraries of a `requirements.txt`, made unless it is there.
pub(crate) fn python(name: &str, requirements: &str) -> Result<PathBuf, String> {
    let folder = root::workspace().join("target/tools").join(name);
    let python = folder.join("bin/python");
    let wanted = root::workspace().join(requirements);
    if is_for(&python, &wanted) {
        return Ok(python);
    }
    let fails =
        |e: String| format!("{e}: it needs python3 with venv, and PyPI for what {requirements} names");
    Cmd::new("python3").args(["-m", "venv"]).args([&folder]).within(LIMIT).run().map_err(fails)?;
    let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"];
    Cmd::new(&python).args(install).args([&wanted]).within(LIMIT).run().map_err(fails)?;
    // Written last: a half-made one is made again.
    let text = std::fs::read(&wanted).map_err(|e| e.to_string())?;
    std::fs::write(python.with_file_name("made-for"), text).map_err(|e| e.to_string())?;
    Ok(python)
}

/// Whether this Python was made for these requirements.
fn is_for(python: &Path, wanted: &Path) -> bool {
    let made_for = std::fs::read(python.with_file_name("made-for"));
    made_for.ok().is_some_and(|made_for| std::fs::read(wanted).is_ok_and(|wanted| wanted == made_for))
}
