//! What may have happened is said to be in doubt, whoever brings the bad news.

use crate::support::{claim, config, enqueue, job, open, register};
use forge_jobs::storage::{DeregisterParams, Inserted, Inspect, JobQueue, ProcessRegistry};
use forge_jobs::{JobStatus, ProcessId};
use forge_test_cluster::{BouncerOptions, PgBouncer, Target, with_database};
use forge_torture::stage::Stage;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(20);

/// Client, `PgBouncer`, proxy, server: what is cut is the pooler's connection, and the pooler says so with an error
/// of its own, as if the server had refused.
struct Pooled {
    stage: Stage,
    url: String,
    _bouncer: PgBouncer,
}

impl Pooled {
    async fn new() -> Self {
        let stage = Stage::new().await.unwrap();
        let url = stage.url().to_owned();
        let addr = stage.proxy.addr();
        let (bouncer, url) = tokio::task::spawn_blocking(move || {
            let target = Target {
                host: "127.0.0.1".into(),
                port: addr.port(),
                user: "postgres".into(),
                password: None,
            };
            let bouncer = PgBouncer::start(target, &BouncerOptions::default()).unwrap();
            let name = url.rsplit('/').next().unwrap().to_owned();
            let url = with_database(&bouncer.url("postgres"), &name);
            (bouncer, url)
        })
        .await
        .unwrap();
        Self { stage, url, _bouncer: bouncer }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_that_lost_its_server_does_not_make_a_committed_claim_a_refused_one() {
    let pooled = Pooled::new().await;
    let (through, direct) = (open(&config(&pooled.url)).await, pooled.stage.direct().await.unwrap());
    let process = ProcessId::new();
    through.register(register(process)).await.unwrap();
    let waiting = job("k");
    let id = waiting.id;
    direct.enqueue(enqueue(vec![waiting])).await.unwrap();
    let trap = pooled.stage.proxy.cut_before_reply(1, |text| text.contains(".claim("));
    let error = through.claim(claim(process, 1)).await.unwrap_err();
    assert!(trap.sprung_within(1, SOON));
    assert_eq!(direct.job(id).await.unwrap().unwrap().status, JobStatus::Running, "the claim was committed");
    assert!(error.outcome_unknown(), "{error:?}");
    let farewell = DeregisterParams { process, now: None };
    assert_eq!(through.deregister(farewell).await.unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_enqueue_is_sent_again_when_a_pooler_lost_its_server() {
    let pooled = Pooled::new().await;
    let through = open(&config(&pooled.url)).await;
    let trap = pooled.stage.proxy.cut_before_reply(3, |text| text.contains(".insert_"));
    for _ in 0..3 {
        assert_eq!(through.enqueue(enqueue(vec![job("k")])).await.unwrap(), [Inserted::Inserted]);
    }
    assert!(trap.sprung_within(3, SOON));
    let counts = through.queue_counts().await.unwrap();
    let all: u64 = counts.iter().flat_map(|q| q.counts).map(|(_, c)| c.count).sum();
    assert_eq!(all, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_whose_kinds_cannot_be_named_is_in_doubt() {
    let stage = Stage::new().await.unwrap();
    let (through, direct) = (stage.through().await.unwrap(), stage.direct().await.unwrap());
    let process = ProcessId::new();
    through.register(register(process)).await.unwrap();
    // Its connection for work stands, and no other will.
    assert_eq!(through.claim(claim(process, 1)).await.unwrap().jobs, []);
    stage.proxy.refuse(true);
    // A kind that only the other storage has heard of.
    direct.enqueue(enqueue(vec![job("k")])).await.unwrap();
    let trap = stage.proxy.cut_before_request(1, |text| text.contains(".kinds"));
    let error = through.claim(claim(process, 1)).await.unwrap_err();
    stage.proxy.refuse(false);
    assert_eq!(trap.sprung(), 1);
    assert!(error.outcome_unknown(), "{error:?}");
    let farewell = DeregisterParams { process, now: None };
    assert_eq!(through.deregister(farewell).await.unwrap(), 1, "the claim was committed");
}
