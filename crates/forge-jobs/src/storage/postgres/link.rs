//! A connection that is made when it is first needed, and made again when it was lost.

use super::connect::{Server, connect};
use super::error::{Fault, lost, outdated};
use super::schema::Schema;
use crate::storage::StorageError;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex as StdMutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Mutex;
use tokio::task::AbortHandle;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row, Statement};

/// A value and its type, as a call sends it.
pub(super) type Param<'a> = (&'a (dyn ToSql + Sync), Type);

/// A connection that stands.
pub(super) struct Live {
    client: Client,
    task: AbortHandle,
    peer: Option<SocketAddr>,
    kept: Option<Kept>,
}

/// Statements that the server keeps for this connection; `None`: sent once, not kept yet.
type Kept = StdMutex<HashMap<&'static str, Option<Statement>>>;

impl Live {
    /// `peer`: the other end; `None` on a Unix socket.
    pub(super) const fn new(client: Client, task: AbortHandle, peer: Option<SocketAddr>) -> Self {
        Self { client, task, peer, kept: None }
    }

    /// It is certain that one session of the server is at the other end, and stays there.
    pub(super) fn direct(mut self) -> Self {
        self.kept = Some(Kept::default());
        self
    }

    pub(super) const fn client(&self) -> &Client {
        &self.client
    }

    pub(super) const fn peer(&self) -> Option<SocketAddr> {
        self.peer
    }

    pub(super) const fn is_direct(&self) -> bool {
        self.kept.is_some()
    }

    /// Sends a statement with its parameters, in one flight and without a prepared statement.
    async fn send(
        &self,
        text: &str,
        params: &[(&(dyn ToSql + Sync), Type)],
    ) -> Result<Vec<Row>, tokio_postgres::Error> {
        self.client.query_typed(text, params).await
    }

    /// The same; from the second time on the server keeps the statement, where that is safe, and saves its parsing.
    async fn send_often(
        &self,
        schema: &Schema,
        template: &'static str,
        params: &[(&(dyn ToSql + Sync), Type)],
    ) -> Result<Vec<Row>, tokio_postgres::Error> {
        let Some(kept) = &self.kept else { return self.send(&schema.text(template), params).await };
        let known = {
            let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
            let known = kept.get(template).cloned();
            kept.entry(template).or_default();
            known
        };
        let statement = match known {
            None => return self.send(&schema.text(template), params).await,
            Some(Some(statement)) => statement,
            Some(None) => {
                let types = params.iter().map(|(_, ty)| ty.clone()).collect::<Vec<_>>();
                let new = self.client.prepare_typed(&schema.text(template), &types).await?;
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                kept.insert(template, Some(new.clone()));
                new
            }
        };
        let values = params.iter().map(|(value, _)| *value).collect::<Vec<_>>();
        match self.client.query(&statement, &values).await {
            Err(e) if outdated(&e) => {
                kept.lock().unwrap_or_else(PoisonError::into_inner).remove(template);
                self.send(&schema.text(template), params).await
            }
            other => other,
        }
    }
}

impl Drop for Live {
    /// A connection whose other end does not answer would wait to say farewell.
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[derive(Default)]
struct State {
    live: Option<Arc<Live>>,
    /// When the last attempt to connect ended, and why it failed.
    failed: Option<(Instant, StorageError)>,
}

/// A connection that is made again when it was lost. Calls on it are pipelined.
pub(super) struct Link {
    server: Arc<Server>,
    state: Mutex<State>,
    under_way: AtomicUsize,
}

impl Link {
    pub(super) fn new(server: Arc<Server>) -> Self {
        Self { server, state: Mutex::default(), under_way: AtomicUsize::new(0) }
    }

    /// Calls that wait for their answer.
    pub(super) fn under_way(&self) -> usize {
        self.under_way.load(Ordering::Relaxed)
    }

    /// Whether there is a connection, as far as can be told at once.
    pub(super) fn is_open(&self) -> bool {
        self.state.try_lock().is_ok_and(|state| state.live.as_ref().is_some_and(|l| !l.client.is_closed()))
    }

    /// The connection, which is made if there is none. Those that wait for an attempt share its end: if each made one
    /// of its own after it, the last of them would wait for all.
    async fn live(&self) -> Result<Arc<Live>, Fault> {
        let since = Instant::now();
        let mut state = self.state.lock().await;
        if let Some(live) = state.live.as_ref().filter(|l| !l.client.is_closed()) {
            return Ok(live.clone());
        }
        state.live = None;
        if let Some((_, e)) = state.failed.as_ref().filter(|(ended, _)| *ended >= since) {
            return Err(Fault::NoConnection(e.duplicate()));
        }
        match connect(&self.server).await {
            Ok(live) => {
                let live = Arc::new(live);
                *state = State { live: Some(live.clone()), failed: None };
                Ok(live)
            }
            Err(fault) => {
                if let Fault::NoConnection(e) = &fault {
                    state.failed = Some((Instant::now(), e.duplicate()));
                }
                Err(fault)
            }
        }
    }

    pub(super) async fn is_direct(&self) -> Result<bool, Fault> {
        Ok(self.live().await?.is_direct())
    }

    /// The next call makes a new connection; what is under way on the old one fails.
    async fn break_off(&self, broken: &Arc<Live>) {
        let mut state = self.state.lock().await;
        if state.live.as_ref().is_some_and(|l| Arc::ptr_eq(l, broken)) {
            state.live = None;
        }
        drop(state);
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
        self.within(limit, async |live: &Live| live.send(sql, params).await).await
    }

    /// The same for a statement that is sent again and again. The server keeps it where no pooler stands between.
    pub(super) async fn query_often(
        &self,
        schema: &Schema,
        template: &'static str,
        params: &[Param<'_>],
        limit: Duration,
    ) -> Result<Vec<Row>, Fault> {
        self.within(limit, async |live: &Live| live.send_often(schema, template, params).await).await
    }

    async fn within<C>(&self, limit: Duration, call: C) -> Result<Vec<Row>, Fault>
    where
        C: AsyncFnOnce(&Live) -> Result<Vec<Row>, tokio_postgres::Error>,
    {
        self.under_way.fetch_add(1, Ordering::Relaxed);
        let _counted = Counted(&self.under_way);
        let live = self.live().await?;
        match tokio::time::timeout(limit, call(&live)).await {
            Ok(Ok(rows)) => Ok(rows),
            Ok(Err(e)) => {
                if lost(&e) {
                    self.break_off(&live).await;
                }
                Err(e.into())
            }
            Err(_) => {
                // Nobody may wait behind it, and the server should not go on for nobody.
                self.server.cancel(&live);
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
