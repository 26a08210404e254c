//! The panel: built for wasm32, packed where `forge` embeds it, and used in a browser.

use crate::root;
use crate::wasm::{self, Build};
use std::path::PathBuf;

/// Builds it; with `--check` uses it too.
pub(crate) fn run(args: &[String]) -> Result<(), String> {
    let mut build = Build::Shipped;
    for arg in args {
        match arg.as_str() {
            "--quick" => build = Build::Quick,
            other => return Err(format!("cargo xtask panel knows no {other:?}: there is --quick")),
        }
    }
    wasm::build_panel("forge-panel", build, &dist())?;
    println!("ready: the next `cargo build --package forge` has it, and `forge serve` shows it at /panel");
    Ok(())
}

/// Where the build of `forge` looks for it.
fn dist() -> PathBuf {
    root::workspace().join("crates/forge-jobs-ui/dist")
}
