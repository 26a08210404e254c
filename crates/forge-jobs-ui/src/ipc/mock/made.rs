//! What the made-up queue begins with: work in every state, and texts that must stay texts.

use super::world::World;
use super::{Answer, IpcError};
use crate::model::time::rfc3339;
use forge_jobs_api::wire::{CronPreview, CronQuery, ErrorCode, JobDetail, Limit, Queue, Schedule};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

const SECOND: i64 = 1_000_000;

/// Payloads, the last of which try to be more than text.
const PAYLOADS: [&str; 8] = [
    r#"{"to":"alice","subject":"Welcome","attempts":[1,2,3]}"#,
    r#"{"id":123456789012345678901234567890,"rate":1.0,"limit":1e400}"#,
    r#"{"nested":{"a":{"b":{"c":{"d":[{"e":true},{"e":null}]}}}}}"#,
    "[]",
    r#"{"text":"line one\nline two","unicode":"\u00e4\ud83d\ude00"}"#,
    r#"{"html":"<img src=x onerror=window.hacked=1>","more":"<script>window.hacked=1</script>"}"#,
    r#"{"<b onmouseover=window.hacked=1>key</b>":"\"><svg onload=window.hacked=1>"}"#,
    r#""javascript:window.hacked=1""#,
];

/// What a job about pictures has in place of the first.
const PICTURE: &str = r#"{"image":"alice/portrait.jpg","sizes":[64,256,1024]}"#;

const ERROR: &str = "connection refused (os error 111)\n   at upstream::call (src/upstream.rs:42)";
const HOSTILE: &str = "<img src=x onerror=window.hacked=1> broke </script><script>window.hacked=1</script>";

pub(super) fn wire<T: DeserializeOwned>(value: &Value) -> Answer<T> {
    serde_json::from_str(&value.to_string()).map_err(|e| IpcError::Unreadable(e.to_string()))
}

/// A job where it stands, with a history that fits.
pub(super) fn job(
    now: i64,
    id: &str,
    kind: &str,
    queue: &str,
    status: &str,
    payload: &str,
) -> Answer<JobDetail> {
    let at = |seconds: i64| rfc3339(now + seconds * SECOND);
    let failed = matches!(status, "retrying" | "dead");
    let error = failed.then_some(if payload.contains("html") { HOSTILE } else { ERROR });
    let group = if error == Some(HOSTILE) { "00c0ffee00c0ffef" } else { "00c0ffee00c0ffee" };
    let finished = matches!(status, "done" | "dead");
    let started = failed || finished || status == "running";
    let due = match status {
        "scheduled" => at(3_600),
        "retrying" => at(90),
        _ => at(-300),
    };
    let worker = json!({"host": "web-1", "pid": 4711, "version": "1.4.0"});
    let event = |seconds: i64, event: &str, cause: &str, detail: Option<&str>| {
        json!({"at": at(seconds), "event": event, "attempt": 1, "claim_no": 1, "process": null,
            "worker": if event == "enqueued" { json!(null) } else { worker.clone() },
            "cause": cause, "ran_seconds": if event == "failed" { json!(1.5) } else { json!(null) },
            "detail": detail, "actor": null})
    };
    let mut events = vec![event(-300, "enqueued", "caller", None)];
    if started {
        events.push(event(-240, "started", "claim", None));
    }
    if failed {
        events.push(event(-238, "failed", "handler", error));
    }
    if finished {
        events.push(event(-30, status, if status == "dead" { "exhausted" } else { "handler" }, None));
    }
    let attempts = if failed {
        json!([{"attempt": 1, "claim_no": 1, "process": null, "worker": worker, "started_at": at(-240),
            "ended_at": at(-238), "ran_seconds": 1.5, "result": "failed", "cause": "handler", "error": error,
            "chain": [{"type": "FetchError", "message": "fetch the original"}, {"type": null, "message": "connection refused"}],
            "location": null, "error_group": group,
            "next_due_at": (status == "retrying").then(|| at(90))}])
    } else {
        json!([])
    };
    let mut detail: JobDetail = wire(&json!({
        "job": {"id": id, "kind": kind, "queue": queue, "status": status,
            "dead_reason": if status == "dead" { json!("exhausted") } else { json!(null) },
            "priority": 0, "attempt": i32::from(started), "max_attempts": if status == "dead" { 1 } else { 20 }, "claim_no": i32::from(started),
            "process": if status == "running" { json!("0195e000-0000-7000-8000-000000000001") } else { json!(null) },
            "created_at": at(-300), "due_at": due, "started_at": started.then(|| at(-240)),
            "finished_at": finished.then(|| at(-30)), "cancel_requested_at": null, "throttles": 0, "crashes": 0,
            "suspect": false, "dedupe_key": null, "dedupe_states": [], "dedupe_until": null, "concurrency_key": null,
            "waits_for": null, "tags": ["demo"], "payload": null, "error": error, "output": null,
            "progress": if status == "running" { json!({"done": 40, "total": 100, "note": "page 4"}) } else { json!(null) },
            "partial": []},
        "attempts": attempts, "events": events,
    }))?;
    // As it is written, digit for digit.
    detail.job.payload = serde_json::value::RawValue::from_string(payload.to_owned())
        .map_err(|_| IpcError::refused(ErrorCode::Malformed, "the payload is no JSON"))?;
    Ok(detail)
}

