//! Reads for people.

use super::rig::{Rig, dead, done, request, retry, secs};
use crate::limits::MAX_PAGE;
use crate::storage::{BoundedCount, JobFilter, ListParams, PageCursor, StorageError};
use crate::{DeadReason, EnqueueRequest, JobId, JobStatus};
use std::collections::HashSet;

async fn page(
    rig: &Rig,
    filter: JobFilter,
    limit: u32,
    after: Option<PageCursor>,
) -> (Vec<JobId>, Option<PageCursor>) {
    let params = ListParams { filter, limit, after };
    let page = rig.storage.inspect.list(params).await.expect("jobs can be listed");
    (page.jobs.iter().map(|j| j.id).collect(), page.next)
}

async fn all(rig: &Rig, filter: JobFilter, limit: u32) -> Vec<JobId> {
    let (mut ids, mut next) = page(rig, filter.clone(), limit, None).await;
    while let Some(after) = next {
        let (more, then) = page(rig, filter.clone(), limit, Some(after)).await;
        assert!(!more.is_empty(), "a page after a cursor has rows");
        ids.extend(more);
        next = then;
    }
    ids
}

/// Protects: a cursor that is pasted into another list skips nothing in silence.
pub async fn a_cursor_of_another_list_is_refused(rig: &Rig) {
    for _ in 0..3 {
        rig.put(request().with_tag("t")).await;
    }
    let filters = [
        JobFilter::default(),
        JobFilter { queues: vec!["default".into()], ..JobFilter::default() },
        JobFilter { kind: Some("k".into()), ..JobFilter::default() },
        JobFilter { tag: Some("t".into()), ..JobFilter::default() },
        JobFilter { statuses: vec![JobStatus::Pending], ..JobFilter::default() },
    ];
    for from in &filters {
        let after = page(rig, from.clone(), 1, None).await.1;
        for to in &filters {
            let params = ListParams { filter: to.clone(), limit: 2, after };
            match rig.storage.inspect.list(params).await {
                Ok(page) => assert_eq!((from, page.jobs.len()), (to, 2)),
                Err(StorageError::Invalid(e)) => {
                    assert_eq!(e.field, "after");
                    assert_ne!(from, to);
                }
                Err(e) => panic!("{e}"),
            }
        }
    }
}

/// Protects: a typo in a filter is told from "there are none".
pub async fn a_list_names_what_no_job_ever_had(rig: &Rig) {
    rig.put(EnqueueRequest::new("known", 1).on_queue("q")).await;
    for (queue, kind, expected) in [
        (Some("q"), Some("known"), vec![]),
        (Some("qq"), Some("known"), vec!["queue"]),
        (Some("q"), Some("knwon"), vec!["kind"]),
        (Some("qq"), Some("knwon"), vec!["queue", "kind"]),
    ] {
        let filter = JobFilter {
            queues: queue.map(Into::into).into_iter().collect(),
            kind: kind.map(Into::into),
            statuses: vec![JobStatus::Dead],
            ..JobFilter::default()
        };
        let page = rig.storage.inspect.list(ListParams { filter, limit: 1, after: None }).await;
        assert_eq!(page.expect("jobs can be listed").unknown, expected);
    }
}

/// Protects: `doctor` names what waits in vain, whatever stands before it.
pub async fn due_kinds_are_counted_per_queue(rig: &Rig) {
    let process = rig.process().await;
    for (kind, queue) in [("a", "q1"), ("a", "q1"), ("b", "q1"), ("a", "q2")] {
        rig.put(EnqueueRequest::new(kind, 1).on_queue(queue)).await;
    }
    rig.put(EnqueueRequest::new("later", 1).with_delay(secs(60))).await;
    rig.put(EnqueueRequest::new("b", 1).on_queue("q1").with_delay(secs(2))).await;
    let failed = rig.running(process).await;
    rig.finish(failed.lease, retry(secs(1))).await;
    rig.running(process).await;
    let due = async || {
        let found = rig.storage.inspect.due_kinds(rig.now()).await.expect("due kinds can be read");
        assert!(found.iter().all(|d| !d.jobs.more));
        found.into_iter().map(|d| (d.queue, d.kind, d.jobs.count)).collect::<Vec<_>>()
    };
    let row = |queue: &str, kind: &str, count| (queue.to_owned(), kind.to_owned(), count);
    let pending = [row("q1", "a", 2), row("q1", "b", 1), row("q2", "a", 1)];
    assert_eq!(due().await, pending);
    // Past their time, and nobody has promoted them.
    rig.advance(secs(2));
    assert_eq!(
        due().await,
        [row("default", "k", 1), row("q1", "a", 2), row("q1", "b", 2), row("q2", "a", 1)]
    );
}

