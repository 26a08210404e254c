//! A database as it looks after a busy day: a great many jobs in every state, and what was counted of them.

use crate::campaigns::depth::register;
use crate::campaigns::{Failure, open_url};
use crate::fleet::Site;
use forge_jobs::retry::Transition;
use forge_jobs::storage::{
    ClaimMode, ClaimParams, ClaimWant, EnqueueParams, Finish, FinishParams, KindFilter, RollParams, Storage,
};
use forge_jobs::{DefaultRouter, EnqueueRequest, Timestamp, Timing};
use rusqlite::Connection;
use std::time::Duration;
use tokio_postgres::NoTls;

/// Queues and kinds, which a job has by its number.
const QUEUES: u32 = 10;
const KINDS: u32 = 20;
/// Of so many jobs one has the tag `vip`.
const TAGGED: u32 = 50;
const DAY: Duration = Duration::from_secs(86_400);

/// Fills a database: so many jobs of the last day by hand, and a job of each queue in each minute through the front door,
/// so that it is counted.
///
/// # Errors
///
/// What the database said.
pub async fn fill(url: &str, jobs: u32, minutes: u32) -> Result<(), Failure> {
    let storage = open_url(url).await?;
    let now = Timestamp::now();
    let begin = now.saturating_sub(DAY);
    count(&storage, now, minutes).await?;
    let step = i64::try_from(DAY.as_micros())? / i64::from(jobs.max(1));
    match url.strip_prefix("sqlite:") {
        Some(file) => on_sqlite(file, jobs, begin.as_micros(), step),
        None => on_postgres(url, jobs, begin.as_micros(), step).await,
    }
}

/// Jobs that come, run and end in each of the last minutes, of all queues and kinds.
async fn count(storage: &Storage, now: Timestamp, minutes: u32) -> Result<(), Failure> {
    let process = register(storage).await?;
    let queue = |n: u32| format!("q{}", n % QUEUES);
    for minute in (1..=minutes).rev() {
        let at = Some(now.saturating_sub(Duration::from_secs(60 * u64::from(minute))));
        let job = |n: u32| {
            EnqueueRequest::new(format!("send_{}", (minute + n) % KINDS), n)
                .on_queue(queue(n))
                .validate(&DefaultRouter)
        };
        let jobs = (0..QUEUES).map(job).collect::<Result<Vec<_>, _>>()?;
        storage.jobs.enqueue(EnqueueParams { jobs, now: at }).await?;
        let wants = (0..QUEUES).map(|n| ClaimWant { queue: queue(n), limit: 1 }).collect();
        let (kinds, mode) = (KindFilter::Any, ClaimMode::Ordinary);
        let claimed = storage.jobs.claim(ClaimParams { process, wants, kinds, mode, now: at }).await?;
        let ran_for = Duration::from_millis(u64::from(minute % 97));
        let members = claimed.jobs.into_iter().map(|claim| Finish {
            lease: claim.lease,
            transition: Transition::Done { output: None },
            timing: Timing { ran_for, ended_ago: Duration::ZERO },
            failure: None,
        });
        storage.jobs.finish(FinishParams { members: members.collect(), now: at }).await?;
    }
    while storage.metrics.roll(RollParams { oldest: Vec::new(), now: None }).await?.more {}
    Ok(())
}