/// A limit, and what it is attached to.
pub(super) fn limit(now: i64, scope: &str, used: u32, permits: u32, attached: &Value) -> Answer<Limit> {
    let next = (used == permits).then(|| rfc3339(now + 12 * SECOND));
    wire(
        &json!({"scope": scope, "permits": permits, "window_seconds": 60, "mode": "sliding", "inherited_from": null,
        "set_by_operator": false, "version": 1, "used": used, "free": permits - used, "next_at": next,
        "drained_until": null, "keys": 0, "attached": attached}),
    )
}

/// A queue with the settings that one begins with.
pub(super) fn queue(now: i64, name: &str, paused: bool) -> Answer<Queue> {
    wire(&json!({"name": name, "version": 3, "workers_set_by_operator": false,
        "paused_at": paused.then(|| rfc3339(now - 7_200 * SECOND)), "paused_by": paused.then_some("grace"),
        "settings": {"workers": 4, "paused": paused, "backoff_enabled": true, "base_seconds": 15,
            "max_seconds": 21600, "done_retention_seconds": 604_800, "dead_retention_seconds": "forever",
            "max_running": null}, "counts": null}))
}

/// A schedule that a program declares.
pub(super) fn schedule(
    now: i64,
    name: &str,
    expression: &str,
    description: &str,
    enabled: bool,
) -> Answer<Schedule> {
    let at = |seconds: i64| rfc3339(now + seconds * SECOND);
    let settings = json!({"expression": expression, "zone": "Europe/Berlin",
            "description": description, "kind": "report.nightly", "queue": "reports", "payload": {"full": true},
            "priority": 0, "max_attempts": 20, "tags": [], "missed": "once", "catch_up": 1, "within_seconds": 3600,
            "overlap": "skip", "jitter_seconds": 0});
    wire(&json!({"name": name, "version": 5, "enabled": enabled, "owner": "code", "overrides_code": false,
            "undeclared": false, "settings": settings,
            "code": {"program": "reports", "enabled": enabled, "settings": settings}, "next_fire_at": enabled.then(|| at(1_800)), "last_fire_at": at(-84_600), "last_job": null,
            "created_at": at(-864_000), "edited_at": at(-864_000)}))
}

