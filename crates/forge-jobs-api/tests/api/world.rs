//! Jobs, queues, schedules and limits to ask for.

use crate::rig::Rig;
use forge_jobs::logs::{LogLevel, LogLine};
use forge_jobs::retry::Transition;
use forge_jobs::storage::{
    Author, ClaimMode, ClaimParams, ClaimWant, Claimed, Finish, FinishParams, KindFilter, LeftOut, LogChunk,
    PutScheduleParams, RecordLogsParams, RegisterParams, VerbParams,
};
use forge_jobs::{
    AttemptCause, DeadReason, DefaultRouter, EnqueueRequest, Enqueuer, ErrorCause, Failure, JobId, ProcessId,
    Schedule, Storage, Timestamp, Timing, Told,
};
use forge_jobs_api::wire::{LimitEdit, QueueEdit, ScheduleEdit, Seconds};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// What stands for what in requests: `{dead-1}` for the id of a dead job.
pub(crate) type Names = HashMap<String, String>;

pub(crate) async fn enqueue(storage: &Storage, request: EnqueueRequest) -> JobId {
    Enqueuer::new(storage.clone(), Arc::new(DefaultRouter)).enqueue(request).await.unwrap().id
}

/// A process, as it registers at this time (`None`: now).
pub(crate) async fn register(storage: &Storage, now: Option<Timestamp>) -> ProcessId {
    let process = ProcessId::new();
    let register = RegisterParams {
        process,
        host: "box".into(),
        pid: 7,
        version: "0".into(),
        kinds: None,
        queues: None,
        heartbeat_interval: Duration::from_secs(600),
        stale_after: Duration::from_secs(6_000),
        now,
    };
    storage.processes.register(register).await.unwrap();
    process
}

/// Claims so many jobs of a queue at most.
pub(crate) async fn claim(storage: &Storage, process: ProcessId, queue: &str, limit: u32) -> Vec<Claimed> {
    let wants = vec![ClaimWant { queue: queue.into(), limit }];
    let claim = ClaimParams { process, wants, kinds: KindFilter::Any, mode: ClaimMode::Ordinary, now: None };
    storage.jobs.claim(claim).await.unwrap().jobs
}

/// Ends attempts: their jobs are dead of this error.
pub(crate) async fn kill(storage: &Storage, claims: &[Claimed], error: &str) {
    kill_of(storage, claims, error, &[]).await;
}

/// The same of an error that others led to.
pub(crate) async fn kill_of(storage: &Storage, claims: &[Claimed], error: &str, chain: &[ErrorCause]) {
    let member = |claimed: &Claimed| {
        let mut failure = Failure::new(&claimed.job.kind, AttemptCause::Handler, error, Told::new());
        failure.chain = chain.to_vec();
        Finish {
            lease: claimed.lease,
            transition: Transition::Dead { reason: DeadReason::Exhausted, error: error.into() },
            timing: Timing { ran_for: Duration::from_secs(1), ended_ago: Duration::ZERO },
            failure: Some(Box::new(failure)),
        }
    };
    for claims in claims.chunks(50) {
        let members = claims.iter().map(member).collect();
        storage.jobs.finish(FinishParams { members, now: None }).await.unwrap();
    }
}

/// Keeps lines of a claim's log, as the write of this number.
pub(crate) async fn log(storage: &Storage, claimed: &Claimed, no: u32, messages: &[&str]) {
    let line = |message: &&str| LogLine {
        at: Timestamp::now(),
        level: LogLevel::Info,
        target: "shop".into(),
        message: (*message).to_owned(),
        fields: serde_json::Map::from_iter([("password".to_owned(), "hunter2".into())]),
    };
    let lines = messages.iter().map(line).collect();
    let chunk = LogChunk { lease: claimed.lease, no, lines, left_out: LeftOut::default() };
    storage.history.record_logs(RecordLogsParams { chunks: vec![chunk] }).await.unwrap();
}

