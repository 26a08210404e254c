//! Edits of jobs that wait.

use super::rig::{Rig, checked, done, request, retry, secs};
use crate::limits::MAX_TAGS;
use crate::storage::{
    Actor, AuditFilter, AuditListParams, EditJobParams, EditOutcome, Inserted, JobPatch, Source,
    StorageError, job_version,
};
use crate::{EnqueueRequest, JobId, JobStatus, Payload, Timestamp};
use serde_json::{Value, json};

fn payload(text: &str) -> JobPatch {
    let payload = Payload::from_json_text(text).expect("a payload");
    JobPatch { payload: Some(payload), ..JobPatch::default() }
}

fn due(at: Timestamp) -> JobPatch {
    JobPatch { run_at: Some(at), ..JobPatch::default() }
}

fn params(rig: &Rig, id: JobId, patch: JobPatch) -> EditJobParams {
    EditJobParams { id, patch, expected_version: None, actor: None, now: rig.now() }
}

async fn edit(rig: &Rig, id: JobId, patch: JobPatch) -> EditOutcome {
    rig.storage.jobs.edit(params(rig, id, patch)).await.expect("an edit succeeds")
}

async fn version(rig: &Rig, id: JobId) -> i64 {
    job_version(&rig.job(id).await, &rig.storage.inspect.events(id).await.expect("events can be read"))
}

