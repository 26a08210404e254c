//! What has to change for one picture to become the next: the least, so that an update touches nothing else.

use super::{Node, Value};

/// One change below a parent, in the order in which they are to be made.
#[derive(Clone, Debug, PartialEq)]
pub enum Change<'a> {
    /// The child at this position goes.
    Remove(usize),
    /// The child at the first position moves in front of the one that is then at the second.
    Move(usize, usize),
    /// A new child at this position.
    Insert(usize, &'a Node),
    /// An attribute of the child at this position has a new value.
    Set(usize, &'static str, &'a Value),
    /// An attribute of the child at this position goes.
    Unset(usize, &'static str),
    /// The text of the child at this position is another one.
    Text(usize, &'a str),
    /// The children of the child at this position change.
    Within(usize, Vec<Self>),
}

/// The changes that turn one list of siblings into another. Elements are the same when key and tag are.
#[must_use]
pub fn changes<'a>(old: &[Node], new: &'a [Node]) -> Vec<Change<'a>> {
    let mut out = Vec::new();
    let same = |a: &Node, b: &Node| a.key == b.key && a.tag == b.tag;
    // From the end, so that the positions in front stay what they were.
    let mut kept: Vec<&Node> = Vec::with_capacity(old.len());
    for (at, node) in old.iter().enumerate().rev() {
        // Mostly it is where it was.
        if new.get(at).is_some_and(|other| same(node, other)) || new.iter().any(|other| same(node, other)) {
            kept.push(node);
        } else {
            out.push(Change::Remove(at));
        }
    }
    kept.reverse();
    for (at, node) in new.iter().enumerate() {
        let Some(found) = kept.iter().skip(at).position(|other| same(other, node)).map(|found| found + at)
        else {
            out.push(Change::Insert(at, node));
            kept.insert(at, node);
            continue;
        };
        if found != at {
            out.push(Change::Move(found, at));
            let moved = kept.remove(found);
            kept.insert(at, moved);
        }
        inside(at, kept[at], node, &mut out);
    }
    // What is left is a second element of a key that should be there once.
    out.extend((new.len()..kept.len()).rev().map(Change::Remove));
    out
}

fn inside<'a>(at: usize, old: &Node, new: &'a Node, out: &mut Vec<Change<'a>>) {
    for (name, value) in &new.attrs {
        if old.attrs.iter().find(|(n, _)| n == name).map(|(_, v)| v) != Some(value) {
            out.push(Change::Set(at, name, value));
        }
    }
    for (name, _) in &old.attrs {
        if !new.attrs.iter().any(|(n, _)| n == name) {
            out.push(Change::Unset(at, name));
        }
    }
    if old.text != new.text {
        out.push(Change::Text(at, &new.text));
    }
    let below = changes(&old.children, &new.children);
    if !below.is_empty() {
        out.push(Change::Within(at, below));
    }
}
