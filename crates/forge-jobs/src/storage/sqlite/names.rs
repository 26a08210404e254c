//! Queues and kinds are stored as numbers; this knows the names.

use crate::limits::{BACKOFF_BASE, BACKOFF_MAX, DEAD_RETENTION, DEFAULT_WORKERS, DONE_RETENTION};
use crate::rate_limit::Scope;
use crate::storage::checks::micros;
use rusqlite::{Connection, OptionalExtension};
use std::collections::HashMap;
use std::sync::Arc;

const KIND_NO: &str = "SELECT no FROM forge_kinds WHERE name = ?1";
const KIND_NAME: &str = "SELECT name FROM forge_kinds WHERE no = ?1";
const NEW_KIND: &str = "INSERT INTO forge_kinds (name) VALUES (?1) RETURNING no";
const HOST_NO: &str = "SELECT no FROM forge_hosts WHERE name = ?1";
const NEW_HOST: &str = "INSERT INTO forge_hosts (name) VALUES (?1) RETURNING no";
const ATTACHED: &str = "SELECT what, no, scope FROM forge_attached";
const QUEUE_NO: &str = "SELECT no FROM forge_queues WHERE name = ?1";
const NEW_QUEUE: &str = "INSERT INTO forge_queues (name, workers, backoff_enabled, backoff_base_us, backoff_max_us, \
     done_retention_us, dead_retention_us) VALUES (?1, ?2, 1, ?3, ?4, ?5, ?6) RETURNING no";

/// Numbers of one sort of name. Rows are never deleted, so that a number once committed is good for ever.
#[derive(Default)]
struct Numbers {
    by_name: HashMap<Arc<str>, i64>,
    by_no: HashMap<i64, Arc<str>>,
    /// Learnt in the transaction under way: forgotten if it is rolled back.
    fresh: Vec<i64>,
}

impl Numbers {
    fn learn(&mut self, no: i64, name: &str) -> Arc<str> {
        let name: Arc<str> = name.into();
        self.by_name.insert(name.clone(), no);
        self.by_no.insert(no, name.clone());
        self.fresh.push(no);
        name
    }

    fn forget_fresh(&mut self) {
        for no in self.fresh.drain(..) {
            if let Some(name) = self.by_no.remove(&no) {
                self.by_name.remove(&name);
            }
        }
    }
}

/// The names that the writer knows.
#[derive(Default)]
pub(super) struct Names {
    kinds: Numbers,
    queues: Numbers,
    hosts: Numbers,
    /// What is attached to budgets, as of a version of the settings.
    attached: Option<(i64, Arc<Attached>)>,
}

/// The scopes that queues and kinds are attached to, by number.
#[derive(Default)]
pub(super) struct Attached {
    pub(super) queues: HashMap<i64, Scope>,
    pub(super) kinds: HashMap<i64, Scope>,
}

impl Attached {
    pub(super) fn is_empty(&self) -> bool {
        self.queues.is_empty() && self.kinds.is_empty()
    }
}

impl Names {
    /// What was learnt is committed.
    pub(super) fn keep(&mut self) {
        self.kinds.fresh.clear();
        self.queues.fresh.clear();
        self.hosts.fresh.clear();
    }

    /// What was learnt was rolled back.
    pub(super) fn forget(&mut self) {
        self.kinds.forget_fresh();
        self.queues.forget_fresh();
        self.hosts.forget_fresh();
        // It may be of a version that comes again, with something else in it.
        self.attached = None;
    }

    /// What is attached to budgets, read again when the settings have changed.
    pub(super) fn attached(
        &mut self,
        conn: &Connection,
        settings_version: i64,
    ) -> rusqlite::Result<Arc<Attached>> {
        if let Some((version, attached)) = &self.attached
            && *version == settings_version
        {
            return Ok(attached.clone());
        }
        let mut attached = Attached::default();
        let mut statement = conn.prepare_cached(ATTACHED)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let scope: String = row.get(2)?;
            // None other was ever stored.
            let Ok(scope) = Scope::new(&scope) else { continue };
            let of = if row.get::<_, i64>(0)? == 0 { &mut attached.queues } else { &mut attached.kinds };
            of.insert(row.get(1)?, scope);
        }
        let attached = Arc::new(attached);
        self.attached = Some((settings_version, attached.clone()));
        Ok(attached)
    }

    /// The number of a kind, which is added if it is new.
    pub(super) fn kind(&mut self, conn: &Connection, name: &str) -> rusqlite::Result<i64> {
        if let Some(no) = self.kinds.by_name.get(name) {
            return Ok(*no);
        }
        let known = conn.prepare_cached(KIND_NO)?.query_row([name], |r| r.get(0)).optional()?;
        let no = match known {
            Some(no) => no,
            None => conn.prepare_cached(NEW_KIND)?.query_row([name], |r| r.get(0))?,
        };
        self.kinds.learn(no, name);
        Ok(no)
    }

    /// The number of the host that this is.
    pub(super) fn own_host(&mut self, conn: &Connection) -> rusqlite::Result<i64> {
        self.host(conn, crate::host::name())
    }

    /// The number of a host, which is added if it is new.
    pub(super) fn host(&mut self, conn: &Connection, name: &str) -> rusqlite::Result<i64> {
        if let Some(no) = self.hosts.by_name.get(name) {
            return Ok(*no);
        }
        let known = conn.prepare_cached(HOST_NO)?.query_row([name], |r| r.get(0)).optional()?;
        let no = match known {
            Some(no) => no,
            None => conn.prepare_cached(NEW_HOST)?.query_row([name], |r| r.get(0))?,
        };
        self.hosts.learn(no, name);
        Ok(no)
    }

    /// The name of a kind.
    pub(super) fn kind_name(&mut self, conn: &Connection, no: i64) -> rusqlite::Result<Arc<str>> {
        if let Some(name) = self.kinds.by_no.get(&no) {
            return Ok(name.clone());
        }
        let name: String = conn.prepare_cached(KIND_NAME)?.query_row([no], |r| r.get(0))?;
        Ok(self.kinds.learn(no, &name))
    }

    /// The number of a queue; `None` if there is none of that name.
    pub(super) fn queue(&mut self, conn: &Connection, name: &str) -> rusqlite::Result<Option<i64>> {
        if let Some(no) = self.queues.by_name.get(name) {
            return Ok(Some(*no));
        }
        let known = conn.prepare_cached(QUEUE_NO)?.query_row([name], |r| r.get(0)).optional()?;
        if let Some(no) = known {
            self.queues.learn(no, name);
        }
        Ok(known)
    }

    /// The number of a queue, which is created with defaults if it is new. Says whether it was.
    pub(super) fn queue_or_new(
        &mut self,
        conn: &Connection,
        name: &str,
        workers: u32,
    ) -> rusqlite::Result<(i64, bool)> {
        if let Some(no) = self.queue(conn, name)? {
            return Ok((no, false));
        }
        let values = rusqlite::params![
            name,
            workers,
            micros(BACKOFF_BASE),
            micros(BACKOFF_MAX),
            micros(DONE_RETENTION),
            micros(DEAD_RETENTION)
        ];
        let no = conn.prepare_cached(NEW_QUEUE)?.query_row(values, |r| r.get(0))?;
        self.queues.learn(no, name);
        Ok((no, true))
    }
}

/// Workers of a queue that an enqueue creates.
pub(super) const WORKERS: u32 = DEFAULT_WORKERS;
