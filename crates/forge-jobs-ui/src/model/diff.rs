//! Where two texts of JSON differ: path by path, with values cut to what fits in a line.

use super::json::{Node, parse};
use std::collections::{HashMap, HashSet};

/// Differences that are told one by one.
const MOST: usize = 20;
/// Characters of a value or a path.
const LONGEST: usize = 80;

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Where it is, such as `to[0].name`; empty: all of it.
    pub path: String,
    /// What was there; `None`: nothing.
    pub old: Option<String>,
    /// What is there.
    pub new: Option<String>,
}

/// What differs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diff {
    /// The first differences. None, of texts that differ: the same values, written otherwise.
    pub changes: Vec<Change>,
    /// So many more.
    pub left_out: usize,
}

/// Compares; what is no JSON differs as a whole.
#[must_use]
pub fn between(old: &str, new: &str) -> Diff {
    let mut diff = Diff::default();
    match (parse(old), parse(new)) {
        (Some(old), Some(new)) => diff.walk("", Some(&old), Some(&new)),
        _ if old != new => diff.push("", Some(cut(old)), Some(cut(new))),
        _ => {}
    }
    diff
}

impl Diff {
    fn push(&mut self, path: &str, old: Option<String>, new: Option<String>) {
        if self.changes.len() < MOST {
            self.changes.push(Change { path: cut(path), old, new });
        } else {
            self.left_out += 1;
        }
    }

    fn walk(&mut self, path: &str, old: Option<&Node>, new: Option<&Node>) {
        match (old, new) {
            (Some(Node::Map(old)), Some(Node::Map(new))) if is_plain(old) && is_plain(new) => {
                self.maps(path, old, new);
            }
            (Some(Node::List(old)), Some(Node::List(new))) => {
                for at in 0..old.len().max(new.len()) {
                    self.walk(&format!("{path}[{at}]"), old.get(at), new.get(at));
                }
            }
            (old, new) if old != new => self.push(path, old.map(short), new.map(short)),
            _ => {}
        }
    }

    fn maps(&mut self, path: &str, old: &[(String, Node)], new: &[(String, Node)]) {
        let dot = if path.is_empty() { "" } else { "." };
        let (before, now) = (by_key(old), by_key(new));
        for (key, value) in old {
            self.walk(&format!("{path}{dot}{key}"), Some(value), now.get(key.as_str()).copied());
        }
        for (key, value) in new.iter().filter(|(key, _)| !before.contains_key(key.as_str())) {
            self.walk(&format!("{path}{dot}{key}"), None, Some(value));
        }
    }
}

fn by_key(entries: &[(String, Node)]) -> HashMap<&str, &Node> {
    entries.iter().map(|(key, value)| (key.as_str(), value)).collect()
}

/// Whether no key comes twice: a path would not say which one is meant.
fn is_plain(entries: &[(String, Node)]) -> bool {
    entries.iter().map(|(key, _)| key).collect::<HashSet<_>>().len() == entries.len()
}

fn short(node: &Node) -> String {
    match node {
        Node::Word(word) => cut(word),
        Node::Text(text) => format!("\"{}\"", cut(text)),
        Node::List(items) => format!("[{}]", items.len()),
        Node::Map(entries) => format!("{{{}}}", entries.len()),
    }
}

fn cut(text: &str) -> String {
    let mut chars = text.chars();
    let mut out: String = chars.by_ref().take(LONGEST).collect();
    if chars.next().is_some() {
        out.push('…');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn told(old: &str, new: &str) -> Vec<String> {
        let end = |value: Option<String>| value.unwrap_or_else(|| "-".into());
        between(old, new)
            .changes
            .into_iter()
            .map(|change| format!("{}: {} > {}", change.path, end(change.old), end(change.new)))
            .collect()
    }

    #[test]
    fn what_differs_is_told_by_its_path_and_nothing_else() {
        let old = r#"{"to":[{"name":"a"},2],"n":1.0,"gone":null}"#;
        let new = r#"{"n":1,"to":[{"name":"b"},2,[3]],"new":{"x":1}}"#;
        assert_eq!(
            told(old, new),
            ["to[0].name: \"a\" > \"b\"", "to[2]: - > [1]", "n: 1.0 > 1", "gone: null > -", "new: - > {1}"]
        );
        assert_eq!(told("{\"a\": 1, \"b\": 2}", "{\"b\":2,\"a\":1}"), [""; 0]);
        assert_eq!(told("{\"a\":1,\"a\":2}", "{\"a\":1,\"a\":3}"), [": {2} > {2}"]);
        assert_eq!(told("{", "1"), [": { > 1"]);
    }

    #[test]
    fn neither_long_values_nor_many_make_it_long() {
        let text = |of: &str| format!("[\"{}\"]", of.repeat(100_000));
        let diff = between(&text("a"), &text("b"));
        assert!(diff.changes.iter().all(|c| c.new.as_ref().is_some_and(|new| new.chars().count() < 100)));
        let list = |of: &str| format!("[{}]", vec![of; 50].join(","));
        let diff = between(&list("1"), &list("2"));
        assert_eq!((diff.changes.len(), diff.left_out), (20, 30));
    }

    proptest! {
        #[test]
        fn nothing_differs_from_itself(text in "[\\[\\]{}\":,0-9a-z]{0,40}") {
            prop_assert_eq!(between(&text, &text), Diff::default());
        }
    }
}
