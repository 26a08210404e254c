//! Inserting: nothing is lost, nothing is there twice, everything comes back as it was sent.

use super::rig::{Rig, checked, dead, done, request, retry, secs};
use crate::limits::{MAX_ENQUEUE_BATCH, MAX_PAYLOAD_BYTES};
use crate::storage::{EnqueueParams, Inserted, QueueSettings, StorageError};
use crate::{Dedupe, EnqueueRequest, JobStatus, Timestamp, TraceContext};
use std::time::Duration;

/// Protects: what people and handlers see of a job.
pub async fn a_new_job_is_pending_and_comes_back_as_it_was_sent(rig: &Rig) {
    let sent = request()
        .with_priority(-3)
        .with_max_attempts(7)
        .with_dedupe_key("key")
        .with_tag("one")
        .with_tag("ü two");
    let id = rig.put(sent).await;
    let job = rig.job(id).await;
    assert_eq!((job.id, job.kind.as_str(), job.queue.as_str()), (id, "k", "default"));
    assert_eq!((job.status, job.dead_reason), (JobStatus::Pending, None));
    assert_eq!((job.priority, job.attempt, job.max_attempts, job.claim_no), (-3, 0, 7, 0));
    assert_eq!((job.created_at, job.due_at), (rig.at(), rig.at()));
    assert_eq!((job.started_at, job.finished_at, job.process), (None, None, None));
    assert_eq!(
        (job.dedupe_key.as_deref(), job.tags),
        (Some("key"), vec!["one".to_owned(), "ü two".to_owned()])
    );
    assert_eq!((job.payload.as_str(), job.error, job.output), ("1", None, None));
}

/// Protects: numbers that no float holds, key order, white space.
pub async fn payloads_come_back_byte_for_byte(rig: &Rig) {
    let process = rig.process().await;
    for text in [
        r#"{"z":1, "a":[ 1e400,-0.0,18446744073709551616,9007199254740993 ],"a":2}"#,
        r#""\u00fc\ud83d\ude00 ü😀 \\ \" \/ \b\f\n\r\t""#,
        " null ",
        r#"{"'; DROP TABLE jobs; --":"%_\\"}"#,
        "[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]",
    ] {
        let id = rig.put(EnqueueRequest::from_json_text("k", text)).await;
        assert_eq!(rig.job(id).await.payload.as_str(), text);
        let claimed = rig.claim_one(process).await;
        assert_eq!(claimed.job.payload.as_str(), text);
        rig.finish(claimed.lease, done()).await;
        assert_eq!(rig.job(id).await.payload.as_str(), text);
    }
}

/// Protects: the limit is the same for every storage.
pub async fn a_payload_of_the_largest_size_is_kept(rig: &Rig) {
    let text = format!("\"{}\"", "x".repeat(MAX_PAYLOAD_BYTES - 2));
    let id = rig.put(EnqueueRequest::from_json_text("k", text.as_str())).await;
    assert_eq!(rig.job(id).await.payload.as_str(), text);
}

/// Protects: no job starts before its time.
pub async fn a_job_for_later_is_scheduled(rig: &Rig) {
    let at = rig.at().saturating_add(secs(1));
    let job = rig.job(rig.put(request().with_run_at(at)).await).await;
    assert_eq!((job.status, job.due_at, job.created_at), (JobStatus::Scheduled, at, rig.at()));
}

/// Protects: producers' clocks do not matter.
pub async fn a_delay_counts_from_the_databases_clock(rig: &Rig) {
    let job = rig.job(rig.put(request().with_delay(secs(90))).await).await;
    assert_eq!((job.status, job.due_at), (JobStatus::Scheduled, rig.at().saturating_add(secs(90))));
}

/// Protects: nobody jumps the queue by asking for yesterday.
pub async fn a_time_in_the_past_means_now(rig: &Rig) {
    let job = rig.job(rig.put(request().with_run_at(Timestamp::from_micros(1))).await).await;
    assert_eq!((job.status, job.due_at), (JobStatus::Pending, rig.at()));
    let job = rig.job(rig.put(request().with_run_at(rig.at())).await).await;
    assert_eq!((job.status, job.due_at), (JobStatus::Pending, rig.at()));
}

