//! The desktop example: built, and used in a window on a display that nobody sees.

use crate::run::{Cmd, cargo};
use crate::wasm::Build;
use crate::{browser, debian, panel, root};
use std::path::PathBuf;
use std::time::Duration;

/// The checks take half a minute; more means that a window or a driver hangs.
const LIMIT: Duration = Duration::from_secs(5 * 60);
/// What the window is made of, what draws it where no display is, what drives it, and what reads the database after.
const PACKAGES: [&str; 8] = [
    "libwebkit2gtk-4.1-dev",
    "webkit2gtk-driver",
    "xvfb",
    "xdotool",
    "dbus-x11",
    "fonts-dejavu-core",
    "pkg-config",
    "sqlite3",
];
const PROGRAMS: [&str; 5] = ["WebKitWebDriver", "Xvfb", "xdotool", "dbus-run-session", "sqlite3"];

/// Builds the panel, the program with it, and uses both. With `--built` the panel is the one that is there already.
pub(crate) fn run(args: &[String]) -> Result<(), String> {
    set_up()?;
    if let [first, words @ ..] = args
        && first == "--built"
    {
        panel::build_unless_there(Build::Shipped)?;
        return use_it(words);
    }
    panel::build(Build::Quick)?;
    use_it(args)
}

/// Makes sure that the program can be built and shown here.
fn set_up() -> Result<(), String> {
    let found = || {
        Cmd::new("pkg-config").args(["--exists", "webkit2gtk-4.1", "gtk+-3.0"]).succeeds()
            && PROGRAMS.iter().all(|name| browser::on_path(name).is_some())
    };
    if found() {
        return Ok(());
    }
    let by_hand = format!(
        "the window of examples/desktop needs WebKitGTK and a display (Debian: apt-get install {})",
        PACKAGES.join(" ")
    );
    debian::install(&PACKAGES, &by_hand)?;
    if found() { Ok(()) } else { Err(format!("the packages lack something. {by_hand}")) }
}

fn use_it(words: &[String]) -> Result<(), String> {
    let example = root::workspace().join("examples/desktop");
    // The same directory: what both workspaces build alike is built once.
    let build = |what: &[&str]| {
        cargo(what)
            .args(["--locked", "--manifest-path"])
            .args([example.join("Cargo.toml")])
            .env("CARGO_TARGET_DIR", root::target())
    };
    build(&["build"]).run()?;
    build(&["test", "--quiet"]).run_tests()?;
    let program = root::target().join("debug").join(format!("forge-desktop{}", std::env::consts::EXE_SUFFIX));
    let script = example.join("tests/check.mjs");
    let args: [PathBuf; 2] = [script, program];
    Cmd::new("dbus-run-session").args(["--", "node"]).args(args).args(words).within(LIMIT).run()
}
