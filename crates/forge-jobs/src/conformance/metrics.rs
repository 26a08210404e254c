//! What is measured (ADR 0009): counts are exact, and durations as exact as their buckets.

use super::rig::{BEAT, Rig, STALE, checked, dead, done, request, retry, secs, throttle};
use crate::limits::{MAX_METRIC_KINDS, METRICS_HOURS_KEPT, METRICS_MINUTES_KEPT};
use crate::metrics::{Counts, Histogram, Level, LineName, Sample, Source, Tally};
use crate::retry::Transition;
use crate::storage::{
    Claimed, Finish, FinishParams, Inserted, RegisterParams, RollParams, RollReport, SampleSeriesParams,
    SamplesParams, SeriesParams,
};
use crate::{DeadReason, EnqueueRequest, JobId, ProcessId, Timestamp, Timing};
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);

async fn roll(rig: &Rig) -> RollReport {
    let params = RollParams { oldest: Vec::new(), now: rig.now() };
    rig.storage.metrics.roll(params).await.expect("a roll succeeds")
}

async fn roll_all(rig: &Rig) {
    while roll(rig).await.more {}
}

/// All that is known of a line at a level.
async fn sum(rig: &Rig, level: Level, name: &LineName, hosts: Option<&[&str]>) -> Tally {
    let source = match name {
        LineName::All => Source::All,
        LineName::Of(name) if name.starts_with("kind.") || name == "k" => Source::Kinds,
        LineName::Other => Source::Kinds,
        LineName::Of(_) => Source::Queues,
    };
    let series = rig
        .storage
        .metrics
        .series(SeriesParams {
            source,
            names: None,
            hosts: hosts.map(|names| names.iter().map(|n| (*n).to_owned()).collect()),
            level,
            from: Timestamp::MIN,
            to: Timestamp::MAX,
        })
        .await
        .expect("series can be read");
    series.rows.iter().filter(|row| row.name == *name).fold(Tally::default(), |mut sum, row| {
        sum.merge(&row.tally);
        sum
    })
}

async fn all(rig: &Rig) -> Tally {
    sum(rig, Level::Minute, &LineName::All, None).await
}

async fn register_on(rig: &Rig, host: &str) -> ProcessId {
    let process = ProcessId::new();
    let params = RegisterParams {
        process,
        host: host.to_owned(),
        pid: 7,
        version: "1".into(),
        kinds: None,
        queues: None,
        heartbeat_interval: BEAT,
        stale_after: STALE,
        now: rig.now(),
    };
    rig.storage.processes.register(params).await.expect("a new process registers");
    process
}

async fn finish(rig: &Rig, claimed: &Claimed, transition: Transition, timing: Timing) {
    let members = vec![Finish { lease: claimed.lease, transition, timing, failure: None }];
    let params = FinishParams { members, now: rig.now() };
    let results = rig.storage.jobs.finish(params).await.expect("a finish succeeds");
    assert!(results[0].is_applied());
}

/// Every sort of end counts as what it is, once.
pub async fn what_happens_to_jobs_is_counted_as_what_it_is(rig: &Rig) {
    let process = rig.process().await;
    rig.put_many(40).await;
    let mut claimed = rig.claim(process, 8).await.into_iter();
    let mut next = || claimed.next().expect("there are enough");
    for transition in [done(), done(), retry(secs(60)), retry(Duration::ZERO), throttle(secs(60)), dead("no")]
    {
        rig.finish(next().lease, transition).await;
    }
    let exhausted = Transition::Dead { reason: DeadReason::Exhausted, error: "no".into() };
    rig.finish(next().lease, exhausted).await;
    let undecodable = Transition::Dead { reason: DeadReason::Undecodable, error: "no".into() };
    rig.finish(next().lease, undecodable).await;
    roll_all(rig).await;
    let expected = Counts {
        enqueued: 40,
        started: 8,
        done: 2,
        retried: 2,
        throttled: 1,
        crashed: 0,
        dead: [1, 1, 0, 0, 1],
    };
    for name in [LineName::All, LineName::Of("default".into()), LineName::Of("k".into())] {
        for level in Level::ALL {
            let tally = sum(rig, level, &name, None).await;
            assert_eq!(tally.counts, expected, "{name:?} {level:?}");
            let counted = [tally.wait.count(), tally.run.count(), tally.total.count()];
            assert_eq!(counted, [8, 8, 5], "starts, ends of attempts, ends of jobs");
        }
    }
}

