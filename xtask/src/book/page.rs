//! What is to be done of a page: its blocks and the comments that steer them, in order.

/// One thing to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Step<'a> {
    /// Of its first line, from 1.
    pub(super) line: usize,
    pub(super) what: What<'a>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum What<'a> {
    /// Commands, what they print if the page says so, and how the last one ends.
    Run { text: &'a str, prints: Option<&'a str>, status: u8 },
    /// A command that goes on until [`What::Stop`], and what it prints at first.
    Start { text: &'a str, prints: Option<&'a str> },
    /// Ctrl-C for what was started.
    Stop,
    /// A file, as a reader would write it.
    Write { path: &'a str, text: &'a str },
}

/// A piece of a page that counts here.
enum Piece<'a> {
    Block {
        language: &'a str,
        text: &'a str,
    },
    /// Of one line: steers the next block.
    Mark(&'a str),
    /// Commands that readers do not see.
    Hidden(&'a str),
}

/// The steps of a page.
///
/// Blocks of `sh` are run, and a block of `text` right after one is what it prints. Comments steer: `file: PATH` writes
/// the next block to a file, `not run`, `in the background` and `exits with N` are about the next commands, `Ctrl-C` ends
/// what is in the background, and a comment that begins with `run` holds commands of its own.
pub(super) fn steps(page: &str) -> Result<Vec<Step<'_>>, String> {
    let pieces = pieces(page)?;
    let mut steps: Vec<Step<'_>> = Vec::new();
    let (mut mark, mut after_commands) = (None, false);
    for (line, piece) in pieces {
        let (marked, follows) = (mark.take(), std::mem::take(&mut after_commands));
        match piece {
            Piece::Mark("Ctrl-C") => steps.push(Step { line, what: What::Stop }),
            Piece::Mark(words) => mark = Some(words),
            Piece::Hidden(text) => {
                steps.push(Step { line, what: What::Run { text, prints: None, status: 0 } });
            }
            Piece::Block { language: "text", text } if follows => {
                if let Some(What::Run { prints, .. } | What::Start { prints, .. }) =
                    steps.last_mut().map(|step| &mut step.what)
                {
                    *prints = Some(text);
                }
            }
            Piece::Block { text, .. } if marked.is_some_and(|m| m.starts_with("file: ")) => {
                let path = marked.unwrap_or_default().trim_start_matches("file: ");
                steps.push(Step { line, what: What::Write { path, text } });
            }
            Piece::Block { language: "sh", text } => {
                let what = match marked {
                    Some("not run") => continue,
                    Some("in the background") => What::Start { text, prints: None },
                    Some(other) => What::Run { text, prints: None, status: status(other, line)? },
                    None => What::Run { text, prints: None, status: 0 },
                };
                steps.push(Step { line, what });
                after_commands = true;
            }
            Piece::Block { .. } => {}
        }
    }
    Ok(steps)
}

fn status(mark: &str, line: usize) -> Result<u8, String> {
    let number = mark.strip_prefix("exits with ").and_then(|n| n.parse().ok());
    number.ok_or_else(|| format!("line {line}: the comment {mark:?} above says nothing that is understood"))
}

fn pieces(page: &str) -> Result<Vec<(usize, Piece<'_>)>, String> {
    let mut pieces = Vec::new();
    let mut rest = page;
    let mut line = 1;
    while !rest.is_empty() {
        let this = rest.split_inclusive('\n').next().unwrap_or(rest);
        let after = &rest[this.len()..];
        let (piece, taken) = if let Some(language) = this.trim_end().strip_prefix("```") {
            let end = end_of(after, "```").ok_or_else(|| format!("line {line}: this block has no end"))?;
            let block = Piece::Block { language, text: &after[..end] };
            (Some(block), this.len() + end + after[end..].split_inclusive('\n').next().map_or(0, str::len))
        } else if let Some(words) = this.trim_end().strip_prefix("<!-- ").and_then(|w| w.strip_suffix(" -->"))
        {
            (Some(Piece::Mark(words)), this.len())
        } else if this.trim_end() == "<!-- run" {
            let end = end_of(after, "-->").ok_or_else(|| format!("line {line}: this comment has no end"))?;
            (Some(Piece::Hidden(&after[..end])), this.len() + end)
        } else {
            (None, this.len())
        };
        pieces.extend(piece.map(|piece| (line, piece)));
        line += rest[..taken].matches('\n').count();
        rest = &rest[taken..];
    }
    Ok(pieces)
}

