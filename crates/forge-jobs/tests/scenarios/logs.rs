//! What handlers log is kept with their jobs, and can be read from outside while they run.

use crate::support::{self, Db, next, puppets, quick, request, soon, until};
use forge_jobs::limits::{MAX_LOG_LINES, MAX_LOG_PAGE};
use forge_jobs::logs::{JobLogs, LogLevel, LoggedLine};
use forge_jobs::storage::{LogsParams, Storage};
use forge_jobs::testing::{Faults, FlakyStorage, Operation, When};
use forge_jobs::{
    AttemptCause, AttemptResult, HandlerRegistry, JobId, JobOutcome, JobStatus, QueueRuntime, RuntimeConfig,
};
use std::sync::Once;
use tokio::sync::Notify;
use tracing::level_filters::LevelFilter;
use tracing::{Instrument, Span, debug, info, info_span, warn};
use tracing_subscriber::prelude::*;

/// A secret that must be found nowhere.
const CANARY: &str = "canary-7f3a9c";

/// Installs the layer for all tests of this program.
pub(crate) fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| tracing_subscriber::registry().with(JobLogs::new().up_to(LevelFilter::INFO)).init());
}

/// With heartbeats of every day: none of these jobs is to be taken for dead on a machine that is busy, since a second run
/// of it would wait for what the first one was told.
fn runtime(storage: &Storage, handlers: HandlerRegistry) -> QueueRuntime {
    let calm = quick().with_heartbeat(RuntimeConfig::default().heartbeat_interval);
    support::runtime(storage, handlers).with_config(calm)
}

async fn lines(storage: &Storage, job: JobId) -> Vec<LoggedLine> {
    let params = LogsParams { job, claim_no: None, after: None, limit: MAX_LOG_PAGE };
    let mut page = storage.history.logs(params).await.unwrap();
    if page.more {
        let after = page.lines.last().map(|l| l.at);
        page.lines.extend(storage.history.logs(LogsParams { after, ..params }).await.unwrap().lines);
    }
    page.lines
}

async fn messages(storage: &Storage, job: JobId) -> Vec<String> {
    lines(storage, job).await.into_iter().map(|l| l.line.message).collect()
}

pub(crate) async fn until_lines(storage: &Storage, job: JobId, count: usize) -> Vec<LoggedLine> {
    until("lines to be stored", || async { lines(storage, job).await.len() >= count }).await;
    lines(storage, job).await
}

