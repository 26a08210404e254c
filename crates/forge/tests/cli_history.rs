//! `forge job events`, `forge job logs` and `forge errors`, on what a worker process leaves behind.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test may end in a panic, its helpers included")]

mod support;

use forge_jobs::{JobId, JobStatus};
use forge_jobs_api::wire::{ErrorGroup, ErrorList, GroupVerb, JobDetail, JobEvents, LogPage};
use std::process::{Child, Stdio};
use support::{Home, open, wait_for};

/// A worker process, killed when it goes out of scope.
struct Worker(Child);

impl Worker {
    fn start(home: &Home) -> Self {
        // A commit that takes long is no reason for a process to stop its jobs.
        let beats = ["--heartbeat-ms", "100", "--stale-ms", "60000", "--poll-ms", "50"];
        let args = [&["worker", "--test-handlers"][..], &beats].concat();
        let quiet = || Stdio::null();
        Self(home.command(args).stdin(quiet()).stdout(quiet()).stderr(quiet()).spawn().unwrap())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn until(home: &Home, id: &str, status: JobStatus) {
    let id: JobId = id.parse().unwrap();
    let storage = open(&home.database()).await;
    wait_for(&format!("{id} to be {status}"), async || {
        storage.inspect.job(id).await.unwrap().filter(|j| j.status == status)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_worker_leaves_behind_is_shown() {
    let home = Home::new();
    let talks = home.enqueue(&["t.log", r#"{"n":3,"text":"hello"}"#]);
    let fails: Vec<_> = (1..=3)
        .map(|n| home.enqueue(&["t.err", &format!(r#"{{"text":"row {n} is odd"}}"#), "--max-attempts", "1"]))
        .collect();
    let worker = Worker::start(&home);
    until(&home, &talks, JobStatus::Done).await;
    for id in &fails {
        until(&home, id, JobStatus::Dead).await;
    }

    let followed = home.run(["job", "logs", &talks, "--follow"]);
    assert_eq!(followed.code, 0, "{followed:?}");
    assert_eq!(followed.stdout.matches("INFO").count(), 3, "{}", followed.stdout);
    assert!(followed.stdout.contains("hello line=3"), "{}", followed.stdout);
    let page: LogPage = home.run(["job", "logs", &talks, "--attempt", "1", "--json"]).json();
    assert_eq!((page.lines.len(), page.more), (3, false));
    let none: LogPage = home.run(["job", "logs", &talks, "--attempt", "2", "--json"]).json();
    assert_eq!(none.lines, []);

    let events: JobEvents = home.run(["job", "events", &fails[0], "--json"]).json();
    let names: Vec<_> = events.events.iter().map(|e| (e.event.as_str(), e.cause.as_deref())).collect();
    assert_eq!(
        names,
        [
            ("enqueued", Some("caller")),
            ("started", Some("claim")),
            ("failed", Some("handler")),
            ("dead", Some("exhausted")),
        ]
    );
    let detail: JobDetail = home.run(["job", "show", &fails[0], "--json"]).json();
    let group = detail.attempts[0].error_group.clone().unwrap();
    assert_eq!(detail.attempts[0].worker.as_ref().unwrap().version, env!("CARGO_PKG_VERSION"));
    home.run(["job", "show", &fails[0]]).check(0, &[]);

    let list: ErrorList = home.run(["errors", "--json"]).json();
    assert_eq!(list.groups.len(), 1);
    assert_eq!((list.groups[0].count, list.groups[0].message.as_str()), (3, "row <n> is odd"));
    let text = home.run(["errors", "--queue", "default", "--kind", "t.err", "--sort", "frequent"]).stdout;
    assert!(text.contains(&group) && text.contains("row <n> is odd"), "{text}");
    let one: ErrorGroup = home.run(["errors", "show", &group, "--json"]).json();
    assert_eq!(one, list.groups[0]);
    let listed = home.run(["job", "list", "--status", "dead", "--error-group", &group]).stdout;
    assert!(fails.iter().all(|id| listed.contains(id.as_str())), "{listed}");

    drop(worker);
    let retried: GroupVerb = home.run(["errors", "retry", &group, "--json"]).json();
    assert_eq!((retried.changed, retried.left), (3, 0));
    let _worker = Worker::start(&home);
    for id in &fails {
        until(&home, id, JobStatus::Dead).await;
    }
    let dropped: GroupVerb = home.run(["errors", "drop", &group, "--json"]).json();
    assert_eq!((dropped.changed, dropped.left), (3, 0));
    // What was counted stays.
    let one: ErrorGroup = home.run(["errors", "show", &group, "--json"]).json();
    assert_eq!(one.count, 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_led_to_an_error_is_shown_with_its_attempt() {
    let home = Home::new();
    let payload = r#"{"text":"not sent","causes":["no route","the line is dead"]}"#;
    let id = home.enqueue(&["t.err", payload, "--max-attempts", "1"]);
    let _worker = Worker::start(&home);
    until(&home, &id, JobStatus::Dead).await;
    let detail: JobDetail = home.run(["job", "show", &id, "--json"]).json();
    let chain: Vec<_> = detail.attempts[0].chain.iter().map(|c| c.message.as_str()).collect();
    assert_eq!(chain, ["not sent", "no route", "the line is dead"]);
    let text = home.run(["job", "show", &id]).stdout;
    let lines = ["Caused: not sent", "Caused: no route", "Caused: the line is dead"];
    let at = lines.map(|line| text.find(line).unwrap_or_else(|| panic!("no {line} in {text}")));
    assert!(at.is_sorted(), "{text}");
}

#[test]
fn what_is_not_there_is_an_error() {
    let home = Home::new();
    home.enqueue(&["k", "1"]);
    let id = "01890a5d-ac96-774b-bcce-b302099a8057";
    home.run(["job", "events", id]).check(3, &[id]);
    home.run(["job", "logs", id]).check(3, &[id]);
    home.run(["errors", "show", "00c0ffee00c0ffee"]).check(3, &["00c0ffee00c0ffee"]);
    home.run(["errors", "show", "7"]).check(2, &["16 hexadecimal"]);
    assert_eq!(home.run(["errors"]).stdout, "no errors\n");
}
