//! What people look at, beside a million jobs.

mod fill;

pub use fill::fill;

use super::{Failure, open, verdict};
use crate::fleet::Site;
use forge_jobs::storage::Storage;
use forge_jobs_api::service::Api;
use forge_jobs_api::wire::{JobQuery, TimelineQuery};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// The settings of the campaign.
#[derive(Clone, Copy, Debug)]
pub struct Reads {
    /// Jobs, in every state.
    pub jobs: u32,
    /// Minutes of which something was counted.
    pub minutes: u32,
    /// Pages of each list.
    pub pages: u32,
    /// How often each of the others is asked for.
    pub rounds: u32,
    /// Whether too slow is wrong. Times are for a machine that does nothing else.
    pub timed: bool,
}

/// Of a hundred answers of overview and timelines one may take longer.
const LOOKS: Duration = Duration::from_millis(50);
/// Counting the jobs of all queues, of which the overview of a server that nobody has looked at waits for.
const FIRST: Duration = Duration::from_secs(1);
/// Between two looks of somebody who keeps looking.
const PACE: Duration = Duration::from_millis(25);
/// Of twenty pages of a list one may take longer.
const PAGES: Duration = Duration::from_millis(100);

/// Lists by what people filter for; some of it has an index, some has to be looked for.
fn lists() -> Vec<Value> {
    vec![
        json!({}),
        json!({ "status": "pending" }),
        json!({ "status": "scheduled" }),
        json!({ "status": "retrying" }),
        json!({ "status": "done" }),
        json!({ "status": "dead" }),
        json!({ "queue": "q3" }),
        json!({ "queue": "q3", "status": "pending" }),
        json!({ "queue": "q3", "status": "dead" }),
        json!({ "kind": "send_7" }),
        json!({ "kind": "send_7", "status": "dead" }),
        json!({ "dead_reason": "discarded", "status": "dead" }),
        json!({ "tag": "vip" }),
        json!({ "tag": "vip", "status": "dead" }),
        json!({ "tag": "nobody has it" }),
    ]
}

/// Overview and timelines, by name.
fn looks() -> Vec<(&'static str, Option<Value>)> {
    vec![
        ("overview", None),
        ("timeline of an hour", Some(json!({}))),
        ("timeline of a day", Some(json!({ "last_seconds": 86_400 }))),
        ("timeline of a week", Some(json!({ "last_seconds": 604_800 }))),
        ("timeline of a queue, a day", Some(json!({ "by": "queue", "name": "q3", "last_seconds": 86_400 }))),
        (
            "timeline of a kind, a day",
            Some(json!({ "by": "kind", "name": "send_7", "last_seconds": 86_400 })),
        ),
        ("timeline of all queues, an hour", Some(json!({ "by": "queue" }))),
    ]
}

impl Reads {
    /// A form of seconds, which judges what is read and not how quickly.
    #[must_use]
    pub const fn short() -> Self {
        Self { jobs: 20_000, minutes: 30, pages: 20, rounds: 5, timed: false }
    }

    /// The form of minutes.
    #[must_use]
    pub const fn long() -> Self {
        Self { jobs: 1_000_000, minutes: 1_440, pages: 1_000, rounds: 200, timed: true }
    }

