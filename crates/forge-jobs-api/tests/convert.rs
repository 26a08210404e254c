//! Domain ↔ wire, with jobs that a real storage gave back.

#![allow(clippy::unwrap_used, reason = "a test may end in a panic, its helpers included")]

use forge_jobs::logs::{LogCursor, LogLevel};
use forge_jobs::metrics::{Histogram, Sample, Tally};
use forge_jobs::schedule::TickOutcome;
use forge_jobs::storage::{
    Author, BoundedCount, CancelOutcome, DatabaseConfig, EnsureQueueParams, JobFilter, ListParams,
    PageCursor, PathsError, PutScheduleParams, QueuePaths, RegisterParams, Retention, RetryOutcome,
    VerbParams,
};
use forge_jobs::{
    AttemptResult, DeadReason, DefaultRouter, EnqueueRequest, Enqueuer, JobId, JobStatus, ProcessId,
    Schedule, Storage, Timestamp,
};
use forge_jobs_api::{convert, wire};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

struct NoPaths;

impl QueuePaths for NoPaths {
    fn config_dir(&self) -> Result<PathBuf, PathsError> {
        Err(PathsError::new("config", "a test has none"))
    }

    fn data_dir(&self) -> Result<PathBuf, PathsError> {
        Err(PathsError::new("data", "a test has none"))
    }
}

async fn storage() -> Storage {
    DatabaseConfig::from_url("sqlite::memory:").unwrap().open_storage(&NoPaths).await.unwrap()
}

fn line(text: &str) -> wire::EnqueueLine {
    serde_json::from_str(text).unwrap()
}

#[test]
fn every_word_of_the_domain_has_the_same_word_on_the_wire() {
    let word = |v: serde_json::Value| v.as_str().unwrap().to_owned();
    for outcome in TickOutcome::ALL {
        let wire = serde_json::to_value(wire::TickOutcome::from(outcome)).unwrap();
        assert_eq!(word(wire), outcome.as_str());
    }
    for s in JobStatus::ALL {
        assert_eq!(word(serde_json::to_value(wire::JobStatus::from(s)).unwrap()), s.as_str());
    }
    for r in DeadReason::ALL {
        assert_eq!(word(serde_json::to_value(wire::DeadReason::from(r)).unwrap()), r.as_str());
    }
    for l in [LogLevel::Error, LogLevel::Warn, LogLevel::Info, LogLevel::Debug, LogLevel::Trace] {
        assert_eq!(word(serde_json::to_value(wire::LogLevel::from(l)).unwrap()), l.as_str());
    }
    for r in AttemptResult::ALL {
        assert_eq!(word(serde_json::to_value(wire::AttemptResult::from(r)).unwrap()), r.as_str());
    }
}

/// A hundred durations of which half took no longer than so many seconds, 95 % twice, 99 % three times as long, and one four
/// times.
fn durations(seconds: u64) -> Histogram {
    let mut histogram = Histogram::default();
    for (times, count) in [(1, 50), (2, 45), (3, 4), (4, 1)] {
        for _ in 0..count {
            histogram.record(Duration::from_secs(seconds * times));
        }
    }
    histogram
}

/// Whether these are those durations, as exactly as they are kept.
fn are_durations(found: Option<wire::Latency>, seconds: f64) {
    let found = found.unwrap();
    let told =
        [found.p50_seconds, found.p95_seconds, found.p99_seconds, found.max_seconds, found.sum_seconds];
    for (told, times) in told.into_iter().zip([1.0, 2.0, 3.0, 4.0, 156.0]) {
        assert!((told.0 / (seconds * times) - 1.0).abs() < 0.016, "{times} x {seconds} s: {found:?}");
    }
    assert_eq!(found.count, 100);
}

