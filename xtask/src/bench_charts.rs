//! `cargo xtask bench-charts`: the charts beside other libraries, in one page and one browser.

use crate::run::Cmd;
use crate::{browser, root, wasm};
use std::time::Duration;

/// Three rounds take about three minutes.
const LIMIT: Duration = Duration::from_secs(30 * 60);
/// What is not ours on the page, from npm.
const FILES: [&str; 2] = ["uPlot.esm.js", "uPlot.min.css"];

/// Builds the page with everything on it, and measures; arguments go to `bench.mjs`.
pub(crate) fn run(args: &[String]) -> Result<(), String> {
    let bench = root::workspace().join("benches/charts");
    let directory = root::target().join("bench-charts");
    for name in ["forge", "chartistry"] {
        wasm::build_page(&bench, name, &directory)?;
    }
    browser::install(&bench)?;
    let copy = |from: std::path::PathBuf, to: std::path::PathBuf| {
        std::fs::copy(&from, &to).map(drop).map_err(|e| format!("{} cannot be copied: {e}", from.display()))
    };
    for name in ["index.html", "page.mjs"] {
        copy(bench.join("page").join(name), directory.join(name))?;
    }
    let uplot = directory.join("uplot");
    std::fs::create_dir_all(&uplot).map_err(|e| format!("{} cannot be made: {e}", uplot.display()))?;
    for name in FILES {
        copy(bench.join("node_modules/uplot/dist").join(name), uplot.join(name))?;
    }
    Cmd::new("node")
        .args([bench.join("bench.mjs"), directory])
        .args(args)
        .env("CHROMIUM", browser::find()?)
        .within(LIMIT)
        .run()
}
