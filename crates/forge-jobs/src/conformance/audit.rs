//! What people did is written down, with what they did it to.

use super::cron_rig::{PERSON, checked, each_minute, edit_of};
use super::rig::{QUEUE, Rig, done, request, secs};
use crate::rate_limit::{RateLimit, Scope};
use crate::storage::{
    Activity, Actor, AttachParams, AuditFilter, AuditListParams, AuditOutcome, AuditRow, DrainParams,
    DropOutcome, Limited, PutScheduleParams, QueueSettingsPatch, RecordParams, Retention, Role, SetBy,
    SetLimitParams, Source, StorageError, SweepAuditParams, UpdateQueueParams, VerbParams,
};
use crate::{Dedupe, DedupeStates, JobStatus};
use serde_json::{Value, json};

fn actor(name: &str) -> Actor {
    let actor = Actor::new(name, Source::Api).expect("a name").with_role(Role::Operator);
    actor.with_address("192.0.2.7").expect("an address")
}

async fn rows(rig: &Rig, filter: AuditFilter) -> Vec<AuditRow> {
    let params = AuditListParams { filter, limit: 100, before: None };
    rig.storage.audit.list(params).await.expect("the audit can be read").rows
}

async fn latest(rig: &Rig) -> AuditRow {
    rows(rig, AuditFilter::default()).await.into_iter().next().expect("an action was written down")
}

fn read(text: Option<&String>) -> Value {
    text.map_or(Value::Null, |text| serde_json::from_str(text).expect("JSON"))
}

async fn update(
    rig: &Rig,
    by: Option<Actor>,
    patch: QueueSettingsPatch,
    expected_version: Option<i64>,
) -> Result<crate::storage::QueueRow, StorageError> {
    let params =
        UpdateQueueParams { queue: QUEUE.into(), patch, expected_version, actor: by, now: rig.now() };
    rig.storage.queues.update(params).await
}

fn verb(rig: &Rig, ids: Vec<crate::JobId>, by: &str) -> VerbParams {
    VerbParams { ids, actor: Some(actor(by)), now: rig.now() }
}

/// Protects: who changed this, and what was it before?
pub async fn an_edit_of_a_queue_is_written_down(rig: &Rig) {
    rig.ensure(QUEUE, 4).await;
    rig.advance(secs(3));
    update(rig, Some(actor("ada")), QueueSettingsPatch::workers(8), None).await.expect("an edit succeeds");
    let row = latest(rig).await;
    assert_eq!((row.at, &row.actor, row.count), (rig.at(), &actor("ada"), 1));
    assert_eq!(
        (row.action.as_str(), row.what.as_str(), row.target.as_deref()),
        ("queue.set", "queue", Some(QUEUE))
    );
    assert_eq!(row.outcome, AuditOutcome::Done);
    assert_eq!(read(row.before.as_ref()), json!({ "workers": 4 }), "only what was changed");
    assert_eq!(read(row.after.as_ref()), json!({ "workers": 8 }));
}

/// Protects: "paused, but by whom?"
pub async fn a_paused_queue_tells_by_whom_and_since_when(rig: &Rig) {
    rig.ensure(QUEUE, 4).await;
    let paused = QueueSettingsPatch::paused(true);
    let row = update(rig, Some(actor("ada")), paused, None).await.expect("a pause succeeds");
    let at = rig.at();
    assert_eq!((row.paused_by.as_deref(), row.paused_at), (Some("ada"), Some(at)));
    rig.advance(secs(60));
    let again = update(rig, Some(actor("bob")), paused, None).await.expect("a pause succeeds");
    assert_eq!(
        (again.paused_by.as_deref(), again.paused_at),
        (Some("ada"), Some(at)),
        "the first one did it"
    );
    assert_eq!(latest(rig).await.outcome, AuditOutcome::Unchanged);
    let workers = update(rig, Some(actor("bob")), QueueSettingsPatch::workers(9), None).await;
    assert_eq!(workers.expect("an edit succeeds").paused_by.as_deref(), Some("ada"));
    let resumed = QueueSettingsPatch::paused(false);
    let row = update(rig, Some(actor("bob")), resumed, None).await.expect("a resume succeeds");
    assert_eq!((row.paused_by, row.paused_at), (None, None));
    let actions: Vec<_> = rows(rig, AuditFilter::default()).await.into_iter().map(|r| r.action).collect();
    assert_eq!(actions, ["queue.resume", "queue.set", "queue.set", "queue.pause"]);
}

