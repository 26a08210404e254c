//! Which module may know of which: inner rings know nothing of outer ones (ARCHITECTURE.md, "Rings").

use super::code::{code_only, line_of};
use super::{File, Problem};
use std::collections::HashMap;

const SOURCES: &str = "crates/forge-jobs/src/";

/// A part of the queue crate, and what it must not name.
struct Ring {
    /// Modules, as paths below the crate's root.
    parts: &'static [&'static str],
    /// Modules, as paths below the crate's root, or other crates.
    never: &'static [&'static str],
    why: &'static str,
}

const RINGS: &[Ring] = &[
    Ring {
        parts: &[
            "time",
            "limits",
            "job",
            "retry",
            "router",
            "cron",
            "schedule",
            "rate_limit",
            "metrics",
            "errors",
        ],
        never: &[
            "storage",
            "config",
            "enqueue",
            "handler",
            "runtime",
            "service",
            "testing",
            "conformance",
            "tokio",
            "rusqlite",
            "sqlx",
        ],
        why: "the pure ring does no input or output, reads no clock and is not async",
    },
    Ring {
        parts: &["storage"],
        never: &[
            "enqueue",
            "jobs",
            "queues",
            "schedules",
            "why",
            "handler",
            "runtime",
            "service",
            "testing",
            "conformance",
        ],
        why: "a storage knows the domain, and nothing of who uses it",
    },
    Ring {
        parts: &["handler", "enqueue", "jobs", "queues", "schedules", "why"],
        never: &[
            "config",
            "runtime",
            "service",
            "testing",
            "conformance",
            "storage::sqlite",
            "storage::postgres",
        ],
        why: "handlers and the enqueuer see the seam, and nothing of what runs them",
    },
    Ring {
        parts: &["runtime", "service"],
        never: &["config", "testing", "conformance", "storage::sqlite", "storage::postgres"],
        why: "the runtime uses the traits of the seam, whatever is behind them",
    },
    Ring {
        parts: &["testing", "conformance"],
        never: &["storage::sqlite", "storage::postgres"],
        why: "the kits work on any storage",
    },
];

/// Other crates that a rule speaks of.
const EXTERNAL: [&str; 3] = ["tokio", "rusqlite", "sqlx"];
/// The modules that may name a concrete backend: the backends themselves and the one place that opens them.
const MAY_NAME_BACKENDS: [&str; 3] = ["config::database", "storage::sqlite", "storage::postgres"];
const BACKENDS: [&str; 2] = ["storage::sqlite", "storage::postgres"];

pub(super) fn check(files: &[File]) -> Vec<Problem> {
    let exports = files
        .iter()
        .find(|f| f.path == format!("{SOURCES}lib.rs"))
        .map(|lib| exports_of_root(&code_only(&lib.text)))
        .unwrap_or_default();
    let mut problems = Vec::new();
    for file in files.iter().filter(|f| f.is_rust()) {
        if let Some(module) = file.path.strip_prefix(SOURCES).and_then(module_of) {
            check_module(file, &module, &exports, &mut problems);
        }
    }
    problems
}

fn check_module(file: &File, module: &str, exports: &HashMap<String, String>, problems: &mut Vec<Problem>) {
    let code = code_only(&file.text);
    for (at, path) in paths_from_root(&code, module) {
        let path = resolve(&path, exports);
        let mut report = |why: &str| {
            let text = format!("`{module}` must not name `{path}`: {why}");
            problems.push(Problem::new(&file.path, line_of(&code, at), text));
        };
        let mut told = false;
        for ring in RINGS.iter().filter(|ring| ring.parts.iter().any(|part| is_within(module, part))) {
            let own = ring.parts.iter().any(|part| is_within(&path, part));
            if !own && ring.never.iter().any(|never| is_within(&path, never)) {
                report(ring.why);
                told = true;
            }
        }
        let names_backend = BACKENDS.iter().any(|backend| is_within(&path, backend));
        if names_backend && !told && !MAY_NAME_BACKENDS.iter().any(|part| is_within(module, part)) {
            report("only config/database.rs names a concrete backend");
        }
    }
}

/// `job/id.rs` is `job::id`; the crate's root is no part of any ring.
fn module_of(path: &str) -> Option<String> {
    let path = path.strip_suffix(".rs")?;
    let path = path.strip_suffix("/mod").unwrap_or(path);
    (path != "lib").then(|| path.replace('/', "::"))
}

fn is_within(path: &str, module: &str) -> bool {
    path == module || path.strip_prefix(module).is_some_and(|rest| rest.starts_with("::"))
}

/// `JobId` is `job::JobId`, as the root exports it.
fn resolve(path: &str, exports: &HashMap<String, String>) -> String {
    let (first, rest) = path.split_once("::").map_or((path, None), |(first, rest)| (first, Some(rest)));
    let Some(full) = exports.get(first) else { return path.to_owned() };
    rest.map_or_else(|| full.clone(), |rest| format!("{full}::{rest}"))
}

/// What the root exports under names of its own: `pub use job::{JobId, …}` gives `JobId` → `job::JobId`.
fn exports_of_root(code: &str) -> HashMap<String, String> {
    let mut exports = HashMap::new();
    for (at, _) in code.match_indices("pub use ") {
        for path in use_tree(&code[at + "pub use ".len()..]) {
            if let Some(name) = path.rsplit("::").next() {
                exports.insert(name.to_owned(), path);
            }
        }
    }
    exports
}