#[derive(Debug, thiserror::Error)]
#[error("the mail could not be sent")]
struct Unsent(#[source] std::io::Error);

#[tokio::test(flavor = "multi_thread")]
async fn lines_of_a_handler_its_spans_and_its_tasks_are_read_while_it_runs() {
    listen();
    let db = Db::new().await;
    let mut handlers = HandlerRegistry::new();
    let go_on = std::sync::Arc::new(Notify::new());
    let told = go_on.clone();
    handlers.register_fn("mail", move |_| {
        let told = told.clone();
        async move {
            info!(to = "ada", tries = 3, "connected");
            debug!("not wanted");
            let within = info_span!("smtp");
            within.in_scope(|| warn!(ratio = 0.5, ok = false, "slow"));
            let task = tokio::spawn(async { info!("in a task") }.instrument(Span::current()));
            task.await.unwrap();
            told.notified().await;
            info!("last words");
            JobOutcome::failed(&Unsent(std::io::Error::other("refused")))
        }
    });
    let runtime = runtime(&db.storage, handlers);
    let handle = runtime.start().await.unwrap();
    let id = runtime.enqueue(request("mail").with_max_attempts(1)).await.unwrap().id;
    // As another process.
    let other = db.another().await;
    let seen = until_lines(&other, id, 3).await;
    assert_eq!(db.job(id).await.status, JobStatus::Running);
    let said: Vec<_> = seen.iter().map(|l| (l.line.level, l.line.message.as_str())).collect();
    assert_eq!(
        said,
        [(LogLevel::Info, "connected"), (LogLevel::Warn, "slow"), (LogLevel::Info, "in a task")]
    );
    let fields = |at: usize| serde_json::Value::Object(seen[at].line.fields.clone());
    assert_eq!(fields(0), serde_json::json!({ "to": "ada", "tries": 3 }));
    assert_eq!(fields(1), serde_json::json!({ "ratio": 0.5, "ok": false }));
    assert!(seen[0].line.target.contains("logs"), "{}", seen[0].line.target);
    go_on.notify_one();
    db.until_status(id, JobStatus::Dead).await;
    until_lines(&other, id, 4).await;
    assert_eq!(messages(&other, id).await, ["connected", "slow", "in a task", "last words"]);
    let attempt = other.inspect.attempts(id).await.unwrap().remove(0);
    assert_eq!((attempt.result, attempt.cause), (AttemptResult::Failed, AttemptCause::Handler));
    let chain: Vec<_> = attempt.chain.iter().map(|c| c.message.as_str()).collect();
    assert_eq!(chain, ["the mail could not be sent", "refused"]);
    assert_eq!(attempt.chain[0].error_type.as_deref(), Some("Unsent"));
    let group = other.history.error_group(attempt.error_group.unwrap()).await.unwrap().unwrap();
    assert_eq!((group.count, group.error_type.as_str(), group.last_job), (1, "Unsent", id));
    db.stop(handle).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_panic_said_and_where_is_kept() {
    listen();
    let db = Db::new().await;
    let mut handlers = HandlerRegistry::new();
    handlers.register_fn("panics", |_| async { panic!("row {} is odd", 7) });
    let runtime = runtime(&db.storage, handlers);
    let handle = runtime.start().await.unwrap();
    let id = runtime.enqueue(request("panics").with_max_attempts(1)).await.unwrap().id;
    db.until_status(id, JobStatus::Dead).await;
    let attempt = db.storage.inspect.attempts(id).await.unwrap().remove(0);
    assert_eq!(
        (attempt.cause, attempt.error.as_deref()),
        (AttemptCause::Panic, Some("panicked: row 7 is odd"))
    );
    assert!(attempt.location.as_deref().unwrap().contains("logs.rs:"), "{:?}", attempt.location);
    let group = db.storage.history.error_group(attempt.error_group.unwrap()).await.unwrap().unwrap();
    assert_eq!(group.message, "panicked: row <n> is odd");
    db.stop(handle).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_lines_are_cut_visibly() {
    listen();
    let db = Db::new().await;
    let mut handlers = HandlerRegistry::new();
    handlers.register_fn("many", |_| async {
        for n in 0..MAX_LOG_LINES + 500 {
            info!(n, "line");
        }
        JobOutcome::Done
    });
    handlers.register_fn("long", |_| async {
        let text = "x".repeat(100_000);
        for _ in 0..100 {
            info!("{text}");
        }
        JobOutcome::Done
    });
    let runtime = runtime(&db.storage, handlers);
    let handle = runtime.start().await.unwrap();
    let many = runtime.enqueue(request("many")).await.unwrap().id;
    let long = runtime.enqueue(request("long")).await.unwrap().id;
    for id in [many, long] {
        db.until_status(id, JobStatus::Done).await;
        until("the last line", || async { lines(&db.storage, id).await.last().is_some_and(|l| l.left_out) })
            .await;
    }
    let all = lines(&db.storage, many).await;
    let kept = all.iter().filter(|l| !l.left_out).count();
    assert_eq!(kept, MAX_LOG_LINES as usize);
    assert!(all.last().unwrap().line.message.contains("500 lines left out"), "{:?}", all.last());
    let all = lines(&db.storage, long).await;
    let bytes: usize = all.iter().map(|l| l.line.message.len()).sum();
    assert!(bytes < forge_jobs::limits::MAX_LOG_BYTES && all.len() > 50, "{bytes} in {}", all.len());
    assert!(all[0].line.message.ends_with("(cut)"), "a long line is cut");
    db.stop(handle).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_in_fields_are_not_kept() {
    listen();
    let db = Db::new().await;
    let mut handlers = HandlerRegistry::new();
    handlers.register_fn("login", |_| async {
        info!(password = CANARY, token = %CANARY, db.secret = ?CANARY, api_key = CANARY, user = "ada", "login");
        info!(headers.authorization = CANARY, "request");
        JobOutcome::Done
    });
    let runtime = runtime(&db.storage, handlers);
    let handle = runtime.start().await.unwrap();
    let id = runtime.enqueue(request("login")).await.unwrap().id;
    let seen = until_lines(&db.storage, id, 2).await;
    let text = format!("{seen:?}");
    assert!(!text.contains(CANARY) && text.contains("ada"), "{text}");
    assert_eq!(text.matches("[redacted]").count(), 5, "{text}");
    db.stop(handle).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storage_that_takes_no_lines_costs_no_job_and_gets_them_later() {
    listen();
    let db = Db::new().await;
    let faults = Faults::new()
        .refuse(Operation::RecordLogs, When::First(3))
        .lose_answer(Operation::TendErrors, When::Every(2));
    let mut handlers = HandlerRegistry::new();
    let mut started = puppets(&mut handlers, "puppet");
    handlers.register_fn("talks", |_| async {
        info!("said");
        JobOutcome::Done
    });
    let runtime = runtime(&FlakyStorage::wrap(db.storage.clone(), faults), handlers);
    let handle = runtime.start().await.unwrap();
    let id = runtime.enqueue(request("talks")).await.unwrap().id;
    let quiet = runtime.enqueue(request("puppet")).await.unwrap().id;
    db.until_status(id, JobStatus::Done).await;
    let puppet = soon("the puppet", next(&mut started)).await;
    puppet.end(JobOutcome::Done);
    db.until_status(quiet, JobStatus::Done).await;
    let seen = until_lines(&db.storage, id, 1).await;
    assert_eq!(seen[0].line.message, "said");
    assert_eq!(lines(&db.storage, quiet).await, [], "a handler that says nothing leaves nothing");
    db.stop(handle).await;
}
