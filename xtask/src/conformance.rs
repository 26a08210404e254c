//! `docs/conformance.md`: which rule holds on which storage, as the tests have just found.

use crate::run::cargo;
use crate::{postgres, root};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// A module of the conformance tests, and the storage that it is about.
const BACKENDS: [(&str, &str); 4] = [
    ("file", "SQLite, file"),
    ("memory", "SQLite, memory"),
    ("direct", "Postgres"),
    ("pooled", "Postgres through PgBouncer"),
];

/// Whether a rule held, per storage; `None`: it was not tried there.
type Verdicts = [Option<bool>; BACKENDS.len()];

/// What test runs have said of the rules so far: family → rule → verdicts.
#[derive(Default)]
pub(crate) struct Found(BTreeMap<String, BTreeMap<String, Verdicts>>);

impl Found {
    /// Takes in a line of a test program's output, if it tells of a rule: `test direct::claim::a_rule ... ok`.
    pub(crate) fn add_line(&mut self, line: &str) {
        let Some((name, verdict)) = line.strip_prefix("test ").and_then(|l| l.split_once(" ... ")) else {
            return;
        };
        let mut parts = name.split("::");
        let (Some(module), Some(family), Some(rule), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return;
        };
        let Some(at) = BACKENDS.iter().position(|(m, _)| *m == module) else { return };
        let verdicts = self.0.entry(family.to_owned()).or_default().entry(rule.to_owned()).or_default();
        verdicts[at] = Some(verdict.trim() == "ok");
    }

    fn page(&self) -> String {
        let rules: usize = self.0.values().map(BTreeMap::len).sum();
        let mut page = format!(
            "# Conformance\n\n\
             [Contents](README.md) · before: [Comparison](comparison.md) · next: [Glossary](glossary.md)\n\n\
             Written by `cargo xtask conformance`, out of the results of the tests; do not edit. {rules} rules define \
             what a storage is\n(`forge_jobs::conformance`), and each is tried on every storage: none is skipped for one \
             of them. What truly differs is\ndeclared in `forge_jobs::storage::Capabilities`. After each rule the \
             database is audited.\n\n\
             | family | rule |"
        );
        let heads: String = BACKENDS.iter().flat_map(|(_, name)| [" ", name, " |"]).collect();
        page.push_str(&heads);
        page.push_str("\n| --- | --- |");
        page.push_str(&" :-: |".repeat(BACKENDS.len()));
        page.push('\n');
        for (family, rules) in &self.0 {
            for (rule, verdicts) in rules {
                let words = rule.replace('_', " ");
                page.extend(["| ", family, " | ", &words, " |"]);
                page.extend(verdicts.iter().flat_map(|v| [" ", mark(*v), " |"]));
                page.push('\n');
            }
        }
        page
    }
}

const fn mark(verdict: Option<bool>) -> &'static str {
    match verdict {
        Some(true) => "holds",
        Some(false) => "BROKEN",
        None => "not tried",
    }
}

fn file() -> PathBuf {
    root::workspace().join("docs/conformance.md")
}

/// Runs the rules on every storage and writes the page.
pub(crate) fn run() -> Result<(), String> {
    let programs = ["--workspace", "--test", "conformance_sqlite", "--test", "conformance_postgres"];
    cargo(["build", "--bin", "forge-test-cluster"]).args(programs).run()?;
    let (_, found) = postgres::cargo_with_server(["test"])?.args(programs).run_rules()?;
    std::fs::write(file(), found.page()).map_err(|e| format!("{} cannot be written: {e}", file().display()))
}

/// Fails when the page does not say what the tests have just found; with `FORGE_BLESS` set it says so from now on.
pub(crate) fn check(found: &Found) -> Result<(), String> {
    if std::env::var_os("FORGE_BLESS").is_some() {
        return std::fs::write(file(), found.page())
            .map_err(|e| format!("{} cannot be written: {e}", file().display()));
    }
    let page = std::fs::read_to_string(file()).unwrap_or_default();
    if page == found.page() {
        Ok(())
    } else {
        Err("docs/conformance.md is not what the tests have found: run `cargo xtask conformance`".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts_are_read_from_the_lines_of_tests_and_of_rules_alone() {
        let mut found = Found::default();
        for line in [
            "test file::claim::a_rule ... ok",
            "test direct::claim::a_rule ... FAILED",
            "test claim::tests::something ... ok",
            "test file::claim::deeper::a_rule ... ok",
            "test result: ok. 3 passed",
        ] {
            found.add_line(line);
        }
        let page = found.page();
        assert!(page.contains("| claim | a rule | holds | not tried | BROKEN | not tried |"), "{page}");
        assert!(page.contains("1 rules define"), "{page}");
    }
}