/// Protects: the audit tells of what happened, not of what was refused.
pub async fn an_action_that_fails_leaves_no_row(rig: &Rig) {
    rig.ensure(QUEUE, 4).await;
    let lost = update(rig, Some(actor("ada")), QueueSettingsPatch::workers(8), Some(99)).await;
    assert!(matches!(lost, Err(StorageError::Conflict { .. })));
    let absurd = update(rig, Some(actor("ada")), QueueSettingsPatch::workers(u32::MAX), None).await;
    assert!(matches!(absurd, Err(StorageError::Invalid(_))));
    assert_eq!(rows(rig, AuditFilter::default()).await, []);
}

/// Protects: the audit is of people; a program's housekeeping would drown them.
pub async fn what_nobody_did_is_not_written_down(rig: &Rig) {
    rig.ensure(QUEUE, 4).await;
    update(rig, None, QueueSettingsPatch::paused(true), None).await.expect("an edit succeeds");
    let id = rig.put(request()).await;
    rig.storage.jobs.cancel(rig.verb([id])).await.expect("a cancel succeeds");
    assert_eq!(rows(rig, AuditFilter::default()).await, []);
}

/// Protects: a key that was let go let another job in.
pub async fn a_key_that_a_drop_frees_is_written_down(rig: &Rig) {
    let process = rig.process().await;
    let states = DedupeStates::UNFINISHED.and(JobStatus::Done);
    let id = rig.put(request().with_dedupe(Dedupe::new("key").in_states(states).within(secs(3_600)))).await;
    let claimed = rig.claim_one(process).await;
    rig.finish(claimed.lease, done()).await;
    rig.edit(QUEUE, QueueSettingsPatch::default().with_done_retention(Retention::For(secs(1)))).await;
    rig.advance(secs(2));
    rig.sweep(10).await;
    assert!(rig.is_gone(id).await);
    let jobs = &rig.storage.jobs;
    let dropped = jobs.drop_jobs(verb(rig, vec![id], "ada")).await.expect("a drop succeeds");
    assert_eq!(dropped, [DropOutcome::Unknown]);
    let row = latest(rig).await;
    assert_eq!((row.action.as_str(), row.outcome, row.count), ("job.drop", AuditOutcome::Done, 1));
    assert_eq!(read(row.detail.as_ref())["ends"], json!({ "key_freed": 1 }));
    jobs.drop_jobs(verb(rig, vec![id], "ada")).await.expect("a drop succeeds");
    let again = latest(rig).await;
    assert_eq!(
        (again.outcome, read(again.detail.as_ref())["ends"].clone()),
        (AuditOutcome::Unchanged, json!({ "unknown": 1 }))
    );
}

/// Protects: who cancelled my job?
pub async fn verbs_are_written_down_with_their_ends(rig: &Rig) {
    let process = rig.process().await;
    let running = rig.running(process).await.job.id;
    let waiting = rig.put(request()).await;
    let gone = crate::JobId::new();
    let jobs = &rig.storage.jobs;
    jobs.cancel(verb(rig, vec![running, waiting, gone], "ada")).await.expect("a cancel succeeds");
    let row = latest(rig).await;
    assert_eq!((row.action.as_str(), row.what.as_str(), row.target.as_deref()), ("job.cancel", "job", None));
    assert_eq!((row.count, row.outcome), (2, AuditOutcome::Done));
    let ids = [running, waiting, gone].map(|id| id.to_string());
    let ends = json!({ "requested": 1, "cancelled": 1, "unknown": 1 });
    assert_eq!(read(row.detail.as_ref()), json!({ "ids": ids, "of": 3, "ends": ends }));
    jobs.retry(verb(rig, vec![running], "bob")).await.expect("a retry succeeds");
    let row = latest(rig).await;
    assert_eq!((row.target, row.count, row.outcome), (Some(running.to_string()), 0, AuditOutcome::Unchanged));
    let later = rig.put(request().with_delay(secs(60))).await;
    jobs.run_now(verb(rig, vec![later], "bob")).await.expect("a run-now succeeds");
    assert_eq!((latest(rig).await.action.as_str(), latest(rig).await.count), ("job.run_now", 1));
    jobs.drop_jobs(verb(rig, vec![later], "bob")).await.expect("a drop succeeds");
    assert_eq!((latest(rig).await.action.as_str(), latest(rig).await.count), ("job.drop", 1));
}

