//! Each step on both, with what the storage has to answer.

use super::{Claim, Job, World, same};
use crate::steps::{End, Step, Terms};
use crate::{PROCESSES, QUEUES, STALE, secs, us};
use forge_jobs::limits::{DEAD_RETENTION, DONE_RETENTION, MAX_CRASHES};
use forge_jobs::retry::Transition;
use forge_jobs::storage::{
    Begun, ClaimMode, ClaimParams, ClaimWant, EnqueueParams, Finish, FinishParams, FinishResult, Heartbeat,
    HeartbeatParams, Inserted, KindFilter, PromoteParams, QueueSettingsPatch, ReapParams, ReleaseParams,
    StorageError, SweepParams, UpdateQueueParams,
};
use forge_jobs::{DeadReason, DedupeStates, DefaultRouter, EnqueueRequest, JobStatus, Timing};
use std::time::Duration;

impl World {
    /// Carries a step out on both, and compares the answers.
    pub(super) async fn take(&mut self, step: &Step) -> Result<(), String> {
        match step {
            Step::Enqueue { queue, delay, key, priority, max_attempts } => {
                self.enqueue(*queue, *delay, *key, *priority, *max_attempts).await
            }
            Step::Claim { process, queue, limit, alone } => {
                self.claim(*process, *queue, *limit, *alone).await
            }
            Step::Finish { lease, end } => self.finish(*lease, *end).await,
            Step::Release { lease } => self.release(*lease).await,
            Step::EndAlone { lease } => self.end_alone(*lease).await,
            Step::Heartbeat { process } => self.heartbeat(*process).await,
            Step::Reap { by } => self.reap(*by).await,
            Step::Cancel { job } => self.cancel(*job).await,
            Step::Retry { job } => self.retry(*job).await,
            Step::RunNow { job } => self.run_now(*job).await,
            Step::Drop { job } => self.drop_job(*job).await,
            Step::Promote => self.promote().await,
            Step::Advance { seconds } => {
                self.now += us(*seconds);
                Ok(())
            }
            Step::Pause { queue, paused } => {
                self.paused[*queue] = *paused;
                let patch = QueueSettingsPatch::paused(*paused);
                let params = UpdateQueueParams {
                    queue: QUEUES[*queue].into(),
                    patch,
                    expected_version: None,
                    actor: None,
                    now: None,
                };
                self.storage.queues.update(params).await.unwrap();
                Ok(())
            }
            Step::Sweep => self.sweep().await,
        }
    }

    async fn enqueue(
        &mut self,
        queue: usize,
        delay: u64,
        key: Option<(u8, Terms)>,
        priority: i16,
        max_attempts: u32,
    ) -> Result<(), String> {
        let mut request = EnqueueRequest::new("k", 1)
            .on_queue(QUEUES[queue])
            .with_priority(priority)
            .with_max_attempts(max_attempts);
        if delay > 0 {
            request = request.with_delay(secs(delay));
        }
        if let Some((key, terms)) = key {
            request = request.with_dedupe(terms.dedupe(key));
        }
        let new = request.validate(&DefaultRouter).unwrap();
        let id = new.id;
        let got = self.storage.jobs.enqueue(EnqueueParams { jobs: vec![new], now: self.at() }).await.unwrap();
        let expected = match key.and_then(|(k, terms)| self.holder(k).map(|of| (of, terms))) {
            None => Inserted::Inserted,
            Some((of, terms)) => {
                let waits = |j: &&mut Job| DedupeStates::WAITING.contains(j.status);
                match self.jobs.get_mut(&of).filter(|j| terms.replace && waits(j)) {
                    None => Inserted::Duplicate { of },
                    Some(job) => {
                        let status = if delay > 0 { JobStatus::Scheduled } else { JobStatus::Pending };
                        (job.queue, job.priority, job.max_attempts) = (queue, priority, max_attempts);
                        (job.due, job.status) = (self.now + us(delay), status);
                        (job.charged, job.throttles) = (0, 0);
                        Inserted::Replaced { of }
                    }
                }
            }
        };
        same("enqueue", &got, &vec![expected])?;
        if expected == Inserted::Inserted {
            let status = if delay > 0 { JobStatus::Scheduled } else { JobStatus::Pending };
            let job = Job {
                queue,
                priority,
                due: self.now + us(delay),
                status,
                reason: None,
                charged: 0,
                max_attempts,
                throttles: 0,
                crashes: 0,
                suspicions: 0,
                key,
                created: self.now,
                claim_no: 0,
                claim: None,
                finished_at: 0,
            };
            self.jobs.insert(id, job);
            self.ids.push(id);
            if let Some((key, terms)) = key {
                self.keys.insert(key, (id, terms.until(self.now)));
            }
        }
        Ok(())
    }