/// A cancel that was requested makes another end of an attempt than its worker meant.
pub async fn a_cancel_counts_as_a_death_by_cancel(rig: &Rig) {
    let process = rig.process().await;
    let waiting = rig.put_many(3).await;
    let running = rig.claim_one(process).await;
    rig.storage.jobs.cancel(rig.verb(waiting)).await.expect("a cancel succeeds");
    rig.finish(running.lease, retry(secs(1))).await;
    roll_all(rig).await;
    let counts = all(rig).await.counts;
    assert_eq!((counts.dead_of(DeadReason::Cancelled), counts.dead_in_all(), counts.retried), (3, 3, 0));
    assert_eq!(counts.started, 1, "two never ran");

    // And one that goes back unstarted.
    let claimed = rig.running(process).await;
    rig.storage.jobs.cancel(rig.verb([claimed.job.id])).await.expect("a cancel succeeds");
    rig.release(claimed.lease).await;
    roll_all(rig).await;
    let counts = all(rig).await.counts;
    assert_eq!((counts.dead_of(DeadReason::Cancelled), counts.started), (4, 1));
}

/// Crashes count, and so do the deaths that they lead to.
pub async fn crashes_and_the_deaths_by_them_are_counted(rig: &Rig) {
    let process = rig.process().await;
    let id = rig.put(request().with_max_attempts(25)).await;
    rig.claim_one(process).await;
    rig.crash_all().await;
    for _ in 0..3 {
        let process = rig.process().await;
        assert_eq!(rig.claim_alone(process).await.len(), 1);
        rig.crash_all().await;
    }
    assert_eq!(rig.job(id).await.dead_reason, Some(DeadReason::Poison));
    roll_all(rig).await;
    let tally = sum(rig, Level::Hour, &LineName::Of("k".into()), None).await;
    assert_eq!((tally.counts.crashed, tally.counts.dead_of(DeadReason::Poison)), (4, 1));
    assert_eq!((tally.counts.started, tally.wait.count()), (0, 0), "nobody knows when they began");
}

/// A job that is there already, or is a duplicate, has not come in.
pub async fn what_was_not_inserted_is_not_counted(rig: &Rig) {
    let job = checked(request());
    let keyed = || checked(request().with_dedupe_key("a"));
    let first = keyed();
    rig.enqueue(vec![job.clone(), first.clone()]).await;
    let again = rig.enqueue(vec![job, keyed(), checked(request()), first]).await;
    assert_eq!(again.iter().filter(|i| **i == Inserted::Inserted).count(), 1);
    roll_all(rig).await;
    assert_eq!(all(rig).await.counts.enqueued, 3);
}

/// A finish that comes too late is none, and a retry by hand is no end.
pub async fn a_finish_that_is_refused_is_not_counted(rig: &Rig) {
    let process = rig.process().await;
    let claimed = rig.running(process).await;
    rig.finish(claimed.lease, dead("no")).await;
    rig.finish(claimed.lease, done()).await;
    rig.storage.jobs.retry(rig.verb([claimed.job.id])).await.expect("a retry succeeds");
    rig.finish(claimed.lease, done()).await;
    roll_all(rig).await;
    let counts = all(rig).await.counts;
    assert_eq!((counts.started, counts.done, counts.dead_in_all(), counts.enqueued), (1, 0, 1, 1));
}

