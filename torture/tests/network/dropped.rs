//! Callers that go away in the middle of a call.

use crate::support::{config, enqueue, job, open, sql, turn, until, verb};
use forge_jobs::storage::{Inserted, Inspect, JobFilter, JobQueue, ListParams};
use forge_torture::proxy::Direction;
use forge_torture::stage::{Stage, unencrypted};
use std::time::Duration;

const CALLS: u32 = 300;
/// Two for work, two for what may have to wait, one for reads, one for what is urgent, one that listens.
const CONNECTIONS: usize = 7;

fn page() -> ListParams {
    ListParams { filter: JobFilter::default(), limit: 50, after: None }
}

#[tokio::test(flavor = "multi_thread")]
async fn dropped_calls_leave_no_transaction_open_and_no_connection_lost() {
    let _turn = turn().await;
    let stage = Stage::new().await.unwrap();
    let name = format!("dropped_{}", std::process::id());
    let url = format!("{}&application_name={name}", stage.url_through());
    let storage = open(&config(&url)).await;
    // So that drops fall between question and answer.
    stage.proxy.delay(Direction::ToClient, Duration::from_micros(400));
    let mut random = fastrand::Rng::new();
    let (mut ids, mut dropped) = (Vec::new(), 0);
    for n in 0..CALLS {
        let limit = Duration::from_micros(random.u64(0..2_000));
        let jobs: Vec<_> = (0..random.usize(1..20)).map(|_| job("k")).collect();
        let call = async {
            match n % 3 {
                0 => {
                    ids.extend(jobs.iter().map(|j| j.id));
                    drop(storage.enqueue(enqueue(jobs)).await);
                }
                1 => drop(Inspect::list(&*storage, page()).await),
                _ => drop(storage.cancel(verb(ids[random.usize(0..ids.len())])).await),
            }
        };
        dropped += u32::from(tokio::time::timeout(limit, call).await.is_err());
    }
    println!("{dropped} of {CALLS} calls were dropped");
    assert!(dropped > CALLS / 10, "the calls were too quick for their callers");
    let sessions = format!(
        "SELECT state FROM pg_stat_activity WHERE application_name = '{name}' AND backend_type = 'client backend'"
    );
    // Statements under way end; a transaction that was left open would stay.
    let mut states = Vec::new();
    until("all sessions to be idle", async || {
        states = sql(&unencrypted(stage.url()), &sessions).await.unwrap();
        states.iter().all(|s| s == "idle")
    })
    .await;
    assert!(states.len() <= CONNECTIONS, "{states:?}");
    // Every connection serves, and nothing is half there.
    for _ in 0..20 {
        assert_eq!(storage.enqueue(enqueue(vec![job("k")])).await.unwrap(), [Inserted::Inserted]);
        Inspect::list(&*storage, page()).await.unwrap();
        storage.cancel(verb(ids[0])).await.unwrap();
    }
    assert_eq!(storage.checkup().await.unwrap().problems, Vec::<String>::new());
    println!("{} sessions", sql(&unencrypted(stage.url()), &sessions).await.unwrap().len());
}
