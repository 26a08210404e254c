//! `cargo xtask test`: every test there is.

use crate::beside::Beside;
use crate::run::{Cmd, TestCount, cargo};
use crate::{
    alerts, book, charts, conformance, cron_cases, desktop, features, gallery, guards, lints, packages,
    panel, programs, root, schemathesis, tidy, wasm,
};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Random tests play the same cases in each run, so that a change is judged by itself; run alone they look for new ones.
const SEED: &str = "20261129";
/// Longest time that one example may take. They are small; a minute means that one hangs.
const EXAMPLE_LIMIT: Duration = Duration::from_secs(60);

/// How a step ended.
pub(crate) enum End {
    Done,
    Tests(TestCount),
    /// It could not run here; why, and the remedy.
    Skipped(String),
    Failed(String),
}

/// What the summary says before the reason.
pub(crate) const SKIPPED: &str = "SKIPPED: ";

/// A line of the summary.
struct Line {
    name: &'static str,
    took: Duration,
    end: End,
}

type Step = (&'static str, fn() -> Result<End, String>);

/// In order: what fails soonest comes first, the examples use what the tests have built, and what waits for nothing but a
/// compiler comes last, so that it compiles while browsers are at work.
const STEPS: [Step; 19] = [
    ("tidy", || tidy::run().map(|()| End::Done)),
    ("build", build),
    ("tests", tests),
    ("cron-cases", cron_fires),
    ("mutate-guards", || guards::run().map(|()| End::Done)),
    ("examples", examples),
    ("book", || book::run(&[]).map(|()| End::Done)),
    ("packages", || packages::run(&[]).map(|()| End::Done)),
    ("alerts", || alerts::run().map(|()| End::Done)),
    ("schemathesis", made_up_requests),
    ("pages", pages),
    ("charts", || charts::run().map(|()| End::Done)),
    ("panel", || panel::check().map(|()| End::Done)),
    ("desktop", || with_a_window(|| desktop::build().map(|()| End::Done))),
    ("window", || with_a_window(|| desktop::check().map(End::Tests))),
    ("docs", docs),
    ("wasm32", || wasm::check().map(|()| End::Done)),
    ("features", single_features),
    ("cargo-deny", deny),
];

/// What only compiles, and so runs beside the others from [`WAITING`] on where both are asked for: first what others need.
const COMPILING: [&str; 6] = ["pages", "desktop", "docs", "wasm32", "features", "cargo-deny"];
/// The step with which they begin.
const WAITING: &str = "tests";

/// Runs the steps, or those that are named, until one fails, then prints what was run.
pub(crate) fn run(names: &[String]) -> Result<(), String> {
    if let Some(unknown) = names.iter().find(|name| !STEPS.iter().any(|(step, _)| step == name)) {
        let steps = STEPS.map(|(name, _)| name).join(", ");
        return Err(format!("there is no step {unknown:?}; the steps are {steps}"));
    }
    // The tests are those that were built just now, and not some of an earlier day.
    let is_in = |step: &str| names.iter().any(|name| name == step);
    let asked = |step: &str| names.is_empty() || is_in(step) || (step == "build" && is_in("tests"));
    let started = Instant::now();
    let (mut lines, mut beside) = (Vec::new(), None);
    for (name, step) in STEPS.into_iter().filter(|(step, _)| asked(step)) {
        println!("\n=== {name}");
        if name == WAITING {
            beside = Some(Beside::start(COMPILING.into_iter().filter(|step| asked(step)).collect()));
        }
        let at = Instant::now();
        let elsewhere = beside.as_mut().and_then(|beside: &mut Beside| beside.end_of(name));
        let (took, end) = elsewhere.unwrap_or_else(|| {
            let end = step().unwrap_or_else(End::Failed);
            (at.elapsed(), end)
        });
        let failed = matches!(end, End::Failed(_));
        lines.push(Line { name, took, end });
        if failed {
            break;
        }
    }
    drop(beside);
    println!("\n{}", summary(&lines, started.elapsed(), asked));
    judge(&lines, std::env::var_os("CI").is_some())
}

/// A step that was skipped is told to a person. Where nobody reads it, it is a failure: what was not run is not green.
fn judge(lines: &[Line], is_ci: bool) -> Result<(), String> {
    let wrong = lines.iter().find_map(|line| match &line.end {
        End::Failed(why) => Some((line.name, why)),
        End::Skipped(why) if is_ci => Some((line.name, why)),
        _ => None,
    });
    wrong.map_or(Ok(()), |(name, why)| Err(format!("step {name}: {why}")))
}

fn summary(lines: &[Line], took: Duration, asked: impl Fn(&str) -> bool) -> String {
    let row = |name: &str, seconds: &str, result: &str| format!("{name:<14} {seconds:>7}  {result}");
    let shown = |took: Duration| format!("{:.1}", took.as_secs_f64());
    let mut rows = vec![row("step", "seconds", "result")];
    rows.extend(lines.iter().map(|line| {
        let result = match &line.end {
            End::Done | End::Tests(_) => "ok",
            End::Skipped(why) => &format!("{SKIPPED}{why}"),
            End::Failed(_) => "FAILED",
        };
        row(line.name, &shown(line.took), result)
    }));
    let missing =
        STEPS.iter().filter(|(name, _)| asked(name) && !lines.iter().any(|line| line.name == *name));
    rows.extend(missing.map(|(name, _)| row(name, "-", "not run")));
    rows.push(row("in all", &shown(took), ""));
    let counts =
        lines.iter().filter_map(|line| if let End::Tests(count) = line.end { Some(count) } else { None });
    if let Some(TestCount { programs, passed, failed, ignored }) = counts.reduce(TestCount::and) {
        rows.push(format!(
            "tests of {programs} programs: {passed} passed; {failed} failed; {ignored} ignored"
        ));
    }
    rows.join("\n")
}

/// Everything is built before the server is started: with it the program that starts the server, and a compiler at work
/// needs no server beside it. Doctests are built when they run, so they are run here.
fn build() -> Result<End, String> {
    programs::build()?;
    Ok(End::Tests(cargo(["test", "--workspace", "--doc"]).run_tests()?))
}

fn tests() -> Result<End, String> {
    let run = programs::with_server()?.env("PROPTEST_RNG_SEED", SEED);
    let (count, found) = run.run_rules()?;
    conformance::check(&found)?;
    Ok(End::Tests(count))
}

/// What browsers will use, as it is shipped: this only builds it.
fn pages() -> Result<End, String> {
    gallery::build()?;
    panel::build_all()?;
    wasm::test_tool()?;
    Ok(End::Done)
}

/// Runs every example of every crate, each in an empty directory of its own for its files.
fn examples() -> Result<End, String> {
    // The tests have built them already, with the same features: this only makes sure.
    cargo(["build", "--workspace", "--examples"]).run()?;
    let products = root::debug_products()?;
    let mut count = 0_u32;
    for name in example_names()? {
        let scratch = Scratch::new(&format!("forge-example-{name}"))?;
        let program = products.join("examples").join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
        Cmd::new(program)
            .env("TMPDIR", &scratch.0)
            .in_dir(&scratch.0)
            .without_env("FORGE_DATABASE_URL")
            .within(EXAMPLE_LIMIT)
            .run()?;
        count += 1;
    }
    if count == 0 {
        return Err("there is no example in crates/*/examples".into());
    }
    println!("{count} examples ran to their end");
    Ok(End::Done)
}

fn example_names() -> Result<Vec<String>, String> {
    let mut names = Vec::new();
    for krate in root::crates()? {
        // A crate without examples has no such directory.
        let Ok(entries) = std::fs::read_dir(root::workspace().join("crates").join(krate).join("examples"))
        else {
            continue;
        };
        let files = entries.filter_map(Result::ok).map(|entry| entry.path());
        names.extend(
            files
                .filter(|path| path.extension().is_some_and(|e| e == "rs"))
                .filter_map(|path| path.file_stem().map(|s| s.to_string_lossy().into_owned())),
        );
    }
    names.sort_unstable();
    Ok(names)
}

/// Each crate must stand alone, without features and with each of them: what is built as a whole has the features of all.
fn single_features() -> Result<End, String> {
    for krate in root::crates()? {
        let manifest = root::workspace().join("crates").join(&krate).join("Cargo.toml");
        let mut sets = vec![String::new()];
        sets.extend(features::of_manifest(&manifest)?);
        for set in sets {
            let args =
                ["clippy", "--quiet", "--package", &krate, "--no-default-features", "--features", &set];
            cargo(args).args(lints::denied()).run()?;
        }
    }
    Ok(End::Done)
}

/// Asks Python for the fires of the cron cases. The tests compare ours with what is in the files.
fn cron_fires() -> Result<End, String> {
    if let Err(why) = cron_cases::set_up() {
        println!("{why}");
        return Ok(End::Skipped(format!("the cron cases were not compared with Python: {why}")));
    }
    cron_cases::run(&[])?;
    Ok(End::Done)
}

/// Some seconds of requests that are made up from the OpenAPI document, on each storage.
fn made_up_requests() -> Result<End, String> {
    if let Err(why) = schemathesis::set_up() {
        println!("{why}");
        return Ok(End::Skipped(format!("no requests were made up from the OpenAPI document: {why}")));
    }
    schemathesis::run(&[])?;
    Ok(End::Done)
}

/// The desktop example, where it can be built and shown.
fn with_a_window(step: fn() -> Result<End, String>) -> Result<End, String> {
    if let Err(why) = desktop::set_up() {
        println!("{why}");
        return Ok(End::Skipped(format!("the desktop example was neither built nor used: {why}")));
    }
    step()
}

fn docs() -> Result<End, String> {
    cargo(["doc", "--quiet", "--workspace", "--no-deps"])
        .env("RUSTDOCFLAGS", lints::denied_in_docs())
        .run()?;
    Ok(End::Done)
}

/// The version that is installed where it is missing.
const DENY_VERSION: &str = "0.20.2";

fn deny() -> Result<End, String> {
    let check = ["--log-level", "error", "--offline", "check", "licenses", "bans", "sources"];
    // Also what only other systems compile: its licences count too.
    cargo(["fetch", "--quiet", "--locked"]).run()?;
    if cargo(["deny", "--version"]).succeeds() {
        cargo(["deny"]).args(check).run()?;
        return Ok(End::Done);
    }
    let tools = root::workspace().join("target/tools");
    let program = tools.join("bin/cargo-deny");
    if !program.is_file() {
        if std::env::var_os("CI").is_none() {
            // Compiling it takes longer than everything above, so people are asked and CI is not.
            let why = "not installed; the licences of dependencies were not checked (cargo install cargo-deny --locked)";
            println!("cargo-deny is {why}");
            return Ok(End::Skipped(why.into()));
        }
        println!("installing cargo-deny {DENY_VERSION} into {}", tools.display());
        let install = ["install", "cargo-deny", "--version", DENY_VERSION, "--locked", "--quiet", "--root"];
        cargo(install).args([&tools]).run()?;
    }
    Cmd::new(program).args(check).run()?;
    Ok(End::Done)
}

/// A directory that is removed when it is no longer needed.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Result<Self, String> {
        let dir = std::env::temp_dir().join(format!("{name}-{}", std::process::id()));
        std::fs::create_dir_all(&dir).map_err(|e| format!("{} cannot be created: {e}", dir.display()))?;
        Ok(Self(dir))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed is the temporary directory's business.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_names_every_step_also_the_skipped_and_those_never_reached() {
        let line = |name, end| Line { name, took: Duration::from_millis(1_500), end };
        let count = TestCount { programs: 3, passed: 70, failed: 0, ignored: 1 };
        let text = summary(
            &[
                line("tidy", End::Done),
                line("tests", End::Tests(count)),
                line("mutate-guards", End::Skipped("no reason".into())),
                line("examples", End::Failed("minimal failed".into())),
            ],
            Duration::from_secs(6),
            |_| true,
        );
        for words in [
            "tidy               1.5  ok",
            "tests              1.5  ok",
            "SKIPPED: no reason",
            "examples           1.5  FAILED",
            "wasm32               -  not run",
            "in all             6.0",
            "tests of 3 programs: 70 passed; 0 failed; 1 ignored",
        ] {
            assert!(text.contains(words), "{words:?} is not in\n{text}");
        }
    }

    #[test]
    fn a_step_that_was_skipped_fails_where_nobody_reads_that_it_was() {
        let line = |end| [Line { name: "window", took: Duration::ZERO, end }];
        let skipped = line(End::Skipped("no display".into()));
        assert_eq!(judge(&skipped, false), Ok(()));
        assert_eq!(judge(&skipped, true), Err("step window: no display".into()));
        assert_eq!(judge(&line(End::Failed("it broke".into())), false), Err("step window: it broke".into()));
        assert_eq!(judge(&line(End::Done), true), Ok(()));
    }

    #[test]
    fn the_minimal_example_is_among_the_examples_that_run() {
        assert!(example_names().unwrap().contains(&"minimal".to_owned()));
    }
}
