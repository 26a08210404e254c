//! Domain ↔ wire: the only module that knows both.

mod audit;
mod database;
mod history;
mod metrics;
mod why;

pub use database::database;
pub use history::{log_cursor, parse_log_cursor};
pub use metrics::{latency, resources, timeline, totals};

use crate::wire;
use forge_jobs as domain;
use forge_jobs::storage;
use serde_json::value::RawValue;
use std::time::Duration;

/// What came in over the wire is not understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct WireError {
    /// The field.
    pub field: &'static str,
    /// What is wrong with it, naming the value.
    pub reason: String,
}

impl WireError {
    fn of(field: &'static str, reason: &impl ToString) -> Self {
        Self { field, reason: reason.to_string() }
    }
}

/// A time as RFC 3339 text in UTC, exact to the microsecond and always of the same form.
#[must_use]
pub fn time(t: domain::Timestamp) -> String {
    format!("{t:.6}")
}

/// A duration as seconds.
#[must_use]
pub const fn seconds(d: Duration) -> wire::Seconds {
    wire::Seconds(d.as_secs_f64())
}

/// JSON text as it is. Text that is no JSON, which only a damaged database could hold, is sent as a JSON string.
fn raw(payload: &domain::Payload) -> Box<RawValue> {
    raw_text(payload.as_str())
}

fn raw_text(text: &str) -> Box<RawValue> {
    RawValue::from_string(text.to_owned())
        .or_else(|_| serde_json::value::to_raw_value(text))
        .unwrap_or_else(|_| RawValue::NULL.to_owned())
}

impl From<domain::JobStatus> for wire::JobStatus {
    fn from(status: domain::JobStatus) -> Self {
        match status {
            domain::JobStatus::Pending => Self::Pending,
            domain::JobStatus::Scheduled => Self::Scheduled,
            domain::JobStatus::Running => Self::Running,
            domain::JobStatus::Retrying => Self::Retrying,
            domain::JobStatus::Done => Self::Done,
            domain::JobStatus::Dead => Self::Dead,
            _ => Self::Unknown,
        }
    }
}

impl From<domain::DeadReason> for wire::DeadReason {
    fn from(reason: domain::DeadReason) -> Self {
        match reason {
            domain::DeadReason::Exhausted => Self::Exhausted,
            domain::DeadReason::Discarded => Self::Discarded,
            domain::DeadReason::Cancelled => Self::Cancelled,
            domain::DeadReason::Poison => Self::Poison,
            domain::DeadReason::Undecodable => Self::Undecodable,
            _ => Self::Unknown,
        }
    }
}

impl From<domain::AttemptResult> for wire::AttemptResult {
    fn from(result: domain::AttemptResult) -> Self {
        match result {
            domain::AttemptResult::Failed => Self::Failed,
            domain::AttemptResult::Throttled => Self::Throttled,
            domain::AttemptResult::Dead => Self::Dead,
            domain::AttemptResult::Cancelled => Self::Cancelled,
            domain::AttemptResult::Crashed => Self::Crashed,
            domain::AttemptResult::Done => Self::Done,
            _ => Self::Unknown,
        }
    }
}

impl From<&domain::Progress> for wire::Progress {
    fn from(p: &domain::Progress) -> Self {
        Self { done: p.done, total: p.total, note: p.note.clone() }
    }
}

