//! `cargo xtask torture`: the long campaigns against real processes.

use crate::run::{Cmd, cargo};
use crate::{charts, root};
use std::time::Duration;

/// All campaigns together take less, unless one hangs.
const LIMIT: Duration = Duration::from_secs(3 * 3_600);

/// Builds the program and its tormentor, and lets them meet. `charts-live` is of the browser instead.
pub(crate) fn run(args: &[String]) -> Result<(), String> {
    if let [name, rest @ ..] = args
        && name == "charts-live"
    {
        return charts::live(rest);
    }
    cargo(["build", "--quiet", "--package", "forge", "--package", "forge-torture"]).run()?;
    Cmd::new(root::debug_products()?.join("forge-torture")).args(args).within(LIMIT).run()
}
