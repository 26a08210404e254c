//! How writers end, and which jobs are told of as due.

use super::*;
use crate::storage::PostgresConfig;
use crate::storage::postgres::connect::Server;
use crate::storage::postgres::schema::Schema;
use crate::{DefaultRouter, EnqueueRequest};

/// A wait longer than this is a hang, not slowness.
const HANG: Duration = Duration::from_secs(180);

/// Of a server that is not there.
fn hub() -> Arc<Hub> {
    let config = PostgresConfig::from_url("postgres://nobody@127.0.0.1:1/nothing").unwrap();
    let server = Arc::new(Server::of(&config).unwrap());
    Arc::new(Hub::new(server, Schema::new("forge"), &config))
}

/// A writer at work, and a caller that waits for it.
fn at_work(hub: &Arc<Hub>) -> (Writer, oneshot::Receiver<Result<Vec<Inserted>, StorageError>>) {
    let (reply, answer) = oneshot::channel();
    let mut inner = hub.groups[0].inner();
    inner.waiting.push_back(Caller { jobs: Vec::new(), now: None, reply });
    inner.writers += 1;
    drop(inner);
    let mut writer = Writer::new(hub, 0);
    writer.state = State::Begun;
    (writer, answer)
}

#[tokio::test]
async fn after_a_panic_another_writer_answers_those_who_wait() {
    let hub = hub();
    let (writer, answer) = at_work(&hub);
    let task = tokio::spawn(async move {
        let _writer = writer;
        panic!("on purpose");
    });
    assert!(task.await.unwrap_err().is_panic());
    let answer = tokio::time::timeout(HANG, answer).await.unwrap().expect("it is answered");
    assert!(matches!(answer, Err(StorageError::Unavailable { .. })), "{answer:?}");
}

/// A value whose destructor panics.
struct Grenade;

impl Drop for Grenade {
    fn drop(&mut self) {
        panic!("on purpose");
    }
}

#[test]
fn nobody_waits_for_a_writer_of_a_runtime_that_has_ended() {
    for panics in [false, true] {
        let hub = hub();
        let (writer, mut answer) = at_work(&hub);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.spawn(async move {
            // In this order they are dropped.
            let held = (panics.then_some(Grenade), writer);
            std::future::pending::<()>().await;
            drop(held);
        });
        runtime.block_on(tokio::task::yield_now());
        drop(runtime);
        assert!(matches!(answer.try_recv(), Err(oneshot::error::TryRecvError::Closed)));
        assert_eq!(hub.groups[0].inner().writers, 0);
    }
}

#[test]
fn what_the_database_may_take_for_due_is_told_of_as_due_and_what_is_planned_ahead_is_not() {
    let job = |request: EnqueueRequest| request.validate(&DefaultRouter).unwrap();
    let request = || EnqueueRequest::new("k", 1);
    let (now, minute) = (Timestamp::now(), Duration::from_secs(60));
    let after = |delay| may_be_due(&job(request().with_delay(delay)), None);
    assert!(may_be_due(&job(request()), None) && after(Duration::ZERO) && after(Duration::from_nanos(999)));
    assert!(!after(Duration::from_micros(1)));
    let at = |later: Duration| job(request().with_run_at(now.saturating_add(later)));
    assert!(may_be_due(&at(Duration::ZERO), None) && may_be_due(&at(minute), None));
    assert!(!may_be_due(&at(60 * minute), None));
    // A clock that is given is the database's.
    assert!(may_be_due(&at(minute), Some(now.saturating_add(minute))));
    assert!(!may_be_due(&at(minute), Some(now)));
}
