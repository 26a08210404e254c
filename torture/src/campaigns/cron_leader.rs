//! Schedules fire while whoever leads is killed, again and again; then leaders stop in good order.

use super::{Failure, QUICK, open, verdict, wait};
use crate::audit;
use crate::fleet::{Site, Worker};
use forge_jobs::schedule::{MissedFires, Overlap, TickOutcome};
use forge_jobs::storage::TickRow;
use forge_jobs::{DefaultRouter, EnqueueRequest, Schedule, Schedules, Storage, Timestamp};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Nothing that is waited for takes longer, unless it hangs.
const LIMIT: Duration = Duration::from_secs(60);
/// The schedule by which that is measured.
const EACH_SECOND: &str = "each.second";

/// The settings of the campaign.
#[derive(Clone, Copy, Debug)]
pub struct CronLeader {
    /// Processes.
    pub replicas: usize,
    /// Schedules that fire together.
    pub schedules: u32,
    /// When they do.
    pub expression: &'static str,
    /// The time between two fires.
    pub period: Duration,
    /// How many fires of each.
    pub fires: u32,
    /// Time between two kills of the leader.
    pub every: Duration,
    /// Leaders that stop in good order.
    pub handovers: u32,
    /// Within this time of such a stop the next leader has fired.
    pub within: Duration,
}

impl CronLeader {
    /// 50 schedules of each minute for ten minutes.
    #[must_use]
    pub const fn long() -> Self {
        let (minute, every) = (Duration::from_secs(60), Duration::from_secs(3));
        Self {
            replicas: 3,
            schedules: 50,
            expression: "* * * * *",
            period: minute,
            fires: 10,
            every,
            handovers: 10,
            within: Duration::from_secs(2),
        }
    }

    /// Ten schedules of each second for a quarter of a minute.
    #[must_use]
    pub const fn short() -> Self {
        let second = Duration::from_secs(1);
        Self {
            replicas: 3,
            schedules: 10,
            expression: "* * * * * *",
            period: second,
            fires: 15,
            every: Duration::from_secs(3),
            handovers: 1,
            // On a machine that is busy with other things; a lease that nobody gives back lasts longer.
            within: Duration::from_secs(10),
        }
    }

    /// Runs it: each fire is one job, none is missing, and a leader that leaves is followed by another at once.
    ///
    /// # Errors
    ///
    /// What the audit found, or what kept the campaign from running.
    pub async fn run(&self, site: &Site) -> Result<String, Failure> {
        let storage = open(site).await?;
        let schedules = Schedules::new(storage.clone(), Arc::new(DefaultRouter));
        let killed = self.kill_leaders(site, &schedules).await?;
        let (problems, lateness) = self.problems(&storage, &schedules).await?;
        let words = || site.last_words();
        verdict(&problems).map_err(|e| format!("{e}\nThe workers said:\n{}", words()))?;
        for n in 0..self.schedules {
            schedules.pause(&name(n)).await?;
        }
        let longest = self.hand_over(site, &schedules).await?;
        let problems = audit::problems(site)?;
        verdict(&problems)?;
        Ok(format!(
            "{} fires of {} schedules on {} processes, the leader killed {killed} times, each fire one job, at most \
             {lateness:.1?} late; the next leader fired at most {longest:.1?} after a clean stop, {} times",
            self.fires * self.schedules,
            self.schedules,
            self.replicas,
            self.handovers
        ))
    }

    /// Starts the processes and kills whoever leads, until all fires have come. Gives how many were killed.
    async fn kill_leaders(&self, site: &Site, schedules: &Schedules) -> Result<u32, Failure> {
        let start = || site.worker(&QUICK);
        let mut fleet = (0..self.replicas).map(|_| start()).collect::<Result<Vec<_>, _>>()?;
        for n in 0..self.schedules {
            schedules.put(self.schedule(n)).await?;
        }
        let all_fires = self.period * self.fires + self.period;
        let (begun, mut killed) = (Instant::now(), 0);
        while begun.elapsed() < all_fires {
            tokio::time::sleep(self.every).await;
            let at = leader_of(site, &fleet).await?;
            fleet[at].kill()?;
            fleet[at] = start()?;
            killed += 1;
        }
        for n in 0..self.schedules {
            wait("the last fire", LIMIT, async || {
                let fired = fires(schedules, &name(n)).await?;
                Ok((fired.len() >= self.fires as usize).then_some(()))
            })
            .await?;
        }
        for worker in &mut fleet {
            worker.stop(LIMIT)?;
        }
        Ok(killed)
    }

    fn schedule(&self, n: u32) -> Schedule {
        let schedule = Schedule::new(name(n), self.expression, EnqueueRequest::new("noop_echo", n));
        // More than a few seconds without a leader are caught up on.
        schedule.with_overlap(Overlap::Allow).with_missed(MissedFires::catch_up(60))
    }

