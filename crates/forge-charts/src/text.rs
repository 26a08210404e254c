//! How wide a text is, without a browser: what keeps labels apart.
//!
//! Pictures must be the same on every machine, and a layout that asked the page for sizes would draw twice. So widths
//! come from a table: the advance widths of Helvetica in thousandths of the type size (Adobe, "Font Metrics for PDF
//! Core 14 Fonts"), 15 % wider, since the wide faces that systems put in place of it (Verdana and its like) have digits
//! of 636 instead of 556; signs like `<` are as wide as theirs. Labels that keep apart by this table keep apart in the narrower faces too.

/// Widths of the characters from space to tilde.
const WIDTHS: [u16; 95] = [
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 729, 278, 333, 278, 278, 556, 556, 556, 556, 556,
    556, 556, 556, 556, 556, 278, 278, 729, 729, 729, 556, 1015, 667, 667, 722, 722, 667, 611, 778, 722, 278,
    500, 667, 556, 833, 722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469,
    556, 333, 556, 556, 500, 556, 556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556, 556, 556, 333, 500,
    278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 729,
];
/// For the wider faces.
const ALLOWANCE: f64 = 1.15;

/// The width of a text in pixels at a type size in pixels. East Asian letters and signs count as full squares.
#[must_use]
pub fn width(text: &str, size: f64) -> f64 {
    text.chars().map(|c| f64::from(of_char(c))).sum::<f64>() / 1000.0 * size * ALLOWANCE
}

fn of_char(c: char) -> u16 {
    let code = u32::from(c);
    match code {
        0x20..=0x7E => WIDTHS[(code - 0x20) as usize],
        0..=0x1F | 0x300..=0x36F | 0x200B..=0x200F => 0,
        0x1100..=0x115F
        | 0x2E80..=0xA4CF
        | 0xAC00..=0xD7A3
        | 0xF900..=0xFAFF
        | 0xFE30..=0xFE6F
        | 0xFF00..=0xFF60
        | 0x1_F000.. => 1000,
        _ => 612,
    }
}

/// The text, or as much of it as fits with an ellipsis; empty when not even that fits.
#[must_use]
pub fn fit(text: &str, size: f64, room: f64) -> String {
    if width(text, size) <= room {
        return text.to_owned();
    }
    let mut used = width("…", size);
    let mut kept = String::new();
    for c in text.chars() {
        used += f64::from(of_char(c)) / 1000.0 * size * ALLOWANCE;
        if used > room {
            break;
        }
        kept.push(c);
    }
    let kept = kept.trim_end();
    if kept.is_empty() { String::new() } else { format!("{kept}…") }
}

/// The text in lines that fit, broken at spaces: at most `lines`, the last one cut if there is more.
#[must_use]
pub fn wrap(text: &str, size: f64, room: f64, lines: usize) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut words = text.split_whitespace().peekable();
    while let Some(word) = words.next() {
        if out.len() + 1 >= lines {
            // The last line takes the rest, and is cut where it ends.
            let rest = words.by_ref().take(200).fold(word.to_owned(), |line, next| line + " " + next);
            out.push(fit(&rest, size, room));
            break;
        }
        let mut line = word.to_owned();
        while let Some(next) = words.peek() {
            if width(&line, size) + width(" ", size) + width(next, size) > room {
                break;
            }
            line.push(' ');
            line.push_str(next);
            words.next();
        }
        out.push(fit(&line, size, room));
    }
    out
}

/// Adds to a text.
pub(crate) fn write_into(text: &mut String, args: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = std::fmt::Write::write_fmt(text, args);
}
