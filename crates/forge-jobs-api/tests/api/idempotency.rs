//! Requests that are sent again.

use crate::http::Ask;
use crate::rig::Rig;
use forge_jobs::storage::{JobFilter, ListParams};
use forge_jobs_api::wire::{EnqueueReport, Enqueued, Role};

async fn jobs(rig: &Rig) -> usize {
    let params = ListParams { filter: JobFilter::default(), limit: 500, after: None };
    rig.storage.inspect.list(params).await.unwrap().jobs.len()
}

#[tokio::test]
async fn a_repeat_under_its_key_gets_the_same_answer_and_no_twin() {
    let rig = Rig::on_file().await;
    let ask = |key: &str, token: &str, body: &str| {
        Ask::new("POST", "/api/v1/jobs").token(token).header("Idempotency-Key", key).json(body)
    };
    let body = r#"{"kind":"mail.send","payload":{"to":"ada"}}"#;
    let first = ask("order-17", &rig.keys.operator, body).send(rig.addr).await;
    let again = ask("order-17", &rig.keys.operator, body).send(rig.addr).await;
    assert_eq!((first.status, &first.body), (201, &again.body));
    assert_eq!((first.status, first.header("location")), (again.status, again.header("location")));
    assert_eq!(
        (first.header("idempotency-replayed"), again.header("idempotency-replayed")),
        (None, Some("true"))
    );
    assert_eq!(jobs(&rig).await, 1);

    // Another request under the key is no repeat.
    let other = ask("order-17", &rig.keys.operator, r#"{"kind":"mail.send","payload":{"to":"bob"}}"#)
        .send(rig.addr)
        .await;
    assert_eq!((other.status, other.code().as_str()), (409, "conflict"));
    // Another caller's key is another key.
    let theirs = ask("order-17", &rig.keys.admin, body).send(rig.addr).await;
    assert_eq!(theirs.status, 201);
    assert_ne!(theirs.json::<Enqueued>().id, first.json::<Enqueued>().id);
    // An id and a key contradict each other.
    let both = r#"{"kind":"k","payload":1,"id":"01890a5d-ac96-774b-bcce-b302099a8057"}"#;
    assert_eq!(ask("x", &rig.keys.operator, both).send(rig.addr).await.status, 422);
    // What the document says of a key is what holds.
    let long = "x".repeat(256);
    for bad in ["", "order 17", "order\t17", &long] {
        let refused = ask(bad, &rig.keys.operator, body).send(rig.addr).await;
        assert_eq!((refused.status, refused.code().as_str()), (422, "invalid"), "{bad:?}");
    }
    assert_eq!(jobs(&rig).await, 2);
    rig.stop().await;
}

#[tokio::test]
async fn many_jobs_are_repeated_as_one_request() {
    let rig = Rig::on_file().await;
    let body = r#"{"jobs":[{"kind":"k","payload":1},{"kind":"k","payload":1},{"kind":"k k","payload":1}]}"#;
    let ask = Ask::new("POST", "/api/v1/jobs/batch").token(rig.keys.of(Role::Operator));
    let ask = ask.header("Idempotency-Key", "b").json(body);
    let (first, again) = (ask.send(rig.addr).await, ask.send(rig.addr).await);
    assert_eq!(first.body, again.body);
    let report: EnqueueReport = first.json();
    assert_eq!(report.results.len(), 3);
    assert!(
        report.results[2].error.as_ref().is_some_and(|e| e.field.as_deref() == Some("kind")),
        "{report:?}"
    );
    assert_eq!(jobs(&rig).await, 2);
    rig.stop().await;
}