    /// What is wrong with the fires, and how late the latest of them was.
    async fn problems(
        &self,
        storage: &Storage,
        schedules: &Schedules,
    ) -> Result<(Vec<String>, Duration), Failure> {
        let (mut problems, mut latest, mut jobs, mut ticks) = (Vec::new(), Duration::ZERO, HashSet::new(), 0);
        for n in 0..self.schedules {
            let name = name(n);
            let row = schedules.get(&name).await?.ok_or("a schedule is gone")?;
            let fired = fires(schedules, &name).await?;
            let times: HashSet<Timestamp> = fired.iter().map(|t| t.fires.last).collect();
            let expected = row.spec.expression.fires_after(row.created_at, &row.spec.zone);
            for at in expected.take_while(|at| *at <= row.handled_until) {
                if !times.contains(&at) {
                    problems.push(format!("{name} did not fire at {at}"));
                }
            }
            for tick in &fired {
                ticks += 1;
                latest = latest.max(tick.recorded_at.saturating_since(tick.fires.last));
                let Some(id) = tick.job.filter(|id| jobs.insert(*id)) else {
                    problems.push(format!("{name} at {} has no job of its own", tick.fires.last));
                    continue;
                };
                if storage.inspect.job(id).await?.is_none() {
                    problems.push(format!("the job {id} of {name} is lost"));
                }
            }
        }
        // A fire that was enqueued twice has a job that no tick names.
        let counts = storage.inspect.queue_counts().await?;
        let there: u64 = counts.iter().flat_map(|q| q.counts).map(|(_, n)| n.count).sum();
        if there != ticks {
            problems.push(format!("{ticks} fires made {there} jobs"));
        }
        Ok((problems, latest))
    }

    /// Stops leaders in good order; gives the longest time until another one fired. Heartbeats are those of production:
    /// nobody takes over in time unless it is told.
    async fn hand_over(&self, site: &Site, schedules: &Schedules) -> Result<Duration, Failure> {
        let each_second = Schedule::new(EACH_SECOND, "* * * * * *", EnqueueRequest::new("noop_echo", 0));
        schedules.put(each_second.with_overlap(Overlap::Allow)).await?;
        let mut fleet = (0..self.replicas).map(|_| site.worker(&[])).collect::<Result<Vec<_>, _>>()?;
        let mut longest = Duration::ZERO;
        for _ in 0..self.handovers {
            let at = leader_of(site, &fleet).await?;
            let before = latest_fire(schedules).await?;
            until_fire_after(schedules, before).await?;
            fleet[at].stop(LIMIT)?;
            let stopped = Instant::now();
            let before = latest_fire(schedules).await?;
            until_fire_after(schedules, before).await?;
            longest = longest.max(stopped.elapsed());
            fleet[at] = site.worker(&[])?;
        }
        // What fired until here is done before those who do it stop.
        schedules.pause(EACH_SECOND).await?;
        until_all_done(site).await?;
        for worker in &mut fleet {
            worker.stop(LIMIT)?;
        }
        if longest > self.within {
            return Err(format!("the next leader fired {longest:?} after a clean stop").into());
        }
        Ok(longest)
    }
}

fn name(n: u32) -> String {
    format!("schedule.{n}")
}

/// Which of the processes leads; waits until one does.
async fn leader_of(site: &Site, fleet: &[Worker]) -> Result<usize, Failure> {
    wait("a leader", LIMIT, async || {
        let leader = audit::leader(site.url()).await?;
        Ok(fleet.iter().position(|worker| Some(worker.pid()) == leader))
    })
    .await
}

/// The fires of a schedule that are jobs, the latest first.
async fn fires(schedules: &Schedules, name: &str) -> Result<Vec<TickRow>, Failure> {
    let ticks = schedules.ticks(name, 500).await?;
    Ok(ticks.into_iter().filter(|t| t.outcome == TickOutcome::Fired).collect())
}

async fn until_all_done(site: &Site) -> Result<(), Failure> {
    wait("the last job", LIMIT, async || {
        let ends = audit::ends(site.url()).await?;
        Ok(ends.values().all(|(status, _)| status == "done").then_some(()))
    })
    .await
}

async fn latest_fire(schedules: &Schedules) -> Result<Option<Timestamp>, Failure> {
    Ok(fires(schedules, EACH_SECOND).await?.first().map(|t| t.fires.last))
}

async fn until_fire_after(schedules: &Schedules, before: Option<Timestamp>) -> Result<(), Failure> {
    wait("a fire", LIMIT, async || Ok((latest_fire(schedules).await? > before).then_some(()))).await
}