impl From<&domain::Job> for wire::Job {
    fn from(job: &domain::Job) -> Self {
        Self {
            id: job.id.to_string(),
            kind: job.kind.clone(),
            queue: job.queue.clone(),
            status: job.status.into(),
            dead_reason: job.dead_reason.map(Into::into),
            priority: job.priority,
            attempt: job.attempt,
            max_attempts: job.max_attempts,
            claim_no: job.claim_no,
            process: job.process.map(|p| p.to_string()),
            created_at: time(job.created_at),
            due_at: time(job.due_at),
            started_at: job.started_at.map(time),
            finished_at: job.finished_at.map(time),
            cancel_requested_at: job.cancel_requested_at.map(time),
            throttles: job.throttles,
            crashes: job.crashes,
            suspect: job.suspect,
            dedupe_key: job.dedupe_key.clone(),
            dedupe_states: match job.dedupe_key {
                Some(_) => job.dedupe_states.iter().map(|s| s.to_string()).collect(),
                None => Vec::new(),
            },
            dedupe_until: job.dedupe_until.map(time),
            concurrency_key: job.concurrency_key.clone(),
            waits_for: job.waits_for.map(|id| id.to_string()),
            tags: job.tags.clone(),
            payload: raw(&job.payload),
            error: job.error.clone(),
            output: job.output.as_ref().map(raw),
            progress: job.progress.as_ref().map(Into::into),
            partial: Vec::new(),
        }
    }
}

impl From<&domain::Attempt> for wire::Attempt {
    fn from(a: &domain::Attempt) -> Self {
        Self {
            attempt: a.attempt,
            claim_no: a.claim_no,
            process: a.process.map(|p| p.to_string()),
            worker: a.worker.as_ref().map(Into::into),
            started_at: time(a.started_at),
            ended_at: time(a.ended_at),
            ran_seconds: seconds(a.duration()),
            result: a.result.into(),
            cause: a.cause.as_str().to_owned(),
            error: a.error.clone(),
            chain: a.chain.iter().map(Into::into).collect(),
            location: a.location.clone(),
            error_group: a.error_group.map(|group| group.to_string()),
            next_due_at: a.next_due_at.map(time),
        }
    }
}

impl From<&storage::JobEvent> for wire::JobEvent {
    fn from(e: &storage::JobEvent) -> Self {
        Self {
            at: time(e.at),
            event: e.event.clone(),
            attempt: e.attempt,
            claim_no: e.claim_no,
            process: e.process.map(|p| p.to_string()),
            worker: e.worker.as_ref().map(Into::into),
            cause: e.cause.clone(),
            ran_seconds: e.ran_for.map(seconds),
            detail: e.detail.clone(),
            actor: e.actor.clone(),
        }
    }
}

impl From<&storage::JobPage> for wire::JobPage {
    fn from(page: &storage::JobPage) -> Self {
        Self {
            jobs: page.jobs.iter().map(Into::into).collect(),
            next: page.next.map(cursor),
            unknown: page.unknown.iter().map(|field| (*field).to_owned()).collect(),
            scanned: page.scanned,
            complete: page.complete,
        }
    }
}

/// A page cursor as opaque text.
#[must_use]
pub fn cursor(c: storage::PageCursor) -> String {
    format!("{}.{}.{:x}.{}", c.at.as_micros(), c.row, c.filter, c.id)
}

/// A page cursor from its text.
///
/// # Errors
///
/// [`WireError`] when the text did not come from [`cursor`].
pub fn parse_cursor(text: &str) -> Result<storage::PageCursor, WireError> {
    let parse = || {
        let (at, rest) = text.split_once('.')?;
        let (row, rest) = rest.split_once('.')?;
        let (filter, id) = rest.split_once('.')?;
        let at = domain::Timestamp::from_micros(at.parse().ok()?);
        let filter = u64::from_str_radix(filter, 16).ok()?;
        Some(storage::PageCursor { at, id: id.parse().ok()?, row: row.parse().ok()?, filter })
    };
    parse().ok_or_else(|| WireError {
        field: "after",
        reason: format!("{text:?} is no page cursor: pass the value of `next` of the page before"),
    })
}

impl From<storage::BoundedCount> for wire::BoundedCount {
    fn from(c: storage::BoundedCount) -> Self {
        Self { count: c.count, more: c.more }
    }
}

impl From<storage::Retention> for wire::Retention {
    fn from(r: storage::Retention) -> Self {
        match r {
            storage::Retention::For(d) => Self::For(seconds(d)),
            storage::Retention::Forever => Self::FOREVER,
        }
    }
}

