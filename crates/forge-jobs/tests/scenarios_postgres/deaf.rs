//! Where no notification comes through, as behind a pooler.

use crate::schedules::hands_over;
use crate::support::{Db, Way};
use forge_jobs::Storage;
use forge_jobs::storage::PostgresConfig;
use forge_jobs::storage::postgres::{PostgresStorage, Purpose};

async fn deaf(way: Way) -> Storage {
    let Way::Postgres(url) = way else { panic!("these scenarios are on Postgres") };
    let config = PostgresConfig::from_url(&url).unwrap().with_connections(3).unwrap();
    let config = config.with_read_connections(1).unwrap().without_listen();
    PostgresStorage::open(&config, Purpose::Use).await.unwrap().into_bundle()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lead_is_handed_over_all_the_same() {
    let db = Db::new().await;
    let (one, other) = (deaf(db.way()).await, deaf(db.way()).await);
    hands_over(&db, one, other).await;
}
