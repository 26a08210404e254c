//! `forge doctor`: it never says that all is well while due jobs will not run.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test may end in a panic, its helpers included")]

mod support;

use forge_jobs::storage::{Author, EnqueueParams, HeartbeatParams, PutScheduleParams, RegisterParams};
use forge_jobs::{DefaultRouter, EnqueueRequest, ProcessId, Schedule, Schedules, Timestamp};
use forge_jobs_api::wire::{Doctor, Migrated};
use std::sync::Arc;
use std::time::Duration;
use support::{Home, open};

fn doctor(home: &Home) -> (i32, Doctor) {
    let ended = home.run(["doctor", "--json"]);
    (ended.code, ended.json())
}

/// A process that says it beats every ten seconds.
fn process(queues: Option<&str>, kinds: Option<&str>) -> RegisterParams {
    RegisterParams {
        process: ProcessId::new(),
        host: "here".into(),
        pid: 1,
        version: "0".into(),
        kinds: kinds.map(|k| vec![k.to_owned()]),
        queues: queues.map(|q| vec![q.to_owned()]),
        heartbeat_interval: Duration::from_secs(10),
        stale_after: Duration::from_secs(45),
        now: None,
    }
}

#[test]
fn migrate_makes_a_database_and_doctor_finds_it_well() {
    let home = Home::new();
    let made: Migrated = home.run(["migrate", "--json"]).json();
    assert_eq!(made.database, format!("sqlite:{}", home.database().display()));
    let ended = home.run(["doctor", "--json"]);
    let doctor: Doctor = ended.json();
    assert_eq!((ended.code, doctor.healthy, doctor.problems.len()), (0, true, 0), "{doctor:?}");
    assert!(doctor.schema_version >= 1 && doctor.engine_version.contains("3."), "{doctor:?}");
    let text = home.run(["doctor"]);
    assert!(text.stdout.contains("all is well"), "{text:?}");
}

