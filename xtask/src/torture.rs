//! `cargo xtask torture`: the long campaigns against real processes.

use crate::run::{Cmd, cargo};
use crate::{charts, panel, root};
use std::time::Duration;

/// All campaigns together take less, unless one hangs.
const LIMIT: Duration = Duration::from_secs(3 * 3_600);

/// Builds the program and its tormentor, and lets them meet. `charts-live` and `panel` are of the browser instead.
pub(crate) fn run(args: &[String]) -> Result<(), String> {
    match args {
        [name, rest @ ..] if name == "charts-live" => {
            return in_browser(name, "--minutes N", rest, charts::live);
        }
        [name, rest @ ..] if name == "panel" => {
            return in_browser(name, "--short, --minutes N", rest, panel::scale);
        }
        _ => {}
    }
    cargo(["build", "--quiet", "--package", "forge", "--package", "forge-torture"]).run()?;
    Cmd::new(root::debug_products()?.join("forge-torture")).args(args).within(LIMIT).run()
}

/// A campaign of the browser; a slip in its options would be found out after half an hour.
fn in_browser(
    name: &str,
    options: &str,
    args: &[String],
    campaign: fn(&[String]) -> Result<(), String>,
) -> Result<(), String> {
    let mut rest = args;
    loop {
        rest = match rest {
            [] => return campaign(args),
            [short, rest @ ..] if short == "--short" && options.contains("--short") => rest,
            [minutes, n, rest @ ..] if minutes == "--minutes" && n.parse().is_ok_and(|n: f64| n > 0.0) => {
                rest
            }
            [other, ..] => return Err(format!("torture {name} takes {options}, and not {other:?}")),
        };
    }
}