/// Protects: a job's own history names the person.
pub async fn a_jobs_history_names_who_acted(rig: &Rig) {
    let id = rig.put(request().with_delay(secs(60))).await;
    let jobs = &rig.storage.jobs;
    jobs.run_now(verb(rig, vec![id], "ada")).await.expect("a run-now succeeds");
    rig.advance(secs(1));
    jobs.cancel(verb(rig, vec![id], "bob")).await.expect("a cancel succeeds");
    rig.advance(secs(1));
    jobs.retry(verb(rig, vec![id], "eve")).await.expect("a retry succeeds");
    rig.advance(secs(1));
    jobs.cancel(rig.verb([id])).await.expect("a cancel succeeds");
    assert_eq!(rig.status(id).await, JobStatus::Dead);
    let events = rig.storage.inspect.events(id).await.expect("events can be read");
    let who = |event: &str| -> Vec<Option<&str>> {
        events.iter().filter(|e| e.event == event).map(|e| e.actor.as_deref()).collect()
    };
    assert_eq!(who("run_now"), [Some("ada")]);
    assert_eq!(who("cancel_requested"), [Some("bob")], "nobody asked the second time");
    assert_eq!(who("retried"), [Some("eve")]);
    assert_eq!(who("enqueued"), [None]);
}

/// Protects: edits of limits.
pub async fn edits_of_limits_are_written_down(rig: &Rig) {
    rig.ensure(QUEUE, 4).await;
    let scope = Scope::new("upstream").expect("a scope");
    let limits = &rig.storage.rate_limits;
    let set = |permits| SetLimitParams {
        scope: scope.clone(),
        limit: RateLimit::new(permits, secs(1)),
        by: SetBy::Operator,
        expected_version: None,
        actor: Some(actor("ada")),
        now: rig.now(),
    };
    limits.set_limit(set(5)).await.expect("a limit can be set");
    let row = latest(rig).await;
    assert_eq!(
        (row.action.as_str(), row.target.as_deref(), row.before),
        ("limit.set", Some("upstream"), None)
    );
    limits.set_limit(set(6)).await.expect("a limit can be set");
    let row = latest(rig).await;
    assert_eq!(
        (&read(row.before.as_ref())["permits"], &read(row.after.as_ref())["permits"]),
        (&json!(5), &json!(6))
    );
    assert_eq!(read(row.before.as_ref())["window_seconds"].as_f64(), Some(1.0));
    limits.set_limit(set(6)).await.expect("a limit can be set");
    assert_eq!(latest(rig).await.outcome, AuditOutcome::Unchanged);
    let attach = |scope: Option<Scope>| AttachParams {
        what: Limited::Queue(QUEUE.into()),
        scope,
        actor: Some(actor("ada")),
    };
    limits.attach(attach(Some(scope.clone()))).await.expect("a queue can be attached");
    let row = latest(rig).await;
    assert_eq!(
        (row.action.as_str(), row.what.as_str(), row.target.as_deref()),
        ("limit.attach", "queue", Some(QUEUE))
    );
    assert_eq!(read(row.after.as_ref()), json!({ "scope": "upstream" }));
    limits.attach(attach(None)).await.expect("a queue can be detached");
    let row = latest(rig).await;
    assert_eq!(
        (row.action.as_str(), read(row.before.as_ref())),
        ("limit.detach", json!({ "scope": "upstream" }))
    );
    let drain =
        DrainParams { scope: scope.clone(), wait: secs(9), actor: Some(actor("ada")), now: rig.now() };
    limits.drain(drain).await.expect("a scope can be drained");
    assert_eq!(latest(rig).await.action, "limit.drain");
    assert!(limits.lift_drain(&scope, Some(actor("ada")), rig.now()).await.expect("a drain can be ended"));
    assert_eq!(latest(rig).await.action, "limit.lift");
    assert!(limits.remove_limit(&scope, Some(actor("ada"))).await.expect("a limit can be removed"));
    let row = rows(rig, AuditFilter { action: Some("limit.remove".into()), ..AuditFilter::default() }).await;
    assert_eq!(read(row[0].before.as_ref())["permits"], json!(6));
}

