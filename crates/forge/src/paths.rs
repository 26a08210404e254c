//! Where this program keeps its files: the user's own directories, as the platform names them.

use etcetera::BaseStrategy;
use forge_jobs::storage::{PathsError, QueuePaths};
use std::path::PathBuf;

/// The sub-directory in each of them.
const NAME: &str = "forge";

/// The user's directories: on Linux `$XDG_CONFIG_HOME/forge` (`~/.config/forge`) and `$XDG_DATA_HOME/forge`
/// (`~/.local/share/forge`).
#[derive(Clone, Copy, Debug)]
pub(crate) struct UserPaths;

impl QueuePaths for UserPaths {
    fn config_dir(&self) -> Result<PathBuf, PathsError> {
        etcetera::base_strategy::choose_native_strategy()
            .map(|dirs| dirs.config_dir().join(NAME))
            .map_err(|e| PathsError::new("config", format!("{e}: set HOME, or XDG_CONFIG_HOME")))
    }

    fn data_dir(&self) -> Result<PathBuf, PathsError> {
        etcetera::base_strategy::choose_native_strategy().map(|dirs| dirs.data_dir().join(NAME)).map_err(
            |e| PathsError::new("data", format!("{e}: set HOME, or XDG_DATA_HOME, or pass --database")),
        )
    }
}
