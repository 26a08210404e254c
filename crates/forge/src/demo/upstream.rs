//! Made-up calls to a flaky upstream, to show retries, throttles and dead letters.
//!
//! What a call meets is decided by the seed, the call's number, the attempt, and how often it was throttled: all of
//! that is in the database, so that a killed demo goes on with the same story. (A call that runs alone because its
//! process was killed before, and is killed again, is charged an attempt; its own story then ends sooner.)

use super::identity::{RunId, UPSTREAM_QUEUE};
use super::stats::Stats;
use forge_jobs::storage::StorageError;
use forge_jobs::{EnqueueRequest, JobContext, JobOutcome, JobPayload, Storage, TypedHandler};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

/// Calls of one run.
pub(crate) const CALLS: u32 = 300;
/// Attempts of a call.
pub(crate) const MAX_ATTEMPTS: u32 = 3;

/// The payload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct UpstreamJob {
    /// Which run.
    pub(crate) run: RunId,
    /// Decides what happens.
    pub(crate) seed: u32,
    /// The call's number, from 0.
    pub(crate) call: u32,
}

impl JobPayload for UpstreamJob {
    const KIND: &'static str = "demo.upstream";
}

/// The jobs of a run, always the same for the same run and seed.
pub(crate) fn requests(run: &RunId, seed: u32) -> Vec<EnqueueRequest> {
    let request = |call| {
        EnqueueRequest::of(&UpstreamJob { run: run.clone(), seed, call })
            .on_queue(UPSTREAM_QUEUE)
            .with_id(run.upstream_id(call))
            .with_tag(run.tag())
            .with_max_attempts(MAX_ATTEMPTS)
    };
    (0..CALLS).map(request).collect()
}

/// What the upstream says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Fine,
    /// 503: try again.
    Unavailable,
    /// 429: wait so long.
    TooMany(Duration),
    /// 410: never again.
    Gone,
}

/// The upstream. About 8 of 10 attempts are fine, 1 of 10 fails, and of a hundred calls a few are gone for good;
/// a quarter of all attempts are throttled first, some of them twice.
fn answer(seed: u32, call: u32, attempt: u32, throttles: u32) -> Answer {
    let dice = scramble(u64::from(seed) << 32 | u64::from(call) << 8 | u64::from(attempt.min(255)));
    let throttles_first = match dice % 16 {
        0..12 => 0,
        12..15 => 1,
        _ => 2,
    };
    if throttles < throttles_first {
        return Answer::TooMany(Duration::from_millis(100 + (dice >> 8) % 200));
    }
    // Calls of a tenth are down for longer, so that some use up their attempts.
    let down = scramble(u64::from(seed) ^ u64::from(call) << 20).is_multiple_of(10);
    match (dice >> 16) % 100 {
        0..2 => Answer::Gone,
        2..12 => Answer::Unavailable,
        12..70 if down => Answer::Unavailable,
        _ => Answer::Fine,
    }
}

/// Spreads the bits of a number over all of its bits (the finaliser of `SplitMix64`: Steele, Lea and Flood, "Fast
/// splittable pseudorandom number generators", 2014).
const fn scramble(n: u64) -> u64 {
    let n = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

/// The handler.
pub(crate) struct CallUpstream {
    pub(crate) storage: Storage,
    pub(crate) stats: Arc<Stats>,
}

impl TypedHandler for CallUpstream {
    type Payload = UpstreamJob;

    async fn run(&self, ctx: JobContext, job: UpstreamJob) -> JobOutcome {
        let throttles = match self.throttles(&ctx).await {
            Ok(throttles) => throttles,
            Err(e) => return JobOutcome::failed(&e),
        };
        // The time that a call over a network takes.
        tokio::select! {
            cause = ctx.cancel.cancelled() => return JobOutcome::Failed(format!("stopped: {cause}")),
            () = tokio::time::sleep(Duration::from_millis(4)) => {}
        }
        match answer(job.seed, job.call, ctx.attempt(), throttles) {
            Answer::Fine => JobOutcome::Done,
            Answer::TooMany(retry_after) => {
                self.stats.throttles.add(1);
                JobOutcome::throttled(retry_after)
            }
            Answer::Unavailable => {
                let counter = if ctx.is_last_attempt() { &self.stats.dead } else { &self.stats.retries };
                counter.add(1);
                JobOutcome::Failed("503 service unavailable (made up by the demo)".into())
            }
            Answer::Gone => {
                self.stats.dead.add(1);
                JobOutcome::Dead("410 gone (made up by the demo)".into())
            }
        }
    }
}

impl CallUpstream {
    /// How often in a row this call was throttled.
    async fn throttles(&self, ctx: &JobContext) -> Result<u32, StorageError> {
        Ok(self.storage.inspect.job(ctx.job_id()).await?.map_or(0, |job| job.throttles))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What becomes of a call: (throttles, failures, last answer).
    fn story(seed: u32, call: u32) -> (u32, u32, Answer) {
        let (mut throttled, mut failed) = (0, 0);
        let (mut attempt, mut in_a_row) = (1, 0);
        loop {
            match answer(seed, call, attempt, in_a_row) {
                Answer::TooMany(_) => (throttled, in_a_row) = (throttled + 1, in_a_row + 1),
                Answer::Unavailable => {
                    (failed, attempt, in_a_row) = (failed + 1, attempt + 1, 0);
                    if attempt > MAX_ATTEMPTS {
                        return (throttled, failed, Answer::Unavailable);
                    }
                }
                end => return (throttled, failed, end),
            }
        }
    }

    #[test]
    fn every_seed_shows_retries_throttles_and_both_kinds_of_death_and_mostly_succeeds() {
        for seed in 0..200 {
            let stories: Vec<_> = (0..CALLS).map(|call| story(seed, call)).collect();
            let count = |want: fn(&(u32, u32, Answer)) -> bool| stories.iter().filter(|s| want(s)).count();
            assert!(count(|s| s.0 > 0) > 20, "throttles, seed {seed}");
            assert!(count(|s| s.1 > 0 && s.2 == Answer::Fine) > 5, "retries, seed {seed}");
            assert!(count(|s| s.2 == Answer::Gone) > 0, "discarded, seed {seed}");
            assert!(count(|s| s.2 == Answer::Unavailable) > 0, "exhausted, seed {seed}");
            assert!(count(|s| s.2 == Answer::Fine) > 240, "done, seed {seed}");
        }
    }

    #[test]
    fn another_seed_tells_another_story() {
        let tell = |seed| (0..CALLS).map(|call| story(seed, call).1).collect::<Vec<_>>();
        assert_eq!(tell(7), tell(7));
        assert_ne!(tell(7), tell(8));
    }
}