/// Waits, runs and whole lives are what the job's own times say, and each counts in the minute of its moment.
pub async fn durations_are_those_of_the_jobs_own_times(rig: &Rig) {
    let process = rig.process().await;
    let start = Timestamp::from_micros(rig.at().as_micros() / 60_000_000 * 60_000_000 + 60_000_000);
    rig.advance(Duration::from_micros((start.as_micros() - rig.at().as_micros()).unsigned_abs()));
    rig.put(request().with_delay(secs(10))).await;
    rig.advance(secs(30));
    rig.promote().await;
    let claimed = rig.claim_one(process).await;
    // Begins 20 s after its claim, in the same minute, and ends in the next but one.
    rig.advance(secs(20) + MINUTE * 2);
    let timing = Timing { ran_for: secs(119), ended_ago: secs(1) };
    finish(rig, &claimed, done(), timing).await;
    let id = claimed.job.id;
    roll_all(rig).await;
    let job = rig.job(id).await;
    let (began, ended) = (job.started_at.expect("it began"), job.finished_at.expect("it ended"));
    let between = |from: Timestamp, to: Timestamp| {
        Histogram::from_iter([Duration::from_micros((to.as_micros() - from.as_micros()).unsigned_abs())])
    };
    let series = |from: Timestamp| SeriesParams {
        source: Source::Queues,
        names: Some(vec!["default".into()]),
        hosts: None,
        level: Level::Minute,
        from,
        to: from.saturating_add(MINUTE),
    };
    let at = async |from: Timestamp| {
        let rows = rig.storage.metrics.series(series(from)).await.expect("series can be read").rows;
        rows.into_iter().fold(Tally::default(), |mut sum, row| {
            assert_eq!(row.at, from);
            sum.merge(&row.tally);
            sum
        })
    };
    let first = at(start).await;
    assert_eq!((first.counts.enqueued, first.counts.started, first.counts.done), (1, 1, 0));
    assert_eq!(first.wait, between(start.saturating_add(secs(10)), began));
    assert_eq!(at(start.saturating_add(MINUTE)).await, Tally::default());
    let last = at(start.saturating_add(MINUTE * 2)).await;
    assert_eq!((last.counts.started, last.counts.done), (0, 1));
    assert_eq!((last.run, last.total), (between(began, ended), between(start, ended)));
}

/// Percentiles of a known load are within 2 % of the exact ones, on one host and on three, in minutes and in hours.
pub async fn percentiles_are_within_two_per_cent_on_any_hosts_and_at_any_level(rig: &Rig) {
    let hosts = ["a", "b", "c"];
    let mut processes = Vec::new();
    for host in hosts {
        processes.push(register_on(rig, host).await);
    }
    let mut random = fastrand::Rng::with_seed(7);
    let mut ran: Vec<(usize, u64)> = Vec::new();
    let mut waited: Vec<(usize, u64)> = Vec::new();
    for round in 0..60 {
        rig.put_many(10).await;
        let most = 1 << random.u32(10..35);
        rig.advance(Duration::from_micros(random.u64(1..most)));
        let host = round % hosts.len();
        for claimed in rig.claim(processes[host], 10).await {
            // Each begins when the one before has ended; some run for longer than an hour.
            let wait = rig.at().as_micros() - claimed.job.due_at.as_micros();
            let most = 1 << random.u32(4..33);
            let run = random.u64(1..most);
            waited.push((host, wait.unsigned_abs()));
            ran.push((host, run));
            rig.advance(Duration::from_micros(run));
            let timing = Timing { ran_for: Duration::from_micros(run), ended_ago: Duration::ZERO };
            finish(rig, &claimed, done(), timing).await;
        }
        if round % 7 == 0 {
            roll(rig).await;
        }
    }
    roll_all(rig).await;
    for level in Level::ALL {
        for chosen in [&hosts[..], &hosts[1..2], &hosts[..2]] {
            let tally = sum(rig, level, &LineName::Of("default".into()), Some(chosen)).await;
            let is_in = |host: usize| chosen.contains(&hosts[host]);
            for (got, all) in [(&tally.run, &ran), (&tally.wait, &waited)] {
                let mut exact: Vec<u64> = all.iter().filter(|(h, _)| is_in(*h)).map(|(_, d)| *d).collect();
                assert_eq!(got.count(), exact.len() as u64, "{level:?} {chosen:?}");
                exact.sort_unstable();
                for (q, per_cent) in [(0.5, 50), (0.95, 95), (0.99, 99), (1.0, 100)] {
                    let rank = (exact.len() * per_cent).div_ceil(100).max(1) - 1;
                    let got = got.quantile(q).expect("something was counted").as_nanos();
                    let exact = u128::from(exact[rank]) * 1_000;
                    assert!(got.abs_diff(exact) * 50 <= exact, "p{per_cent} {got} ns, exactly {exact} ns");
                }
            }
        }
    }
    let enqueuer = sum(rig, Level::Hour, &LineName::All, Some(&[crate::host::name()])).await;
    assert_eq!(enqueuer.counts.enqueued, 600, "who enqueues need not work");
}

