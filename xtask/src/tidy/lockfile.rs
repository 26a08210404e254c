//! What the lock file may hold: packages of the public registry only, and no two of what can be linked once.
//!
//! `deny.toml` says the same to cargo-deny; this is here because it must hold on machines without it as well.

use super::{File, Problem};

const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";
/// OpenSSL in any form: rustls serves, and builds everywhere without a system library.
const BANNED: [&str; 3] = ["openssl", "openssl-sys", "native-tls"];
/// Packages that a binary can hold only once.
const ONCE: [&str; 1] = ["libsqlite3-sys"];

pub(super) fn check(files: &[File]) -> Vec<Problem> {
    let Some(lock) = files.iter().find(|f| f.path == "Cargo.lock") else {
        return vec![Problem::new("Cargo.lock", 0, "it is missing: run cargo check and commit it")];
    };
    let mut problems = Vec::new();
    let mut once: Vec<&str> = Vec::new();
    for (i, line) in lock.text.lines().enumerate() {
        if let Some(source) = value(line, "source")
            && source != REGISTRY
        {
            problems.push(Problem::new(
                &lock.path,
                i + 1,
                format!("the source {source} is not the public registry"),
            ));
        }
        if let Some(name) = value(line, "name") {
            if BANNED.contains(&name) {
                problems.push(Problem::new(&lock.path, i + 1, format!("{name} is banned: use rustls")));
            }
            if ONCE.contains(&name) {
                if once.contains(&name) {
                    problems.push(Problem::new(
                        &lock.path,
                        i + 1,
                        format!("a second {name}: a binary can hold one"),
                    ));
                }
                once.push(name);
            }
        }
    }
    problems
}

fn value<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    line.strip_prefix(key)?.strip_prefix(" = \"")?.strip_suffix('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(lock: &str) -> Vec<String> {
        check(&[File::sample("Cargo.lock", lock)]).into_iter().map(|p| p.text).collect()
    }

    #[test]
    fn packages_of_the_public_registry_pass() {
        assert_eq!(texts(&format!("[[package]]\nname = \"serde\"\nsource = \"{REGISTRY}\"\n")), [""; 0]);
    }

    #[test]
    fn another_source_a_banned_package_and_a_second_sqlite_are_refused() {
        let lock = "name = \"a\"\nsource = \"git+https://example.org/a\"\nname = \"openssl-sys\"\n\
                    name = \"libsqlite3-sys\"\nname = \"libsqlite3-sys\"\n";
        let found = texts(lock);
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(
            found[0].contains("git+https") && found[1].contains("openssl-sys") && found[2].contains("second")
        );
    }

    #[test]
    fn a_missing_lock_file_is_refused() {
        assert_eq!(check(&[]).len(), 1);
    }
}
