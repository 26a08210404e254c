//! Where the program keeps its files, and what can be set for tests.

use forge_jobs::Storage;
use forge_jobs::storage::{DatabaseConfig, PathsError, QueuePaths};
use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;

/// How long jobs may go on after the window was closed.
const CLOSE_WITHIN: Duration = Duration::from_secs(5);

/// The program's directory: `FORGE_DESKTOP_HOME`, or `forge-desktop` among the user's data.
pub(crate) struct Home(PathBuf);

impl Home {
    pub(crate) fn find() -> Result<Self, Box<dyn Error>> {
        use etcetera::BaseStrategy as _;
        let dir = match std::env::var_os("FORGE_DESKTOP_HOME") {
            Some(dir) => dir.into(),
            None => etcetera::base_strategy::choose_native_strategy()?.data_dir().join("forge-desktop"),
        };
        std::fs::create_dir_all(&dir).map_err(|e| format!("{}: {e}", dir.display()))?;
        // Paths of jobs are compared with it.
        Ok(Self(dir.canonicalize()?))
    }

    /// The queue: `forge.db` beside the rest, whatever the environment says of other databases.
    pub(crate) async fn open_storage(&self) -> Result<Storage, Box<dyn Error>> {
        Ok(DatabaseConfig::load_from_directory(self)?.open_storage(self).await?)
    }

    pub(crate) fn index_file(&self) -> PathBuf {
        self.0.join("files.db")
    }

    pub(crate) fn lock_file(&self) -> PathBuf {
        self.0.join("running.lock")
    }

    pub(crate) const fn dir(&self) -> &PathBuf {
        &self.0
    }

    /// How long jobs may go on after the window was closed: `FORGE_DESKTOP_CLOSE_MS`, 5 s unless set.
    #[allow(clippy::unused_self, reason = "a setting of this home")]
    pub(crate) fn close_within(&self) -> Duration {
        millis("FORGE_DESKTOP_CLOSE_MS").unwrap_or(CLOSE_WITHIN)
    }

    /// The heartbeat of the process: `FORGE_DESKTOP_HEARTBEAT_MS`, for tests that cannot wait for the usual one.
    #[allow(clippy::unused_self, reason = "a setting of this home")]
    pub(crate) fn heartbeat(&self) -> Option<Duration> {
        millis("FORGE_DESKTOP_HEARTBEAT_MS")
    }
}

impl QueuePaths for Home {
    fn config_dir(&self) -> Result<PathBuf, PathsError> {
        Ok(self.0.clone())
    }

    fn data_dir(&self) -> Result<PathBuf, PathsError> {
        Ok(self.0.clone())
    }
}

fn millis(name: &str) -> Option<Duration> {
    std::env::var(name).ok()?.parse().ok().map(Duration::from_millis)
}
