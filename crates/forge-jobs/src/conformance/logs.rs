//! Lines that handlers logged.

use super::rig::{QUEUE, Rig, done, request, retry, secs};
use crate::limits::{MAX_ATTEMPT_RECORDS, MAX_LOG_BATCH, MAX_LOG_PAGE};
use crate::logs::{LogCursor, LogLevel, LogLine};
use crate::storage::{
    Claimed, Finish, FinishParams, Lease, LeftOut, LogChunk, LogPage, LogsParams, Over, QueueSettingsPatch,
    RecordLogsParams, Retention, StorageError,
};
use crate::{JobId, Timestamp, Timing};
use serde_json::json;
use std::time::Duration;

fn line(n: u32) -> LogLine {
    LogLine {
        at: Timestamp::from_micros(1_000_000 + i64::from(n)),
        level: LogLevel::Info,
        target: "conformance".into(),
        message: format!("line {n} \u{1F980} \"quoted\""),
        fields: serde_json::Map::from_iter([
            ("n".to_owned(), n.into()),
            ("deep".to_owned(), json!([1, {"x": "y"}])),
        ]),
    }
}

fn chunk(lease: Lease, no: u32, lines: impl IntoIterator<Item = u32>) -> LogChunk {
    LogChunk { lease, no, lines: lines.into_iter().map(line).collect(), left_out: LeftOut::default() }
}

async fn record(rig: &Rig, chunks: Vec<LogChunk>) {
    rig.storage.history.record_logs(RecordLogsParams { chunks }).await.expect("lines can be kept");
}

async fn logs(rig: &Rig, job: JobId, claim_no: Option<i64>, after: Option<LogCursor>, limit: u32) -> LogPage {
    let params = LogsParams { job, claim_no, after, limit };
    rig.storage.history.logs(params).await.expect("lines can be read")
}

async fn messages(rig: &Rig, job: JobId) -> Vec<String> {
    logs(rig, job, None, None, MAX_LOG_PAGE).await.lines.into_iter().map(|l| l.line.message).collect()
}

/// Protects: what a handler logged is there while it runs, exactly as it was sent, and after its end.
pub async fn lines_are_there_while_the_job_runs_and_after(rig: &Rig) {
    let process = rig.process().await;
    let claimed = rig.running(process).await;
    let id = claimed.job.id;
    record(rig, vec![chunk(claimed.lease, 1, 1..=2)]).await;
    let page = logs(rig, id, None, None, 10).await;
    assert_eq!(page.lines.iter().map(|l| l.line.clone()).collect::<Vec<_>>(), [line(1), line(2)]);
    assert!(!page.more && page.lines.iter().all(|l| !l.left_out && l.at.claim_no == claimed.lease.claim_no));
    rig.finish(claimed.lease, retry(Duration::ZERO)).await;
    record(rig, vec![chunk(claimed.lease, 2, [3])]).await;
    let again = rig.claim_one(process).await;
    record(rig, vec![chunk(again.lease, 1, [4])]).await;
    let seen: Vec<_> = logs(rig, id, None, None, 10).await.lines.into_iter().map(|l| l.line).collect();
    assert_eq!(seen, (1..=4).map(line).collect::<Vec<_>>());
    for (claim_no, expected) in [(claimed.lease.claim_no, 3), (again.lease.claim_no, 1), (i64::MAX, 0)] {
        assert_eq!(logs(rig, id, Some(claim_no), None, 10).await.lines.len(), expected);
    }
    assert_eq!(messages(rig, JobId::new()).await, Vec::<String>::new());
}

/// Protects: who follows a log misses nothing and sees nothing twice.
pub async fn pages_of_lines_follow_one_another(rig: &Rig) {
    let process = rig.process().await;
    let claimed = rig.running(process).await;
    let sizes = [3, 1, 4, 1, 5];
    let mut next = 0;
    for (no, size) in (1..).zip(sizes) {
        record(rig, vec![chunk(claimed.lease, no, next..next + size)]).await;
        next += size;
    }
    for limit in [1, 2, 3, 100] {
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let page = logs(rig, claimed.job.id, None, after, limit).await;
            after = page.lines.last().map(|l| l.at).or(after);
            assert_eq!(page.more, page.lines.len() == limit as usize && seen.len() + page.lines.len() < 14);
            seen.extend(page.lines.into_iter().map(|l| l.line));
            if !page.more {
                break;
            }
        }
        assert_eq!(seen, (0..14).map(line).collect::<Vec<_>>());
        // And nothing comes after the last one until there is more.
        assert_eq!(logs(rig, claimed.job.id, None, after, limit).await, LogPage::default());
    }
    for limit in [0, MAX_LOG_PAGE + 1] {
        let params = LogsParams { job: claimed.job.id, claim_no: None, after: None, limit };
        let refused = rig.storage.history.logs(params).await;
        assert!(matches!(refused, Err(StorageError::Invalid(e)) if e.field == "limit"));
    }
}

/// Protects: many chunks, as of an attempt that runs for long.
pub async fn a_long_log_is_read_to_its_end(rig: &Rig) {
    let process = rig.process().await;
    let claimed = rig.running(process).await;
    let chunks: Vec<_> = (1..=100).map(|no| chunk(claimed.lease, no, [no])).collect();
    record(rig, chunks).await;
    assert_eq!(messages(rig, claimed.job.id).await.len(), 100);
    let too_many = (0..=u32::try_from(MAX_LOG_BATCH).unwrap_or(0)).map(|no| chunk(claimed.lease, no, []));
    let refused = rig.storage.history.record_logs(RecordLogsParams { chunks: too_many.collect() }).await;
    assert!(matches!(refused, Err(StorageError::Invalid(e)) if e.field == "chunks"));
}

