//! What jobs leave behind: the record of each attempt, and errors by sort.

use super::rig::{QUEUE, Rig, checked, dead, done, request, secs, throttle};
use crate::errors::{ErrorGroupId, Fingerprint};
use crate::job::failure::hearing;
use crate::limits::{DEFAULT_PAGE, ERROR_GROUP_RETENTION, MAX_COUNTED_BATCH, MAX_ERROR_GROUPS, MAX_PAGE};
use crate::retry::Transition;
use crate::storage::{
    Claimed, DropOutcome, ErrorGroup, ErrorGroupsParams, ErrorOrder, Finish, FinishParams, FinishResult,
    JobFilter, Lease, ListParams, StorageError, TendErrorsParams,
};
use crate::{
    Attempt, AttemptCause, AttemptResult, DeadReason, EnqueueRequest, Failure, JobId, JobOutcome, JobStatus,
    Timing, Told, Worker,
};
use std::time::Duration;

async fn attempts(rig: &Rig, id: JobId) -> Vec<Attempt> {
    rig.storage.inspect.attempts(id).await.expect("attempts can be read")
}

/// Ends an attempt as the runtime does: with what is known of its failure.
async fn fail(rig: &Rig, claimed: &Claimed, transition: Transition, cause: AttemptCause) -> FinishResult {
    let (Transition::Retry { error, .. } | Transition::Dead { error, .. }) = &transition else {
        panic!("it is no failure")
    };
    let failure = Failure::new(&claimed.job.kind, cause, error, Told::new());
    finish(rig, claimed.lease, transition, Some(failure)).await
}

async fn finish(rig: &Rig, lease: Lease, transition: Transition, failure: Option<Failure>) -> FinishResult {
    let timing = Timing { ran_for: secs(1), ended_ago: Duration::ZERO };
    let members = vec![Finish { lease, transition, timing, failure: failure.map(Box::new) }];
    let params = FinishParams { members, now: rig.now() };
    rig.storage.jobs.finish(params).await.expect("a finish succeeds")[0]
}

fn failed(after: u64, error: &str) -> Transition {
    Transition::Retry { after: secs(after), error: error.into() }
}

async fn groups(rig: &Rig, params: ErrorGroupsParams) -> Vec<ErrorGroup> {
    rig.storage.history.error_groups(params).await.expect("errors can be read").groups
}

async fn all_groups(rig: &Rig) -> Vec<ErrorGroup> {
    groups(rig, ErrorGroupsParams { limit: MAX_PAGE, ..Default::default() }).await
}

async fn group(rig: &Rig, id: ErrorGroupId) -> Option<ErrorGroup> {
    rig.storage.history.error_group(id).await.expect("errors can be read")
}

async fn tend(rig: &Rig) {
    let params = TendErrorsParams { limit: MAX_COUNTED_BATCH, now: rig.now() };
    rig.storage.history.tend_errors(params).await.expect("errors can be tended");
}

/// Protects: who ran an attempt, for how long, and what ended it, whatever that was.
pub async fn each_attempt_tells_its_worker_its_time_and_its_cause(rig: &Rig) {
    let process = rig.process().await;
    let id = rig.put(request().with_max_attempts(10)).await;
    let claimed = rig.claim_one(process).await;
    rig.advance(secs(2));
    fail(rig, &claimed, failed(0, "panicked: x"), AttemptCause::Panic).await;
    let claimed = rig.claim_one(process).await;
    finish(rig, claimed.lease, throttle(secs(1)), None).await;
    rig.advance(secs(1));
    rig.promote().await;
    let claimed = rig.claim_one(process).await;
    rig.advance(secs(3));
    finish(rig, claimed.lease, done(), None).await;
    let attempts = attempts(rig, id).await;
    let seen: Vec<_> = attempts.iter().map(|a| (a.result, a.cause, a.duration())).collect();
    assert_eq!(
        seen,
        [
            (AttemptResult::Failed, AttemptCause::Panic, secs(1)),
            (AttemptResult::Throttled, AttemptCause::Handler, Duration::ZERO),
            (AttemptResult::Done, AttemptCause::Handler, secs(1)),
        ]
    );
    let worker = Worker { host: "host".into(), pid: 7, version: "1.2.3".into() };
    assert!(attempts.iter().all(|a| a.process == Some(process) && a.worker.as_ref() == Some(&worker)));
}