/// Where the line begins that is `mark`.
fn end_of(text: &str, mark: &str) -> Option<usize> {
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if line.trim_end() == mark {
            return Some(at);
        }
        at += line.len();
    }
    None
}

/// Whether the beginning of `printed` is what the page says: `…` in a line stands for any text, a line of its own for any
/// lines. With `whole`, nothing may come after it.
pub(super) fn matches(expected: &str, printed: &str, whole: bool) -> bool {
    let expected: Vec<&str> = expected.lines().map(str::trim_end).collect();
    let printed: Vec<&str> = printed.lines().map(str::trim_end).collect();
    lines_match(&expected, &printed, whole)
}

fn lines_match(expected: &[&str], printed: &[&str], whole: bool) -> bool {
    match expected.split_first() {
        None => !whole || printed.is_empty(),
        Some((&"…", rest)) => (0..=printed.len()).any(|n| lines_match(rest, &printed[n..], whole)),
        Some((line, rest)) => printed
            .split_first()
            .is_some_and(|(first, after)| text_matches(line, first) && lines_match(rest, after, whole)),
    }
}

fn text_matches(expected: &str, printed: &str) -> bool {
    let mut parts = expected.split('…');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = printed.strip_prefix(first) else { return false };
    let mut last = None;
    for part in parts {
        if let Some(before) = last.replace(part) {
            let Some((_, after)) = rest.split_once(before) else { return false };
            rest = after;
        }
    }
    last.map_or(rest.is_empty(), |last| rest.ends_with(last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_becomes_steps_in_order() {
        let page = "# A page\n\n```sh\ncd x\n```\n\nIt prints\n\n```text\nhello …\n```\n\n<!-- file: a/b.rs -->\n\
                    ```rust\nfn main() {}\n```\n<!-- not run -->\n```sh\nrm -r /\n```\n\
                    <!-- in the background -->\n```sh\nserve\n```\n<!-- Ctrl-C -->\n\
                    <!-- exits with 3 -->\n```sh\nlook\n```\n<!-- run\nquietly\n-->\n```text\nnothing\n```\n";
        let what: Vec<_> = steps(page).unwrap().into_iter().map(|step| (step.line, step.what)).collect();
        assert_eq!(
            what,
            [
                (3, What::Run { text: "cd x\n", prints: Some("hello …\n"), status: 0 }),
                (14, What::Write { path: "a/b.rs", text: "fn main() {}\n" }),
                (22, What::Start { text: "serve\n", prints: None }),
                (25, What::Stop),
                (27, What::Run { text: "look\n", prints: None, status: 3 }),
                (30, What::Run { text: "quietly\n", prints: None, status: 0 }),
            ]
        );
    }

    #[test]
    fn what_is_not_understood_is_named_with_its_line() {
        let error = steps("<!-- exits badly -->\n```sh\nx\n```\n").unwrap_err();
        assert!(error.contains("line 2") && error.contains("exits badly"), "{error}");
        assert!(steps("```sh\nx\n").unwrap_err().contains("line 1"));
    }

    #[test]
    fn output_is_compared_with_wildcards() {
        for (expected, printed) in [
            ("a\n", "a\n"),
            ("job … is …\n", "job 7 is pending\n"),
            ("a … c\n…\nz\n", "a b c\n1\n2\nz\n"),
            ("…\n", ""),
            ("a  …\n", "a  x  \n"),
        ] {
            assert!(matches(expected, printed, true), "{expected:?} {printed:?}");
        }
        for (expected, printed) in
            [("a\n", "b\n"), ("a\n", "a\nb\n"), ("a … c\n", "a b\n"), ("a\n", ""), ("a …b\n", "a \n")]
        {
            assert!(!matches(expected, printed, true), "{expected:?} {printed:?}");
        }
        assert!(matches("a\n", "a\nb\n", false));
    }
}
