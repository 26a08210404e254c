//! What an operator does, on both.

use super::{Job, World, same};
use forge_jobs::storage::{CancelOutcome, DropOutcome, RetryOutcome, RunNowOutcome};
use forge_jobs::{DeadReason, JobStatus};

impl World {
    pub(super) async fn cancel(&mut self, n: usize) -> Result<(), String> {
        let Some(id) = self.job_at(n) else { return Ok(()) };
        let got = self.storage.jobs.cancel(self.verb(id)).await.unwrap();
        let now = self.now;
        let expected = match self.jobs.get_mut(&id) {
            None => CancelOutcome::Unknown,
            Some(job) => match job.claim.as_mut() {
                Some(claim) => {
                    claim.cancelled = true;
                    CancelOutcome::Requested { process: claim.boot, claim_no: job.claim_no }
                }
                None if job.status.is_finished() => {
                    CancelOutcome::AlreadyFinished { status: job.status, dead_reason: job.reason }
                }
                None => {
                    job.finish(JobStatus::Dead, Some(DeadReason::Cancelled), now);
                    CancelOutcome::Cancelled
                }
            },
        };
        same("cancel", &got, &vec![expected])
    }

    pub(super) async fn retry(&mut self, n: usize) -> Result<(), String> {
        let Some(id) = self.job_at(n) else { return Ok(()) };
        let got = self.storage.jobs.retry(self.verb(id)).await.unwrap();
        let now = self.now;
        let now_has = |j: &Job| {
            let (key, terms) = j.key?;
            let in_time = terms.until(j.created).is_none_or(|until| until > now);
            self.holder(key).filter(|holder| in_time && *holder != id)
        };
        // One that retries is no dead one: it goes on as it was.
        let twin = self.jobs.get(&id).filter(|j| j.status == JobStatus::Dead).and_then(now_has);
        let expected = match self.jobs.get_mut(&id) {
            None => RetryOutcome::Unknown,
            Some(job) if !matches!(job.status, JobStatus::Dead | JobStatus::Retrying) => {
                RetryOutcome::Refused { status: job.status }
            }
            Some(job) => {
                if let Some(of) = twin {
                    RetryOutcome::Duplicate { of }
                } else {
                    job.pending(now);
                    (job.reason, job.charged, job.throttles, job.crashes, job.suspicions) =
                        (None, 0, 0, 0, 0);
                    RetryOutcome::Retried
                }
            }
        };
        same("retry", &got, &vec![expected])
    }

    pub(super) async fn run_now(&mut self, n: usize) -> Result<(), String> {
        let Some(id) = self.job_at(n) else { return Ok(()) };
        let got = self.storage.jobs.run_now(self.verb(id)).await.unwrap();
        let now = self.now;
        let expected = match self.jobs.get_mut(&id) {
            None => RunNowOutcome::Unknown,
            Some(job) => match job.status {
                JobStatus::Pending => RunNowOutcome::AlreadyPending,
                JobStatus::Scheduled | JobStatus::Retrying => {
                    job.pending(now);
                    RunNowOutcome::MadePending
                }
                status => RunNowOutcome::Refused { status },
            },
        };
        same("run now", &got, &vec![expected])
    }

    pub(super) async fn drop_job(&mut self, n: usize) -> Result<(), String> {
        let Some(id) = self.job_at(n) else { return Ok(()) };
        let got = self.storage.jobs.drop_jobs(self.verb(id)).await.unwrap();
        let expected = match self.jobs.get(&id).map(|j| j.status) {
            None => DropOutcome::Unknown,
            Some(JobStatus::Running) => DropOutcome::Refused { status: JobStatus::Running },
            Some(_) => {
                let key = self.jobs.remove(&id).and_then(|j| j.key);
                if let Some((key, _)) = key.filter(|(key, _)| self.holder(*key) == Some(id)) {
                    self.keys.remove(&key);
                }
                DropOutcome::Dropped
            }
        };
        same("drop", &got, &vec![expected])
    }
}
