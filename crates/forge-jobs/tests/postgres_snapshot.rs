//! What holds on Postgres while a session holds an old snapshot, so that no dead row can be cleared away.

#![cfg(feature = "postgres")]
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

#[path = "support/postgres.rs"]
mod databases;

use forge_jobs::storage::{
    ClaimMode, ClaimParams, ClaimWant, EnqueueParams, Inserted, KindFilter, PromoteParams, RegisterParams,
    Storage, SweepParams,
};
use forge_jobs::{DefaultRouter, EnqueueRequest, JobId, ProcessId, Timestamp};
use forge_test_cluster::TestDatabase;
use std::time::{Duration, SystemTime};
use tokio_postgres::Client;

/// A wait longer than this is a hang, not slowness.
const HANG: Duration = Duration::from_secs(180);
/// So many dead rows are worth remembering where live ones are.
const DEAD: i64 = 12_000;
/// Index entries that a call may read that knows where to look.
const FEW: i64 = 50;

struct Rig {
    storage: Storage,
    client: Client,
    process: ProcessId,
    snapshot: Client,
    _database: TestDatabase<'static>,
}

impl Rig {
    /// A queue of a kind, and a session with a snapshot from now on.
    async fn new() -> Self {
        let database = databases::fresh().await;
        let storage = databases::open(database.url()).await.into_bundle();
        let client = forge_test_cluster::connect(database.url()).await.unwrap();
        let process = ProcessId::new();
        let params = RegisterParams {
            process,
            host: "host".into(),
            pid: 1,
            version: "1".into(),
            kinds: None,
            queues: None,
            heartbeat_interval: Duration::from_secs(10),
            stale_after: Duration::from_secs(45),
            now: None,
        };
        storage.processes.register(params).await.unwrap();
        let snapshot = forge_test_cluster::connect(database.url()).await.unwrap();
        snapshot
            .batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT FROM forge.jobs")
            .await
            .unwrap();
        let rig = Self { storage, client, process, snapshot, _database: database };
        // Names the queue and the kind.
        rig.enqueue(EnqueueRequest::new("k", 0), None).await;
        assert_eq!(rig.claim(1).await.len(), 1);
        rig
    }

    async fn enqueue(&self, request: EnqueueRequest, now: Option<Timestamp>) -> JobId {
        let job = request.validate(&DefaultRouter).unwrap();
        let id = job.id;
        let params = EnqueueParams { jobs: vec![job], now };
        assert_eq!(self.storage.jobs.enqueue(params).await.unwrap(), [Inserted::Inserted]);
        id
    }

    async fn claim(&self, limit: u32) -> Vec<JobId> {
        self.claim_of("default", limit).await
    }

    async fn claim_of(&self, queue: &str, limit: u32) -> Vec<JobId> {
        let wants = vec![ClaimWant { queue: queue.into(), limit }];
        let (process, mode) = (self.process, ClaimMode::Ordinary);
        let params = ClaimParams { process, wants, kinds: KindFilter::Any, mode, now: None };
        self.storage.jobs.claim(params).await.unwrap().jobs.iter().map(|c| c.job.id).collect()
    }

    async fn promote(&self) -> u32 {
        self.storage.jobs.promote(PromoteParams { limit: 100, now: None }).await.unwrap().count
    }

    /// Rows that came, one each millisecond up to now, and went.
    async fn bury(&self, table: &str, columns: &str, values: &str) {
        let sql = format!(
            "INSERT INTO forge.{table} ({columns}) SELECT {values} FROM (SELECT gen_random_uuid() AS id, \
             forge.clock(NULL) - 1000 * n AS at FROM generate_series(1, {DEAD}) n) x; \
             DELETE FROM forge.{table} WHERE id NOT IN (SELECT id FROM forge.jobs)"
        );
        self.client.batch_execute(&sql).await.unwrap();
    }

    async fn bury_ready(&self, priority: i16) {
        self.bury_ready_of(1, priority).await;
    }

    async fn bury_ready_of(&self, queue: i32, priority: i16) {
        let values = format!("id, at, {queue}, 1, 0, {priority}");
        self.bury("ready", "id, due_at, queue, kind, lane, priority", &values).await;
    }

    async fn number(&self, sql: &str) -> i64 {
        self.client.query_typed(sql, &[]).await.unwrap()[0].get(0)
    }

    /// Entries that a claim reads that looks in these spans: priorities to begin in, and to end with.
    async fn read_by_claim(&self, from: &str, ends: &str) -> i64 {
        let ones = if from == "{}" { "{}" } else { "{1,1,1,1}" };
        let zero = "00000000-0000-0000-0000-000000000000";
        let ids = if from == "{}" { "{}".into() } else { format!("{{{zero},{zero},{zero},{zero}}}") };
        let due = "(SELECT array_agg(forge.clock(NULL)) FROM generate_series(1, 4))";
        let sql = format!(
            "SELECT max(read) FROM forge.claim('{}', '{{default}}', '{{10}}', NULL, false, 100, '{ones}', '{ones}', \
             '{from}', {due}, '{ids}', '{ends}', NULL)",
            self.process
        );
        self.number(&sql).await
    }
}

