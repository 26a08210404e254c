//! `forge worker` as a process: its test handlers, its ledger, its end.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test may end in a panic, its helpers included")]

mod support;

use forge_jobs::{DeadReason, Job, JobId, JobStatus, Storage};
use forge_jobs_api::wire::Stopped;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Stdio};
use support::{Home, end_of, open, wait_for};

/// A worker with quick intervals, its ledger, and a look at its database.
struct Worker {
    child: Child,
    ledger: PathBuf,
    storage: Storage,
}

impl Worker {
    async fn start(home: &Home, args: &[&str]) -> Self {
        let ledger = home.path("ledger");
        // A commit that takes long is no reason for a process to stop its jobs.
        let quick = ["worker", "--test-handlers", "--json", "--heartbeat-ms", "100", "--stale-ms", "60000"];
        let quick = quick.iter().chain(&["--poll-ms", "50"]);
        let child = home
            .command(quick.chain(args))
            .env("FORGE_LEDGER", &ledger)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let database = home.database();
        let storage =
            wait_for(
                "the database",
                async || if database.exists() { Some(open(&database).await) } else { None },
            );
        Self { child, ledger, storage: storage.await }
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    async fn until(&self, id: &str, status: JobStatus) -> Job {
        let id: JobId = id.parse().unwrap();
        wait_for(&format!("{id} to be {status}"), async || {
            self.storage.inspect.job(id).await.unwrap().filter(|j| j.status == status)
        })
        .await
    }

    /// Until its handler runs. `running` in the database says less: a claim that waits for its start is running too, and
    /// a stop hands it back at once.
    async fn until_started(&self, id: &str) {
        wait_for(&format!("{id} to start"), async || {
            self.events(id).contains(&"start".to_owned()).then_some(())
        })
        .await;
    }

    /// What the ledger says of a job: (event, attempt, lease).
    fn told(&self, id: &str) -> Vec<(String, u64, i64)> {
        let text = std::fs::read_to_string(&self.ledger).unwrap_or_default();
        let lines =
            text.lines().map(|l| serde_json::from_str::<Value>(l).unwrap()).filter(|l| l["job"] == id);
        let mut last = 0;
        lines
            .map(|l| {
                let ts = l["ts_ns"].as_u64().unwrap();
                assert!(ts >= last && l["pid"] == self.child.id() && l["worker"].is_string(), "{l}");
                last = ts;
                (
                    l["ev"].as_str().unwrap().to_owned(),
                    l["attempt"].as_u64().unwrap(),
                    l["lease"].as_i64().unwrap(),
                )
            })
            .collect()
    }

    fn events(&self, id: &str) -> Vec<String> {
        self.told(id).into_iter().map(|t| t.0).collect()
    }
}

#[tokio::test]
async fn each_test_handler_does_what_its_payload_says_and_the_ledger_tells_of_it() {
    let home = Home::new();
    home.run(["migrate"]);
    home.enqueue(&["t.echo", "0"]);
    home.run(["queue", "set", "default", "--backoff", "off"]).check(0, &[]);
    let worker = Worker::start(&home, &[]).await;
    let put = |kind: &str, payload: &str| home.enqueue(&[kind, payload, "--max-attempts", "3"]);

    let echo = put("t.echo", r#"{"a":1e400}"#);
    let done = worker.until(&echo, JobStatus::Done).await;
    assert_eq!(done.output.unwrap().as_str(), r#"{"a":1e400}"#);
    assert_eq!(worker.events(&echo), ["start", "end"]);

    let slept = put("t.sleep", r#"{"ms":1}"#);
    let spun = put("t.spin", r#"{"ms":1}"#);
    for id in [&slept, &spun] {
        worker.until(id, JobStatus::Done).await;
    }
    let failed = put("t.fail", r#"{"n":2}"#);
    assert_eq!(worker.until(&failed, JobStatus::Done).await.attempt, 3);
    let told = worker.told(&failed);
    assert_eq!(told.iter().map(|t| t.1).collect::<Vec<_>>(), [1, 1, 2, 2, 3, 3]);
    assert!(told[0].2 < told[2].2 && told[2].2 < told[4].2, "each attempt has a lease of its own: {told:?}");

    let throttled = put("t.throttle", r#"{"n":2,"ms":1}"#);
    assert_eq!(worker.until(&throttled, JobStatus::Done).await.attempt, 1);
    assert_eq!(worker.told(&throttled).len(), 6);

    for (kind, payload, reason, words) in [
        ("t.dead", "null", DeadReason::Discarded, "gives up"),
        ("t.panic", "null", DeadReason::Exhausted, "it panics"),
        ("t.err", r#"{"text":"a b"}"#, DeadReason::Exhausted, "a b"),
        ("t.sleep", r#"{"ms":"x"}"#, DeadReason::Undecodable, "invalid type"),
    ] {
        let id = put(kind, payload);
        let job = worker.until(&id, JobStatus::Dead).await;
        assert_eq!(job.dead_reason, Some(reason), "{kind}");
        assert!(job.error.as_deref().is_some_and(|e| e.contains(words)), "{kind}: {:?}", job.error);
    }
    worker.signal(Signal::TERM);
    let ended = end_of(worker.child);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.stderr.contains("runs on") && ended.stderr.contains("stopping"), "{ended:?}");
    let stopped: Stopped = ended.json();
    assert_eq!(stopped.cut_short, Vec::<String>::new());
}

#[tokio::test]
async fn told_to_stop_it_lets_running_jobs_finish() {
    let home = Home::new();
    let worker = Worker::start(&home, &[]).await;
    // What ends before the stop is none that it waited for.
    let id = home.enqueue(&["t.sleep", r#"{"ms":3000}"#]);
    worker.until_started(&id).await;
    worker.signal(Signal::TERM);
    let job = worker.until(&id, JobStatus::Done).await;
    assert_eq!((job.attempt, job.claim_no), (1, 1));
    let stopped: Stopped = end_of(worker.child).check(0, &[]).json();
    assert_eq!((stopped.finished, stopped.handed_back), (1, 0));
}

#[tokio::test]
async fn what_does_not_finish_in_time_is_told_to_stop_and_handed_back() {
    let home = Home::new();
    let worker = Worker::start(&home, &["--shutdown-ms", "1"]).await;
    let id = home.enqueue(&["t.sleep", r#"{"ms":600000}"#]);
    worker.until_started(&id).await;
    worker.signal(Signal::TERM);
    let job = worker.until(&id, JobStatus::Pending).await;
    assert_eq!((job.attempt, job.suspect), (0, false));
    assert_eq!(worker.events(&id), ["start", "cancelled", "end"]);
    let stopped: Stopped = end_of(worker.child).check(0, &[]).json();
    assert_eq!((stopped.finished, stopped.handed_back), (0, 1));
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once_whatever_runs() {
    let home = Home::new();
    let mut worker = Worker::start(&home, &[]).await;
    let id = home.enqueue(&["t.spin", r#"{"ms":600000}"#]);
    worker.until_started(&id).await;
    worker.signal(Signal::TERM);
    // Heard: it claims no more, and waits, and says so.
    let mut said = BufReader::new(worker.child.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(
        said.any(|line| line.contains("running jobs have up to 25 s to end; Ctrl-C again ends it at once"))
    );
    let late = home.enqueue(&["t.echo", "1"]);
    worker.signal(Signal::INT);
    let job = worker.until(&id, JobStatus::Pending).await;
    assert_eq!(job.attempt, 0);
    end_of(worker.child).check(1, &[]);
    let late = worker.storage.inspect.job(late.parse().unwrap()).await.unwrap().unwrap();
    assert!(matches!(late.status, JobStatus::Pending | JobStatus::Done));
}

#[tokio::test]
async fn it_runs_the_queues_it_was_told_with_the_workers_it_was_told() {
    let home = Home::new();
    let worker = Worker::start(&home, &["--queue", "one:1", "--queue", "two:3"]).await;
    let mine = home.enqueue(&["t.echo", "1", "--queue", "two"]);
    let other = home.enqueue(&["t.echo", "1", "--queue", "three"]);
    worker.until(&mine, JobStatus::Done).await;
    let rows = worker.storage.queues.list().await.unwrap();
    let workers: Vec<_> = rows.iter().map(|q| (q.name.as_str(), q.settings.workers)).collect();
    assert_eq!(workers, [("one", 1), ("three", 10), ("two", 3)]);
    worker.until(&other, JobStatus::Pending).await;
    worker.signal(Signal::TERM);
    end_of(worker.child).check(0, &[]);
}

#[test]
fn absurd_intervals_and_queues_are_refused() {
    let home = Home::new();
    for (args, words) in [
        (vec!["worker", "--queue", "a b"], "a b"),
        (vec!["worker", "--heartbeat-ms", "x"], "heartbeat-ms"),
        (vec!["worker", "--shutdown-ms", "-1"], "-1' for '--shutdown-ms"),
        (vec!["worker", "--queue", "q:0"], "0 workers"),
    ] {
        home.run(args).check(2, &[words]);
    }
    home.run(["worker", "--heartbeat-ms", "1000", "--stale-ms", "3999"]).check(2, &["stale_after", "4s"]);
    home.run(["worker", "--heartbeat-ms", "0"]).check(2, &["'0' for '--heartbeat-ms", "1 to 86400000"]);
    let file = home.path("ledger/not/there");
    let mut command = home.command(["worker"]);
    let ended = command.env("FORGE_LEDGER", &file).output().unwrap();
    support::Ended::of(&ended).check(1, &["FORGE_LEDGER", "ledger/not/there"]);
}
