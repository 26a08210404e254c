//! Jobs that abort their process among good ones, in processes that are started again at once.

use super::{Failure, QUICK, enqueue, open, verdict};
use crate::audit;
use crate::fleet::Site;
use forge_jobs::EnqueueRequest;
use serde_json::json;
use std::path::Path;
use std::time::{Duration, Instant};

/// The settings of the campaign.
#[derive(Clone, Copy, Debug)]
pub struct Poison {
    /// What the same harm comes from.
    pub seed: u64,
    /// Jobs that abort.
    pub bad: usize,
    /// Jobs that do not.
    pub good: usize,
    /// Longest time until everything is finished.
    pub limit: Duration,
}

impl Poison {
    /// Runs it: the bad ones end as poison, the good ones are done.
    ///
    /// # Errors
    ///
    /// What the audit found, or what kept the campaign from running.
    pub async fn run(&self, program: &Path) -> Result<String, Failure> {
        let site = Site::new(program)?;
        let mut rng = fastrand::Rng::with_seed(self.seed);
        let storage = open(&site).await?;
        let mut kinds = vec!["t.abort"; self.bad];
        kinds.resize(self.bad + self.good, "t.sleep");
        rng.shuffle(&mut kinds);
        let jobs = kinds.iter().map(|k| EnqueueRequest::new(*k, json!({ "ms": rng.u64(0..10) }))).collect();
        let ids = enqueue(&storage, jobs).await?;
        let start = || site.worker(&[&QUICK[..], &["--queue", "default:8"]].concat());
        let mut fleet = [start()?, start()?];
        let mut crashes = 0;
        let begun = Instant::now();
        while audit::finished(site.url()).await? < ids.len() as u64 {
            for worker in &mut fleet {
                if worker.has_exited()?.is_some() {
                    crashes += 1;
                    *worker = start()?;
                }
            }
            if begun.elapsed() > self.limit {
                let done = audit::finished(site.url()).await?;
                return Err(format!("{done} of {} finished after {crashes} crashes", ids.len()).into());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        for worker in &mut fleet {
            worker.stop(Duration::from_secs(30))?;
        }
        drop(storage);
        let mut problems = audit::file_problems(&site.database(), 64 << 20)?;
        let ends = audit::ends(site.url()).await?;
        for (id, kind) in ids.iter().zip(&kinds) {
            let expected = if *kind == "t.abort" { ("dead", "poison") } else { ("done", "") };
            let got = ends.get(id).map(|(status, reason)| (status.as_str(), reason.as_str()));
            if got != Some(expected) {
                problems.push(format!("{kind} {id}: {got:?}"));
            }
        }
        verdict(&problems)?;
        let took = begun.elapsed();
        Ok(format!("{} bad among {} good, {crashes} crashes in {took:.1?}", self.bad, self.good))
    }
}
