//! The environment variables, so that a test can have its own.

use super::ConfigError;
use std::collections::HashMap;
use std::ffi::OsString;
use std::path::PathBuf;

/// Where variables are looked up. One that is empty counts as not set.
#[derive(Debug)]
pub(super) enum Environment {
    /// The process's own.
    Process,
    /// Made up.
    #[cfg_attr(not(test), expect(dead_code, reason = "a process cannot change its own environment safely"))]
    Made(HashMap<String, OsString>),
}

impl Environment {
    pub(super) fn get(&self, name: &str) -> Option<OsString> {
        match self {
            Self::Process => std::env::var_os(name),
            Self::Made(all) => all.get(name).cloned(),
        }
        .filter(|value| !value.is_empty())
    }

    /// A variable that must be UTF-8.
    pub(super) fn text(&self, name: &str) -> Result<Option<String>, ConfigError> {
        let refuse = |_| ConfigError::Value { from: name.into(), reason: "it is no UTF-8".into() };
        self.get(name).map(OsString::into_string).transpose().map_err(refuse)
    }

    /// Below the home directory: the file that `~` stands for.
    pub(super) fn home(&self) -> Option<PathBuf> {
        match self {
            Self::Process => std::env::home_dir(),
            Self::Made(_) => self.get("HOME").map(PathBuf::from),
        }
    }

    /// The user that this process runs as.
    pub(super) fn user(&self) -> Option<String> {
        let account = match self {
            Self::Process => account(),
            Self::Made(_) => None,
        };
        let told = || ["USER", "LOGNAME", "USERNAME"].iter().find_map(|name| self.get(name));
        account.or_else(|| told().and_then(|name| name.into_string().ok()))
    }
}

/// As the system's list of accounts has it: services and containers need not have the variables.
#[cfg(target_os = "linux")]
fn account() -> Option<String> {
    let id = rustix::process::geteuid().as_raw().to_string();
    name_of(&std::fs::read_to_string("/etc/passwd").ok()?, &id)
}

#[cfg(not(target_os = "linux"))]
const fn account() -> Option<String> {
    None
}

/// Lines are `name:password:id:…`.
#[cfg(target_os = "linux")]
fn name_of(accounts: &str, id: &str) -> Option<String> {
    let named = accounts.lines().find_map(|line| {
        let mut fields = line.split(':');
        fields.next().filter(|name| !name.is_empty() && fields.nth(1) == Some(id))
    });
    named.map(str::to_owned)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::name_of;

    #[test]
    fn an_account_is_found_by_its_number() {
        const ACCOUNTS: &str =
            "root:x:0:0:root:/:/bin/sh\n# a note\n:x:7:\napp:x:1000:1000::/home/app:/bin/sh\n";
        assert_eq!(name_of(ACCOUNTS, "1000").as_deref(), Some("app"));
        assert_eq!(name_of(ACCOUNTS, "0").as_deref(), Some("root"));
        for id in ["100", "7", "", "x"] {
            assert_eq!(name_of(ACCOUNTS, id), None, "{id}");
        }
    }
}
