//! `cargo xtask schemathesis`: requests made up from the OpenAPI document, as it allows them and as it does not, against
//! `forge serve` on both storages. No answer may be a 5xx, or one that the document does not know; none may come without a
//! token that needs one.

use crate::run::Cmd;
use crate::serving::{Scratch, Serving, program};
use crate::{postgres, venv};
use std::path::{Path, PathBuf};
use std::time::Duration;

const REQUIREMENTS: &str = "crates/forge-jobs-api/tests/schemathesis/requirements.txt";
/// Seconds on each storage, unless told otherwise.
const SECONDS: u64 = 20;
/// How the server is to be: many tokens will be wrong, and jobs are to run.
const OPTIONS: [&str; 3] = ["--wrong-tokens", "4000000000", "--worker"];
/// The same requests in each run, so that a change is judged by itself.
const SEED: &str = "20261129";
/// What is looked at in each answer.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,\
                      response_headers_conformance,negative_data_rejection,unsupported_method,allow_header_conformance,\
                      ignored_auth";

/// Runs it; `--seconds N` is the time on each storage.
pub(crate) fn run(args: &[String]) -> Result<(), String> {
    let seconds = match args {
        [] => SECONDS,
        [option, seconds] if option == "--seconds" => seconds
            .parse()
            .ok()
            .filter(|n| (1..=86_400).contains(n))
            .ok_or("--seconds takes a number from 1 to 86400")?,
        _ => return Err(format!("cargo xtask schemathesis takes --seconds N or nothing, got {args:?}")),
    };
    let python = set_up()?;
    let Some(server) = std::env::var(postgres::URL).ok().filter(|url| !url.is_empty()) else {
        // Once more, with a server beside it.
        return postgres::own_with_server(["schemathesis", "--seconds", &seconds.to_string()])?.run();
    };
    let program = program()?;
    let scratch = Scratch::new("schemathesis")?;
    let sign = if server.contains('?') { '&' } else { '?' };
    let on_server = format!("{server}{sign}schema=schemathesis_{}", std::process::id());
    for url in [format!("sqlite:{}", scratch.0.join("jobs.db").display()), on_server] {
        Cmd::new(&program).args(["migrate", "--database", &url]).run()?;
        let serving = Serving::start(&program, &url, &scratch.0, "admin", &OPTIONS)?;
        fuzz(&serving, &python, &scratch.0, seconds)?;
    }
    Ok(())
}

/// A Python with schemathesis.
pub(crate) fn set_up() -> Result<PathBuf, String> {
    venv::python("schemathesis", REQUIREMENTS)
}

/// Sends made-up requests to a server for so many seconds.
fn fuzz(serving: &Serving, python: &Path, scratch: &Path, seconds: u64) -> Result<(), String> {
    let program = python.with_file_name("schemathesis");
    let document = format!("{}/api/v1/openapi.json", serving.url());
    let header = format!("Authorization:Bearer {}", serving.token());
    let budget = seconds.to_string();
    Cmd::new(program)
        .args(["run", &document, "--checks", CHECKS, "--max-time", &budget, "--header", &header])
        // A stream has no end; a login is not what the header is for.
        .args(["--exclude-operation-id", "stream_events", "--exclude-operation-id", "log_in"])
        .args(["--generation-database", "none", "--warnings", "off", "--no-color", "--seed", SEED])
        .args(["--request-timeout", "20", "--continue-on-failure"])
        .in_dir(scratch)
        .within(Duration::from_secs(seconds * 3 + 300))
        .run()
}
