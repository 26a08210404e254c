//! What was measured and logged in the made-up queue: waves from a seed, with a gap in them.

use super::Answer;
use super::made::wire;
use crate::app::browser::{whole, wide};
use crate::model::time::{micros, rfc3339};
use forge_jobs_api::wire::{
    DatabaseHealth, ErrorList, ErrorQuery, JobDetail, LogPage, LogQuery, ResourceQuery, Resources, Timeline,
    TimelineBy, TimelineQuery,
};
use serde_json::{Value, json};

const POINTS: i64 = 60;

/// Begin, end and step of a range in microseconds.
fn range(now: i64, from: Option<&str>, to: Option<&str>, last: Option<f64>) -> (i64, i64, i64) {
    let to = to.and_then(micros).unwrap_or(now);
    let from = from.and_then(micros).unwrap_or_else(|| to - whole(last.unwrap_or(3_600.0) * 1e6));
    (from, to, ((to - from) / POINTS).max(1_000_000))
}

fn wave(seed: i64, at: i64, mean: f64) -> f64 {
    let x = wide(at % 86_400);
    (mean * (1.0 + 0.5 * (x / 7.0 + wide(seed)).sin() + 0.3 * (x / 2.3 + wide(seed * 3)).cos())).max(0.0)
}

fn latency(p50: f64) -> Value {
    json!({"count": 40, "p50_seconds": p50, "p95_seconds": p50 * 3.0, "p99_seconds": p50 * 8.0,
        "max_seconds": p50 * 20.0, "sum_seconds": p50 * 60.0})
}

fn tally(seed: i64, at: i64, share: f64) -> Value {
    let n = |seed: i64, mean: f64| whole(wave(seed, at, mean * share));
    json!({"enqueued": n(seed, 120.0), "started": n(seed, 118.0), "done": n(seed, 110.0), "retried": n(seed + 1, 9.0),
        "throttled": 0, "crashed": 0, "dead": {"exhausted": n(seed + 2, 2.0), "discarded": 0, "cancelled": 0,
        "poison": 0, "undecodable": 0}, "wait": latency(wave(seed, at, 0.04)), "run": latency(wave(seed + 4, at, 0.3)),
        "life": latency(wave(seed + 5, at, 0.6)), "oldest_waiting_seconds": wave(seed + 6, at, 3.0)})
}

pub(super) fn timeline(now: i64, query: &TimelineQuery) -> Answer<Timeline> {
    let (from, to, step) =
        range(now, query.from.as_deref(), query.to.as_deref(), query.last_seconds.map(|s| s.0));
    let names: Vec<Option<&str>> = match (query.by, &query.name) {
        (_, Some(name)) => vec![Some(name)],
        (Some(TimelineBy::Queue), None) => vec![Some("images"), Some("mail"), Some("reports")],
        _ => vec![None],
    };
    let lines: Vec<Value> = (0_i64..)
        .zip(names)
        .map(|(seed, name)| {
            let points: Vec<Value> = (0..POINTS)
                .map(|n| {
                    let at = from + n * step;
                    // Nobody measured there.
                    let tally = if (20..23).contains(&n) { Value::Null } else { tally(seed, n * 11, 1.0) };
                    json!({"at": rfc3339(at), "tally": tally})
                })
                .collect();
            json!({"of": if name.is_some() { "one" } else { "all" }, "name": name, "points": points,
                "sum": tally(seed, 3, 60.0)})
        })
        .collect();
    wire(
        &json!({"from": rfc3339(from), "to": rfc3339(to), "step_seconds": wide(step) / 1e6, "lines": lines, "left_out": 0}),
    )
}

