//! Debian's packages, for what is missing: installed where that can be done without asking, and said so.

use crate::root;
use crate::run::Cmd;
use std::fs::File;

/// Installs packages as root, or says how to do it by hand. Succeeds only when they are installed.
pub(crate) fn install(packages: &[&str], by_hand: &str) -> Result<(), String> {
    let is_root = Cmd::new("id").args(["-u"]).output().is_ok_and(|id| id == "0");
    if !is_root || !Cmd::new("apt-get").args(["--version"]).succeeds() {
        return Err(by_hand.to_owned());
    }
    // Steps that run beside each other, in threads and in processes, may miss the same package; apt-get lets one in.
    let _turn = turn()?;
    println!("installing the Debian packages {} with apt-get", packages.join(", "));
    // An older index may name versions that are gone; a failed update is worth a try all the same.
    let updated = Cmd::new("apt-get").args(["update"]).run();
    Cmd::new("apt-get")
        .args(["install", "--yes", "--no-install-recommends"])
        .args(packages)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .run()
        .map_err(|e| {
            format!("{e}{}\n{by_hand}", updated.err().map(|u| format!(" (after {u})")).unwrap_or_default())
        })
}

/// A file that one of us holds at a time; let go of with the value.
fn turn() -> Result<File, String> {
    let path = root::target().join("debian.lock");
    let cannot = |e: std::io::Error| format!("{} cannot be locked: {e}", path.display());
    let file = File::create(&path).map_err(cannot)?;
    file.lock().map_err(cannot)?;
    Ok(file)
}