/// Rolls at once count each thing once.
pub async fn rolls_at_once_count_everything_once(rig: &Rig) {
    let process = rig.process().await;
    for round in 0..5 {
        for _ in 0..10 {
            rig.put_many(3).await;
        }
        for claimed in rig.claim(process, 20).await {
            rig.finish(claimed.lease, done()).await;
        }
        let rolls = (0..4).map(|_| roll(rig));
        futures_util::future::join_all(rolls).await;
        roll_all(rig).await;
        for level in Level::ALL {
            let counts = sum(rig, level, &LineName::Of("k".into()), None).await.counts;
            let n = round + 1;
            assert_eq!((counts.enqueued, counts.started, counts.done), (30 * n, 20 * n, 20 * n), "{level:?}");
        }
    }
}

/// Kinds beyond the limit are counted together.
pub async fn kinds_beyond_the_limit_are_counted_together(rig: &Rig) {
    let jobs = (0..MAX_METRIC_KINDS + 5).map(|n| checked(EnqueueRequest::new(format!("kind.{n}"), 1)));
    let jobs: Vec<_> = jobs.collect();
    // One by one, so that their order is known.
    for job in jobs {
        rig.enqueue(vec![job]).await;
    }
    rig.put_many(1).await;
    roll_all(rig).await;
    assert_eq!(sum(rig, Level::Minute, &LineName::Of("kind.0".into()), None).await.counts.enqueued, 1);
    assert_eq!(sum(rig, Level::Minute, &LineName::Of("kind.204".into()), None).await.counts.enqueued, 0);
    assert_eq!(sum(rig, Level::Minute, &LineName::Other, None).await.counts.enqueued, 6);
    assert_eq!(all(rig).await.counts.enqueued, 206);
}

/// A lease that was kept elsewhere is counted like any other.
pub async fn a_lease_without_the_storages_memo_is_counted_the_same(rig: &Rig) {
    let process = rig.process().await;
    for remembered in [true, false] {
        rig.put(request()).await;
        rig.advance(secs(7));
        let mut claimed = rig.claim_one(process).await;
        if !remembered {
            claimed.lease.memo = None;
        }
        rig.advance(secs(3));
        let timing = Timing { ran_for: secs(2), ended_ago: Duration::ZERO };
        finish(rig, &claimed, retry(secs(1_000)), timing).await;
    }
    roll_all(rig).await;
    let tally = sum(rig, Level::Hour, &LineName::Of("default".into()), None).await;
    assert_eq!((tally.counts.started, tally.counts.retried), (2, 2));
    assert_eq!(tally.wait, Histogram::from_iter([secs(8), secs(8)]));
    assert_eq!(tally.run, Histogram::from_iter([secs(2), secs(2)]));
}

/// What is past its time goes, the finest first.
pub async fn tallies_past_their_time_go(rig: &Rig) {
    rig.put_many(2).await;
    roll_all(rig).await;
    rig.advance(METRICS_MINUTES_KEPT + secs(3_600));
    rig.put_many(3).await;
    roll_all(rig).await;
    assert_eq!(all(rig).await.counts.enqueued, 3);
    assert_eq!(sum(rig, Level::Hour, &LineName::All, None).await.counts.enqueued, 5);
    rig.advance(METRICS_HOURS_KEPT + secs(3_600));
    roll_all(rig).await;
    assert_eq!(sum(rig, Level::Hour, &LineName::All, None).await, Tally::default());
    assert_eq!(sum(rig, Level::Ever, &LineName::All, None).await.counts.enqueued, 5, "that is never less");
}

