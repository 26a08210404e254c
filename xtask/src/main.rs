//! The workspace's own tool, `cargo xtask <command>`: every command does all of its own set-up.

mod alerts;
mod bench_charts;
mod bench_http;
mod beside;
mod book;
mod browser;
mod charts;
mod conformance;
mod cron_cases;
mod debian;
mod demo;
mod desktop;
mod features;
mod gallery;
mod guards;
mod lints;
mod packages;
mod panel;
mod peers;
mod postgres;
mod programs;
mod root;
mod run;
mod schema;
mod schemathesis;
mod scrape;
mod serving;
mod suite;
mod tidy;
mod torture;
mod venv;
mod wasm;

use std::process::ExitCode;

const HELP: &str = "\
usage: cargo xtask <command>

  demo [ARGS]      build and run `forge demo` on the current directory; ARGS go to it (try --help)
  test [STEP …]    run every test there is, or the steps that are named, cheapest first; stops at the first step that
                   fails
  tidy             check the text rules: rings, module docs, links, ADRs, attributes, blocks of Rust in documents
  mutate-guards    remove one guard of the storage after the other and show which rule goes red
  conformance      try every rule on every storage and write docs/conformance.md
  cron-cases       compare the fires in crates/forge-jobs/tests/cron/*.json with Python's (--write: write them anew)
  schema           write crates/forge-jobs/tests/schema/*.sql anew from a fresh database
  schemathesis     send what the OpenAPI document allows, and what it does not, to servers on both storages (--seconds N
                   each; 20 unless told otherwise)
  book             do what docs/tutorial.md and docs/on-call.md tell readers to do, and compare what is printed (--real:
                   Cargo builds the tutorial's program as it does for a reader; takes minutes)
  packages         compare what `cargo package` would take along with xtask/packages.txt (--write: write that anew)
  postgres [ARGS]  run a fresh PostgreSQL and PgBouncer until Ctrl-C, and print their URLs (--durable: commits survive
                   the loss of power; --set NAME=VALUE: a setting of the server)
  torture [ARGS]   do harm to real worker processes for minutes, and audit what they leave behind (try --help);
                   `torture charts-live` moves a chart ten times a second for ten minutes in a browser, and
                   `torture panel` keeps the panel open for half an hour beside a million jobs (--short: seconds)
  peers [ARGS]     measure `forge bench` and other job queues in turns (--rounds N, --quick, --dir DIR), and print one
                   table; `peers postgres [ARGS]` does so on a durable PostgreSQL of its own
  alerts           play Prometheus's alert rules, and have a Prometheus scrape a running server
  charts           use the gallery in a headless Chromium, and weigh what the charts add to a page
  bench-charts     measure the charts and other libraries in turns (--rounds N), and print one table
  panel [ARGS]     build the panel into forge-jobs-ui's directory, from where the next build of `forge` takes it
                   (--quick: large, and built in seconds; --check: use it in a headless Chromium, on both storages;
                   --mock: the one on a queue that is made up)
  desktop [WORD…]  build the desktop example with the panel, and use its window on a display that nobody sees; words pick
                   the checks whose name holds one of them (--built first: with the panel that is there)
  bench-http       measure the read routes of `forge serve` with wrk, and print one table (--program FILE: built already)
  gallery          build the page with each chart and each state, and say where it is
  wasm-toolchain   make sure that code for wasm32 can be built here, and say with what
";

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let command = args.next().unwrap_or_default();
    let rest: Vec<String> = args.collect();
    let result = match (command.as_str(), rest.as_slice()) {
        ("demo", _) => demo::run(&rest),
        ("test", _) => suite::run(&rest),
        ("cron-cases", _) => cron_cases::run(&rest),
        ("peers", _) => peers::run(&rest),
        ("postgres", _) => postgres::serve(&rest),
        ("torture", _) => torture::run(&rest),
        ("tidy", []) => tidy::run(),
        ("mutate-guards", []) => guards::run(),
        ("conformance", []) => conformance::run(),
        ("schema", []) => schema::run(),
        ("alerts", []) => alerts::run(),
        ("charts", []) => charts::run(),
        ("bench-http", _) => bench_http::run(&rest),
        ("bench-charts", _) => bench_charts::run(&rest),
        ("packages", _) => packages::run(&rest),
        ("book", _) => book::run(&rest),
        ("schemathesis", _) => schemathesis::run(&rest),
        // Not for people: what the step `tests` runs beside a server.
        ("run-test-programs", []) => programs::run(),
        ("panel", _) => panel::run(&rest),
        ("desktop", _) => desktop::run(&rest),
        ("gallery", []) => gallery::run(),
        ("wasm-toolchain", []) => wasm::show(),
        ("" | "help" | "-h" | "--help", _) => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        (
            "tidy" | "mutate-guards" | "conformance" | "schema" | "alerts" | "charts" | "gallery"
            | "wasm-toolchain",
            extra,
        ) => {
            eprintln!("cargo xtask {command} takes no arguments, got {extra:?}");
            return ExitCode::from(2);
        }
        (unknown, _) => {
            eprintln!("there is no command {unknown:?}\n\n{HELP}");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("\nerror: {e}");
            ExitCode::FAILURE
        }
    }
}
