//! Looks for jobs that came in before the marks, apart from the calls that go on from there.

use super::changes::Effects;
use super::error::Fault;
use super::hub::{Hub, Lane};
use super::marks::{Key, Line, SHARE, Table};
use crate::storage::StorageError;
use crate::telemetry;
use std::collections::VecDeque;
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
    loop {
        hub.marks.filled().await;
        for table in [Table::Ready, Table::Deferred] {
            let lines = hub.marks.lines(table);
            if !lines.is_empty() {
                let number = hub.marks.next_step();
                let Some(entries) = round(&hub, lines.into(), number).await else { continue };
                hub.marks.round_is_over(table, number);
                if hub.marks.looked_through(table, entries) {
                    // Before the marks there may be what came in since.
                    hub.announce(Effects::ANY);
                }
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Looks through all that is before the marks once. Gives how many entries were read; `None`: it was broken off.
async fn round(hub: &Hub, mut rest: VecDeque<(Line, Key)>, number: u64) -> Option<u64> {
    let mut entries = 0;
    while !rest.is_empty() {
        let started = Instant::now();
        let piece = look(hub, &mut rest, number).await;
        let took = started.elapsed();
        let broken = match piece {
            Ok(Piece { read, found }) => {
                entries += read;
                if found > 0 {
                    // Runtimes of this process alone: it is their calls that know where to look.
                    hub.announce(Effects::ANY);
                }
                false
            }
            Err(e) => {
                telemetry::storage_failed("look_back", &e.into_storage(false));
                true
            }
        };
        tokio::time::sleep((took * (SHARE - 1)).max(PAUSE * u32::from(broken))).await;
        if broken {
            return None;
        }
    }
    Some(entries)
}

struct Piece {
    read: u64,
    found: usize,
}

/// Looks at a piece, and takes it off the rest.
async fn look(hub: &Hub, rest: &mut VecDeque<(Line, Key)>, round: u64) -> Result<Piece, Fault> {
    let rows = ask(hub, rest).await?;
    let sent = rest.len().min(LINES);
    let mut piece = Piece { read: 0, found: 0 };
    for row in &rows {
        let line = row.try_get::<_, Option<i32>>(0)?.and_then(|n| usize::try_from(n - 1).ok());
        let line = line.filter(|at| *at < sent);
        let key = |row: &Row| -> Result<Key, tokio_postgres::Error> {
            Ok((row.try_get(1)?, row.try_get::<_, Uuid>(2)?))
        };
        if row.try_get(3)? {
            let Some((line, _)) = line.and_then(|at| rest.get(at)) else { continue };
            hub.marks.found(line, key(row)?, round);
            piece.found += 1;
            continue;
        }
        piece.read = row.try_get::<_, i64>(4)?.unsigned_abs();
        rest.drain(..line.unwrap_or(sent));
        if line.is_some()
            && let Some((_, until)) = rest.front_mut()
        {
            *until = key(row)?;
        }
        return Ok(piece);
    }
    Err(StorageError::Internal { detail: "a look back without an end".into(), source: None }.into())
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
