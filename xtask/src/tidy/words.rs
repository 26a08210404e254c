//! Words that say more of one machine than of the project, and names that say nothing.

use super::{File, Problem};

/// This very file.
const OWN_PATH: &str = "xtask/src/tidy/words.rs";
/// Beginnings of paths that exist on somebody's machine only.
const MACHINE_PATHS: [&str; 2] = ["/work/", "/root/"];
/// Module names that say nothing of what is in them.
const EMPTY_NAMES: [&str; 5] = ["common", "utils", "helpers", "manager", "misc"];

pub(super) fn check(files: &[File]) -> Vec<Problem> {
    let mut problems = Vec::new();
    // The samples of this tool's own tests break the rule on purpose.
    for file in files.iter().filter(|f| f.path != OWN_PATH) {
        let stem = file.path.rsplit('/').next().and_then(|name| name.strip_suffix(".rs"));
        let dirs = file.path.rsplit_once('/').map_or("", |(dirs, _)| dirs);
        let names_nothing = |name: &str| EMPTY_NAMES.contains(&name);
        if file.is_rust() && (stem.is_some_and(names_nothing) || dirs.split('/').any(names_nothing)) {
            problems.push(Problem::new(&file.path, 0, "the name says nothing of what is in it"));
        }
        for (i, line) in file.text.lines().enumerate() {
            for path in MACHINE_PATHS.iter().filter(|path| begins_a_path(line, path)) {
                let text = format!("{path}… is a path of one machine: use a relative or a made-up one");
                problems.push(Problem::new(&file.path, i + 1, text));
            }
            for host in hosts(line).filter(|host| !is_public(host)) {
                let text = format!("the host {host:?} is known on one network only");
                problems.push(Problem::new(&file.path, i + 1, text));
            }
        }
    }
    problems
}

/// Whether the path stands in the line, and not as the tail of a longer one.
fn begins_a_path(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        before.is_none_or(|c| !c.is_alphanumeric() && !"._-~}/*".contains(c))
    })
}

/// The hosts of the URLs in a line.
fn hosts(line: &str) -> impl Iterator<Item = &str> {
    line.match_indices("://").filter_map(|(at, mark)| {
        let scheme = line[..at].chars().next_back()?;
        let rest = &line[at + mark.len()..];
        let end =
            rest.find(|c: char| !c.is_ascii_alphanumeric() && !".-_@:".contains(c)).unwrap_or(rest.len());
        let host = rest[..end].rsplit('@').next().unwrap_or("");
        let host = host.split(':').next().unwrap_or(host).trim_end_matches('.');
        (scheme.is_ascii_alphanumeric() && !host.is_empty()).then_some(host)
    })
}

/// Loopback, names for examples, and names under a public top level.
fn is_public(host: &str) -> bool {
    let private_tops = ["internal", "local", "lan", "corp", "intranet", "home", "svc", "cluster"];
    let last = host.rsplit('.').next().unwrap_or(host);
    if host.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        // Loopback, and the three ranges set aside for documentation (RFC 5737).
        return ["127.", "192.0.2.", "198.51.100.", "203.0.113."].iter().any(|range| host.starts_with(range));
    }
    matches!(host, "localhost" | "host" | "example" | "ipc.localhost")
        || (host.contains('.') && !private_tops.contains(&last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_line(line: &str, expected: &[&str]) {
        let found: Vec<_> = check(&[File::sample("a.md", line)]).into_iter().map(|p| p.text).collect();
        assert_eq!(found.len(), expected.len(), "{line}: {found:?}");
        for (text, words) in found.iter().zip(expected) {
            assert!(text.contains(words), "{text}");
        }
    }

    #[test]
    fn a_path_of_one_machine_is_found() {
        check_line("see /work/x/y", &["path of one machine"]);
        check_line("`/root/me`", &["path of one machine"]);
        check_line(
            &format!("a{}x, ~{}x, target/debug, /var/lib/app", MACHINE_PATHS[0], MACHINE_PATHS[1]),
            &[],
        );
    }

    #[test]
    fn a_host_of_one_network_is_found() {
        check_line("http://mirror.internal/x", &["mirror.internal"]);
        check_line("registry = \"sparse+https://cache:8080/\"", &["\"cache\""]);
        check_line("http://10.0.0.7:3000", &["10.0.0.7"]);
        check_line(
            "https://docs.rs/x, http://127.0.0.1:8080, postgres://user:secret@host/db, http://192.0.2.1",
            &[],
        );
    }

    #[test]
    fn a_module_name_that_says_nothing_is_found() {
        for path in ["a/utils.rs", "tests/common/mod.rs"] {
            assert_eq!(check(&[File::sample(path, "")]).len(), 1, "{path}");
        }
        assert_eq!(check(&[File::sample("a/claim.rs", "")]), []);
    }
}
