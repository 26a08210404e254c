//! The host that this process runs on.

use std::path::Path;
use std::sync::LazyLock;

static NAME: LazyLock<String> = LazyLock::new(ask);

/// Its name, for people only: never an identity.
pub(crate) fn name() -> &'static str {
    &NAME
}

#[cfg(target_os = "linux")]
fn ask() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

#[cfg(not(target_os = "linux"))]
fn ask() -> String {
    std::env::var("HOSTNAME").or_else(|_| std::env::var("COMPUTERNAME")).unwrap_or_else(|_| "unknown".into())
}

/// Free bytes of the volume that a directory is on, for those without special rights, and its size.
#[cfg(target_os = "linux")]
pub(crate) fn space(directory: &Path) -> Option<(u64, u64)> {
    let volume = rustix::fs::statvfs(directory).ok()?;
    Some((volume.f_bavail.saturating_mul(volume.f_frsize), volume.f_blocks.saturating_mul(volume.f_frsize)))
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn space(directory: &Path) -> Option<(u64, u64)> {
    // On Windows a canonical path begins with a prefix that mount points do not have.
    let whole = if cfg!(windows) { std::path::absolute(directory) } else { directory.canonicalize() };
    let directory = whole.ok()?;
    let disks = sysinfo::Disks::new_with_refreshed_list();
    let on = disks.iter().filter(|disk| directory.starts_with(disk.mount_point()));
    let disk = on.max_by_key(|disk| disk.mount_point().as_os_str().len())?;
    Some((disk.available_space(), disk.total_space()))
}