pub(super) fn resources(now: i64, query: &ResourceQuery) -> Answer<Resources> {
    let (from, to, step) =
        range(now, query.from.as_deref(), query.to.as_deref(), query.last_seconds.map(|s| s.0));
    let seconds = wide(step) / 1e6;
    let processes: Vec<Value> = (1..=2_i64)
        .map(|p| {
            let points: Vec<Value> = (0..POINTS)
                .map(|n| {
                    let w = |seed: i64, mean: f64| wave(seed + p, n * 11, mean);
                    let sample = json!({"watched_seconds": seconds, "cpu_seconds": w(1, seconds * 0.4),
                        "memory_bytes": whole(w(2, 8e7)), "disk_read_bytes": whole(w(3, 1e6)),
                        "disk_written_bytes": whole(w(4, 4e6)), "disk_free_bytes": 120_000_000_000_i64,
                        "disk_size_bytes": 500_000_000_000_i64, "reads": latency(w(5, 0.0004)),
                        "writes": latency(w(6, 0.002)), "busy": 0, "pool_in_use": 2, "pool_open": 4, "pool_limit": 8,
                        "pool_waiting": 0});
                    json!({"at": rfc3339(from + n * step), "sample": sample})
                })
                .collect();
            json!({"process": format!("0195e000-0000-7000-8000-{p:012x}"), "host": format!("web-{p}"), "points": points})
        })
        .collect();
    wire(
        &json!({"from": rfc3339(from), "to": rfc3339(to), "step_seconds": seconds, "processes": processes, "left_out": 0}),
    )
}

pub(super) fn log(now: i64, query: &LogQuery) -> Answer<LogPage> {
    if query.after.is_some() {
        return wire(&json!({"lines": [], "next": null, "more": false}));
    }
    let line = |seconds: i64, level: &str, message: &str| {
        json!({"at": rfc3339(now + seconds * 1_000_000), "claim_no": 1, "level": level, "target": "demo",
            "message": message, "fields": {"upstream": "img-2"}, "left_out": false})
    };
    wire(&json!({"lines": [line(-240, "info", "connecting"), line(-239, "warn", "<b>slow</b>"),
        line(-238, "error", "refused")], "next": "1", "more": false}))
}

/// The group of a job's latest error.
pub(super) fn group_of(job: &JobDetail) -> Option<&str> {
    job.attempts.last()?.error_group.as_deref()
}

/// The errors of what has not come to a good end, by sort.
pub(super) fn errors(now: i64, jobs: &[JobDetail], query: &ErrorQuery) -> Answer<ErrorList> {
    let mut groups: Vec<(&str, &JobDetail, u64)> = Vec::new();
    for job in jobs {
        let Some(group) = group_of(job) else { continue };
        if query.queue.as_ref().is_some_and(|queue| *queue != job.job.queue) {
            continue;
        }
        match groups.iter_mut().find(|(known, ..)| *known == group) {
            Some((.., count)) => *count += 1,
            None => groups.push((group, job, 1)),
        }
    }
    let group = |(id, of, count): &(&str, &JobDetail, u64)| {
        let message = of.job.error.as_deref().unwrap_or_default().lines().next().unwrap_or_default();
        json!({"id": id, "kind": of.job.kind, "error_type": "UpstreamError", "message": message, "count": count,
            "first_at": rfc3339(now - 86_400_000_000), "last_at": rfc3339(now - 30_000_000), "first_version": "1.4.0",
            "last_job": of.job.id,
            "queues": [{"queue": of.job.queue, "count": count, "last_at": rfc3339(now - 30_000_000)}]})
    };
    wire(&json!({"groups": groups.iter().map(group).collect::<Vec<_>>(), "more": false}))
}

pub(super) fn database(now: i64) -> Answer<DatabaseHealth> {
    let table = |name: &str, rows: u64| {
        json!({"name": name, "bytes": 8_400_000, "rows": {"count": rows, "by": "count"}, "dead_rows": null,
            "vacuumed_at": null, "analyzed_at": null, "indexes": [{"name": format!("{name}_pkey"), "bytes": 900_000}]})
    };
    wire(
        &json!({"at": rfc3339(now), "engine": "none", "bytes": 12_000_000, "free_bytes": 40_000, "connections": null,
        "oldest_transaction": null, "sees_all_transactions": true, "log": null, "busy_waits": 0,
        "tables": [table("forge_jobs", 114), table("forge_attempts", 15)], "measured_seconds": 300,
        "reads": latency(0.0004), "writes": latency(0.002), "pools": []}),
    )
}
