//! What Rust files must say and must not leave behind.

use super::code::{after_closing, code_only, line_of};
use super::{File, Problem};

/// Files whose text is shown to people as it stands.
const SHOWN_AS_THEY_ARE: [&str; 1] = ["crates/forge-jobs/examples/minimal.rs"];
const LEFTOVERS: [&str; 3] = ["todo!", "unimplemented!", "dbg!"];

/// Every module begins with a sentence on what it is for.
pub(super) fn module_docs(files: &[File]) -> Vec<Problem> {
    let begins_with_doc = |text: &str| {
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        // A crate may show its README instead.
        let first = lines.find(|line| !line.starts_with("#![") || line.starts_with("#![doc = include_str!("));
        first.is_some_and(|line| {
            line.starts_with("#![doc") || line.strip_prefix("//!").is_some_and(|doc| doc.trim().len() > 3)
        })
    };
    files
        .iter()
        .filter(|f| f.is_rust() && !SHOWN_AS_THEY_ARE.contains(&f.path.as_str()))
        .filter(|f| !begins_with_doc(&f.text))
        .map(|f| Problem::new(&f.path, 1, "the module must begin with a //! line that says what it is for"))
        .collect()
}

/// Nothing is left to do.
pub(super) fn leftovers(files: &[File]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for file in files.iter().filter(|f| f.is_rust()) {
        let code = code_only(&file.text);
        for leftover in LEFTOVERS {
            for (at, _) in code.match_indices(leftover) {
                let in_a_longer_name =
                    code[..at].chars().next_back().is_some_and(|c| c.is_alphanumeric() || c == '_');
                if !in_a_longer_name {
                    let text = format!("{leftover} must not be left behind");
                    problems.push(Problem::new(&file.path, line_of(&code, at), text));
                }
            }
        }
    }
    problems
}

/// Each `allow` and `expect` says why.
pub(super) fn reasons(files: &[File]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for file in files.iter().filter(|f| f.is_rust()) {
        let code = code_only(&file.text);
        for (at, _) in code.match_indices('#') {
            let open = at + 1 + usize::from(code[at + 1..].starts_with('!'));
            if !code[open..].starts_with('[') {
                continue;
            }
            let attribute = &code[open..after_closing(&code, open)];
            for lint_level in ["allow(", "expect("] {
                let names_it = attribute.match_indices(lint_level).any(|(i, _)| {
                    // `should_expect(` is another word.
                    attribute[..i].chars().next_back().is_none_or(|c| !c.is_alphanumeric() && c != '_')
                });
                if names_it && !attribute.contains("reason") {
                    let text = format!("#[{lint_level}…)] needs a reason: add `reason = \"…\"`");
                    problems.push(Problem::new(&file.path, line_of(&code, at), text));
                }
            }
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(rule: fn(&[File]) -> Vec<Problem>, text: &str) -> Vec<usize> {
        rule(&[File::sample("a.rs", text)]).into_iter().map(|p| p.line).collect()
    }

    #[test]
    fn a_module_without_its_doc_is_found() {
        assert_eq!(lines(module_docs, "//! What it is for.\n"), [0; 0]);
        assert_eq!(lines(module_docs, "#![cfg(unix)]\n\n//! What it is for.\n"), [0; 0]);
        assert_eq!(lines(module_docs, "#![doc = include_str!(\"../README.md\")]\n"), [0; 0]);
        for bad in ["use a;\n//! Late.", "//!\n", "// no doc\n", ""] {
            assert_eq!(lines(module_docs, bad), [1], "{bad:?}");
        }
        let shown = File::sample(SHOWN_AS_THEY_ARE[0], "use a;\n");
        assert_eq!(module_docs(&[shown]), []);
    }

    #[test]
    fn what_was_left_behind_is_found_in_code_and_not_in_prose() {
        assert_eq!(lines(leftovers, "//! a\nfn f() { todo!() }\nfn g() { dbg!(1); }\n"), [2, 3]);
        assert_eq!(lines(leftovers, "// todo!()\nconst A: &str = \"dbg!\"; my_dbg!();\n"), [0; 0]);
    }

    #[test]
    fn an_allow_without_a_reason_is_found_also_over_several_lines() {
        assert_eq!(lines(reasons, "#[allow(dead_code)]\nfn f() {}\n"), [1]);
        assert_eq!(lines(reasons, "#![expect(\n    dead_code,\n)]\n"), [1]);
        assert_eq!(lines(reasons, "\n#[cfg_attr(test, allow(dead_code))]\n"), [2]);
        let good = "#[expect(dead_code, reason = \"x\")]\n#[should_panic(expected = \"x\")]\nfn f() { a.expect(\"b\") }\n";
        assert_eq!(lines(reasons, good), [0; 0]);
    }
}
