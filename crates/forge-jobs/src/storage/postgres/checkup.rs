//! Checks a database as a whole: the invariants of this crate, and what slows a queue on Postgres.

use super::error::Fault;
use super::hub::{Hub, Lane};
use super::migrate;
use crate::storage::{Checkup, StorageError};
use std::sync::Arc;
use std::time::Duration;

/// Longest time of one check: it reads whole tables.
const CHECKUP_LIMIT: Duration = Duration::from_secs(600);
/// Rows named per problem.
const NAMED: usize = 3;

/// What must never be found: (what it means, rows that say so).
const INVARIANTS: [(&str, &str); 16] = [
    (
        "a job stands in no table or in several",
        // One pass over each table: a look-up per job takes minutes where there are millions.
        "SELECT j.id::text FROM {schema}.jobs j LEFT JOIN (SELECT a.id, count(*) AS places FROM ( \
           SELECT y.id FROM {schema}.ready y UNION ALL SELECT d.id FROM {schema}.deferred d \
           UNION ALL SELECT r.id FROM {schema}.running r UNION ALL SELECT f.id FROM {schema}.finished f) a \
         GROUP BY a.id) x ON x.id = j.id WHERE coalesce(x.places, 0) <> 1",
    ),
    (
        "a pending entry belongs to no job, or to one that stands elsewhere",
        "SELECT y.id::text FROM {schema}.ready y LEFT JOIN {schema}.jobs j ON j.id = y.id AND j.queue = y.queue \
           AND y.lane IN ((j.suspect > 0)::int4, 2) AND j.priority = y.priority AND j.due_at = y.due_at AND j.kind = y.kind \
           WHERE j.id IS NULL",
    ),
    (
        "a pending entry is of a queue and kind that claims do not look at",
        "SELECT y.id::text FROM {schema}.ready y LEFT JOIN {schema}.streams s ON s.queue = y.queue AND s.kind = y.kind \
           WHERE s.queue IS NULL",
    ),
    (
        "a deferred entry belongs to no job, or to one that stands elsewhere",
        "SELECT d.id::text FROM {schema}.deferred d LEFT JOIN {schema}.jobs j ON j.id = d.id AND j.queue = d.queue \
           AND j.due_at = d.due_at WHERE j.id IS NULL OR d.status NOT IN (1, 3)",
    ),
    (
        "a running or finished entry belongs to no job",
        "SELECT x.id::text FROM (SELECT id FROM {schema}.running UNION ALL SELECT id FROM {schema}.finished) x \
           LEFT JOIN {schema}.jobs j ON j.id = x.id WHERE j.id IS NULL",
    ),
    (
        "a dedupe key is held by a job that is finished, has another or is gone, and for no period",
        "SELECT u.key FROM {schema}.unique_keys u LEFT JOIN {schema}.jobs j ON j.id = u.id AND j.kind = u.kind \
           AND j.dedupe_key = u.key WHERE u.until IS NULL \
           AND (j.id IS NULL OR EXISTS (SELECT FROM {schema}.finished f WHERE f.id = u.id))",
    ),
    (
        "an unfinished job does not hold its dedupe key",
        "SELECT j.id::text FROM {schema}.jobs j WHERE j.dedupe_key IS NOT NULL \
           AND coalesce(j.dedupe_states, 15) & 4 <> 0 AND j.dedupe_us IS NULL \
           AND NOT EXISTS (SELECT FROM {schema}.finished f WHERE f.id = j.id) \
           AND NOT EXISTS (SELECT FROM {schema}.unique_keys u WHERE u.kind = j.kind AND u.key = j.dedupe_key \
                           AND u.id = j.id)",
    ),
    (
        "a concurrency key is had by a job that is neither pending nor running, or that has another",
        "SELECT s.key FROM {schema}.slots s LEFT JOIN {schema}.jobs j ON j.id = s.id AND j.kind = s.kind \
           AND j.concurrency_key = s.key WHERE j.id IS NULL OR NOT EXISTS (SELECT FROM {schema}.running r WHERE r.id = j.id) \
           AND NOT EXISTS (SELECT FROM {schema}.ready y WHERE y.queue = j.queue AND y.lane = (j.suspect > 0)::int4 \
              AND y.kind = j.kind AND y.priority = j.priority AND y.due_at = j.due_at AND y.id = j.id)",
    ),
    (
        "a claimable or running job does not have its concurrency key",
        "SELECT j.id::text FROM {schema}.jobs j WHERE j.concurrency_key IS NOT NULL \
           AND (EXISTS (SELECT FROM {schema}.running r WHERE r.id = j.id) \
              OR EXISTS (SELECT FROM {schema}.ready y WHERE y.queue = j.queue AND y.lane = (j.suspect > 0)::int4 \
                 AND y.kind = j.kind AND y.priority = j.priority AND y.due_at = j.due_at AND y.id = j.id)) \
           AND NOT EXISTS (SELECT FROM {schema}.slots s WHERE s.kind = j.kind AND s.key = j.concurrency_key AND s.id = j.id)",
    ),
    (
        "a job waits for a concurrency key that nobody has, or is nowhere among those that wait",
        "SELECT x.id::text FROM (SELECT id FROM {schema}.waiting UNION SELECT id FROM {schema}.ready WHERE lane = 2) x \
           LEFT JOIN {schema}.jobs j ON j.id = x.id WHERE j.id IS NULL \
           OR NOT EXISTS (SELECT FROM {schema}.slots s WHERE s.kind = j.kind AND s.key = j.concurrency_key) \
           OR NOT EXISTS (SELECT FROM {schema}.waiting w WHERE w.kind = j.kind AND w.key = j.concurrency_key \
              AND w.priority = j.priority AND w.due_at = j.due_at AND w.id = j.id) \
           OR NOT EXISTS (SELECT FROM {schema}.ready y WHERE y.queue = j.queue AND y.lane = 2 AND y.kind = j.kind \
              AND y.priority = j.priority AND y.due_at = j.due_at AND y.id = j.id)",
    ),
    (
        "a job was charged more attempts than it has",
        "SELECT j.id::text FROM {schema}.jobs j WHERE j.attempts > j.max_attempts",
    ),
    (
        "a claim has a number that was never given out",
        "SELECT r.id::text FROM {schema}.running r WHERE r.claim_no > (SELECT last_value FROM {schema}.claim_no)",
    ),
    (
        "a job finished before it started",
        "SELECT f.id::text FROM {schema}.finished f WHERE f.started_at > f.finished_at",
    ),
    (
        "a record of an attempt, a note or a line belongs to no job",
        "SELECT x.id::text FROM (SELECT id FROM {schema}.attempts UNION SELECT id FROM {schema}.notes \
           UNION SELECT id FROM {schema}.logs) x \
           LEFT JOIN {schema}.jobs j ON j.id = x.id WHERE j.id IS NULL",
    ),
    (
        "a permit belongs to no running job",
        "SELECT p.id::text FROM {schema}.permits p LEFT JOIN {schema}.running r ON r.id = p.id \
           AND r.claim_no = p.claim_no AND r.flags & 8 <> 0 WHERE r.id IS NULL",
    ),
    (
        "a tick belongs to no schedule",
        "SELECT t.schedule::text FROM {schema}.ticks t LEFT JOIN {schema}.schedules s ON s.no = t.schedule \
           WHERE s.no IS NULL",
    ),
];

