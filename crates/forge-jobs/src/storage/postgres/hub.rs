//! What the calls of a storage share: connections, names, and the way to tell others.

use super::changes::Teller;
use super::connect::Server;
use super::enqueue::Group;
use super::error::Fault;
use super::link::{Link, Param};
use super::marks::Memory;
use super::metrics::Rolled;
use super::names::Names;
use super::schema::Schema;
use crate::ProcessId;
use crate::config::PostgresConfig;
use crate::storage::usage::{Call, Usage};
use crate::storage::{Changes, StorageError};
use std::collections::HashSet;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{OnceCell, watch};
use tokio_postgres::Row;

/// How often a transaction that lost to another one is tried again.
const COLLISIONS: u32 = 10;

/// Connections for calls that may have to wait, made when they are needed.
const PATIENT: u32 = 2;

/// Which connections a call takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lane {
    /// What must not wait: heartbeats, registrations, cancels. One connection of its own.
    Urgent,
    /// The rest of the work.
    Work,
    /// What may have to wait for transactions of the host program: a dedupe key or a name that one of them has taken
    /// and not committed. Nothing else may stand behind it on a connection.
    Patient,
    /// Reads for people.
    Read,
}

/// What the calls of a storage share.
pub(super) struct Hub {
    pub(super) server: Arc<Server>,
    pub(super) schema: Schema,
    urgent: Link,
    patient: Vec<Link>,
    work: Vec<Link>,
    read: Vec<Link>,
    limit: Duration,
    read_limit: Duration,
    pub(super) names: Names,
    pub(super) changes: watch::Sender<Changes>,
    pub(super) teller: Teller,
    /// Callers that wait for their jobs to be written: plain ones, and those with dedupe keys.
    pub(super) groups: [Group; 2],
    /// How far claims have come.
    pub(super) marks: Memory,
    /// Rounds of the reaper.
    pub(super) reaps: AtomicU32,
    /// The number of this host, for the metrics; `None` if they are off.
    pub(super) host: Option<OnceCell<i32>>,
    /// How far pieces of tape were added up.
    pub(super) rolled: Mutex<Rolled>,
    pub(super) usage: Usage,
    /// Promotions in a row that found what was due locked.
    pub(super) contended: AtomicU32,
    /// The processes that were registered through this storage: cancels of others are not for it.
    mine: Mutex<HashSet<ProcessId>>,
    statements: AtomicU64,
}

impl Hub {
    pub(super) fn new(server: Arc<Server>, schema: Schema, config: &PostgresConfig) -> Self {
        let (work, read) = (config.connections(), config.read_connections());
        let links = |n: u32| (0..n).map(|_| Link::new(server.clone())).collect();
        Self {
            urgent: Link::new(server.clone()),
            patient: links(PATIENT),
            work: links(work),
            read: links(read),
            server,
            schema,
            limit: config.call_timeout(),
            read_limit: config.read_timeout(),
            names: Names::default(),
            changes: watch::Sender::new(Changes::default()),
            teller: Teller::default(),
            groups: [Group::default(), Group::default()],
            marks: Memory::default(),
            reaps: AtomicU32::new(0),
            host: config.metrics().then(OnceCell::new),
            rolled: Mutex::default(),
            usage: Usage::default(),
            contended: AtomicU32::new(0),
            mine: Mutex::default(),
            statements: AtomicU64::new(0),
        }
    }

    /// Calls sent so far.
    pub(super) fn statements(&self) -> u64 {
        self.statements.load(Ordering::Relaxed)
    }

    pub(super) async fn is_direct(&self) -> Result<bool, Fault> {
        self.urgent.is_direct().await
    }

    /// Connections that are open, and how many there may be.
    pub(super) fn connections(&self) -> (usize, usize) {
        let all = || std::iter::once(&self.urgent).chain(&self.patient).chain(&self.work).chain(&self.read);
        (all().filter(|link| link.is_open()).count(), all().count())
    }

    fn link(&self, lane: Lane) -> &Link {
        let idlest =
            |links: &'_ [Link]| links.iter().enumerate().min_by_key(|(_, l)| l.under_way()).map(|(at, _)| at);
        match lane {
            Lane::Urgent => &self.urgent,
            Lane::Work => &self.work[idlest(&self.work).unwrap_or(0)],
            Lane::Patient => &self.patient[idlest(&self.patient).unwrap_or(0)],
            Lane::Read => &self.read[idlest(&self.read).unwrap_or(0)],
        }
    }

    /// One statement that changes something: a transaction of its own. One that lost to another transaction is tried
    /// again.
    pub(super) async fn write(
        &self,
        lane: Lane,
        template: &'static str,
        params: &[Param<'_>],
    ) -> Result<Vec<Row>, Fault> {
        let mut tries = 0;
        let _under_way = self.usage.begin(Call::Write);
        loop {
            self.statements.fetch_add(1, Ordering::Relaxed);
            match self.link(lane).query_often(&self.schema, template, params, self.limit).await {
                Err(e) if e.is_collision() && tries < COLLISIONS => {
                    tries += 1;
                    tokio::time::sleep(Duration::from_millis(fastrand::u64(0..1 << tries.min(6)))).await;
                }
                other => return other,
            }
        }
    }

    /// A statement that is sent only once, and as it stands.
    #[cfg(feature = "conformance")]
    pub(super) async fn order(&self, text: &str) -> Result<(), Fault> {
        self.link(Lane::Work).query(text, &[], self.limit).await.map(drop)
    }

    /// One statement that changes nothing; sent again once when the connection was lost.
    pub(super) async fn look(
        &self,
        lane: Lane,
        template: &str,
        params: &[Param<'_>],
    ) -> Result<Vec<Row>, Fault> {
        self.look_within(lane, template, params, self.read_limit).await
    }

    pub(super) async fn look_within(
        &self,
        lane: Lane,
        template: &str,
        params: &[Param<'_>],
        limit: Duration,
    ) -> Result<Vec<Row>, Fault> {
        let text = self.schema.text(template);
        let _under_way = self.usage.begin(Call::Read);
        self.statements.fetch_add(1, Ordering::Relaxed);
        match self.link(lane).query(&text, params, limit).await {
            Err(e @ Fault::Postgres(_)) if e.is_unknown() => {
                self.link(lane).query(&text, params, limit).await
            }
            other => other,
        }
    }

    pub(super) fn is_mine(&self, process: ProcessId) -> bool {
        self.mine.lock().unwrap_or_else(PoisonError::into_inner).contains(&process)
    }

    pub(super) fn adopt(&self, process: ProcessId) {
        self.mine.lock().unwrap_or_else(PoisonError::into_inner).insert(process);
    }

    pub(super) fn dismiss(&self, process: ProcessId) {
        self.mine.lock().unwrap_or_else(PoisonError::into_inner).remove(&process);
    }
}

/// The only row of an answer that has one.
pub(super) fn only(rows: Vec<Row>) -> Result<Row, Fault> {
    rows.into_iter().next().ok_or_else(|| {
        StorageError::Internal { detail: "an answer without a row".into(), source: None }.into()
    })
}