    /// Runs it: overview and timelines are there within 50 ms, ninety-nine times of a hundred, and do not read the table
    /// of jobs; of twenty pages of a list, by whatever filter and however far down, nineteen are there within 100 ms.
    ///
    /// # Errors
    ///
    /// What was not so, or what kept the campaign from running.
    pub async fn run(&self, site: &Site) -> Result<String, Failure> {
        let storage = open(site).await?;
        fill(site.url(), self.jobs, self.minutes).await?;
        let (mut problems, mut report) = (Vec::new(), Vec::new());
        let mut note = |what: &str, share: usize, mut times: Vec<Duration>, limit: Duration| {
            times.sort_unstable();
            let rank = (times.len() * share).div_ceil(100).max(1);
            let time = times.get(rank - 1).copied().unwrap_or_default();
            println!("{what:<60} p{share} {time:>10.2?} of {}", times.len());
            if self.timed && time > limit {
                problems.push(format!("p{share} of {what} is {time:.1?}"));
            }
            time
        };
        let (first, watching) = self.watch(&storage).await?;
        note("overview, the first look", 100, vec![first], FIRST);
        let mut slowest = note("overview, to who watches", 99, watching, LOOKS);
        for (name, query) in looks().into_iter().filter(|(_, query)| query.is_some()) {
            let times = self.look(&storage, query.as_ref()).await?;
            slowest = slowest.max(note(name, 99, times, LOOKS));
        }
        report.push(format!("overview and timelines p99 {slowest:.1?} at most"));
        slowest = Duration::ZERO;
        for filter in lists() {
            let (times, last) = self.pages(&storage, &filter).await?;
            let deep = last.len();
            slowest = slowest.max(note(&format!("list {filter}"), 95, times, PAGES));
            slowest = slowest.max(note(&format!("  its last page, {deep} times"), 95, last, PAGES));
        }
        report.push(format!("pages p95 {slowest:.1?} at most"));
        fill::hide_jobs(site).await?;
        for (name, query) in looks() {
            if let Err(e) = look(&storage, query.as_ref()).await {
                problems.push(format!("without the table of jobs the {name} fails: {e}"));
            }
        }
        verdict(&problems).map_err(|e| format!("{}: {e}", report.join("; ")))?;
        Ok(format!("{} jobs: {}", self.jobs, report.join("; ")))
    }

    /// How long the overview takes at first, and then each time to somebody who keeps looking at the same server.
    async fn watch(&self, storage: &Storage) -> Result<(Duration, Vec<Duration>), Failure> {
        let api = Api::new(storage.clone());
        let (mut first, mut times) = (None, Vec::new());
        for _ in 0..=self.rounds {
            let asked = Instant::now();
            drop(api.overview().await?);
            match first {
                None => first = Some(asked.elapsed()),
                Some(_) => times.push(asked.elapsed()),
            }
            tokio::time::sleep(PACE).await;
        }
        Ok((first.unwrap_or_default(), times))
    }

    async fn look(&self, storage: &Storage, query: Option<&Value>) -> Result<Vec<Duration>, Failure> {
        let mut times = Vec::new();
        for _ in 0..self.rounds {
            let asked = Instant::now();
            look(storage, query).await?;
            times.push(asked.elapsed());
        }
        Ok(times)
    }

    /// How long each page took, and how long the last one takes again and again.
    async fn pages(
        &self,
        storage: &Storage,
        filter: &Value,
    ) -> Result<(Vec<Duration>, Vec<Duration>), Failure> {
        let api = Api::new(storage.clone());
        let mut query: JobQuery = serde_json::from_value(filter.clone())?;
        let mut times = Vec::new();
        for _ in 0..self.pages {
            let asked = Instant::now();
            let page = api.jobs(query.clone()).await?;
            times.push(asked.elapsed());
            let Some(next) = page.next else { break };
            query.after = Some(next);
        }
        let mut last = Vec::new();
        for _ in 0..20 {
            let asked = Instant::now();
            api.jobs(query.clone()).await?;
            last.push(asked.elapsed());
        }
        Ok((times, last))
    }
}

/// One look by somebody who has seen nothing yet, so that nothing is answered from memory.
async fn look(storage: &Storage, query: Option<&Value>) -> Result<(), Failure> {
    let api = Api::new(storage.clone());
    match query {
        None => drop(api.overview().await?),
        Some(query) => {
            let query: TimelineQuery = serde_json::from_value(query.clone())?;
            drop(api.timeline(&query).await?);
        }
    }
    Ok(())
}
