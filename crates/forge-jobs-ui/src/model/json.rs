//! JSON as it was written: numbers keep every digit, keys their order, and a key that comes twice comes twice.

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// `null`, `true`, `false` or a number, as it was written.
    Word(String),
    /// A string, decoded.
    Text(String),
    /// An array.
    List(Vec<Self>),
    /// An object.
    Map(Vec<(String, Self)>),
}

/// Deeper than the queue accepts.
const DEPTH: usize = 160;

/// Reads JSON; `None` if it is none.
#[must_use]
pub fn parse(text: &str) -> Option<Node> {
    let mut reader = Reader { bytes: text.as_bytes(), text, at: 0 };
    let node = reader.value(0)?;
    reader.space();
    (reader.at == text.len()).then_some(node)
}

struct Reader<'a> {
    bytes: &'a [u8],
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn space(&mut self) {
        while self.peek().is_some_and(|b| b.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    fn eat(&mut self, byte: u8) -> Option<()> {
        self.space();
        (self.peek() == Some(byte)).then(|| self.at += 1)
    }

    fn value(&mut self, depth: usize) -> Option<Node> {
        if depth > DEPTH {
            return None;
        }
        self.space();
        match self.peek()? {
            b'{' => self.map(depth),
            b'[' => self.list(depth),
            b'"' => self.string().map(Node::Text),
            _ => self.word(),
        }
    }

    fn map(&mut self, depth: usize) -> Option<Node> {
        self.eat(b'{')?;
        let mut entries = Vec::new();
        if self.eat(b'}').is_some() {
            return Some(Node::Map(entries));
        }
        loop {
            self.space();
            let key = self.string()?;
            self.eat(b':')?;
            entries.push((key, self.value(depth + 1)?));
            if self.eat(b',').is_none() {
                self.eat(b'}')?;
                return Some(Node::Map(entries));
            }
        }
    }

    fn list(&mut self, depth: usize) -> Option<Node> {
        self.eat(b'[')?;
        let mut entries = Vec::new();
        if self.eat(b']').is_some() {
            return Some(Node::List(entries));
        }
        loop {
            entries.push(self.value(depth + 1)?);
            if self.eat(b',').is_none() {
                self.eat(b']')?;
                return Some(Node::List(entries));
            }
        }
    }

    fn word(&mut self) -> Option<Node> {
        let from = self.at;
        while self.peek().is_some_and(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b)) {
            self.at += 1;
        }
        let word = self.text.get(from..self.at)?;
        let number = word.starts_with(|c: char| c == '-' || c.is_ascii_digit());
        (number || matches!(word, "null" | "true" | "false")).then(|| Node::Word(word.to_owned()))
    }

    fn string(&mut self) -> Option<String> {
        let from = self.at;
        if self.peek() != Some(b'"') {
            return None;
        }
        self.at += 1;
        loop {
            match self.peek()? {
                b'\\' => self.at += 2,
                b'"' => break,
                _ => self.at += 1,
            }
        }
        self.at += 1;
        unescape(self.text.get(from + 1..self.at - 1)?)
    }
}

fn unescape(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next()? {
            'n' => out.push('\n'),
            't' => out.push('\t'),
            'r' => out.push('\r'),
            'b' => out.push('\u{8}'),
            'f' => out.push('\u{c}'),
            'u' => {
                let first = unit(&mut chars)?;
                if (0xD800..0xDC00).contains(&first) {
                    // The second half of a pair.
                    let (slash, u) = (chars.next()?, chars.next()?);
                    if (slash, u) != ('\\', 'u') {
                        return None;
                    }
                    let second = unit(&mut chars)?;
                    out.extend(char::decode_utf16([first, second]).map(|c| c.unwrap_or('\u{FFFD}')));
                } else {
                    out.push(char::from_u32(u32::from(first)).unwrap_or('\u{FFFD}'));
                }
            }
            other => out.push(other),
        }
    }
    Some(out)
}

/// Four hexadecimal digits, no fewer.
fn unit(chars: &mut std::str::Chars<'_>) -> Option<u16> {
    let mut unit = 0;
    for _ in 0..4 {
        unit = unit * 16 + u16::try_from(chars.next()?.to_digit(16)?).ok()?;
    }
    Some(unit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_keys_and_their_order_stay_as_they_were_written() {
        let node = parse(
            r#"{ "b" :1.0, "a": 123456789012345678901234567890, "b": 1e400, "s":"\u00e4\n\ud83d\ude00" }"#,
        );
        let Some(Node::Map(entries)) = node else { panic!("{node:?}") };
        let word = |text: &str| Node::Word(text.to_owned());
        assert_eq!(
            entries,
            [
                ("b".to_owned(), word("1.0")),
                ("a".to_owned(), word("123456789012345678901234567890")),
                ("b".to_owned(), word("1e400")),
                ("s".to_owned(), Node::Text("ä\n😀".to_owned())),
            ]
        );
        for bad in ["", "{", "[1,]", "{\"a\"}", "nul", "\"a", "1 2", "\"\\u12\""] {
            assert_eq!(parse(bad), None, "{bad}");
        }
        assert_eq!(parse(&"[".repeat(500)), None);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[\\[\\]{}\":,\\\\u0-9a-z é]{0,40}") {
            let _ = parse(&text);
        }
    }
}
