//! The one writing connection, on a thread of its own, and group commit.
//!
//! Callers hand over commands and await their results. The thread takes whatever waits and runs it in one
//! transaction: callers that arrive while a commit is under way share the next one, without a timer. If one command
//! fails, the group is rolled back and each runs in a transaction of its own, so that a bad one fails alone.
//!
//! Two lanes: what must not wait (heartbeats, registrations, cancels) goes first, and a group is cut after 50 ms, so
//! that a heartbeat waits for at most one group.

mod worker;

#[cfg(test)]
mod tests;

pub(super) use self::worker::{Setup, keep_tape};

use self::worker::Worker;
use super::changes::Effects;
use super::error::Fault;
use super::guards::Guards;
use super::hot::{Hot, Statements};
use super::names::Names;
use crate::Timestamp;
use crate::metrics::tape::{Place, Tape};
use crate::storage::StorageError;
use crate::storage::guard::Guard;
use rusqlite::{Connection, Statement};
use std::cell::RefMut;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::oneshot;

/// Another process's commits are looked for at most this often.
pub(super) const LOOK_GAP: Duration = Duration::from_millis(1);

/// Which commands go first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lane {
    /// What must not wait: heartbeats, registrations, cancels.
    Urgent,
    /// The rest.
    Bulk,
}

/// What a command works with.
pub(super) struct Cx<'a, 'c> {
    pub(super) conn: &'c Connection,
    statements: &'a Statements<'c>,
    pub(super) names: &'a mut Names,
    pub(super) effects: &'a mut Effects,
    /// What the transaction does, for the metrics.
    pub(super) tape: &'a mut Tape,
    guards: &'a Guards,
}

impl<'a, 'c> Cx<'a, 'c> {
    /// For a connection of somebody else's, with all guards on.
    pub(super) const fn foreign(
        conn: &'c Connection,
        statements: &'a Statements<'c>,
        names: &'a mut Names,
        effects: &'a mut Effects,
        tape: &'a mut Tape,
        guards: &'a Guards,
    ) -> Self {
        Self { conn, statements, names, effects, tape, guards }
    }

    /// A statement of the hot path.
    pub(super) fn hot(&self, which: Hot) -> rusqlite::Result<RefMut<'a, Statement<'c>>> {
        self.statements.get(which)
    }

    /// What follows happens at this time in this process, for the metrics.
    pub(super) fn at_process(&mut self, now: i64, process: i64) {
        self.tape.locate(now, Place::Process(process));
    }

    /// What follows happens at this time on this host, for the metrics.
    pub(super) fn at_home(&mut self, now: i64) -> rusqlite::Result<()> {
        if !self.tape.is_off() {
            let host = self.names.own_host(self.conn)?;
            self.tape.locate(now, Place::Host(host));
        }
        Ok(())
    }

    /// Whether a guard is on: always, outside of mutation tests.
    #[cfg_attr(
        not(feature = "conformance"),
        expect(clippy::missing_const_for_fn, reason = "not const with the feature")
    )]
    pub(super) fn guards(&self, guard: Guard) -> bool {
        self.guards.on(guard)
    }
}

/// The time to act at: the caller's, or the host's, which is the database's clock here.
pub(super) fn time(now: Option<Timestamp>) -> i64 {
    now.unwrap_or_else(Timestamp::now).as_micros()
}

trait Command: Send {
    /// Looks, outside of a transaction, whether there is nothing to be written; its result is then known.
    fn look(&mut self, cx: &mut Cx<'_, '_>) -> bool;
    /// Runs it, for the first time or again after a rollback.
    fn run(&mut self, cx: &mut Cx<'_, '_>) -> Result<(), Fault>;
    /// Answers its caller.
    fn answer(self: Box<Self>, end: Result<(), StorageError>);
}

struct Task<L, F, T> {
    look: L,
    run: F,
    result: Option<T>,
    reply: oneshot::Sender<Result<T, StorageError>>,
}

