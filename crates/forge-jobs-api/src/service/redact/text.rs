//! Hiding what looks secret in texts: error messages, notes, strings of JSON.

use super::{MASK, Rules};
use std::borrow::Cow;

/// Beginnings of keys and tokens by which their makers mark them, with the least length of the whole.
const MARKS: [(&str, usize); 14] = [
    ("sk-", 16),
    ("sk_live_", 16),
    ("rk_live_", 16),
    ("whsec_", 16),
    ("AKIA", 20),
    ("ASIA", 20),
    ("AIza", 30),
    ("ghp_", 20),
    ("gho_", 20),
    ("ghs_", 20),
    ("github_pat_", 30),
    ("glpat-", 16),
    ("xox", 16),
    ("forge_", 32),
];

/// Words after which a credential follows.
const SCHEMES: [&str; 2] = ["bearer", "basic"];

const fn is_word(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b'+' | b'/' | b'~') || b >= 0x80
}

/// Whether a word is a key or a token by its form.
fn is_secret(word: &str) -> bool {
    let marked = MARKS.iter().any(|(mark, least)| word.starts_with(mark) && word.len() >= *least);
    // A JSON Web Token: three parts, the first of them an encoded object.
    marked || (word.starts_with("eyJ") && word.len() > 20 && word.bytes().filter(|b| *b == b'.').count() == 2)
}

impl Rules {
    /// The text with what looks secret hidden.
    pub(super) fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut out = String::new();
        let mut done = 0;
        for (from, to) in self.secrets(text) {
            if from < done {
                continue;
            }
            out.push_str(&text[done..from]);
            out.push_str(MASK);
            done = to;
        }
        if done == 0 {
            return Cow::Borrowed(text);
        }
        out.push_str(&text[done..]);
        Cow::Owned(out)
    }

    /// Where secrets are, in order.
    fn secrets(&self, text: &str) -> Vec<(usize, usize)> {
        let bytes = text.as_bytes();
        let mut found = Vec::new();
        let mut at = 0;
        while at < bytes.len() {
            if !is_word(bytes[at]) {
                if let Some(end) = userinfo(text, at) {
                    found.push((at + 3, end));
                    at = end;
                } else {
                    at += 1;
                }
                continue;
            }
            let from = at;
            while at < bytes.len() && is_word(bytes[at]) {
                at += 1;
            }
            let word = &text[from..at];
            if is_secret(word) {
                found.push((from, at));
            } else if let Some((start, end)) =
                credential(text, word, at).or_else(|| self.assigned(text, word, at))
            {
                found.push((start, end));
                at = end;
            }
        }
        found
    }

    /// The value of `password=…`, `"password": "…"` and the like.
    fn assigned(&self, text: &str, key: &str, after: usize) -> Option<(usize, usize)> {
        let bytes = text.as_bytes();
        let quote = |b: u8| matches!(b, b'"' | b'\'' | b'\\');
        let skip = |mut at: usize, over: &dyn Fn(u8) -> bool| {
            while bytes.get(at).is_some_and(|b| over(*b)) {
                at += 1;
            }
            at
        };
        // `src/token.rs:12` is a place in a file.
        let name = key.rsplit('/').next().unwrap_or(key);
        let is_file = name.len() < key.len() && name.contains('.');
        let at = skip(after, &|b| quote(b) || b == b' ');
        if !bytes.get(at).is_some_and(|b| matches!(b, b'=' | b':')) || is_file || !self.hides_key(name) {
            return None;
        }
        // Two colons make a path of code, and a colon with two strokes a URL.
        if bytes.get(at + 1).is_some_and(|b| *b == b':') || bytes[at..].starts_with(b"://") {
            return None;
        }
        let start = skip(at + 1, &|b| quote(b) || b == b' ');
        let end = skip(start, &|b| {
            !quote(b) && !matches!(b, b' ' | b',' | b'&' | b';' | b')' | b'}' | b']' | b'\n')
        });
        if start == end {
            return None;
        }
        // `authorization: Bearer x`: the word after it is the secret.
        Some(credential(text, &text[start..end], end).map_or((start, end), |(_, end)| (start, end)))
    }
}

/// What follows after `Bearer` or `Basic`.
fn credential(text: &str, word: &str, after: usize) -> Option<(usize, usize)> {
    let bytes = text.as_bytes();
    if !SCHEMES.iter().any(|scheme| word.eq_ignore_ascii_case(scheme)) || bytes.get(after) != Some(&b' ') {
        return None;
    }
    let start = after + 1;
    let mut end = start;
    while bytes.get(end).is_some_and(|b| is_word(*b) || *b == b'=') {
        end += 1;
    }
    // "basic checks" is English; credentials are longer than most words and hardly ever only small letters.
    let value = &text[start..end];
    let like = value.len() >= 8 && value.bytes().any(|b| !b.is_ascii_lowercase());
    like.then_some((start, end))
}

/// Where name and password of a URL end, if one begins here: `://ada:hunter2@`.
fn userinfo(text: &str, at: usize) -> Option<usize> {
    let rest = text[at..].strip_prefix("://")?;
    let authority = rest
        .split(|c: char| matches!(c, '/' | '?' | '#' | '"' | '\'' | '<' | '>') || c.is_whitespace())
        .next()?;
    let end = authority.rfind('@')?;
    authority[..end].contains(':').then_some(at + 3 + end)
}

#[cfg(test)]
mod tests {
    use super::super::Redaction;

    #[test]
    fn secrets_are_hidden_wherever_they_stand() {
        let r = Redaction::default();
        for (text, want) in [
            ("postgres://ada:hunter2@db.example/x failed", "postgres://[redacted]@db.example/x failed"),
            ("password=hunter2 rejected", "password=[redacted] rejected"),
            (r#"got {"api_key": "abc", "n": 1}"#, r#"got {"api_key": "[redacted]", "n": 1}"#),
            (r#"got {\"apiKey\":\"abc\"}"#, r#"got {\"apiKey\":\"[redacted]\"}"#),
            ("Authorization: Bearer abcDEF123=", "Authorization: [redacted]"),
            ("sent Bearer abcDEF123 to it", "sent Bearer [redacted] to it"),
            ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJh.c2lnbmF0dXJl", "[redacted]"),
            ("key AKIAIOSFODNN7EXAMPLE is old", "key [redacted] is old"),
            ("sk-abcdefghijklmnopqrst, x", "[redacted], x"),
            ("https://h.example/?token=abc&x=1", "https://h.example/?token=[redacted]&x=1"),
            ("/x/token=abc db.password: y", "/x/token=[redacted] db.password: [redacted]"),
            ("é password='ü ö'", "é password='[redacted] ö'"),
        ] {
            assert_eq!(r.text(text), want);
        }
    }

    #[test]
    fn ordinary_texts_stay() {
        let r = Redaction::default();
        for text in [
            "connection refused (os error 111)",
            "the token expired at 10:00",
            "https://h.example/a?b=c",
            "basic checks failed",
            "at token::parse in src/token.rs:12",
            "mail to ada@example.org: 550",
            "",
        ] {
            assert_eq!(r.text(text), text);
        }
    }
}
