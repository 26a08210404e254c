//! Prometheus's own tool plays the alert rules of `contrib/prometheus`.

use crate::run::Cmd;
use crate::{debian, root};

/// Checks the rules, and what they say of made-up series.
pub(crate) fn run() -> Result<(), String> {
    if !Cmd::new("promtool").args(["--version"]).succeeds() {
        debian::install(
            &["prometheus"],
            "the alert rules need promtool (Debian: apt-get install prometheus)",
        )?;
    }
    let directory = root::workspace().join("contrib/prometheus");
    Cmd::new("promtool").args(["check", "rules", "forge.rules.yml"]).in_dir(&directory).run()?;
    Cmd::new("promtool").args(["test", "rules", "forge.tests.yml"]).in_dir(&directory).run()
}