#[test]
fn each_number_that_was_measured_goes_over_the_wire_as_itself() {
    assert_eq!(convert::latency(&Histogram::default()), None);
    let mut tally = Tally::default();
    let counts = &mut tally.counts;
    (counts.enqueued, counts.started, counts.done) = (1, 2, 3);
    (counts.retried, counts.throttled, counts.crashed) = (4, 5, 6);
    for (n, dead) in (7..).zip(&mut counts.dead) {
        *dead = n;
    }
    (tally.wait, tally.run, tally.total) = (durations(1), durations(10), durations(100));
    tally.oldest = Some(Duration::from_secs(12));
    let mut told = wire::Tally::from(&tally);
    are_durations(told.wait.take(), 1.0);
    are_durations(told.run.take(), 10.0);
    are_durations(told.life.take(), 100.0);
    let of = |reason| 7 + DeadReason::ALL.iter().position(|r| *r == reason).unwrap() as u64;
    let wanted = wire::Tally {
        enqueued: 1,
        started: 2,
        done: 3,
        retried: 4,
        throttled: 5,
        crashed: 6,
        dead: wire::DeadCounts {
            exhausted: of(DeadReason::Exhausted),
            discarded: of(DeadReason::Discarded),
            cancelled: of(DeadReason::Cancelled),
            poison: of(DeadReason::Poison),
            undecodable: of(DeadReason::Undecodable),
        },
        oldest_waiting_seconds: Some(wire::Seconds(12.0)),
        ..wire::Tally::default()
    };
    assert_eq!(told, wanted);
}

#[test]
fn each_number_of_a_process_goes_over_the_wire_as_itself() {
    let mut sample = Sample::default();
    (sample.watched, sample.cpu) = (Duration::from_secs(1), Some(Duration::from_secs(2)));
    (sample.memory, sample.busy) = (Some(3), 4);
    (sample.disk_read, sample.disk_written) = (Some(5), Some(6));
    (sample.disk_free, sample.disk_size) = (Some(7), Some(8));
    let pool = &mut sample.pool;
    (pool.in_use, pool.open, pool.limit, pool.waiting) = (9, 10, 11, 12);
    (sample.reads, sample.writes) = (durations(1), durations(10));
    let mut told = wire::Sample::from(&sample);
    are_durations(told.reads.take(), 1.0);
    are_durations(told.writes.take(), 10.0);
    let wanted = wire::Sample {
        watched_seconds: wire::Seconds(1.0),
        cpu_seconds: Some(wire::Seconds(2.0)),
        memory_bytes: Some(3),
        disk_read_bytes: Some(5),
        disk_written_bytes: Some(6),
        disk_free_bytes: Some(7),
        disk_size_bytes: Some(8),
        reads: None,
        writes: None,
        busy: 4,
        pool_in_use: 9,
        pool_open: 10,
        pool_limit: 11,
        pool_waiting: 12,
    };
    assert_eq!(told, wanted);
}

#[test]
fn times_are_exact_and_always_of_one_form() {
    for (micros, text) in [
        (1_764_000_000_000_001, "2025-11-24T16:00:00.000001Z"),
        (0, "1970-01-01T00:00:00.000000Z"),
        (-1, "1969-12-31T23:59:59.999999Z"),
    ] {
        let t = Timestamp::from_micros(micros);
        assert_eq!(convert::time(t), text);
        assert_eq!(text.parse::<Timestamp>().unwrap(), t);
    }
}

#[test]
fn a_cursor_comes_back_and_anything_else_is_refused() {
    let cursor = PageCursor { at: Timestamp::from_micros(-5), id: JobId::new(), row: 7, filter: u64::MAX };
    assert_eq!(convert::parse_cursor(&convert::cursor(cursor)), Ok(cursor));
    for bad in
        ["", "5", "5.x", "5.01890a5d-ac96-774b-bcce-b302099a8057", "x.1.01890a5d-ac96-774b-bcce-b302099a8057"]
    {
        assert!(convert::parse_cursor(bad).unwrap_err().to_string().contains("cursor"), "{bad}");
    }
}

#[test]
fn a_place_in_a_log_comes_back_and_anything_else_is_refused() {
    let place = LogCursor { claim_no: 7, chunk: 2, line: 40 };
    assert_eq!(convert::parse_log_cursor(&convert::log_cursor(place)), Ok(place));
    for bad in ["", "1", "1.2", "x.1.2", "1.2.-3"] {
        assert!(convert::parse_log_cursor(bad).unwrap_err().to_string().contains("log"), "{bad}");
    }
}

