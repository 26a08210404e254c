//! How the database is.

use super::rig::{Rig, request};
use crate::storage::RowCount;

/// Protects: the person on call, who must see which table grows, and what is a count and what an estimate.
pub async fn health_names_every_table_with_its_rows(rig: &Rig) {
    let process = rig.process().await;
    rig.dead(process).await;
    rig.put_many(7).await;
    rig.claim(process, 2).await;
    let health = rig.storage.inspect.health().await.expect("health can be read");
    assert!(health.bytes.is_some_and(|bytes| bytes > 0), "{health:?}");
    let rows = |name: &str| {
        let of = |table: &str| table.strip_prefix("forge_").unwrap_or(table) == name;
        let table = health.tables.iter().find(|table| of(&table.name));
        table.unwrap_or_else(|| panic!("no table {name}: {health:?}")).rows
    };
    assert_eq!(rows("jobs"), RowCount::Exact(8));
    assert_eq!(rows("finished"), RowCount::Exact(1));
    assert_eq!(rows("audit"), RowCount::Exact(0));
    assert!(health.tables.is_sorted_by_key(|table| table.name.clone()));
    assert!(health.tables.iter().any(|table| !table.indexes.is_empty()));
    if let Some(connections) = health.connections {
        assert!(connections.used > 0 && connections.used <= connections.limit);
    }
}

/// Protects: that looks at the health change nothing, and that one can look at any time.
pub async fn health_is_the_same_when_nothing_happens(rig: &Rig) {
    rig.put(request()).await;
    let first = rig.storage.inspect.health().await.expect("health can be read");
    let again = rig.storage.inspect.health().await.expect("health can be read");
    let rows = |health: &crate::storage::Health| {
        health.tables.iter().map(|table| (table.name.clone(), table.rows)).collect::<Vec<_>>()
    };
    assert_eq!(rows(&first), rows(&again));
}
