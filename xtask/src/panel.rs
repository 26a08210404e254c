//! The panel: built for wasm32, packed where `forge` embeds it, and used in a browser.

use crate::postgres::build_as_for_tests;
use crate::run::Cmd;
use crate::wasm::{self, Build};
use crate::{browser, root};
use std::path::PathBuf;
use std::time::Duration;

/// The checks of both storages, side by side, take some ten minutes; far more means that a browser or a server hangs.
const LIMIT: Duration = Duration::from_secs(40 * 60);

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
        return if checked { use_mock(&page, &words) } else { Ok(()) };
    }
    wasm::build_panel("forge-panel", build, &dist())?;
    if checked {
        return use_it(&words);
    }
    println!("ready: the next `cargo build --package forge` has it, and `forge serve` shows it at /panel");
    Ok(())
}

/// What [`check`] uses: the panel as it is shipped, and the one on a made-up queue.
pub(crate) fn build_all() -> Result<PathBuf, String> {
    build(Build::Shipped)?;
    mock(Build::Quick)
}

/// The step of `cargo xtask test`: the panel as it is shipped, used in a browser.
pub(crate) fn check() -> Result<(), String> {
    let page = build_all()?;
    use_it(&[])?;
    scale_short()?;
    use_mock(&page, &[])
}

/// The panel beside a great many jobs while work is done, in the form of seconds: what it may have on the page, and how long
/// it may be busy at a time.
fn scale_short() -> Result<(), String> {
    let programs = Programs::build()?;
    programs.script("scale.mjs", Storage::Sqlite)?.args(["--short"]).within(LIMIT).run()
}

/// The long form: a million jobs, and half an hour of work.
pub(crate) fn scale(args: &[String]) -> Result<(), String> {
    wasm::build_panel("forge-panel", Build::Shipped, &dist())?;
    browser::install(&scripts())?;
    let programs = Programs::build()?;
    programs.script("scale.mjs", Storage::Sqlite)?.args(args).within(Duration::from_secs(3_600)).run()
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

/// The checks that both storages have, on the made-up queue.
fn use_mock(page: &std::path::Path, words: &[&String]) -> Result<(), String> {
    browser::install(&scripts())?;
    let cmd =
        Cmd::new("node").args([scripts().join("check.mjs")]).args(words).env("CHROMIUM", browser::find()?);
    cmd.env("STORAGE", "mock").env("PAGE", page).env("SHARED", "1").within(LIMIT).run()
}

/// The programs that the checks start, as `cargo build` leaves them.
pub(crate) struct Programs {
    forge: PathBuf,
    database: PathBuf,
    cluster: PathBuf,
}

impl Programs {
    pub(crate) fn build() -> Result<Self, String> {
        build_as_for_tests(&["forge", "forge-db", "forge-test-cluster"])?;
        let products = root::debug_products()?;
        let program = |name: &str| products.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
        Ok(Self {
            forge: program("forge"),
            database: program("forge-db"),
            cluster: program("forge-test-cluster"),
        })
    }

    /// A script on a storage; on PostgreSQL with a server beside it.
    pub(crate) fn script(&self, name: &str, storage: Storage) -> Result<Cmd, String> {
        let script = scripts().join(name);
        let (cmd, word) = match storage {
            Storage::Sqlite => (Cmd::new("node").args([script]), "sqlite"),
            Storage::Postgres => {
                let server = Cmd::new(self.cluster.as_os_str()).args(["run", "--", "node"]);
                (server.args([script]), "postgres")
            }
        };
        let cmd = cmd.env("STORAGE", word).env("CHROMIUM", browser::find()?);
        Ok(cmd.env("FORGE", &self.forge).env("FORGE_DB", &self.database))
    }
}

/// Where the checked server has its jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Storage {
    Sqlite,
    Postgres,
}

fn scripts() -> PathBuf {
    root::workspace().join("crates/forge-jobs-ui/tests/browser")
}

/// The same checks on both storages, side by side: much of a check is waiting.
fn use_it(words: &[&String]) -> Result<(), String> {
    browser::install(&scripts())?;
    let programs = Programs::build()?;
    let check =
        |storage| programs.script("check.mjs", storage)?.args(words).env("SHARED", "1").within(LIMIT).run();
    std::thread::scope(|scope| {
        let postgres = scope.spawn(|| check(Storage::Postgres));
        let sqlite = check(Storage::Sqlite);
        sqlite.and(postgres.join().map_err(|_| "the thread with PostgreSQL has panicked")?)
    })
}

/// The panel alone, for a program that embeds it.
pub(crate) fn build(build: Build) -> Result<(), String> {
    wasm::build_panel("forge-panel", build, &dist())
}

/// The same, unless a step before has built it.
pub(crate) fn build_unless_there(how: Build) -> Result<(), String> {
    if is_there() { Ok(()) } else { build(how) }
}

/// Whether it is where programs take it from.
fn is_there() -> bool {
    let entries = std::fs::read_dir(dist()).into_iter().flatten().filter_map(Result::ok);
    entries.into_iter().any(|entry| entry.file_name().to_string_lossy().ends_with(".wasm"))
}

/// For the demo: built where that needs nothing but a compiler that is here, or a target that rustup fetches. Else it is
/// told what to type.
pub(crate) fn build_if_missing() {
    if is_there() {
        return;
    }
    if !wasm::make_ready() {
        println!(
            "The demo has no panel: {}\nThen `cargo xtask panel` builds it; start the demo again.\n",
            wasm::by_hand()
        );
        return;
    }
    if let Err(e) = build(Build::Quick) {
        println!("The panel cannot be built ({e}); the demo goes on without it.\n");
    }
}

/// Where the build of `forge` looks for it.
fn dist() -> PathBuf {
    root::workspace().join("crates/forge-jobs-ui/dist")
}
