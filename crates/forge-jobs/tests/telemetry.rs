//! Telemetry is an interface: the table in `docs/telemetry.md` and the code name the same events, levels and fields.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Event → (level, fields).
type Events = BTreeMap<String, (String, BTreeSet<String>)>;

fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// The rows of the table.
fn documented() -> Events {
    let quoted =
        |cell: &str| -> Vec<String> { cell.split('`').skip(1).step_by(2).map(str::to_owned).collect() };
    let text = read("../../docs/telemetry.md");
    // The first table; further sections have others.
    let table = text.split("\n## ").next().unwrap_or_default();
    let rows = table.lines().filter(|l| l.starts_with("| `"));
    rows.map(|row| {
        let cells: Vec<_> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let [event, level, _when, fields] = cells[..] else { panic!("not four cells: {row}") };
        (quoted(event)[0].clone(), (level.to_owned(), quoted(fields).into_iter().collect()))
    })
    .collect()
}

/// The events of the code: every call of a level's macro with an `event` field.
fn emitted() -> Events {
    let text = read("src/telemetry.rs");
    let mut events = Events::new();
    for level in ["debug", "info", "warn", "error"] {
        for call in text.split(&format!(" {level}!(")).skip(1) {
            let call = &call[..call.find(");").unwrap()];
            let Some(event) = call.split("event = \"").nth(1) else {
                panic!("an event without a name: {call}")
            };
            let (event, rest) = event.split_once('"').unwrap();
            let parts = rest.split(',').map(str::trim).filter(|p| !p.is_empty() && !p.contains('"'));
            let field = |p: &str| p.split(" = ").next().unwrap().trim_start_matches(['%', '?']).to_owned();
            events.insert(event.to_owned(), (level.to_owned(), parts.map(field).collect()));
        }
    }
    events
}

#[test]
fn the_table_and_the_code_name_the_same_events_levels_and_fields() {
    let (documented, emitted) = (documented(), emitted());
    assert!(emitted.len() > 10, "the code was not understood: {emitted:?}");
    assert_eq!(documented, emitted);
}
