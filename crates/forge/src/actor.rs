//! Who uses the command line: the audit names them.

use forge_jobs::storage::{Actor, Source};

/// The user of the operating system.
pub(crate) fn actor() -> Actor {
    Actor::lossy(&user().unwrap_or_default(), Source::Cli)
}

#[cfg(unix)]
fn user() -> Option<String> {
    use std::os::unix::fs::MetadataExt;
    let uid = std::fs::metadata("/proc/self").map(|m| m.uid()).ok();
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    // name:password:uid:…
    let named = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, id) = (fields.next()?, fields.nth(1)?);
        (id.parse().ok() == uid && uid.is_some()).then(|| name.to_owned())
    });
    named.or_else(from_environment)
}

#[cfg(not(unix))]
fn user() -> Option<String> {
    from_environment()
}

fn from_environment() -> Option<String> {
    ["USER", "LOGNAME", "USERNAME"].into_iter().find_map(|name| std::env::var(name).ok())
}
