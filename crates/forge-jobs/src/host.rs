//! The host that this process runs on.

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