impl From<&storage::QueueSettings> for wire::QueueSettings {
    fn from(s: &storage::QueueSettings) -> Self {
        Self {
            workers: s.workers,
            paused: s.paused,
            backoff_enabled: s.backoff.enabled,
            base_seconds: seconds(s.backoff.base),
            max_seconds: seconds(s.backoff.max),
            done_retention_seconds: s.done_retention.into(),
            dead_retention_seconds: s.dead_retention.into(),
            max_running: s.max_running,
        }
    }
}

impl From<&storage::QueueRow> for wire::Queue {
    fn from(row: &storage::QueueRow) -> Self {
        Self {
            name: row.name.clone(),
            version: row.version,
            workers_set_by_operator: row.workers_set_by_operator,
            paused_at: row.paused_at.map(time),
            paused_by: row.paused_by.clone(),
            settings: (&row.settings).into(),
            counts: None,
        }
    }
}

impl From<&storage::QueueCounts> for wire::Queue {
    fn from(counted: &storage::QueueCounts) -> Self {
        let mut counts = wire::Counts::default();
        for (status, count) in counted.counts {
            let place = match status {
                domain::JobStatus::Pending => &mut counts.pending,
                domain::JobStatus::Scheduled => &mut counts.scheduled,
                domain::JobStatus::Running => &mut counts.running,
                domain::JobStatus::Retrying => &mut counts.retrying,
                domain::JobStatus::Done => &mut counts.done,
                domain::JobStatus::Dead => &mut counts.dead,
                // A status that the wire has no place for yet.
                _ => continue,
            };
            *place = count.into();
        }
        Self { counts: Some(counts), ..Self::from(&counted.queue) }
    }
}

/// A process; it counts as live if it beat within its stale window before `now`, and is not known to have died.
#[must_use]
pub fn process(row: &storage::ProcessRow, now: domain::Timestamp) -> wire::Process {
    let silence = now.saturating_since(row.beat_at);
    let live = !row.is_gone(now);
    // A beat may take a moment to be written.
    let late = live && silence > row.heartbeat_interval * 2 + Duration::from_secs(1);
    wire::Process {
        id: row.id.to_string(),
        host: row.host.clone(),
        pid: row.pid,
        version: row.version.clone(),
        kinds: row.kinds.clone(),
        queues: row.queues.clone(),
        started_at: time(row.started_at),
        beat_at: time(row.beat_at),
        heartbeat_seconds: seconds(row.heartbeat_interval),
        stale_seconds: seconds(row.stale_after),
        stopping: row.stopping,
        late,
        live,
        holds: row.holds.into(),
    }
}

impl From<domain::Enqueued> for wire::Enqueued {
    fn from(e: domain::Enqueued) -> Self {
        Self { id: e.id.to_string(), outcome: e.outcome.into() }
    }
}

impl From<domain::EnqueueOutcome> for wire::EnqueueOutcome {
    fn from(outcome: domain::EnqueueOutcome) -> Self {
        match outcome {
            domain::EnqueueOutcome::Inserted => Self::Inserted,
            domain::EnqueueOutcome::AlreadyThere => Self::AlreadyThere,
            domain::EnqueueOutcome::Duplicate => Self::Duplicate,
            domain::EnqueueOutcome::Replaced => Self::Replaced,
            _ => Self::Unknown,
        }
    }
}

impl TryFrom<wire::EnqueueLine> for domain::EnqueueRequest {
    type Error = WireError;

