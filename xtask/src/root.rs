//! Where the workspace and its build products are.

use std::path::{Path, PathBuf};

/// The workspace's directory. The tool is built from it, on the machine that it runs on.
pub(crate) fn workspace() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}

/// The directory of all build products.
pub(crate) fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| workspace().join("target"), |dir| workspace().join(dir))
}

/// The directory with the debug build's products: the one that this very program lies in.
pub(crate) fn debug_products() -> Result<PathBuf, String> {
    let exe = std::env::current_exe().map_err(|e| format!("the path of this program cannot be told: {e}"))?;
    exe.parent().map(Path::to_path_buf).ok_or_else(|| format!("{} lies in no directory", exe.display()))
}

/// The names of the crates, sorted: the directories in `crates/` that hold a manifest.
pub(crate) fn crates() -> Result<Vec<String>, String> {
    let dir = workspace().join("crates");
    let entries = std::fs::read_dir(&dir).map_err(|e| format!("{} cannot be read: {e}", dir.display()))?;
    let mut names: Vec<String> = entries
        .filter_map(Result::ok)
        .filter(|entry| entry.path().join("Cargo.toml").is_file())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort_unstable();
    Ok(names)
}
