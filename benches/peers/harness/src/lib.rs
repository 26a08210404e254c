//! What the programs that measure other job queues have in common: the arguments, the place of the database, the
//! arithmetic and the line that is printed. The work itself is that of `forge bench`, number for number.

mod args;
mod report;
mod server;
mod stats;

pub use args::{Args, Synchronous, Workload};
pub use report::{Answer, Peer, Round, main, main_on_server};
pub use server::{ServerArgs, ServerPeer, Settings};
pub use stats::rate;

use std::path::PathBuf;
use std::time::Duration;

/// Anything that keeps a measurement from being made; the program ends with exit code 1.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// About a hundred bytes, as small jobs are; the payload of `forge bench`.
pub const PAYLOAD: &str =
    r#"{"to":"ada@example.com","template":"welcome","locale":"en","account":1234567,"again":false}"#;

/// Jobs before the first that counts when single jobs are timed: statements are prepared, pages are read.
pub const WARM_UP: u32 = 20;

/// The concurrency of the worker whose pick-up is measured.
pub const PICK_UP_WIDTH: u16 = 10;

/// No measurement takes as long: jobs were lost.
pub const LIMIT: Duration = Duration::from_secs(3_600);

/// The time to wait before the n-th job of a pick-up: idle again, and not in step with anything.
#[must_use]
pub fn pause(n: u32) -> Duration {
    Duration::from_micros(1_000 + u64::from(n) * 7_919 % 4_000)
}

/// How many of the jobs each producer enqueues, so that all of them are enqueued.
pub fn shares(jobs: u32, producers: u32) -> impl Iterator<Item = u32> {
    (0..producers).map(move |n| jobs / producers + u32::from(n < jobs % producers))
}

/// Nothing is reported unless as many jobs came through as were to come through.
///
/// # Errors
///
/// When the two numbers differ.
pub fn expect(what: &str, wanted: u32, found: u64) -> Result<(), Failure> {
    if u64::from(wanted) == found {
        Ok(())
    } else {
        Err(format!("{what}: {wanted} wanted, {found} found").into())
    }
}

/// A fresh database file in a directory that is removed afterwards.
#[derive(Debug)]
pub struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    /// A new directory below the one that was named.
    ///
    /// # Errors
    ///
    /// When no directory can be made there.
    pub fn new(args: &Args) -> Result<Self, Failure> {
        let dir = tempfile::Builder::new()
            .prefix("peer-bench-")
            .tempdir_in(&args.dir)
            .map_err(|e| format!("no directory can be made in {}: {e}", args.dir.display()))?;
        Ok(Self { dir })
    }

    /// Where the database is, or will be.
    #[must_use]
    pub fn file(&self) -> PathBuf {
        self.dir.path().join("bench.db")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_add_up() {
        assert_eq!(shares(10, 4).collect::<Vec<_>>(), [3, 3, 2, 2]);
        assert_eq!(shares(80_000, 8).sum::<u32>(), 80_000);
    }

    #[test]
    fn pauses_are_between_one_and_five_milliseconds() {
        for n in 0..10_000 {
            assert!((1_000..5_000).contains(&pause(n).as_micros()));
        }
    }

    #[test]
    fn a_missing_job_is_a_failure() {
        assert!(expect("jobs", 3, 3).is_ok());
        assert!(expect("jobs", 3, 2).is_err());
    }
}
