//! `cargo xtask peers`: `forge bench` beside other job queues, in one run.

use crate::run::{Cmd, cargo};
use crate::{postgres, root};
use std::path::Path;
use std::time::Duration;

/// Each links another SQLite, so each is a workspace of its own.
const ON_SQLITE: [&str; 4] = ["effectum", "honker", "apalis", "compare"];
/// The first is one workspace with several programs.
const ON_POSTGRES: [&str; 2] = ["postgres", "compare"];
/// Three rounds take a quarter of it.
const LIMIT: Duration = Duration::from_secs(2 * 3_600);

/// Builds everything with optimisation, and runs it in turns: on files, or after the word `postgres` on a server.
pub(crate) fn run(args: &[String]) -> Result<(), String> {
    let target = root::workspace().join("target");
    let peers = target.join("peers");
    let compare = peers.join("release/peer-compare");
    cargo(["build", "--release", "--package", "forge"]).run()?;
    let (cmd, args) = match args {
        [database, rest @ ..] if database == "postgres" => {
            build(&ON_POSTGRES, &peers)?;
            (postgres::with_durable_server(&compare)?.args(["--database-env", postgres::URL]), rest)
        }
        rest => {
            build(&ON_SQLITE, &peers)?;
            (Cmd::new(compare), rest)
        }
    };
    cmd.args(["--forge".into(), target.join("release/forge")])
        .args(["--peers".into(), peers.join("release")])
        .args(args)
        .within(LIMIT)
        .run()
}

fn build(workspaces: &[&str], target: &Path) -> Result<(), String> {
    for workspace in workspaces {
        let manifest = root::workspace().join("benches/peers").join(workspace).join("Cargo.toml");
        cargo(["build", "--release", "--locked", "--manifest-path"])
            .args([manifest])
            .env("CARGO_TARGET_DIR", target)
            .run()?;
    }
    Ok(())
}
