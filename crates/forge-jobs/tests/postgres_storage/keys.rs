//! Dedupe keys and replacements, and what may wait for what.

use crate::{HANG, claim_all, client, databases, enqueue, job, number, register};
use forge_jobs::retry::Transition;
use forge_jobs::storage::{
    CancelOutcome, ClaimMode, ClaimParams, ClaimWant, EnqueueParams, Finish, FinishParams, FinishResult,
    HeartbeatParams, Inserted, KindFilter, PromoteParams, Storage, SweepParams, VerbParams,
};
use forge_jobs::{Dedupe, DedupeStates, EnqueueRequest, JobStatus, Timestamp, Timing};
use std::future::Future;
use std::time::Duration;
use tokio_postgres::Client;

/// Until so many calls wait for locks.
pub(crate) async fn until_waiting(watch: &Client, calls: i64) {
    let locked = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let waiting = async {
        while number(watch, locked).await < calls {
            tokio::task::yield_now().await;
        }
    };
    soon(waiting).await;
}

pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(HANG, future).await.expect("it does not hang")
}

async fn no_problems(storage: &Storage) {
    assert_eq!(storage.inspect.checkup().await.unwrap().problems, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_held_by_an_open_transaction_holds_up_its_own_twins_alone() {
    let database = databases::fresh().await;
    let storage = databases::open(database.url()).await.into_bundle();
    // A name that is new would hold up everybody who uses it: it is known from here on.
    enqueue(&storage, EnqueueRequest::new("k", 0)).await;
    let host = client(&database).await;
    host.batch_execute("BEGIN; SELECT forge.enqueue('k', '1', dedupe_key => 'x')").await.unwrap();
    let twins: Vec<_> = (0..6)
        .map(|_| {
            let storage = storage.clone();
            tokio::spawn(
                async move { enqueue(&storage, EnqueueRequest::new("k", 2).with_dedupe_key("x")).await },
            )
        })
        .collect();
    until_waiting(&client(&database).await, 1).await;
    let process = register(&storage).await;
    for n in 0..20 {
        assert_eq!(enqueue(&storage, EnqueueRequest::new("k", n)).await, Inserted::Inserted);
        let wants = vec![ClaimWant { queue: "default".into(), limit: 1 }];
        let params =
            ClaimParams { process, wants, kinds: KindFilter::Any, mode: ClaimMode::Ordinary, now: None };
        assert_eq!(storage.jobs.claim(params).await.unwrap().jobs.len(), 1);
        let beat = HeartbeatParams { process, stopping: false, lead_for: None, now: None };
        storage.processes.heartbeat(beat).await.unwrap();
    }
    assert!(twins.iter().all(|t| !t.is_finished()), "they wait for the transaction");
    host.batch_execute("ROLLBACK").await.unwrap();
    let mut inserted = 0;
    for twin in twins {
        inserted +=
            usize::from(tokio::time::timeout(HANG, twin).await.unwrap().unwrap() == Inserted::Inserted);
    }
    assert_eq!(inserted, 1, "the key was free again, for one of them");
}

#[tokio::test]
async fn a_job_that_comes_back_does_not_wait_for_an_open_transaction_that_has_its_key() {
    let database = databases::fresh().await;
    let storage = databases::open(database.url()).await.into_bundle();
    let process = register(&storage).await;
    let waits = || Dedupe::new("x").in_states(DedupeStates::WAITING);
    let mut leases = Vec::new();
    for key in [waits(), Dedupe::new("y").in_states(DedupeStates::WAITING)] {
        enqueue(&storage, EnqueueRequest::new("k", 1).with_dedupe(key)).await;
        leases.extend(claim_all(&storage, process).await);
    }
    // The key is free, since its job has started.
    let host = client(&database).await;
    host.batch_execute("BEGIN; SELECT forge.enqueue('k', '1', dedupe_key => 'x')").await.unwrap();
    let timing = Timing { ran_for: Duration::ZERO, ended_ago: Duration::ZERO };
    let again = Transition::Retry { after: Duration::from_secs(60), error: "no".into() };
    let member = |lease| Finish { lease, transition: again.clone(), timing, failure: None };
    let params = FinishParams { members: leases.into_iter().map(member).collect(), now: None };
    let finish = tokio::time::timeout(HANG, storage.jobs.finish(params)).await.unwrap().unwrap();
    let retrying = FinishResult::Applied { status: JobStatus::Retrying, dead_reason: None };
    assert_eq!(finish, [retrying; 2]);
    host.batch_execute("COMMIT").await.unwrap();
    // The transaction has it now.
    let twin = enqueue(&storage, EnqueueRequest::new("k", 1).with_dedupe(waits())).await;
    assert!(matches!(twin, Inserted::Duplicate { .. }), "{twin:?}");
    assert_eq!(number(&host, "SELECT count(*) FROM forge.jobs WHERE dedupe_key = 'x'").await, 2);
    // The other key, which nobody has, is held again.
    let twin = enqueue(&storage, EnqueueRequest::new("k", 1).with_dedupe_key("y")).await;
    assert!(matches!(twin, Inserted::Duplicate { .. }), "{twin:?}");
    let checkup = storage.inspect.checkup().await.unwrap();
    assert_eq!(checkup.problems, Vec::<String>::new());
}

#[tokio::test]
async fn keys_whose_time_is_over_are_swept() {
    let database = databases::fresh().await;
    let storage = databases::open(database.url()).await.into_bundle();
    let key = |n: i32| Dedupe::new(n.to_string()).within(Duration::from_secs(60));
    for n in 0..3 {
        enqueue(&storage, EnqueueRequest::new("k", n).with_dedupe(key(n))).await;
    }
    enqueue(&storage, EnqueueRequest::new("k", 3).with_dedupe_key("as long as it takes")).await;
    let host = client(&database).await;
    let held = "SELECT count(*) FROM forge.unique_keys";
    let later = Timestamp::now().saturating_add(Duration::from_secs(61));
    for (limit, now, left, more) in [
        (10, None, 4, false),
        (2, Some(later), 2, true),
        (2, Some(later), 1, false),
        (2, Some(later), 1, false),
    ] {
        let swept = storage.jobs.sweep(SweepParams { limit, now }).await.unwrap();
        assert_eq!((number(&host, held).await, swept.more), (left, more));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_with_another_key_goes_past_one_that_waits_though_nobody_else_comes() {
    let database = databases::fresh().await;
    let storage = databases::open(database.url()).await.into_bundle();
    enqueue(&storage, EnqueueRequest::new("k", 0)).await;
    let host = client(&database).await;
    let watch = client(&database).await;
    for n in 0..5 {
        let sql = format!("BEGIN; SELECT forge.enqueue('k', '1', dedupe_key => 'x{n}')");
        host.batch_execute(&sql).await.unwrap();
        let twin = {
            let storage = storage.clone();
            tokio::spawn(async move {
                enqueue(&storage, EnqueueRequest::new("k", n).with_dedupe_key(format!("x{n}"))).await
            })
        };
        let other = async {
            until_waiting(&watch, 1).await;
            // Within milliseconds of the one that waits: it looked at what is worth another write before this came.
            enqueue(&storage, EnqueueRequest::new("k", n).with_dedupe_key(format!("y{n}"))).await
        };
        assert_eq!(tokio::time::timeout(HANG, other).await.unwrap(), Inserted::Inserted);
        assert!(!twin.is_finished());
        host.batch_execute("ROLLBACK").await.unwrap();
        assert_eq!(tokio::time::timeout(HANG, twin).await.unwrap().unwrap(), Inserted::Inserted);
    }
}

/// A heartbeat behind a verb that waits would cost a process its jobs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_verb_on_a_job_that_an_open_transaction_replaces_waits_in_nobodys_way() {
    let database = databases::fresh().await;
    let storage = databases::open(database.url()).await.into_bundle();
    let first = job(EnqueueRequest::new("k", 1).with_dedupe_key("x").with_delay(Duration::from_secs(60)));
    let id = first.id;
    storage.jobs.enqueue(EnqueueParams { jobs: vec![first], now: None }).await.unwrap();
    let host = client(&database).await;
    let replace = "BEGIN; SELECT forge.enqueue('k', '2', dedupe_key => 'x', on_duplicate => 'replace')";
    host.batch_execute(replace).await.unwrap();
    let verbs: Vec<_> = (0..2)
        .map(|_| {
            let storage = storage.clone();
            tokio::spawn(async move {
                storage
                    .jobs
                    .cancel(VerbParams { ids: vec![id], actor: None, now: None })
                    .await
                    .unwrap()
                    .remove(0)
            })
        })
        .collect();
    let watch = client(&database).await;
    until_waiting(&watch, 1).await;
    let process = soon(register(&storage)).await;
    for n in 0..20 {
        let beat = HeartbeatParams { process, stopping: false, lead_for: None, now: None };
        soon(storage.processes.heartbeat(beat)).await.unwrap();
        assert_eq!(soon(enqueue(&storage, EnqueueRequest::new("k", n))).await, Inserted::Inserted);
        assert_eq!(soon(claim_all(&storage, process)).await.len(), 1);
    }
    until_waiting(&watch, 2).await;
    assert!(verbs.iter().all(|v| !v.is_finished()), "they wait for the transaction");
    host.batch_execute("COMMIT").await.unwrap();
    let mut cancelled = 0;
    for verb in verbs {
        cancelled += usize::from(soon(verb).await.unwrap() == CancelOutcome::Cancelled);
    }
    assert_eq!(cancelled, 1, "by one of them, as what it is now");
    no_problems(&storage).await;
}

/// A transaction of the host's that has some key may not hold up the work of others by what waits for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_that_waits_for_a_key_holds_no_concurrency_key() {
    let database = databases::fresh().await;
    let storage = databases::open(database.url()).await.into_bundle();
    let process = register(&storage).await;
    let turn = |n: i32| EnqueueRequest::new("k", n).with_concurrency_key("c");
    enqueue(&storage, turn(1)).await;
    let running = claim_all(&storage, process).await.remove(0);
    enqueue(&storage, turn(2).with_dedupe_key("a")).await;
    let host = client(&database).await;
    host.batch_execute("BEGIN; SELECT forge.enqueue('k', '3', dedupe_key => 'x')").await.unwrap();
    let batch = {
        let storage = storage.clone();
        let replacing = turn(4).with_dedupe(Dedupe::new("a").replacing());
        let jobs = vec![job(replacing), job(EnqueueRequest::new("k", 5).with_dedupe_key("x"))];
        tokio::spawn(async move { storage.jobs.enqueue(EnqueueParams { jobs, now: None }).await.unwrap() })
    };
    until_waiting(&client(&database).await, 1).await;
    let timing = Timing { ran_for: Duration::ZERO, ended_ago: Duration::ZERO };
    let done =
        Finish { lease: running, transition: Transition::Done { output: None }, timing, failure: None };
    soon(storage.jobs.finish(FinishParams { members: vec![done], now: None })).await.unwrap();
    assert_eq!(soon(claim_all(&storage, process)).await.len(), 1, "the next one has the concurrency key");
    assert!(!batch.is_finished());
    host.batch_execute("ROLLBACK").await.unwrap();
    let results = soon(batch).await.unwrap();
    assert!(matches!(results[..], [Inserted::Duplicate { .. }, Inserted::Inserted]), "{results:?}");
    no_problems(&storage).await;
}

/// Each locks rows that the others lock. The server breaks a circle after a second; here it hangs.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn replacements_ends_promotions_and_cancels_at_once_wait_in_no_circle() {
    let database = databases::fresh().await;
    let name = database.name();
    let patient = format!("ALTER DATABASE \"{name}\" SET deadlock_timeout = '1h'");
    client(&database).await.batch_execute(&patient).await.unwrap();
    let mut storages: Vec<Storage> = Vec::new();
    for _ in 0..4 {
        storages.push(databases::open(database.url()).await.into_bundle());
    }
    let process = register(&storages[0]).await;
    let turn = |n: i32| EnqueueRequest::new("k", n).with_concurrency_key(["c", "d"][usize::from(n % 2 == 0)]);
    for n in 0..40 {
        let waits = || Dedupe::new(format!("x{}", n % 3)).in_states(DedupeStates::WAITING);
        enqueue(&storages[0], turn(n).with_dedupe(waits())).await;
        let running = claim_all(&storages[0], process).await.pop();
        let mut waiting = Vec::new();
        for m in 0..3_i32 {
            let new = job(turn(m).with_delay(Duration::from_millis((m % 2).unsigned_abs().into())));
            waiting.push(new.id);
            storages[0].jobs.enqueue(EnqueueParams { jobs: vec![new], now: None }).await.unwrap();
        }
        let replace = |storage: &Storage, m: i32| {
            let (storage, request) = (storage.clone(), turn(m).with_dedupe(waits().replacing()));
            async move { enqueue(&storage, request).await }
        };
        let timing = Timing { ran_for: Duration::ZERO, ended_ago: Duration::ZERO };
        let member =
            |lease| Finish { lease, transition: Transition::Done { output: None }, timing, failure: None };
        let finish = FinishParams { members: running.into_iter().map(member).collect(), now: None };
        let cancel =
            VerbParams { ids: vec![waiting[usize::try_from(n % 3).unwrap()]], actor: None, now: None };
        let promote = PromoteParams { limit: 10, now: None };
        let all = async {
            tokio::join!(
                replace(&storages[1], n),
                replace(&storages[2], n + 1),
                async { storages[0].jobs.finish(finish).await.unwrap() },
                async { storages[3].jobs.promote(promote).await.unwrap() },
                async { storages[3].jobs.cancel(cancel).await.unwrap() },
            )
        };
        soon(all).await;
    }
    no_problems(&storages[0]).await;
}
