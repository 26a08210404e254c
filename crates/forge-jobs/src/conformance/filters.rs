//! Lists and counts by any combination of fields.

use super::rig::{Rig, checked, dead, done, request, retry, secs};
use crate::limits::{MAX_ENQUEUE_BATCH, MAX_FILTER_QUEUES, MAX_FILTER_TEXT_BYTES, SCAN_ROWS};
use crate::storage::{BoundedCount, JobFilter, JobPage, ListParams, PageCursor, StorageError, TimeRange};
use crate::{DeadReason, EnqueueRequest, JobId, JobStatus, Timestamp};

async fn page(rig: &Rig, filter: &JobFilter, limit: u32, after: Option<PageCursor>) -> JobPage {
    let params = ListParams { filter: filter.clone(), limit, after };
    rig.storage.inspect.list(params).await.expect("jobs can be listed")
}

async fn all(rig: &Rig, filter: &JobFilter, limit: u32) -> Vec<JobId> {
    let (mut ids, mut after) = (Vec::new(), None);
    loop {
        let page = page(rig, filter, limit, after).await;
        ids.extend(page.jobs.iter().map(|j| j.id));
        after = page.next;
        if after.is_none() {
            return ids;
        }
    }
}

async fn count(rig: &Rig, filter: &JobFilter) -> BoundedCount {
    rig.storage.inspect.count(filter.clone()).await.expect("jobs can be counted").count
}

fn sorted(mut ids: Vec<JobId>) -> Vec<JobId> {
    ids.sort_unstable();
    ids
}

const fn from(at: Timestamp) -> TimeRange {
    TimeRange { from: Some(at), until: None }
}

const fn until(at: Timestamp) -> TimeRange {
    TimeRange { from: None, until: Some(at) }
}

/// Protects: the filter bar, each field of it alone and with others.
pub async fn fields_of_a_filter_all_count(rig: &Rig) {
    let process = rig.process().await;
    let finished = rig.running(process).await.lease;
    rig.finish(finished, done()).await;
    let (done_one, died) = (finished.job, rig.dead(process).await);
    let retrying = rig.running(process).await;
    rig.finish(retrying.lease, retry(secs(500))).await;
    rig.advance(secs(10));
    let middle = rig.at();
    let put = |kind: &str, queue: &str, payload: &str| {
        EnqueueRequest::new(kind, payload.to_owned()).on_queue(queue).with_tag(queue)
    };
    let one = rig.put(put("send.mail", "a", "100% 'sure' \\ ü")).await;
    let two = rig.put(put("send.sms", "b", "nothing")).await;
    let later = rig.put(put("other", "b", "100x").with_delay(secs(100))).await;
    let base = JobFilter::default;
    let queues = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
    let payload = |text: &str| JobFilter { payload: Some(text.into()), ..base() };
    let cases = [
        (JobFilter { queues: queues(&["a", "b"]), ..base() }, vec![one, two, later]),
        (JobFilter { queues: queues(&["a", "a", "nosuch"]), ..base() }, vec![one]),
        (JobFilter { kind_prefix: Some("send.".into()), ..base() }, vec![one, two]),
        (JobFilter { kind_prefix: Some("sen_".into()), ..base() }, vec![]),
        (JobFilter { kind: Some("send".into()), ..base() }, vec![]),
        (JobFilter { created: from(middle), ..base() }, vec![one, two, later]),
        (JobFilter { created: until(middle), ..base() }, vec![done_one, died, retrying.job.id]),
        (JobFilter { finished: until(middle), ..base() }, vec![done_one, died]),
        (JobFilter { finished: from(middle), ..base() }, vec![]),
        (JobFilter { due: from(middle.saturating_add(secs(1))), ..base() }, vec![later, retrying.job.id]),
        (
            JobFilter {
                due: until(middle.saturating_add(secs(200))),
                ..JobFilter::of_status(JobStatus::Scheduled)
            },
            vec![later],
        ),
        (JobFilter { due: until(middle), ..JobFilter::of_status(JobStatus::Pending) }, vec![]),
        (payload("100% 'sure'"), vec![one]),
        (payload("100"), vec![one, later]),
        (payload("ü"), vec![one]),
        (payload("nothing%"), vec![]),
        (JobFilter { queues: queues(&["b"]), ..payload("100") }, vec![later]),
        (JobFilter { kind_prefix: Some("send".into()), tag: Some("b".into()), ..base() }, vec![two]),
        (
            JobFilter { statuses: vec![JobStatus::Dead, JobStatus::Retrying], ..base() },
            vec![died, retrying.job.id],
        ),
        (
            JobFilter { dead_reason: Some(DeadReason::Discarded), finished: until(middle), ..base() },
            vec![died],
        ),
        (
            JobFilter {
                statuses: vec![JobStatus::Dead, JobStatus::Pending],
                finished: until(middle),
                ..base()
            },
            vec![died],
        ),
    ];
    for (filter, expected) in cases {
        let found = sorted(all(rig, &filter, 2).await);
        assert_eq!(found, sorted(expected.clone()), "{filter:?}");
        let expected = BoundedCount { count: expected.len() as u64, more: false };
        assert_eq!(count(rig, &filter).await, expected, "{filter:?}");
    }
}