    /// Times and ids are parsed here; all other bounds are checked when the request is enqueued.
    fn try_from(line: wire::EnqueueLine) -> Result<Self, WireError> {
        let mut request = Self::from_json_text(line.kind, line.payload.get());
        if let Some(queue) = line.queue {
            request = request.on_queue(queue);
        }
        if let Some(text) = line.run_at {
            let at: domain::Timestamp = text.parse().map_err(|e| WireError::of("run_at", &e))?;
            request = request.with_run_at(at);
        }
        if let Some(priority) = line.priority {
            request = request.with_priority(priority);
        }
        if let Some(max_attempts) = line.max_attempts {
            request = request.with_max_attempts(max_attempts);
        }
        let terms = (line.dedupe_states, line.dedupe_seconds, line.on_duplicate);
        if let Some(dedupe) = dedupe(line.dedupe_key, terms)? {
            request = request.with_dedupe(dedupe);
        }
        if let Some(key) = line.concurrency_key {
            request = request.with_concurrency_key(key);
        }
        for tag in line.tags {
            request = request.with_tag(tag);
        }
        if let Some(text) = line.id {
            let id: domain::JobId = text.parse().map_err(|e| WireError::of("id", &e))?;
            request = request.with_id(id);
        }
        Ok(request)
    }
}

type DedupeTerms = (Option<Vec<String>>, Option<wire::Seconds>, Option<wire::OnDuplicate>);

/// A dedupe key and its terms, which mean nothing without it.
fn dedupe(
    key: Option<String>,
    (states, seconds, on_duplicate): DedupeTerms,
) -> Result<Option<domain::Dedupe>, WireError> {
    let Some(key) = key else {
        let term = [
            ("dedupe_states", states.is_some()),
            ("dedupe_seconds", seconds.is_some()),
            ("on_duplicate", on_duplicate.is_some()),
        ];
        return match term.into_iter().find(|(_, given)| *given) {
            Some((field, _)) => Err(WireError::of(field, &"it means nothing without a dedupe_key: give one")),
            None => Ok(None),
        };
    };
    let mut dedupe = domain::Dedupe::new(key);
    if let Some(states) = states {
        let states = states.iter().map(|s| s.parse::<domain::JobStatus>());
        dedupe = dedupe
            .in_states(states.collect::<Result<_, _>>().map_err(|e| WireError::of("dedupe_states", &e))?);
    }
    if let Some(wire::Seconds(seconds)) = seconds {
        let period = Duration::try_from_secs_f64(seconds).map_err(|e| WireError::of("dedupe_seconds", &e))?;
        dedupe = dedupe.within(period);
    }
    if on_duplicate == Some(wire::OnDuplicate::Replace) {
        dedupe = dedupe.replacing();
    }
    Ok(Some(dedupe))
}

impl wire::VerbResult {
    /// An outcome without details.
    const fn plain(id: String, outcome: wire::VerbOutcome) -> Self {
        Self {
            id,
            outcome,
            status: None,
            dead_reason: None,
            process: None,
            claim_no: None,
            duplicate_of: None,
        }
    }

    fn refused(id: String, status: domain::JobStatus) -> Self {
        Self { status: Some(status.into()), ..Self::plain(id, wire::VerbOutcome::Refused) }
    }

    /// What came of a cancel.
    #[must_use]
    pub fn of_cancel(id: domain::JobId, outcome: storage::CancelOutcome) -> Self {
        let id = id.to_string();
        match outcome {
            storage::CancelOutcome::Cancelled => Self::plain(id, wire::VerbOutcome::Cancelled),
            storage::CancelOutcome::Requested { process, claim_no } => Self {
                process: Some(process.to_string()),
                claim_no: Some(claim_no),
                ..Self::plain(id, wire::VerbOutcome::Requested)
            },
            storage::CancelOutcome::AlreadyFinished { status, dead_reason } => Self {
                status: Some(status.into()),
                dead_reason: dead_reason.map(Into::into),
                ..Self::plain(id, wire::VerbOutcome::AlreadyFinished)
            },
            _ => Self::plain(id, wire::VerbOutcome::Unknown),
        }
    }

