//! Databases that somebody damaged: work goes on, and the check-up finds each thing that must never be.

use crate::support::{Db, next, on_postgres, puppets, request, runtime, soon};
use forge_jobs::{
    CancelCause, DefaultRouter, EnqueueRequest, Enqueuer, HandlerRegistry, JobOutcome, JobStatus,
};
use std::sync::Arc;
use std::time::Duration;

/// What the check-up says, and what makes it true on SQLite and on Postgres; `None` where it has no such rule.
const RULES: [(&str, Option<&str>, Option<&str>); 20] = [
    ("a job stands in no table", Some("DELETE FROM forge_ready"), Some("DELETE FROM forge.ready")),
    (
        "a job stands in no table or in several",
        Some("INSERT INTO forge_running SELECT seq, 0, 1, 1, 0, queue, 0, NULL FROM forge_jobs"),
        Some(
            "INSERT INTO forge.running (id, claim_no, claimed_at, process, attempt, queue, flags) \
             SELECT id, 0, 0, 1, 1, queue, 0 FROM forge.jobs",
        ),
    ),
    (
        "a pending entry belongs to no job, or to one that stands elsewhere",
        Some("UPDATE forge_ready SET priority = priority + 1"),
        Some("UPDATE forge.ready SET priority = priority + 1"),
    ),
    (
        "a pending entry is of a queue and kind that claims do not look at",
        None,
        Some("DELETE FROM forge.streams"),
    ),
    (
        "a deferred entry belongs to no job, or to one that stands elsewhere",
        Some("UPDATE forge_deferred SET due_at = due_at + 1"),
        Some("UPDATE forge.deferred SET due_at = due_at + 1"),
    ),
    (
        "a running entry belongs to no job",
        Some("INSERT INTO forge_running VALUES (999, 0, 1, 1, 0, 1, 0, NULL)"),
        None,
    ),
    (
        "a finished entry belongs to no job",
        Some(
            "INSERT INTO forge_finished (seq, status, queue, finished_at, attempt, claim_no) \
             VALUES (999, 4, 1, 0, 1, 0)",
        ),
        None,
    ),
    (
        "a running or finished entry belongs to no job",
        None,
        Some(
            "INSERT INTO forge.finished (id, finished_at, claim_no, queue, attempt, status) \
             VALUES (gen_random_uuid(), 0, 0, 1, 1, 4)",
        ),
    ),
    (
        "a dedupe key is held by a job that is finished, has another or is gone, and for no period",
        Some("UPDATE forge_unique SET id = zeroblob(16)"),
        Some("UPDATE forge.unique_keys SET id = gen_random_uuid()"),
    ),
    (
        "an unfinished job does not hold its dedupe key",
        Some("DELETE FROM forge_unique"),
        Some("DELETE FROM forge.unique_keys"),
    ),
    (
        "a concurrency key is had by a job that is neither pending nor running, or that has another",
        Some("UPDATE forge_slots SET key = 'another'"),
        Some("UPDATE forge.slots SET key = 'another'"),
    ),
    (
        "a claimable or running job does not have its concurrency key",
        Some("DELETE FROM forge_slots"),
        Some("DELETE FROM forge.slots"),
    ),
    (
        "a job waits for a concurrency key that nobody has, or is nowhere among those that wait",
        Some("DELETE FROM forge_waiting"),
        Some("DELETE FROM forge.waiting"),
    ),
    (
        "a job was charged more attempts than it has",
        Some("UPDATE forge_jobs SET attempts = max_attempts + 1"),
        Some("UPDATE forge.jobs SET attempts = max_attempts + 1"),
    ),
    (
        "a claim has a number that was never given out",
        Some("INSERT INTO forge_running VALUES (999, 1000, 1, 1, 0, 1, 0, NULL)"),
        Some(
            "INSERT INTO forge.running (id, claim_no, claimed_at, process, attempt, queue, flags) \
             VALUES (gen_random_uuid(), 1000, 0, 1, 1, 1, 0)",
        ),
    ),
    (
        "a job finished before it started",
        Some(
            "INSERT INTO forge_finished (seq, status, queue, finished_at, started_at, attempt, claim_no) \
             VALUES (999, 4, 1, 1, 2, 1, 0)",
        ),
        Some(
            "INSERT INTO forge.finished (id, finished_at, started_at, claim_no, queue, attempt, status) \
             VALUES (gen_random_uuid(), 1, 2, 0, 1, 1, 4)",
        ),
    ),
    (
        "a record of an attempt, a note or a line belongs to no job",
        Some("INSERT INTO forge_notes (seq, no, at, event) VALUES (999, 1, 0, 'x')"),
        Some("INSERT INTO forge.notes (id, no, at, event) VALUES (gen_random_uuid(), 1, 0, 'x')"),
    ),
    (
        "a permit belongs to no running job",
        Some("INSERT INTO forge_permits VALUES (1, 1, 'mail', 0)"),
        Some(
            "INSERT INTO forge.permits (claim_no, id, scope, ends) VALUES (1, gen_random_uuid(), 'mail', 0)",
        ),
    ),
    (
        "a group of errors was never seen, or what was seen belongs to none",
        Some("INSERT INTO forge_error_counts VALUES (999, 1, 1, 0, 0, zeroblob(16))"),
        None,
    ),
    (
        "a tick belongs to no schedule",
        Some("INSERT INTO forge_ticks VALUES (999, 0, 0, 1, 3, NULL, 0, 0)"),
        Some(
            "INSERT INTO forge.ticks (schedule, fire_at, first_at, count, outcome, open, recorded_at) \
             VALUES (999, 0, 0, 1, 3, false, 0)",
        ),
    ),
];

/// A job in each place that a rule looks at.
async fn filled() -> Db {
    let db = Db::new().await;
    let enqueuer = Enqueuer::new(db.storage.clone(), Arc::new(DefaultRouter));
    let solo = || request("solo").with_concurrency_key("c");
    let all: [EnqueueRequest; 5] = [
        request("k"),
        request("k").with_delay(Duration::from_secs(3_600)),
        request("k").with_dedupe_key("d"),
        solo(),
        solo(),
    ];
    for request in all {
        enqueuer.enqueue(request).await.unwrap();
    }
    db.check().await;
    db
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_runs_in_a_process_without_a_row_comes_back() {
    let db = Db::new().await;
    let mut handlers = HandlerRegistry::new();
    let mut started = puppets(&mut handlers, "k");
    let runtime = runtime(&db.storage, handlers);
    let id = runtime.enqueue(request("k")).await.unwrap().id;
    let handle = runtime.start().await.unwrap();
    let lost = next(&mut started).await;
    db.damage("DELETE FROM {forge}processes").await;
    // The process finds out, and what it has in hand is not its own any more.
    assert_eq!(soon("the signal", lost.cancel.cancelled()).await, CancelCause::LeaseLost);
    lost.end(JobOutcome::Done);
    let again = next(&mut started).await;
    assert_eq!(again.id, id);
    again.end(JobOutcome::Done);
    db.until_status(id, JobStatus::Done).await;
    db.stop(handle).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_rule_of_the_check_up_finds_what_breaks_it() {
    for (what, sqlite, postgres) in RULES {
        let Some(damage) = (if on_postgres() { postgres } else { sqlite }) else { continue };
        let db = filled().await;
        db.damage(damage).await;
        let found = db.storage.inspect.checkup().await.unwrap().problems;
        assert!(found.iter().any(|problem| problem.starts_with(what)), "{what}: {found:?}");
    }
}
