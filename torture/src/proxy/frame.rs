//! Where messages begin and end in a stream of the Postgres protocol, however it is cut into reads.
//!
//! Bodies stream through: of each message only the beginning is kept, as much as its reader asks for.

/// The longest first message that a server takes; what is longer is no Postgres (or TLS without a request).
const FIRST_MOST: usize = 10_000;

/// A message that has gone by in full.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Message {
    /// `None` for the messages before and at startup, which have no tag.
    pub(super) tag: Option<u8>,
    /// The beginning of its body.
    pub(super) body: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// A message without a tag comes next.
    Untagged,
    Tagged,
    /// Nothing is to be understood any more: encrypted, or no Postgres.
    Opaque,
}

/// Follows one direction of a connection.
#[derive(Debug)]
pub(super) struct Scanner {
    phase: Phase,
    /// The tag and length, as far as they have come.
    head: Vec<u8>,
    /// How much of the body is still to come, once the head is there.
    left: Option<usize>,
    /// How much of the body is to be kept.
    keep: fn(Option<u8>) -> usize,
    body: Vec<u8>,
}

impl Scanner {
    /// For what a client sends: a message without a tag comes first.
    pub(super) const fn client(keep: fn(Option<u8>) -> usize) -> Self {
        Self { phase: Phase::Untagged, head: Vec::new(), left: None, keep, body: Vec::new() }
    }

    /// For what a server sends. Of its messages only the tags matter.
    pub(super) const fn server() -> Self {
        Self { phase: Phase::Tagged, head: Vec::new(), left: None, keep: |_| 0, body: Vec::new() }
    }

    /// From now on messages have a tag.
    pub(super) const fn started(&mut self) {
        self.phase = Phase::Tagged;
    }

    /// From now on nothing is understood.
    pub(super) const fn give_up(&mut self) {
        self.phase = Phase::Opaque;
    }

    /// Whether nothing is understood any more.
    pub(super) fn is_opaque(&self) -> bool {
        self.phase == Phase::Opaque
    }

    /// Whether the next byte begins a message.
    pub(super) const fn at_start(&self) -> bool {
        self.head.is_empty() && self.left.is_none()
    }

    /// Takes bytes up to the end of the current message or of the input. Says how many, and the message that they
    /// complete.
    pub(super) fn step(&mut self, input: &[u8]) -> (usize, Option<Message>) {
        let mut taken = 0;
        let left = loop {
            if self.is_opaque() {
                return (input.len(), None);
            }
            if let Some(left) = self.left {
                break left;
            }
            let Some(byte) = input.get(taken) else { return (taken, None) };
            self.head.push(*byte);
            taken += 1;
            self.read_head();
        };
        let part = left.min(input.len() - taken);
        let room = (self.keep)(self.tag()).saturating_sub(self.body.len()).min(part);
        self.body.extend_from_slice(&input[taken..taken + room]);
        taken += part;
        self.left = Some(left - part);
        if left > part {
            return (taken, None);
        }
        let message = Message { tag: self.tag(), body: std::mem::take(&mut self.body) };
        self.head.clear();
        self.left = None;
        (taken, Some(message))
    }

    /// Learns the length of the body when the head has come in full.
    fn read_head(&mut self) {
        let tag = usize::from(self.phase == Phase::Tagged);
        let Some(&[a, b, c, d]) = self.head.get(tag..tag + 4) else { return };
        let length = usize::try_from(i32::from_be_bytes([a, b, c, d])).unwrap_or(0);
        // The length counts itself.
        match length.checked_sub(4) {
            Some(body) if self.phase == Phase::Tagged || length <= FIRST_MOST => self.left = Some(body),
            _ => self.give_up(),
        }
    }

    fn tag(&self) -> Option<u8> {
        self.head.first().copied().filter(|_| self.phase == Phase::Tagged)
    }
}

/// The text up to the next zero byte, and what follows it. A text that was not kept to its end is its beginning.
pub(super) fn text(body: &[u8]) -> (String, &[u8]) {
    let end = body.iter().position(|b| *b == 0);
    let (text, rest) = end.map_or((body, &[][..]), |end| (&body[..end], &body[end + 1..]));
    (String::from_utf8_lossy(text).into_owned(), rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(tag: u8, body: &[u8]) -> Vec<u8> {
        let length = i32::try_from(body.len() + 4).unwrap();
        [&[tag][..], &length.to_be_bytes(), body].concat()
    }

    fn scan(scanner: &mut Scanner, mut input: &[u8]) -> Vec<Message> {
        let mut found = Vec::new();
        while !input.is_empty() {
            let (taken, message) = scanner.step(input);
            assert!(taken > 0);
            input = &input[taken..];
            if message.as_ref().is_some_and(|m| m.tag.is_none()) {
                scanner.started();
            }
            found.extend(message);
        }
        found
    }

    #[test]
    fn every_cut_of_a_stream_gives_the_same_messages() {
        let startup = [&12_i32.to_be_bytes()[..], &196_608_i32.to_be_bytes(), b"abcd"].concat();
        let stream = [startup, message(b'Q', b"SELECT 1\0"), message(b'S', b""), message(b'X', b"")].concat();
        let whole = scan(&mut Scanner::client(|_| 6), &stream);
        let tags: Vec<_> = whole.iter().map(|m| m.tag).collect();
        assert_eq!(tags, [None, Some(b'Q'), Some(b'S'), Some(b'X')]);
        assert_eq!(whole[1].body, b"SELECT", "only what is asked for is kept");
        for first in 0..stream.len() {
            for second in first..stream.len() {
                let mut scanner = Scanner::client(|_| 6);
                let mut found = scan(&mut scanner, &stream[..first]);
                found.extend(scan(&mut scanner, &stream[first..second]));
                found.extend(scan(&mut scanner, &stream[second..]));
                assert_eq!(found, whole, "cut at {first} and {second}");
                assert!(scanner.at_start());
            }
        }
    }

    #[test]
    fn what_is_no_postgres_is_passed_on_unread() {
        for hello in [&b"\x16\x03\x01\x02\x00hello"[..], b"\xff\xff\xff\xffhello", b"\0\0\0\x03hello"] {
            let mut scanner = Scanner::client(|_| 6);
            assert_eq!(scan(&mut scanner, hello), []);
            assert!(scanner.is_opaque());
        }
    }

    #[test]
    fn a_large_body_leaves_nothing_in_memory() {
        let mut scanner = Scanner::server();
        let large = message(b'D', &vec![7; 1 << 24]);
        assert_eq!(scan(&mut scanner, &large[..large.len() - 1]), []);
        assert_eq!(scanner.body.capacity(), 0);
        assert_eq!(
            scan(&mut scanner, &large[large.len() - 1..]),
            [Message { tag: Some(b'D'), body: vec![] }]
        );
    }

    #[test]
    fn texts_end_at_a_zero_byte_or_where_they_were_cut() {
        assert_eq!(text(b"a\0b\0"), ("a".to_owned(), &b"b\0"[..]));
        assert_eq!(text(b"ab"), ("ab".to_owned(), &b""[..]));
    }
}
