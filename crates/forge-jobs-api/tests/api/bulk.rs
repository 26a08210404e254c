//! Verbs on many jobs: in parts, as many as were expected, and each part in the audit. And searches that find no secrets.

use crate::rig::{Place, Plan, Rig};
use crate::world::enqueue;
use forge_jobs::{DefaultRouter, EnqueueRequest, Enqueuer, Storage};
use forge_jobs_api::wire::{
    AuditPage, BulkPreview, BulkReport, JobCount, JobPage, JobStatus, Role, VerbOutcome,
};
use std::sync::Arc;

async fn fill(storage: &Storage, count: usize) {
    let enqueuer = Enqueuer::new(storage.clone(), Arc::new(DefaultRouter));
    let jobs: Vec<_> = (0..count).map(|n| EnqueueRequest::new("k", n).on_queue("many")).collect();
    assert!(enqueuer.enqueue_many(jobs).await.iter().all(Result::is_ok));
}

async fn run(rig: &Rig, verb: &str, body: &str) -> BulkReport {
    let got = rig.ask(Role::Admin, "POST", &format!("/jobs/bulk/{verb}"), Some(body)).await;
    assert_eq!(got.status, 200, "{got:?}");
    got.json()
}

async fn count(rig: &Rig, query: &str) -> JobCount {
    rig.ask(Role::Viewer, "GET", &format!("/jobs/count?{query}"), None).await.json()
}

async fn a_part_at_a_time(place: Place) {
    let rig = Rig::start(place, Plan::default()).await;
    fill(&rig.storage, 1_300).await;
    let body = r#"{"verb":"cancel","filter":{"queue":"many"}}"#;
    let preview: BulkPreview = rig.ask(Role::Operator, "POST", "/jobs/bulk/preview", Some(body)).await.json();
    assert_eq!((preview.jobs.count, preview.jobs.more, preview.sample.len()), (1_300, false, 10));
    assert!(preview.refused.is_empty());
    let first = run(&rig, "cancel", r#"{"filter":{"queue":"many"},"at_most":1300}"#).await;
    assert!(first.tried > 0 && first.tried <= 1_000 && !first.stopped, "{first:?}");
    let (mut all, mut next) = (first.tried, first.next);
    while let Some(after) = next {
        let body = format!(r#"{{"filter":{{"queue":"many"}},"at_most":1300,"after":"{after}"}}"#);
        let part = run(&rig, "cancel", &body).await;
        all += part.tried;
        assert_eq!(part.tried_in_all, all);
        assert!(part.outcomes.iter().all(|o| o.outcome == VerbOutcome::Cancelled), "{part:?}");
        assert!(!part.stopped);
        next = part.next;
    }
    assert_eq!(all, 1_300);
    assert_eq!(count(&rig, "queue=many&status=dead").await.jobs.count, 1_300);
    // Each transaction wrote what it did.
    let audit: AuditPage =
        rig.ask(Role::Operator, "GET", "/audit?action=job.cancel&limit=500", None).await.json();
    assert_eq!(audit.actions.iter().map(|a| a.count).sum::<u64>(), 1_300);
    assert!(audit.actions.iter().all(|a| a.count <= 200 && a.actor == "admin"));
    // More match than were expected: it stops, and names those that it is refused for.
    let stopped = run(&rig, "retry", r#"{"filter":{"queue":"many"},"at_most":7}"#).await;
    assert_eq!((stopped.tried, stopped.stopped, stopped.next), (7, true, None));
    let body = r#"{"verb":"retry","filter":{"queue":"many"}}"#;
    let preview: BulkPreview = rig.ask(Role::Operator, "POST", "/jobs/bulk/preview", Some(body)).await.json();
    assert_eq!((preview.jobs.count, preview.refused.len()), (1_293, 1));
    assert_eq!((preview.refused[0].status, preview.refused[0].jobs.count), (JobStatus::Pending, 7));
    rig.stop().await;
}

#[tokio::test]
async fn many_jobs_are_acted_on_a_part_at_a_time_on_a_file() {
    a_part_at_a_time(Place::file()).await;
}

#[tokio::test]
async fn many_jobs_are_acted_on_a_part_at_a_time_on_a_server() {
    a_part_at_a_time(Place::server().await).await;
}

#[tokio::test]
async fn a_search_finds_what_is_shown_and_no_secret() {
    let rig = Rig::on_file().await;
    let payload = serde_json::json!({ "to": "ada", "password": "hunter2" });
    enqueue(&rig.storage, EnqueueRequest::new("k", payload)).await;
    let page = async |text: &str| -> JobPage {
        rig.ask(Role::Viewer, "GET", &format!("/jobs?payload={text}"), None).await.json()
    };
    assert_eq!(page("ada").await.jobs.len(), 1);
    let (hidden, absent) = (page("hunter2").await, page("hunter3").await);
    assert!(hidden.jobs.is_empty());
    // Nor does anything else of the answer tell.
    assert_eq!(
        (hidden.next, hidden.scanned, hidden.complete),
        (absent.next, absent.scanned, absent.complete)
    );
    assert_eq!(count(&rig, "payload=ada").await.jobs.count, 1);
    assert_eq!(count(&rig, "payload=hunter2").await.jobs.count, 0);
    let report = run(&rig, "cancel", r#"{"filter":{"payload":"hunter2"},"at_most":5}"#).await;
    assert_eq!(report.tried, 0);
    rig.stop().await;
}