fn an_hour_ago() -> Timestamp {
    Timestamp::from(SystemTime::now() - Duration::from_secs(3_600))
}

/// Asks until there is an answer; after each word of the storage, and when there is none.
async fn until<T>(rig: &Rig, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let mut changes = rig.storage.jobs.changes();
    let asked = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            changes.changed().await.unwrap();
        }
    };
    tokio::time::timeout(HANG, asked).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_holds_the_oldest_snapshot_is_named_and_an_idle_transaction_that_holds_none_is_not() {
    let rig = Rig::new().await;
    let rows = rig.snapshot.query_typed("SELECT pg_backend_pid()::int8", &[]).await.unwrap();
    // Older than it, and in nobody's way: between statements it has neither read nor written anything that counts.
    rig.client.batch_execute("BEGIN; SELECT 1").await.unwrap();
    let open = rig.storage.inspect.oldest_snapshot().await.unwrap().unwrap();
    assert_eq!(open.pid, rows[0].get::<_, i64>(0));
    assert_eq!(open.state.as_deref(), Some("idle in transaction"));
    rig.snapshot.batch_execute("COMMIT").await.unwrap();
    let after = rig.storage.inspect.oldest_snapshot().await.unwrap();
    assert!(after.is_none_or(|other| other.pid != open.pid && other.age < open.age));
    rig.client.batch_execute("ROLLBACK").await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_that_knows_where_to_look_steps_over_nothing_in_any_priority() {
    let rig = Rig::new().await;
    for priority in [0, 1, 7] {
        rig.bury_ready(priority).await;
    }
    assert!(rig.read_by_claim("{}", "{}").await >= 3 * DEAD, "from the front it steps over all that is dead");
    let passed = format!(
        "SELECT max(p.kind) FROM forge.claim('{}', '{{default}}', '{{10}}', NULL, false, 100, '{{}}', '{{}}', '{{}}', \
         '{{}}', '{{}}', '{{}}', NULL) c CROSS JOIN LATERAL unnest(c.passed_wants, c.passed_kinds) AS p(want, kind)",
        rig.process
    );
    assert_eq!(
        rig.number(&format!("SELECT ({passed})::bigint")).await,
        1,
        "and says so, though it gets nothing"
    );
    let read = rig.read_by_claim("{-32768,0,1,7}", "{-1,0,6,32767}").await;
    assert!(read <= FEW, "{read} entries were read");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_comes_in_before_a_mark_is_found_and_told_of() {
    let rig = Rig::new().await;
    rig.bury_ready(0).await;
    rig.bury_ready(3).await;
    for priority in [0, 3] {
        rig.enqueue(EnqueueRequest::new("k", 0).with_priority(priority), None).await;
    }
    // It steps over all that is dead: from here on its place is remembered.
    assert_eq!(rig.claim(10).await.len(), 2);
    for priority in [3, 0] {
        let late =
            rig.enqueue(EnqueueRequest::new("k", 1).with_priority(priority), Some(an_hour_ago())).await;
        let found = until(&rig, async || rig.claim(10).await.pop()).await;
        assert_eq!(found, late);
    }
    // What comes in as usual is claimed at once, and so is a priority that is not remembered.
    for priority in [0, 2, -4] {
        let job = rig.enqueue(EnqueueRequest::new("k", 2).with_priority(priority), None).await;
        assert_eq!(rig.claim(10).await, [job]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_jobs_before_a_mark_are_all_found() {
    let rig = Rig::new().await;
    rig.bury_ready(0).await;
    rig.enqueue(EnqueueRequest::new("k", 0), None).await;
    assert_eq!(rig.claim(1).await.len(), 1);
    let mut missing: std::collections::HashSet<JobId> = std::collections::HashSet::new();
    let jobs: Vec<_> =
        (0..1_500).map(|n| EnqueueRequest::new("k", n).validate(&DefaultRouter).unwrap()).collect();
    missing.extend(jobs.iter().map(|j| j.id));
    let params = EnqueueParams { jobs, now: Some(an_hour_ago()) };
    rig.storage.jobs.enqueue(params).await.unwrap();
    until(&rig, async || {
        loop {
            let claimed = rig.claim(50).await;
            if claimed.is_empty() {
                return missing.is_empty().then_some(());
            }
            for id in claimed {
                assert!(missing.remove(&id), "each once");
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_that_nobody_claims_hold_up_no_look_back_for_others() {
    let rig = Rig::new().await;
    // The order of names is that of looks back.
    let other = |n| EnqueueRequest::new("k", n).on_queue("a");
    rig.enqueue(other(0), None).await;
    rig.bury_ready_of(2, 0).await;
    rig.bury_ready(0).await;
    rig.enqueue(EnqueueRequest::new("k", 0), None).await;
    assert_eq!((rig.claim_of("a", 1).await.len(), rig.claim(1).await.len()), (1, 1));
    let jobs = (0..2_000).map(|n| other(n).validate(&DefaultRouter).unwrap()).collect();
    let params = EnqueueParams { jobs, now: Some(an_hour_ago()) };
    rig.storage.jobs.enqueue(params).await.unwrap();
    let late = rig.enqueue(EnqueueRequest::new("k", 1), Some(an_hour_ago())).await;
    let found = until(&rig, async || rig.claim(10).await.pop()).await;
    assert_eq!(found, late);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_promotion_tells_the_last_key_of_what_is_due_at_one_instant() {
    let rig = Rig::new().await;
    let at = an_hour_ago();
    let mut ids = Vec::new();
    for n in 0..3 {
        let soon = EnqueueRequest::new("k", n).with_run_at(at);
        ids.push(rig.enqueue(soon, Some(at.saturating_sub(Duration::from_secs(1)))).await);
    }
    ids.sort_unstable();
    let sql = "SELECT last_scheduled_id::text, last_retrying_id::text FROM forge.promote(2, '{}', '{}', '{}', '{}', NULL)";
    let rows = rig.client.query_typed(sql, &[]).await.unwrap();
    assert_eq!(rows[0].get::<_, Option<String>>(0), Some(ids[1].to_string()));
    assert_eq!(rows[0].get::<_, Option<String>>(1), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_promotion_that_knows_where_to_look_steps_over_nothing() {
    let rig = Rig::new().await;
    for status in [1, 3] {
        rig.bury("deferred", "id, due_at, queue, status", &format!("id, at, 1, {status}")).await;
    }
    let read =
        async |spans: &str| rig.number(&format!("SELECT read FROM forge.promote(10, {spans}, NULL)")).await;
    assert!(
        read("'{}', '{}', '{}', '{}'").await >= 2 * DEAD,
        "from the front it steps over all that is dead"
    );
    let zero = "00000000-0000-0000-0000-000000000000";
    let now = "ARRAY[forge.clock(NULL), forge.clock(NULL)]";
    let read = read(&format!("'{{1,3}}', {now}, '{{{zero},{zero}}}', '{{f,f}}'")).await;
    assert!(read <= FEW, "{read} entries were read");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_is_deferred_to_before_the_mark_is_promoted() {
    let rig = Rig::new().await;
    rig.bury("deferred", "id, due_at, queue, status", "id, at, 1, 1").await;
    let ahead = || EnqueueRequest::new("k", 1).with_delay(Duration::from_secs(1_800));
    rig.enqueue(ahead(), Some(an_hour_ago())).await;
    // It steps over all that is dead: from here on its place is remembered, a little before now.
    let soon = EnqueueRequest::new("k", 1).with_delay(Duration::from_millis(1));
    rig.enqueue(soon, None).await;
    let mut claimed = 0;
    until(&rig, async || {
        while rig.promote().await > 0 {}
        claimed += rig.claim(10).await.len();
        (claimed == 2).then_some(())
    })
    .await;
    let late = rig.enqueue(ahead(), Some(an_hour_ago())).await;
    let found = until(&rig, async || {
        rig.promote().await;
        rig.claim(10).await.pop()
    })
    .await;
    assert_eq!(found, late);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sweep_that_knows_where_to_look_steps_over_nothing_and_leaves_nothing() {
    let rig = Rig::new().await;
    rig.bury("finished", "id, finished_at, claim_no, queue, attempt, status", "id, at, 1, 1, 1, 4").await;
    let fill = async |finished_at: &str, number: i64| {
        let sql = format!(
            "INSERT INTO forge.finished (id, finished_at, claim_no, queue, attempt, status) \
             SELECT gen_random_uuid(), {finished_at}, 1, 1, 1, 4 FROM generate_series(1, {number})"
        );
        rig.client.batch_execute(&sql).await.unwrap();
    };
    fill("forge.clock(NULL)", 50).await;
    rig.client.batch_execute("UPDATE forge.queues SET done_retention_us = 0").await.unwrap();
    let read =
        async |marks: &str| rig.number(&format!("SELECT read FROM forge.sweep(1, {marks}, NULL)")).await;
    assert!(read("'{}', '{}', '{}'").await >= DEAD, "from the front it steps over all that is dead");
    let mark = rig.number("SELECT min(finished_at) FROM forge.finished").await;
    let read = read(&format!("'{{1}}', '{{4}}', '{{{mark}}}'")).await;
    assert!(read <= FEW, "{read} entries were read");

    // The storage finds where to look by itself, and what was finished before there a little later.
    let sweep = async || rig.storage.jobs.sweep(SweepParams { limit: 10, now: None }).await.unwrap();
    let (mut swept, mut more) = (0, true);
    while more {
        let report = sweep().await;
        (swept, more) = (swept + report.done, report.more);
    }
    assert_eq!(swept, 48);
    fill("forge.clock(NULL) - 3600000000", 1).await;
    let last = async { while sweep().await.done == 0 {} };
    tokio::time::timeout(HANG, last).await.unwrap();
}
