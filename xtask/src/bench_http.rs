//! `cargo xtask bench-http`: how many requests a second `forge serve` answers on its read routes, by `wrk`.

use crate::run::{Cmd, cargo};
use crate::serving::{Scratch, Serving};
use crate::{debian, root};
use std::fmt::Write as _;
use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// Jobs in the database.
const JOBS: u32 = 10_000;
/// Connections at a time.
const CONNECTIONS: &str = "8";
/// Seconds for each route.
const SECONDS: u64 = 5;
/// What is asked for.
const ROUTES: [&str; 10] = [
    "/api/v1/me",
    "/api/v1/overview",
    "/api/v1/queues",
    "/api/v1/jobs?limit=50",
    "/api/v1/jobs?status=pending&queue=mail&limit=50",
    "/api/v1/metrics/timeline",
    "/api/v1/metrics/totals?by=queue",
    "/api/v1/errors",
    "/api/v1/schedules",
    "/metrics",
];

/// Measures each route by itself; `--program FILE` takes a program that was built already.
pub(crate) fn run(args: &[String]) -> Result<(), String> {
    let program = match args {
        [] => {
            cargo(["build", "--release", "--package", "forge"]).run()?;
            root::target().join("release/forge")
        }
        [option, file] if option == "--program" => file.into(),
        _ => return Err(format!("cargo xtask bench-http takes --program FILE or nothing, got {args:?}")),
    };
    // It says its version and fails.
    if Cmd::new("wrk").args(["-v"]).output().is_err_and(|e| e.contains("does not start")) {
        debian::install(&["wrk"], "it needs wrk (Debian: apt-get install wrk)")?;
    }
    let scratch = Scratch::new("bench-http")?;
    let url = format!("sqlite:{}", scratch.0.join("jobs.db").display());
    fill(&program, &url, &scratch.0)?;
    let bounds = ["--connections", "512", "--connections-per-peer", "512"];
    let serving = Serving::start(&program, &url, &scratch.0, "viewer", &bounds)?;
    println!("{JOBS} jobs, {CONNECTIONS} connections, {SECONDS} s each\n");
    println!("{:<50} {:>10} {:>9} {:>9}  not 2xx", "route", "a second", "p50", "p99");
    for route in ROUTES {
        println!("{}", measure(&serving, route)?);
    }
    Ok(())
}

fn fill(program: &Path, url: &str, scratch: &Path) -> Result<(), String> {
    let mut lines = String::new();
    for n in 0..JOBS {
        // A string takes whatever is written to it.
        let _ = writeln!(lines, r#"{{"kind":"k{}","payload":{{"n":{n}}},"queue":"mail"}}"#, n % 7);
    }
    let file = scratch.join("jobs.jsonl");
    std::fs::write(&file, lines).map_err(|e| format!("{}: {e}", file.display()))?;
    let lines = File::open(&file).map_err(|e| format!("{}: {e}", file.display()))?;
    let mut enqueue = Command::new(program);
    enqueue.args(["enqueue", "-", "--database", url]).current_dir(scratch).stdin(lines);
    let ended = enqueue.stdout(Stdio::null()).stderr(Stdio::null()).status();
    match ended {
        Ok(status) if status.success() => Ok(()),
        ended => Err(format!("the jobs could not be enqueued: {ended:?}")),
    }
}

/// A line of the table.
fn measure(serving: &Serving, route: &str) -> Result<String, String> {
    let header = format!("Authorization: Bearer {}", serving.token());
    let (time, url) = (format!("{SECONDS}s"), format!("{}{route}", serving.url()));
    let said = Cmd::new("wrk")
        .args(["-t", "2", "-c", CONNECTIONS, "-d", &time, "--latency", "-H", &header, &url])
        .within(Duration::from_secs(SECONDS + 30))
        .output()?;
    let after = |word: &str| {
        let line = said.lines().find_map(|line| line.trim().strip_prefix(word));
        line.map(|rest| rest.trim().to_owned())
    };
    let rate = after("Requests/sec:").ok_or_else(|| format!("wrk says nothing of {route}: {said}"))?;
    let [p50, p99] = ["50%", "99%"].map(|at| after(at).unwrap_or_default());
    let failed = after("Non-2xx or 3xx responses:").unwrap_or_else(|| "0".into());
    Ok(format!("{route:<50} {rate:>10} {p50:>9} {p99:>9}  {failed}"))
}
