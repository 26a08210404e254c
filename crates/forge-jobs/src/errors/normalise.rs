//! A message without what differs from one time to the next.

use crate::limits::MAX_GROUP_MESSAGE_BYTES;
use std::net::{IpAddr, SocketAddr};

/// Characters of a message that are looked at.
const LOOKED_AT: usize = 2_048;
/// Where one word ends and the next one begins, besides white space.
const BETWEEN: &[char] = &['=', ',', ';', '(', ')', '[', ']', '{', '}', '<', '>', '|', '"', '\'', '`'];
/// What may stand at the end of a word and is no part of it.
const AFTER_WORD: &[char] = &['.', ':', '!', '?'];
/// Letters and digits in a row that are an identity rather than a word.
const LONG_WORD: usize = 20;

/// The message of a group: the first line, in which blanks stand for what differs.
///
/// From left to right: text in quotation marks becomes `<text>`; then, word by word, where words end at white space and
/// at `= , ; ( ) [ ] { } < > |`, but for commas between digits: what holds `://` becomes `<url>`; an address with `@`, `<email>`; a UUID, `<id>`; an IP
/// address, with a port or without, `<addr>`; a path, `<path>`; hexadecimal digits after `0x`, or at least 8 of them with
/// both letters and digits, `<hex>`; 20 or more letters and digits mixed, `<id>`; and any digits that are left, `<n>`,
/// along with points and commas between them. White space becomes one space. At most
/// [`MAX_GROUP_MESSAGE_BYTES`] bytes.
#[must_use]
pub fn normalise(message: &str) -> String {
    let line = message.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    let chars: Vec<char> = line.chars().take(LOOKED_AT).collect();
    let mut out = String::new();
    let mut at = 0;
    while at < chars.len() && out.len() <= MAX_GROUP_MESSAGE_BYTES {
        if let Some(end) = quoted(&chars, at) {
            out.push_str("<text>");
            at = end;
        } else if chars[at].is_whitespace() || chars[at].is_control() {
            while at < chars.len() && (chars[at].is_whitespace() || chars[at].is_control()) {
                at += 1;
            }
            out.push(' ');
        } else if BETWEEN.contains(&chars[at]) {
            out.push(chars[at]);
            at += 1;
        } else {
            let begun = at;
            while at < chars.len() && !ends_word(&chars, at) {
                at += 1;
            }
            let all: String = chars[begun..at].iter().collect();
            let word = all.trim_end_matches(AFTER_WORD);
            blank(word, &mut out);
            out.push_str(&all[word.len()..]);
        }
    }
    cut(&mut out);
    out
}

fn ends_word(chars: &[char], at: usize) -> bool {
    let c = chars[at];
    // An apostrophe within a word is part of it, and so is a comma within a number.
    let part = |of: fn(&char) -> bool| at > 0 && of(&chars[at - 1]) && chars.get(at + 1).is_some_and(of);
    let within = match c {
        '\'' => part(|c| c.is_alphanumeric()),
        ',' => part(char::is_ascii_digit),
        _ => false,
    };
    (c.is_whitespace() || c.is_control() || BETWEEN.contains(&c)) && !within
}

/// The end of the quotation that begins here, if one does.
fn quoted(chars: &[char], at: usize) -> Option<usize> {
    let closing = match chars[at] {
        c @ ('"' | '`' | '\'') => c,
        '“' => '”',
        '‘' => '’',
        '«' => '»',
        _ => return None,
    };
    if at > 0 && chars[at - 1].is_alphanumeric() {
        return None;
    }
    let mut end = at + 1;
    while end < chars.len() {
        if chars[end] == '\\' {
            end += 1;
        } else if chars[end] == closing && !chars.get(end + 1).is_some_and(|next| next.is_alphanumeric()) {
            return Some(end + 1);
        }
        end += 1;
    }
    None
}

/// What stands for a word.
fn blank(word: &str, out: &mut String) {
    let whole = if word.contains("://") {
        Some("<url>")
    } else if is_email(word) {
        Some("<email>")
    } else if is_uuid(word) {
        Some("<id>")
    } else if is_address(word) {
        Some("<addr>")
    } else if is_path(word) {
        Some("<path>")
    } else {
        None
    };
    match whole {
        Some(blank) => out.push_str(blank),
        None => without_numbers(word, out),
    }
}

fn is_email(word: &str) -> bool {
    word.split_once('@').is_some_and(|(name, host)| !name.is_empty() && host.contains('.'))
}

fn is_uuid(word: &str) -> bool {
    let parts: Vec<&str> = word.split('-').collect();
    let hex = |part: &&str| part.bytes().all(|b| b.is_ascii_hexdigit());
    parts.iter().map(|part| part.len()).eq([8, 4, 4, 4, 12]) && parts.iter().all(hex)
}

fn is_address(word: &str) -> bool {
    // A word of letters alone, as `face`, is no address; `::` and `1.2.3.4` are.
    word.contains([':', '.']) && (word.parse::<IpAddr>().is_ok() || word.parse::<SocketAddr>().is_ok())
}

fn is_path(word: &str) -> bool {
    let rooted =
        ["/", "./", "../", "~/", "\\\\"].iter().any(|root| word.starts_with(root) && word.len() > root.len());
    let drive = word.as_bytes().first().is_some_and(u8::is_ascii_alphabetic)
        && (word[1..].starts_with(":\\") || word[1..].starts_with(":/"));
    let slashes = word.matches(['/', '\\']).count();
    let with_ending = word.rsplit_once('/').is_some_and(|(_, name)| name.contains('.'));
    rooted || drive || slashes > 1 || with_ending
}