/// Protects: edits of schedules; no payload leaks into the audit.
pub async fn edits_of_schedules_are_written_down_without_payloads(rig: &Rig) {
    let schedule = checked(each_minute("s"));
    let put = PutScheduleParams { schedule, by: PERSON, actor: Some(actor("ada")), now: rig.now() };
    rig.storage.cron.put(put).await.expect("a schedule can be made");
    let row = latest(rig).await;
    assert_eq!(
        (row.action.as_str(), row.what.as_str(), row.target.as_deref()),
        ("schedule.put", "schedule", Some("s"))
    );
    let after = read(row.after.as_ref());
    assert_eq!((&after["enabled"], after.get("payload"), row.before), (&json!(true), None, None));
    assert!(after["expression"].is_string(), "{after}");
    let edit = || {
        let mut edit = edit_of(rig, "s", None);
        edit.actor = Some(actor("bob"));
        edit
    };
    let cron = &rig.storage.cron;
    cron.set_enabled(edit(), Activity::Paused).await.expect("a schedule can be paused");
    let row = latest(rig).await;
    assert_eq!((row.action.as_str(), row.actor.name()), ("schedule.pause", "bob"));
    assert_eq!(read(row.after.as_ref())["enabled"], json!(false));
    let job = crate::JobId::new();
    let run = crate::storage::RunScheduleParams {
        name: "s".into(),
        job,
        actor: Some(actor("bob")),
        now: rig.now(),
    };
    cron.run_now(run).await.expect("a schedule can be run");
    let row = latest(rig).await;
    assert_eq!(
        (row.action.as_str(), read(row.after.as_ref())),
        ("schedule.run", json!({ "job": job.to_string() }))
    );
    assert!(cron.remove("s", Some(actor("bob"))).await.expect("a schedule can be removed"));
    let removed = AuditFilter { action: Some("schedule.remove".into()), ..AuditFilter::default() };
    assert_eq!(rows(rig, removed).await[0].count, 1);
}

/// Protects: a reader who looks for one thing, page by page.
pub async fn the_audit_is_filtered_and_read_by_pages(rig: &Rig) {
    rig.ensure(QUEUE, 4).await;
    let start = rig.at();
    for n in 0..5 {
        let name = if n % 2 == 0 { "ada" } else { "bob" };
        rig.advance(secs(1));
        update(rig, Some(actor(name)), QueueSettingsPatch::workers(10 + n), None)
            .await
            .expect("an edit succeeds");
    }
    let of = |filter: AuditFilter| rows(rig, filter);
    let ada = AuditFilter { actor: Some("ada".into()), ..AuditFilter::default() };
    assert_eq!(of(ada).await.len(), 3);
    let target = AuditFilter { target: Some("other".into()), ..AuditFilter::default() };
    assert_eq!(of(target).await.len(), 0);
    let what = AuditFilter { what: Some("queue".into()), ..AuditFilter::default() };
    assert_eq!(of(what).await.len(), 5);
    let span = AuditFilter {
        since: Some(start.saturating_add(secs(2))),
        until: Some(start.saturating_add(secs(4))),
        ..AuditFilter::default()
    };
    assert_eq!(of(span).await.len(), 2);
    let mut before = None;
    let mut seen = Vec::new();
    loop {
        let params = AuditListParams { filter: AuditFilter::default(), limit: 2, before };
        let page = rig.storage.audit.list(params).await.expect("the audit can be read");
        seen.extend(page.rows.iter().map(|r| r.no));
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    assert_eq!(seen.len(), 5);
    assert!(seen.is_sorted_by(|a, b| a > b), "the latest first: {seen:?}");
    let params = AuditListParams { filter: AuditFilter::default(), limit: 0, before: None };
    assert!(matches!(rig.storage.audit.list(params).await, Err(StorageError::Invalid(_))));
}

/// Protects: those who were turned away are seen too.
pub async fn what_was_denied_can_be_written_down(rig: &Rig) {
    let params = |action: &str| RecordParams {
        actor: actor("eve"),
        action: action.into(),
        what: "queue".into(),
        target: Some(QUEUE.into()),
        outcome: AuditOutcome::Denied,
        now: rig.now(),
    };
    rig.storage.audit.record(params("queue.pause")).await.expect("a row can be written");
    let row = latest(rig).await;
    assert_eq!((row.outcome, row.count, row.actor), (AuditOutcome::Denied, 0, actor("eve")));
    let bad = rig.storage.audit.record(params("no such word!")).await;
    assert!(matches!(bad, Err(StorageError::Invalid(_))));
}

/// Protects: the audit does not grow for ever.
pub async fn old_rows_of_the_audit_are_swept(rig: &Rig) {
    rig.ensure(QUEUE, 4).await;
    for n in 0..3 {
        update(rig, Some(actor("ada")), QueueSettingsPatch::workers(10 + n), None)
            .await
            .expect("an edit succeeds");
        rig.advance(secs(10));
    }
    let sweep = async |limit| {
        let params = SweepAuditParams { keep: secs(15), limit, now: rig.now() };
        rig.storage.audit.sweep_audit(params).await.expect("a sweep succeeds")
    };
    assert_eq!(sweep(1).await, 1);
    assert_eq!(sweep(10).await, 1);
    assert_eq!(sweep(10).await, 0);
    assert_eq!(rows(rig, AuditFilter::default()).await.len(), 1);
}
