//! Rules about text that no compiler checks. A rule gives problems, which fail, or hints, which do not.

mod adr;
mod attributes;
mod blocks;
mod code;
mod contents;
mod lockfile;
mod manifests;
mod markdown;
mod rings;
mod sizes;
mod words;

use crate::root;
use std::fmt;
use std::path::Path;

/// Something that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Problem {
    path: String,
    /// From 1; 0 speaks of the file as a whole.
    line: usize,
    text: String,
}

impl Problem {
    fn new(path: &str, line: usize, text: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, text: text.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.path, self.text),
            line => write!(f, "{}:{line}: {}", self.path, self.text),
        }
    }
}

/// A text file of the repository.
struct File {
    /// Relative to the workspace, with `/`.
    path: String,
    text: String,
}

impl File {
    #[cfg(test)]
    fn sample(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned() }
    }

    fn is_rust(&self) -> bool {
        self.has_extension("rs")
    }

    fn has_extension(&self, extension: &str) -> bool {
        Path::new(&self.path).extension().is_some_and(|e| e == extension)
    }
}

type Rule = (&'static str, fn(&[File]) -> Vec<Problem>);

const RULES: [Rule; 12] = [
    ("rings", rings::check),
    ("manifests", manifests::check),
    ("lock file", lockfile::check),
    ("module docs", attributes::module_docs),
    ("leftovers", attributes::leftovers),
    ("reasons of attributes", attributes::reasons),
    ("links", markdown::links),
    ("paths to documents", markdown::document_paths),
    ("ADRs", adr::check),
    ("words", words::check),
    ("blocks of Rust", blocks::check),
    ("contents", contents::check),
];

/// Checks the whole workspace.
pub(crate) fn run() -> Result<(), String> {
    let files = files_of_workspace()?;
    let mut failed = 0_usize;
    for (name, rule) in RULES {
        let mut problems = rule(&files);
        problems.sort_unstable();
        for problem in &problems {
            println!("{problem} [{name}]");
        }
        failed += problems.len();
    }
    let hints = sizes::hints(&files);
    for hint in &hints {
        println!("hint: {hint}");
    }
    println!("tidy: {} files, {} rules, {failed} problems, {} hints", files.len(), RULES.len(), hints.len());
    if failed == 0 { Ok(()) } else { Err(format!("tidy found {failed} problems, listed above")) }
}

/// Every text file below the workspace that is not a build product, sorted by path.
fn files_of_workspace() -> Result<Vec<File>, String> {
    let mut files = Vec::new();
    collect(root::workspace(), "", &mut files)?;
    files.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

fn collect(dir: &Path, prefix: &str, files: &mut Vec<File>) -> Result<(), String> {
    let cannot = |e: std::io::Error| format!("{} cannot be read: {e}", dir.display());
    for entry in std::fs::read_dir(dir).map_err(cannot)? {
        let entry = entry.map_err(cannot)?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}/{name}") };
        let kind = entry.file_type().map_err(cannot)?;
        if kind.is_dir() {
            if !matches!(name.as_str(), ".git" | "target" | "node_modules") {
                collect(&entry.path(), &path, files)?;
            }
        } else if kind.is_file() && is_text(&name) {
            let text =
                std::fs::read_to_string(entry.path()).map_err(|e| format!("{path} cannot be read: {e}"))?;
            files.push(File { path, text });
        }
    }
    Ok(())
}

fn is_text(name: &str) -> bool {
    const EXTENSIONS: [&str; 14] = [
        "rs", "md", "toml", "lock", "sql", "sh", "snap", "css", "html", "json", "svg", "mjs", "yml",
        "service",
    ];
    const NAMES: [&str; 5] = ["run", ".gitignore", "Containerfile", "LICENSE-MIT", "LICENSE-APACHE"];
    let extension = name.rsplit_once('.').map_or("", |(_, e)| e);
    EXTENSIONS.contains(&extension) || NAMES.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_workspace_is_tidy() {
        assert_eq!(run(), Ok(()));
    }

    #[test]
    fn a_problem_is_shown_as_editors_understand_it() {
        assert_eq!(Problem::new("a.rs", 3, "no").to_string(), "a.rs:3: no");
        assert_eq!(Problem::new("a.rs", 0, "no").to_string(), "a.rs: no");
    }
}
