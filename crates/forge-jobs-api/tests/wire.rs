//! The wire types: every value survives a round trip, and the JSON looks as documented.

#![allow(clippy::unwrap_used, reason = "a test may end in a panic, its helpers included")]

use forge_jobs_api::wire::{Attached, AuditAction, AuditPage, Limit, LimitList, LimitMode};
use forge_jobs_api::wire::{
    Attempt, AttemptResult, BoundedCount, BulkResult, Counts, DeadReason, Doctor, EnqueueLine,
    EnqueueOutcome, Enqueued, ErrorBody, ErrorCode, ErrorDetail, Fact, Job, JobDetail, JobEvent, JobPage,
    JobStatus, Migrated, Process, Progress, Queue, QueueList, QueueSettings, Retention, Seconds, VerbOutcome,
    VerbReport, VerbResult, WaitingKind, Why, WhyReason,
};
use forge_jobs_api::wire::{
    ErrorCause, ErrorGroup, ErrorList, ErrorQueue, JobEvents, LogLevel, LogLine, LogPage, Worker,
};
use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

const AT: &str = "2026-11-24T08:00:00.000001Z";
const ID: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

fn raw(text: &str) -> Box<RawValue> {
    RawValue::from_string(text.to_owned()).unwrap()
}

fn job() -> Job {
    Job {
        id: ID.into(),
        kind: "mail.send".into(),
        queue: "mail".into(),
        status: JobStatus::Dead,
        dead_reason: Some(DeadReason::Exhausted),
        priority: -5,
        attempt: 3,
        max_attempts: 3,
        claim_no: 17,
        process: Some(ID.into()),
        created_at: AT.into(),
        due_at: AT.into(),
        started_at: Some(AT.into()),
        finished_at: Some(AT.into()),
        cancel_requested_at: None,
        throttles: 0,
        crashes: 0,
        suspect: false,
        dedupe_key: Some("welcome:ada".into()),
        dedupe_states: vec!["pending".into(), "scheduled".into()],
        dedupe_until: Some("2026-11-05T11:00:00Z".into()),
        concurrency_key: Some("ada".into()),
        waits_for: None,
        tags: vec!["a".into(), "ü".into()],
        // White space, key order, a number beyond f64 and a repeated key: all must come back as they are.
        payload: raw(r#"{ "b" :1.0, "a": 123456789012345678901234567890, "b": 1e400 }"#),
        error: Some("connection refused".into()),
        output: None,
        progress: Some(Progress { done: 1, total: None, note: Some("half".into()) }),
        partial: vec!["payload".into()],
    }
}

fn process() -> Process {
    Process {
        id: ID.into(),
        host: "box".into(),
        pid: 7,
        version: "0.1.0".into(),
        kinds: Some(vec!["mail.send".into()]),
        queues: None,
        started_at: AT.into(),
        beat_at: AT.into(),
        heartbeat_seconds: Seconds(10.0),
        stale_seconds: Seconds(45.0),
        stopping: false,
        late: false,
        live: true,
        holds: BoundedCount { count: 2, more: false },
    }
}

fn queue() -> Queue {
    Queue {
        name: "mail".into(),
        version: 4,
        workers_set_by_operator: true,
        paused_at: Some(AT.into()),
        paused_by: Some("ada".into()),
        settings: QueueSettings {
            workers: 2,
            paused: false,
            backoff_enabled: true,
            base_seconds: Seconds(0.25),
            max_seconds: Seconds(21_600.0),
            done_retention_seconds: Retention::For(Seconds(604_800.0)),
            dead_retention_seconds: Retention::FOREVER,
            max_running: None,
        },
        counts: Some(Counts { dead: BoundedCount { count: 10_000, more: true }, ..Counts::default() }),
    }
}

/// A value comes back with the same JSON, and that JSON is the one on record.
#[track_caller]
fn check<T: Serialize + DeserializeOwned>(name: &str, value: &T) {
    let text = serde_json::to_string(value).unwrap();
    let back: T = serde_json::from_str(&text).unwrap();
    assert_eq!(serde_json::to_string(&back).unwrap(), text);
    insta::assert_snapshot!(name, serde_json::to_string_pretty(value).unwrap());
}

#[test]
fn the_json_of_what_jobs_leave_behind_is_the_one_on_record() {
    let group = ErrorGroup {
        id: "00c0ffee00c0ffee".into(),
        kind: "mail.send".into(),
        error_type: "SmtpError".into(),
        message: "user <n> not found".into(),
        count: 12,
        first_at: AT.into(),
        last_at: AT.into(),
        first_version: "1.2.3".into(),
        last_job: ID.into(),
        queues: vec![ErrorQueue { queue: "mail".into(), count: 12, last_at: AT.into() }],
    };
    check("error_list", &ErrorList { groups: vec![group], more: false });
    let line = LogLine {
        at: AT.into(),
        claim_no: 15,
        level: LogLevel::Info,
        target: "mail::smtp".into(),
        message: "connected".into(),
        fields: serde_json::Map::from_iter([("port".to_owned(), 25.into())]),
        left_out: false,
    };
    check("log_page", &LogPage { lines: vec![line], next: Some("15.1.0".into()), more: true });
}

#[test]
fn the_json_of_a_jobs_story_is_the_one_on_record() {
    let attempt = Attempt {
        attempt: 1,
        claim_no: 15,
        process: None,
        worker: Some(Worker { host: "web-1".into(), pid: 7, version: "1.2.3".into() }),
        started_at: AT.into(),
        ended_at: AT.into(),
        ran_seconds: Seconds(1.5),
        result: AttemptResult::Throttled,
        cause: "handler".into(),
        error: None,
        chain: vec![
            ErrorCause { error_type: Some("SmtpError".into()), message: "send mail".into() },
            ErrorCause { error_type: None, message: "refused".into() },
        ],
        location: Some("src/mail.rs:10:5".into()),
        error_group: Some("00c0ffee00c0ffee".into()),
        next_due_at: Some(AT.into()),
    };
    let event = JobEvent {
        at: AT.into(),
        event: "enqueued".into(),
        attempt: None,
        claim_no: None,
        process: None,
        worker: None,
        cause: Some("caller".into()),
        ran_seconds: None,
        detail: None,
        actor: Some("ada".into()),
    };
    let events = vec![event];
    check("job_events", &JobEvents { id: ID.into(), events: events.clone() });
    check("job_detail", &JobDetail { job: job(), attempts: vec![attempt], events, version: 7 });
}

#[test]
fn the_json_of_each_type_is_the_one_on_record() {
    check(
        "job_page",
        &JobPage {
            jobs: vec![job()],
            next: Some(format!("1764000000000001.{ID}")),
            unknown: vec!["kind".into()],
            scanned: 10_000,
            complete: false,
        },
    );
    let action = AuditAction {
        no: 7,
        at: AT.into(),
        actor: "ada".into(),
        role: Some("operator".into()),
        source: "api".into(),
        address: None,
        action: "queue.set".into(),
        what: "queue".into(),
        target: Some("mail".into()),
        count: 1,
        before: Some(raw(r#"{"workers":4}"#)),
        after: Some(raw(r#"{"workers":8}"#)),
        detail: None,
        outcome: "done".into(),
    };
    check("audit_page", &AuditPage { actions: vec![action], next: Some(7) });
    let limit = Limit {
        scope: "slack:team-7".into(),
        permits: 100,
        window_seconds: Seconds(10.0),
        mode: LimitMode::Smooth,
        inherited_from: Some("slack".into()),
        set_by_operator: true,
        version: 3,
        used: 100,
        free: 0,
        next_at: Some(AT.into()),
        drained_until: None,
        keys: 0,
        attached: vec![Attached::Queue("mail".into()), Attached::Kind("mail.send".into())],
    };
    check("limit_list", &LimitList { limits: vec![limit] });
    check("queue_list", &QueueList { queues: vec![queue()], processes: vec![process()] });
    check(
        "verb_report",
        &VerbReport {
            results: vec![VerbResult {
                id: ID.into(),
                outcome: VerbOutcome::AlreadyFinished,
                status: Some(JobStatus::Done),
                dead_reason: None,
                process: None,
                claim_no: None,
                duplicate_of: None,
            }],
        },
    );
    let reason = WhyReason {
        reason: "in_line".into(),
        text: "it waits in line, with 2 of 3 jobs before it".into(),
        ahead: Some(BoundedCount { count: 2, more: false }),
        of: Some(BoundedCount { count: 3, more: false }),
        ..WhyReason::default()
    };
    let (id, status, at) = (ID.into(), JobStatus::Pending, AT.into());
    check("why", &Why { id, status, at, claimable: true, reasons: vec![reason] });
    check("enqueued", &Enqueued { id: ID.into(), outcome: EnqueueOutcome::AlreadyThere });
    let detail = ErrorDetail::new(ErrorCode::NotFound, "there is no queue \"x\"");
    let bulk = BulkResult { line: 3, id: None, outcome: None, error: Some(detail.clone()) };
    check("bulk_result", &bulk);
    check("error", &ErrorBody { error: detail });
    check(
        "doctor",
        &Doctor {
            healthy: false,
            database: "sqlite:/x/forge.db".into(),
            engine_version: "3.51.3".into(),
            schema_version: 1,
            facts: vec![Fact { name: "journal mode".into(), value: "wal".into() }],
            processes: vec![process()],
            waiting: vec![WaitingKind {
                kind: "mail.send".into(),
                queue: "mail".into(),
                jobs: BoundedCount { count: 1, more: false },
            }],
            problems: vec!["nobody runs it".into()],
            notes: vec!["queue mail is paused".into()],
        },
    );
    check("migrated", &Migrated { database: "sqlite:/x/forge.db".into() });
}

#[test]
fn a_payload_comes_back_byte_for_byte() {
    let text = serde_json::to_string(&job()).unwrap();
    let back: Job = serde_json::from_str(&text).unwrap();
    assert_eq!(back.payload.get(), job().payload.get());
}

#[test]
fn a_line_needs_kind_and_payload_alone_and_refuses_what_it_does_not_know() {
    let line: EnqueueLine = serde_json::from_str(r#"{"kind":"k","payload": {"a" : 1.50} }"#).unwrap();
    assert_eq!((line.kind.as_str(), line.payload.get()), ("k", r#"{"a" : 1.50}"#));
    let null: EnqueueLine = serde_json::from_str(r#"{"kind":"k","payload":null}"#).unwrap();
    assert_eq!(null.payload.get(), "null");
    for (text, word) in [
        (r#"{"kind":"k"}"#, "payload"),
        (r#"{"payload":1}"#, "kind"),
        (r#"{"kind":"k","payload":1,"que":"q"}"#, "que"),
        (r#"{"kind":"k","payload":1,"priority":70000}"#, "70000"),
        (r#"{"kind":"k","payload":1,"payload":2}"#, "duplicate"),
    ] {
        let e = serde_json::from_str::<EnqueueLine>(text).unwrap_err().to_string();
        assert!(e.contains(word), "{e}");
    }
}

#[test]
fn words_of_a_newer_version_are_read_as_unknown() {
    let read = |word: &str| serde_json::from_str::<JobStatus>(&format!("\"{word}\"")).unwrap();
    assert_eq!((read("dead"), read("frozen")), (JobStatus::Dead, JobStatus::Unknown));
    assert_eq!(serde_json::from_str::<ErrorCode>("\"teapot\"").unwrap(), ErrorCode::Unknown);
}

#[test]
fn retention_is_a_number_of_seconds_or_for_ever() {
    let json = |r: Retention| serde_json::to_string(&r).unwrap();
    assert_eq!(json(Retention::FOREVER), r#""forever""#);
    assert_eq!(json(Retention::For(Seconds(0.5))), "0.5");
    assert_eq!(json(Retention::For(Seconds(60.0))), "60");
    assert!(serde_json::from_str::<Retention>("\"for ever\"").is_err());
}

proptest! {
    #[test]
    fn seconds_are_exact_to_the_microsecond(micros in 0_u64..(1 << 30) * 1_000_000) {
        let d = std::time::Duration::from_micros(micros);
        let text = serde_json::to_string(&Seconds(d.as_secs_f64())).unwrap();
        let back: Seconds = serde_json::from_str(&text).unwrap();
        let back = std::time::Duration::from_secs_f64(back.0);
        prop_assert_eq!((back + std::time::Duration::from_nanos(500)).as_micros(), u128::from(micros));
    }

    #[test]
    fn any_text_survives(error in any::<String>(), tag in any::<String>()) {
        let value = Job { error: Some(error.clone()), tags: vec![tag.clone()], ..job() };
        let back: Job = serde_json::from_str(&serde_json::to_string(&value).unwrap()).unwrap();
        prop_assert_eq!((back.error, back.tags), (Some(error), vec![tag]));
    }
}
