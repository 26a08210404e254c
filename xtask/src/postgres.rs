//! The PostgreSQL server that tests find, and `cargo xtask postgres`, which starts one for people.

use crate::root;
use crate::run::{Cmd, cargo};
use std::ffi::OsStr;
use std::path::PathBuf;
use std::time::Duration;

/// The variable that leads to a server.
pub(crate) const URL: &str = "FORGE_TEST_POSTGRES_URL";

/// A month: it is meant to run until somebody stops it.
const LIMIT: Duration = Duration::from_secs(30 * 86_400);

/// Starts a server in the foreground, prints its URLs, and stops it at Ctrl-C or when stdin ends.
pub(crate) fn serve(args: &[String]) -> Result<(), String> {
    cargo(["build", "--quiet", "--package", "forge-test-cluster"]).run()?;
    Cmd::new(program()?).args(["serve", "--bouncer"]).args(args).within(LIMIT).run()
}

/// Cargo with these arguments, with a server and a pooler beside it for as long as it runs.
///
/// The program must have been built already. Every way to do that has features of its own, so the caller chooses the
/// one whose other products it needs as well.
pub(crate) fn cargo_with_server<I: AsRef<OsStr>>(args: impl IntoIterator<Item = I>) -> Result<Cmd, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    Ok(Cmd::new(program()?).args(["run", "--bouncer", "--"]).args([cargo]).args(args))
}

/// This very program with these arguments, with a server and a pooler beside it for as long as it runs. The program that
/// starts them must have been built already.
pub(crate) fn own_with_pooler<I: AsRef<OsStr>>(args: impl IntoIterator<Item = I>) -> Result<Cmd, String> {
    let own = std::env::current_exe().map_err(|e| format!("this program has no path: {e}"))?;
    Ok(Cmd::new(program()?).args(["run", "--bouncer", "--"]).args([own]).args(args))
}

/// This very program with these arguments, with a server beside it for as long as it runs.
pub(crate) fn own_with_server<I: AsRef<OsStr>>(args: impl IntoIterator<Item = I>) -> Result<Cmd, String> {
    build_as_for_tests(&["forge-test-cluster"])?;
    let own = std::env::current_exe().map_err(|e| format!("this program has no path: {e}"))?;
    Ok(Cmd::new(program()?).args(["run", "--"]).args([own]).args(args))
}

/// A program with a server as figures are published of: what is committed survives the loss of power, and the log may
/// grow without a checkpoint in the middle of a measurement. Where the variable is set already, that server is taken.
pub(crate) fn with_durable_server(command: impl AsRef<OsStr>) -> Result<Cmd, String> {
    cargo(["build", "--quiet", "--package", "forge-test-cluster"]).run()?;
    let server = ["run", "--durable", "--set", "shared_buffers=1GB", "--set", "max_wal_size=8GB", "--"];
    Ok(Cmd::new(program()?).args(server).args([command]))
}

/// Builds programs with the features that the tests use, so that nothing is built twice: naming a test among what is
/// built makes cargo choose them.
pub(crate) fn build_as_for_tests(programs: &[&str]) -> Result<(), String> {
    let named = programs.iter().flat_map(|program| ["--bin", program]);
    cargo(["build", "--quiet", "--workspace", "--test", "guards"]).args(named).run()
}

fn program() -> Result<PathBuf, String> {
    Ok(root::debug_products()?.join("forge-test-cluster"))
}