/// Protects: `None` is the present.
pub async fn without_a_given_time_the_databases_clock_is_used(rig: &Rig) {
    let job = checked(request());
    let id = job.id;
    rig.storage
        .jobs
        .enqueue(EnqueueParams { jobs: vec![job], now: None })
        .await
        .expect("an enqueue succeeds");
    let created = rig.job(id).await.created_at;
    let off = created.saturating_since(Timestamp::now()).max(Timestamp::now().saturating_since(created));
    assert!(off < secs(60), "off by {off:?}");
}

/// Protects: an enqueue needs no set-up.
pub async fn an_unknown_queue_is_created_with_defaults(rig: &Rig) {
    rig.put(request().on_queue("new/queue:1")).await;
    let row =
        rig.storage.queues.get("new/queue:1").await.expect("a queue can be read").expect("it was created");
    assert_eq!((row.name.as_str(), row.settings), ("new/queue:1", QueueSettings::default()));
    assert!(!row.workers_set_by_operator);
}

/// Protects: an enqueue whose outcome is unknown can be sent again.
pub async fn the_same_job_sent_twice_is_there_once(rig: &Rig) {
    for request in [
        request(),
        request().with_delay(secs(60)),
        request().with_run_at(rig.at().saturating_add(secs(5))),
        request().with_dedupe_key("key").with_tag("tag").with_priority(9),
    ] {
        let job = checked(request);
        assert_eq!(rig.enqueue(vec![job.clone()]).await, [Inserted::Inserted]);
        rig.advance(secs(1));
        assert_eq!(rig.enqueue(vec![job]).await, [Inserted::AlreadyThere]);
    }
    let process = rig.process().await;
    assert_eq!(rig.claim(process, 10).await.len(), 2);
}

/// Protects: an id names one job.
pub async fn another_job_under_a_taken_id_is_refused_and_changes_nothing(rig: &Rig) {
    let id = rig.put(request()).await;
    let before = rig.job(id).await;
    for other in [
        EnqueueRequest::new("other", 1),
        EnqueueRequest::new("k", 2),
        EnqueueRequest::from_json_text("k", " 1"),
        request().on_queue("other"),
        request().with_priority(1),
        request().with_max_attempts(1),
        request().with_dedupe_key("key"),
        request().with_tag("tag"),
        request().with_delay(secs(1)),
        request().with_run_at(rig.at().saturating_add(secs(1))),
    ] {
        let other = checked(other.with_id(id));
        assert_eq!(rig.enqueue(vec![other.clone()]).await, [Inserted::IdTaken], "{other:?}");
    }
    assert_eq!(rig.job(id).await, before);
}

/// Protects: history is not overwritten.
pub async fn an_id_is_taken_as_long_as_its_finished_job_is_kept(rig: &Rig) {
    let process = rig.process().await;
    let job = checked(request());
    let id = job.id;
    rig.enqueue(vec![job.clone()]).await;
    let claimed = rig.claim_one(process).await;
    rig.finish(claimed.lease, done()).await;
    assert_eq!(rig.enqueue(vec![job.clone()]).await, [Inserted::AlreadyThere]);
    assert_eq!(rig.status(id).await, JobStatus::Done);
    rig.storage.jobs.drop_jobs(rig.verb([id])).await.expect("a drop succeeds");
    assert_eq!(rig.enqueue(vec![job]).await, [Inserted::Inserted]);
}

/// Protects: callers match results with what they sent.
pub async fn results_come_in_the_order_of_the_members(rig: &Rig) {
    let known = checked(request());
    rig.enqueue(vec![known.clone()]).await;
    let holder = rig.put(request().with_dedupe_key("key")).await;
    let taken = checked(EnqueueRequest::new("other", 1).with_id(known.id));
    let results = rig
        .enqueue(vec![
            checked(request()),
            taken,
            checked(request().with_dedupe_key("key")),
            known,
            checked(request()),
        ])
        .await;
    let duplicate = Inserted::Duplicate { of: holder };
    let expected =
        [Inserted::Inserted, Inserted::IdTaken, duplicate, Inserted::AlreadyThere, Inserted::Inserted];
    assert_eq!(results, expected);
}

