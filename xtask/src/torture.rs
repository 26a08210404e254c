//! `cargo xtask torture`: the long campaigns against real processes.

use crate::run::{Cmd, cargo};
use crate::{charts, panel, root};
use std::time::Duration;

/// All campaigns together take less, unless one hangs.
const LIMIT: Duration = Duration::from_secs(3 * 3_600);

/// Builds the program and its tormentor, and lets them meet. `charts-live` and `panel` are of the browser instead.
pub(crate) fn run(args: &[String]) -> Result<(), String> {
    match args {
        [name, rest @ ..] if name == "charts-live" => return charts::live(rest),
        [name, rest @ ..] if name == "panel" => return panel::scale(rest),
        _ => {}
    }
    cargo(["build", "--quiet", "--package", "forge", "--package", "forge-torture"]).run()?;
    Cmd::new(root::debug_products()?.join("forge-torture")).args(args).within(LIMIT).run()
}
