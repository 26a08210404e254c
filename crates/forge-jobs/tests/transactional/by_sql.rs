//! The function `enqueue`, as people and triggers call it.

use crate::databases::{fresh, open};
use crate::{HANG, enqueuer, next, worker};
use forge_jobs::limits::{MAX_MAX_ATTEMPTS, MAX_TAGS};
use forge_jobs::storage::RowCount;
use forge_jobs::storage::postgres::PostgresStorage;
use forge_jobs::storage::postgres::tokio_postgres::Client;
use forge_jobs::{
    Dedupe, DedupeStates, EnqueueOutcome, EnqueueRequest, Enqueuer, JobId, JobStatus, Timestamp,
};
use forge_test_cluster::{TestDatabase, connect};
use std::sync::Arc;
use std::time::Duration;

struct Db {
    database: TestDatabase<'static>,
    storage: Arc<PostgresStorage>,
    enqueuer: Enqueuer,
    client: Client,
}

impl Db {
    async fn new() -> Self {
        let database = fresh().await;
        let storage = open(database.url()).await;
        let enqueuer = enqueuer(storage.clone().into_bundle());
        let client = connect(database.url()).await.unwrap();
        Self { database, storage, enqueuer, client }
    }

    /// The job and the outcome, or the error's code, text and hint.
    async fn call(&self, arguments: &str) -> Result<(JobId, String), (String, String, String)> {
        let sql = format!("SELECT job::text, outcome FROM forge.enqueue({arguments})");
        match self.client.query_one(&sql, &[]).await {
            Ok(row) => Ok((row.get::<_, &str>(0).parse().unwrap(), row.get(1))),
            Err(e) => {
                let e = e.as_db_error().unwrap();
                let hint = e.hint().unwrap_or_default().to_owned();
                Err((e.code().code().to_owned(), e.message().to_owned(), hint))
            }
        }
    }

    async fn put(&self, arguments: &str) -> JobId {
        let (id, outcome) = self.call(arguments).await.unwrap();
        assert_eq!(outcome, "inserted", "{arguments}");
        id
    }

    async fn job(&self, id: JobId) -> forge_jobs::Job {
        self.storage.clone().into_bundle().inspect.job(id).await.unwrap().unwrap()
    }

    async fn count(&self) -> i64 {
        self.client.query_one("SELECT count(*) FROM forge.jobs", &[]).await.unwrap().get(0)
    }

    async fn no_problems(&self) {
        let checkup = self.storage.clone().into_bundle().inspect.checkup().await.unwrap();
        assert_eq!(checkup.problems, Vec::<String>::new());
    }
}

#[tokio::test]
async fn what_is_left_out_and_what_is_null_is_the_default() {
    let db = Db::new().await;
    let all_null = "'k', 'null', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL";
    for arguments in ["'k'", "kind => 'k'", "'k', 'null'", all_null] {
        let job = db.job(db.put(arguments).await).await;
        assert_eq!((job.kind.as_str(), job.queue.as_str(), job.payload.as_str()), ("k", "default", "null"));
        assert_eq!((job.priority, job.max_attempts, job.status), (0, 20, JobStatus::Pending));
        assert_eq!((job.dedupe_key, job.tags.len()), (None, 0));
        assert_eq!(job.due_at, job.created_at);
        let age = Timestamp::now().saturating_since(job.created_at);
        assert!(age < HANG, "{age:?}");
    }
    // By position, as at a prompt.
    let all = "'a.b', '{ \"x\" : 1e400 }', 'q', -7, NULL, '90 s', 3, 'key', '{one,two}', \
               '01890a5d-ac96-774b-bcce-b302099a8057', false";
    let job = db.job(db.put(all).await).await;
    assert_eq!((job.kind.as_str(), job.queue.as_str(), job.priority, job.max_attempts), ("a.b", "q", -7, 3));
    assert_eq!(job.payload.as_str(), "{ \"x\" : 1e400 }");
    assert_eq!(
        (job.dedupe_key.as_deref(), job.tags),
        (Some("key"), vec!["one".to_owned(), "two".to_owned()])
    );
    assert_eq!(job.status, JobStatus::Scheduled);
    assert_eq!(job.due_at, job.created_at.saturating_add(Duration::from_secs(90)));
    // Made in order, as clients make them.
    let ids = [db.put("'k'").await, db.put("'k'").await];
    assert!(ids.iter().all(|id| id.to_string().as_bytes()[14] == b'7'), "{ids:?}");
    db.no_problems().await;
}

