//! A connection that is made when it is first needed, and made again when it was lost.

use super::connect::{Server, connect};
use super::error::{Fault, lost};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::task::AbortHandle;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row};

/// A value and its type, as a call sends it.
pub(super) type Param<'a> = (&'a (dyn ToSql + Sync), Type);

/// A connection that stands.
pub(super) struct Live {
    client: Client,
    task: AbortHandle,
}

impl Live {
    pub(super) const fn new(client: Client, task: AbortHandle) -> Self {
        Self { client, task }
    }

    pub(super) const fn client(&self) -> &Client {
        &self.client
    }
}

impl Drop for Live {
    /// A connection whose other end does not answer would wait to say farewell.
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A connection that is made again when it was lost. Calls on it are pipelined.
pub(super) struct Link {
    server: Arc<Server>,
    live: Mutex<Option<Arc<Live>>>,
    under_way: AtomicUsize,
}

impl Link {
    pub(super) fn new(server: Arc<Server>) -> Self {
        Self { server, live: Mutex::new(None), under_way: AtomicUsize::new(0) }
    }

    /// Calls that wait for their answer.
    pub(super) fn under_way(&self) -> usize {
        self.under_way.load(Ordering::Relaxed)
    }

    async fn live(&self) -> Result<Arc<Live>, Fault> {
        let mut live = self.live.lock().await;
        if let Some(live) = live.as_ref().filter(|l| !l.client.is_closed()) {
            return Ok(live.clone());
        }
        *live = None;
        let new = Arc::new(connect(&self.server).await?);
        *live = Some(new.clone());
        Ok(new)
    }

    /// The next call makes a new connection; what is under way on the old one fails.
    async fn break_off(&self, broken: &Arc<Live>) {
        let mut live = self.live.lock().await;
        if live.as_ref().is_some_and(|l| Arc::ptr_eq(l, broken)) {
            *live = None;
        }
        broken.task.abort();
    }

    /// Sends one statement, in one flight and without a prepared statement: so any pooler may stand between, and no
    /// statement can be left behind half done.
    pub(super) async fn query(
        &self,
        sql: &str,
        params: &[Param<'_>],
        limit: Duration,
    ) -> Result<Vec<Row>, Fault> {
        self.under_way.fetch_add(1, Ordering::Relaxed);
        let _counted = Counted(&self.under_way);
        let live = self.live().await?;
        let params = params.iter().map(|(value, ty)| (*value, ty.clone())).collect::<Vec<_>>();
        match tokio::time::timeout(limit, live.client.query_typed(sql, &params)).await {
            Ok(Ok(rows)) => Ok(rows),
            Ok(Err(e)) => {
                if lost(&e) {
                    self.break_off(&live).await;
                }
                Err(e.into())
            }
            Err(_) => {
                // Nobody may wait behind it, and the server should not go on for nobody.
                self.server.cancel(&live.client);
                self.break_off(&live).await;
                Err(Fault::Late(limit))
            }
        }
    }
}

struct Counted<'a>(&'a AtomicUsize);

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
