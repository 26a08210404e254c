//! Looks for jobs that came in before the marks, apart from the calls that go on from there.

use super::changes::Effects;
use super::error::Fault;
use super::hub::{Hub, Lane};
use super::marks::{Key, Line, SHARE, Table};
use crate::storage::StorageError;
use crate::telemetry;
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;

const LOOK_BACK: &str =
    "SELECT line, due_at, id, job, read FROM {schema}.look_back($1, $2, $3, $4, $5, $6, $7)";
/// Entries that one piece reads, about: 20 ms of work.
const PIECE: i64 = 20_000;
/// Lines that one piece is sent.
const LINES: usize = 100;
/// Jobs that one piece gives at most.
const FINDS: i32 = 100;
/// Least time between two rounds.
const PAUSE: Duration = Duration::from_millis(100);

/// Looks for as long as the storage is open and there are marks.
pub(super) async fn look_back(hub: Arc<Hub>) {
    for number in 0.. {
        hub.marks.filled().await;
        for table in [Table::Ready, Table::Deferred] {
            let rest: VecDeque<_> = hub.marks.lines(table).into();
            if rest.is_empty() {
                continue;
            }
            let Some(entries) = (Round { hub: &hub, number, rest, stuck: BTreeSet::new() }).run().await
            else {
                continue;
            };
            hub.marks.round_is_over(table, number);
            if hub.marks.looked_through(table, entries) {
                // Before the marks there may be what came in since.
                hub.announce(Effects::ANY);
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// A look through all that is before the marks of a table.
struct Round<'a> {
    hub: &'a Hub,
    number: u64,
    /// What is to be looked through yet: lines, and up to where.
    rest: VecDeque<(Line, Key)>,
    /// Queues from which nobody takes what was found. The deferred jobs of all have no name.
    stuck: BTreeSet<String>,
}

struct Piece {
    read: u64,
    found: usize,
    took: Duration,
}

impl Round<'_> {
    /// Gives how many entries were read; `None`: it was broken off.
    async fn run(mut self) -> Option<u64> {
        let mut entries = 0;
        while !self.rest.is_empty() {
            match self.look().await {
                Ok(piece) => {
                    entries += piece.read;
                    if piece.found > 0 {
                        // Runtimes of this process alone: it is their calls that know where to look.
                        self.hub.announce(Effects::ANY);
                    }
                    tokio::time::sleep(piece.took * (SHARE - 1)).await;
                    self.make_room().await;
                }
                Err(e) => {
                    telemetry::storage_failed("look_back", &e.into_storage(false));
                    tokio::time::sleep(PAUSE).await;
                    return None;
                }
            }
        }
        Some(entries)
    }

    /// Where more is found than calls have taken, they have a moment to do so. Then the line is left to the next round.
    async fn make_room(&mut self) {
        let Some((line, _)) = self.rest.front().filter(|(line, _)| self.hub.marks.is_full(line)) else {
            return;
        };
        let queue = match line {
            Line::Ready { queue, .. } => queue.clone(),
            Line::Deferred { .. } => String::new(),
        };
        if self.stuck.insert(queue.clone()) {
            tokio::time::sleep(PAUSE).await;
            if !self.hub.marks.is_full(line) {
                self.stuck.remove(&queue);
                return;
            }
        }
        self.rest.pop_front();
    }

    /// Looks at a piece, and takes it off the rest.
    async fn look(&mut self) -> Result<Piece, Fault> {
        let started = Instant::now();
        let rows = ask(self.hub, &self.rest).await?;
        let sent = self.rest.len().min(LINES);
        let mut piece = Piece { read: 0, found: 0, took: started.elapsed() };
        for row in &rows {
            let line = row.try_get::<_, Option<i32>>(0)?.and_then(|n| usize::try_from(n - 1).ok());
            let line = line.filter(|at| *at < sent);
            let key = |row: &Row| -> Result<Key, tokio_postgres::Error> {
                Ok((row.try_get(1)?, row.try_get::<_, Uuid>(2)?))
            };
            if row.try_get(3)? {
                let Some((line, _)) = line.and_then(|at| self.rest.get(at)) else { continue };
                self.hub.marks.found(line, key(row)?, self.number);
                piece.found += 1;
                continue;
            }
            piece.read = row.try_get::<_, i64>(4)?.unsigned_abs();
            self.rest.drain(..line.unwrap_or(sent));
            if line.is_some()
                && let Some((_, until)) = self.rest.front_mut()
            {
                *until = key(row)?;
            }
            return Ok(piece);
        }
        Err(StorageError::Internal { detail: "a look back without an end".into(), source: None }.into())
    }
}

async fn ask(hub: &Hub, lines: &VecDeque<(Line, Key)>) -> Result<Vec<Row>, Fault> {
    let (mut queues, mut kinds, mut priorities) = (Vec::new(), Vec::new(), Vec::new());
    let (mut dues, mut ids): (Vec<i64>, Vec<Uuid>) = (Vec::new(), Vec::new());
    for (line, key) in lines.iter().take(LINES) {
        let (queue, kind, priority) = match line {
            Line::Ready { queue, kind, priority } => (Some(queue.as_str()), *kind, *priority),
            Line::Deferred { status } => (None, 0, *status),
        };
        queues.push(queue);
        kinds.push(kind);
        priorities.push(priority);
        dues.push(key.0);
        ids.push(key.1);
    }
    let params = [
        (&queues as _, Type::TEXT_ARRAY),
        (&kinds as _, Type::INT4_ARRAY),
        (&priorities as _, Type::INT2_ARRAY),
        (&dues as _, Type::INT8_ARRAY),
        (&ids as _, Type::UUID_ARRAY),
        (&FINDS as _, Type::INT4),
        (&PIECE as _, Type::INT8),
    ];
    hub.look(Lane::Read, LOOK_BACK, &params).await
}