#[tokio::test]
async fn times_are_kept_within_what_clients_can_say() {
    let db = Db::new().await;
    let max = Timestamp::MAX;
    for (arguments, status, due) in [
        ("run_at => 'infinity'", JobStatus::Scheduled, Some(max)),
        ("run_at => '294000-01-01Z'", JobStatus::Scheduled, Some(max)),
        (
            "run_at => '2999-12-31 23:59:59.000001Z'",
            JobStatus::Scheduled,
            "2999-12-31T23:59:59.000001Z".parse().ok(),
        ),
        ("run_at => '-infinity'", JobStatus::Pending, None),
        ("run_at => '4000-01-01 BC'", JobStatus::Pending, None),
        ("run_at => '2000-01-01Z'", JobStatus::Pending, None),
        ("delay => '0'", JobStatus::Pending, None),
        ("delay => '170000000 years'", JobStatus::Scheduled, Some(max)),
    ] {
        let job = db.job(db.put(&format!("'k', {arguments}")).await).await;
        assert_eq!(job.status, status, "{arguments}");
        assert_eq!(job.due_at, due.unwrap_or(job.created_at), "{arguments}");
    }
    db.no_problems().await;
}

#[tokio::test]
async fn what_no_client_would_take_is_refused_with_a_code_a_value_and_a_hint() {
    let db = Db::new().await;
    let tags = |n: usize| format!("'k', tags => array_fill('t'::text, ARRAY[{n}])");
    let any =
        "'k', dedupe_key => 'x', dedupe_states => '{pending,scheduled,running,retrying,done}'".to_owned();
    let too_many = tags(MAX_TAGS + 1);
    let over = format!("'k', max_attempts => {}", MAX_MAX_ATTEMPTS + 1);
    for (arguments, code, words, hint) in [
        ("NULL", "22023", "kind", "A-Z"),
        ("''", "22023", "kind", "A-Z"),
        ("'a b'", "22023", "'a b'", "A-Z"),
        ("E'a\\n'", "22023", "kind", "A-Z"),
        ("'ä'", "22023", "'ä'", "A-Z"),
        ("repeat('k', 129)", "22023", "kkk", "128"),
        ("'k', queue => 'q!'", "22023", "queue 'q!'", "A-Z"),
        ("'k', NULL", "22004", "payload must not be NULL", "'null'"),
        ("'k', '{'", "22P02", "json", ""),
        ("'k', '\"\\u0000\"'", "22P05", "NUL", "base64"),
        ("'k', '\"\\ud800\"'", "22P05", "lone surrogate", "both"),
        ("'k', (repeat('[', 129) || repeat(']', 129))::json", "22023", "deeper than 128", "reference"),
        ("'k', to_json(repeat('x', 1048575))", "22023", "1048577 bytes", "reference"),
        ("'k', priority => 32768", "22023", "priority 32768", "32767"),
        ("'k', priority => -32769", "22023", "priority -32769", "-32768"),
        ("'k', max_attempts => 0", "22023", "max_attempts 0", "1 to"),
        (over.as_str(), "22023", "max_attempts", "1 to"),
        ("'k', delay => '-1 s'", "22023", "delay -00:00:01", "Leave it out"),
        ("'k', delay => '1 s', run_at => now()", "22023", "exclude", "Leave one"),
        ("'k', dedupe_key => ''", "22023", "dedupe_key", "1 to 512"),
        ("'k', dedupe_key => repeat('ä', 257)", "22023", "dedupe_key", "1 to 512"),
        ("'k', dedupe_key => E'a\\tb'", "22023", "dedupe_key", "control"),
        ("'k', dedupe_key => U&'\\0085'", "22023", "dedupe_key", "control"),
        ("'k', dedupe_states => '{pending,scheduled,retrying}'", "22023", "no dedupe_key", "terms of"),
        ("'k', dedupe_period => '1 h'", "22023", "no dedupe_key", "terms of"),
        ("'k', on_duplicate => 'replace'", "22023", "no dedupe_key", "terms of"),
        ("'k', dedupe_key => 'x', on_duplicate => 'drop'", "22023", "on_duplicate 'drop'", "keep or replace"),
        (
            "'k', dedupe_key => 'x', dedupe_states => '{pending,asleep}'",
            "22023",
            "'asleep'",
            "retrying, done",
        ),
        ("'k', dedupe_key => 'x', dedupe_states => '{pending,NULL}'", "22023", "NULL", "retrying, done"),
        ("'k', dedupe_key => 'x', dedupe_states => '{pending,retrying}'", "22023", "lacks", "scheduled"),
        ("'k', dedupe_key => 'x', dedupe_states => '{}'", "22023", "lacks", "scheduled"),
        (any.as_str(), "22023", "needs a dedupe_period", "how long"),
        ("'k', dedupe_key => 'x', dedupe_period => '0.5 s'", "22023", "dedupe_period 00:00:00.5", "366 days"),
        ("'k', dedupe_key => 'x', dedupe_period => '367 d'", "22023", "dedupe_period 367 days", "366 days"),
        (too_many.as_str(), "22023", "17 tags", "16"),
        ("'k', tags => '{\"\"}'", "22023", "tag", "1 to 128"),
        ("'k', tags => '{a,NULL}'", "22023", "tag", "1 to 128"),
        ("'k', tags => ARRAY[repeat('t', 129)]", "22023", "tag", "1 to 128"),
        ("'k', tags => ARRAY[U&'\\007F']", "22023", "tag", "control"),
    ] {
        let e = db.call(arguments).await.expect_err(arguments);
        assert!(e.0 == code && e.1.contains(words) && e.2.contains(hint), "{arguments}: {e:?}");
    }
    assert_eq!(db.count().await, 0);
    // The bounds themselves.
    for arguments in [
        "repeat('k', 128), queue => 'A:/-_.9'",
        "'k', priority => 32767, max_attempts => 10000, dedupe_key => repeat('ä', 256)",
        "'k', priority => -32768, max_attempts => 1",
        "'k', tags => ARRAY[repeat('t', 128)]",
        "'k', (repeat('[', 128) || repeat(']', 128))::json",
        "'k', to_json(repeat('x', 1048574))",
        &tags(MAX_TAGS),
    ] {
        db.put(arguments).await;
    }
    db.no_problems().await;
}