    async fn claim(&mut self, process: usize, queue: usize, limit: u32, alone: bool) -> Result<(), String> {
        let boot = self.boots[process].id;
        let params = ClaimParams {
            process: boot,
            wants: vec![ClaimWant { queue: QUEUES[queue].into(), limit }],
            kinds: KindFilter::Any,
            mode: if alone { ClaimMode::Alone } else { ClaimMode::Ordinary },
            now: self.at(),
        };
        let got = self.storage.jobs.claim(params).await;
        if self.boots[process].ended {
            let refused = matches!(got, Err(StorageError::NotFound { .. }));
            self.boots[process] = self.boot().await;
            return if refused {
                Ok(())
            } else {
                Err(format!("claim after the registration ended: {got:?}"))
            };
        }
        let got = got.map_err(|e| format!("claim: {e}"))?;
        let mut ready: Vec<_> = self
            .jobs
            .iter()
            .filter(|(_, j)| {
                j.status == JobStatus::Pending && j.queue == queue && (j.suspicions > 0) == alone
            })
            .map(|(id, j)| (j.priority, j.due, *id))
            .collect();
        ready.sort_unstable();
        let limit = if self.paused[queue] {
            0
        } else if alone {
            1
        } else {
            limit as usize
        };
        let expected: Vec<_> = ready.into_iter().take(limit).map(|(_, _, id)| id).collect();
        same("claimed", &got.jobs.iter().map(|c| c.job.id).collect::<Vec<_>>(), &expected)?;
        self.claims += i64::from(!expected.is_empty());
        for (id, claimed) in expected.iter().zip(&got.jobs) {
            let job = self.jobs.get_mut(id).unwrap();
            let shown =
                (claimed.job.attempt, claimed.job.throttles, claimed.job.suspicions, claimed.lease.claim_no);
            same("claimed job", &shown, &(job.charged + 1, job.throttles, job.suspicions, self.claims))?;
            job.status = JobStatus::Running;
            job.claim_no = self.claims;
            job.claim = Some(Claim { process, boot, alone, cancelled: false });
            self.leases.push(claimed.lease);
        }
        let waiting = self
            .jobs
            .values()
            .any(|j| j.status == JobStatus::Pending && j.queue == queue && j.suspicions > 0);
        same("suspects waiting", &got.suspects_waiting, &(waiting && !self.paused[queue]))
    }

    async fn finish(&mut self, n: usize, end: End) -> Result<(), String> {
        let Some(lease) = self.lease_at(n) else { return Ok(()) };
        let (valid, now) = (self.valid(&lease), self.now);
        let charged = self.jobs.get(&lease.job).map_or(0, |j| j.charged);
        let transition = match end {
            End::Done => Transition::Done { output: None },
            // As `decide` does: the last attempt is dead.
            End::Retry { .. } if self.jobs.get(&lease.job).is_some_and(|j| charged + 1 >= j.max_attempts) => {
                Transition::Dead { reason: DeadReason::Exhausted, error: "e".into() }
            }
            End::Retry { after } => Transition::Retry { after: secs(after), error: "e".into() },
            End::Throttle { after } => Transition::Throttle { after: secs(after) },
            End::Dead => Transition::Dead { reason: DeadReason::Discarded, error: "e".into() },
        };
        let members =
            vec![Finish { lease, transition: transition.clone(), timing: Timing::default(), failure: None }];
        let got = self.storage.jobs.finish(FinishParams { members, now: self.at() }).await.unwrap();
        if !valid {
            return same("late finish", &got, &vec![FinishResult::StaleLease]);
        }
        let job = self.jobs.get_mut(&lease.job).unwrap();
        let cancelled = job.claim.is_some_and(|c| c.cancelled);
        job.suspicions =
            if matches!(transition, Transition::Retry { .. } | Transition::Throttle { .. }) && !cancelled {
                0
            } else {
                job.suspicions
            };
        match transition {
            Transition::Done { .. } => {
                job.charged += 1;
                job.finish(JobStatus::Done, None, now);
            }
            Transition::Retry { .. }
            | Transition::Throttle { .. }
            | Transition::Dead { reason: DeadReason::Exhausted, .. }
                if cancelled =>
            {
                job.finish(JobStatus::Dead, Some(DeadReason::Cancelled), now);
            }
            Transition::Retry { after, .. } => {
                job.charged += 1;
                job.throttles = 0;
                job.pending(now + i64::try_from(after.as_micros()).unwrap());
                if !after.is_zero() {
                    job.status = JobStatus::Retrying;
                }
            }
            Transition::Throttle { after } => {
                job.throttles += 1;
                job.pending(now + i64::try_from(after.as_micros()).unwrap());
                job.status = JobStatus::Scheduled;
            }
            Transition::Dead { reason, .. } => {
                job.charged += 1;
                job.finish(JobStatus::Dead, Some(reason), now);
            }
            other => return Err(format!("no model for {other:?}")),
        }
        let expected = FinishResult::Applied { status: job.status, dead_reason: job.reason };
        same("finish", &got, &vec![expected])
    }

    async fn release(&mut self, n: usize) -> Result<(), String> {
        let Some(lease) = self.lease_at(n) else { return Ok(()) };
        let valid = self.valid(&lease);
        let params = ReleaseParams { leases: vec![lease], begun: Begun::No, now: self.at() };
        let got = self.storage.jobs.release(params).await.unwrap();
        if !valid {
            return same("late release", &got, &vec![FinishResult::StaleLease]);
        }
        let now = self.now;
        let job = self.jobs.get_mut(&lease.job).unwrap();
        if job.claim.is_some_and(|c| c.cancelled) {
            job.finish(JobStatus::Dead, Some(DeadReason::Cancelled), now);
        } else {
            job.pending(job.due);
        }
        let expected = FinishResult::Applied { status: job.status, dead_reason: job.reason };
        same("release", &got, &vec![expected])
    }