/// Jobs that died of errors of two sorts: gives the numbers of these.
async fn fail(storage: &Storage, process: ProcessId) -> [String; 2] {
    for (queue, kind, jobs) in [("odd", "odd.row", 3), ("even", "even.row", 2)] {
        for n in 0..jobs {
            enqueue(storage, EnqueueRequest::new(kind, n).on_queue(queue)).await;
        }
        let claims = claim(storage, process, queue, 10).await;
        assert_eq!(claims.len(), jobs);
        kill(storage, &claims, &format!("row 7 is {queue}")).await;
    }
    let params = forge_jobs::storage::ErrorGroupsParams { limit: 10, ..Default::default() };
    let groups = storage.history.error_groups(params).await.unwrap().groups;
    ["odd.row", "even.row"].map(|kind| groups.iter().find(|g| g.kind == kind).unwrap().id.to_string())
}

/// A schedule that a program's code declares.
async fn declare(storage: &Storage, name: &str) {
    let schedule =
        Schedule::new(name, "@daily", EnqueueRequest::new("report", 1)).check(&DefaultRouter).unwrap();
    let by = Author::Code { program: "shop".into() };
    storage.cron.put(PutScheduleParams { schedule, by, actor: None, now: None }).await.unwrap();
}

/// Fills the database, and names what is in it.
pub(crate) async fn fill(rig: &Rig) -> Names {
    let storage = &rig.storage;
    let mut names = Names::new();
    let later = Timestamp::from_micros(4_000_000_000_000_000);
    for n in 1..=4 {
        let id = enqueue(storage, EnqueueRequest::new("mail.send", n).on_queue("mail")).await;
        names.insert(format!("pending-{n}"), id.to_string());
        let id =
            enqueue(storage, EnqueueRequest::new("mail.send", n).on_queue("mail").with_run_at(later)).await;
        names.insert(format!("scheduled-{n}"), id.to_string());
        let id = enqueue(storage, EnqueueRequest::new("mail.send", n).on_queue("mail").with_tag("t")).await;
        storage.jobs.cancel(VerbParams { ids: vec![id], actor: None, now: None }).await.unwrap();
        names.insert(format!("dead-{n}"), id.to_string());
    }
    for n in 1..=2 {
        let id = enqueue(storage, EnqueueRequest::new("slow", n).on_queue("held")).await;
        names.insert(format!("running-{n}"), id.to_string());
    }
    let process = register(storage, None).await;
    let held = claim(storage, process, "held", 10).await;
    assert_eq!(held.len(), 2);
    let first = held.iter().find(|c| c.job.id.to_string() == names["running-1"]).unwrap();
    log(storage, first, 1, &["step 1", "step 2"]).await;
    names.insert("process".into(), process.to_string());
    let [odd, even] = fail(storage, process).await;
    names.insert("odd".into(), odd);
    names.insert("even".into(), even);
    names.insert("unknown".into(), JobId::new().to_string());
    rig.api.edit_queue("mail", &QueueEdit { workers: Some(3), ..QueueEdit::default() }, None).await.unwrap();
    for name in ["nightly", "old", "a/b"] {
        let edit = ScheduleEdit {
            expression: Some("0 3 * * *".into()),
            kind: Some("report".into()),
            ..ScheduleEdit::default()
        };
        rig.api.put_schedule(name, &edit, None).await.unwrap();
    }
    declare(storage, "coded").await;
    for scope in ["slack", "github", "old"] {
        let edit = LimitEdit { permits: 10, window_seconds: Seconds(1.0), mode: None };
        rig.api.set_limit(scope, edit, None).await.unwrap();
    }
    let queue = rig.api.queue("mail").await.unwrap();
    names.insert("mail-version".into(), queue.version.to_string());
    let schedule = rig.api.schedule("nightly", None).await.unwrap().schedule;
    names.insert("nightly-version".into(), schedule.version.to_string());
    names
}
