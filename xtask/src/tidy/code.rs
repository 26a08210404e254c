//! Rust text without its comments and literals, for rules that must not mistake prose for code.

/// The text with comments, strings and character literals blanked out; lines and columns stay.
pub(super) fn code_only(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    // Whether the last character was part of a name, in which `r"` or `b'` begins no literal.
    let mut in_name = false;
    while let Some(c) = rest.chars().next() {
        let skipped = if in_name && !matches!(c, '"' | '\'' | '/') { 0 } else { non_code_len(rest) };
        let (part, next) = if skipped > 0 { rest.split_at(skipped) } else { rest.split_at(c.len_utf8()) };
        if skipped > 0 {
            out.extend(part.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
            in_name = false;
        } else {
            out.push(c);
            in_name = c.is_alphanumeric() || c == '_';
        }
        rest = next;
    }
    out
}

/// The length of the comment or literal that the text begins with; 0 if it begins with code.
fn non_code_len(text: &str) -> usize {
    if text.starts_with("//") {
        return text.find('\n').unwrap_or(text.len());
    }
    if text.starts_with("/*") {
        return block_comment_len(text);
    }
    for prefix in ["br", "cr", "r"] {
        if let Some(len) = text.strip_prefix(prefix).and_then(raw_string_len) {
            return prefix.len() + len;
        }
    }
    for prefix in ["", "b", "c"] {
        if let Some(body) = text.strip_prefix(prefix)
            && body.starts_with('"')
        {
            return prefix.len() + quoted_len(body, '"');
        }
    }
    for prefix in ["", "b"] {
        if let Some(body) = text.strip_prefix(prefix)
            && is_char_literal(body)
        {
            return prefix.len() + quoted_len(body, '\'');
        }
    }
    0
}

fn block_comment_len(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        if rest.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// The length of `#*"…"#*`; `None` if the text does not begin with one.
fn raw_string_len(text: &str) -> Option<usize> {
    let hashes = text.len() - text.trim_start_matches('#').len();
    text[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let body = hashes + 1;
    Some(text[body..].find(&end).map_or(text.len(), |at| body + at + end.len()))
}

fn quoted_len(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        if escaped {
            escaped = false;
        } else if c == '\\' {
            escaped = true;
        } else if c == quote {
            return at + 1;
        }
    }
    text.len()
}

/// Tells `'a'` and `'\n'` from the lifetime in `&'a str`.
fn is_char_literal(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next() == Some('\'')
        && match chars.next() {
            Some('\\') => true,
            Some(_) => chars.next() == Some('\''),
            None => false,
        }
}

/// The line, from 1, of a byte position.
pub(super) fn line_of(text: &str, at: usize) -> usize {
    text[..at].bytes().filter(|b| *b == b'\n').count() + 1
}

/// The position after the bracket that closes the one at `open`; the end of the text if none does.
pub(super) fn after_closing(code: &str, open: usize) -> usize {
    let mut depth = 0_usize;
    for (at, c) in code[open..].char_indices() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return open + at + c.len_utf8();
                }
            }
            _ => {}
        }
    }
    code.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(code_only(text), expected);
        assert_eq!(code_only(text).chars().count(), text.chars().count());
    }

    #[test]
    fn comments_vanish_and_lines_stay() {
        check("a // b\nc", "a     \nc");
        check("a /* b\n /* c */ d */ e", "a     \n              e");
    }

    #[test]
    fn strings_of_every_kind_vanish() {
        check(r#"f("a \" b", x)"#, "f(        , x)");
        check("f(r#\"a \" b\"#, x)", "f(          , x)");
        check("f(b\"ab\", br\"c\")", "f(     ,      )");
        // The last letter of a name begins no literal.
        check("for\"a\"", "for   ");
    }

    #[test]
    fn character_literals_vanish_and_lifetimes_stay() {
        check("f('\"', '\\'', 'ü', b'x')", "f(   ,     ,    ,     )");
        check("fn f<'a>(x: &'a str)", "fn f<'a>(x: &'a str)");
    }

    #[test]
    fn a_literal_that_never_ends_reaches_to_the_end() {
        check("a \"b", "a   ");
        check("a /* b", "a     ");
        check("a r#\"b", "a     ");
    }

    #[test]
    fn brackets_are_matched_across_lines() {
        let code = "fn f() { if a { b(1) }\n}\nfn g() {}";
        assert_eq!(after_closing(code, 7), code.find("\nfn g").unwrap());
        assert_eq!(line_of(code, code.find("fn g").unwrap()), 3);
        assert_eq!(after_closing("{ (", 0), 3);
    }
}