#[test]
fn doctor_names_kinds_that_nobody_runs_and_not_those_of_a_paused_queue() {
    let home = Home::new();
    home.enqueue(&["mail.send", "1", "--queue", "mail"]);
    home.enqueue(&["later", "1", "--run-at", "2050-01-01T00:00:00Z"]);
    let ended = home.run(["doctor", "--json"]);
    let doctor: Doctor = ended.json();
    assert_eq!((ended.code, doctor.healthy, doctor.waiting.len()), (1, false, 1), "{doctor:?}");
    let waiting = &doctor.waiting[0];
    assert_eq!((waiting.kind.as_str(), waiting.queue.as_str(), waiting.jobs.count), ("mail.send", "mail", 1));
    assert!(doctor.problems[0].contains("mail.send"), "{doctor:?}");

    // A pause is wanted, so no problem; but it is why the job did not run.
    home.run(["queue", "pause", "mail"]).check(0, &[]);
    let ended = home.run(["doctor"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.stdout.contains("queue mail is paused and has 1 due job(s)"), "{ended:?}");
    assert!(ended.stdout.contains("forge queue resume mail"), "{ended:?}");
    assert!(!ended.stdout.contains("all is well"), "{ended:?}");
    let doctor: Doctor = home.run(["doctor", "--json"]).json();
    assert_eq!((doctor.healthy, doctor.problems.len(), doctor.notes.len()), (true, 0, 1), "{doctor:?}");
}

#[tokio::test]
async fn doctor_names_queues_that_no_live_process_works_on_and_counts_no_dead_one_as_alive() {
    let home = Home::new();
    home.enqueue(&["k", "1", "--queue", "mail"]);
    let storage = open(&home.database()).await;
    let register = RegisterParams {
        process: ProcessId::new(),
        host: "here".into(),
        pid: 1,
        version: "0".into(),
        kinds: None,
        queues: Some(vec!["other".into()]),
        heartbeat_interval: Duration::from_secs(10),
        stale_after: Duration::from_secs(45),
        now: None,
    };
    let _on_mail =
        RegisterParams { process: ProcessId::new(), queues: Some(vec!["mail".into()]), ..register.clone() };
    storage.processes.register(register).await.unwrap();
    let doctor: Doctor = home.run(["doctor", "--json"]).json();
    assert!(doctor.problems[0].contains("no live process works on that queue"), "{doctor:?}");
    assert_eq!((doctor.waiting.len(), doctor.processes[0].live), (1, true), "{doctor:?}");

    storage.processes.register(process(Some("mail"), None)).await.unwrap();
    home.run(["doctor"]).check(0, &[]);
    // The end of a process lets go of its locks.
    drop(storage);
    let doctor: Doctor = home.run(["doctor", "--json"]).json();
    assert!(doctor.processes.iter().all(|p| !p.live), "{doctor:?}");
    assert!(doctor.problems[0].contains("no process is alive"), "{doctor:?}");
}

#[tokio::test]
async fn doctor_counts_no_process_that_is_about_to_end_or_has_not_been_heard_of() {
    let home = Home::new();
    home.enqueue(&["k", "1"]);
    let storage = open(&home.database()).await;
    let ending = process(None, None);
    let beat = HeartbeatParams { process: ending.process, stopping: true, lead_for: None, now: None };
    storage.processes.register(ending).await.unwrap();
    assert_eq!(doctor(&home).0, 0);
    storage.processes.heartbeat(beat).await.unwrap();
    let (code, found) = doctor(&home);
    assert_eq!((code, found.processes[0].stopping), (1, true));
    assert!(found.problems[0].contains("about to end"), "{found:?}");

    // 25 s ago: two beats are missing, and it does not count as dead yet.
    let past = Timestamp::now().saturating_sub(Duration::from_secs(25));
    let silent = RegisterParams { now: Some(past), ..process(None, None) };
    storage.processes.register(silent).await.unwrap();
    let (code, found) = doctor(&home);
    assert_eq!((code, found.processes[1].live, found.processes[1].late), (1, true, true));
    assert!(found.problems[0].contains("not been heard of"), "{found:?}");

    // By its own word that is nothing to worry about.
    let slow = RegisterParams {
        now: Some(past),
        heartbeat_interval: Duration::from_secs(60),
        stale_after: Duration::from_secs(270),
        ..process(None, None)
    };
    storage.processes.register(slow).await.unwrap();
    assert_eq!(doctor(&home).0, 0);
}

#[tokio::test]
async fn doctor_sees_jobs_that_are_due_and_that_nobody_has_promoted() {
    let home = Home::new();
    let storage = open(&home.database()).await;
    // Sent an hour ago for half an hour later, and nobody has lived since.
    let ago = |minutes: u64| Timestamp::now().saturating_sub(Duration::from_secs(60 * minutes));
    let job = EnqueueRequest::new("k", 1).with_run_at(ago(30)).validate(&DefaultRouter).unwrap();
    storage.jobs.enqueue(EnqueueParams { jobs: vec![job], now: Some(ago(60)) }).await.unwrap();
    drop(storage);
    let (code, found) = doctor(&home);
    assert_eq!(code, 1, "{found:?}");
    assert_eq!((found.waiting.len(), found.waiting[0].kind.as_str()), (1, "k"), "{found:?}");
    let ended = home.run(["job", "list"]);
    assert!(ended.stdout.contains("scheduled"), "{ended:?}");
}

#[tokio::test]
async fn doctor_names_schedules_that_do_not_fire_and_budgets_that_are_drained() {
    let home = Home::new();
    let storage = open(&home.database()).await;
    let schedules = Schedules::new(storage.clone(), Arc::new(DefaultRouter));
    for name in ["hourly", "paused"] {
        schedules.put(Schedule::new(name, "0 * * * *", EnqueueRequest::new("k", 1))).await.unwrap();
    }
    home.run(["cron", "pause", "paused"]).check(0, &[]);
    home.run(["limit", "set", "slack", "10", "--per", "1m"]).check(0, &[]);
    home.run(["limit", "drain", "slack", "1h"]).check(0, &[]);
    let (code, found) = doctor(&home);
    assert_eq!((code, found.problems.len(), found.notes.len()), (0, 0, 2), "{found:?}");
    assert!(found.notes[0].contains("forge cron resume paused"), "{found:?}");
    assert!(found.notes[1].contains("forge limit drain slack --lift"), "{found:?}");

    // A schedule that was made two hours ago, with nobody to fire it.
    let long_ago = Timestamp::now().saturating_sub(Duration::from_secs(7_200));
    let late = Schedule::new("late", "0 * * * *", EnqueueRequest::new("k", 1));
    let schedule = late.check(&DefaultRouter).unwrap();
    let by = Author::Operator { expected_version: None };
    storage.cron.put(PutScheduleParams { schedule, by, actor: None, now: Some(long_ago) }).await.unwrap();
    let (code, found) = doctor(&home);
    assert_eq!((code, found.problems.len()), (1, 1), "{found:?}");
    assert!(found.problems[0].contains("schedule late") && found.problems[0].contains("no live process"));
}
