//! The panel: built for wasm32, packed where `forge` embeds it, and used in a browser.

use crate::postgres::build_as_for_tests;
use crate::run::Cmd;
use crate::wasm::{self, Build};
use crate::{browser, root};
use std::path::PathBuf;
use std::time::Duration;

/// The checks take a minute or two; more means that a browser or a server hangs.
const LIMIT: Duration = Duration::from_secs(15 * 60);

/// Builds it; with `--check` uses it too.
pub(crate) fn run(args: &[String]) -> Result<(), String> {
    let (mut build, mut checked, mut made_up) = (Build::Shipped, false, false);
    let mut words: Vec<&String> = Vec::new();
    for arg in args {
        match arg.as_str() {
            "--quick" => build = Build::Quick,
            "--check" => checked = true,
            "--mock" => made_up = true,
            word if checked && !word.starts_with('-') => words.push(arg),
            other => {
                return Err(format!(
                    "cargo xtask panel knows no {other:?}: there are --quick, --mock and --check [WORD…]"
                ));
            }
        }
    }
    if made_up {
        let page = mock(build)?;
        return if checked { use_mock(&page) } else { Ok(()) };
    }
    wasm::build_panel("forge-panel", build, &dist())?;
    if checked {
        return use_it(&words);
    }
    println!("ready: the next `cargo build --package forge` has it, and `forge serve` shows it at /panel");
    Ok(())
}

/// What [`check`] uses: the panel as it is shipped, and the one on a made-up queue.
pub(crate) fn build() -> Result<PathBuf, String> {
    wasm::build_panel("forge-panel", Build::Shipped, &dist())?;
    mock(Build::Quick)
}

/// The step of `cargo xtask test`: the panel as it is shipped, used in a browser.
pub(crate) fn check() -> Result<(), String> {
    let page = build()?;
    use_it(&[])?;
    use_mock(&page)
}

/// The panel on a queue that is made up, as a directory to be served: what it needs is below `assets`.
fn mock(build: Build) -> Result<PathBuf, String> {
    let directory = root::target().join("panel/mock");
    wasm::build_panel("forge-panel-mock", build, &directory)?;
    let named = |stem: &str, end: &str| {
        let entries = std::fs::read_dir(&directory).into_iter().flatten().filter_map(Result::ok);
        let mut names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        names.find(|name| name.starts_with(stem) && name.ends_with(end)).unwrap_or_default()
    };
    let page = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Mission Control</title>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><link rel=\"icon\" href=\"data:,\">\n\
         <link rel=\"stylesheet\" href=\"/assets/{}\">\n<script type=\"module\" src=\"/assets/{}\"></script></head>\n\
         <body><div id=\"forge-panel\" data-base=\"/ops\"></div></body></html>\n",
        named("panel", ".css"),
        named("start", ".js")
    );
    let file = directory.join("index.html");
    std::fs::write(&file, page).map_err(|e| format!("{} cannot be written: {e}", file.display()))?;
    println!("the made-up queue is in {}", directory.display());
    Ok(directory)
}

fn use_mock(page: &std::path::Path) -> Result<(), String> {
    let scripts = root::workspace().join("crates/forge-jobs-ui/tests/browser");
    browser::install(&scripts)?;
    let args = [scripts.join("mock.mjs"), page.to_owned()];
    Cmd::new("node").args(args).env("CHROMIUM", browser::find()?).within(LIMIT).run()
}

fn use_it(words: &[&String]) -> Result<(), String> {
    let scripts = root::workspace().join("crates/forge-jobs-ui/tests/browser");
    browser::install(&scripts)?;
    build_as_for_tests("forge")?;
    let forge = root::debug_products()?.join(format!("forge{}", std::env::consts::EXE_SUFFIX));
    Cmd::new("node")
        .args([scripts.join("check.mjs")])
        .args(words)
        .env("CHROMIUM", browser::find()?)
        .env("FORGE", forge)
        .within(LIMIT)
        .run()
}

/// For the demo: built where that needs nothing but a compiler that is here. Else the program says how.
pub(crate) fn build_if_missing() {
    let is_there = std::fs::read_dir(dist())
        .into_iter()
        .flatten()
        .filter_map(Result::ok)
        .any(|entry| entry.file_name().to_string_lossy().ends_with(".wasm"));
    if is_there {
        return;
    }
    if !wasm::is_ready() {
        println!(
            "There is no compiler for wasm32 here, so the demo has no panel: `cargo xtask panel` says how to get one.\n"
        );
        return;
    }
    if let Err(e) = wasm::build_panel("forge-panel", Build::Quick, &dist()) {
        println!("The panel cannot be built ({e}); the demo goes on without it.\n");
    }
}

/// Where the build of `forge` looks for it.
fn dist() -> PathBuf {
    root::workspace().join("crates/forge-jobs-ui/dist")
}
