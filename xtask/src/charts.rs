//! `cargo xtask charts`: what only a browser and a release build can show of the charts.

use crate::run::Cmd;
use crate::{browser, gallery, root};
use std::path::Path;
use std::time::Duration;

/// The checks take about a minute; more means that a browser hangs.
const LIMIT: Duration = Duration::from_secs(8 * 60);

/// Builds the gallery, weighs what charts add to a page, and uses every chart in a headless browser.
pub(crate) fn run() -> Result<(), String> {
    let pages = gallery::build()?;
    weigh(&pages)?;
    check("check.mjs", &pages, &[])
}

/// The long form: a chart that moves ten times a second, for ten minutes.
pub(crate) fn live(args: &[String]) -> Result<(), String> {
    check("live.mjs", &gallery::build()?, args)
}

fn scripts() -> std::path::PathBuf {
    root::workspace().join("crates/forge-charts/tests/browser")
}

fn weigh(pages: &Path) -> Result<(), String> {
    browser::install(&scripts())?;
    Cmd::new("node").args([scripts().join("weigh.mjs").as_path(), pages]).within(LIMIT).run()
}

fn check(script: &str, pages: &Path, args: &[String]) -> Result<(), String> {
    browser::install(&scripts())?;
    Cmd::new("node")
        .args([scripts().join(script).as_path(), pages])
        .args(args)
        .env("CHROMIUM", browser::find()?)
        .within(LIMIT.max(Duration::from_secs(20 * 60)))
        .run()
}