/// A sample is kept per process and stretch; a later one of the same stretch takes its place.
pub async fn samples_are_kept_per_process_and_stretch(rig: &Rig) {
    let (one, other) = (register_on(rig, "a").await, register_on(rig, "b").await);
    let at = |n: i64| Timestamp::from_micros(n * 60_000_000);
    let sample = |n: u64| Sample { busy: n, ..Sample::default() };
    let record = async |process, samples| {
        let params = SamplesParams { process, samples };
        rig.storage.metrics.record_samples(params).await.expect("samples can be kept");
    };
    record(one, vec![(Level::Minute, at(1), sample(1)), (Level::Hour, at(0), sample(2))]).await;
    record(other, vec![(Level::Minute, at(1), sample(3)), (Level::Minute, at(2), sample(4))]).await;
    record(one, vec![(Level::Minute, at(1), sample(5))]).await;
    record(ProcessId::new(), vec![(Level::Minute, at(1), sample(9))]).await;
    let params = SampleSeriesParams { level: Level::Minute, from: at(1), to: at(2) };
    let rows = rig.storage.metrics.samples(params).await.expect("samples can be read");
    let rows: Vec<_> = rows.iter().map(|r| (r.process, r.host.as_str(), r.at, r.sample.busy)).collect();
    assert_eq!(rows, [(one, "a", at(1), 5), (other, "b", at(1), 3)]);
    let params = SampleSeriesParams { level: Level::Hour, from: at(0), to: at(1) };
    assert_eq!(rig.storage.metrics.samples(params).await.expect("samples can be read").len(), 1);
}

/// The oldest job that could run is told of each queue; those that wait for a key or a time are none.
pub async fn the_oldest_waiting_job_of_each_queue_is_told(rig: &Rig) {
    let oldest = async || rig.storage.metrics.oldest(rig.now()).await.expect("it can be told");
    assert_eq!(oldest().await, []);
    let put = |queue: &str, kind: &str, priority| {
        EnqueueRequest::new(kind, 1).on_queue(queue).with_priority(priority)
    };
    rig.put(put("b", "x", 5)).await;
    rig.advance(secs(1));
    rig.put(put("b", "y", -5)).await;
    rig.advance(secs(1));
    rig.put(put("a", "x", 0).with_concurrency_key("key")).await;
    rig.advance(secs(1));
    rig.put(put("a", "x", -9).with_concurrency_key("key")).await;
    rig.put(put("c", "x", 0).with_delay(secs(1_000))).await;
    rig.advance(secs(1));
    let mut told = oldest().await;
    told.sort();
    assert_eq!(told, [("a".to_owned(), secs(2)), ("b".to_owned(), secs(4))]);

    let params = RollParams { oldest: told, now: rig.now() };
    rig.storage.metrics.roll(params).await.expect("a roll succeeds");
    assert_eq!(all(rig).await.oldest, Some(secs(4)));
    let queue = sum(rig, Level::FiveMinutes, &LineName::Of("a".into()), None).await;
    assert_eq!(queue.oldest, Some(secs(2)));
}

/// Protects: what people are told of a database's load and latencies.
pub async fn calls_are_counted_as_what_they_are(rig: &Rig) {
    const CALLS: u64 = 20;
    let counts = || {
        let traffic = rig.storage.metrics.traffic();
        (traffic.reads.count(), traffic.writes.count())
    };
    let before = counts();
    let mut last = JobId::new();
    for _ in 0..CALLS {
        last = rig.put(request()).await;
    }
    let written = counts();
    assert!(written.1 >= before.1 + CALLS, "{before:?} {written:?}");
    // What a storage asks for itself, and tells other processes, is counted too; it is less than that.
    assert!(written.0 < before.0 + CALLS, "what writes is no read: {before:?} {written:?}");
    for _ in 0..CALLS {
        rig.job(last).await;
    }
    let read = counts();
    assert!(read.0 >= written.0 + CALLS, "{written:?} {read:?}");
    assert!(read.1 < written.1 + CALLS, "what reads is no write: {written:?} {read:?}");
    let traffic = rig.storage.metrics.traffic();
    assert!(traffic.reads.sum() > Duration::ZERO && traffic.writes.sum() > Duration::ZERO, "calls take time");
    let pool = traffic.pool;
    assert!(pool.open >= 1 && pool.limit >= pool.open, "{pool:?}");
}
