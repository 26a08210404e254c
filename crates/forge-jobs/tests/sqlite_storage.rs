//! What is the embedded storage's own: group commit, files, processes that share one.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod support;

use forge_jobs::limits::MAX_BUDGETS;
use forge_jobs::rate_limit::{RateLimit, Scope};
use forge_jobs::retry::Transition;
use forge_jobs::storage::sqlite::{SqliteOptions, SqliteStorage};
use forge_jobs::storage::{
    AcquireParams, AttachParams, ClaimParams, ClaimWant, DrainParams, EnqueueParams, EnsureQueueParams,
    Finish, FinishParams, Inserted, Limited, PromoteParams, ReapParams, SetBy, SetLimitParams, StorageError,
    SweepParams, VerbParams,
};
use forge_jobs::testing::{Faults, FlakyStorage, Operation, When};
use forge_jobs::{
    Dedupe, DefaultRouter, EnqueueRequest, Enqueuer, HandlerRegistry, JobStatus, ProcessId, QueueRuntime,
    RuntimeConfig, Storage, Timestamp, Timing,
};
use futures_util::FutureExt;
use futures_util::future::join_all;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use support::{HANG, claim, dir, job, open, register, sql};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_enqueues_at_once_make_at_most_four_commits_and_a_bad_one_fails_alone() {
    let (_dir, file) = dir();
    let sqlite = open(&file).await;
    let enqueuer = Arc::new(Enqueuer::new(sqlite.clone().into_bundle(), Arc::new(DefaultRouter)));
    enqueuer.enqueue(EnqueueRequest::new("k", 0)).await.unwrap();
    let before = sqlite.commits();
    // Held back until all of them wait, by a writer of another program.
    let mut blocker = rusqlite::Connection::open(&file).unwrap();
    let lock = blocker.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).unwrap();
    let kind = |n| if n == 40 { "not a kind!" } else { "k" };
    let mut waiting = pin!(join_all((0..64).map(|n| enqueuer.enqueue(EnqueueRequest::new(kind(n), n)))));
    // Each has sent its command before the lock is given up: once polled they wait for the answer.
    assert!(futures_util::poll!(waiting.as_mut()).is_pending());
    lock.commit().unwrap();
    let answers = tokio::time::timeout(HANG, waiting).await.unwrap();
    let bad: Vec<_> = (0..64).filter(|n| answers[*n].is_err()).collect();
    assert_eq!(bad, [40]);
    let commits = sqlite.commits() - before;
    assert!((1..=4).contains(&commits), "{commits} commits");
    drop(blocker);
    assert_eq!(sql(&file, "SELECT count(*) FROM forge_jobs"), "64");
}

#[tokio::test]
async fn a_member_that_the_database_refuses_fails_alone_in_its_group() {
    let (_dir, file) = dir();
    let sqlite = open(&file).await;
    let storage = sqlite.clone().into_bundle();
    storage.jobs.enqueue(EnqueueParams { jobs: vec![job("k")], now: None }).await.unwrap();
    // A trigger stands in for a fault that only the database sees.
    let conn = rusqlite::Connection::open(&file).unwrap();
    conn.execute_batch(
        "CREATE TRIGGER refuse BEFORE INSERT ON forge_jobs WHEN NEW.priority = 13 \
         BEGIN SELECT RAISE(FAIL, 'refused by a trigger'); END",
    )
    .unwrap();
    drop(conn);
    let calls = (0..20).map(|n| {
        let storage = storage.clone();
        tokio::spawn(async move {
            let mut jobs = vec![job("new.kind")];
            if n == 7 {
                jobs.push(
                    EnqueueRequest::new("bad.kind", 1).with_priority(13).validate(&DefaultRouter).unwrap(),
                );
            }
            storage.jobs.enqueue(EnqueueParams { jobs, now: None }).await
        })
    });
    let calls: Vec<_> = calls.collect();
    for (n, call) in calls.into_iter().enumerate() {
        let result = call.await.unwrap();
        assert_eq!(result.is_err(), n == 7, "{n}: {result:?}");
    }
    assert_eq!(sql(&file, "SELECT count(*) FROM forge_jobs"), "20", "nothing of the bad call was kept");
    assert_eq!(sql(&file, "SELECT count(*) FROM forge_kinds"), "2", "k and new.kind");
    // The kind that was rolled back is not remembered either.
    let again = storage.jobs.enqueue(EnqueueParams { jobs: vec![job("bad.kind")], now: None }).await.unwrap();
    assert_eq!(again, [Inserted::Inserted]);
    assert_eq!(storage.inspect.checkup().await.unwrap().problems, Vec::<String>::new());
}

