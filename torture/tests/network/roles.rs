//! A role that may use the tables and make none, with the rights that the manual names.

use crate::support::{HANG, beating, config, enqueue, job, open, request, runtime, sql, until, verb};
use forge_jobs::storage::postgres::{PostgresStorage, Purpose};
use forge_jobs::storage::{
    CancelOutcome, DropOutcome, Inspect, JobQueue, ProcessRegistry, QueueConfig, QueueSettingsPatch,
    ReapParams, RetryOutcome, StorageError, SweepParams, UpdateQueueParams,
};
use forge_jobs::{HandlerRegistry, JobOutcome, JobStatus, ProcessId};
use forge_torture::stage::Stage;
use std::sync::Arc;
use std::time::Duration;

const MANUAL: &str = include_str!("../../../docs/operations.md");

/// The SQL below the heading that errors refer to, for another database and role.
fn manual(database: &str, role: &str) -> String {
    let section = MANUAL.split_once("### Roles\n").unwrap().1;
    let block = section.split_once("```sql\n").unwrap().1.split_once("```").unwrap().0;
    block.replace("shop", database).replace("forge_app", role).replace("forge_owner", "CURRENT_USER")
}

/// A role of this test; roles belong to the whole server.
struct Role {
    admin: String,
    name: String,
}

impl Role {
    async fn new(stage: &Stage) -> Self {
        let (admin, name) = (stage.url().to_owned(), format!("forge_role_{}", std::process::id()));
        sql(&admin, &format!("CREATE ROLE {name} LOGIN PASSWORD 'secret'")).await.unwrap();
        Self { admin, name }
    }

    /// The database's URL, as this role.
    fn url(&self) -> String {
        let (scheme, rest) = self.admin.split_once("://").unwrap();
        let host = rest.split_once('@').map_or(rest, |(_, host)| host);
        format!("{scheme}://{}:secret@{host}", self.name)
    }

    async fn drop(self) {
        let statement = format!("DROP OWNED BY {0} CASCADE; DROP ROLE {0}", self.name);
        sql(&self.admin, &statement).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_with_the_rights_of_the_manual_can_do_everything_but_create() {
    let stage = Stage::new().await.unwrap();
    let role = Role::new(&stage).await;
    let refused = PostgresStorage::open(&config(&role.url()), Purpose::Use).await.unwrap_err();
    assert!(matches!(refused, StorageError::Unavailable { .. }), "{refused:?}");
    assert!(refused.to_string().contains("docs/operations.md, \"Roles\""), "{refused}");

    let database = stage.url().rsplit('/').next().unwrap().to_owned();
    let grants = manual(&database, &role.name);
    // The role is there; the manual makes it as well.
    let grants = grants.lines().filter(|l| !l.starts_with("CREATE ROLE")).collect::<Vec<_>>().join("\n");
    sql(stage.url(), &grants).await.unwrap();
    let storage = open(&config(&role.url())).await;
    use_everything(&storage).await;
    let denied = sql(&role.url(), "CREATE TABLE forge.mine (n int)").await.unwrap_err();
    assert!(denied.contains("42501"), "{denied}");
    drop(storage);
    role.drop().await;
}

async fn use_everything(storage: &Arc<PostgresStorage>) {
    let mut handlers = HandlerRegistry::new();
    handlers.register_fn("k", |ctx| async move {
        ctx.progress(1, Some(2), None);
        if ctx.attempt() == 1 { JobOutcome::Failed("once".into()) } else { JobOutcome::Done }
    });
    let worker = runtime(Arc::clone(storage).into_bundle(), handlers, beating(Duration::from_secs(1)));
    // A queue of its own is made, and its settings changed.
    worker.ensure_queue("mine", 2).await.unwrap();
    let mut patch = QueueSettingsPatch::default();
    patch.backoff_enabled = Some(false);
    let update =
        UpdateQueueParams { queue: "mine".into(), patch, expected_version: None, actor: None, now: None };
    storage.update(update).await.unwrap();
    let handle = worker.start().await.unwrap();
    let id = worker.enqueue(request("k").on_queue("mine").with_dedupe_key("one")).await.unwrap().id;
    let delay = Duration::from_millis(20);
    let later = worker.enqueue(request("k").on_queue("mine").with_delay(delay)).await.unwrap().id;
    for id in [id, later] {
        until("the job to be done", async || {
            storage.job(id).await.unwrap().is_some_and(|j| j.status == JobStatus::Done)
        })
        .await;
    }
    handle.shutdown_graceful(HANG).await;

    let waiting = job("other");
    let id = waiting.id;
    storage.enqueue(enqueue(vec![waiting])).await.unwrap();
    assert_eq!(storage.cancel(verb(id)).await.unwrap(), [CancelOutcome::Cancelled]);
    assert_eq!(storage.retry(verb(id)).await.unwrap(), [RetryOutcome::Retried]);
    assert_eq!(storage.drop_jobs(verb(id)).await.unwrap(), [DropOutcome::Dropped]);
    let reap =
        ReapParams { stale_after: Duration::from_secs(45), limit: 10, by: ProcessId::new(), now: None };
    storage.reap(reap).await.unwrap();
    storage.sweep(SweepParams { limit: 10, now: None }).await.unwrap();
    assert_eq!(storage.checkup().await.unwrap().problems, Vec::<String>::new());
}
