//! Jobs, queues, schedules and limits to ask for.

use crate::rig::Rig;
use forge_jobs::storage::{
    Author, ClaimMode, ClaimParams, ClaimWant, KindFilter, PutScheduleParams, RegisterParams, VerbParams,
};
use forge_jobs::{DefaultRouter, EnqueueRequest, Enqueuer, JobId, ProcessId, Schedule, Storage, Timestamp};
use forge_jobs_api::wire::{LimitEdit, QueueEdit, ScheduleEdit, Seconds};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// What stands for what in requests: `{dead-1}` for the id of a dead job.
pub(crate) type Names = HashMap<String, String>;

pub(crate) async fn enqueue(storage: &Storage, request: EnqueueRequest) -> JobId {
    Enqueuer::new(storage.clone(), Arc::new(DefaultRouter)).enqueue(request).await.unwrap().id
}

/// A process that holds the jobs of the queue `held`.
async fn hold(storage: &Storage) -> ProcessId {
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
        now: None,
    };
    storage.processes.register(register).await.unwrap();
    let wants = vec![ClaimWant { queue: "held".into(), limit: 10 }];
    let claim = ClaimParams { process, wants, kinds: KindFilter::Any, mode: ClaimMode::Ordinary, now: None };
    assert_eq!(storage.jobs.claim(claim).await.unwrap().jobs.len(), 2);
    process
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
    names.insert("process".into(), hold(storage).await.to_string());
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
        rig.api.set_limit(scope, edit).await.unwrap();
    }
    let queue = rig.api.queue("mail").await.unwrap();
    names.insert("mail-version".into(), queue.version.to_string());
    let schedule = rig.api.schedule("nightly", None).await.unwrap().schedule;
    names.insert("nightly-version".into(), schedule.version.to_string());
    names
}