    async fn end_alone(&mut self, n: usize) -> Result<(), String> {
        let Some(lease) = self.lease_at(n) else { return Ok(()) };
        let valid = self.valid(&lease);
        same("end alone", &self.storage.jobs.end_alone(lease).await.unwrap(), &valid)?;
        if valid && let Some(claim) = self.jobs.get_mut(&lease.job).and_then(|j| j.claim.as_mut()) {
            claim.alone = false;
        }
        Ok(())
    }

    async fn heartbeat(&mut self, process: usize) -> Result<(), String> {
        let params = HeartbeatParams {
            process: self.boots[process].id,
            stopping: false,
            lead_for: None,
            now: self.at(),
        };
        let got = self.storage.processes.heartbeat(params).await.unwrap();
        if self.boots[process].ended {
            self.boots[process] = self.boot().await;
            return same("heartbeat after the end", &got, &Heartbeat::Fenced);
        }
        self.boots[process].beat = self.now;
        let Heartbeat::Alive { cancels, .. } = got else { return Err("a live process was fenced".into()) };
        let boot = self.boots[process].id;
        let asked = |j: &&Job| j.claim.is_some_and(|c| c.boot == boot && c.cancelled);
        same("cancels told", &cancels.len(), &self.jobs.values().filter(asked).count())
    }

    async fn reap(&mut self, by: usize) -> Result<(), String> {
        let params = ReapParams { stale_after: STALE, limit: 1_000, by: self.boots[by].id, now: self.at() };
        let got = self.storage.processes.reap(params).await.unwrap();
        let (now, stale) = (self.now, us(STALE.as_secs()));
        let mut dead = Vec::new();
        for (n, boot) in self.boots.iter_mut().enumerate() {
            if n != by && !boot.ended && now - boot.beat > stale {
                boot.ended = true;
                dead.push(boot.id);
            }
        }
        let mut reaped = got.processes.clone();
        reaped.sort_unstable();
        dead.sort_unstable();
        same("processes reaped", &reaped, &dead)?;
        let mut counts = [0; 4];
        for job in self.jobs.values_mut() {
            let Some(claim) = job.claim.filter(|c| dead.contains(&c.boot)) else { continue };
            debug_assert!(claim.process < PROCESSES);
            let at = revive(job, claim, now);
            counts[at] += 1;
        }
        let told = [got.revived.len(), got.poisoned.len(), got.exhausted.len(), got.cancelled.len()];
        same("jobs reaped", &told, &counts)
    }

    async fn promote(&mut self) -> Result<(), String> {
        let got = self.storage.jobs.promote(PromoteParams { limit: 1_000, now: self.at() }).await.unwrap();
        let now = self.now;
        let deferred = |j: &Job| matches!(j.status, JobStatus::Scheduled | JobStatus::Retrying);
        let mut count = 0;
        for job in self.jobs.values_mut().filter(|j| deferred(j) && j.due <= now) {
            job.status = JobStatus::Pending;
            count += 1;
        }
        let next = self.jobs.values().filter(|j| deferred(j)).map(|j| j.due - now).min();
        let next = next.map(|us| Duration::from_micros(us.unsigned_abs()));
        same("promoted", &(got.count, got.next_due_in), &(count, next))
    }

    async fn sweep(&mut self) -> Result<(), String> {
        let got = self.storage.jobs.sweep(SweepParams { limit: 1_000, now: self.at() }).await.unwrap();
        let now = self.now;
        let mut counts = (0, 0);
        self.jobs.retain(|_, j| {
            let window = match j.status {
                JobStatus::Done => us(DONE_RETENTION.as_secs()),
                JobStatus::Dead => us(DEAD_RETENTION.as_secs()),
                _ => return true,
            };
            let expired = j.finished_at <= now - window;
            if expired && j.status == JobStatus::Done {
                counts.0 += 1;
            } else if expired {
                counts.1 += 1;
            }
            !expired
        });
        same("swept", &(got.done, got.dead), &counts)
    }
}

/// What the reaper does with one job; says which of its lists tells of it.
const fn revive(job: &mut Job, claim: Claim, now: i64) -> usize {
    if claim.cancelled {
        job.finish(JobStatus::Dead, Some(DeadReason::Cancelled), now);
        return 3;
    }
    job.suspicions += 1;
    if claim.alone {
        job.crashes += 1;
        job.charged += 1;
        if job.crashes >= MAX_CRASHES {
            job.finish(JobStatus::Dead, Some(DeadReason::Poison), now);
            return 1;
        }
        if job.charged >= job.max_attempts {
            job.finish(JobStatus::Dead, Some(DeadReason::Exhausted), now);
            return 2;
        }
    }
    job.pending(job.due);
    0
}
