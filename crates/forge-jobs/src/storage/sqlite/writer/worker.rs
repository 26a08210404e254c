//! The thread that writes: takes what waits, groups it, commits, and answers.

use super::{Command, Cx, LOOK_GAP, Queue, Shared};
use crate::limits::STORAGE_CALL_LIMIT;
use crate::metrics::tape::Tape;
use crate::storage::sqlite::changes::{Effects, announce};
use crate::storage::sqlite::error::{Fault, commit_error, is_busy, storage_error};
use crate::storage::sqlite::guards::Guards;
use crate::storage::sqlite::hot::{Hot, Statements};
use crate::storage::sqlite::identity::Identity;
use crate::storage::sqlite::names::Names;
use crate::storage::sqlite::room::Room;
use crate::storage::{Changes, StorageError};
use rusqlite::Connection;
use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Longest time that a group runs before it is committed.
const GROUP_TIME: Duration = Duration::from_millis(50);
/// Most commands of a group.
const GROUP_SIZE: usize = 1_024;
/// The gaps of the looks that follow one in vain, in milliseconds: close where a sync mostly ends, then wide.
const NEXT_LOOKS: [u64; 3] = [2, 8, 64];

/// Stores what a transaction has done, in it.
pub(in crate::storage::sqlite) fn keep_tape(
    statements: &Statements<'_>,
    tape: &Tape,
) -> rusqlite::Result<()> {
    match tape.bytes() {
        Some(bytes) => statements.get(Hot::KeepTape)?.execute([bytes]).map(drop),
        None => Ok(()),
    }
}

/// What the thread is started with.
pub(in crate::storage::sqlite) struct Setup {
    /// `None` in memory.
    identity: Option<Identity>,
    guards: Guards,
    /// Where it counts what transactions do.
    tape: Tape,
    changes: Arc<watch::Sender<Changes>>,
    /// Longest wait for other processes' locks.
    pub(super) patience: Duration,
}

impl Setup {
    /// With the patience that every call of a storage has.
    pub(in crate::storage::sqlite) const fn new(
        identity: Option<Identity>,
        guards: Guards,
        tape: Tape,
        changes: Arc<watch::Sender<Changes>>,
    ) -> Self {
        Self { identity, guards, tape, changes, patience: STORAGE_CALL_LIMIT }
    }
}

/// The thread.
pub(super) struct Worker<'c> {
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

impl<'c> Worker<'c> {
    pub(super) fn new(conn: &'c Connection, setup: Setup, shared: Arc<Shared>) -> Self {
        let Setup { identity, guards, tape, changes, patience } = setup;
        Self {
            conn,
            statements: Statements::new(conn),
            room: Room::of(identity.as_ref().map(|i| i.file().to_owned())),
            identity,
            patience,
            guards,
            changes,
            names: Names::default(),
            tape,
            shared,
            data_version: 0,
            settings_version: 0,
            looked: Instant::now(),
            look_again: None,
            again: VecDeque::new(),
        }
    }

    /// Until the writer is dropped and nothing waits.
    pub(super) fn run(&mut self) {
        self.look();
        while let Some(mut first) = self.next() {
            if self.is_answered_by_a_look(&mut *first) {
                first.answer(Ok(()));
            } else {
                self.group(first);
            }
        }
    }

    /// The next command: what must not wait, then what had its turn before, then the rest.
    fn pop_from(queue: &mut Queue, again: &mut VecDeque<Box<dyn Command>>) -> Option<Box<dyn Command>> {
        queue.urgent.pop_front().or_else(|| again.pop_front()).or_else(|| queue.bulk.pop_front())
    }

    fn pop(&mut self) -> Option<Box<dyn Command>> {
        Self::pop_from(&mut self.shared.lock(), &mut self.again)
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
