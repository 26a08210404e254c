//! The pages of `docs` are one book: its contents name each, and each leads back to them.

use super::{File, Problem};

const CONTENTS: &str = "docs/README.md";

pub(super) fn check(files: &[File]) -> Vec<Problem> {
    let Some(contents) = files.iter().find(|f| f.path == CONTENTS) else {
        return vec![Problem::new(CONTENTS, 0, "the contents of the book are missing")];
    };
    let mut problems = Vec::new();
    for (file, page) in files.iter().filter_map(|f| Some((f, page(f)?))) {
        if !contents.text.contains(&format!("]({page})")) {
            problems.push(Problem::new(CONTENTS, 0, format!("{page} is not among the contents")));
        }
        if !file.text.lines().take(12).any(|line| line.contains("[Contents](README.md)")) {
            let text = "its first lines have no link back: [Contents](README.md)";
            problems.push(Problem::new(&file.path, 0, text));
        }
    }
    problems
}

fn page(file: &File) -> Option<&str> {
    let name = file.path.strip_prefix("docs/").filter(|name| !name.contains('/') && *name != "README.md");
    name.filter(|_| file.has_extension("md"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_nobody_finds_or_that_leads_nowhere_is_found() {
        let contents = File::sample(CONTENTS, "[A](a.md)\n");
        let page = |path, text| File::sample(path, text);
        let good = page("docs/a.md", "# A\n\nWhat it is. [Contents](README.md)\n");
        assert_eq!(check(&[contents, good]), []);
        let contents = File::sample(CONTENTS, "# Contents\n");
        let found = check(&[contents, page("docs/a.md", "# A\n"), page("docs/adr/0001-x.md", "# 1\n")]);
        assert_eq!(found.len(), 2, "{found:?}");
    }
}