/// Protects: tabs that show several statuses, ties in time included.
pub async fn pages_of_several_statuses_show_every_job_once(rig: &Rig) {
    let process = rig.process().await;
    for n in 0..5 {
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
    let pairs = [
        [JobStatus::Done, JobStatus::Dead],
        [JobStatus::Scheduled, JobStatus::Retrying],
        [JobStatus::Scheduled, JobStatus::Dead],
        [JobStatus::Retrying, JobStatus::Retrying],
    ];
    for statuses in pairs {
        let filter = JobFilter { statuses: statuses.to_vec(), ..JobFilter::default() };
        let whole = all(rig, &filter, 100).await;
        let expected = if statuses[0] == statuses[1] { 5 } else { 10 };
        assert_eq!(whole.len(), expected, "{filter:?}");
        for limit in [1, 2, 3] {
            assert_eq!(all(rig, &filter, limit).await, whole, "{filter:?} by {limit}");
        }
        for id in whole {
            assert!(statuses.contains(&rig.status(id).await), "{filter:?}");
        }
    }
}

/// Protects: the list of what is due next, whatever the claim's index is ordered by.
pub async fn pending_jobs_of_any_kind_and_priority_are_listed_by_due_time(rig: &Rig) {
    let mut expected = Vec::new();
    for n in 0..12_i16 {
        rig.advance(secs(1));
        let request = EnqueueRequest::new(format!("k{}", n % 3), 1).on_queue(format!("q{}", n % 2));
        expected.push(rig.put(request.with_priority(5 - n % 4)).await);
    }
    let filter = JobFilter::of_status(JobStatus::Pending);
    for limit in [1, 5, 12] {
        assert_eq!(all(rig, &filter, limit).await, expected);
    }
    let one = JobFilter { queues: vec!["q1".into()], kind: Some("k1".into()), ..filter };
    assert_eq!(all(rig, &one, 1).await, [expected[1], expected[7]]);
}

/// Protects: the workers, from a search through a large table; and whoever searches, from taking a part for all.
pub async fn a_look_that_goes_far_stops_and_says_so(rig: &Rig) {
    let first = rig.put(request().with_tag("needle")).await;
    let mut left = SCAN_ROWS as usize + 5;
    while left > 0 {
        rig.advance(secs(1));
        let jobs: Vec<_> = (0..left.min(MAX_ENQUEUE_BATCH)).map(|_| checked(request())).collect();
        left -= jobs.len();
        rig.enqueue(jobs).await;
    }
    for statuses in [vec![], vec![JobStatus::Pending]] {
        let newest_first = statuses.is_empty();
        let filter = JobFilter { tag: Some("needle".into()), statuses, ..JobFilter::default() };
        let mut seen = page(rig, &filter, 10, None).await;
        assert!(!seen.complete && seen.scanned <= u64::from(SCAN_ROWS), "{seen:?}");
        if newest_first {
            assert!(seen.jobs.is_empty());
            seen = page(rig, &filter, 10, seen.next).await;
        }
        assert_eq!(seen.jobs.iter().map(|j| j.id).collect::<Vec<_>>(), [first]);
        assert_eq!(all(rig, &filter, 10).await, [first]);
        assert!(count(rig, &filter).await.more);
    }
}

/// Protects: a filter is no way to make the database work for nothing.
pub async fn a_filter_out_of_bounds_is_refused(rig: &Rig) {
    let base = JobFilter::default;
    let queues = (0..=MAX_FILTER_QUEUES).map(|n| n.to_string()).collect();
    for (field, filter) in [
        ("queue", JobFilter { queues, ..base() }),
        ("payload", JobFilter { payload: Some(String::new()), ..base() }),
        ("payload", JobFilter { payload: Some("a\0".into()), ..base() }),
        ("payload", JobFilter { payload: Some("x".repeat(MAX_FILTER_TEXT_BYTES + 1)), ..base() }),
    ] {
        let params = ListParams { filter: filter.clone(), limit: 1, after: None };
        let Err(StorageError::Invalid(e)) = rig.storage.inspect.list(params).await else {
            panic!("{filter:?} was let through")
        };
        assert_eq!(e.field, field);
        assert!(matches!(rig.storage.inspect.count(filter).await, Err(StorageError::Invalid(_))));
    }
}

/// Protects: a count tells a slip from "there are none", as a list does.
pub async fn a_count_names_what_no_job_ever_had(rig: &Rig) {
    let process = rig.process().await;
    let claimed = rig.running(process).await;
    rig.finish(claimed.lease, dead("no")).await;
    for (filter, unknown) in [
        (JobFilter::of_queue("default"), vec![]),
        (JobFilter::of_queue("nosuch"), vec!["queue"]),
        (JobFilter { kind_prefix: Some("z".into()), ..JobFilter::default() }, vec!["kind"]),
    ] {
        let counted = rig.storage.inspect.count(filter).await.expect("jobs can be counted");
        assert_eq!(counted.count.count, u64::from(unknown.is_empty()));
        assert_eq!(counted.unknown, unknown);
    }
}
