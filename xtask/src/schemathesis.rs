//! `cargo xtask schemathesis`: requests made up from the OpenAPI document, as it allows them and as it does not, against
//! `forge serve` on both storages. No answer may be a 5xx, or one that the document does not know; none may come without a
//! token that needs one.

use crate::run::{Cmd, cargo};
use crate::{postgres, root, venv};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const REQUIREMENTS: &str = "crates/forge-jobs-api/tests/schemathesis/requirements.txt";
/// Seconds on each storage, unless told otherwise.
const SECONDS: u64 = 20;
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
    cargo(["build", "--quiet", "--package", "forge"]).run()?;
    let program = root::debug_products()?.join(format!("forge{}", std::env::consts::EXE_SUFFIX));
    let scratch = Scratch::new()?;
    let sign = if server.contains('?') { '&' } else { '?' };
    let on_server = format!("{server}{sign}schema=schemathesis_{}", std::process::id());
    for url in [format!("sqlite:{}", scratch.0.join("jobs.db").display()), on_server] {
        Cmd::new(&program).args(["migrate", "--database", &url]).run()?;
        let serving = Serving::start(&program, &url, &scratch.0)?;
        serving.fuzz(&python, seconds)?;
    }
    Ok(())
}

/// A Python with schemathesis.
pub(crate) fn set_up() -> Result<PathBuf, String> {
    venv::python("schemathesis", REQUIREMENTS)
}

/// A server, ended with this.
struct Serving {
    child: Child,
    url: String,
    token: String,
    scratch: PathBuf,
}

impl Serving {
    fn start(program: &Path, database: &str, scratch: &Path) -> Result<Self, String> {
        let tokens = scratch.join("tokens");
        // One file for each server.
        let _ = std::fs::remove_file(&tokens);
        let token = Cmd::new(program)
            .args(["token", "schemathesis", "--role", "admin", "--file"])
            .args([&tokens])
            .output()?;
        let mut child = Command::new(program)
            .args(["serve", "--listen", "127.0.0.1:0", "--wrong-tokens", "4000000000", "--worker"])
            .args(["--database", database, "--tokens"])
            .arg(&tokens)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|e| format!("{} does not start: {e}", program.display()))?;
        let log = child.stderr.take().ok_or("the log of the server cannot be read")?;
        let mut lines = BufReader::new(log).lines();
        let mut url = None;
        while url.is_none() {
            let line =
                lines.next().ok_or("the server ended before it listened")?.map_err(|e| e.to_string())?;
            url = line
                .split_once(" on http://")
                .and_then(|(_, rest)| rest.split(';').next())
                .map(|a| format!("http://{a}"));
            println!("{line}");
        }
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(|line| println!("{line}")));
        Ok(Self { child, url: url.unwrap_or_default(), token, scratch: scratch.to_owned() })
    }

    fn fuzz(&self, python: &Path, seconds: u64) -> Result<(), String> {
        let program = python.with_file_name("schemathesis");
        let document = format!("{}/api/v1/openapi.json", self.url);
        let header = format!("Authorization:Bearer {}", self.token);
        let budget = seconds.to_string();
        Cmd::new(program)
            .args(["run", &document, "--checks", CHECKS, "--max-time", &budget, "--header", &header])
            // A stream has no end; a login is not what the header is for.
            .args(["--exclude-operation-id", "stream_events", "--exclude-operation-id", "log_in"])
            .args(["--generation-database", "none", "--warnings", "off", "--no-color", "--seed", "20261129"])
            .args(["--request-timeout", "20", "--continue-on-failure"])
            .in_dir(&self.scratch)
            .within(Duration::from_secs(seconds * 3 + 300))
            .run()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // It is a test's: nothing of it is to be kept.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A directory that is removed when it is no longer needed.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Result<Self, String> {
        let dir = std::env::temp_dir().join(format!("forge-schemathesis-{}", std::process::id()));
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
