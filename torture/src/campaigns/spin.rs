//! Handlers that keep every thread of their process busy and never wait.

use super::{Failure, QUICK, START, enqueue, open, verdict};
use crate::audit;
use crate::fleet::Site;
use forge_jobs::EnqueueRequest;
use rusqlite::Connection;
use serde_json::json;
use std::path::Path;
use std::time::{Duration, Instant};

/// The settings of the campaign.
#[derive(Clone, Copy, Debug)]
pub struct Spin {
    /// How long each handler spins.
    pub time: Duration,
    /// Longest time between two heartbeats, which are due every 500 ms.
    pub longest: Duration,
    /// The silence after which the neighbour would take the jobs.
    pub stale: Duration,
}

/// Handlers at a time: more than there are threads.
const HANDLERS: usize = 16;
/// The heartbeat of [`QUICK`].
const BEAT: Duration = Duration::from_millis(500);

impl Spin {
    /// Runs it: the heartbeats stay on time, and an idle neighbour takes nobody for dead.
    ///
    /// # Errors
    ///
    /// What the audit found, or what kept the campaign from running.
    pub async fn run(&self, program: &Path) -> Result<String, Failure> {
        let site = Site::new(program)?;
        let storage = open(&site).await?;
        let stale = self.stale.as_millis().to_string();
        let start = |queue| site.worker(&[&QUICK[..], &["--stale-ms", &stale, "--queue", queue]].concat());
        let (mut busy, mut idle) = (start("default:16")?, start("other:1")?);
        let ms = u64::try_from(self.time.as_millis())?;
        let jobs = (0..HANDLERS).map(|_| EnqueueRequest::new("t.spin", json!({ "ms": ms }))).collect();
        let ids = enqueue(&storage, jobs).await?;
        let conn = Connection::open(site.database())?;
        let last = "SELECT max(beat_at) FROM forge_processes WHERE pid = ?1";
        let (mut seen, mut at, mut longest, mut beats) = (None, Instant::now(), Duration::ZERO, 0_u32);
        let started = Instant::now();
        // It takes a while until the handlers run, and before that there is nothing to be measured.
        let mut begun: Option<Instant> = None;
        while begun.map_or_else(|| started.elapsed() < START, |begun| begun.elapsed() < self.time) {
            let now: Option<i64> = conn.prepare_cached(last)?.query_row([busy.pid()], |r| r.get(0))?;
            if now != seen {
                if begun.is_some() {
                    longest = longest.max(at.elapsed());
                    beats += 1;
                }
                (seen, at) = (now, Instant::now());
            }
            if begun.is_none() && std::fs::metadata(site.ledger()).is_ok_and(|ledger| ledger.len() > 0) {
                begun = Some(Instant::now());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        // The last one may be long ago.
        longest = longest.max(at.elapsed());
        let mut problems = Vec::new();
        if beats < 3 {
            problems.push(format!("{beats} heartbeats were seen in {:?}", self.time));
        }
        if longest > self.longest {
            problems.push(format!("{longest:?} passed between two heartbeats of {BEAT:?}"));
        }
        let limit = Instant::now() + 20 * self.time + Duration::from_secs(30);
        while audit::finished(site.url()).await? < ids.len() as u64 && Instant::now() < limit {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        busy.stop(Duration::from_secs(30))?;
        idle.stop(Duration::from_secs(30))?;
        let ends = audit::ends(site.url()).await?;
        problems.extend(ids.iter().filter(|id| ends.get(*id).is_none_or(|(s, _)| s != "done")).cloned());
        let crashed = "SELECT count(*) FROM forge_job_events WHERE event = 'crashed'";
        let crashed: u32 = conn.query_row(crashed, [], |r| r.get(0))?;
        if crashed > 0 {
            problems.push(format!("{crashed} jobs were taken from a process that lives"));
        }
        verdict(&problems)?;
        Ok(format!(
            "{HANDLERS} handlers spun for {:?}: {beats} heartbeats, the longest gap {longest:.0?}",
            self.time
        ))
    }
}
