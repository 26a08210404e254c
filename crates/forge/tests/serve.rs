//! `forge serve` and `forge token`, as their users run them.

#![allow(clippy::unwrap_used, reason = "a test may end in a panic, its helpers included")]

mod serving;
mod support;

use forge_jobs_api::wire::TokenMade;
use serving::{Serving, token};
use std::process::Command;
use std::time::{Duration, Instant};
use support::{Ended, Home, LIMIT};

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
    let ran = Command::new("timeout")
        .args(["120", "sh", "-euc", &script()])
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
fn the_panel_is_beside_the_api_and_needs_no_token_to_be_loaded() {
    let home = Home::new();
    token(&home, "viewer");
    let serving = Serving::start(&home, &["--tokens", "tokens"]);
    let root = serving.get("/", "");
    assert!(root.starts_with("HTTP/1.1 303") && root.contains("location: /panel/"), "{root}");
    for path in ["/panel", "/panel/", "/panel/jobs?queue=mail", "/panel/queues/a%2Fb"] {
        let page = serving.get(path, "");
        assert!(page.starts_with("HTTP/1.1 200") && page.contains("<!doctype html>"), "{path}: {page}");
        assert!(page.contains("frame-ancestors 'none'") && !page.contains("unsafe-inline"), "{path}: {page}");
    }
    assert!(serving.get("/panel/assets/none.js", "").starts_with("HTTP/1.1 404"));
    // What is not the panel's is behind the same door as before.
    assert!(serving.get("/nowhere", "").starts_with("HTTP/1.1 401"));
    assert!(serving.get("/api/v1/jobs", "").starts_with("HTTP/1.1 401"));
    serving.stop();
}

#[test]
fn prometheus_reads_metrics_with_a_token_or_without_if_told_so() {
    let home = Home::new();
    home.enqueue(&["k", "1", "--queue", "mail"]);
    let viewer = token(&home, "viewer");
    let serving = Serving::start(&home, &["--tokens", "tokens"]);
    assert!(serving.get("/metrics", "").starts_with("HTTP/1.1 401"));
    // Nobody works: the server itself adds it up, and one who asks does not wait long for that.
    let asked = Instant::now();
    loop {
        let told = serving.get("/metrics", &viewer);
        assert!(told.contains("text/plain; version=0.0.4"), "{told}");
        if told.contains("forge_queue_enqueued_total{queue=\"mail\"} 1\n") {
            break;
        }
        assert!(asked.elapsed() < LIMIT, "{told}");
        std::thread::sleep(Duration::from_millis(100));
    }
    serving.stop();
    let serving = Serving::start(&home, &["--tokens", "tokens", "--open-metrics"]);
    assert!(serving.get("/metrics", "").starts_with("HTTP/1.1 200"));
    assert!(serving.get("/api/v1/metrics/totals", "").starts_with("HTTP/1.1 401"));
    serving.stop();
}

/// Starts on a database of a server, does what it is asked to, and stops in good order with a job under way.
#[tokio::test(flavor = "multi_thread")]
async fn it_serves_a_database_on_postgres_and_stops_in_good_order() {
    let databases =
        tokio::task::spawn_blocking(forge_test_cluster::Databases::shared).await.unwrap().unwrap();
    let database = databases.fresh(None).await.unwrap();
    let home = Home::new();
    home.run(["migrate", "--database", database.url()]).check(0, &[]);
    let admin = token(&home, "admin");
    let args = ["--tokens", "tokens", "--worker", "--test-handlers"];
    let serving = Serving::start_with(&home, &args, Some(database.url()));
    assert!(serving.get("/readyz", "").starts_with("HTTP/1.1 200"));
    let job = r#"{"kind":"t.sleep","payload":{"ms":5000},"queue":"mail"}"#;
    let made = serving.ask("POST", "/api/v1/jobs", &admin, job);
    assert!(made.starts_with("HTTP/1.1 201"), "{made}");
    let id = made.split_once("\"id\":\"").unwrap().1.split('"').next().unwrap().to_owned();
    let path = format!("/api/v1/jobs/{id}");
    let deadline = Instant::now() + Duration::from_secs(60);
    while !serving.get(&path, &admin).contains(r#""status":"running""#) {
        assert!(Instant::now() < deadline, "{}", serving.get(&path, &admin));
    }
    let paused = serving.ask("POST", "/api/v1/queues/mail/pause", &admin, "");
    assert!(paused.contains(r#""paused":true"#), "{paused}");
    assert!(serving.get("/metrics", &admin).contains("forge_queue_paused{queue=\"mail\"} 1\n"));
    let (ended, log) = serving.stop();
    assert_eq!((ended.code, ended.stdout.as_str()), (0, "0 connections were cut off\n"), "{log}");
    // The job that ran was let to its end.
    let shown = home.run(["job", "show", &id, "--database", database.url(), "--json"]);
    assert!(shown.stdout.contains(r#""status":"done""#), "{shown:?}");
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