/// Protects: a producer that repeats itself within a batch.
pub async fn a_twin_within_one_batch_is_seen(rig: &Rig) {
    let job = checked(request());
    let other = checked(EnqueueRequest::new("other", 1).with_id(job.id));
    let results = rig.enqueue(vec![job.clone(), job, other]).await;
    assert_eq!(results, [Inserted::Inserted, Inserted::AlreadyThere, Inserted::IdTaken]);
}

/// Protects: callers need no special case.
pub async fn an_empty_batch_is_fine(rig: &Rig) {
    assert_eq!(rig.enqueue(Vec::new()).await, []);
}

/// Protects: one caller cannot hold everybody up.
pub async fn a_batch_over_the_limit_is_refused_and_changes_nothing(rig: &Rig) {
    let jobs: Vec<_> = (0..=MAX_ENQUEUE_BATCH).map(|_| checked(request())).collect();
    let (first, last) = (jobs[0].id, jobs[MAX_ENQUEUE_BATCH].id);
    let result = rig.storage.jobs.enqueue(EnqueueParams { jobs, now: rig.now() }).await;
    assert!(matches!(result, Err(StorageError::Invalid(_))), "{result:?}");
    assert!(rig.is_gone(first).await && rig.is_gone(last).await);
}

/// Protects: the promise of a dedupe key.
pub async fn a_dedupe_key_admits_one_unfinished_job_per_kind(rig: &Rig) {
    let first = rig.put(request().with_dedupe_key("key")).await;
    let second = checked(request().with_dedupe_key("key").on_queue("elsewhere"));
    assert_eq!(rig.enqueue(vec![second.clone()]).await, [Inserted::Duplicate { of: first }]);
    assert!(rig.is_gone(second.id).await);
}

/// Protects: two teams' keys do not meet by chance.
pub async fn a_dedupe_key_is_of_its_kind_alone(rig: &Rig) {
    rig.put(request().with_dedupe_key("key")).await;
    rig.put(EnqueueRequest::new("other", 1).with_dedupe_key("key")).await;
    rig.put(request().with_dedupe_key("KEY")).await;
}

/// Protects: a key does not come free half-way.
pub async fn a_dedupe_key_holds_while_scheduled_running_and_retrying(rig: &Rig) {
    let process = rig.process().await;
    let twin = || checked(request().with_dedupe_key("key"));
    let id = rig.put(request().with_dedupe_key("key").with_delay(secs(10))).await;
    let duplicate = [Inserted::Duplicate { of: id }];
    assert_eq!(rig.enqueue(vec![twin()]).await, duplicate, "scheduled");
    rig.advance(secs(10));
    rig.promote().await;
    assert_eq!(rig.enqueue(vec![twin()]).await, duplicate, "pending");
    let claimed = rig.claim_one(process).await;
    assert_eq!(rig.enqueue(vec![twin()]).await, duplicate, "running");
    rig.finish(claimed.lease, retry(secs(10))).await;
    assert_eq!(rig.enqueue(vec![twin()]).await, duplicate, "retrying");
}

/// Protects: a key is not held for ever.
pub async fn a_dedupe_key_is_free_once_done(rig: &Rig) {
    let process = rig.process().await;
    for _ in 0..3 {
        rig.put(request().with_dedupe_key("key")).await;
        let claimed = rig.claim_one(process).await;
        rig.finish(claimed.lease, done()).await;
    }
}

/// Protects: the same for every other end.
pub async fn a_dedupe_key_is_free_once_dead_cancelled_or_dropped(rig: &Rig) {
    let process = rig.process().await;
    let keyed = || request().with_dedupe_key("key");
    rig.put(keyed()).await;
    let claimed = rig.claim_one(process).await;
    rig.finish(claimed.lease, dead("no")).await;
    let id = rig.put(keyed()).await;
    rig.storage.jobs.cancel(rig.verb([id])).await.expect("a cancel succeeds");
    let id = rig.put(keyed().with_delay(secs(5))).await;
    rig.storage.jobs.drop_jobs(rig.verb([id])).await.expect("a drop succeeds");
    rig.put(keyed()).await;
}

