//! Files and functions that have grown long: hints where to look, no failures.

use super::code::{after_closing, code_only, line_of};
use super::{File, Problem};

const FILE_LINES: usize = 400;
const FUNCTION_LINES: usize = 70;

pub(super) fn hints(files: &[File]) -> Vec<Problem> {
    let mut hints = Vec::new();
    for file in files.iter().filter(|f| f.is_rust()) {
        let lines = file.text.lines().count();
        if lines > FILE_LINES {
            hints.push(Problem::new(
                &file.path,
                0,
                format!("{lines} lines; one reason to change may have become two"),
            ));
        }
        let code = code_only(&file.text);
        for (line, name, length) in functions(&code) {
            if length > FUNCTION_LINES {
                hints.push(Problem::new(&file.path, line, format!("fn {name} has {length} lines")));
            }
        }
    }
    hints
}

/// (line, name, lines) of each function that has a body.
fn functions(code: &str) -> impl Iterator<Item = (usize, &str, usize)> {
    code.match_indices("fn ").filter_map(move |(at, word)| {
        let before = code[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_') {
            return None;
        }
        let rest = &code[at + word.len()..];
        let name = &rest[..rest.find(|c: char| !c.is_alphanumeric() && c != '_')?];
        let body = rest.find(['{', ';']).filter(|i| rest[*i..].starts_with('{') && !name.is_empty())?;
        let end = after_closing(code, at + word.len() + body);
        let first = line_of(code, at);
        Some((first, name, line_of(code, end) - first + 1))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_measured_from_signature_to_closing_brace() {
        let code =
            "fn a() {\n}\n\ntrait T { fn b(&self); }\n    async fn c(\n x: u8,\n) -> u8 {\n if x { y }\n}\n";
        assert_eq!(functions(code).collect::<Vec<_>>(), [(1, "a", 2), (5, "c", 5)]);
    }

    #[test]
    fn long_files_and_functions_are_hinted_at() {
        let long = format!("fn a() {{\n{}}}\n", "let x = 1;\n".repeat(FUNCTION_LINES));
        let found = hints(&[File::sample("a.rs", &long), File::sample("b.rs", &"\n".repeat(FILE_LINES + 1))]);
        let texts: Vec<_> = found.into_iter().map(|p| p.to_string()).collect();
        assert_eq!(texts.len(), 2);
        assert!(texts[0].contains("fn a has 72 lines") && texts[1].contains("401 lines"), "{texts:?}");
        assert_eq!(hints(&[File::sample("c.rs", "fn a() {\n}\n")]), []);
    }
}
