//! JSON as a tree that opens and closes. Everything of it is text to the page.

use super::copied_as;
use crate::app::Ctx;
use crate::model::json::{Node, parse};
use crate::text;
use leptos::prelude::*;

/// Children of one node that are shown; a page of ten thousand lines helps nobody.
const CHILDREN: usize = 200;
/// Nodes below this depth begin closed.
const OPEN: usize = 2;
/// Longest text that is shown whole.
const TEXT: usize = 2_000;

/// A value with a way to copy it as it is stored. Its name is said instead of it: it may be of any length.
pub(crate) fn json(ctx: Ctx, raw: &str, name: &str) -> AnyView {
    let tree = match parse(raw) {
        Some(node) => branch(None, &node, 0),
        None => view! { <pre class="fp-pre">{raw.to_owned()}</pre> }.into_any(),
    };
    let copy = copied_as(ctx, raw, text::COPY_JSON, &text::the_json_of(name));
    view! { <div class="fp-json"><div class="fp-json-copy">{copy}</div>{tree}</div> }.into_any()
}

fn branch(name: Option<&str>, node: &Node, depth: usize) -> AnyView {
    let label = name.map(|name| view! { <span class="fp-key">{name.to_owned()}</span> ": " });
    match node {
        Node::Word(word) => {
            let class =
                if word.starts_with(|c: char| c.is_ascii_alphabetic()) { "fp-word" } else { "fp-number" };
            view! { <div class="fp-leaf">{label}<span class=class>{word.clone()}</span></div> }.into_any()
        }
        Node::Text(text) => {
            let cut: String = text.chars().take(TEXT).collect();
            let rest = text.chars().count().saturating_sub(TEXT);
            let more = (rest > 0).then(|| text::more_characters(rest));
            view! { <div class="fp-leaf">{label}<span class="fp-text">"\"" {cut} "\""</span>{more}</div> }
                .into_any()
        }
        Node::List(items) => {
            let shown = items.iter().take(CHILDREN).enumerate();
            let children: Vec<_> =
                shown.map(|(at, item)| branch(Some(&at.to_string()), item, depth + 1)).collect();
            nested(label.into_any(), format!("[{}]", items.len()), children, items.len(), depth)
        }
        Node::Map(entries) => {
            let shown = entries.iter().take(CHILDREN);
            let children: Vec<_> = shown.map(|(key, item)| branch(Some(key), item, depth + 1)).collect();
            nested(label.into_any(), format!("{{{}}}", entries.len()), children, entries.len(), depth)
        }
    }
}

fn nested(label: AnyView, size: String, children: Vec<AnyView>, all: usize, depth: usize) -> AnyView {
    if children.is_empty() {
        let nothing = if size.starts_with('[') { "[]" } else { "{}" };
        return view! { <div class="fp-leaf">{label}<span class="fp-word">{nothing}</span></div> }.into_any();
    }
    let left = all.saturating_sub(children.len());
    let more = (left > 0).then(|| view! { <div class="fp-leaf">{text::more_to_copy(left)}</div> });
    view! {
        <details class="fp-node" open=depth < OPEN>
            <summary>{label}<span class="fp-size">{size}</span></summary>
            <div class="fp-children">{children}{more}</div>
        </details>
    }
    .into_any()
}