/// Protects: a chain of errors stays a list of errors, and a panic keeps its place.
pub async fn a_chain_of_errors_is_kept_with_its_attempt(rig: &Rig) {
    #[derive(Debug, thiserror::Error)]
    #[error("send mail")]
    struct Send(#[source] std::io::Error);
    let process = rig.process().await;
    let claimed = rig.running(process).await;
    let mut told = Told::new();
    let outcome =
        hearing::during(|t| told.add(t), || JobOutcome::failed(&Send(std::io::Error::other("refused"))));
    let JobOutcome::Failed(text) = outcome else { panic!("it is a failure") };
    let failure = Failure::new("k", AttemptCause::Handler, &text, told);
    finish(rig, claimed.lease, failed(0, &text), Some(failure.clone())).await;
    let claimed_again = rig.claim_one(process).await;
    let panicked =
        Failure { location: Some("src/x.rs:1:2".into()), cause: AttemptCause::Panic, ..failure.clone() };
    finish(rig, claimed_again.lease, dead("panicked: no"), Some(panicked)).await;
    let attempts = attempts(rig, claimed.job.id).await;
    assert_eq!(attempts[0].error.as_deref(), Some("send mail: refused"));
    let chain: Vec<_> =
        attempts[0].chain.iter().map(|c| (c.error_type.as_deref(), c.message.as_str())).collect();
    assert_eq!(chain, [(Some("Send"), "send mail"), (Some("Custom"), "refused")]);
    assert_eq!((attempts[0].cause, attempts[0].location.as_deref()), (AttemptCause::Handler, None));
    assert_eq!(attempts[0].error_group, failure.fingerprint.map(|f| f.group));
    assert_eq!(
        (attempts[1].cause, attempts[1].location.as_deref()),
        (AttemptCause::Panic, Some("src/x.rs:1:2"))
    );
}

/// Protects: the journal of a job says who or what made each thing happen.
pub async fn each_event_tells_its_worker_and_its_cause(rig: &Rig) {
    let process = rig.process().await;
    let claimed = rig.running(process).await;
    let id = claimed.job.id;
    rig.advance(secs(1));
    rig.release(claimed.lease).await;
    let claimed = rig.claim_one(process).await;
    rig.advance(secs(1));
    fail(rig, &claimed, failed(60, "no"), AttemptCause::TimeLimit).await;
    rig.advance(secs(1));
    rig.storage.jobs.retry(rig.verb([id])).await.expect("a retry succeeds");
    let claimed = rig.claim_one(process).await;
    rig.advance(secs(2));
    fail(rig, &claimed, dead("gone"), AttemptCause::Handler).await;
    let events = rig.storage.inspect.events(id).await.expect("events can be read");
    let seen: Vec<_> = events.iter().map(|e| (e.event.as_str(), e.cause.as_deref().unwrap_or("-"))).collect();
    assert_eq!(
        seen,
        [
            ("enqueued", "caller"),
            ("released", "handed_back"),
            ("started", "claim"),
            ("failed", "time_limit"),
            ("retried", "operator"),
            ("started", "claim"),
            ("failed", "handler"),
            ("dead", "discarded"),
        ]
    );
    for event in &events {
        let by_worker = !matches!(event.event.as_str(), "enqueued" | "retried");
        assert_eq!(
            event.worker.as_ref().map(|w| w.version.as_str()),
            by_worker.then_some("1.2.3"),
            "{event:?}"
        );
        let is_end = matches!(event.event.as_str(), "failed" | "dead");
        assert_eq!(event.ran_for, is_end.then_some(secs(1)), "{event:?}");
    }
}

/// Protects: errors that differ in numbers and names alone are one sort, counted once each.
pub async fn errors_of_one_sort_are_counted_together(rig: &Rig) {
    let process = rig.process().await;
    let first = rig.at();
    let mut last = None;
    for n in 0..3 {
        let claimed = rig.running(process).await;
        fail(rig, &claimed, dead(&format!("user {n} not found")), AttemptCause::Handler).await;
        last = Some(claimed.job.id);
        // Whoever adds up, and however often, changes nothing.
        tend(rig).await;
        rig.advance(secs(1));
    }
    let other = rig.running(process).await;
    fail(rig, &other, dead("another"), AttemptCause::Handler).await;
    let id = Fingerprint::of("k", "", "user 7 not found").group;
    let found = group(rig, id).await.expect("it was seen");
    assert_eq!((found.count, found.message.as_str(), found.kind.as_str()), (3, "user <n> not found", "k"));
    assert_eq!((found.first_at, found.last_at), (first, first.saturating_add(secs(2))));
    assert_eq!((found.first_version.as_str(), Some(found.last_job)), ("1.2.3", last));
    assert_eq!(found.queues.iter().map(|q| (q.queue.as_str(), q.count)).collect::<Vec<_>>(), [(QUEUE, 3)]);
    assert_eq!(all_groups(rig).await.len(), 2);
    let unknown = ErrorGroupId::from_number(id.number() ^ 1);
    assert_eq!(group(rig, unknown).await, None);
}

/// Protects: what is no error is not counted, and neither is a finish that was refused.
pub async fn only_attempts_that_failed_are_counted(rig: &Rig) {
    let process = rig.process().await;
    let claimed = rig.running(process).await;
    finish(rig, claimed.lease, done(), None).await;
    assert_eq!(fail(rig, &claimed, dead("late"), AttemptCause::Handler).await, FinishResult::StaleLease);
    let claimed = rig.running(process).await;
    finish(rig, claimed.lease, throttle(secs(1)), None).await;
    let claimed = rig.running(process).await;
    rig.release(claimed.lease).await;
    let claimed = rig.claim_one(process).await;
    rig.storage.jobs.cancel(rig.verb([claimed.job.id])).await.expect("a cancel succeeds");
    // The process has not heard of the cancel.
    fail(rig, &claimed, failed(1, "no"), AttemptCause::Handler).await;
    let records = attempts(rig, claimed.job.id).await;
    assert_eq!((records[0].result, records[0].error_group), (AttemptResult::Cancelled, None));
    tend(rig).await;
    assert_eq!(all_groups(rig).await, []);
}

/// Protects: a job that kills its process is no secret.
pub async fn crashes_are_a_sort_of_their_own(rig: &Rig) {
    let process = rig.process().await;
    let claimed = rig.running(process).await;
    rig.crash_all().await;
    let id = Fingerprint::of_crash("k").group;
    let found = group(rig, id).await.expect("it was seen");
    assert_eq!((found.count, found.error_type.as_str(), found.last_job), (1, "crashed", claimed.job.id));
    tend(rig).await;
    assert_eq!(group(rig, id).await, Some(found));
    assert_eq!(attempts(rig, claimed.job.id).await[0].error_group, Some(id));
}

/// Protects: a number of many attempts in one call, of many queues and processes.
pub async fn a_batch_of_failures_is_counted_member_by_member(rig: &Rig) {
    let (one, two) = (rig.process().await, rig.process().await);
    for queue in [QUEUE, "other"] {
        let jobs = (0..20).map(|_| checked(EnqueueRequest::new("k", 1).on_queue(queue))).collect();
        rig.enqueue(jobs).await;
    }
    let mut members = Vec::new();
    for (process, queue) in [(one, QUEUE), (two, QUEUE), (one, "other")] {
        let mut params = rig.claim_params(process, 10, crate::storage::ClaimMode::Ordinary);
        params.wants[0].queue = queue.into();
        for (n, claimed) in rig.claim_batch(params).await.jobs.into_iter().enumerate() {
            let error = if n % 2 == 0 { format!("row {n}") } else { "even".into() };
            let failure = Failure::new("k", AttemptCause::Handler, &error, Told::new());
            let (transition, timing) = (failed(60, &error), Timing::default());
            members.push(Finish {
                lease: claimed.lease,
                transition,
                timing,
                failure: Some(Box::new(failure)),
            });
        }
    }
    // Twice in one call counts once.
    members.push(members[0].clone());
    let params = FinishParams { members, now: rig.now() };
    rig.storage.jobs.finish(params).await.expect("a finish succeeds");
    for _ in 0..2 {
        let counts: Vec<_> = all_groups(rig).await.iter().map(|g| (g.count, g.queues.len())).collect();
        assert_eq!(counts, [(15, 2), (15, 2)]);
        tend(rig).await;
    }
}

/// Protects: counts do not go with the jobs, and go when nothing of the sort was seen for long.
pub async fn counts_outlive_jobs_and_are_forgotten_long_after(rig: &Rig) {
    let process = rig.process().await;
    let claimed = rig.running(process).await;
    fail(rig, &claimed, dead("old"), AttemptCause::Handler).await;
    let dropped = rig.storage.jobs.drop_jobs(rig.verb([claimed.job.id])).await.expect("a drop succeeds");
    assert_eq!(dropped, [DropOutcome::Dropped]);
    tend(rig).await;
    assert_eq!(all_groups(rig).await[0].count, 1);
    rig.advance(ERROR_GROUP_RETENTION);
    let claimed = rig.running(process).await;
    fail(rig, &claimed, dead("young"), AttemptCause::Handler).await;
    tend(rig).await;
    assert_eq!(all_groups(rig).await.len(), 2);
    rig.advance(secs(1));
    tend(rig).await;
    let left: Vec<_> = all_groups(rig).await.into_iter().map(|g| g.message).collect();
    assert_eq!(left, ["young"]);
}

/// Protects: errors that are all of different sorts fill no disk.
pub async fn groups_that_are_too_many_are_forgotten_the_oldest_first(rig: &Rig) {
    let process = rig.process().await;
    let most = MAX_ERROR_GROUPS as usize;
    let total = most + 10;
    for from in (0..total).step_by(1_000) {
        rig.put_many(1_000.min(total - from)).await;
        let members = rig.claim(process, 1_000).await.into_iter().enumerate().map(|(n, claimed)| {
            let error = format!("sort {}", words(from + n));
            let failure = Failure::new("k", AttemptCause::Handler, &error, Told::new());
            let (transition, timing) = (dead(&error), Timing::default());
            Finish { lease: claimed.lease, transition, timing, failure: Some(Box::new(failure)) }
        });
        let params = FinishParams { members: members.collect(), now: rig.now() };
        rig.storage.jobs.finish(params).await.expect("a finish succeeds");
        rig.advance(secs(1));
    }
    for _ in 0..3 {
        tend(rig).await;
    }
    let of = |n| Fingerprint::of("k", "", &format!("sort {}", words(n))).group;
    assert!(group(rig, of(total - 1)).await.is_some());
    let mut oldest = 0;
    for n in 0..1_000 {
        oldest += usize::from(group(rig, of(n)).await.is_some());
    }
    assert_eq!(oldest, 990);
}

/// Words without digits, which would be taken for the same.
fn words(mut n: usize) -> String {
    let mut word = String::new();
    loop {
        word.push(char::from(b'g' + u8::try_from(n % 16).unwrap_or(0)));
        n /= 16;
        if n == 0 {
            return word;
        }
    }
}

/// Protects: the newest, the most frequent, and those of one queue or kind.
pub async fn groups_are_listed_in_order_and_by_filter(rig: &Rig) {
    let process = rig.process().await;
    for (kind, queue, error, times) in
        [("a", QUEUE, "x", 1), ("a", "other", "y", 3), ("b", QUEUE, "z", 2), ("b", "other", "z", 2)]
    {
        for _ in 0..times {
            rig.put(EnqueueRequest::new(kind, 1).on_queue(queue)).await;
            let mut params = rig.claim_params(process, 1, crate::storage::ClaimMode::Ordinary);
            params.wants[0].queue = queue.into();
            let claimed = rig.claim_batch(params).await.jobs.remove(0);
            fail(rig, &claimed, dead(error), AttemptCause::Handler).await;
            rig.advance(secs(1));
        }
    }
    let seen = async |params: ErrorGroupsParams| -> String {
        let params = ErrorGroupsParams { limit: DEFAULT_PAGE, ..params };
        groups(rig, params).await.into_iter().map(|g| g.message).collect()
    };
    for _ in 0..2 {
        assert_eq!(seen(ErrorGroupsParams::default()).await, "zyx");
        let order = ErrorOrder::MostFrequent;
        assert_eq!(seen(ErrorGroupsParams { order, ..Default::default() }).await, "zyx");
        let order = ErrorOrder::NewestFirstSeen;
        assert_eq!(seen(ErrorGroupsParams { order, ..Default::default() }).await, "zyx");
        let queue = Some(QUEUE.to_owned());
        assert_eq!(seen(ErrorGroupsParams { queue, ..Default::default() }).await, "zx");
        let kind = Some("a".to_owned());
        assert_eq!(seen(ErrorGroupsParams { kind, ..Default::default() }).await, "yx");
        let queue = Some("nowhere".to_owned());
        assert_eq!(seen(ErrorGroupsParams { queue, ..Default::default() }).await, "");
        tend(rig).await;
    }
    let list = rig.storage.history.error_groups(ErrorGroupsParams { limit: 2, ..Default::default() }).await;
    assert!(list.is_ok_and(|l| l.more && l.groups.len() == 2));
    for limit in [0, MAX_PAGE + 1] {
        let refused =
            rig.storage.history.error_groups(ErrorGroupsParams { limit, ..Default::default() }).await;
        assert!(matches!(refused, Err(StorageError::Invalid(e)) if e.field == "limit"));
    }
}

/// Protects: all jobs of a sort can be found, to be retried or dropped.
pub async fn jobs_are_listed_by_the_sort_of_their_latest_error(rig: &Rig) {
    let process = rig.process().await;
    let died = rig.running(process).await;
    fail(rig, &died, dead("no 1"), AttemptCause::Handler).await;
    let retrying = rig.running(process).await;
    fail(rig, &retrying, failed(60, "no 2"), AttemptCause::Handler).await;
    let changed = rig.running(process).await;
    fail(rig, &changed, failed(0, "no 3"), AttemptCause::Handler).await;
    let changed = rig.claim_one(process).await;
    fail(rig, &changed, failed(60, "another"), AttemptCause::Handler).await;
    let good = rig.running(process).await;
    finish(rig, good.lease, done(), None).await;
    let id = Fingerprint::of("k", "", "no 1").group;
    let listed = async |status, error_group| {
        let statuses = Option::into_iter(status).collect();
        let filter = JobFilter { statuses, error_group: Some(error_group), ..JobFilter::default() };
        let page = rig.storage.inspect.list(ListParams { filter, limit: 10, after: None }).await;
        let mut ids: Vec<_> = page.expect("jobs can be listed").jobs.iter().map(|j| j.id).collect();
        ids.sort_unstable();
        ids
    };
    let mut both = vec![died.job.id, retrying.job.id];
    both.sort_unstable();
    assert_eq!(listed(None, id).await, both);
    assert_eq!(listed(Some(JobStatus::Dead), id).await, [died.job.id]);
    assert_eq!(listed(Some(JobStatus::Retrying), id).await, [retrying.job.id]);
    let other = Fingerprint::of("k", "", "another").group;
    assert_eq!(listed(None, other).await, [changed.job.id]);
    // Back to wait, it keeps its latest error.
    rig.storage.jobs.retry(rig.verb([died.job.id])).await.expect("a retry succeeds");
    assert_eq!(listed(Some(JobStatus::Pending), id).await, [died.job.id]);
    assert_eq!(listed(Some(JobStatus::Dead), id).await, []);
}

/// Protects: a suspect that dies of its crashes belongs to them.
pub async fn a_job_dead_of_its_crashes_is_listed_with_them(rig: &Rig) {
    let process = rig.process().await;
    let id = rig.running(process).await.job.id;
    rig.crash_all().await;
    while rig.status(id).await != JobStatus::Dead {
        let process = rig.process().await;
        assert_eq!(rig.claim_alone(process).await.len(), 1);
        rig.crash_all().await;
    }
    assert_eq!(rig.job(id).await.dead_reason, Some(DeadReason::Poison));
    let group = Fingerprint::of_crash("k").group;
    let filter =
        JobFilter { statuses: vec![JobStatus::Dead], error_group: Some(group), ..JobFilter::default() };
    let page = rig.storage.inspect.list(ListParams { filter, limit: 10, after: None }).await;
    assert_eq!(page.expect("jobs can be listed").jobs.len(), 1);
    assert_eq!(all_groups(rig).await[0].count, 4);
}