#[tokio::test]
async fn an_idle_process_with_ten_queues_writes_nothing_but_its_heartbeat() {
    let (_dir, file) = dir();
    let sqlite = open(&file).await;
    let mut handlers = HandlerRegistry::new();
    handlers.register(forge_jobs::NoopEcho);
    let mut config = RuntimeConfig::default().with_heartbeat(Duration::from_millis(50));
    // Not so soon as to be taken for dead on a machine that is busy.
    config.stale_after = HANG;
    config.poll_busy = Duration::from_millis(5);
    config.poll_idle = Duration::from_millis(10);
    config.sweep_interval = Duration::from_millis(10);
    config.reaper_interval = Duration::from_millis(10);
    let beats = Faults::new().refuse(Operation::Heartbeat, When::First(0));
    let storage = FlakyStorage::wrap(sqlite.clone().into_bundle(), beats.clone());
    let runtime = QueueRuntime::new(storage.clone(), handlers, Arc::new(DefaultRouter)).with_config(config);
    for n in 0..10 {
        runtime.ensure_queue(&format!("q{n}"), 2).await.unwrap();
    }
    // Work that is not due, and work that is done, are no reason to write.
    runtime
        .enqueue(EnqueueRequest::new("noop_echo", 1).with_delay(Duration::from_secs(3_600)))
        .await
        .unwrap();
    let handle = runtime.start().await.unwrap();
    // Each heartbeat is one commit, and nothing else may be.
    let sent = || u64::from(beats.calls(Operation::Heartbeat));
    let (before, commits) = (sent(), sqlite.commits());
    let deadline = tokio::time::Instant::now() + HANG;
    while sent() < before + 10 {
        assert!(tokio::time::Instant::now() < deadline, "only {} heartbeats", sent() - before);
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let commits = sqlite.commits() - commits;
    let sent = sent() - before;
    // One was under way at the beginning.
    assert!(commits <= sent + 1, "{commits} commits for {sent} heartbeats");
    handle.shutdown_graceful(HANG).await;
}

#[tokio::test]
async fn calls_that_find_nothing_to_do_commit_nothing() {
    let (_dir, file) = dir();
    let sqlite = open(&file).await;
    let storage = sqlite.clone().into_bundle();
    let process = ProcessId::new();
    storage.processes.register(register(process)).await.unwrap();
    storage.queues.ensure(EnsureQueueParams { queue: "default".into(), workers: 1 }).await.unwrap();
    let before = sqlite.commits();
    storage.jobs.claim(claim(process, 10)).await.unwrap();
    storage.jobs.promote(PromoteParams { limit: 10, now: None }).await.unwrap();
    storage.jobs.sweep(SweepParams { limit: 10, now: None }).await.unwrap();
    storage.queues.ensure(EnsureQueueParams { queue: "default".into(), workers: 1 }).await.unwrap();
    let reap = ReapParams { stale_after: HANG, limit: 10, by: process, now: None };
    storage.processes.reap(reap).await.unwrap();
    assert_eq!(sqlite.commits(), before);
}

async fn refused(file: &Path) -> StorageError {
    let bytes = std::fs::read(file).unwrap();
    let e = SqliteStorage::open(file, SqliteOptions::default()).await.unwrap_err();
    assert_eq!(std::fs::read(file).unwrap(), bytes, "the file was changed");
    assert!(e.to_string().contains("jobs.db"), "{e}");
    e
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_and_left_as_it_is() {
    let (_dir, file) = dir();
    std::fs::write(&file, "not a database, but somebody's notes\n".repeat(500)).unwrap();
    assert!(matches!(refused(&file).await, StorageError::Corrupt { .. }));
}

#[tokio::test]
async fn a_damaged_database_is_refused_and_left_as_it_is() {
    let (_dir, file) = dir();
    drop(open(&file).await);
    let mut bytes = std::fs::read(&file).unwrap();
    bytes.truncate(bytes.len() / 2);
    // Its header, too, says that it is larger.
    std::fs::write(&file, &bytes).unwrap();
    let e = SqliteStorage::open(&file, SqliteOptions::default()).await.err();
    assert!(matches!(e, Some(StorageError::Corrupt { .. })), "{e:?}");
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_refused_and_left_as_it_is() {
    let (_dir, file) = dir();
    drop(open(&file).await);
    let conn = rusqlite::Connection::open(&file).unwrap();
    conn.execute("UPDATE forge_meta SET value = 999 WHERE key = 'schema_version'", []).unwrap();
    conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    drop(conn);
    let e = refused(&file).await;
    assert!(matches!(e, StorageError::SchemaTooNew { found: 999, known: 1, .. }), "{e}");
    assert!(e.to_string().contains("999") && e.to_string().contains("upgrade"), "{e}");
}

#[tokio::test]
async fn a_directory_in_place_of_the_file_is_a_clear_error() {
    let (_dir, file) = dir();
    std::fs::create_dir(&file).unwrap();
    let e = SqliteStorage::open(&file, SqliteOptions::default()).await.unwrap_err();
    assert!(matches!(e, StorageError::Unavailable { .. }) && e.to_string().contains("jobs.db"), "{e}");
}

#[tokio::test]
async fn an_empty_file_becomes_a_database_and_anothers_tables_stay() {
    let (_dir, file) = dir();
    std::fs::write(&file, "").unwrap();
    drop(open(&file).await);
    assert_eq!(sql(&file, "PRAGMA auto_vacuum"), "2");

    let (_dir, file) = dir();
    let conn = rusqlite::Connection::open(&file).unwrap();
    conn.execute_batch("PRAGMA user_version = 77; CREATE TABLE mine (x); INSERT INTO mine VALUES (5)")
        .unwrap();
    drop(conn);
    assert!(matches!(refused(&file).await, StorageError::NotForge { .. }));
    let options = SqliteOptions::default().normal().share_file();
    let storage = SqliteStorage::open(&file, options.clone()).await.unwrap().into_bundle();
    // Once it is Forge's too, it is no slip any more.
    drop(open(&file).await);
    storage.jobs.enqueue(EnqueueParams { jobs: vec![job("k")], now: None }).await.unwrap();
    drop(storage);
    assert_eq!(
        (sql(&file, "SELECT x FROM mine"), sql(&file, "PRAGMA user_version")),
        ("5".into(), "77".into())
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_that_open_an_empty_file_at_once_converge() {
    for _ in 0..10 {
        let (_dir, file) = dir();
        let opening: Vec<_> = (0..8)
            .map(|_| {
                let file = file.clone();
                tokio::spawn(
                    async move { SqliteStorage::open(file, SqliteOptions::default().normal()).await },
                )
            })
            .collect();
        for opened in opening {
            tokio::time::timeout(HANG, opened).await.unwrap().unwrap().unwrap();
        }
        assert_eq!(sql(&file, "SELECT value FROM forge_meta WHERE key = 'schema_version'"), "1");
    }
}

#[tokio::test]
async fn what_one_process_commits_wakes_another() {
    let (_dir, file) = dir();
    let (one, other) = (open(&file).await.into_bundle(), open(&file).await.into_bundle());
    let mut changes = other.jobs.changes();
    for _ in 0..20 {
        changes.borrow_and_update();
        one.jobs.enqueue(EnqueueParams { jobs: vec![job("k")], now: None }).await.unwrap();
        tokio::time::timeout(HANG, changes.changed()).await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_cancel_whose_caller_has_gone_is_told_to_the_process_that_runs_the_job_and_to_no_other() {
    let (_dir, file) = dir();
    let [one, busy, idle] =
        [open(&file).await, open(&file).await, open(&file).await].map(SqliteStorage::into_bundle);
    let process = ProcessId::new();
    busy.processes.register(register(process)).await.unwrap();
    idle.processes.register(register(ProcessId::new())).await.unwrap();
    one.jobs.enqueue(EnqueueParams { jobs: vec![job("k")], now: None }).await.unwrap();
    let id = busy.jobs.claim(claim(process, 1)).await.unwrap().jobs[0].job.id;
    let (mut told, quiet) = (busy.jobs.changes(), idle.jobs.changes());
    let (before, nothing) = (told.borrow().news, quiet.borrow().news);
    // The first look hands it over.
    drop(one.jobs.cancel(VerbParams { ids: vec![id], actor: None, now: None }).now_or_never());
    tokio::time::timeout(HANG, told.wait_for(|c| c.news > before)).await.unwrap().unwrap();
    assert_eq!(quiet.borrow().news, nothing);
}

#[tokio::test]
async fn a_process_whose_lock_is_free_is_dead_at_once_and_one_that_holds_it_is_not() {
    let (_dir, file) = dir();
    let (dying, living) = (open(&file).await.into_bundle(), open(&file).await.into_bundle());
    let (dead, alive, by) = (ProcessId::new(), ProcessId::new(), ProcessId::new());
    dying.processes.register(register(dead)).await.unwrap();
    living.processes.register(register(alive)).await.unwrap();
    living.processes.register(register(by)).await.unwrap();
    dying.jobs.enqueue(EnqueueParams { jobs: vec![job("k"), job("k")], now: None }).await.unwrap();
    let taken = dying.jobs.claim(claim(dead, 1)).await.unwrap().jobs;
    living.jobs.claim(claim(alive, 1)).await.unwrap();
    // Closing the storage lets go of the lock, as the end of a process does.
    drop(dying);
    let reap = ReapParams { stale_after: Duration::from_secs(3_600), limit: 10, by, now: None };
    let report = living.processes.reap(reap).await.unwrap();
    assert_eq!((report.processes, report.revived), (vec![dead], vec![taken[0].job.id]));
}

#[tokio::test]
async fn the_views_tell_people_what_the_crate_knows() {
    let (_dir, file) = dir();
    let storage = open(&file).await.into_bundle();
    let process = ProcessId::new();
    storage.processes.register(register(process)).await.unwrap();
    let ids = [job("k"), job("k")];
    let id = ids[0].id;
    storage.jobs.enqueue(EnqueueParams { jobs: ids.to_vec(), now: None }).await.unwrap();
    let claimed = storage.jobs.claim(claim(process, 1)).await.unwrap().jobs;
    let transition = Transition::Dead { reason: forge_jobs::DeadReason::Discarded, error: "no".into() };
    let members =
        vec![Finish { lease: claimed[0].lease, transition, timing: Timing::default(), failure: None }];
    storage.jobs.finish(FinishParams { members, now: None }).await.unwrap();
    let row = "SELECT kind || ' ' || queue || ' ' || status || ' ' || dead_reason || ' ' || attempt || ' ' || claim_no \
         || ' ' || error FROM forge_inspect_jobs WHERE id = ";
    assert_eq!(sql(&file, &format!("{row} '{id}'")), "k default dead discarded 1 1 no");
    let by_bytes = format!("SELECT status FROM forge_inspect_jobs WHERE id_bytes = unhex('{id}', '-')");
    assert_eq!(sql(&file, &by_bytes), "dead");
    let events = format!(
        "SELECT group_concat(event) FROM (SELECT event FROM forge_job_events WHERE job = '{id}' ORDER BY at, claim_no)"
    );
    let told = sql(&file, &events);
    assert!(["enqueued", "started", "dead"].iter().all(|e| told.contains(e)), "{told}");
    assert_eq!(sql(&file, "SELECT count(*) FROM forge_inspect_jobs WHERE status = 'pending'"), "1");
}

#[tokio::test]
async fn a_database_in_memory_is_private_and_works() {
    let one: Storage = SqliteStorage::open_in_memory(SqliteOptions::default()).await.unwrap().into_bundle();
    let other = SqliteStorage::open_in_memory(SqliteOptions::default()).await.unwrap().into_bundle();
    let new = job("k");
    one.jobs.enqueue(EnqueueParams { jobs: vec![new.clone()], now: None }).await.unwrap();
    assert_eq!(one.inspect.job(new.id).await.unwrap().map(|j| j.status), Some(JobStatus::Pending));
    assert_eq!(other.inspect.job(new.id).await.unwrap(), None);
    assert!(!one.capabilities.several_processes && one.capabilities.host_clock);
}

/// Statements of the hot path must use keys, whatever the tables hold.
#[tokio::test]
async fn no_hot_statement_scans_a_table() {
    let (_dir, file) = dir();
    drop(open(&file).await);
    let conn = rusqlite::Connection::open(&file).unwrap();
    let sources = ["claim", "enqueue", "finish", "promote", "state", "processes"].map(|name| {
        let path = format!("{}/src/storage/sqlite/{name}.rs", env!("CARGO_MANIFEST_DIR"));
        std::fs::read_to_string(path).unwrap()
    });
    let mut checked = 0;
    for source in &sources {
        for statement in source.split(": &str =").skip(1) {
            let text = statement.trim_start().trim_start_matches('"');
            let text = text[..text.find("\";").unwrap()].replace("\\\n", " ");
            // Those over small tables, by design: what runs now, what registers, and who leads.
            if !text.contains('?')
                || text.contains("FROM forge_leases")
                || text.contains("r.process = ?1")
                || text.contains("WHERE process = ?1")
                || text.contains("ended_at <")
                || text.contains("count(*) FROM forge_running WHERE queue")
            {
                continue;
            }
            let text = if text.trim_end().ends_with("WHERE") { format!("{text} seq = ?1") } else { text };
            let mut plan = conn.prepare(&format!("EXPLAIN QUERY PLAN {text}")).unwrap();
            let count = plan.parameter_count();
            let nulls = rusqlite::params_from_iter(std::iter::repeat_n(rusqlite::types::Null, count));
            let lines: Vec<String> =
                plan.query_map(nulls, |r| r.get(3)).unwrap().collect::<Result<_, _>>().unwrap();
            let scans: Vec<_> =
                lines.iter().filter(|l| l.starts_with("SCAN") || l.contains("TEMP B-TREE")).collect();
            assert!(scans.is_empty(), "{text}: {scans:?}");
            checked += 1;
        }
    }
    assert!(checked > 20, "only {checked} statements were found");
}

#[tokio::test]
async fn keys_whose_time_is_over_are_swept() {
    let (_dir, file) = dir();
    let storage = open(&file).await.into_bundle();
    let enqueuer = Enqueuer::new(storage.clone(), Arc::new(DefaultRouter));
    for n in 0..3 {
        let key = Dedupe::new(n.to_string()).within(Duration::from_secs(60));
        enqueuer.enqueue(EnqueueRequest::new("k", n).with_dedupe(key)).await.unwrap();
    }
    enqueuer.enqueue(EnqueueRequest::new("k", 3).with_dedupe_key("as long as it takes")).await.unwrap();
    let later = Timestamp::now().saturating_add(Duration::from_secs(61));
    for (limit, now, left, more) in [
        (10, None, "4", false),
        (2, Some(later), "2", true),
        (2, Some(later), "1", false),
        (2, Some(later), "1", false),
    ] {
        let swept = storage.jobs.sweep(SweepParams { limit, now }).await.unwrap();
        assert_eq!((sql(&file, "SELECT count(*) FROM forge_unique").as_str(), swept.more), (left, more));
    }
}

/// Five a day.
async fn set_limit(storage: &Storage, scope: &str) {
    let params = SetLimitParams {
        scope: Scope::new(scope).unwrap(),
        limit: RateLimit::new(5, Duration::from_secs(86_400)),
        by: SetBy::Operator,
        expected_version: None,
        actor: None,
        now: None,
    };
    storage.rate_limits.set_limit(params).await.unwrap();
}

#[tokio::test]
async fn a_claim_that_fails_at_its_second_queue_has_taken_nothing_of_the_first() {
    let (_dir, file) = dir();
    let storage = open(&file).await.into_bundle();
    set_limit(&storage, "mail").await;
    let of = |queue: &str| EnqueueRequest::new("k", 1).on_queue(queue).validate(&DefaultRouter).unwrap();
    let jobs = vec![of("first"), of("limited")];
    storage.jobs.enqueue(EnqueueParams { jobs, now: None }).await.unwrap();
    let (what, scope) = (Limited::Queue("limited".into()), Some(Scope::new("mail").unwrap()));
    storage.rate_limits.attach(AttachParams { what, scope, actor: None }).await.unwrap();
    let process = ProcessId::new();
    storage.processes.register(register(process)).await.unwrap();
    let damage = "INSERT INTO forge_budgets (scope, slots, next_at, idle_at) VALUES ('mail', 'x', 0, 9000000000000000)";
    rusqlite::Connection::open(&file).unwrap().execute_batch(damage).unwrap();
    let want = |queue: &str| ClaimWant { queue: queue.into(), limit: 5 };
    let both = ClaimParams { wants: vec![want("first"), want("limited")], ..claim(process, 5) };
    let refused = storage.jobs.claim(both).await.unwrap_err();
    assert!(matches!(refused, StorageError::Corrupt { .. }), "{refused}");
    assert_eq!(sql(&file, "SELECT count(*) FROM forge_running"), "0");
    let first = ClaimParams { wants: vec![want("first")], ..claim(process, 5) };
    assert_eq!(storage.jobs.claim(first).await.unwrap().jobs.len(), 1);
}

#[tokio::test]
async fn a_crowd_of_keys_stops_no_claim_and_no_drain() {
    let (_dir, file) = dir();
    let storage = open(&file).await.into_bundle();
    set_limit(&storage, "mail").await;
    set_limit(&storage, "smtp").await;
    let crowd = format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {MAX_BUDGETS}) \
         INSERT INTO forge_budgets (scope, slots, next_at, idle_at) \
         SELECT 'mail:' || i, '[[9000000000000000,1]]', 0, 9000000000000000 FROM n"
    );
    rusqlite::Connection::open(&file).unwrap().execute_batch(&crowd).unwrap();
    let one_more = Scope::new("mail:one-more").unwrap();
    let params = AcquireParams { scope: one_more, wants: vec![1], now: None };
    let refused = storage.rate_limits.acquire(params).await.unwrap_err();
    assert!(refused.to_string().contains("keyed scopes"), "{refused}");
    // What has a limit of its own has room all the same.
    let drain = DrainParams {
        scope: Scope::new("mail").unwrap(),
        wait: Duration::from_secs(60),
        actor: None,
        now: None,
    };
    storage.rate_limits.drain(drain).await.unwrap();
    let (what, scope) = (Limited::Kind("k".into()), Some(Scope::new("smtp").unwrap()));
    storage.rate_limits.attach(AttachParams { what, scope, actor: None }).await.unwrap();
    storage.jobs.enqueue(EnqueueParams { jobs: vec![job("k")], now: None }).await.unwrap();
    let process = ProcessId::new();
    storage.processes.register(register(process)).await.unwrap();
    assert_eq!(storage.jobs.claim(claim(process, 10)).await.unwrap().jobs.len(), 1);
}
