//! Processes on one database, one of them killed every so often, while jobs run.

use super::{Failure, QUICK, enqueue, open, verdict};
use crate::audit;
use crate::fleet::{Site, Worker};
use crate::ledger::{self, Executions};
use crate::measured;
use forge_jobs::EnqueueRequest;
use serde_json::json;
use std::time::{Duration, Instant};

/// The settings of the campaign.
#[derive(Clone, Copy, Debug)]
pub struct Kill {
    /// What the same harm comes from.
    pub seed: u64,
    /// Processes.
    pub replicas: usize,
    /// Jobs that sleep for a while.
    pub jobs: usize,
    /// Longest sleep of a job, in milliseconds.
    pub sleep_ms: u64,
    /// Concurrency keys that the jobs have in turns; 0: none.
    pub keys: usize,
    /// How long processes are killed.
    pub harm: Duration,
    /// Time between two kills.
    pub every: Duration,
    /// Longest time until everything is finished, after the harm.
    pub limit: Duration,
}

impl Kill {
    /// Runs it: none lost, each done once in the database, no two executions at once, none dead, the database in order, and
    /// the metrics what the jobs' own rows come to.
    ///
    /// # Errors
    ///
    /// What the audit found, or what kept the campaign from running.
    pub async fn run(&self, site: &Site) -> Result<String, Failure> {
        let mut rng = fastrand::Rng::with_seed(self.seed);
        let storage = open(site).await?;
        let mut sleep = || EnqueueRequest::new("t.sleep", json!({ "ms": rng.u64(0..self.sleep_ms) }));
        let jobs = (0..self.jobs).map(|n| match n.checked_rem(self.keys) {
            Some(key) => sleep().with_concurrency_key(key.to_string()),
            None => sleep(),
        });
        let jobs = jobs.collect();
        let ids = enqueue(&storage, jobs).await?;
        let workers = ["--queue", "default:16"];
        let start = || site.worker(&[&QUICK[..], &workers[..]].concat());
        let mut fleet = (0..self.replicas).map(|_| start()).collect::<Result<Vec<_>, _>>()?;
        let mut deaths = Vec::new();
        let begun = Instant::now();
        while begun.elapsed() < self.harm && !self.is_over(site).await? {
            let victim = if deaths.is_empty() {
                match self.first_victim(site, &fleet).await? {
                    Some(busy) => busy,
                    None => break,
                }
            } else {
                tokio::time::sleep(self.every).await;
                rng.usize(0..self.replicas)
            };
            let victim = &mut fleet[victim];
            deaths.push(victim.kill()?);
            *victim = start()?;
        }
        let harmed = begun.elapsed();
        let deadline = Instant::now() + self.limit;
        while !self.is_over(site).await? {
            if Instant::now() > deadline {
                let done = audit::finished(site.url()).await?;
                return Err(format!("{done} of {} finished within {:?}", self.jobs, self.limit).into());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let took = begun.elapsed();
        for worker in &mut fleet {
            worker.stop(Duration::from_secs(30))?;
        }
        let executions = ledger::executions(&ledger::read(&site.ledger())?, &deaths);
        let mut problems = self.problems(site, &ids, &executions).await?;
        let interrupted = ledger::interrupted(&executions, &deaths);
        if interrupted == 0 {
            problems.push(format!("none of {} kills hit a running job", deaths.len()));
        }
        problems.extend(measured::problems(&storage, site.url(), ids.len()).await?);
        drop(storage);
        verdict(&problems).map_err(|e| format!("{e}\nThe workers said:\n{}", site.last_words()))?;
        Ok(format!(
            "{} jobs on {} processes, {} kills in {harmed:.1?} interrupted {interrupted} runs, all done after {took:.1?}",
            self.jobs,
            self.replicas,
            deaths.len()
        ))
    }

    /// The first that runs something: one kill hits, however soon all is done. `None` if nothing is left.
    async fn first_victim(&self, site: &Site, fleet: &[Worker]) -> Result<Option<usize>, Failure> {
        loop {
            // Before the first start there is none, and a line may be half written.
            let lines = ledger::read(&site.ledger()).unwrap_or_default();
            let executions = ledger::executions(&lines, &[]);
            let runs = |pid| executions.values().flatten().any(|run| run.pid == pid && run.end.is_none());
            if let Some(busy) = fleet.iter().position(|worker| runs(worker.pid())) {
                return Ok(Some(busy));
            }
            if self.is_over(site).await? {
                return Ok(None);
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn is_over(&self, site: &Site) -> Result<bool, Failure> {
        Ok(audit::finished(site.url()).await? >= self.jobs as u64)
    }

    async fn problems(
        &self,
        site: &Site,
        ids: &[String],
        executions: &Executions,
    ) -> Result<Vec<String>, Failure> {
        let ends = audit::ends(site.url()).await?;
        let mut problems = ledger::problems(executions);
        problems.extend(audit::problems(site)?);
        problems.extend(ledger::at_once(executions, |job| {
            let at = ids.iter().position(|id| id == job)?;
            at.checked_rem(self.keys)
        }));
        if ends.len() != ids.len() {
            problems.push(format!("{} jobs are there, {} were enqueued", ends.len(), ids.len()));
        }
        for id in ids {
            match ends.get(id) {
                None => problems.push(format!("{id} is lost")),
                Some((status, reason)) if status != "done" => {
                    problems.push(format!("{id} is {status} {reason}"));
                }
                Some(_) => {}
            }
            if !executions.contains_key(id) {
                problems.push(format!("{id} is done and never ran"));
            }
        }
        Ok(problems)
    }
}