/// Protects: a look-up tells that there is nothing.
pub async fn an_unknown_job_is_none(rig: &Rig) {
    let id = JobId::new();
    assert!(rig.is_gone(id).await);
    assert_eq!(rig.storage.inspect.attempts(id).await.expect("attempts can be read"), []);
    assert_eq!(rig.storage.inspect.events(id).await.expect("events can be read"), []);
}

/// Protects: the filter bar.
pub async fn lists_filter_by_each_field(rig: &Rig) {
    let process = rig.process().await;
    let died = rig.dead(process).await;
    let tagged = rig.put(request().with_tag("x%").with_tag("y")).await;
    let other = rig.put(EnqueueRequest::new("other", 1).on_queue("q2").with_tag("y")).await;
    let base = JobFilter::default;
    for (filter, expected) in [
        (JobFilter { queues: vec!["q2".into()], ..base() }, vec![other]),
        (JobFilter { kind: Some("other".into()), ..base() }, vec![other]),
        (JobFilter { tag: Some("x%".into()), ..base() }, vec![tagged]),
        (JobFilter { tag: Some("x".into()), ..base() }, vec![]),
        (JobFilter { tag: Some("y".into()), ..base() }, vec![other, tagged]),
        (JobFilter { dead_reason: Some(DeadReason::Discarded), ..base() }, vec![died]),
        (JobFilter { dead_reason: Some(DeadReason::Poison), ..base() }, vec![]),
        (JobFilter { statuses: vec![JobStatus::Dead], kind: Some("k".into()), ..base() }, vec![died]),
        (JobFilter { statuses: vec![JobStatus::Dead], queues: vec!["q2".into()], ..base() }, vec![]),
        (JobFilter { queues: vec!["unknown".into()], ..base() }, vec![]),
        (base(), vec![other, tagged, died]),
    ] {
        assert_eq!(all(rig, filter.clone(), 10).await, expected, "{filter:?}");
    }
}

/// Protects: paging, newest first. Jobs of one moment come in any order, the same on each page.
pub async fn pages_show_every_job_once_in_order(rig: &Rig) {
    let mut sent: Vec<_> = (0..23).map(|_| JobId::new()).collect();
    // The order of ids, which callers may choose, is not the order of arrival.
    sent.reverse();
    let mut arrived = Vec::new();
    for (n, id) in sent.iter().enumerate() {
        rig.put(request().with_id(*id)).await;
        arrived.push((std::cmp::Reverse(rig.at()), *id));
        rig.advance(secs(u64::from(n % 2 == 0)));
    }
    arrived.sort_unstable();
    let whole = all(rig, JobFilter::default(), 24).await;
    let mut listed: Vec<_> = whole
        .iter()
        .map(|id| arrived.iter().find(|(_, known)| known == id).copied().expect("only jobs that were sent"))
        .collect();
    assert!(listed.is_sorted_by_key(|(at, _)| *at), "the newest are not first");
    listed.sort_unstable();
    assert_eq!(listed, arrived, "a job is missing or comes twice");
    for limit in [1, 5, 23] {
        assert_eq!(all(rig, JobFilter::default(), limit).await, whole);
    }
}

/// Protects: the same for each tab, ties in time included.
pub async fn pages_of_each_status_show_every_job_once(rig: &Rig) {
    let process = rig.process().await;
    // Per status 7 jobs, whose times tie in pairs.
    for n in 0..7 {
        if n % 2 == 0 {
            rig.advance(secs(1));
        }
        let claimed = rig.running(process).await;
        rig.finish(claimed.lease, done()).await;
        rig.dead(process).await;
        let claimed = rig.running(process).await;
        rig.finish(claimed.lease, retry(secs(1_000))).await;
        rig.put(request().with_delay(secs(1_000)).on_queue(format!("q{n}"))).await;
    }
    rig.put_many(14).await;
    rig.claim(process, 7).await;
    for (s, queue) in JobStatus::ALL.into_iter().flat_map(|s| [(s, None), (s, Some("default".to_owned()))]) {
        let expected = if s == JobStatus::Scheduled && queue.is_some() { 0 } else { 7 };
        let queues: Vec<String> = queue.into_iter().collect();
        let filter = JobFilter { statuses: vec![s], queues, ..JobFilter::default() };
        let whole = all(rig, filter.clone(), 100).await;
        assert_eq!(whole.len(), expected, "{filter:?}");
        for limit in [1, 2, 3] {
            assert_eq!(all(rig, filter.clone(), limit).await, whole, "{filter:?} by {limit}");
        }
        for id in whole {
            assert_eq!(rig.status(id).await, s);
        }
    }
}

/// Protects: a list that is read while jobs come in.
pub async fn a_page_is_not_disturbed_by_new_jobs(rig: &Rig) {
    let before: HashSet<_> = rig.put_many(10).await.into_iter().collect();
    let (mut seen, mut next) = page(rig, JobFilter::default(), 3, None).await;
    while let Some(after) = next {
        rig.put_many(2).await;
        let (more, then) = page(rig, JobFilter::default(), 3, Some(after)).await;
        seen.extend(more);
        next = then;
    }
    assert_eq!(seen.len(), 10, "none twice");
    assert_eq!(seen.into_iter().collect::<HashSet<_>>(), before);
}