    /// What came of a retry.
    #[must_use]
    pub fn of_retry(id: domain::JobId, outcome: storage::RetryOutcome) -> Self {
        let id = id.to_string();
        match outcome {
            storage::RetryOutcome::Retried => Self::plain(id, wire::VerbOutcome::Retried),
            storage::RetryOutcome::Refused { status } => Self::refused(id, status),
            storage::RetryOutcome::Duplicate { of } => {
                Self { duplicate_of: Some(of.to_string()), ..Self::plain(id, wire::VerbOutcome::Duplicate) }
            }
            _ => Self::plain(id, wire::VerbOutcome::Unknown),
        }
    }

    /// What came of a run-now.
    #[must_use]
    pub fn of_run_now(id: domain::JobId, outcome: storage::RunNowOutcome) -> Self {
        let id = id.to_string();
        match outcome {
            storage::RunNowOutcome::MadePending => Self::plain(id, wire::VerbOutcome::MadePending),
            storage::RunNowOutcome::AlreadyPending => Self::plain(id, wire::VerbOutcome::AlreadyPending),
            storage::RunNowOutcome::Refused { status } => Self::refused(id, status),
            _ => Self::plain(id, wire::VerbOutcome::Unknown),
        }
    }

    /// What came of a drop.
    #[must_use]
    pub fn of_drop(id: domain::JobId, outcome: storage::DropOutcome) -> Self {
        let id = id.to_string();
        match outcome {
            storage::DropOutcome::Dropped => Self::plain(id, wire::VerbOutcome::Dropped),
            storage::DropOutcome::Refused { status } => Self::refused(id, status),
            _ => Self::plain(id, wire::VerbOutcome::Unknown),
        }
    }
}

impl From<domain::rate_limit::RateMode> for wire::LimitMode {
    fn from(mode: domain::rate_limit::RateMode) -> Self {
        match mode {
            domain::rate_limit::RateMode::Sliding => Self::Sliding,
            domain::rate_limit::RateMode::Smooth => Self::Smooth,
            _ => Self::Unknown,
        }
    }
}

impl wire::Limit {
    /// A scope with its limit, and what is attached to it.
    #[must_use]
    pub fn of(
        row: &storage::LimitRow,
        attachments: &[(storage::Limited, domain::rate_limit::Scope)],
    ) -> Self {
        let attached = attachments.iter().filter(|(_, scope)| *scope == row.scope);
        Self {
            scope: row.scope.to_string(),
            permits: row.limit.permits,
            window_seconds: seconds(row.limit.window),
            mode: row.limit.mode.into(),
            inherited_from: row.inherited_from.as_ref().map(ToString::to_string),
            set_by_operator: row.set_by_operator,
            version: row.version,
            used: row.used,
            free: row.free,
            next_at: row.next_at.map(time),
            drained_until: row.drained_until.map(time),
            keys: row.keys,
            attached: attached
                .map(|(what, _)| match what {
                    storage::Limited::Queue(name) => wire::Attached::Queue(name.clone()),
                    storage::Limited::Kind(name) => wire::Attached::Kind(name.clone()),
                })
                .collect(),
        }
    }
}

impl From<&storage::StorageError> for wire::ErrorCode {
    fn from(e: &storage::StorageError) -> Self {
        match e {
            storage::StorageError::NotFound { .. } => Self::NotFound,
            storage::StorageError::Conflict { .. } => Self::Conflict,
            storage::StorageError::Invalid(_) => Self::Invalid,
            storage::StorageError::Unavailable { .. }
            | storage::StorageError::Corrupt { .. }
            | storage::StorageError::NotForge { .. }
            | storage::StorageError::SchemaTooOld { .. }
            | storage::StorageError::SchemaTooNew { .. } => Self::Unavailable,
            _ => Self::Failed,
        }
    }
}

impl From<&domain::EnqueueError> for wire::ErrorCode {
    fn from(e: &domain::EnqueueError) -> Self {
        match e {
            domain::EnqueueError::Invalid(_) => Self::Invalid,
            domain::EnqueueError::IdTaken { .. } => Self::Conflict,
            domain::EnqueueError::Storage(e) => e.into(),
            _ => Self::Failed,
        }
    }
}

