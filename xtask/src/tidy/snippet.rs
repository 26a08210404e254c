//! The READMEs show the minimal program word for word, so what people copy is what the tests ran.

use super::{File, Problem};

const EXAMPLE: &str = "crates/forge-jobs/examples/minimal.rs";
const MARK: &str = "<!-- examples/minimal.rs, word for word -->";
const READMES: [&str; 2] = ["README.md", "crates/forge-jobs/README.md"];

pub(super) fn check(files: &[File]) -> Vec<Problem> {
    let text_of = |path: &str| files.iter().find(|f| f.path == path).map(|f| f.text.as_str());
    let Some(example) = text_of(EXAMPLE) else {
        return vec![Problem::new(EXAMPLE, 0, "the minimal program is missing")];
    };
    READMES
        .iter()
        .filter_map(|path| match text_of(path).map(snippet) {
            Some(Some(shown)) if shown == example => None,
            Some(Some(_)) => Some((path, format!("the program below {MARK} differs from {EXAMPLE}"))),
            Some(None) => Some((path, format!("there is no ```rust block below a line {MARK}"))),
            None => Some((path, "it is missing".into())),
        })
        .map(|(path, text)| Problem::new(path, 0, text))
        .collect()
}

/// The first block of Rust after the mark.
fn snippet(readme: &str) -> Option<&str> {
    let (_, after) = readme.split_once(MARK)?;
    let (_, block) = after.split_once("```rust\n")?;
    block.find("```").map(|end| &block[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(shown: &str) -> usize {
        let readme = format!("# Forge\n\n{MARK}\n```rust\n{shown}```\n");
        let files = [
            File::sample(EXAMPLE, "fn main() {}\n"),
            File::sample(READMES[0], &readme),
            File::sample(READMES[1], &readme),
        ];
        check(&files).len()
    }

    #[test]
    fn a_snippet_that_differs_in_one_letter_is_found() {
        assert_eq!(found("fn main() {}\n"), 0);
        assert_eq!(found("fn main() { }\n"), 2);
    }

    #[test]
    fn a_readme_without_the_snippet_is_found() {
        let files = [File::sample(EXAMPLE, ""), File::sample(READMES[0], "# Forge\n")];
        assert_eq!(check(&files).len(), 2);
        assert_eq!(check(&[]).len(), 1);
    }
}
