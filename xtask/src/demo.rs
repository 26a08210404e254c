//! `cargo xtask demo`: the first thing that a newcomer runs.

use crate::panel;
use crate::run::{Cmd, cargo};

/// Builds the binary and runs its demo on the current directory. A debug build: a newcomer should not wait for more.
pub(crate) fn run(args: &[String]) -> Result<(), String> {
    println!("Building `forge` (a debug build; the first one takes a few minutes), then running its demo:");
    println!("it queues one job per file of the current directory, hashes them all on an embedded SQLite");
    println!("database, and writes SHA256SUMS. Kill it at any moment and start it again: it goes on.");
    println!("Beside it the panel shows what is going on, at the address that the demo prints.\n");
    panel::build_if_missing();
    let cmd = cargo(["build", "--package", "forge", "--bin", "forge"]);
    cmd.run()?;
    // Not `cargo run`: it would run in the right directory too, but turn every exit code into its own message.
    let forge = crate::root::debug_products()?.join(format!("forge{}", std::env::consts::EXE_SUFFIX));
    Cmd::new(forge).args(["demo"]).args(args).in_current_dir().run()
}
