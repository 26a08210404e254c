//! What goes to standard output: one JSON document, or calm aligned text.

use crate::exit::Failure;
use forge_jobs_api::wire::ErrorCode;
use serde::Serialize;
use std::io::{self, Write};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The two forms of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// One document of the wire types.
    Json,
}

/// Standard output.
///
/// A reader that goes away (`forge job list | head`) ends the output and nothing else: the command goes on with what
/// it has to do.
pub(crate) struct Output {
    format: Format,
    gone: bool,
}

impl Output {
    pub(crate) const fn new(format: Format) -> Self {
        Self { format, gone: false }
    }

    pub(crate) const fn is_json(&self) -> bool {
        matches!(self.format, Format::Json)
    }

    /// The answer: `value` in JSON, or what `text` makes of it.
    pub(crate) fn answer<T: Serialize>(
        &mut self,
        value: &T,
        text: impl FnOnce(&T) -> String,
    ) -> Result<(), Failure> {
        match self.format {
            Format::Json => self.json(value),
            Format::Text => self.text(&text(value)),
        }
    }

    /// One JSON document and a line break.
    pub(crate) fn json<T: Serialize>(&mut self, value: &T) -> Result<(), Failure> {
        let mut text = to_json(value)?;
        text.push('\n');
        self.text(&text)
    }

    /// Text as it is.
    pub(crate) fn text(&mut self, text: &str) -> Result<(), Failure> {
        if self.gone {
            return Ok(());
        }
        let mut stdout = io::stdout().lock();
        match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
            Ok(()) => Ok(()),
            Err(e) if e.kind() == io::ErrorKind::BrokenPipe => {
                self.gone = true;
                Ok(())
            }
            Err(e) => Err(Failure::of(ErrorCode::Failed, &Stdout(e))),
        }
    }
}

/// Standard output cannot be written to.
#[derive(Debug)]
struct Stdout(io::Error);

impl std::fmt::Display for Stdout {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "standard output cannot be written: {}", self.0)
    }
}

impl std::error::Error for Stdout {}

/// A value as JSON text.
pub(crate) fn to_json<T: Serialize>(value: &T) -> Result<String, Failure> {
    serde_json::to_string(value)
        .map_err(|e| Failure::new(ErrorCode::Failed, format!("the answer has no JSON form: {e}")))
}

/// A line to standard error, for people. Nobody there to read it is no error.
pub(crate) fn say(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Which way a column leans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
}

/// Rows under a head, in columns two spaces apart. Control characters are shown as `�`, so that no text of a job can
/// steer the terminal.
pub(crate) fn table(head: &[(&str, Align)], rows: &[Vec<String>]) -> String {
    let rows: Vec<Vec<String>> = rows.iter().map(|r| r.iter().map(|c| plain(c)).collect()).collect();
    let widths: Vec<usize> = head
        .iter()
        .enumerate()
        .map(|(n, (title, _))| {
            let cells = rows.iter().filter_map(|r| r.get(n)).map(|c| c.width());
            cells.max().unwrap_or(0).max(title.width())
        })
        .collect();
    let mut out = String::new();
    let titles: Vec<String> = head.iter().map(|(title, _)| (*title).to_owned()).collect();
    for row in std::iter::once(&titles).chain(&rows) {
        let mut line = String::new();
        for ((cell, width), (_, align)) in row.iter().zip(&widths).zip(head) {
            if !line.is_empty() {
                line.push_str("  ");
            }
            let pad = " ".repeat(width.saturating_sub(cell.width()));
            match align {
                Align::Left => line.extend([cell.as_str(), &pad]),
                Align::Right => line.extend([pad.as_str(), cell]),
            }
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

/// Lines of `name  value`, the values aligned.
pub(crate) fn pairs(rows: &[(&str, String)]) -> String {
    let width = rows.iter().map(|(name, _)| name.width()).max().unwrap_or(0);
    let line = |(name, value): &(&str, String)| {
        let pad = " ".repeat(width.saturating_sub(name.width()));
        format!("{name}{pad}  {}", plain(value)).trim_end().to_owned() + "\n"
    };
    rows.iter().map(line).collect()
}

/// Text on one line without control characters.
pub(crate) fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() || turns_text_around(c) { '\u{FFFD}' } else { c }).collect()
}

/// Marks that make what follows read in another order than it is stored in.
const fn turns_text_around(c: char) -> bool {
    matches!(c, '\u{200E}' | '\u{200F}' | '\u{061C}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// Text on one line, at most `width` columns wide.
pub(crate) fn short(text: &str, width: usize) -> String {
    let text = plain(text);
    if text.width() <= width {
        return text;
    }
    let mut out = String::new();
    let mut used = 1;
    for c in text.chars() {
        used += c.width().unwrap_or(0);
        if used > width {
            break;
        }
        out.push(c);
    }
    out.push('…');
    out
}

/// A wire time to the second.
pub(crate) fn when(time: &str) -> String {
    time.split_once('.')
        .map_or_else(|| time.to_owned(), |(seconds, _)| format!("{}Z", seconds.replace('T', " ")))
}

/// A number of bytes.
pub(crate) fn bytes(n: u64) -> String {
    indicatif::BinaryBytes(n).to_string()
}

/// `1 job`, `2 jobs`.
pub(crate) fn counted(n: u64, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_by_width_on_the_screen_and_trail_no_spaces() {
        let rows = [vec!["ä".into(), "7".into()], vec!["日本".into(), "1234".into()]];
        let text = table(&[("name", Align::Left), ("n", Align::Right)], &rows);
        assert_eq!(text, "name     n\nä        7\n日本  1234\n");
    }

    #[test]
    fn no_text_of_a_job_can_steer_the_terminal() {
        let text = table(&[("error", Align::Left)], &[vec!["\u{1b}[2J\nx".into()]]);
        assert_eq!(text, "error\n\u{FFFD}[2J\u{FFFD}x\n");
    }

    #[test]
    fn long_text_is_cut_visibly() {
        assert_eq!(short("abcdef", 4), "abc…");
        assert_eq!(short("日本語", 4), "日…");
        assert_eq!(short("abc", 3), "abc");
    }

    #[test]
    fn times_for_people_end_at_the_second() {
        assert_eq!(when("2026-11-24T08:00:00.000001Z"), "2026-11-24 08:00:00Z");
    }
}
