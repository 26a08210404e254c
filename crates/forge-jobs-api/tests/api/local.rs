//! The same routes as a call, without a connection.

use crate::http::LIMIT;
use forge_jobs::storage::{DatabaseConfig, PathsError, QueuePaths};
use forge_jobs_api::http::{Local, LocalAnswer, LocalRequest};
use forge_jobs_api::service::Api;
use forge_jobs_api::wire::{AuditPage, Changed, Enqueued, ErrorBody, ErrorCode, Me, Queue, Role, Topic};
use std::ops::ControlFlow;
use std::path::PathBuf;

struct Paths(PathBuf);

impl QueuePaths for Paths {
    fn config_dir(&self) -> Result<PathBuf, PathsError> {
        Ok(self.0.clone())
    }

    fn data_dir(&self) -> Result<PathBuf, PathsError> {
        Ok(self.0.clone())
    }
}

async fn local(role: Role) -> (tempfile::TempDir, Local) {
    let dir = tempfile::tempdir().unwrap();
    let paths = Paths(dir.path().to_owned());
    let url = format!("sqlite:{}", dir.path().join("forge.db").display());
    let storage = DatabaseConfig::from_url(&url).unwrap().open_storage(&paths).await.unwrap();
    (dir, Local::new(Api::new(storage), "ada", role))
}

async fn ask(
    local: &Local,
    method: &str,
    path: &str,
    body: Option<&str>,
    headers: &[(&str, &str)],
) -> LocalAnswer {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let (method, path, body) = (method.into(), path.into(), body.map(str::to_owned));
    local.call(LocalRequest { method, path, body, headers }).await
}

fn code(answer: &LocalAnswer) -> ErrorCode {
    serde_json::from_str::<ErrorBody>(&answer.text).unwrap().error.code
}

#[tokio::test]
async fn a_call_without_a_connection_has_the_answers_and_the_errors_of_the_server() {
    let (_dir, local) = local(Role::Admin).await;
    let me: Me = serde_json::from_str(&ask(&local, "GET", "/me", None, &[]).await.text).unwrap();
    assert_eq!((me.name.as_str(), me.role, me.session), ("ada", Role::Admin, false));
    let job = Some(r#"{"kind":"k","payload":{"n":1},"queue":"q"}"#);
    let first = ask(&local, "POST", "/jobs", job, &[("Idempotency-Key", "once")]).await;
    let again = ask(&local, "POST", "/jobs", job, &[("Idempotency-Key", "once")]).await;
    assert_eq!((first.status, again.status), (201, 201));
    let id = |a: &LocalAnswer| serde_json::from_str::<Enqueued>(&a.text).unwrap().id;
    assert_eq!(id(&first), id(&again));
    let queue: Queue = serde_json::from_str(&ask(&local, "GET", "/queues/q", None, &[]).await.text).unwrap();
    let tag = format!("\"{}\"", queue.version);
    let edit = Some(r#"{"workers":3}"#);
    assert_eq!(ask(&local, "PATCH", "/queues/q", edit, &[("if-match", &tag)]).await.status, 200);
    // The same version a second time: somebody was quicker.
    let late = ask(&local, "PATCH", "/queues/q", edit, &[("if-match", &tag)]).await;
    assert_eq!((late.status, code(&late)), (412, ErrorCode::PreconditionFailed));
    let unknown = ask(&local, "GET", "/queues/none", None, &[]).await;
    assert_eq!((unknown.status, code(&unknown)), (404, ErrorCode::NotFound));
    let bad = ask(&local, "POST", "/jobs", Some("{"), &[]).await;
    assert_eq!((bad.status, code(&bad)), (400, ErrorCode::Malformed));
    let audit: AuditPage = serde_json::from_str(&ask(&local, "GET", "/audit", None, &[]).await.text).unwrap();
    assert!(audit.actions.iter().any(|e| e.action == "queue.set" && e.actor == "ada"), "{audit:?}");
}

#[tokio::test]
async fn a_call_that_is_none_is_refused_and_so_is_one_beyond_the_role() {
    let (_dir, local) = local(Role::Viewer).await;
    for (method, path, headers) in [
        ("GET", "jobs", &[][..]),
        ("GET", "http://evil.example/", &[]),
        ("G T", "/jobs", &[]),
        ("GET", "/jobs", &[("Host", "evil.example")]),
        ("GET", "/jobs", &[("Cookie", "a=b")]),
        ("GET", "/events", &[]),
    ] {
        let answer = ask(&local, method, path, None, headers).await;
        assert_eq!((answer.status, code(&answer)), (400, ErrorCode::Malformed), "{method} {path}");
    }
    let refused = ask(&local, "POST", "/queues/default/pause", None, &[]).await;
    assert_eq!((refused.status, code(&refused)), (403, ErrorCode::Forbidden));
}

#[tokio::test]
async fn who_watches_is_told_of_what_changes() {
    let (_dir, local) = local(Role::Admin).await;
    let (heard, mut told) = tokio::sync::mpsc::unbounded_channel::<Changed>();
    let watching = local.clone();
    let watcher = tokio::spawn(async move {
        watching
            .watch(|changed| {
                if heard.send(changed).is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            })
            .await;
    });
    let first = tokio::time::timeout(LIMIT, told.recv()).await.unwrap().unwrap();
    assert_eq!(first.topics, []);
    loop {
        // The watcher looks for the first time some time after it began: what was there then is not news.
        ask(&local, "POST", "/jobs", Some(r#"{"kind":"k","payload":1}"#), &[]).await;
        match tokio::time::timeout(std::time::Duration::from_millis(700), told.recv()).await {
            Ok(changed) => {
                assert!(changed.unwrap().topics.contains(&Topic::Jobs));
                break;
            }
            Err(elapsed) => assert!(!watcher.is_finished(), "the watcher ended: {elapsed}"),
        }
    }
    // Nobody listens any more: the next that it tells is its last.
    drop(told);
    let ended = async {
        while !watcher.is_finished() {
            ask(&local, "POST", "/jobs", Some(r#"{"kind":"k","payload":1}"#), &[]).await;
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LIMIT, ended).await.unwrap();
}
