//! Checks a database as a whole: SQLite's own check, and the invariants of this crate.

use super::error::Fault;
use super::migrate;
use crate::storage::Checkup;
use rusqlite::{Connection, Row};

/// What must never be found: (what it means, rows that say so). At most a few rows each are named.
const INVARIANTS: [(&str, &str); 17] = [
    (
        "a job stands in no table or in several",
        "SELECT hex(j.id) FROM forge_jobs j WHERE 1 <> \
           (SELECT count(*) FROM forge_ready y WHERE y.queue = j.queue AND y.lane IN ((j.suspect > 0), 2) \
              AND y.kind = j.kind AND y.priority = j.priority AND y.due_at = j.due_at AND y.id = j.id) \
         + (SELECT count(*) FROM forge_deferred d WHERE d.status IN (1, 3) AND d.due_at = j.due_at AND d.id = j.id) \
         + (SELECT count(*) FROM forge_running r WHERE r.seq = j.seq) \
         + (SELECT count(*) FROM forge_finished f WHERE f.seq = j.seq)",
    ),
    (
        "a pending entry belongs to no job, or to one that stands elsewhere",
        "SELECT hex(y.id) FROM forge_ready y LEFT JOIN forge_jobs j ON j.seq = y.seq AND j.id = y.id \
           AND j.queue = y.queue AND y.lane IN ((j.suspect > 0), 2) AND j.priority = y.priority AND j.due_at = y.due_at \
           AND j.kind = y.kind WHERE j.seq IS NULL",
    ),
    (
        "a deferred entry belongs to no job, or to one that stands elsewhere",
        "SELECT hex(d.id) FROM forge_deferred d LEFT JOIN forge_jobs j ON j.seq = d.seq AND j.id = d.id \
           AND j.queue = d.queue AND j.due_at = d.due_at WHERE j.seq IS NULL OR d.status NOT IN (1, 3)",
    ),
    (
        "a running entry belongs to no job",
        "SELECT r.seq FROM forge_running r LEFT JOIN forge_jobs j ON j.seq = r.seq WHERE j.seq IS NULL",
    ),
    (
        "a finished entry belongs to no job",
        "SELECT f.seq FROM forge_finished f LEFT JOIN forge_jobs j ON j.seq = f.seq WHERE j.seq IS NULL",
    ),
    (
        "a dedupe key is held by a job that is finished, has another or is gone, and for no period",
        "SELECT u.key FROM forge_unique u LEFT JOIN forge_jobs j ON j.id = u.id AND j.kind = u.kind \
           AND j.dedupe_key = u.key WHERE u.until IS NULL \
           AND (j.seq IS NULL OR EXISTS (SELECT 1 FROM forge_finished f WHERE f.seq = j.seq))",
    ),
    (
        "an unfinished job does not hold its dedupe key",
        "SELECT hex(j.id) FROM forge_jobs j WHERE j.dedupe_key IS NOT NULL \
           AND coalesce(j.dedupe_states, 15) & 4 <> 0 AND j.dedupe_us IS NULL \
           AND NOT EXISTS (SELECT 1 FROM forge_finished f WHERE f.seq = j.seq) \
           AND NOT EXISTS (SELECT 1 FROM forge_unique u WHERE u.kind = j.kind AND u.key = j.dedupe_key AND u.id = j.id)",
    ),
    (
        "a concurrency key is had by a job that is neither pending nor running, or that has another",
        "SELECT s.key FROM forge_slots s LEFT JOIN forge_jobs j ON j.seq = s.seq AND j.kind = s.kind \
           AND j.concurrency_key = s.key WHERE j.seq IS NULL OR NOT EXISTS (SELECT 1 FROM forge_running r WHERE r.seq = j.seq) \
           AND NOT EXISTS (SELECT 1 FROM forge_ready y WHERE y.queue = j.queue AND y.lane = (j.suspect > 0) \
              AND y.kind = j.kind AND y.priority = j.priority AND y.due_at = j.due_at AND y.id = j.id)",
    ),
    (
        "a claimable or running job does not have its concurrency key",
        "SELECT hex(j.id) FROM forge_jobs j WHERE j.concurrency_key IS NOT NULL \
           AND (EXISTS (SELECT 1 FROM forge_running r WHERE r.seq = j.seq) \
              OR EXISTS (SELECT 1 FROM forge_ready y WHERE y.queue = j.queue AND y.lane = (j.suspect > 0) \
                 AND y.kind = j.kind AND y.priority = j.priority AND y.due_at = j.due_at AND y.id = j.id)) \
           AND NOT EXISTS (SELECT 1 FROM forge_slots s WHERE s.kind = j.kind AND s.key = j.concurrency_key AND s.seq = j.seq)",
    ),
    (
        "a job waits for a concurrency key that nobody has, or is nowhere among those that wait",
        "SELECT hex(x.id) FROM (SELECT id, seq FROM forge_waiting UNION SELECT id, seq FROM forge_ready WHERE lane = 2) x \
           LEFT JOIN forge_jobs j ON j.seq = x.seq WHERE j.seq IS NULL \
           OR NOT EXISTS (SELECT 1 FROM forge_slots s WHERE s.kind = j.kind AND s.key = j.concurrency_key) \
           OR NOT EXISTS (SELECT 1 FROM forge_waiting w WHERE w.kind = j.kind AND w.key = j.concurrency_key \
              AND w.priority = j.priority AND w.due_at = j.due_at AND w.id = j.id) \
           OR NOT EXISTS (SELECT 1 FROM forge_ready y WHERE y.queue = j.queue AND y.lane = 2 AND y.kind = j.kind \
              AND y.priority = j.priority AND y.due_at = j.due_at AND y.id = j.id)",
    ),
    (
        "a job was charged more attempts than it has",
        "SELECT hex(j.id) FROM forge_jobs j WHERE j.attempts > j.max_attempts",
    ),
    (
        "a claim has a number that was never given out",
        "SELECT r.seq FROM forge_running r WHERE r.claim_no > (SELECT value FROM forge_counters WHERE name = 'claim_no')",
    ),
    (
        "a job finished before it started",
        "SELECT f.seq FROM forge_finished f WHERE f.started_at > f.finished_at",
    ),
    (
        "a record of an attempt, a note or a line belongs to no job",
        "SELECT seq FROM (SELECT seq FROM forge_attempts UNION SELECT seq FROM forge_notes \
           UNION SELECT seq FROM forge_logs) \
           WHERE seq NOT IN (SELECT seq FROM forge_jobs)",
    ),
    (
        "a permit belongs to no running job",
        "SELECT p.seq FROM forge_permits p LEFT JOIN forge_running r ON r.seq = p.seq AND r.claim_no = p.claim_no \
           AND r.flags & 8 <> 0 WHERE r.seq IS NULL",
    ),
    (
        "a group of errors was never seen, or what was seen belongs to none",
        "SELECT x.id FROM (SELECT id FROM forge_error_groups UNION SELECT error_group FROM forge_error_counts) x \
           WHERE x.id NOT IN (SELECT id FROM forge_error_groups) OR x.id NOT IN (SELECT error_group FROM forge_error_counts)",
    ),
    (
        "a tick belongs to no schedule",
        "SELECT t.schedule FROM forge_ticks t LEFT JOIN forge_schedules s ON s.no = t.schedule WHERE s.no IS NULL",
    ),
];

