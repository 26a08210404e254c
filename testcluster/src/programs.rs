//! Where the programs of PostgreSQL are, and whether they are new enough.

use crate::{Error, install};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The oldest major version that Forge supports.
pub const OLDEST: u32 = 14;

/// Where Debian and its relatives keep each version's programs.
const VERSIONS: &str = "/usr/lib/postgresql";

/// The programs of one PostgreSQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Programs {
    /// Makes the directory of a cluster.
    pub initdb: PathBuf,
    /// The server.
    pub postgres: PathBuf,
    /// Starts and stops servers by hand.
    pub pg_ctl: PathBuf,
}

impl Programs {
    /// Finds them on the search path, then below `/usr/lib/postgresql`, then where `pg_config` says; installs them
    /// from Debian's packages when they are nowhere and this is possible.
    ///
    /// # Errors
    ///
    /// They are missing and cannot be installed, or too old.
    pub fn find() -> Result<Self, Error> {
        let found = Self::look();
        let found = if let Some(found) = found {
            found
        } else {
            install::packages(&["postgresql", "pgbouncer"], "PostgreSQL")?;
            Self::look().ok_or_else(|| install::missing("PostgreSQL", "postgresql"))?
        };
        found.checked()
    }

    /// The programs in this directory.
    ///
    /// # Errors
    ///
    /// They are not all there, or too old.
    pub fn in_directory(dir: &Path) -> Result<Self, Error> {
        Self::all_in(dir).ok_or_else(|| Error::NoPrograms(dir.to_owned()))?.checked()
    }

    /// The major version, as `postgres --version` tells it.
    ///
    /// # Errors
    ///
    /// The program cannot be run, or says something else.
    pub fn major_version(&self) -> Result<u32, Error> {
        let text = self.version_text()?;
        major(&text).ok_or_else(|| Error::Program {
            what: format!("{} --version tells no version", self.postgres.display()),
            detail: text,
        })
    }

    fn version_text(&self) -> Result<String, Error> {
        let what = || format!("running {} --version", self.postgres.display());
        let output =
            Command::new(&self.postgres).arg("--version").output().map_err(|e| Error::system(what(), &e))?;
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    fn checked(self) -> Result<Self, Error> {
        if self.major_version()? < OLDEST {
            let place = self.postgres.display().to_string();
            return Err(Error::TooOld { found: self.version_text()?, place });
        }
        Ok(self)
    }

    fn look() -> Option<Self> {
        // The next place is only asked when the ones before have nothing: `pg_config` is a process.
        search_path().iter().find_map(|dir| Self::all_in(dir)).or_else(Self::newest_of_debian).or_else(|| {
            let output = Command::new("pg_config").arg("--bindir").output().ok()?;
            Self::all_in(Path::new(String::from_utf8_lossy(&output.stdout).trim()))
        })
    }

    fn newest_of_debian() -> Option<Self> {
        let entries = std::fs::read_dir(VERSIONS).ok()?.filter_map(Result::ok);
        let mut versions: Vec<(u32, PathBuf)> = entries
            .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
            .collect();
        versions.sort_unstable();
        versions.iter().rev().find_map(|(_, dir)| Self::all_in(dir))
    }

    fn all_in(dir: &Path) -> Option<Self> {
        let program = |name: &str| Some(dir.join(name)).filter(|path| path.is_file());
        Some(Self { initdb: program("initdb")?, postgres: program("postgres")?, pg_ctl: program("pg_ctl")? })
    }
}

/// Finds `pgbouncer` on the search path or in `/usr/sbin`; installs it when it is missing and this is possible.
///
/// # Errors
///
/// It is missing and cannot be installed.
pub fn pgbouncer() -> Result<PathBuf, Error> {
    if let Some(found) = find_program("pgbouncer") {
        return Ok(found);
    }
    install::packages(&["pgbouncer"], "PgBouncer")?;
    find_program("pgbouncer").ok_or_else(|| install::missing("PgBouncer", "pgbouncer"))
}

/// A program on the search path, or where programs of the administrator are.
pub(crate) fn find_program(name: &str) -> Option<PathBuf> {
    let mut dirs = search_path();
    dirs.extend(["/usr/sbin", "/sbin", "/usr/bin", "/bin"].map(PathBuf::from));
    dirs.into_iter().map(|dir| dir.join(name)).find(|path| path.is_file())
}

fn search_path() -> Vec<PathBuf> {
    std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default()
}

/// The major version in `postgres (PostgreSQL) 15.18 (Debian …)`, also of a beta (`18beta1`).
fn major(text: &str) -> Option<u32> {
    let (_, version) = text.split_once("(PostgreSQL) ")?;
    let digits = version.find(|c: char| !c.is_ascii_digit()).unwrap_or(version.len());
    version[..digits].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_is_read_from_every_form() {
        assert_eq!(major("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)"), Some(15));
        assert_eq!(major("postgres (PostgreSQL) 18beta1"), Some(18));
        assert_eq!(major("postgres (PostgreSQL) 9.6.24"), Some(9));
        assert_eq!(major("postgres (EnterpriseDB) 15"), None);
        assert_eq!(major("postgres (PostgreSQL) devel"), None);
    }
}