impl wire::Doctor {
    /// The findings of a checkup, before the processes were looked at.
    #[must_use]
    pub fn of_checkup(checkup: &storage::Checkup) -> Self {
        let facts = checkup.facts.iter();
        Self {
            healthy: checkup.problems.is_empty(),
            database: checkup.database.clone(),
            engine_version: checkup.engine_version.clone(),
            schema_version: checkup.schema_version,
            facts: facts.map(|(n, v)| wire::Fact { name: n.clone(), value: v.clone() }).collect(),
            processes: Vec::new(),
            waiting: Vec::new(),
            problems: checkup.problems.clone(),
            notes: Vec::new(),
        }
    }
}

impl From<&domain::schedule::ScheduleSpec> for wire::ScheduleSettings {
    fn from(spec: &domain::schedule::ScheduleSpec) -> Self {
        use domain::schedule::{MissedFires, Overlap};
        let job = &spec.job;
        Self {
            expression: spec.expression.to_string(),
            zone: spec.zone.to_string(),
            description: spec.expression.describe(),
            kind: job.kind.clone(),
            queue: job.queue.clone(),
            payload: raw(&job.payload),
            priority: job.priority,
            max_attempts: job.max_attempts,
            tags: job.tags.clone(),
            missed: match spec.missed {
                MissedFires::Skip { .. } => wire::MissedFires::Skip,
                MissedFires::Once { .. } => wire::MissedFires::Once,
                MissedFires::CatchUp { .. } => wire::MissedFires::CatchUp,
            },
            catch_up: match spec.missed {
                MissedFires::Skip { .. } => 0,
                MissedFires::Once { .. } => 1,
                MissedFires::CatchUp { max, .. } => max,
            },
            within_seconds: seconds(spec.missed.within()),
            overlap: match spec.overlap {
                Overlap::Allow => wire::Overlap::Allow,
                Overlap::Skip => wire::Overlap::Skip,
            },
            jitter_seconds: seconds(spec.jitter),
        }
    }
}

impl From<&storage::ScheduleRow> for wire::Schedule {
    fn from(row: &storage::ScheduleRow) -> Self {
        Self {
            name: row.name.clone(),
            version: row.version,
            enabled: row.enabled,
            owner: match row.owner {
                domain::schedule::Owner::Code => wire::ScheduleOwner::Code,
                domain::schedule::Owner::Operator => wire::ScheduleOwner::Operator,
            },
            overrides_code: row.overrides_code(),
            undeclared: row.is_undeclared(),
            settings: (&row.spec).into(),
            code: row.code.as_ref().map(|code| wire::ScheduleWish {
                program: code.program.clone(),
                enabled: code.enabled,
                settings: (&code.spec).into(),
            }),
            next_fire_at: row.next_fire_at().map(time),
            last_fire_at: row.last_fire_at.map(time),
            last_job: row.last_job.map(|id| id.to_string()),
            created_at: time(row.created_at),
            edited_at: time(row.edited_at),
        }
    }
}

impl From<domain::schedule::TickOutcome> for wire::TickOutcome {
    fn from(outcome: domain::schedule::TickOutcome) -> Self {
        use domain::schedule::TickOutcome;
        match outcome {
            TickOutcome::Fired => Self::Fired,
            TickOutcome::Coalesced => Self::Coalesced,
            TickOutcome::Overlapped => Self::Overlapped,
            TickOutcome::Missed => Self::Missed,
            TickOutcome::RunNow => Self::RunNow,
            _ => Self::Unknown,
        }
    }
}

impl From<&storage::TickRow> for wire::Tick {
    fn from(tick: &storage::TickRow) -> Self {
        Self {
            first_at: time(tick.fires.first),
            last_at: time(tick.fires.last),
            count: tick.fires.count,
            outcome: tick.outcome.into(),
            job: tick.job.map(|id| id.to_string()),
            recorded_at: time(tick.recorded_at),
        }
    }
}