/// Protects: a write whose answer was lost is sent again.
pub async fn a_chunk_that_is_sent_again_is_there_once(rig: &Rig) {
    let process = rig.process().await;
    let claimed = rig.running(process).await;
    for _ in 0..2 {
        record(rig, vec![chunk(claimed.lease, 1, [1, 2]), chunk(claimed.lease, 2, [3])]).await;
    }
    assert_eq!(messages(rig, claimed.job.id).await.len(), 3);
}

/// Protects: lines that were left out are no secret.
pub async fn lines_that_were_left_out_are_counted_where_they_would_be(rig: &Rig) {
    let process = rig.process().await;
    let claimed = rig.running(process).await;
    let with = |no, lines: std::ops::Range<u32>, over, lost| {
        let left_out = LeftOut { over, lost };
        LogChunk { left_out, ..chunk(claimed.lease, no, lines) }
    };
    let empty = with(9, 0..0, Over::None, 0);
    let chunks =
        vec![with(1, 0..1, Over::None, 7), with(2, 1..2, Over::More, 0), with(3, 0..0, Over::Total(12), 0)];
    record(rig, chunks).await;
    record(rig, vec![empty]).await;
    let page = logs(rig, claimed.job.id, None, None, 10).await;
    let marks: Vec<_> = page.lines.iter().map(|l| l.left_out).collect();
    assert_eq!(marks, [false, true, false, true, true]);
    let text = |at: usize| page.lines[at].line.message.as_str();
    assert!(
        text(1).contains("7 lines lost") && text(3).contains("from here on") && text(4).contains("12 lines")
    );
}

/// Protects: lines go with their job, and none are kept of one that is gone.
pub async fn lines_go_with_their_job(rig: &Rig) {
    let process = rig.process().await;
    let (dropped, swept) = (rig.running(process).await, rig.running(process).await);
    for claimed in [&dropped, &swept] {
        record(rig, vec![chunk(claimed.lease, 1, [1])]).await;
    }
    rig.finish(dropped.lease, retry(secs(60))).await;
    rig.storage.jobs.drop_jobs(rig.verb([dropped.job.id])).await.expect("a drop succeeds");
    rig.finish(swept.lease, done()).await;
    let zero = QueueSettingsPatch::default().with_done_retention(Retention::For(Duration::ZERO));
    rig.edit(QUEUE, zero).await;
    rig.sweep(10).await;
    for claimed in [&dropped, &swept] {
        record(rig, vec![chunk(claimed.lease, 2, [2])]).await;
        assert_eq!(messages(rig, claimed.job.id).await, Vec::<String>::new());
    }
}

/// Protects: a job that fails for ever keeps a bounded log.
pub async fn lines_go_with_the_record_of_their_attempt(rig: &Rig) {
    let process = rig.process().await;
    let id = rig.put(request().with_max_attempts(1_000)).await;
    let mut claims = Vec::new();
    for n in 0..MAX_ATTEMPT_RECORDS + 3 {
        let claimed = rig.claim_one(process).await;
        claims.push(claimed.lease.claim_no);
        record(rig, vec![chunk(claimed.lease, 1, [n])]).await;
        rig.finish(claimed.lease, retry(Duration::ZERO)).await;
    }
    let page = logs(rig, id, None, None, MAX_LOG_PAGE).await;
    assert_eq!(page.lines.iter().map(|l| l.at.claim_no).collect::<Vec<_>>(), claims[3..]);
    assert_eq!(page.lines[0].line, line(3));
}

/// Protects: what an attempt said that was handed back stays, whatever is forgotten of other jobs.
pub async fn lines_stay_though_another_job_has_too_many_attempts(rig: &Rig) {
    let process = rig.process().await;
    let often = rig.put(request().with_max_attempts(1_000)).await;
    for _ in 0..MAX_ATTEMPT_RECORDS {
        let claimed = rig.claim_one(process).await;
        rig.finish(claimed.lease, retry(Duration::ZERO)).await;
    }
    let id = rig.put(request()).await;
    let both = rig.claim(process, 2).await;
    let first = lease_of(&both, id);
    record(rig, vec![chunk(first, 1, [1])]).await;
    rig.release(first).await;
    let second = rig.claim_one(process).await.lease;
    assert_eq!(second.job, id);
    record(rig, vec![chunk(second, 1, [2])]).await;
    let ended =
        |lease| Finish { lease, transition: retry(Duration::ZERO), timing: Timing::default(), failure: None };
    let members = [lease_of(&both, often), second].map(ended).into();
    let params = FinishParams { members, now: rig.now() };
    rig.storage.jobs.finish(params).await.expect("a finish succeeds");
    let kept: Vec<_> = logs(rig, id, None, None, 10).await.lines.into_iter().map(|l| l.line).collect();
    assert_eq!(kept, [line(1), line(2)]);
}

fn lease_of(claims: &[Claimed], id: JobId) -> Lease {
    claims.iter().find(|c| c.job.id == id).expect("it was claimed").lease
}