/// Protects: the strip of counts.
pub async fn counts_are_exact_below_their_bound(rig: &Rig) {
    let process = rig.process().await;
    rig.put_many(6).await;
    let claims = rig.claim(process, 4).await;
    rig.finish(claims[0].lease, done()).await;
    rig.finish(claims[1].lease, retry(secs(5))).await;
    rig.finish(claims[2].lease, dead("no")).await;
    rig.put(request().with_delay(secs(5)).on_queue("other")).await;
    let counts = rig.storage.inspect.queue_counts().await.expect("counts can be read");
    let of = |n: usize| counts[n].counts.iter().map(|c| c.1.count).collect::<Vec<_>>();
    assert_eq!(counts.iter().map(|c| c.queue.name.as_str()).collect::<Vec<_>>(), ["default", "other"]);
    let statuses: Vec<_> = counts[0].counts.iter().map(|c| c.0).collect();
    assert_eq!(statuses, JobStatus::ALL);
    // pending, scheduled, running, retrying, done, dead
    assert_eq!((of(0), of(1)), (vec![2, 0, 1, 1, 1, 1], vec![0, 1, 0, 0, 0, 0]));
    assert!(counts[0].counts.iter().all(|c| !c.1.more));
    assert_eq!(counts[1].counts[0].1, BoundedCount::default());
}

/// Protects: programs that work off what there is and exit.
pub async fn unfinished_tells_the_truth_per_queue(rig: &Rig) {
    let process = rig.process().await;
    let any = |queue: Option<&'static str>| async move {
        rig.storage.inspect.has_unfinished(queue).await.expect("it can be told")
    };
    assert!(!any(None).await && !any(Some("unknown")).await);
    let claimed = rig.running(process).await;
    assert!(any(None).await && any(Some("default")).await && !any(Some("other")).await);
    rig.finish(claimed.lease, retry(secs(1))).await;
    assert!(any(Some("default")).await, "retrying");
    rig.storage.jobs.run_now(rig.verb([claimed.job.id])).await.expect("a run-now succeeds");
    assert!(any(Some("default")).await, "pending");
    let again = rig.claim_one(process).await;
    rig.finish(again.lease, done()).await;
    assert!(!any(None).await && !any(Some("default")).await);
    rig.put(request().on_queue("other").with_delay(secs(1))).await;
    assert!(any(None).await && any(Some("other")).await && !any(Some("default")).await);
}

/// Protects: the timeline of a job's page.
pub async fn events_tell_a_jobs_story_in_order(rig: &Rig) {
    let process = rig.process().await;
    let id = rig.put(request()).await;
    let step = || rig.advance(secs(1));
    step();
    let claimed = rig.claim_one(process).await;
    step();
    rig.finish_after(secs(1), claimed.lease, retry(secs(60))).await;
    step();
    rig.storage.jobs.run_now(rig.verb([id])).await.expect("a run-now succeeds");
    step();
    let claimed = rig.claim_one(process).await;
    step();
    rig.release(claimed.lease).await;
    step();
    let claimed = rig.claim_one(process).await;
    step();
    rig.storage.jobs.cancel(rig.verb([id])).await.expect("a cancel succeeds");
    step();
    rig.finish_after(secs(2), claimed.lease, retry(secs(1))).await;
    step();
    rig.storage.jobs.retry(rig.verb([id])).await.expect("a retry succeeds");
    step();
    let claimed = rig.claim_one(process).await;
    step();
    rig.finish_after(secs(1), claimed.lease, done()).await;
    let events = rig.storage.inspect.events(id).await.expect("events can be read");
    let told: Vec<_> = events.iter().map(|e| e.event.as_str()).collect();
    let story = [
        "enqueued",
        "started",
        "failed",
        "run_now",
        "released",
        "started",
        "cancel_requested",
        "failed",
        "cancelled",
        "retried",
        "started",
        "done",
    ];
    assert_eq!(told, story);
    assert!(events.is_sorted_by_key(|e| e.at));
    assert_eq!(events[2].detail.as_deref(), Some("it failed"));
    assert_eq!((events[1].attempt, events[1].process), (Some(1), Some(process)));
}

/// Protects: nobody asks for everything at once (M6).
pub async fn a_page_without_rows_or_too_many_is_refused(rig: &Rig) {
    for limit in [0, MAX_PAGE + 1, u32::MAX] {
        let params = ListParams { filter: JobFilter::default(), limit, after: None };
        let result = rig.storage.inspect.list(params).await;
        assert!(matches!(result, Err(StorageError::Invalid(_))), "{limit}: {result:?}");
    }
}
