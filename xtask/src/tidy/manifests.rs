//! Which crate may stand on which, and what every manifest must say.

use super::{File, Problem};

/// A crate, and the dependencies that it must not have.
const NEVER: &[(&str, &[&str], &str)] = &[
    (
        "forge-charts",
        &["forge-jobs", "forge-jobs-api", "forge-jobs-ui", "forge"],
        "charts know nothing of jobs",
    ),
    ("forge-jobs", &["forge-charts", "forge-jobs-api", "forge-jobs-ui", "forge"], "the queue stands alone"),
    ("forge-jobs-api", &["forge-charts", "forge-jobs-ui", "forge"], "the transport knows no panel"),
    (
        "forge-jobs-ui",
        &["forge-jobs", "forge", "axum", "tokio", "rusqlite", "sqlx"],
        "the panel knows wire types only, no server",
    ),
];

pub(super) fn check(files: &[File]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for file in files {
        let Some(krate) = crate_of(&file.path) else { continue };
        for (line, section, key, value) in entries(&file.text) {
            if !section.ends_with("dependencies") {
                continue;
            }
            for (_, never, why) in NEVER.iter().filter(|(name, ..)| *name == krate) {
                // A crate may name itself, to turn features on for its own tests.
                if never.contains(&key) && key != krate {
                    problems.push(Problem::new(
                        &file.path,
                        line,
                        format!("{krate} must not depend on {key}: {why}"),
                    ));
                }
            }
            if krate == "forge-jobs-ui" && key == "forge-jobs-api" && value.contains("\"server\"") {
                let text = "forge-jobs-ui must not turn on the feature `server`: the panel knows no server";
                problems.push(Problem::new(&file.path, line, text));
            }
        }
        let inherits = entries(&file.text).any(|(_, section, key, value)| {
            (section == "lints" && key == "workspace" && value == "true")
                || (section.is_empty() && key == "lints.workspace" && value == "true")
        });
        if !inherits {
            problems.push(Problem::new(
                &file.path,
                0,
                "it must inherit the workspace's lints: [lints] workspace = true",
            ));
        }
        let dir = file.path.trim_end_matches("Cargo.toml");
        if krate != "xtask" && !files.iter().any(|f| f.path == format!("{dir}README.md")) {
            problems.push(Problem::new(&file.path, 0, "the crate has no README.md"));
        }
    }
    problems
}

/// The crate that a path is the manifest of.
fn crate_of(path: &str) -> Option<&str> {
    if path == "xtask/Cargo.toml" {
        return Some("xtask");
    }
    let name = path.strip_prefix("crates/")?.strip_suffix("/Cargo.toml")?;
    (!name.contains('/')).then_some(name)
}

/// (line, section, key, value) of each entry. `a.workspace = true` in a table of dependencies has the key `a`.
fn entries(manifest: &str) -> impl Iterator<Item = (usize, &str, &str, &str)> {
    let mut section = "";
    manifest.lines().enumerate().filter_map(move |(i, line)| {
        let line = line.trim();
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']').trim_matches('[');
            // `[dependencies.a]` is an entry of its own.
            return section.rsplit_once("dependencies.").map(|(before, key)| {
                let whole = &section[..before.len() + "dependencies".len()];
                (i + 1, whole, key.trim_matches('"'), "")
            });
        }
        let (key, value) = line.split_once('=').filter(|_| !line.starts_with('#'))?;
        let key = key.trim().trim_matches('"');
        let key = if section.ends_with("dependencies") { key.split('.').next().unwrap_or(key) } else { key };
        Some((i + 1, section, key, value.trim()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(krate: &str, manifest: &str) -> Vec<String> {
        let manifest = format!("{manifest}\n[lints]\nworkspace = true\n");
        let path = format!("crates/{krate}/Cargo.toml");
        let readme = File::sample(&format!("crates/{krate}/README.md"), "# x\n");
        check(&[File::sample(&path, &manifest), readme]).into_iter().map(|p| p.to_string()).collect()
    }

    #[track_caller]
    fn refused(krate: &str, manifest: &str, words: &str) {
        let found = problems(krate, manifest);
        assert!(found.len() == 1 && found[0].contains(words), "{found:?}");
    }

    #[test]
    fn a_dependency_against_the_rings_is_refused_in_every_spelling() {
        let words = "forge-charts must not depend on forge-jobs";
        refused("forge-charts", "[dependencies]\nforge-jobs.workspace = true", words);
        refused("forge-charts", "[dev-dependencies]\nforge-jobs = { path = \"../forge-jobs\" }", words);
        refused("forge-charts", "[dependencies.forge-jobs]\npath = \"../forge-jobs\"", words);
        refused("forge-charts", "[target.'cfg(unix)'.dependencies]\n\"forge-jobs\" = \"0.1\"", words);
        refused("forge-jobs-ui", "[dependencies]\naxum = \"0.8\"", "must not depend on axum");
        let server = "[dependencies]\nforge-jobs-api = { workspace = true, features = [\"server\"] }";
        refused("forge-jobs-ui", server, "feature `server`");
    }

    #[test]
    fn what_is_allowed_passes() {
        let api = "[dependencies]\nforge-charts.workspace = true\nforge-jobs-api = { workspace = true }";
        assert_eq!(problems("forge-jobs-ui", api), [""; 0]);
        let own = "[dev-dependencies]\nforge-jobs = { path = \".\", features = [\"testing\"] }";
        assert_eq!(problems("forge-jobs", own), [""; 0]);
    }

    #[test]
    fn a_manifest_without_the_workspaces_lints_or_a_readme_is_refused() {
        let found = check(&[File::sample("crates/a/Cargo.toml", "[package]\nname = \"a\"\n")]);
        let texts: Vec<_> = found.iter().map(|p| p.text.as_str()).collect();
        assert!(texts.len() == 2 && texts[0].contains("lints") && texts[1].contains("README"), "{texts:?}");
    }
}
