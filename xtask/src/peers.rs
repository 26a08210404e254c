//! `cargo xtask peers`: `forge bench` beside other job queues, in one run.

use crate::root;
use crate::run::{Cmd, cargo};
use std::time::Duration;

/// Each links another SQLite, so each is a workspace of its own.
const PACKAGES: [&str; 4] = ["effectum", "honker", "apalis", "compare"];
/// Three rounds take a quarter of it.
const LIMIT: Duration = Duration::from_secs(2 * 3_600);

/// Builds everything with optimisation, and runs it in turns.
pub(crate) fn run(args: &[String]) -> Result<(), String> {
    let target = root::workspace().join("target");
    let peers = target.join("peers");
    cargo(["build", "--release", "--package", "forge"]).run()?;
    for package in PACKAGES {
        let manifest = root::workspace().join("benches/peers").join(package).join("Cargo.toml");
        cargo(["build", "--release", "--locked", "--manifest-path"])
            .args([manifest])
            .env("CARGO_TARGET_DIR", &peers)
            .run()?;
    }
    Cmd::new(peers.join("release/peer-compare"))
        .args(["--forge".into(), target.join("release/forge")])
        .args(["--peers".into(), peers.join("release")])
        .args(args)
        .within(LIMIT)
        .run()
}
