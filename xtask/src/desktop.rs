//! The desktop example: built, and used in a window on a display that nobody sees.

use crate::run::{Cmd, TestCount, cargo};
use crate::wasm::Build;
use crate::{browser, debian, panel, root};
use std::path::PathBuf;
use std::time::Duration;

/// The checks take half a minute; more means that a window or a driver hangs.
const LIMIT: Duration = Duration::from_secs(15 * 60);
/// What the window is made of, what draws it where no display is, what drives it, and what reads the database after.
const PACKAGES: [&str; 8] = [
    "libwebkit2gtk-4.1-dev",
    "webkit2gtk-driver",
    "xvfb",
    "xdotool",
    "dbus-daemon",
    "fonts-dejavu-core",
    "pkg-config",
    "sqlite3",
];
const PROGRAMS: [&str; 6] = ["WebKitWebDriver", "Xvfb", "xdotool", "dbus-run-session", "sqlite3", "node"];

/// Builds the panel quickly, the program with it, and uses both. With `--built` the panel is the one that is there already.
pub(crate) fn run(args: &[String]) -> Result<(), String> {
    set_up()?;
    if let [first, words @ ..] = args
        && first == "--built"
    {
        return use_it(words).map(drop);
    }
    panel::build(Build::Quick)?;
    use_it(args).map(drop)
}

/// The step of `cargo xtask test` that compiles: the program with the panel that a step before has built, and its tests.
pub(crate) fn build() -> Result<(), String> {
    panel::build_unless_there(Build::Shipped)?;
    // In one go: tests make other features of what both need, and all of that would be compiled twice.
    example_cargo(&["build", "--all-targets"]).run()
}

/// The step that uses what was built.
pub(crate) fn check() -> Result<TestCount, String> {
    use_it(&[])
}

/// Makes sure that the program can be built and shown here.
pub(crate) fn set_up() -> Result<(), String> {
    let found = || {
        Cmd::new("pkg-config").args(["--exists", "webkit2gtk-4.1", "gtk+-3.0"]).succeeds()
            && PROGRAMS.iter().all(|name| browser::on_path(name).is_some())
    };
    if found() {
        return Ok(());
    }
    let mut packages = PACKAGES.to_vec();
    // Whoever has one of their own keeps it.
    if browser::on_path("node").is_none() {
        packages.push("nodejs");
    }
    let by_hand = format!(
        "the window of examples/desktop needs WebKitGTK and a display (Debian: apt-get install {})",
        packages.join(" ")
    );
    debian::install(&packages, &by_hand)?;
    if found() { Ok(()) } else { Err(format!("the packages lack something. {by_hand}")) }
}

/// Cargo for the example. The directory is the one of everything else: what both workspaces build alike is built once.
fn example_cargo(what: &[&str]) -> Cmd {
    cargo(what)
        .args(["--locked", "--manifest-path"])
        .args([root::workspace().join("examples/desktop/Cargo.toml")])
        .env("CARGO_TARGET_DIR", root::target())
}

fn use_it(words: &[String]) -> Result<TestCount, String> {
    build()?;
    let count = example_cargo(&["test", "--quiet"]).run_tests()?;
    let program = root::target().join("debug").join(format!("forge-desktop{}", std::env::consts::EXE_SUFFIX));
    let script = root::workspace().join("examples/desktop/tests/check.mjs");
    let args: [PathBuf; 2] = [script, program];
    Cmd::new("dbus-run-session").args(["--", "node"]).args(args).args(words).within(LIMIT).run()?;
    Ok(count)
}
