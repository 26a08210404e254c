//! The one writing connection, on a thread of its own, and group commit.
//!
//! Callers hand over commands and await their results. The thread takes whatever waits and runs it in one
//! transaction: callers that arrive while a commit is under way share the next one, without a timer. If one command
//! fails, the group is rolled back and each runs in a transaction of its own, so that a bad one fails alone.
//!
//! Two lanes: what must not wait (heartbeats, registrations, cancels) goes first, and a group is cut after 50 ms, so
//! that a heartbeat waits for at most one group.

use super::changes::{Effects, announce};
use super::error::{Fault, commit_error, is_busy, storage_error};
use super::guards::Guards;
use super::hot::{Hot, Statements};
use super::identity::Identity;
use super::names::Names;
use super::room::Room;
use crate::Timestamp;
use crate::limits::STORAGE_CALL_LIMIT;
use crate::metrics::tape::{Place, Tape};
use crate::storage::guard::Guard;
use crate::storage::{Changes, StorageError};
use rusqlite::{Connection, Statement};
use std::cell::RefMut;
use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::{oneshot, watch};

/// Longest time that a group runs before it is committed.
const GROUP_TIME: Duration = Duration::from_millis(50);
/// Most commands of a group.
const GROUP_SIZE: usize = 1_024;
/// Another process's commits are looked for at most this often.
pub(super) const LOOK_GAP: Duration = Duration::from_millis(1);
/// The gaps of the looks that follow one in vain, in milliseconds: close where a sync mostly ends, then wide.
const NEXT_LOOKS: [u64; 3] = [2, 8, 64];

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

