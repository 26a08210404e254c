//! What a process says that it uses of its host and of the database.

use crate::support::{Db, quick, request, runtime, until};
use forge_jobs::metrics::Level;
use forge_jobs::storage::SampleSeriesParams;
use forge_jobs::{HandlerRegistry, JobOutcome, Timestamp};
use std::time::Duration;

#[tokio::test]
async fn a_process_tells_of_its_host_and_of_its_calls_whatever_database_it_works_on() {
    let db = Db::new().await;
    let mut handlers = HandlerRegistry::new();
    handlers.register_fn("k", |_| async { JobOutcome::Done });
    let mut config = quick();
    config.metrics_interval = Duration::from_millis(50);
    let runtime = runtime(&db.storage, handlers).with_config(config);
    runtime.enqueue(request("k")).await.unwrap();
    let handle = runtime.start().await.unwrap();
    let process = handle.process_id().unwrap();
    let now = Timestamp::now();
    let hour = Duration::from_secs(3_600);
    let params = SampleSeriesParams {
        level: Level::Minute,
        from: now.saturating_sub(hour),
        to: now.saturating_add(hour),
    };
    let found = std::cell::RefCell::new(None);
    until("a sample with calls in it", || async {
        let rows = db.storage.metrics.samples(params.clone()).await.unwrap();
        let row = rows.into_iter().find(|row| row.process == process && row.sample.writes.count() > 0);
        found.replace(row);
        found.borrow().is_some()
    })
    .await;
    db.stop(handle).await;
    let row = found.into_inner().unwrap();
    let sample = &row.sample;
    assert!(sample.memory.is_some_and(|bytes| bytes > 1 << 20), "{sample:?}");
    assert!(
        sample.cpu.is_some() && sample.disk_read.is_some() && sample.disk_written.is_some(),
        "{sample:?}"
    );
    let (free, size) = (sample.disk_free.unwrap(), sample.disk_size.unwrap());
    assert!(free <= size && size > 1 << 20, "{sample:?}");
    assert!(sample.pool.limit > 0, "{sample:?}");
}
