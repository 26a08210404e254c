//! Lists, a page at a time.

use crate::rig::{Place, Plan, Rig};
use crate::world::enqueue;
use forge_jobs::EnqueueRequest;
use forge_jobs_api::wire::{JobDetail, JobPage, Role};
use std::collections::HashSet;

async fn page(rig: &Rig, query: &str) -> JobPage {
    let got = rig.ask(Role::Viewer, "GET", &format!("/jobs?{query}"), None).await;
    assert_eq!(got.status, 200, "{got:?}");
    got.json()
}

async fn pages_join(place: Place) {
    let rig = Rig::start(place, Plan::default()).await;
    let mut all = HashSet::new();
    for n in 0..130 {
        all.insert(enqueue(&rig.storage, EnqueueRequest::new("k", n)).await.to_string());
    }
    // Above and below the pieces in which a page is read.
    for limit in [7, 50, 60, 128, 500] {
        let (mut seen, mut after) = (HashSet::new(), String::new());
        loop {
            let page = page(&rig, &format!("kind=k&limit={limit}{after}")).await;
            assert!(page.jobs.len() <= limit);
            for job in page.jobs {
                assert!(seen.insert(job.id), "a job on two pages of {limit}");
            }
            let Some(next) = page.next else { break };
            after = format!("&after={next}");
        }
        assert_eq!(seen, all);
    }
    // A cursor of another list would skip jobs in silence.
    let next = page(&rig, "kind=k&limit=1").await.next.unwrap();
    let got = rig.ask(Role::Viewer, "GET", &format!("/jobs?limit=1&after={next}"), None).await;
    assert_eq!((got.status, got.code().as_str()), (422, "invalid"));
    rig.stop().await;
}

#[tokio::test]
async fn pages_join_without_gap_or_overlap_on_a_file() {
    pages_join(Place::file()).await;
}

#[tokio::test]
async fn pages_join_without_gap_or_overlap_on_a_server() {
    pages_join(Place::server().await).await;
}

#[tokio::test]
async fn long_payloads_are_cut_in_lists_and_whole_by_themselves() {
    let rig = Rig::on_file().await;
    let long = "é".repeat(10_000);
    let id = enqueue(&rig.storage, EnqueueRequest::new("k", &long)).await;
    let job = page(&rig, "").await.jobs.remove(0);
    assert_eq!(job.partial, ["payload"]);
    assert!(job.payload.get().len() < 1_000);
    let got = rig.ask(Role::Viewer, "GET", &format!("/jobs/{id}"), None).await;
    let detail: JobDetail = got.json();
    assert_eq!(detail.job.payload.get(), format!("\"{long}\""));
    assert!(detail.job.partial.is_empty());
    rig.stop().await;
}