/// Runs of letters and digits that are no words, and numbers.
fn without_numbers(word: &str, out: &mut String) {
    let mut rest = word;
    while !rest.is_empty() {
        let run = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
        if run == 0 {
            let other = rest.find(|c: char| c.is_ascii_alphanumeric()).unwrap_or(rest.len());
            out.push_str(&rest[..other]);
            rest = &rest[other..];
            continue;
        }
        let (this, after) = rest.split_at(run);
        let digit = this.bytes().any(|b| b.is_ascii_digit());
        let letter = this.bytes().any(|b| b.is_ascii_alphabetic());
        let hex = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_hexdigit());
        if this.strip_prefix("0x").is_some_and(hex) || (this.len() >= 8 && digit && letter && hex(this)) {
            out.push_str("<hex>");
        } else if this.len() >= LONG_WORD && digit && letter {
            out.push_str("<id>");
        } else if digit && !letter {
            out.push_str("<n>");
            rest = after_number(after);
            continue;
        } else if digit {
            numbers(this, out);
            // As in `v1.2.3`.
            if this.ends_with(|c: char| c.is_ascii_digit()) {
                rest = after_number(after);
                continue;
            }
        } else {
            out.push_str(this);
        }
        rest = after;
    }
}

/// What follows a number: the rest of it, after points and commas, is passed over.
fn after_number(mut rest: &str) -> &str {
    while let Some(more) = rest.strip_prefix(['.', ',']) {
        let digits = more.bytes().take_while(u8::is_ascii_digit).count();
        if digits == 0 {
            break;
        }
        rest = &more[digits..];
    }
    rest
}

/// Each run of digits in a word of letters and digits.
fn numbers(word: &str, out: &mut String) {
    let mut in_number = false;
    for c in word.chars() {
        if c.is_ascii_digit() {
            if !in_number {
                out.push_str("<n>");
            }
            in_number = true;
        } else {
            out.push(c);
            in_number = false;
        }
    }
}

fn cut(out: &mut String) {
    let mut end = out.len().min(MAX_GROUP_MESSAGE_BYTES);
    while !out.is_char_boundary(end) {
        end -= 1;
    }
    out.truncate(end);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A change here parts what was counted before from what is counted from now on. The first rows are in
    /// docs/telemetry.md too.
    const EXAMPLES: &[(&str, &str)] = &[
        ("connection refused", "connection refused"),
        ("user 4711 not found", "user <n> not found"),
        ("took 1.5s, limit 1,000 ms", "took <n>s, limit <n> ms"),
        ("no file \"a b.txt\" in 'x'", "no file <text> in <text>"),
        ("can't open `x`: it isn't there", "can't open <text>: it isn't there"),
        ("job 01890a5d-ac96-774b-bcce-b302099a8057 is gone", "job <id> is gone"),
        ("connect to 10.0.0.7:5432: refused", "connect to <addr>: refused"),
        ("bind [::1]:80 or ::1", "bind [<addr>]:<n> or <addr>"),
        ("open /var/lib/x/7.db: denied", "open <path>: denied"),
        ("at src/main.rs:10:5", "at <path>"),
        ("C:\\data\\x.txt is locked", "<path> is locked"),
        ("read and/or write, I/O", "read and/or write, I/O"),
        ("GET https://x.example/a?b=7 said 503", "GET <url>=<n> said <n>"),
        ("no mailbox ada@example.org", "no mailbox <email>"),
        ("object at 0x7ffee4c0 moved", "object at <hex> moved"),
        ("digest 9f86d081884c7d65 differs", "digest <hex> differs"),
        ("token AbCdEfGh1234567890XyZ", "token <id>"),
        ("id=42, name=x7", "id=<n>, name=x<n>"),
        ("version v1.2.3 of 2026-11-29T05:45:43Z", "version v<n> of <n>-<n>-<n>T<n>:<n>:<n>Z"),
        ("deadbeef beef facade", "deadbeef beef facade"),
        ("a\tb   c", "a b c"),
        ("\n\n  first line\nsecond 7", "first line"),
        ("", ""),
        ("\"unclosed", "\"unclosed"),
        ("zu früh: 3 Äpfel", "zu früh: <n> Äpfel"),
    ];

    #[test]
    fn blanks_stand_for_what_differs() {
        for (message, expected) in EXAMPLES {
            assert_eq!(normalise(message), *expected, "{message:?}");
        }
    }

    #[test]
    fn it_is_bounded_and_never_cut_within_a_character() {
        for text in ["ü", "7 ", "'x' ", "(", "\\", "a/"] {
            let message = normalise(&text.repeat(100_000));
            assert!(message.len() <= MAX_GROUP_MESSAGE_BYTES, "{}", message.len());
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_has_a_form_without_line_breaks(text in ".{0,300}") {
            let message = normalise(&text);
            proptest::prop_assert!(message.len() <= MAX_GROUP_MESSAGE_BYTES);
            proptest::prop_assert!(!message.contains(['\n', '\r', '\0']));
        }

        #[test]
        fn numbers_make_no_difference(a: u32, b: u32) {
            proptest::prop_assert_eq!(normalise(&format!("row {a} of x{a}")), normalise(&format!("row {b} of x{b}")));
        }
    }
}
