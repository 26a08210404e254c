//! Rust in documents is compiled by the tests: each block stands in a file that they build, or in a document that is tested
//! itself.

use super::markdown::join;
use super::{File, Problem};

/// Where every block is a file of the tutorial's program, which `cargo xtask book` compares with what it runs.
const FOLLOWED: &str = "docs/tutorial.md";

pub(super) fn check(files: &[File]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for document in files.iter().filter(|file| is_document(file)) {
        let tested = is_tested(files, &document.path);
        for block in blocks(&document.text) {
            let said = match block.mark.map(Mark::of) {
                Some(Mark::File) if document.path == FOLLOWED => continue,
                Some(Mark::Of { path, whole }) => block.stands_in(files, path, whole),
                _ if tested && !block.language.contains("ignore") => continue,
                _ => Err("above this block a line `<!-- PATH, word for word -->` or `<!-- from PATH -->` must say which \
                          file of the tests it stands in"
                    .to_owned()),
            };
            problems.extend(said.err().map(|text| Problem::new(&document.path, block.line, text)));
        }
    }
    problems
}

/// Decisions show what was thought of, which need not compile.
fn is_document(file: &File) -> bool {
    file.has_extension("md") && !["docs/adr/", "benches/"].iter().any(|dir| file.path.starts_with(dir))
}

/// Whether rustdoc compiles it as a part of a crate's documentation.
fn is_tested(files: &[File], path: &str) -> bool {
    const OPENS: &str = "doc = include_str!(\"";
    files.iter().filter(|file| file.is_rust() && file.path.starts_with("crates/")).any(|file| {
        let included = file.text.split(OPENS).skip(1).filter_map(|rest| rest.split('"').next());
        included.filter_map(|to| join(&file.path, to)).any(|target| target == path)
    })
}

/// What a comment above a block says.
enum Mark<'a> {
    /// It is what a reader writes to a file.
    File,
    /// It is the text of a file, or stands in it.
    Of {
        path: &'a str,
        whole: bool,
    },
    Other,
}

impl<'a> Mark<'a> {
    fn of(words: &'a str) -> Self {
        if words.starts_with("file: ") {
            Self::File
        } else if let Some(path) = words.strip_suffix(", word for word") {
            Self::Of { path, whole: true }
        } else if let Some(path) = words.strip_prefix("from ") {
            Self::Of { path, whole: false }
        } else {
            Self::Other
        }
    }
}

struct Block<'a> {
    line: usize,
    language: &'a str,
    mark: Option<&'a str>,
    lines: Vec<&'a str>,
}

impl Block<'_> {
    fn stands_in(&self, files: &[File], path: &str, whole: bool) -> Result<(), String> {
        let Some(file) = files.iter().find(|f| f.path == path && f.is_rust()) else {
            return Err(format!("there is no {path}"));
        };
        let is_built = path.starts_with("crates/")
            && ["/src/", "/examples/", "/tests/"].iter().any(|dir| path.contains(dir));
        if !is_built {
            return Err(format!("the tests do not build {path}"));
        }
        let found = if whole {
            file.text.lines().eq(self.lines.iter().copied())
        } else {
            let source = code(&file.text);
            let wanted = dedented(&self.lines);
            source.windows(self.lines.len().max(1)).any(|window| dedented(window) == wanted)
        };
        let how = if whole { "differs from" } else { "does not stand in" };
        if found { Ok(()) } else { Err(format!("this block {how} {path}")) }
    }
}

/// The blocks of Rust, each with the comment above it.
fn blocks(text: &str) -> Vec<Block<'_>> {
    let mut blocks: Vec<Block<'_>> = Vec::new();
    let (mut mark, mut inside, mut open) = (None, false, false);
    for (i, line) in text.lines().enumerate() {
        match line.strip_prefix("```") {
            Some(language) if !inside => {
                inside = true;
                open = language.split(',').next() == Some("rust");
                let mark = mark.take();
                if open {
                    blocks.push(Block { line: i + 1, language, mark, lines: Vec::new() });
                }
            }
            Some("") => inside = false,
            _ if inside => {
                if let Some(block) = blocks.last_mut().filter(|_| open) {
                    block.lines.push(line);
                }
            }
            _ if line.trim().is_empty() => {}
            _ => mark = line.strip_prefix("<!-- ").and_then(|words| words.strip_suffix(" -->")),
        }
    }
    blocks
}

/// The lines of a source file, those in documentation as a reader sees them.
fn code(text: &str) -> Vec<&str> {
    let shown = |line| {
        let text = ["//!", "///"].iter().find_map(|mark| str::trim_start(line).strip_prefix(mark));
        let Some(text) = text else { return Some(line) };
        let text = text.strip_prefix(' ').unwrap_or(text);
        (text != "#" && !text.starts_with("# ")).then_some(text)
    };
    text.lines().filter_map(shown).collect()
}

/// Without the indentation that all lines share.
fn dedented<'a>(lines: &[&'a str]) -> Vec<&'a str> {
    let full = lines.iter().filter(|line| !line.trim().is_empty());
    let shared = full.map(|line| line.len() - line.trim_start().len()).min().unwrap_or(0);
    lines.iter().map(|line| line.get(shared..).unwrap_or_default().trim_end()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "crates/a/src/b.rs";

    fn found(document: &str) -> Vec<String> {
        let source = "/// ```\n/// # use x;\n/// let a = 1;\n/// if a {\n///     b();\n/// }\n/// ```\n\
                      fn f() {\n    let c = 3;\n}\n";
        let files = [
            File::sample("crates/a/examples/m.rs", "fn main() {}\n"),
            File::sample(SOURCE, source),
            File::sample("crates/t/src/lib.rs", "#![doc = include_str!(\"../README.md\")]\n"),
            File::sample("crates/t/README.md", "```rust\ntested();\n```\n"),
            File::sample("docs/x.md", document),
        ];
        check(&files).into_iter().map(|problem| problem.text).collect()
    }

    fn block(mark: &str, code: &str) -> String {
        format!("# X\n\n{mark}\n\n```rust\n{code}```\n")
    }

    #[test]
    fn a_block_that_stands_in_a_file_of_the_tests_passes() {
        let whole = "<!-- crates/a/examples/m.rs, word for word -->";
        assert_eq!(found(&block(whole, "fn main() {}\n")), [""; 0]);
        let from = "<!-- from crates/a/src/b.rs -->";
        assert_eq!(found(&block(from, "let a = 1;\nif a {\n    b();\n}\n")), [""; 0]);
        assert_eq!(found(&block(from, "let c = 3;\n")), [""; 0]);
    }

    #[test]
    fn a_block_that_differs_or_says_nothing_is_found() {
        for (mark, code, words) in [
            ("<!-- crates/a/examples/m.rs, word for word -->", "fn main() { }\n", "differs from"),
            ("<!-- from crates/a/src/b.rs -->", "let a = 2;\n", "does not stand in"),
            ("<!-- from crates/a/src/c.rs -->", "let a = 1;\n", "there is no"),
            ("<!-- from docs/x.md -->", "let a = 1;\n", "there is no"),
            ("", "let a = 1;\n", "must say"),
            ("<!-- file: src/main.rs -->", "let a = 1;\n", "must say"),
            ("Some words between.", "let a = 1;\n", "must say"),
        ] {
            let problems = found(&block(mark, code));
            assert!(problems.len() == 1 && problems[0].contains(words), "{mark}: {problems:?}");
        }
        assert_eq!(found("```rust,ignore\nx\n```\n").len(), 1);
        assert_eq!(found("```sh\nlet a = 1;\n```\n"), [""; 0]);
    }
}
