//! `forge serve` and `forge token`, as their users run them.

#![allow(clippy::unwrap_used, reason = "a test may end in a panic, its helpers included")]

mod support;

use forge_jobs_api::wire::TokenMade;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use support::{Ended, Home, end_of};

/// A running server.
struct Serving {
    child: Child,
    addr: String,
    log: std::thread::JoinHandle<String>,
}

impl Serving {
    fn start(home: &Home, args: &[&str]) -> Self {
        let all = [&["serve", "--listen", "127.0.0.1:0", "--log-format", "json"], args].concat();
        let mut child = home
            .command(all)
            .env("FORGE_LOG", "debug")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        let (mut log, mut addr) = (String::new(), None);
        while addr.is_none() {
            let mut line = String::new();
            assert_ne!(lines.read_line(&mut line).unwrap(), 0, "it ended: {log}");
            addr = line.split_once(" on http://").map(|(_, rest)| rest.split(';').next().unwrap().to_owned());
            log.push_str(&line);
        }
        let log = std::thread::spawn(move || {
            let _ = lines.read_to_string(&mut log);
            log
        });
        Self { child, addr: addr.unwrap(), log }
    }

    fn get(&self, path: &str, token: &str) -> String {
        let mut stream = TcpStream::connect(&self.addr).unwrap();
        let head = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n");
        write!(stream, "{head}Authorization: Bearer {token}\r\n\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    }

    /// Ends it with SIGTERM; gives what it logged.
    fn stop(self) -> (Ended, String) {
        let pid = rustix::process::Pid::from_raw(self.child.id().cast_signed()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        let ended = end_of(self.child);
        (ended, self.log.join().unwrap())
    }
}

fn token(home: &Home, role: &str) -> String {
    let ended = home.run(["token", role, "--role", role, "--file", "tokens", "--json"]);
    ended.check(0, &[]).json::<TokenMade>().token
}

/// The script of the documentation.
fn script() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/api.md");
    let text = std::fs::read_to_string(path).unwrap();
    text.split_once("```sh\n").unwrap().1.split_once("```").unwrap().0.to_owned()
}

#[test]
fn the_script_of_the_documentation_does_a_jobs_whole_life() {
    let home = Home::new();
    let admin = token(&home, "admin");
    let serving = Serving::start(&home, &["--tokens", "tokens", "--worker"]);
    let ran = Command::new("sh")
        .args(["-euc", &script()])
        .env("FORGE", format!("http://{}", serving.addr))
        .env("TOKEN", &admin)
        .output()
        .unwrap();
    let ran = Ended::of(&ran);
    let (ended, log) = serving.stop();
    assert_eq!(ran.code, 0, "{ran:?}\n{log}");
    for part in
        [r#""reason":"not_due""#, r#""outcome":"retried""#, r#""workers":4"#, r#""outcome":"dropped""#]
    {
        assert!(ran.stdout.contains(part), "no {part} in {ran:?}");
    }
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(!log.contains(&admin), "{log}");
    let entries = log.lines().filter(|line| line.starts_with('{'));
    let entries: Vec<serde_json::Value> = entries.map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(entries.iter().any(|e| e["route"] == "drop_job" && e["caller"] == "admin"), "{log}");
}

#[test]
fn it_serves_until_sigterm_and_says_whether_it_is_ready() {
    let home = Home::new();
    let viewer = token(&home, "viewer");
    let serving = Serving::start(&home, &["--tokens", "tokens"]);
    assert!(serving.get("/healthz", "").starts_with("HTTP/1.1 200"));
    assert!(serving.get("/readyz", "").starts_with("HTTP/1.1 200"));
    assert!(serving.get("/api/v1/me", &viewer).contains(r#""role":"viewer""#));
    assert!(serving.get("/api/v1/me", "wrong").starts_with("HTTP/1.1 401"));
    let (ended, _) = serving.stop();
    assert_eq!((ended.code, ended.stdout.as_str()), (0, "0 connections were cut off\n"));
}

#[test]
fn it_does_not_start_where_everybody_could_do_everything() {
    let home = Home::new();
    home.run(["serve", "--listen", "0.0.0.0:0"]).check(1, &["configure tokens", "127.0.0.1"]);
    assert!(!home.database().exists(), "a refused start must create nothing");
    home.run(["serve", "--tokens", "nosuch"]).check(2, &["nosuch"]);
    std::fs::write(home.path("work/tokens"), "ada admin hunter2\n").unwrap();
    let ended = home.run(["serve", "--tokens", "tokens"]);
    ended.check(2, &["tokens: line 1", "forge token"]);
    assert!(!ended.stderr.contains("hunter2"), "{ended:?}");
}

#[test]
fn a_token_is_shown_once_and_kept_as_a_hash() {
    let home = Home::new();
    let made: TokenMade = home.run(["token", "ada", "--role", "operator", "--json"]).json();
    assert!(
        made.line.starts_with("ada operator sha256:") && !made.line.contains(&made.token),
        "{}",
        made.line
    );
    let text = home.run(["token", "bob", "--role", "viewer", "--file", "tokens"]);
    assert_eq!(text.stdout.lines().count(), 1, "{text:?}");
    let kept = std::fs::read_to_string(home.path("work/tokens")).unwrap();
    assert!(!kept.contains(text.stdout.trim()), "{kept}");
    home.run(["token", "a b", "--role", "viewer"]).check(2, &["the name is none"]);
    home.run(["token", "ada", "--role", "root"]).check(2, &["viewer, operator or admin"]);
}
