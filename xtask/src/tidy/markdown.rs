//! Links in Markdown, and paths to documents in comments, lead somewhere.

use super::{File, Problem};
use std::collections::HashSet;

/// Every relative link leads to a file of the repository, and its fragment to a heading there.
pub(super) fn links(files: &[File]) -> Vec<Problem> {
    let paths = all_paths(files);
    let mut problems = Vec::new();
    for file in files.iter().filter(|f| f.has_extension("md")) {
        for (line, target) in link_targets(&file.text) {
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            let (path, fragment) = target.split_once('#').map_or((target, None), |(p, f)| (p, Some(f)));
            let path = if path.is_empty() { Some(file.path.clone()) } else { join(&file.path, path) };
            let Some(path) = path.filter(|path| paths.contains(path.as_str())) else {
                problems.push(Problem::new(&file.path, line, format!("the link {target:?} leads nowhere")));
                continue;
            };
            let Some(fragment) = fragment else { continue };
            let there = files.iter().find(|f| f.path == path);
            if !there.is_some_and(|f| headings(&f.text).any(|heading| slug(heading) == fragment)) {
                let text = format!("the link {target:?} leads to no heading of {path}");
                problems.push(Problem::new(&file.path, line, text));
            }
        }
    }
    problems
}

/// `docs/….md` in the comments of code and manifests, and `ADR NNNN` anywhere, exist.
pub(super) fn document_paths(files: &[File]) -> Vec<Problem> {
    let paths = all_paths(files);
    let mut problems = Vec::new();
    // The samples of this tool's own tests name documents that do not exist.
    for file in files.iter().filter(|f| !f.path.starts_with("xtask/")) {
        for (i, line) in file.text.lines().enumerate() {
            if !file.has_extension("md") {
                for path in document_names(line).filter(|path| !paths.contains(path)) {
                    problems.push(Problem::new(&file.path, i + 1, format!("there is no {path}")));
                }
            }
            for number in adr_numbers(line) {
                let prefix = format!("docs/adr/{number}-");
                if !files.iter().any(|f| f.path.starts_with(&prefix)) {
                    problems.push(Problem::new(&file.path, i + 1, format!("there is no ADR {number}")));
                }
            }
        }
    }
    problems
}

/// The files and the directories that hold them.
fn all_paths(files: &[File]) -> HashSet<&str> {
    let mut paths = HashSet::new();
    for file in files {
        let mut path = file.path.as_str();
        paths.insert(path);
        while let Some((dir, _)) = path.rsplit_once('/') {
            paths.insert(dir);
            path = dir;
        }
    }
    paths
}

/// The lines that are text, not code in fences, with their numbers from 1.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut in_fence = false;
    text.lines().enumerate().filter_map(move |(i, line)| {
        if line.trim_start().starts_with("```") {
            in_fence = !in_fence;
            return None;
        }
        (!in_fence).then_some((i + 1, line))
    })
}

/// The targets of `[text](target)` and `[name]: target`, with the numbers of their lines.
fn link_targets(text: &str) -> impl Iterator<Item = (usize, &str)> {
    prose(text).flat_map(|(number, line)| {
        // Between back quotes stands code.
        let shown = line.split('`').step_by(2);
        let inline = shown.flat_map(|part| {
            part.match_indices("](").filter_map(|(at, open)| {
                let rest = &part[at + open.len()..];
                rest.find(')').map(|end| rest[..end].split_whitespace().next().unwrap_or(""))
            })
        });
        // A link whose text is code is cut by the back quotes, its target is not: it begins a part.
        let after_code = line.split('`').step_by(2).skip(1).filter_map(|part| {
            let rest = part.strip_prefix("](")?;
            rest.find(')').map(|end| &rest[..end])
        });
        let reference =
            line.strip_prefix('[').and_then(|l| l.split_once("]: ")).map(|(_, target)| target.trim());
        let mut targets: Vec<&str> = inline.chain(reference).collect();
        for target in after_code {
            if !targets.contains(&target) {
                targets.push(target);
            }
        }
        targets.into_iter().map(move |target| (number, target))
    })
}

fn headings(text: &str) -> impl Iterator<Item = &str> {
    prose(text)
        .map(|(_, line)| line)
        .filter(|line| line.starts_with('#'))
        .map(|line| line.trim_start_matches('#').trim())
}

/// The fragment that hosts of Markdown make of a heading.
fn slug(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.flat_map(char::to_lowercase).map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// `to`, seen from the directory of `from`; `None` when it leads out of the repository.
pub(super) fn join(from: &str, to: &str) -> Option<String> {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in to.trim_end_matches('/').split('/') {
        match part {
            "." | "" => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

fn document_names(line: &str) -> impl Iterator<Item = &str> {
    line.match_indices("docs/").filter_map(|(at, _)| {
        let rest = &line[at..];
        let end =
            rest.find(|c: char| !c.is_ascii_alphanumeric() && !"/_.-".contains(c)).unwrap_or(rest.len());
        let name = rest[..end].trim_end_matches('.');
        name.rsplit_once('.').is_some_and(|(_, e)| e == "md").then_some(name)
    })
}

fn adr_numbers(line: &str) -> impl Iterator<Item = &str> {
    line.match_indices("ADR ").filter_map(|(at, word)| {
        let number = line.get(at + word.len()..at + word.len() + 4)?;
        number.bytes().all(|b| b.is_ascii_digit()).then_some(number)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repository(readme: &str) -> Vec<File> {
        vec![
            File::sample("README.md", readme),
            File::sample(
                "docs/a.md",
                "# The `first` part, a start\n\n```\n# no heading\n```\n[up](../README.md)\n",
            ),
            File::sample("docs/adr/0001-x.md", "# 1\n"),
        ]
    }

    #[track_caller]
    fn check(readme: &str, expected: &[&str]) {
        let found: Vec<_> = links(&repository(readme)).into_iter().map(|p| p.text).collect();
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for (text, words) in found.iter().zip(expected) {
            assert!(text.contains(words), "{text}");
        }
    }

    #[test]
    fn links_that_lead_somewhere_pass() {
        check(
            "[a](docs/a.md) [b](./docs/) [c](https://example.org/x) [d](docs/a.md#the-first-part-a-start)",
            &[],
        );
        check("[`code`](docs/a.md)\n\n[ref]: docs/a.md\n", &[]);
    }

    #[test]
    fn links_that_lead_nowhere_are_found() {
        check("[a](docs/b.md)", &["\"docs/b.md\" leads nowhere"]);
        check("[a](../x.md)", &["leads nowhere"]);
        check("[`code`](docs/b.md)\n[ref]: docs/c.md\n", &["docs/b.md", "docs/c.md"]);
        check("[a](docs/a.md#no-heading)", &["no heading of docs/a.md"]);
        check("[a](#nothing)", &["no heading of README.md"]);
    }

    #[test]
    fn code_holds_no_links() {
        check("`[a](nowhere.md)`\n\n```\n[a](nowhere.md)\n```\n", &[]);
    }

    #[test]
    fn documents_and_adrs_named_in_code_must_exist() {
        let mut files = repository("see ADR 0001");
        assert_eq!(document_paths(&files), []);
        files.push(File::sample("a.rs", "//! See docs/a.md and docs/gone.md.\n// ADR 0009 says why.\n"));
        let found: Vec<_> = document_paths(&files).into_iter().map(|p| p.to_string()).collect();
        assert_eq!(found, ["a.rs:1: there is no docs/gone.md", "a.rs:2: there is no ADR 0009"]);
    }
}