/// Every path of a module, as one from the crate's root or from another crate, with its position.
///
/// `crate::` and `super::` are followed wherever they stand; other crates only where they begin a path.
fn paths_from_root(code: &str, module: &str) -> Vec<(usize, String)> {
    let mut paths = Vec::new();
    for (at, word) in words(code) {
        let before = code[..at].trim_end();
        if before.ends_with("::") || before.ends_with('.') {
            continue;
        }
        let Some(mut rest) = code[at + word.len()..].strip_prefix("::") else { continue };
        let mut base: Vec<&str> = match word {
            "crate" => Vec::new(),
            "super" => module.split("::").collect(),
            "self" => continue,
            other => {
                if EXTERNAL.contains(&other) {
                    paths.push((at, other.to_owned()));
                }
                continue;
            }
        };
        if word == "super" {
            base.pop();
            while let Some(further) = rest.strip_prefix("super::") {
                base.pop();
                rest = further;
            }
        }
        let base = base.join("::");
        for path in use_tree(rest) {
            paths.push((at, if base.is_empty() { path } else { format!("{base}::{path}") }));
        }
    }
    paths
}

fn words(code: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    code.split(move |c| !is_name(c)).filter(|word| !word.is_empty()).map(move |word| {
        // Both are parts of one text, so the difference of their addresses is a position in it.
        (word.as_ptr().addr() - code.as_ptr().addr(), word)
    })
}

/// The paths of a use tree that the text begins with: `a::{b, c::D}` gives `a::b` and `a::c::D`.
fn use_tree(text: &str) -> Vec<String> {
    let mut paths = Vec::new();
    tree(text, "", &mut paths);
    paths
}

/// Reads one tree and gives what is left of the text.
fn tree<'a>(text: &'a str, prefix: &str, paths: &mut Vec<String>) -> &'a str {
    let text = text.trim_start();
    if let Some(mut rest) = text.strip_prefix('{') {
        loop {
            rest = rest.trim_start().trim_start_matches(',').trim_start();
            if let Some(after) = rest.strip_prefix('}') {
                return after;
            }
            let before = rest.len();
            rest = tree(rest, prefix, paths);
            if rest.len() == before {
                // No use tree, and nothing that this could follow.
                return rest;
            }
        }
    }
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_' && c != '*').unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let path = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}::{name}") };
    if let Some(rest) = rest.strip_prefix("::") {
        // `a::<T>()` is an expression whose path ends here.
        if !rest.starts_with('<') {
            return tree(rest, &path, paths);
        }
    }
    if !name.is_empty() {
        paths.push(path);
    }
    rest.trim_start().strip_prefix("as ").map_or(rest, |renamed| {
        renamed.trim_start_matches(|c: char| c.is_alphanumeric() || c == '_' || c == ' ')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIB: &str = "mod job;\npub use job::{JobId, id::X as Y};\npub use runtime::QueueRuntime;\n";

    /// The texts of what is wrong with one module.
    fn problems(path: &str, text: &str) -> Vec<String> {
        let files =
            [File::sample(&format!("{SOURCES}lib.rs"), LIB), File::sample(&format!("{SOURCES}{path}"), text)];
        check(&files).into_iter().map(|p| p.to_string()).collect()
    }

    #[track_caller]
    fn refused(path: &str, text: &str, words: &str) {
        let found = problems(path, text);
        assert!(found.len() == 1 && found[0].contains(words), "{found:?}");
    }

    #[test]
    fn the_pure_ring_names_nothing_outside_itself() {
        refused(
            "job/id.rs",
            "use crate::storage::Lease;",
            "job/id.rs:1: `job::id` must not name `storage::Lease`",
        );
        refused("retry/mod.rs", "//! Doc.\nuse crate::{Job, runtime::QueueRuntime};", "retry/mod.rs:2:");
        refused("job/mod.rs", "fn f() { super::storage::open() }", "`storage::open`");
        refused("job/a.rs", "use super::super::handler::X;", "`handler::X`");
        assert_eq!(problems("job/mod.rs", "mod config;\npub use config::X;"), [""; 0]);
        refused("time.rs", "fn f() -> tokio::time::Instant {}", "`tokio`");
        assert_eq!(problems("job/id.rs", "use crate::{Timestamp, limits::X};\nuse super::name;"), [""; 0]);
    }

    #[test]
    fn a_name_that_the_root_exports_counts_as_its_module() {
        refused("job/id.rs", "use crate::QueueRuntime;", "`runtime::QueueRuntime`");
        assert_eq!(problems("retry/mod.rs", "use crate::JobId;"), [""; 0]);
    }

    #[test]
    fn storage_and_runtime_do_not_know_each_other() {
        refused("storage/sqlite/claim.rs", "use crate::runtime::Wake;", "`runtime::Wake`");
        refused("storage/sqlite/claim.rs", "use crate::service::Reaper;", "`service::Reaper`");
        refused("runtime/mod.rs", "use crate::storage::{Lease, sqlite::SqliteStorage};", "`storage::sqlite");
        refused("service/reaper.rs", "use crate::storage::postgres::Pool;", "`storage::postgres");
    }

    #[test]
    fn only_the_database_configuration_names_a_backend() {
        let text = "use crate::storage::sqlite::SqliteStorage;";
        assert_eq!(problems("config/database.rs", text), [""; 0]);
        assert_eq!(problems("storage/sqlite/claim.rs", text), [""; 0]);
        refused("config/paths.rs", text, "only config/database.rs");
        refused("storage/lease.rs", text, "only config/database.rs");
        refused("conformance/claim.rs", text, "any storage");
    }

    #[test]
    fn comments_and_strings_name_nothing() {
        assert_eq!(
            problems("job/id.rs", "/// See crate::storage::Lease.\nconst A: &str = \"crate::runtime::X\";"),
            [""; 0]
        );
    }

    #[test]
    fn nested_use_trees_are_followed() {
        let paths = use_tree("a::{b, c::{D as E, self}, f::*};");
        assert_eq!(paths, ["a::b", "a::c::D", "a::c::self", "a::f::*"]);
    }
}
