//! Statements of the hot path, prepared once for the writing connection. To find one again by its text takes as long
//! as to run it, and each job takes several.

use super::{claim, enqueue, finish, looks, metrics, queues, state};
use rusqlite::{Connection, Statement};
use std::cell::{OnceCell, RefCell, RefMut};

macro_rules! statements {
    ($($name:ident = $text:expr),+ $(,)?) => {
        /// A statement of the hot path.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Hot {
            $($name),+
        }

        impl Hot {
            fn text(self) -> &'static str {
                match self {
                    $(Self::$name => $text),+
                }
            }
        }

        const COUNT: usize = [$(Hot::$name),+].len();
    };
}

statements! {
    Begin = "BEGIN IMMEDIATE",
    Commit = "COMMIT",
    DataVersion = "PRAGMA data_version",
    LookClaim = looks::CLAIM,
    LookPromote = looks::PROMOTE,
    LookSweep = looks::SWEEP,
    LookReap = looks::REAP,
    Insert = enqueue::INSERT,
    InsertMany = &enqueue::INSERT_MANY,
    PutReady = state::PUT_READY,
    PutReadyMany = &enqueue::PUT_READY_MANY,
    AnyReady = claim::ANY_READY,
    Registered = claim::PROCESS,
    SettingsVersion = queues::VERSION,
    IsPaused = claim::IS_PAUSED,
    NextKind = claim::NEXT_KIND,
    NextClaim = claim::NEXT_CLAIM,
    Piece = claim::PIECE,
    TakeReady = claim::TAKE,
    Run = claim::RUN,
    Process = finish::PROCESS,
    Claim = finish::CLAIM,
    TakeRunning = state::TAKE_RUNNING,
    TakeClaim = finish::TAKE_CLAIM,
    PutFinished = state::PUT_FINISHED,
    KeepTape = metrics::KEEP_TAPE,
}

/// The statements of one connection, each prepared when it is first needed.
pub(super) struct Statements<'c> {
    conn: &'c Connection,
    prepared: [OnceCell<RefCell<Statement<'c>>>; COUNT],
}

impl<'c> Statements<'c> {
    pub(super) const fn new(conn: &'c Connection) -> Self {
        Self { conn, prepared: [const { OnceCell::new() }; COUNT] }
    }

    /// The statement, to be run. One is not run while it is being run.
    pub(super) fn get(&self, which: Hot) -> rusqlite::Result<RefMut<'_, Statement<'c>>> {
        let slot = &self.prepared[which as usize];
        if let Some(statement) = slot.get() {
            return Ok(statement.borrow_mut());
        }
        let statement = self.conn.prepare(which.text())?;
        Ok(slot.get_or_init(|| RefCell::new(statement)).borrow_mut())
    }
}