#[test]
fn a_line_with_a_bad_time_or_id_names_field_and_value() {
    for (text, field, value) in [
        (r#"{"kind":"k","payload":1,"run_at":"tomorrow"}"#, "run_at", "tomorrow"),
        (r#"{"kind":"k","payload":1,"id":"12"}"#, "id", "12"),
        (r#"{"kind":"k","payload":1,"delay_seconds":-5}"#, "delay_seconds", "-5"),
        (
            r#"{"kind":"k","payload":1,"delay_seconds":5,"run_at":"2050-01-01T01:00:00Z"}"#,
            "delay_seconds",
            "either a run_at or a delay",
        ),
    ] {
        let e = EnqueueRequest::try_from(line(text)).unwrap_err();
        assert_eq!(e.field, field);
        assert!(e.to_string().contains(value), "{e}");
    }
}

#[tokio::test]
async fn a_delay_counts_from_the_enqueue_by_the_clock_of_the_database() {
    let storage = storage().await;
    let enqueuer = Enqueuer::new(storage.clone(), Arc::new(DefaultRouter));
    let request = EnqueueRequest::try_from(line(r#"{"kind":"k","payload":1,"delay_seconds":90.5}"#)).unwrap();
    let id = enqueuer.enqueue(request).await.unwrap().id;
    let job = storage.inspect.job(id).await.unwrap().unwrap();
    assert_eq!(job.status, JobStatus::Scheduled);
    assert_eq!(job.due_at.saturating_since(job.created_at), Duration::from_millis(90_500));
}

#[tokio::test]
async fn a_job_from_line_to_storage_to_wire_keeps_every_value() {
    let storage = storage().await;
    let enqueuer = Enqueuer::new(storage.clone(), Arc::new(DefaultRouter));
    let text = r#"{"kind":"mail.send","payload":{ "b": 1.0, "a" :1e400},"queue":"mail",
        "run_at":"2050-01-01T01:00:00.000001+01:00","priority":-7,"max_attempts":3,"dedupe_key":"ä","tags":["x","y"],
        "id":"01890a5d-ac96-774b-bcce-b302099a8057"}"#;
    let receipt = enqueuer.enqueue(line(text).try_into().unwrap()).await.unwrap();
    assert_eq!(wire::Enqueued::from(receipt).outcome, wire::EnqueueOutcome::Inserted);

    let params = ListParams { filter: JobFilter::default(), limit: 10, after: None };
    let page = wire::JobPage::from(&storage.inspect.list(params).await.unwrap());
    let [job] = page.jobs.as_slice() else { panic!("one job, not {}", page.jobs.len()) };
    assert_eq!(job.payload.get(), r#"{ "b": 1.0, "a" :1e400}"#);
    assert_eq!((job.id.as_str(), job.queue.as_str()), ("01890a5d-ac96-774b-bcce-b302099a8057", "mail"));
    assert_eq!((job.status, job.dead_reason), (wire::JobStatus::Scheduled, None));
    assert_eq!(job.due_at, "2050-01-01T00:00:00.000001Z");
    assert_eq!((job.priority, job.max_attempts, job.attempt), (-7, 3, 0));
    assert_eq!(
        (job.dedupe_key.as_deref(), job.tags.as_slice()),
        (Some("ä"), ["x".into(), "y".into()].as_slice())
    );
}

#[tokio::test]
async fn outcomes_of_verbs_keep_their_details() {
    let storage = storage().await;
    let enqueuer = Enqueuer::new(storage.clone(), Arc::new(DefaultRouter));
    let id = enqueuer.enqueue(EnqueueRequest::new("k", 1)).await.unwrap().id;
    let params = || VerbParams { ids: vec![id], actor: None, now: None };
    storage.jobs.cancel(params()).await.unwrap();
    let again: CancelOutcome = storage.jobs.cancel(params()).await.unwrap()[0];
    let result = wire::VerbResult::of_cancel(id, again);
    assert_eq!(result.outcome, wire::VerbOutcome::AlreadyFinished);
    assert_eq!(result.status, Some(wire::JobStatus::Dead));
    assert_eq!(result.dead_reason, Some(wire::DeadReason::Cancelled));

    let other = JobId::new();
    let result = wire::VerbResult::of_retry(id, RetryOutcome::Duplicate { of: other });
    assert_eq!(result.duplicate_of, Some(other.to_string()));
}

#[tokio::test]
async fn settings_and_counts_of_a_queue_keep_their_values() {
    let storage = storage().await;
    let ensure = EnsureQueueParams { queue: "mail".into(), workers: 3 };
    let mut row = storage.queues.ensure(ensure).await.unwrap();
    row.settings.backoff.base = Duration::from_micros(250_001);
    row.settings.dead_retention = Retention::Forever;
    let queue = wire::Queue::from(&row);
    assert_eq!(queue.settings.base_seconds, wire::Seconds(0.250_001));
    assert_eq!(queue.settings.dead_retention_seconds, wire::Retention::FOREVER);
    assert_eq!((queue.settings.workers, queue.counts), (3, None));

    let mut counted = storage.inspect.queue_counts().await.unwrap().remove(0);
    for (n, (_, count)) in counted.counts.iter_mut().enumerate() {
        *count = BoundedCount { count: n as u64, more: false };
    }
    let counts = wire::Queue::from(&counted).counts.unwrap();
    let all = [counts.pending, counts.scheduled, counts.running, counts.retrying, counts.done, counts.dead];
    assert_eq!(all.map(|c| c.count), [0, 1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn each_time_of_a_schedule_goes_over_the_wire_as_itself() {
    let storage = storage().await;
    let schedule = Schedule::new("nightly", "0 3 * * *", EnqueueRequest::new("report", 1));
    let schedule = schedule.check(&DefaultRouter).unwrap();
    let by = Author::Code { program: "shop".into() };
    let put = PutScheduleParams { schedule, by, actor: None, now: None };
    let mut row = storage.cron.put(put).await.unwrap();
    let (at, job) = (Timestamp::from_micros, JobId::new());
    (row.handled_until, row.last_fire_at, row.last_job) = (at(1_000_000), Some(at(2_000_000)), Some(job));
    (row.created_at, row.edited_at) = (at(3_000_000), at(4_000_000));
    let told = wire::Schedule::from(&row);
    // The next one after what is dealt with.
    assert_eq!(told.next_fire_at.as_deref(), Some("1970-01-01T03:00:00.000000Z"));
    assert_eq!(told.last_fire_at.as_deref(), Some("1970-01-01T00:00:02.000000Z"));
    assert_eq!(told.last_job, Some(job.to_string()));
    assert_eq!(told.created_at, "1970-01-01T00:00:03.000000Z");
    assert_eq!(told.edited_at, "1970-01-01T00:00:04.000000Z");
    (row.enabled, row.last_fire_at, row.last_job) = (false, None, None);
    let told = wire::Schedule::from(&row);
    assert_eq!((told.next_fire_at, told.last_fire_at, told.last_job), (None, None, None));
}

#[tokio::test]
async fn each_value_of_a_process_goes_over_the_wire_as_itself() {
    let storage = storage().await;
    let second = |n: i64| Timestamp::from_micros(n * 1_000_000);
    let process = ProcessId::new();
    let register = RegisterParams {
        process,
        host: "web-1".into(),
        pid: 7,
        version: "1.4".into(),
        kinds: Some(vec!["k".into()]),
        queues: Some(vec!["mail".into()]),
        heartbeat_interval: Duration::from_secs(10),
        stale_after: Duration::from_secs(45),
        now: None,
    };
    storage.processes.register(register).await.unwrap();
    let mut row = storage.inspect.processes().await.unwrap().remove(0);
    (row.started_at, row.beat_at) = (second(100), second(200));
    row.holds = BoundedCount { count: 9, more: true };
    let wanted = wire::Process {
        id: process.to_string(),
        host: "web-1".into(),
        pid: 7,
        version: "1.4".into(),
        kinds: Some(vec!["k".into()]),
        queues: Some(vec!["mail".into()]),
        started_at: "1970-01-01T00:01:40.000000Z".into(),
        beat_at: "1970-01-01T00:03:20.000000Z".into(),
        heartbeat_seconds: wire::Seconds(10.0),
        stale_seconds: wire::Seconds(45.0),
        stopping: false,
        late: false,
        live: true,
        holds: wire::BoundedCount { count: 9, more: true },
    };
    assert_eq!(convert::process(&row, second(201)), wanted);
    // By its beats, whenever it began.
    for (now, late, live) in [(221, false, true), (222, true, true), (245, true, true), (246, false, false)] {
        let told = convert::process(&row, second(now));
        assert_eq!((told.late, told.live), (late, live), "{now}");
    }
}