/// Stores what a transaction has done, in it.
pub(super) fn keep_tape(statements: &Statements<'_>, tape: &Tape) -> rusqlite::Result<()> {
    match tape.bytes() {
        Some(bytes) => statements.get(Hot::KeepTape)?.execute([bytes]).map(drop),
        None => Ok(()),
    }
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
    pub(super) fn start(
        conn: Connection,
        identity: Option<Identity>,
        guards: Guards,
        tape: Tape,
        changes: Arc<watch::Sender<Changes>>,
    ) -> Result<Self, StorageError> {
        Self::start_with(conn, identity, guards, tape, changes, STORAGE_CALL_LIMIT)
    }

    fn start_with(
        conn: Connection,
        identity: Option<Identity>,
        guards: Guards,
        tape: Tape,
        changes: Arc<watch::Sender<Changes>>,
        patience: Duration,
    ) -> Result<Self, StorageError> {
        let shared =
            Arc::new(Shared { queue: Mutex::default(), filled: Condvar::new(), commits: AtomicU64::new(0) });
        let (looked, for_thread) = (Instant::now(), shared.clone());
        let worker = move |conn: &Connection| {
            Worker {
                conn,
                statements: Statements::new(conn),
                room: Room::of(identity.as_ref().map(|i| i.file().to_owned())),
                identity,
                patience,
                guards,
                changes,
                names: Names::default(),
                tape,
                shared: for_thread,
                data_version: 0,
                settings_version: 0,
                looked,
                look_again: None,
                again: VecDeque::new(),
            }
            .run();
        };
        let spawned = std::thread::Builder::new().name("forge-sqlite".into()).spawn(move || worker(&conn));
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

struct Worker<'c> {
    conn: &'c Connection,
    statements: Statements<'c>,
    /// `None` in memory.
    identity: Option<Identity>,
    /// Longest wait for other processes' locks.
    patience: Duration,
    guards: Guards,
    changes: Arc<watch::Sender<Changes>>,
    names: Names,
    /// What the transaction under way does, for the metrics.
    tape: Tape,
    shared: Arc<Shared>,
    data_version: i64,
    /// The version of all settings when this was last looked.
    settings_version: i64,
    looked: Instant,
    /// The next wait between two looks; `None` when there is nothing to be expected.
    look_again: Option<Duration>,
    /// Members of a group that was rolled back because of another one.
    again: VecDeque<Box<dyn Command>>,
    room: Room,
}

impl Worker<'_> {
    /// The next command: what must not wait, then what had its turn before, then the rest.
    fn pop_from(queue: &mut Queue, again: &mut VecDeque<Box<dyn Command>>) -> Option<Box<dyn Command>> {
        queue.urgent.pop_front().or_else(|| again.pop_front()).or_else(|| queue.bulk.pop_front())
    }

    fn pop(&mut self) -> Option<Box<dyn Command>> {
        Self::pop_from(&mut self.shared.lock(), &mut self.again)
    }

    fn run(&mut self) {
        self.look();
        while let Some(mut first) = self.next() {
            if self.is_answered_by_a_look(&mut *first) {
                first.answer(Ok(()));
            } else {
                self.group(first);
            }
        }
    }

    /// Waits for a command; `None` when closed and nothing waits. Looks for other processes' commits in between.
    fn next(&mut self) -> Option<Box<dyn Command>> {
        loop {
            let mut queue = self.shared.lock();
            if let Some(command) = Self::pop_from(&mut queue, &mut self.again) {
                return Some(command);
            }
            if queue.closed {
                return None;
            }
            if std::mem::take(&mut queue.look) {
                self.look_again = Some(LOOK_GAP);
            }
            let Some(gap) = self.look_again else {
                drop(self.shared.filled.wait(queue));
                continue;
            };
            let wait = gap.saturating_sub(self.looked.elapsed());
            if wait.is_zero() {
                drop(queue);
                self.look();
            } else {
                drop(self.shared.filled.wait_timeout(queue, wait));
            }
        }
    }

    /// This connection's own commits do not change its data version; another process's do. The log tells of a commit
    /// when it is written, and others see it when it is on the disk: so without a change it is looked again, a few
    /// times.
    fn look(&mut self) {
        self.looked = Instant::now();
        let longer =
            |gap: Duration| NEXT_LOOKS.map(Duration::from_millis).into_iter().find(|next| *next > gap);
        self.look_again = self.look_again.and_then(longer);
        let version = self.statements.get(Hot::DataVersion).and_then(|mut s| s.query_row([], |r| r.get(0)));
        if let Ok(version) = version
            && std::mem::replace(&mut self.data_version, version) != version
        {
            self.look_again = None;
            // Those that wait for a budget ask the database, so they are told only when an edit was among it.
            let settings =
                self.statements.get(Hot::SettingsVersion).and_then(|mut s| s.query_row([], |r| r.get(0)));
            let edited = settings.is_ok_and(|now| std::mem::replace(&mut self.settings_version, now) != now);
            announce(&self.changes, if edited { Effects::ANY } else { Effects::JOBS });
        }
    }

    /// Runs commands in one transaction until none waits or the group is large enough.
    fn group(&mut self, first: Box<dyn Command>) {
        let begun = Instant::now();
        let changed_before = self.conn.total_changes();
        if let Err(e) = self.begin() {
            return self.refuse_all(first, e);
        }
        let mut effects = Effects::default();
        let mut ran: Vec<(Box<dyn Command>, Result<(), StorageError>)> = Vec::new();
        let mut next = Some(first);
        while let Some(mut command) = next {
            let written = self.conn.total_changes();
            match self.run_one(&mut *command, &mut effects) {
                Ok(()) => ran.push((command, Ok(()))),
                Err(Fault::Refused(e)) if self.conn.total_changes() == written => ran.push((command, Err(e))),
                Err(fault) => {
                    // What it wrote goes with it. It fails alone; the others form the next group, after what must not
                    // wait.
                    self.rollback();
                    self.notice(&fault);
                    self.again.extend(ran.into_iter().map(|(c, _)| c));
                    return self.each_alone([command]);
                }
            }
            let full = ran.len() >= GROUP_SIZE || begun.elapsed() >= GROUP_TIME;
            next = if full { None } else { self.pop() };
        }
        let end = self.commit(changed_before, effects);
        if end.as_ref().is_err_and(|e| !e.outcome_unknown()) && ran.len() > 1 {
            // A full disk, say, is noticed by COMMIT: what one member wrote must not fail the others.
            return self.each_alone(ran.into_iter().map(|(c, _)| c));
        }
        for (command, refused) in ran {
            let end = match &end {
                Ok(()) => Ok(()),
                Err(e) => Err(e.duplicate()),
            };
            command.answer(refused.and(end));
        }
    }

    /// No transaction can be begun. All that wait have waited as long as this one did, or nearly: each waiting anew
    /// would let the last one wait for hours.
    fn refuse_all(&mut self, first: Box<dyn Command>, error: StorageError) {
        let (urgent, bulk) = {
            let mut queue = self.shared.lock();
            (std::mem::take(&mut queue.urgent), std::mem::take(&mut queue.bulk))
        };
        for command in urgent.into_iter().chain(std::mem::take(&mut self.again)).chain(bulk) {
            command.answer(Err(error.duplicate()));
        }
        first.answer(Err(error));
    }

    /// Runs each command in a transaction of its own, as long as one can be begun.
    fn each_alone(&mut self, commands: impl IntoIterator<Item = Box<dyn Command>>) {
        let mut commands = commands.into_iter();
        while let Some(command) = commands.next() {
            let changed_before = self.conn.total_changes();
            if let Err(e) = self.begin() {
                self.again.extend(commands);
                return self.refuse_all(command, e);
            }
            self.alone(command, changed_before);
        }
    }

    /// Runs one command in the transaction that was begun for it.
    fn alone(&mut self, mut command: Box<dyn Command>, changed_before: u64) {
        let mut effects = Effects::default();
        let end = match self.run_one(&mut *command, &mut effects) {
            Ok(()) => self.commit(changed_before, effects),
            Err(fault) => {
                self.rollback();
                self.notice(&fault);
                Err(fault.into_storage())
            }
        };
        command.answer(end);
    }

    fn is_answered_by_a_look(&mut self, command: &mut dyn Command) -> bool {
        let mut effects = Effects::default();
        let mut cx = Cx {
            conn: self.conn,
            statements: &self.statements,
            names: &mut self.names,
            effects: &mut effects,
            tape: &mut self.tape,
            guards: &self.guards,
        };
        // One that panics is tried again as a write.
        std::panic::catch_unwind(AssertUnwindSafe(|| command.look(&mut cx))).unwrap_or(false)
    }

    fn run_one(&mut self, command: &mut dyn Command, effects: &mut Effects) -> Result<(), Fault> {
        let mut cx = Cx {
            conn: self.conn,
            statements: &self.statements,
            names: &mut self.names,
            effects,
            tape: &mut self.tape,
            guards: &self.guards,
        };
        std::panic::catch_unwind(AssertUnwindSafe(|| command.run(&mut cx))).unwrap_or_else(|_| {
            // What it wrote before it panicked must go: rolled back like a failed statement.
            Err(Fault::Panicked)
        })
    }

    /// Takes the write lock, waiting for other processes as long as a call may take.
    fn begin(&mut self) -> Result<(), StorageError> {
        self.room.make(self.conn);
        let deadline = Instant::now() + self.patience;
        loop {
            match self.statements.get(Hot::Begin).and_then(|mut s| s.execute([])) {
                Ok(_) => break,
                Err(e) if is_busy(&e) && Instant::now() < deadline => {}
                Err(e) => return Err(storage_error(e)),
            }
        }
        let there = self.identity.as_ref().map_or(Ok(()), Identity::check);
        if there.is_err() {
            self.rollback();
        }
        there
    }

    fn commit(&mut self, changed_before: u64, effects: Effects) -> Result<(), StorageError> {
        let kept = keep_tape(&self.statements, &self.tape);
        self.tape.clear();
        match kept.and_then(|()| self.statements.get(Hot::Commit)?.execute([])) {
            Ok(_) => {
                self.names.keep();
                if self.conn.total_changes() != changed_before {
                    self.shared.commits.fetch_add(1, Ordering::Relaxed);
                }
                announce(&self.changes, effects);
                Ok(())
            }
            Err(e) => {
                self.rollback();
                let fault = Fault::Sql(e);
                self.notice(&fault);
                match fault {
                    Fault::Sql(e) => Err(commit_error(e)),
                    other => Err(other.into_storage()),
                }
            }
        }
    }

    fn notice(&mut self, fault: &Fault) {
        if let Fault::Sql(e) = fault {
            self.room.notice(e);
        }
    }

    fn rollback(&mut self) {
        self.names.forget();
        self.tape.clear();
        // Some failures roll back by themselves.
        if !self.conn.is_autocommit() {
            // Nothing more can be done if even this fails; the next BEGIN will say so.
            let _ = self.conn.execute_batch("ROLLBACK");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::TransactionBehavior;

    /// Far above any patience of these tests, and far below what waiting in turn would take.
    const HANG: Duration = Duration::from_secs(30);

    #[tokio::test]
    async fn a_lock_that_is_never_given_up_fails_all_that_wait_and_not_one_after_the_other() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a.db");
        let conn = Connection::open(&file).unwrap();
        conn.busy_timeout(Duration::from_millis(10)).unwrap();
        let changes = Arc::new(watch::Sender::new(Changes::default()));
        let patience = Duration::from_millis(500);
        let writer =
            Writer::start_with(conn, None, Guards::default(), Tape::off(), changes, patience).unwrap();
        let mut other = Connection::open(&file).unwrap();
        let lock = other.transaction_with_behavior(TransactionBehavior::Immediate).unwrap();
        // In turn these would take 500 s.
        let calls = (0..1_000).map(|_| writer.write(Lane::Bulk, |_| Ok(())));
        let all = futures_util::future::join_all(calls);
        for result in tokio::time::timeout(HANG, all).await.expect("all are answered") {
            assert!(result.unwrap_err().is_retryable());
        }
        lock.rollback().unwrap();
        writer.write(Lane::Bulk, |_| Ok(())).await.unwrap();
    }

    #[tokio::test]
    async fn members_of_a_group_that_was_rolled_back_do_not_wait_for_a_lock_one_after_the_other() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a.db");
        let conn = Connection::open(&file).unwrap();
        conn.busy_timeout(Duration::from_millis(10)).unwrap();
        let changes = Arc::new(watch::Sender::new(Changes::default()));
        let patience = Duration::from_millis(500);
        let writer =
            Writer::start_with(conn, None, Guards::default(), Tape::off(), changes, patience).unwrap();
        let other = Arc::new(Mutex::new(Connection::open(&file).unwrap()));
        // Holds the thread until all the others wait, so that they are one group.
        let (go, gone) = std::sync::mpsc::channel::<()>();
        let gate = writer.write(Lane::Bulk, move |_| {
            let _ = gone.recv();
            Ok(())
        });
        let members =
            futures_util::future::join_all((0..1_000).map(|_| writer.write(Lane::Bulk, |_| Ok(()))));
        let thief = other.clone();
        let bad = writer.write(Lane::Bulk, move |cx| -> Result<(), Fault> {
            // The group is rolled back, and the lock is somebody else's before anything is tried again.
            cx.conn.execute_batch("ROLLBACK")?;
            thief.lock().unwrap().execute_batch("BEGIN IMMEDIATE")?;
            panic!("on purpose");
        });
        let open = async { drop(go) };
        let all = async { tokio::join!(gate, members, bad, open) };
        let (_, members, bad, ()) = tokio::time::timeout(HANG, all).await.expect("all are answered");
        assert!(bad.unwrap_err().is_retryable());
        // Those of an earlier group, if the thread was slow, are written.
        assert!(members.into_iter().filter_map(Result::err).all(|e| e.is_retryable()));
        other.lock().unwrap().execute_batch("ROLLBACK").unwrap();
        writer.write(Lane::Bulk, |_| Ok(())).await.unwrap();
    }

    #[tokio::test]
    async fn what_a_refused_command_has_written_goes_with_it() {
        let dir = tempfile::tempdir().unwrap();
        let conn = Connection::open(dir.path().join("a.db")).unwrap();
        conn.execute_batch("CREATE TABLE t (n)").unwrap();
        let changes = Arc::new(watch::Sender::new(Changes::default()));
        let writer = Writer::start(conn, None, Guards::default(), Tape::off(), changes).unwrap();
        let insert = |n: i64, refused: bool| {
            writer.write(Lane::Bulk, move |cx| {
                cx.conn.execute("INSERT INTO t VALUES (?1)", [n])?;
                if refused {
                    Err(StorageError::NotFound { what: "test", name: n.to_string() }.into())
                } else {
                    Ok(())
                }
            })
        };
        let (first, bad, last) = tokio::join!(insert(1, false), insert(2, true), insert(3, false));
        first.unwrap();
        assert!(matches!(bad, Err(StorageError::NotFound { .. })));
        last.unwrap();
        let kept = writer.write(Lane::Bulk, |cx| {
            Ok(cx
                .conn
                .query_row("SELECT group_concat(n ORDER BY n) FROM t", [], |r| r.get::<_, String>(0))?)
        });
        assert_eq!(kept.await.unwrap(), "1,3");
    }

    #[tokio::test]
    async fn a_command_that_panics_fails_alone_and_the_thread_lives_on() {
        let conn = Connection::open_in_memory().unwrap();
        conn.execute_batch("CREATE TABLE t (x)").unwrap();
        let changes = Arc::new(watch::Sender::new(Changes::default()));
        let writer = Writer::start(conn, None, Guards::default(), Tape::off(), changes).unwrap();
        let insert = |bad: bool| {
            writer.write(Lane::Bulk, move |cx| {
                cx.conn.execute("INSERT INTO t VALUES (1)", [])?;
                assert!(!bad, "on purpose");
                Ok(())
            })
        };
        let results = futures_util::future::join_all([false, false, true, false].map(insert)).await;
        let failed: Vec<_> = results.iter().map(Result::is_err).collect();
        assert_eq!(failed, [false, false, true, false]);
        let count = writer.write(Lane::Bulk, |cx| {
            Ok(cx.conn.query_row("SELECT count(*) FROM t", [], |r| r.get::<_, i64>(0))?)
        });
        assert_eq!(count.await.unwrap(), 3);
    }
}
