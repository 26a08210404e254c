//! Prometheus's own tool plays the alert rules of `contrib/prometheus`, and a Prometheus scrapes a server.

use crate::run::Cmd;
use crate::{debian, root, scrape};

/// Checks the rules, what they say of made-up series, and what a Prometheus learns of a running server.
pub(crate) fn run() -> Result<(), String> {
    if !["promtool", "prometheus"].iter().all(|tool| Cmd::new(*tool).args(["--version"]).succeeds()) {
        debian::install(
            &["prometheus"],
            "the alert rules need Prometheus and promtool (Debian: apt-get install prometheus)",
        )?;
    }
    let directory = root::workspace().join("contrib/prometheus");
    Cmd::new("promtool").args(["check", "rules", "forge.rules.yml"]).in_dir(&directory).run()?;
    Cmd::new("promtool").args(["test", "rules", "forge.tests.yml"]).in_dir(&directory).run()?;
    scrape::run()
}