const FACTS: &str =
    "SELECT current_setting('server_version'), pg_size_pretty(pg_database_size(current_database()))";
/// Sessions whose old snapshot keeps dead rows from being cleared away.
const OLD_SNAPSHOTS: &str = "SELECT pid::text, usename::text, coalesce(application_name, ''), coalesce(state, ''), \
     extract(epoch FROM clock_timestamp() - xact_start)::int8, age(backend_xmin)::int8 \
     FROM pg_stat_activity WHERE backend_xmin IS NOT NULL AND pid <> pg_backend_pid() AND backend_type = 'client backend' \
     AND xact_start < clock_timestamp() - interval '60 seconds' ORDER BY xact_start LIMIT 3";

/// Checks everything. Reads whole tables.
pub(super) async fn checkup(hub: Arc<Hub>) -> Result<Checkup, StorageError> {
    check(&hub).await.map_err(|e| e.into_storage(false))
}

async fn check(hub: &Hub) -> Result<Checkup, Fault> {
    let mut report = Checkup {
        database: hub.server.name().to_owned(),
        schema_version: migrate::KNOWN,
        ..Checkup::default()
    };
    if let Some(row) = hub.look(Lane::Read, FACTS, &[]).await?.first() {
        report.engine_version = format!("PostgreSQL {}", row.try_get::<_, String>(0)?);
        report.facts.push(("database_size".into(), row.try_get(1)?));
    }
    for (what, sql) in INVARIANTS {
        let rows = hub.look_within(Lane::Read, sql, &[], CHECKUP_LIMIT).await?;
        if rows.is_empty() {
            continue;
        }
        let named: Result<Vec<String>, _> = rows.iter().take(NAMED).map(|r| r.try_get(0)).collect();
        report.problems.push(format!("{what}: {} times, such as {}", rows.len(), named?.join(", ")));
    }
    for row in hub.look(Lane::Read, OLD_SNAPSHOTS, &[]).await? {
        let (pid, user, name, state): (String, String, String, String) =
            (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?, row.try_get(3)?);
        let (seconds, age): (i64, i64) = (row.try_get(4)?, row.try_get(5)?);
        report.problems.push(format!(
            "the session {pid} of {user} ({name:?}, {state}) has held a snapshot for {seconds} s ({age} transactions): \
             until it ends no dead row can be cleared away, and queues slow down; end it with \
             SELECT pg_terminate_backend({pid}) if nobody needs it"
        ));
    }
    Ok(report)
}
