//! A browser and the scripts that drive it: found, or installed from Debian's packages and from npm.

use crate::debian;
use crate::run::Cmd;
use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

/// Names of browsers that the scripts can drive.
const BROWSERS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
/// Three small packages.
const NPM_LIMIT: Duration = Duration::from_secs(300);

/// The browser to drive: the one that `CHROMIUM` names, one on the search path, or Debian's.
pub(crate) fn find() -> Result<OsString, String> {
    if let Some(named) = std::env::var_os("CHROMIUM").filter(|named| !named.is_empty()) {
        return Ok(named);
    }
    let found = || BROWSERS.iter().find_map(|name| on_path(name));
    if let Some(found) = found() {
        return Ok(found);
    }
    debian::install(
        &["chromium"],
        "no Chromium is here: install it (Debian: apt-get install chromium), or name one in CHROMIUM",
    )?;
    found().ok_or_else(|| "Debian's package brought no chromium".into())
}

/// Fetches what a directory's `package-lock.json` names, unless it is there already.
pub(crate) fn install(directory: &Path) -> Result<(), String> {
    let missing: Vec<&str> = [("node", "nodejs"), ("npm", "npm")]
        .iter()
        .filter(|(name, _)| on_path(name).is_none())
        .map(|n| n.1)
        .collect();
    if !missing.is_empty() {
        let by_hand =
            "the scripts for the browser need Node 18 or newer with npm (Debian: apt-get install nodejs npm)";
        debian::install(&missing, by_hand)?;
    }
    let wanted = read(&directory.join("package-lock.json"))?;
    // Written last: what is there only in part is fetched again.
    let fetched = directory.join("node_modules/.fetched");
    if read(&fetched).is_ok_and(|text| text == wanted) {
        return Ok(());
    }
    let args = ["ci", "--no-audit", "--no-fund", "--ignore-scripts"];
    Cmd::new("npm").args(args).in_dir(directory).within(NPM_LIMIT).run()?;
    std::fs::write(&fetched, wanted).map_err(|e| format!("{} cannot be written: {e}", fetched.display()))
}

fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|e| format!("{} cannot be read: {e}", path.display()))
}

/// Where the search path has a program.
pub(crate) fn on_path(name: &str) -> Option<OsString> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join(name)).find(|file| file.is_file()).map(Into::into)
}