#[tokio::test]
async fn a_job_sent_by_a_client_and_by_sql_is_the_same_job() {
    let db = Db::new().await;
    let at: Timestamp = "2999-01-01T00:00:00.000001Z".parse().unwrap();
    let tags = ["plain", "qu\"ote", "back\\slash", "sl/ash", "ünï 漢 😀", "<&>", "\u{2028}", "$1 {} '"];
    let plain = || EnqueueRequest::from_json_text("k", "{ \"a\" : 1.0 , \"b\":-0 }").on_queue("q");
    let tagged = |request: EnqueueRequest| tags.iter().fold(request, |r, tag| r.with_tag(*tag));
    let sql_tags = tags.map(|t| format!("'{}'", t.replace('\'', "''"))).join(",");
    let text = "'k', '{ \"a\" : 1.0 , \"b\":-0 }', 'q'";
    let delay = Duration::from_micros(86_400_000_001);
    let cases = [
        (plain(), String::new()),
        (tagged(plain()), format!(", tags => ARRAY[{sql_tags}]")),
        (plain().with_dedupe_key("kéy \"'\\"), ", dedupe_key => 'kéy \"''\\'".into()),
        (plain().with_run_at(at), ", run_at => '2999-01-01 00:00:00.000001Z'".into()),
        (plain().with_run_at(Timestamp::MAX), ", run_at => 'infinity'".into()),
        (plain().with_delay(delay), ", delay => '1 day 0.000001 s'".into()),
        (plain().with_delay(Duration::MAX), ", delay => '178000000 years'".into()),
        (plain().with_priority(-3).with_max_attempts(7), ", priority => -3, max_attempts => 7".into()),
    ];
    for (request, more) in cases {
        // With the key taken by the first one, the second would be a duplicate if it were not known by its id.
        let id = db.enqueuer.enqueue(request.clone()).await.unwrap().id;
        let again = db.call(&format!("{text}{more}, id => '{id}'")).await.unwrap();
        assert_eq!(again, (id, "already_there".into()), "{more}");
        let other = db.call(&format!("'k', '1', 'q', id => '{id}'")).await.unwrap_err();
        assert!(
            other.0 == "23505" && other.1.contains(&id.to_string()) && other.2.contains("new one"),
            "{other:?}"
        );
    }
    // And the other way round.
    let id = JobId::new();
    assert_eq!(db.put(&format!("{text}, tags => ARRAY[{sql_tags}], id => '{id}'")).await, id);
    let again = db.enqueuer.enqueue(tagged(plain()).with_id(id)).await.unwrap();
    assert_eq!((again.id, again.outcome), (id, EnqueueOutcome::AlreadyThere));
    // Keys are of both.
    let first = db.put("'keyed', dedupe_key => 'x'").await;
    assert_eq!(db.call("'keyed', dedupe_key => 'x'").await.unwrap(), (first, "duplicate".into()));
    let twin = db.enqueuer.enqueue(EnqueueRequest::new("keyed", 1).with_dedupe_key("x")).await.unwrap();
    assert_eq!((twin.id, twin.outcome), (first, EnqueueOutcome::Duplicate));
    // And so are their terms.
    let terms = Dedupe::new("z").in_states(DedupeStates::ANY).within(Duration::from_secs(3_600));
    let id = db.enqueuer.enqueue(EnqueueRequest::new("k", 1).with_dedupe(terms.clone())).await.unwrap().id;
    let sql_terms = "dedupe_key => 'z', dedupe_states => '{dead,pending,running,done,retrying,scheduled}', \
                     dedupe_period => '1 h'";
    let again = db.call(&format!("'k', '1', id => '{id}', {sql_terms}")).await.unwrap();
    assert_eq!(again, (id, "already_there".into()));
    let replaced = db.call(&format!("'k', '2', {sql_terms}, on_duplicate => 'replace'")).await.unwrap();
    assert_eq!(replaced, (id, "replaced".into()));
    let replaced =
        db.enqueuer.enqueue(EnqueueRequest::new("k", 3).with_dedupe(terms.replacing())).await.unwrap();
    assert_eq!((replaced.id, replaced.outcome), (id, EnqueueOutcome::Replaced));
    db.no_problems().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trigger_enqueues_with_the_row_that_fires_it() {
    let db = Db::new().await;
    let (runtime, mut runs) = worker(db.storage.clone().into_bundle());
    let handle = runtime.start().await.unwrap();
    db.client
        .batch_execute(
            "CREATE TABLE orders (id bigint, state text);
             CREATE FUNCTION ship() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN
                 PERFORM forge.enqueue('work', to_json(NEW.id), dedupe_key => 'order ' || NEW.id);
                 RETURN NULL;
             END $$;
             CREATE TRIGGER ship AFTER INSERT ON orders FOR EACH ROW WHEN (NEW.state = 'paid') EXECUTE FUNCTION ship();",
        )
        .await
        .unwrap();
    for script in [
        "BEGIN; INSERT INTO orders VALUES (1, 'paid'); ROLLBACK",
        "BEGIN; INSERT INTO orders VALUES (2, 'new'), (3, 'paid'), (3, 'paid'); COMMIT",
    ] {
        db.client.batch_execute(script).await.unwrap();
    }
    assert_eq!(next(&mut runs).await, "3");
    tokio::time::timeout(HANG, handle.drained()).await.unwrap().unwrap();
    handle.shutdown_graceful(HANG).await;
    assert_eq!(db.count().await, 1);
    db.no_problems().await;
}

#[tokio::test]
async fn a_role_needs_these_rights_and_no_more() {
    let db = Db::new().await;
    let role = format!("forge_test_{}", db.database.name());
    // One whose time is over, that another job takes.
    db.put("'k', dedupe_key => 'old', dedupe_period => '1 s'").await;
    db.client.batch_execute("UPDATE forge.unique_keys SET until = 1").await.unwrap();
    // Rolled back with the rest, so that no role is left behind.
    let grant = format!(
        "BEGIN; CREATE ROLE {role};
         GRANT USAGE ON SCHEMA forge TO {role};
         GRANT SELECT, INSERT ON forge.jobs, forge.queues, forge.kinds, forge.streams TO {role};
         GRANT INSERT ON forge.ready, forge.deferred, forge.tape TO {role};
         GRANT SELECT, INSERT, UPDATE, DELETE ON forge.unique_keys TO {role};
         GRANT SELECT ON forge.replacements TO {role};
         GRANT SELECT, UPDATE ON forge.settings TO {role};
         SET LOCAL ROLE {role}"
    );
    db.client.batch_execute(&grant).await.unwrap();
    db.put("'k', queue => 'new'").await;
    db.put("'k', delay => '1 h', tags => '{t}'").await;
    let id = db.put("'k', dedupe_key => 'key'").await;
    assert_eq!(db.call("'k', dedupe_key => 'key'").await.unwrap(), (id, "duplicate".into()));
    db.put("'k', dedupe_key => 'old'").await;
    let replacing = "'k', dedupe_key => 'key', on_duplicate => 'replace'";
    for denied in ["DELETE FROM forge.jobs".to_owned(), format!("SELECT forge.enqueue({replacing})")] {
        db.client.batch_execute("SAVEPOINT s").await.unwrap();
        let denied = db.client.batch_execute(&denied).await.unwrap_err();
        assert_eq!(denied.code().map(|c| c.code().to_owned()).as_deref(), Some("42501"));
        db.client.batch_execute("ROLLBACK TO s").await.unwrap();
    }
    let grant = format!(
        "RESET ROLE;
         GRANT UPDATE ON forge.jobs TO {role};
         GRANT SELECT, DELETE ON forge.ready, forge.deferred TO {role};
         GRANT SELECT ON forge.running, forge.finished TO {role};
         GRANT INSERT, DELETE ON forge.replacements TO {role};
         GRANT SELECT, INSERT, DELETE ON forge.notes TO {role};
         SET LOCAL ROLE {role}"
    );
    db.client.batch_execute(&grant).await.unwrap();
    assert_eq!(db.call(replacing).await.unwrap(), (id, "replaced".into()));
    db.client.batch_execute("ROLLBACK").await.unwrap();
    assert_eq!(db.count().await, 1);
}

#[tokio::test]
async fn a_role_that_may_only_read_sees_the_health_of_the_database() {
    let db = Db::new().await;
    db.put("'k'").await;
    let role = format!("forge_test_look_{}", db.database.name());
    let make = format!(
        "CREATE ROLE {role} LOGIN; GRANT USAGE ON SCHEMA forge TO {role};
         GRANT SELECT ON ALL TABLES IN SCHEMA forge TO {role}; REVOKE SELECT ON forge.audit FROM {role}"
    );
    db.client.batch_execute(&make).await.unwrap();
    // Somebody else's, which such a role does not see.
    db.client.batch_execute("BEGIN; SELECT 1").await.unwrap();
    let mut looked = Vec::new();
    for grant in ["SELECT 1".to_owned(), format!("GRANT pg_read_all_stats TO {role}")] {
        let other = connect(db.database.url()).await.unwrap();
        other.batch_execute(&grant).await.unwrap();
        let storage = open(&with_user(db.database.url(), &role)).await.into_bundle();
        looked.push(storage.inspect.health().await);
    }
    db.client.batch_execute("ROLLBACK").await.unwrap();
    let other = connect(db.database.url()).await.unwrap();
    let end = format!(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{role}';
         DROP OWNED BY {role}; DROP ROLE {role}"
    );
    other.batch_execute(&end).await.unwrap();
    let [plain, trusted] = looked.try_into().unwrap();
    let (plain, trusted) = (plain.unwrap(), trusted.unwrap());
    // It sees its own ones, of which one may be under way.
    let is_own = plain.oldest_transaction.as_ref().is_none_or(|t| t.user.as_deref() == Some(&role));
    assert!(!plain.sees_all_transactions && is_own, "{plain:?}");
    assert!(trusted.sees_all_transactions && trusted.oldest_transaction.is_some(), "{trusted:?}");
    let rows = |name: &str| plain.tables.iter().find(|table| table.name == name).unwrap().rows;
    assert_eq!(rows("jobs"), RowCount::Exact(1));
    assert!(matches!(rows("audit"), RowCount::Estimate(_)), "what it may not read is not counted");
    assert!(plain.bytes.is_some() && plain.connections.is_some());
}

/// The same URL for another role.
fn with_user(url: &str, user: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap();
    let at = rest.split_once('@').map_or(rest, |(_, at)| at);
    format!("{scheme}://{user}@{at}")
}
