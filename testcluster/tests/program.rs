//! The program as people and `cargo xtask test` run it, and what is left when it is killed: nothing.

#![allow(clippy::unwrap_used, reason = "a test may end in a panic, its helpers included")]

use forge_test_cluster::{PGBOUNCER_URL, POSTGRES_URL};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Far more than any of this takes.
const LIMIT: Duration = Duration::from_secs(60);

fn program(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_forge-test-cluster"));
    command.args(args).env_remove(POSTGRES_URL).env_remove(PGBOUNCER_URL);
    command
}

/// A directory in which the user of the server may make others, empty when nothing is left behind.
fn temp() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
    dir
}

fn is_empty(dir: &Path) -> bool {
    std::fs::read_dir(dir).unwrap().next().is_none()
}

/// Asks again and again, within a limit.
fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + LIMIT;
    while !condition() {
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::yield_now();
    }
}

/// The ids of the processes whose command line names the directory.
fn processes_of(dir: &Path) -> Vec<u32> {
    let dir = dir.to_str().unwrap();
    let pids = std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.filter(|pid: &u32| {
        std::fs::read(format!("/proc/{pid}/cmdline"))
            .is_ok_and(|line| String::from_utf8_lossy(&line).contains(dir))
    })
    .collect()
}

fn serve(temp: &Path, args: &[&str]) -> Child {
    let mut command = program(&["serve"]);
    command.args(args).env("TMPDIR", temp).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap()
}

/// Waits until both URLs are printed.
fn wait_for_urls(child: &mut Child) {
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    for name in [POSTGRES_URL, PGBOUNCER_URL] {
        let line = lines.next().unwrap().unwrap();
        let port = line.strip_prefix(&format!("{name}=postgres://postgres@127.0.0.1:"));
        assert!(port.is_some(), "{line}");
    }
}

#[test]
fn nothing_is_left_of_a_process_that_was_killed() {
    let temp = temp();
    let mut child = serve(temp.path(), &["--bouncer"]);
    wait_for_urls(&mut child);
    // Two shells, PostgreSQL, PgBouncer; PostgreSQL's own children have other command lines.
    assert!(processes_of(temp.path()).len() >= 4 && !is_empty(temp.path()));

    child.kill().unwrap();
    child.wait().unwrap();
    wait_until("the directory is empty", || is_empty(temp.path()));
    wait_until("the processes are gone", || processes_of(temp.path()).is_empty());
}

#[test]
fn nothing_is_left_of_a_process_that_was_killed_while_its_server_was_made() {
    let temp = temp();
    let mut child = serve(temp.path(), &[]);
    wait_until("the directory is made", || !is_empty(temp.path()));
    child.kill().unwrap();
    child.wait().unwrap();
    wait_until("the directory is empty", || is_empty(temp.path()));
    wait_until("the processes are gone", || processes_of(temp.path()).is_empty());
}

#[test]
fn a_server_in_the_foreground_stops_at_the_end_of_stdin() {
    let temp = temp();
    let mut child = serve(temp.path(), &["--bouncer"]);
    wait_for_urls(&mut child);
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
    assert!(is_empty(temp.path()) && processes_of(temp.path()).is_empty());
}

#[test]
fn a_command_is_given_the_urls_and_its_exit_code_is_passed_on() {
    let temp = temp();
    let script = format!(r#"echo "${POSTGRES_URL} ${PGBOUNCER_URL}"; exit 7"#);
    let output = program(&["run", "--bouncer", "--", "sh", "-c", &script])
        .env("TMPDIR", temp.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(7), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text.matches("postgres://postgres@127.0.0.1:").count(), 2, "{text}");
    assert!(is_empty(temp.path()));

    let killed =
        program(&["run", "--", "sh", "-c", "kill -9 $$"]).env("TMPDIR", temp.path()).status().unwrap();
    assert_eq!(killed.code(), Some(128 + 9));
}

#[test]
fn a_command_just_runs_when_a_server_is_named_already() {
    let temp = temp();
    let script = format!(r#"echo "${POSTGRES_URL}|${PGBOUNCER_URL}""#);
    let output = program(&["run", "--bouncer", "--", "sh", "-c", &script])
        .env(POSTGRES_URL, "postgres://127.0.0.1/named")
        .env("TMPDIR", temp.path())
        .output()
        .unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "postgres://127.0.0.1/named|\n");
}

#[test]
fn a_command_that_does_not_exist_is_named() {
    let output = program(&["run", "--", "no-such-program-here"]).output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && text.contains("no-such-program-here"), "{text}");
}
