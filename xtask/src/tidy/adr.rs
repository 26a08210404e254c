//! Architecture decision records: numbered once, listed, and complete.

use super::{File, Problem};

const DIR: &str = "docs/adr/";
const SECTIONS: [&str; 4] = ["## Context", "## Options", "## Decision", "## Consequences"];
/// What else an ADR says, in a line of its own or at its end.
const PHRASES: [&str; 2] = ["Status: ", "would notice"];

pub(super) fn check(files: &[File]) -> Vec<Problem> {
    let Some(index) = files.iter().find(|f| f.path == format!("{DIR}README.md")) else {
        return vec![Problem::new("docs/adr/README.md", 0, "the list of ADRs is missing")];
    };
    let mut problems = Vec::new();
    let mut seen: Vec<&str> = Vec::new();
    for file in files.iter().filter(|f| f.path.starts_with(DIR) && f.path != index.path) {
        let name = &file.path[DIR.len()..];
        let mut report = |text: String| problems.push(Problem::new(&file.path, 0, text));
        let number = name.split('-').next().filter(|n| n.len() == 4 && n.bytes().all(|b| b.is_ascii_digit()));
        let Some(number) = number.filter(|_| file.has_extension("md")) else {
            report("an ADR is named NNNN-title.md".into());
            continue;
        };
        if seen.contains(&number) {
            report(format!("the number {number} is taken"));
        }
        seen.push(number);
        if !index.text.contains(&format!("]({name})")) {
            report(format!("it is not linked from {DIR}README.md"));
        }
        for section in SECTIONS {
            if !file.text.lines().any(|line| line == section) {
                report(format!("the section {section:?} is missing"));
            }
        }
        for phrase in PHRASES.iter().filter(|phrase| !file.text.contains(**phrase)) {
            report(format!("it does not say {phrase:?}"));
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complete() -> String {
        let sections = SECTIONS.map(|s| format!("{s}\n\ntext\n\n")).concat();
        format!("# 1. A\n\nStatus: accepted.\n\n{sections}We would notice that this is wrong if it broke.\n")
    }

    #[test]
    fn a_listed_and_complete_adr_passes() {
        let index = File::sample("docs/adr/README.md", "- [0001](0001-a.md)\n");
        assert_eq!(check(&[index, File::sample("docs/adr/0001-a.md", &complete())]), []);
    }

    #[test]
    fn a_number_taken_twice_a_missing_link_and_a_missing_section_are_found() {
        let files = [
            File::sample(
                "docs/adr/README.md",
                "- [0001](0001-a.md)\n- [0002](0002-c.md)\n- [0003](0003-d.md)\n",
            ),
            File::sample("docs/adr/0001-a.md", &complete()),
            File::sample("docs/adr/0001-b.md", &complete()),
            File::sample("docs/adr/0002-c.md", &complete().replace("## Options", "### Options")),
            File::sample("docs/adr/0003-d.md", &complete().replace("would", "did")),
            File::sample("docs/adr/notes.md", ""),
        ];
        let found: Vec<_> = check(&files).into_iter().map(|p| p.to_string()).collect();
        assert_eq!(
            found,
            [
                "docs/adr/0001-b.md: the number 0001 is taken",
                "docs/adr/0001-b.md: it is not linked from docs/adr/README.md",
                "docs/adr/0002-c.md: the section \"## Options\" is missing",
                "docs/adr/0003-d.md: it does not say \"would notice\"",
                "docs/adr/notes.md: an ADR is named NNNN-title.md",
            ]
        );
    }

    #[test]
    fn a_missing_list_is_found() {
        assert_eq!(check(&[]).len(), 1);
    }
}
