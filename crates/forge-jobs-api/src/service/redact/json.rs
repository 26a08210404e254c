//! Hiding values in JSON text, and leaving the rest as it is.

use super::{MASK, Rules};
use std::borrow::Cow;

impl Rules {
    /// The text with what is secret hidden; `None` if nothing is. The text must be JSON.
    pub(super) fn json(&self, text: &str) -> Option<String> {
        let mut walk = Walk { rules: self, text, at: 0, done: 0, out: String::new(), path: Vec::new() };
        walk.value(None);
        if walk.done == 0 {
            return None;
        }
        walk.out.push_str(&text[walk.done..]);
        Some(walk.out)
    }
}

/// One pass over the text. Depth is bounded by what payloads and outputs may have.
struct Walk<'a> {
    rules: &'a Rules,
    text: &'a str,
    at: usize,
    /// Up to here the text is in `out`.
    done: usize,
    out: String,
    /// The keys down to where the walk is.
    path: Vec<String>,
}

impl Walk<'_> {
    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while self.byte().is_some_and(|b| b.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    /// A value, that of a key or another one.
    fn value(&mut self, key: Option<&str>) {
        self.skip_space();
        let hide = key.is_some_and(|key| {
            let number = self.byte().is_some_and(|b| b == b'-' || b.is_ascii_digit());
            // Counts of tokens are no secrets, and secrets are no counts.
            let counts = number && super::plain(key).contains("token");
            (self.rules.hides_key(key) && !counts) || self.rules.hides_path(&self.path)
        });
        match self.byte() {
            Some(b'n' | b't' | b'f') => self.skip_scalar(),
            _ if hide => {
                let from = self.at;
                self.skip_value();
                self.replace(from, &format!("\"{MASK}\""));
            }
            Some(b'{') => self.object(),
            Some(b'[') => self.array(),
            Some(b'"') => self.string(),
            _ => self.skip_scalar(),
        }
    }

    fn object(&mut self) {
        self.at += 1;
        loop {
            self.skip_space();
            match self.byte() {
                Some(b'"') => {
                    let from = self.at;
                    self.skip_string();
                    let key = decoded(&self.text[from..self.at]).into_owned();
                    self.skip_space();
                    // The colon.
                    self.at += 1;
                    self.path.push(key.clone());
                    self.value(Some(&key));
                    self.path.pop();
                }
                Some(b',') => self.at += 1,
                Some(_) => {
                    self.at += 1;
                    return;
                }
                None => return,
            }
        }
    }

    fn array(&mut self) {
        self.at += 1;
        loop {
            self.skip_space();
            match self.byte() {
                Some(b']') => {
                    self.at += 1;
                    return;
                }
                Some(b',') => self.at += 1,
                Some(_) => self.value(None),
                None => return,
            }
        }
    }

    fn string(&mut self) {
        let from = self.at;
        self.skip_string();
        let text = decoded(&self.text[from..self.at]);
        if let Cow::Owned(masked) = self.rules.text(&text)
            && let Ok(json) = serde_json::to_string(&masked)
        {
            self.replace(from, &json);
        }
    }

    /// Puts this in the place of what was walked over since `from`.
    fn replace(&mut self, from: usize, with: &str) {
        self.out.push_str(&self.text[self.done..from]);
        self.out.push_str(with);
        self.done = self.at;
    }

    fn skip_scalar(&mut self) {
        let ends = |b: u8| matches!(b, b',' | b']' | b'}') || b.is_ascii_whitespace();
        let from = self.at;
        while self.byte().is_some_and(|b| !ends(b)) {
            self.at += 1;
        }
        // Never stand still, whatever the text is.
        if self.at == from && self.byte().is_some() {
            self.at += 1;
        }
    }

    fn skip_string(&mut self) {
        self.at += 1;
        while let Some(b) = self.byte() {
            self.at += match b {
                b'\\' => 2,
                _ => 1,
            };
            if b == b'"' {
                return;
            }
        }
        self.at = self.text.len();
    }

    fn skip_value(&mut self) {
        let mut depth = 0_usize;
        loop {
            match self.byte() {
                Some(b'"') => self.skip_string(),
                Some(b'{' | b'[') => {
                    depth += 1;
                    self.at += 1;
                }
                Some(b'}' | b']') => {
                    depth = depth.saturating_sub(1);
                    self.at += 1;
                }
                Some(b',' | b':') => self.at += 1,
                Some(b) if b.is_ascii_whitespace() => self.at += 1,
                Some(_) => self.skip_scalar(),
                None => return,
            }
            if depth == 0 {
                return;
            }
        }
    }
}

/// What a JSON string says.
fn decoded(json: &str) -> Cow<'_, str> {
    let inner = json.get(1..json.len().saturating_sub(1)).unwrap_or_default();
    if !inner.contains('\\') {
        return Cow::Borrowed(inner);
    }
    serde_json::from_str(json).map_or(Cow::Borrowed(inner), Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::super::Redaction;
    use serde_json::value::RawValue;

    fn masked(redaction: &Redaction, text: &str) -> String {
        let raw = RawValue::from_string(text.to_owned()).unwrap();
        redaction.json(&raw).map_or_else(|| text.to_owned(), |raw| raw.get().to_owned())
    }

    #[test]
    fn keys_are_hidden_at_any_depth_and_however_they_are_written() {
        let r = Redaction::default();
        for (text, want) in [
            (r#"{"password":"x"}"#, r#"{"password":"[redacted]"}"#),
            (
                r#"{"a":[1,{"API-Key" : {"x":[1,"}"]} , "b":2}]}"#,
                r#"{"a":[1,{"API-Key" : "[redacted]" , "b":2}]}"#,
            ),
            (r#"{"pass\u0077ord":12}"#, r#"{"pass\u0077ord":"[redacted]"}"#),
            (r#"{"authToken":[true]}"#, r#"{"authToken":"[redacted]"}"#),
            (r#"[[{"db":{"clientSecret":-1.5e3}}]]"#, r#"[[{"db":{"clientSecret":"[redacted]"}}]]"#),
        ] {
            assert_eq!(masked(&r, text), want);
        }
    }

    #[test]
    fn what_is_no_secret_stays_byte_for_byte() {
        let r = Redaction::default();
        for text in [
            "{ \"b\" :1.0, \"a\": 123456789012345678901234567890, \"b\": 1e400, \"ü\\n\":[ ] , \"c\":{ } }",
            r#"{"max_tokens":12,"password":null,"secret":false}"#,
            "null",
            " \"x\" ",
            "-0",
        ] {
            assert_eq!(masked(&r, text), text);
        }
    }

    #[test]
    fn paths_hide_values_also_within_arrays() {
        let r = Redaction::default().with_path("customer.addresses.street").with_key("ssn");
        let text = r#"{"street":"a","customer":{"addresses":[{"street":"b"},{"street":"c"}],"SSN_no":1}}"#;
        let want = r#"{"street":"a","customer":{"addresses":[{"street":"[redacted]"},{"street":"[redacted]"}],"SSN_no":"[redacted]"}}"#;
        assert_eq!(masked(&r, text), want);
        assert_eq!(masked(&Redaction::none(), text), text);
    }

    #[test]
    fn strings_are_looked_at() {
        let r = Redaction::default();
        let text = r#"{"url":"postgres:\/\/ada:hunter2@db.example/x","n":1}"#;
        assert_eq!(masked(&r, text), r#"{"url":"postgres://[redacted]@db.example/x","n":1}"#);
    }
}