/// Rows named per problem.
const NAMED: usize = 3;

/// Checks everything. Reads the whole database.
pub(super) fn checkup(conn: &Connection, database: String) -> Result<Checkup, Fault> {
    let mut report = Checkup {
        database,
        engine_version: format!("SQLite {}", rusqlite::version()),
        schema_version: migrate::version(conn)?,
        ..Checkup::default()
    };
    for pragma in ["journal_mode", "page_size", "page_count", "freelist_count"] {
        let value = conn.query_row(&format!("PRAGMA {pragma}"), [], |r| text(r, 0))?;
        report.facts.push((pragma.to_owned(), value));
    }
    let mut statement = conn.prepare("PRAGMA integrity_check(10)")?;
    for line in statement.query_map([], |r| r.get::<_, String>(0))? {
        let line = line?;
        if line != "ok" {
            report.problems.push(format!("integrity check: {line}"));
        }
    }
    for (what, sql) in INVARIANTS {
        let mut statement = conn.prepare(sql)?;
        let rows = statement.query_map([], |r| text(r, 0))?.collect::<rusqlite::Result<Vec<_>>>()?;
        if !rows.is_empty() {
            let named = rows.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
            report.problems.push(format!("{what}: {} times, such as {named}", rows.len()));
        }
    }
    Ok(report)
}

fn text(r: &Row<'_>, at: usize) -> rusqlite::Result<String> {
    Ok(match r.get_ref(at)? {
        rusqlite::types::ValueRef::Integer(n) => n.to_string(),
        other => String::from_utf8_lossy(other.as_bytes().unwrap_or_default()).into_owned(),
    })
}