/// The whole queue as of a moment.
#[allow(clippy::too_many_lines, reason = "one table of what there is")]
pub(super) fn world(now: i64) -> World {
    let at = |seconds: i64| rfc3339(now + seconds * SECOND);
    let queue = |name: &str, paused: bool| queue(now, name, paused);
    let mut jobs = Vec::new();
    let lines = [
        ("mail", "mail.send", "pending", 120),
        ("mail", "mail.send", "running", 3),
        ("mail", "mail.digest", "scheduled", 9),
        ("images", "image.resize", "retrying", 7),
        ("images", "image.resize", "dead", 8),
        ("reports", "report.nightly", "pending", 5),
        ("mail", "mail.send", "done", 70),
        ("reports/nightly", "report", "scheduled", 8),
        ("errors", "t.err", "dead", 6),
    ];
    for (line, (queue, kind, status, count)) in lines.into_iter().enumerate() {
        for n in 0..count {
            let id = format!("0195e0{line:02x}-0000-7000-8000-{n:012x}");
            let payload = match PAYLOADS[usize::try_from(n).unwrap_or(0) % 8] {
                mail if mail == PAYLOADS[0] && kind == "image.resize" => PICTURE,
                payload => payload,
            };
            let made = job(now - i64::from(n) * 7 * SECOND, &id, kind, queue, status, payload);
            jobs.extend(made);
        }
    }
    let process = |n: u32, live: bool, late: bool| {
        wire(
            &json!({"id": format!("0195e000-0000-7000-8000-{n:012x}"), "host": format!("web-{n}"), "pid": 4710 + n,
            "version": "1.4.0", "kinds": ["mail.send", "mail.digest", "image.resize", "report.nightly"], "queues": null,
            "started_at": at(-86_400), "beat_at": at(if late { -25 } else { -4 }), "heartbeat_seconds": 10,
            "stale_seconds": 45, "stopping": false, "late": late, "live": live,
            "holds": {"count": if n == 1 { 3 } else { 0 }, "more": false}}),
        )
    };
    let schedule = |name: &str, expression: &str, description: &str, enabled: bool| {
        schedule(now, name, expression, description, enabled)
    };
    let tick = |hours: i64, outcome: &str| {
        wire(
            &json!({"first_at": at(-hours * 3_600), "last_at": at(-hours * 3_600), "count": 1, "outcome": outcome,
            "job": null, "recorded_at": at(-hours * 3_600)}),
        )
    };
    let limit = |scope: &str, used: u32| limit(now, scope, used, 60, &json!([{"queue": "mail"}]));
    let action = |no: i64, actor: &str, action: &str, outcome: &str| {
        wire(
            &json!({"no": no, "at": at(-600 * (5 - no)), "actor": actor, "role": "operator", "source": "panel",
            "address": "192.0.2.7", "action": action, "what": "queue", "target": "reports", "count": 1,
            "before": {"paused": false}, "after": {"paused": true}, "detail": null, "outcome": outcome}),
        )
    };
    World {
        now,
        settings: [
            queue("default", false),
            queue("errors", false),
            queue("images", false),
            queue("mail", false),
            queue("reports", true),
            queue("reports/nightly", false),
        ]
        .into_iter()
        .flatten()
        .collect(),
        jobs,
        processes: [process(1, true, false), process(2, true, true)].into_iter().flatten().collect(),
        schedules: [
            schedule("cleanup", "0 * * * *", "Every hour", true),
            schedule("nightly", "30 2 * * *", "Every day at 02:30", true),
            schedule("reports/nightly", "30 2 * * *", "Every day at 02:30", true),
            schedule("weekly", "0 9 * * 1", "Every Monday at 09:00", false),
        ]
        .into_iter()
        .flatten()
        .collect(),
        ticks: [tick(1, "fired"), tick(25, "overlapped"), tick(49, "fired"), tick(73, "missed")]
            .into_iter()
            .flatten()
            .collect(),
        limits: [limit("slack", 60), limit("smtp", 12)].into_iter().flatten().collect(),
        audit: [
            action(1, "ada", "queue.edit", "done"),
            action(2, "grace", "queue.pause", "done"),
            action(3, "<b>mallory</b>", "queue.edit", "denied"),
        ]
        .into_iter()
        .flatten()
        .collect(),
    }
}

/// Fires around the night in which clocks in Berlin went back, whatever is asked for.
pub(super) fn fires(query: &CronQuery) -> Answer<CronPreview> {
    if query.expression.split_whitespace().count() != 5 && !query.expression.starts_with('@') {
        return Err(IpcError::refused(ErrorCode::Invalid, "a cron expression has five fields"));
    }
    Ok(CronPreview {
        expression: query.expression.clone(),
        zone: query.zone.clone().unwrap_or_else(|| "UTC".into()),
        description: "Every day at 02:30".into(),
        from: "2026-10-23T12:00:00+02:00".into(),
        fires: [
            "2026-10-24T02:30:00+02:00",
            "2026-10-25T02:30:00+02:00",
            "2026-10-26T02:30:00+01:00",
            "2026-10-27T02:30:00+01:00",
        ]
        .map(str::to_owned)
        .to_vec(),
    })
}
