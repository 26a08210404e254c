//! The library that stands between a program and the C library: `shim/harm.c`.

use crate::campaigns::Failure;
use std::path::{Path, PathBuf};
use std::process::Command;

const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/shim/harm.c");

/// Compiles it into a directory, to be named by `LD_PRELOAD`.
///
/// # Errors
///
/// When there is no C compiler, or it refuses.
pub fn build(dir: &Path) -> Result<PathBuf, Failure> {
    let library = dir.join("harm.so");
    let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
    let built = Command::new(&compiler)
        .args(["-shared", "-fPIC", "-O2", "-Wall", "-Wextra", "-Werror", "-o"])
        .arg(&library)
        .args([SOURCE, "-ldl"])
        .output()
        .map_err(|e| format!("{} cannot be run: {e}", compiler.display()))?;
    if !built.status.success() {
        return Err(format!("{SOURCE}: {}", String::from_utf8_lossy(&built.stderr)).into());
    }
    Ok(library)
}