fn on_sqlite(file: &str, jobs: u32, begin: i64, step: i64) -> Result<(), Failure> {
    let conn = Connection::open(file)?;
    conn.busy_timeout(Duration::from_secs(60))?;
    conn.execute_batch(&format!(
        "PRAGMA synchronous = OFF; PRAGMA cache_size = -400000; BEGIN IMMEDIATE;
         CREATE TEMP TABLE made AS
           WITH RECURSIVE n (x) AS (SELECT 0 UNION ALL SELECT x + 1 FROM n WHERE x < {jobs} - 1)
           SELECT x, {begin} + x * {step} AS at, x % 20 AS state,
                  unhex(printf('%012x7000800%013x', ({begin} + x * {step}) / 1000, x)) AS id,
                  (SELECT no FROM forge_queues WHERE name = 'q' || (x / 20 % {QUEUES})) AS queue,
                  (SELECT no FROM forge_kinds WHERE name = 'send_' || (x / 7 % {KINDS})) AS kind
           FROM n;
         INSERT INTO forge_jobs (id, queue, kind, priority, due_at, created_at, max_attempts, tags, payload)
           SELECT id, queue, kind, 0, at + CASE WHEN state IN (2, 3, 4, 5, 6) THEN {later} ELSE 0 END, at, 20,
                  CASE WHEN x % {TAGGED} = 0 THEN '[\"vip\"]' END, '{{\"user\":\"user-' || x || '\"}}' FROM made;
         CREATE TEMP TABLE placed AS SELECT j.seq, j.due_at, m.* FROM made m JOIN forge_jobs j ON j.id = m.id;
         INSERT INTO forge_ready (queue, lane, kind, priority, due_at, id, seq)
           SELECT queue, 0, kind, 0, due_at, id, seq FROM placed WHERE state < 2;
         INSERT INTO forge_deferred (status, due_at, id, seq, queue)
           SELECT CASE state WHEN 6 THEN 3 ELSE 1 END, due_at, id, seq, queue FROM placed WHERE state BETWEEN 2 AND 6;
         INSERT INTO forge_finished (seq, status, queue, finished_at, started_at, attempt, claim_no, reason, error)
           SELECT seq, CASE WHEN state > 16 THEN 5 ELSE 4 END, queue, at + 1000, at, 1, 0,
                  CASE WHEN state > 16 THEN state - 17 END, CASE WHEN state > 16 THEN 'it was refused' END
           FROM placed WHERE state > 6;
         COMMIT; PRAGMA wal_checkpoint(TRUNCATE)",
        later = DAY.as_micros() * 2,
    ))?;
    Ok(())
}

async fn on_postgres(url: &str, jobs: u32, begin: i64, step: i64) -> Result<(), Failure> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    let running = tokio::spawn(connection);
    client
        .batch_execute(&format!(
            "SET synchronous_commit = off;
             CREATE TEMP TABLE made AS SELECT x, {begin} + x * {step} AS at, x % 20 AS state,
                    (lpad(to_hex(({begin} + x * {step}) / 1000), 12, '0') || '7000800' || lpad(to_hex(x), 13, '0'))::uuid AS id,
                    q.no AS queue, k.no AS kind
               FROM generate_series(0::bigint, {jobs} - 1) x
               JOIN forge.queues q ON q.name = 'q' || (x / 20 % {QUEUES})
               JOIN forge.kinds k ON k.name = 'send_' || (x / 7 % {KINDS});
             INSERT INTO forge.jobs (id, queue, kind, priority, due_at, created_at, max_attempts, tags, payload)
               SELECT id, queue, kind, 0, at + CASE WHEN state BETWEEN 2 AND 6 THEN {later} ELSE 0 END, at, 20,
                      CASE WHEN x % {TAGGED} = 0 THEN '[\"vip\"]' END, '{{\"user\":\"user-' || x || '\"}}' FROM made;
             INSERT INTO forge.ready (due_at, id, queue, kind, lane, priority)
               SELECT at, id, queue, kind, 0, 0 FROM made WHERE state < 2;
             INSERT INTO forge.deferred (due_at, id, queue, status)
               SELECT at + {later}, id, queue, CASE state WHEN 6 THEN 3 ELSE 1 END FROM made WHERE state BETWEEN 2 AND 6;
             INSERT INTO forge.finished (id, status, queue, finished_at, started_at, attempt, claim_no, reason, error)
               SELECT id, CASE WHEN state > 16 THEN 5 ELSE 4 END, queue, at + 1000, at, 1, 0,
                      CASE WHEN state > 16 THEN state - 17 END, CASE WHEN state > 16 THEN 'it was refused' END
               FROM made WHERE state > 6",
            later = DAY.as_micros() * 2,
        ))
        .await?;
    // As the server does by itself within a minute of so many rows.
    client.batch_execute("VACUUM (ANALYZE)").await?;
    drop(client);
    running.await??;
    Ok(())
}

/// Takes the table of jobs away: who still answers does not read it.
pub(super) async fn hide_jobs(site: &Site) -> Result<(), Failure> {
    if !site.url().starts_with("postgres") {
        let conn = Connection::open(site.database())?;
        conn.busy_timeout(Duration::from_secs(60))?;
        // Views that name it would be rewritten; this way they break as well.
        conn.execute_batch(
            "PRAGMA legacy_alter_table = ON; ALTER TABLE forge_jobs RENAME TO forge_jobs_hidden",
        )?;
        return Ok(());
    }
    let (client, connection) = tokio_postgres::connect(site.url(), NoTls).await?;
    let running = tokio::spawn(connection);
    client.batch_execute("ALTER TABLE forge.jobs RENAME TO jobs_hidden").await?;
    drop(client);
    running.await??;
    Ok(())
}