/// Protects: a payload with a typo is mended in its place.
pub async fn an_edit_changes_what_it_names(rig: &Rig) {
    let process = rig.process().await;
    rig.ensure("other", 1).await;
    let first = rig.put(request().with_tag("t")).await;
    let id = rig.put(request().with_tag("t")).await;
    let before = rig.job(id).await;
    rig.advance(secs(1));
    assert_eq!(edit(rig, id, payload(r#"{ "to": "ada" }"#)).await, EditOutcome::Edited);
    let mut expected = before.clone();
    expected.payload = Payload::from_json_text(r#"{ "to": "ada" }"#).expect("a payload");
    assert_eq!(rig.job(id).await, expected, "and nothing else");
    let patch = JobPatch { priority: Some(-5), tags: Some(vec![]), ..JobPatch::default() };
    assert_eq!(edit(rig, id, patch).await, EditOutcome::Edited);
    (expected.priority, expected.tags) = (-5, vec![]);
    assert_eq!(rig.job(id).await, expected);
    let claims = rig.claim(process, 10).await;
    assert_eq!(claims.iter().map(|c| c.job.id).collect::<Vec<_>>(), [id, first], "by its new priority");
    assert_eq!(claims[0].job.payload.as_str(), r#"{ "to": "ada" }"#);
    let moved = rig.put(request()).await;
    let patch = JobPatch { queue: Some("other".into()), ..JobPatch::default() };
    assert_eq!(edit(rig, moved, patch).await, EditOutcome::Edited);
    assert_eq!((rig.job(moved).await.queue.as_str(), rig.claim(process, 10).await.len()), ("other", 0));
    let mut wants = rig.claim_params(process, 10, crate::storage::ClaimMode::Ordinary);
    wants.wants[0].queue = "other".into();
    assert_eq!(rig.claim_batch(wants).await.jobs[0].job.id, moved);
}

/// Protects: a job is put off, or called up, and runs when it is due.
pub async fn an_edit_moves_a_job_in_time(rig: &Rig) {
    let process = rig.process().await;
    let claimed = rig.running(process).await;
    rig.finish(claimed.lease, retry(secs(500))).await;
    let (retrying, pending) = (claimed.job.id, rig.put(request()).await);
    let scheduled = rig.put(request().with_delay(secs(500))).await;
    rig.advance(secs(10));
    let later = rig.at().saturating_add(secs(100));
    for (id, status) in
        [(pending, JobStatus::Scheduled), (scheduled, JobStatus::Scheduled), (retrying, JobStatus::Retrying)]
    {
        assert_eq!(edit(rig, id, due(later)).await, EditOutcome::Edited);
        assert_eq!(edit(rig, id, payload("2")).await, EditOutcome::Edited);
        let job = rig.job(id).await;
        assert_eq!((job.status, job.due_at, job.payload.as_str()), (status, later, "2"));
    }
    assert_eq!(rig.job(retrying).await.attempt, 1);
    assert_eq!((rig.promote().await.next_due_in, rig.claim(process, 10).await.len()), (Some(secs(100)), 0));
    let long_ago = rig.at().saturating_sub(secs(5));
    assert_eq!(edit(rig, scheduled, due(long_ago)).await, EditOutcome::Edited);
    let job = rig.job(scheduled).await;
    assert_eq!((job.status, job.due_at), (JobStatus::Pending, rig.at()));
    assert_eq!(rig.claim_one(process).await.job.id, scheduled);
    rig.advance(secs(100));
    assert_eq!(rig.promote().await.count, 2);
    assert_eq!(rig.claim(process, 10).await.len(), 2);
}

/// Protects: who waits for the next job that is due hears of one that is due before it.
pub async fn an_edited_time_tells_those_that_wait_for_due_jobs(rig: &Rig) {
    let id = rig.put(request().with_delay(secs(500))).await;
    let mut changes = rig.storage.jobs.changes();
    let before = changes.borrow_and_update().deferred;
    assert_eq!(edit(rig, id, due(rig.at().saturating_add(secs(1)))).await, EditOutcome::Edited);
    assert!(changes.borrow_and_update().deferred > before);
}

/// Protects: what a handler works with does not change under it, and what happened stays what happened.
pub async fn what_runs_or_is_finished_is_not_edited(rig: &Rig) {
    let process = rig.process().await;
    let running = rig.running(process).await;
    let finished = rig.running(process).await;
    rig.finish(finished.lease, done()).await;
    let died = rig.dead(process).await;
    for (id, status) in
        [(running.job.id, JobStatus::Running), (finished.job.id, JobStatus::Done), (died, JobStatus::Dead)]
    {
        let before = rig.job(id).await;
        assert_eq!(edit(rig, id, payload("2")).await, EditOutcome::Refused { status });
        let mut with_version = params(rig, id, payload("2"));
        with_version.expected_version = Some(1);
        let outcome = rig.storage.jobs.edit(with_version).await.expect("an edit succeeds");
        assert_eq!(outcome, EditOutcome::Refused { status });
        assert_eq!(rig.job(id).await, before);
    }
    assert_eq!(edit(rig, JobId::new(), payload("2")).await, EditOutcome::Unknown);
}

/// Protects: of two people who edit one job, the second sees what the first did.
pub async fn an_edit_of_a_job_that_was_changed_since_changes_nothing(rig: &Rig) {
    let process = rig.process().await;
    let claimed = rig.running(process).await;
    rig.finish(claimed.lease, retry(secs(5))).await;
    let id = claimed.job.id;
    let edit_at = async |version: i64, text: &str| {
        let mut params = params(rig, id, payload(text));
        params.expected_version = Some(version);
        rig.storage.jobs.edit(params).await.expect("an edit succeeds")
    };
    let seen = version(rig, id).await;
    assert_eq!(edit_at(seen, "2").await, EditOutcome::Edited);
    assert_eq!(edit_at(seen, "3").await, EditOutcome::Changed);
    assert_eq!(rig.job(id).await.payload.as_str(), "2");
    let seen = version(rig, id).await;
    assert_eq!(edit_at(seen, "2").await, EditOutcome::Edited, "the same again is an edit too");
    assert_ne!(version(rig, id).await, seen);
    let seen = version(rig, id).await;
    rig.storage.jobs.run_now(rig.verb([id])).await.expect("a run-now succeeds");
    let claimed = rig.claim_one(process).await;
    rig.finish(claimed.lease, retry(secs(5))).await;
    assert_eq!(edit_at(seen, "4").await, EditOutcome::Changed, "it ran in between");
}

/// Protects: an edit lets no twin in, and no second job of a concurrency key.
pub async fn an_edited_job_keeps_its_keys(rig: &Rig) {
    let process = rig.process().await;
    let first = rig.put(request().with_dedupe_key("d").with_concurrency_key("c")).await;
    let second = rig.put(request().with_concurrency_key("c")).await;
    for (id, patch) in [
        (second, payload("2")),
        (first, payload("2")),
        (second, JobPatch { priority: Some(-1), ..JobPatch::default() }),
        (first, due(rig.at().saturating_add(secs(5)))),
        (first, due(rig.at())),
    ] {
        assert_eq!(edit(rig, id, patch).await, EditOutcome::Edited);
    }
    let twin = checked(request().with_dedupe_key("d"));
    assert_eq!(rig.enqueue(vec![twin]).await, [Inserted::Duplicate { of: first }]);
    let mut run = Vec::new();
    for _ in 0..2 {
        let claims = rig.claim(process, 10).await;
        assert_eq!(claims.len(), 1, "one at a time");
        run.push(claims[0].job.id);
        rig.finish(claims[0].lease, done()).await;
    }
    run.sort_unstable();
    let mut both = vec![first, second];
    both.sort_unstable();
    assert_eq!(run, both);
}

/// Protects: a program that sends its request again is not told that its id belongs to somebody else.
pub async fn the_request_of_an_edited_job_is_known(rig: &Rig) {
    let job = checked(request().with_tag("t"));
    let (id, again) = (job.id, job.clone());
    assert_eq!(rig.enqueue(vec![job]).await, [Inserted::Inserted]);
    for text in ["2", "3"] {
        assert_eq!(edit(rig, id, payload(text)).await, EditOutcome::Edited);
    }
    assert_eq!(rig.enqueue(vec![again]).await, [Inserted::AlreadyThere]);
    assert_eq!(rig.job(id).await.payload.as_str(), "3", "and undoes nothing");
}

/// Protects: who changed this job, and what; without what may be secret in it.
pub async fn an_edit_is_written_down_without_the_payload(rig: &Rig) {
    let id = rig.put(request()).await;
    let mut params = params(rig, id, JobPatch { priority: Some(7), ..payload(r#"{"password":"x"}"#) });
    params.actor = Some(Actor::new("ada", Source::Api).expect("a name"));
    let outcome = rig.storage.jobs.edit(params).await.expect("an edit succeeds");
    assert_eq!(outcome, EditOutcome::Edited);
    let list = AuditListParams { filter: AuditFilter::default(), limit: 10, before: None };
    let rows = rig.storage.audit.list(list).await.expect("the audit can be read").rows;
    assert_eq!(rows.len(), 1);
    let row = &rows[0];
    assert_eq!((row.action.as_str(), row.target.clone(), row.count), ("job.edit", Some(id.to_string()), 1));
    let read = |text: &Option<String>| -> Value {
        serde_json::from_str(text.as_deref().expect("settings")).expect("JSON")
    };
    let (before, after) = (read(&row.before), read(&row.after));
    assert_eq!((&before["priority"], &after["priority"]), (&json!(0), &json!(7)));
    assert_eq!((&before["payload"]["bytes"], &after["payload"]["bytes"]), (&json!(1), &json!(16)));
    assert!(before.get("tags").is_none(), "only what was changed");
    assert!(!after.to_string().contains("password"), "{after}");
    let events = rig.storage.inspect.events(id).await.expect("events can be read");
    let told = events.last().expect("an event");
    assert_eq!((told.event.as_str(), told.actor.as_deref()), ("edited", Some("ada")));
}

/// Protects: no edit makes a job that could not have been enqueued.
pub async fn an_edit_out_of_bounds_is_refused(rig: &Rig) {
    let id = rig.put(request()).await;
    let before = rig.job(id).await;
    let refused = async |patch: JobPatch| {
        rig.storage.jobs.edit(params(rig, id, patch)).await.expect_err("it is refused")
    };
    let base = JobPatch::default;
    assert!(matches!(refused(base()).await, StorageError::Invalid(_)));
    let tags = Some(vec!["t".to_owned(); MAX_TAGS + 1]);
    assert!(matches!(refused(JobPatch { tags, ..base() }).await, StorageError::Invalid(_)));
    let queue = |name: &str| JobPatch { queue: Some(name.into()), ..base() };
    assert!(matches!(refused(queue("a b")).await, StorageError::Invalid(_)));
    assert!(matches!(refused(queue("nosuch")).await, StorageError::NotFound { what: "queue", .. }));
    assert_eq!(rig.job(id).await, before);
}

/// Protects: a job that is claimed while it is edited runs as it was or as it is, and the answer says which.
pub async fn an_edit_and_a_claim_at_once_agree(rig: &Rig) {
    let process = rig.process().await;
    for _ in 0..20 {
        let id = rig.put(EnqueueRequest::new("k", 1).on_queue("default")).await;
        let (outcome, claimed) = tokio::join!(edit(rig, id, payload("2")), rig.claim(process, 1));
        let claimed = match claimed.into_iter().next() {
            Some(claimed) => claimed,
            // It was looked for while it was being edited.
            None => rig.claim_one(process).await,
        };
        let expected = if outcome == EditOutcome::Edited { "2" } else { "1" };
        assert_eq!((claimed.job.id, claimed.job.payload.as_str()), (id, expected), "{outcome:?}");
        rig.finish(claimed.lease, done()).await;
    }
}