/// Protects: batches keep the rule too.
pub async fn keys_within_one_batch_are_seen(rig: &Rig) {
    let jobs: Vec<_> = (0..3).map(|_| checked(request().with_dedupe_key("key"))).collect();
    let of = jobs[0].id;
    let duplicate = Inserted::Duplicate { of };
    assert_eq!(rig.enqueue(jobs).await, [Inserted::Inserted, duplicate, duplicate]);
}

/// Protects: a caller that has committed jobs by itself can spare runtimes a poll.
pub async fn a_wake_tells_waiting_runtimes(rig: &Rig) {
    let mut changes = rig.storage.jobs.changes();
    let before = *changes.borrow_and_update();
    rig.storage.jobs.wake();
    let told = |c: &crate::storage::Changes| c.claimable > before.claimable && c.deferred > before.deferred;
    let limit = Duration::from_secs(30);
    tokio::time::timeout(limit, changes.wait_for(told))
        .await
        .expect("it is told")
        .expect("the storage lives");
}

/// Protects: a waiting runtime starts at once instead of at its next poll.
pub async fn enqueued_jobs_tell_waiting_runtimes(rig: &Rig) {
    let mut changes = rig.storage.jobs.changes();
    let before = *changes.borrow_and_update();
    rig.put(request()).await;
    let told = |b: &crate::storage::Changes| b.claimable > before.claimable;
    let limit = Duration::from_secs(30);
    tokio::time::timeout(limit, changes.wait_for(told))
        .await
        .expect("it is told")
        .expect("the storage lives");
    let before = *changes.borrow_and_update();
    rig.put(request().with_delay(secs(60))).await;
    let told = |b: &crate::storage::Changes| b.deferred > before.deferred;
    tokio::time::timeout(limit, changes.wait_for(told))
        .await
        .expect("it is told")
        .expect("the storage lives");
}

/// Protects: a run can be linked to where its job was enqueued, whichever way that came into the database.
pub async fn a_trace_context_is_handed_to_the_claim(rig: &Rig) {
    let trace = |n: u32| {
        let parent = format!("00-4bf92f3577b34da6a3ce929d0e0e4736-{:016x}-01", n + 1);
        TraceContext::new(&parent, n.is_multiple_of(2).then_some("vendor=a b")).expect("it is one")
    };
    let process = rig.process().await;
    // Alone, among many, with keys of both sorts, for later, and with none beside it.
    let plain = |n| request().with_trace_context(trace(n));
    let mut jobs = vec![vec![checked(plain(0))], (1..40).map(|n| checked(plain(n))).collect()];
    jobs.push(vec![
        checked(plain(40).with_dedupe_key("a").with_tag("t")),
        checked(plain(41).with_concurrency_key("b")),
        checked(plain(42).with_delay(secs(1))),
        checked(request()),
    ]);
    let expected: Vec<_> = jobs.iter().flatten().map(|job| (job.id, job.trace.clone())).collect();
    for jobs in jobs {
        rig.enqueue(jobs).await;
    }
    rig.advance(secs(2));
    rig.promote().await;
    let claimed = rig.claim(process, 100).await;
    for (id, trace) in expected {
        let found = claimed.iter().find(|c| c.job.id == id).expect("it was claimed");
        assert_eq!(found.job.trace, trace);
    }
    // It is no part of what makes a request another one; and a replacement brings its own.
    let waits = request().with_delay(secs(60)).with_dedupe(Dedupe::new("c").replacing());
    let first = rig.put(waits.clone().with_trace_context(trace(1))).await;
    let again = checked(waits.clone().with_id(first).with_trace_context(trace(2)));
    assert_eq!(rig.enqueue(vec![again]).await, [Inserted::AlreadyThere]);
    let other = checked(waits.with_delay(secs(1)).with_trace_context(trace(3)));
    assert_eq!(rig.enqueue(vec![other]).await, [Inserted::Replaced { of: first }]);
    rig.advance(secs(2));
    rig.promote().await;
    assert_eq!(rig.claim_one(process).await.job.trace, Some(trace(3)));
}
