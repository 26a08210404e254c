//! The long forms of the campaigns on Postgres, each on a server of its own.

use forge_test_cluster::{Cluster, Options};
use forge_torture::campaigns::server::{Backlog, Demo, Restart, Skew, Snapshot};
use forge_torture::campaigns::{CronLeader, Crowd, Failure, Freeze, Kill, Limits, Reads};
use forge_torture::fleet::Site;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Of a hundred claims with a snapshot one may take longer: some ten times what it takes on an idle machine.
const SLOWEST: Duration = Duration::from_millis(250);

/// The campaigns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::Subcommand)]
pub(crate) enum OnPostgres {
    /// On Postgres: 50,000 jobs on four replicas, one of which is killed every 500 ms
    #[command(name = "pg-kill")]
    Kill,
    /// On Postgres: 10,000 jobs of 40 concurrency keys on four replicas, one of which is killed every 500 ms; then 10,000
    /// jobs wait for a key beside the claims of others
    #[command(name = "pg-keys")]
    Keys,
    /// On Postgres: 100 times a replica is stopped for three times the stale window, in the middle of a job
    #[command(name = "pg-freeze")]
    Freeze,
    /// On Postgres: the server crashes every 20 s under a stream of enqueues
    #[command(name = "pg-restart")]
    Restart,
    /// On Postgres: the clocks of two replicas are 10 minutes off
    #[command(name = "pg-clock")]
    Clock,
    /// On Postgres: a session holds a snapshot for 5 minutes under load
    #[command(name = "pg-snapshot")]
    Snapshot,
    /// On Postgres: the same with jobs of many priorities
    #[command(name = "pg-snapshot-priorities")]
    SnapshotPriorities,
    /// On Postgres: the same with jobs that are scheduled first
    #[command(name = "pg-snapshot-scheduled")]
    SnapshotScheduled,
    /// On Postgres: 10,000 ready jobs beside a million scheduled and a million done ones
    #[command(name = "pg-depth")]
    Depth,
    /// On Postgres: a budget is used up by four processes, one killed every 2 s for 120 s, and edited
    #[command(name = "pg-limits")]
    Limits,
    /// On Postgres: three demos share a directory, and one of them is killed
    #[command(name = "pg-demo")]
    Demo,
    /// On Postgres: 50 schedules of each minute on three replicas for 10 minutes, the leader killed every 3 s
    #[command(name = "pg-cron-leader")]
    CronLeader,
    /// On Postgres: overview, timelines and pages of every list beside a million jobs
    #[command(name = "pg-reads")]
    Reads,
}

impl OnPostgres {
    pub(crate) const ALL: [Self; 13] = [
        Self::Kill,
        Self::Keys,
        Self::Freeze,
        Self::Restart,
        Self::Clock,
        Self::Snapshot,
        Self::SnapshotPriorities,
        Self::SnapshotScheduled,
        Self::Depth,
        Self::Limits,
        Self::Demo,
        Self::CronLeader,
        Self::Reads,
    ];

    pub(crate) async fn run(self, seed: u64, short: bool, program: &Path) -> Result<String, Failure> {
        let secs = Duration::from_secs;
        let cluster = Arc::new(Cluster::start(&self.options())?);
        let site = || Site::on(program, cluster.url("postgres"));
        match self {
            Self::Kill => {
                let (jobs, sleep_ms) = if short { (8_000, 50) } else { (50_000, 5) };
                let harm = secs(if short { 4 } else { 600 });
                let every = Duration::from_millis(500);
                Kill { seed, replicas: 4, jobs, sleep_ms, keys: 0, harm, every, limit: secs(600) }
                    .run(&site()?)
                    .await
            }
            Self::Keys => {
                let (jobs, harm) = if short { (600, secs(4)) } else { (10_000, secs(60)) };
                let every = Duration::from_millis(500);
                let kill =
                    Kill { seed, replicas: 4, jobs, sleep_ms: 50, keys: 40, harm, every, limit: secs(600) };
                let killed = kill.run(&site()?).await?;
                let crowd = Crowd { waiting: if short { 1_000 } else { 10_000 } }.run(&site()?).await?;
                Ok(format!("{killed}; {crowd}"))
            }
            Self::Freeze => (if short { Freeze::short() } else { Freeze::long(25) }).run(&site()?).await,
            Self::Restart => {
                let (restarts, every) = if short { (2, secs(5)) } else { (15, secs(20)) };
                let back_within = secs(if short { 20 } else { 5 });
                Restart { seed, restarts, every, rate: 200, replicas: 3, back_within }
                    .run(program, &cluster)
                    .await
            }
            Self::Clock => {
                let (jobs, span) = if short { (200, secs(8)) } else { (5_000, secs(120)) };
                Skew { seed, jobs, span }.run(program, &cluster).await
            }
            Self::Snapshot | Self::SnapshotPriorities | Self::SnapshotScheduled => {
                let priorities = if self == Self::SnapshotPriorities { 100 } else { 1 };
                let scheduled = self == Self::SnapshotScheduled;
                let (window, before, held) = if short { (secs(4), 2, 5) } else { (secs(30), 4, 10) };
                let slowest = (!short).then_some(SLOWEST);
                Snapshot {
                    seed,
                    window,
                    before,
                    held,
                    priorities,
                    scheduled,
                    call_ms: None,
                    least: 60,
                    slowest,
                }
                .run(program, &cluster)
                .await
            }
            Self::Depth => {
                let others = if short { 50_000 } else { 1_000_000 };
                let slowest = (!short).then_some(Duration::from_millis(25));
                Backlog { others, claims: 200, slowest }.run(program, &cluster).await
            }
            Self::Reads => {
                let reads = if short { Reads::short() } else { Reads::long() };
                reads.run(&site()?).await
            }
            Self::Limits => {
                let limits = if short { Limits::short(seed) } else { Limits::long(seed) };
                limits.run(&site()?).await
            }
            Self::CronLeader => {
                let campaign = if short { CronLeader::short() } else { CronLeader::long() };
                campaign.run(&site()?).await
            }
            Self::Demo => {
                let files = if short { 2_000 } else { 20_000 };
                Demo { seed, files, kill: true }.run(program, &cluster).await
            }
        }
    }

    /// What its server is like.
    fn options(self) -> Options {
        match self {
            Self::Restart => Options { durable: true, ..Options::default() },
            Self::Snapshot | Self::SnapshotPriorities | Self::SnapshotScheduled => Snapshot::options(),
            // Statistics are gathered when the campaign says so.
            Self::Depth => Options::default().with("autovacuum", "off"),
            _ => Options::default(),
        }
    }
}
