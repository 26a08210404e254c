//! Installing what is missing, where that can be done without asking: as root, from Debian's packages.

use crate::Error;
use crate::programs::find_program;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

/// What Debian's packages ask whether to make a cluster of the system's own.
const CREATE_CLUSTER: &str = "/etc/postgresql-common/createcluster.conf";

/// Tests of one process that miss the same package must not install it at the same time.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// The library that shows another time to a program with threads, for `LD_PRELOAD`; installed when it is missing and
/// this is possible.
///
/// # Errors
///
/// It is missing and cannot be installed.
pub fn ensure_faketime() -> Result<PathBuf, Error> {
    if let Some(found) = faketime() {
        return Ok(found);
    }
    packages(&["libfaketime"], "libfaketime")?;
    faketime().ok_or_else(|| missing("libfaketime", "libfaketime"))
}

fn faketime() -> Option<PathBuf> {
    // /usr/lib/faketime, or below a directory that is named after the processor.
    let dirs = std::fs::read_dir("/usr/lib").ok()?.filter_map(Result::ok).map(|entry| entry.path());
    std::iter::once(PathBuf::from("/usr/lib"))
        .chain(dirs)
        .map(|dir| dir.join("faketime/libfaketimeMT.so.1"))
        .find(|library| library.is_file())
}

/// The error that names the package to install.
pub(crate) fn missing(program: &'static str, package: &str) -> Error {
    let remedy =
        format!("install it (Debian and Ubuntu: apt-get install {package}), or run this as root there");
    Error::Missing { program, remedy }
}

/// Installs Debian's packages, and says so on stderr.
pub(crate) fn packages(names: &[&str], program: &'static str) -> Result<(), Error> {
    let Some(apt_get) = find_program("apt-get").filter(|_| rustix::process::geteuid().is_root()) else {
        return Err(missing(program, &names.join(" ")));
    };
    let _one = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    eprintln!("installing Debian's packages: {}", names.join(" "));
    if names.contains(&"postgresql") {
        no_cluster_of_the_system(Path::new(CREATE_CLUSTER))?;
    }
    // A fresh machine knows no packages. What cannot be reached now may have been fetched before.
    let _ = apt(&apt_get, &["update"]);
    let mut install = vec!["install", "--yes", "--no-install-recommends"];
    // The file that was written above is kept, without a question that nobody answers.
    install.extend(["-o", "Dpkg::Options::=--force-confold"]);
    install.extend(names);
    apt(&apt_get, &install)
}

/// Debian's package makes and starts a server of its own unless it is told not to. What an administrator wrote stays.
fn no_cluster_of_the_system(config: &Path) -> Result<(), Error> {
    if config.exists() {
        return Ok(());
    }
    let cannot = |e: std::io::Error| Error::system(format!("writing {}", config.display()), &e);
    if let Some(dir) = config.parent() {
        std::fs::create_dir_all(dir).map_err(cannot)?;
    }
    std::fs::write(config, "create_main_cluster = false\n").map_err(cannot)
}

fn apt(apt_get: &Path, args: &[&str]) -> Result<(), Error> {
    let what = || format!("apt-get {}", args.join(" "));
    let output = Command::new(apt_get)
        // Another process may be installing just now.
        .args(["-q", "-o", "DPkg::Lock::Timeout=600"])
        .args(args)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null())
        .output()
        .map_err(|e| Error::system(what(), &e))?;
    if output.status.success() {
        return Ok(());
    }
    let detail = format!("{}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim());
    Err(Error::Program { what: what(), detail })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_packages_cluster_is_declined_unless_the_administrator_has_decided() {
        let dir = tempfile::tempdir().unwrap();
        let config = dir.path().join("postgresql-common/createcluster.conf");
        no_cluster_of_the_system(&config).unwrap();
        assert_eq!(std::fs::read_to_string(&config).unwrap(), "create_main_cluster = false\n");
        std::fs::write(&config, "data_directory = '/srv'\n").unwrap();
        no_cluster_of_the_system(&config).unwrap();
        assert_eq!(std::fs::read_to_string(&config).unwrap(), "data_directory = '/srv'\n");
    }
    #[test]
    fn another_time_is_shown_or_the_remedy_is_named() {
        match ensure_faketime() {
            Ok(library) => {
                let mut date = Command::new("date");
                let date = date.arg("+%Y").env("LD_PRELOAD", library).env("FAKETIME", "2001-02-03 04:05:06");
                assert_eq!(String::from_utf8_lossy(&date.output().unwrap().stdout).trim(), "2001");
            }
            Err(e) => assert!(e.to_string().contains("apt-get install libfaketime"), "{e}"),
        }
    }
}
