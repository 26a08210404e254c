//! The long forms of the campaigns on Postgres, each on a server of its own.

use forge_test_cluster::{Cluster, Options};
use forge_torture::campaigns::server::Restart;
use forge_torture::campaigns::{Failure, Freeze, Kill};
use forge_torture::fleet::Site;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// The campaigns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::Subcommand)]
pub(crate) enum OnPostgres {
    /// On Postgres: 50,000 jobs on four replicas, one of which is killed every 500 ms
    PgKill,
    /// On Postgres: 100 times a replica is stopped for three times the stale window, in the middle of a job
    PgFreeze,
    /// On Postgres: the server crashes every 20 s under a stream of enqueues
    PgRestart,
}

impl OnPostgres {
    pub(crate) const ALL: [Self; 3] = [Self::PgKill, Self::PgFreeze, Self::PgRestart];

    pub(crate) async fn run(self, seed: u64, short: bool, program: &Path) -> Result<String, Failure> {
        let secs = Duration::from_secs;
        let durable = self == Self::PgRestart;
        let cluster = Arc::new(Cluster::start(&Options { durable, ..Options::default() })?);
        let site = || Site::on(program, cluster.url("postgres"));
        match self {
            Self::PgKill => {
                let (jobs, sleep_ms) = if short { (2_000, 50) } else { (50_000, 5) };
                let harm = secs(if short { 4 } else { 600 });
                let every = Duration::from_millis(500);
                Kill { seed, replicas: 4, jobs, sleep_ms, harm, every, limit: secs(600) }.run(&site()?).await
            }
            Self::PgFreeze => Freeze { rounds: if short { 1 } else { 25 } }.run(&site()?).await,
            Self::PgRestart => {
                let (restarts, every) = if short { (2, secs(5)) } else { (15, secs(20)) };
                Restart { seed, restarts, every, rate: 200, replicas: 3 }.run(program, &cluster).await
            }
        }
    }
}
