//! What processes used: which of them come first.

use crate::rig::{Place, Plan, Rig};
use crate::world::register;
use forge_jobs::metrics::{Level, Sample};
use forge_jobs::storage::{SamplesParams, Storage};
use forge_jobs::{ProcessId, Timestamp};
use forge_jobs_api::wire::{Resources, Role};
use std::time::Duration;

/// A process as it registers at this time (`None`: now), which measured itself in this minute.
async fn watched(storage: &Storage, now: Option<Timestamp>, minute: Timestamp) -> ProcessId {
    let process = register(storage, now).await;
    let mut sample = Sample::default();
    sample.watched = Duration::from_secs(1);
    let samples = vec![(Level::Minute, Level::Minute.start(minute), sample)];
    storage.metrics.record_samples(SamplesParams { process, samples }).await.unwrap();
    process
}

/// Who shows some of them, as the panel does, shows the first ones.
async fn those_that_live_come_first(place: Place) {
    let rig = Rig::start(place, Plan::default()).await;
    let (storage, long_ago) = (&rig.storage, Timestamp::from_micros(1_700_000_000_000_000));
    let now = Timestamp::now();
    let before = |minutes: u64| now.saturating_sub(Duration::from_secs(60 * minutes));
    let mut wanted = vec![watched(storage, None, before(30)).await];
    for minutes in 2..11 {
        wanted.push(watched(storage, Some(long_ago), before(minutes)).await);
    }
    // The one that lives and began last is before the other one, whichever of them was watched last.
    wanted.insert(0, watched(storage, None, before(40)).await);
    let got: Resources =
        rig.ask(Role::Viewer, "GET", "/metrics/resources?points=240&last_seconds=3600", None).await.json();
    let order: Vec<_> = got.processes.iter().map(|p| p.process.clone()).collect();
    assert_eq!(order, wanted.iter().map(ToString::to_string).collect::<Vec<_>>());
    assert_eq!(got.left_out, 0);
    rig.stop().await;
}

#[tokio::test]
async fn processes_that_live_come_first_on_a_file() {
    those_that_live_come_first(Place::file()).await;
}

#[tokio::test]
async fn processes_that_live_come_first_on_a_server() {
    those_that_live_come_first(Place::server().await).await;
}