impl<L, F, T> Command for Task<L, F, T>
where
    L: FnMut(&mut Cx<'_, '_>) -> Result<Option<T>, Fault> + Send,
    F: FnMut(&mut Cx<'_, '_>) -> Result<T, Fault> + Send,
    T: Send,
{
    fn look(&mut self, cx: &mut Cx<'_, '_>) -> bool {
        // One that fails is tried again as a write, which says what is wrong.
        self.result = (self.look)(cx).unwrap_or(None);
        self.result.is_some()
    }

    fn run(&mut self, cx: &mut Cx<'_, '_>) -> Result<(), Fault> {
        self.result = Some((self.run)(cx)?);
        Ok(())
    }

    fn answer(self: Box<Self>, end: Result<(), StorageError>) {
        let nothing = || StorageError::Internal { detail: "a command gave no result".into(), source: None };
        // A caller that has stopped waiting misses the answer, not the effect.
        let Self { result, reply, .. } = *self;
        let _ = reply.send(end.and_then(|()| result.ok_or_else(nothing)));
    }
}

/// Hands commands to the writing thread.
pub(super) struct Writer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    queue: Mutex<Queue>,
    filled: Condvar,
    commits: AtomicU64,
}

#[derive(Default)]
struct Queue {
    urgent: VecDeque<Box<dyn Command>>,
    bulk: VecDeque<Box<dyn Command>>,
    /// Another process may have committed.
    look: bool,
    closed: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Writer {
    /// Starts the thread.
    pub(super) fn start(conn: Connection, setup: Setup) -> Result<Self, StorageError> {
        let shared =
            Arc::new(Shared { queue: Mutex::default(), filled: Condvar::new(), commits: AtomicU64::new(0) });
        let for_thread = shared.clone();
        let run = move || Worker::new(&conn, setup, for_thread).run();
        let spawned = std::thread::Builder::new().name("forge-sqlite".into()).spawn(run);
        let thread = spawned.map_err(|e| StorageError::Internal {
            detail: "the writing thread could not be started".into(),
            source: Some(Box::new(e)),
        })?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Runs `run` in a transaction, shared with whatever else waits, and gives its result once that is committed.
    ///
    /// `run` may be called more than once, after a rollback each time. Dropping the future does not stop it.
    pub(super) async fn write<T, F>(&self, lane: Lane, run: F) -> Result<T, StorageError>
    where
        T: Send + 'static,
        F: FnMut(&mut Cx<'_, '_>) -> Result<T, Fault> + Send + 'static,
    {
        self.look_or_write(lane, |_| Ok(None), run).await
    }

    /// The same, unless `look` knows the result and nothing is to be written: then there is no transaction.
    pub(super) async fn look_or_write<T, L, F>(&self, lane: Lane, look: L, run: F) -> Result<T, StorageError>
    where
        T: Send + 'static,
        L: FnMut(&mut Cx<'_, '_>) -> Result<Option<T>, Fault> + Send + 'static,
        F: FnMut(&mut Cx<'_, '_>) -> Result<T, Fault> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let command = Box::new(Task { look, run, result: None, reply });
        {
            let mut queue = self.shared.lock();
            if queue.closed {
                return Err(StorageError::Closed);
            }
            match lane {
                Lane::Urgent => queue.urgent.push_back(command),
                Lane::Bulk => queue.bulk.push_back(command),
            }
        }
        self.shared.filled.notify_one();
        answer.await.unwrap_or(Err(StorageError::Closed))
    }

    /// A way to say that another process may have committed.
    pub(super) fn looker(&self) -> impl Fn() + Send + 'static + use<> {
        let shared = Arc::downgrade(&self.shared);
        move || {
            if let Some(shared) = shared.upgrade() {
                let first = !std::mem::replace(&mut shared.lock().look, true);
                if first {
                    shared.filled.notify_one();
                }
            }
        }
    }

    /// Transactions committed that changed something.
    pub(super) fn commits(&self) -> u64 {
        self.shared.commits.load(Ordering::Relaxed)
    }
}

impl Drop for Writer {
    /// Everything that was handed over is still carried out.
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.filled.notify_one();
        if let Some(thread) = self.thread.take() {
            // It cannot panic: commands' panics are caught.
            let _ = thread.join();
        }
    }
}
