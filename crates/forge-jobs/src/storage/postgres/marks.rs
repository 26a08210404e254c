//! Where to look for jobs while rows that are gone cannot be cleared away.
//!
//! Claims, promotions and sweeps read an index from its front. What they took stays in there, dead, until it is cleared
//! away, and that waits for the oldest snapshot that anybody holds: a report that runs for an hour, a forgotten
//! transaction. Then each call would step over everything that was taken since. So, once a call has stepped over many,
//! this remembers how far calls have come in each line: the jobs of a queue, a kind and a priority, or the deferred ones
//! of a status. What is not remembered is looked through from its front, always.
//!
//! A job may come in before a mark: one handed back, one whose transaction took its time, one due in the past. What is
//! committed within [`TOLERANCE`] of its due time is never behind a mark. For the rest [`look_back`](super::look_back)
//! looks, apart from the calls, in pieces that take no more than one part in [`SHARE`] of all time. What it finds is
//! looked up by its key with the next calls. So a job waits for at most [`SHARE`] times what it takes to look through
//! everything before the marks. What was found and is not found again in the next round is gone: somebody else has taken
//! it. Where more is found than calls take, the rest is left to the next round: so nobody waits for a queue that is
//! paused. The marks are forgotten once there is little to step over again.
//!
//! Only this process's memory holds them: a pooler may stand before the server's sessions, and a row that is written
//! each time would be as dead as what it is to help with.

mod sweeps;
#[cfg(test)]
mod tests;

pub(super) use sweeps::Swept;

use self::sweeps::Sweeps;
use crate::storage::{ClaimParams, ClaimWant};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;
use uuid::Uuid;

/// Entries of an index that a call may step over before it is worth the trouble: about 10 ms of work.
const MANY: u64 = 10_000;
/// Entries that a call may read for each job that it takes, without having stepped over any.
const READS_PER_JOB: u64 = 4;
/// Looks at what is before the marks take one part in so many of all time.
pub(super) const SHARE: u32 = 10;
/// A mark is this long before the time of the call that set it, at least, in microseconds.
const TOLERANCE_US: i64 = 200_000;
/// Most priorities that are remembered of a queue and kind: a claim looks at each.
const MAX_PRIORITIES: usize = 128;
/// Most lines that are remembered.
const MAX_LINES: usize = 1_024;
/// Most jobs before the marks that are looked up by their keys in one call: each is a look into the index.
const MAX_ALONE: usize = 1_000;
/// So many are of each queue, however many queues there are.
const MIN_ALONE: usize = 10;
/// Most jobs before the mark of a line that are remembered until a call takes them.
const MAX_FOUND: usize = 100;
/// The priority of jobs that ask for none: where a kind that was looked through in vain is most likely to go on.
const USUAL: i16 = 0;

/// Due time and id.
pub(super) type Key = (i64, Uuid);

/// Jobs that are looked through together, in the order of their keys. The order of lines is that of claims.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Line {
    /// Pending jobs.
    Ready { queue: String, kind: i32, priority: i16 },
    /// Deferred jobs of a status: 1 scheduled, 3 retrying.
    Deferred { status: i16 },
}

/// Which of the two tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Table {
    Ready,
    Deferred,
}

impl Line {
    const fn table(&self) -> Table {
        match self {
            Self::Ready { .. } => Table::Ready,
            Self::Deferred { .. } => Table::Deferred,
        }
    }
}

#[derive(Debug)]
struct Mark {
    key: Key,
    /// Jobs taken in this line since it is remembered: so many entries there are to step over, at least.
    taken: u64,
    /// Jobs before the key that are still to be taken, with the round that found them last.
    found: BTreeMap<Key, u64>,
}

/// What a storage remembers.
#[derive(Default)]
pub(super) struct Memory {
    marks: Mutex<BTreeMap<Line, Mark>>,
    /// Told when there is a first mark.
    filled: Notify,
    sweeps: Mutex<Sweeps>,
}

/// Where a claim is to look. Lists of one length, as the function takes them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Spans {
    pub(super) wants: Vec<i32>,
    pub(super) kinds: Vec<i32>,
    pub(super) priorities: Vec<i16>,
    pub(super) dues: Vec<i64>,
    pub(super) ids: Vec<Uuid>,
    /// Up to the end of which priority; `None`: the key alone.
    pub(super) ends: Vec<Option<i16>>,
    alone: Vec<(Line, Key)>,
}

impl Spans {
    fn push(&mut self, want: i32, kind: i32, (priority, key): (i16, Key), ends: Option<i16>) {
        self.wants.push(want);
        self.kinds.push(kind);
        self.priorities.push(priority);
        self.dues.push(key.0);
        self.ids.push(key.1);
        self.ends.push(ends);
    }
}

/// Where a promotion is to look.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct DeferredSpans {
    pub(super) statuses: Vec<i16>,
    pub(super) dues: Vec<i64>,
    pub(super) ids: Vec<Uuid>,
    /// Whether it is the key alone.
    pub(super) alone: Vec<bool>,
}

/// What a call read, and the database's time then.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading {
    pub(super) entries: u64,
    pub(super) now: i64,
}

impl Reading {
    const fn stepped_over_many(self, taken: u64) -> bool {
        self.entries > MANY + READS_PER_JOB * taken
    }

    /// How far a call has come that looked through everything.
    const fn end(self) -> Key {
        (self.now.saturating_sub(TOLERANCE_US), Uuid::nil())
    }

    /// A mark behind which nothing comes in that is committed soon after it is due.
    fn mark(self, key: Key) -> Key {
        key.min(self.end())
    }
}

/// What a claim did.
#[derive(Debug, Default)]
pub(super) struct Claims {
    pub(super) taken: Vec<Taken>,
    /// Positions of wants and kinds that were looked through to their end.
    pub(super) passed: Vec<(usize, i32)>,
}

/// A job that a claim gave.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taken {
    /// The position of its want.
    pub(super) want: usize,
    pub(super) kind: i32,
    pub(super) priority: i16,
    pub(super) key: Key,
}

const FIRST: Key = (i64::MIN, Uuid::nil());

impl Memory {
    fn marks(&self) -> MutexGuard<'_, BTreeMap<Line, Mark>> {
        self.marks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where the next claim is to look.
    pub(super) fn for_claim(&self, params: &ClaimParams) -> Spans {
        let marks = self.marks();
        let mut spans = Spans::default();
        let most = (MAX_ALONE / params.wants.len().max(1)).max(MIN_ALONE);
        for (at, want) in params.wants.iter().enumerate() {
            let number = i32::try_from(at + 1).unwrap_or(i32::MAX);
            let mut lines = ready(&marks, &want.queue).peekable();
            let mut before = None;
            let mut room = most;
            while let Some((line, (kind, priority), mark)) = lines.next() {
                if before != Some(kind) && priority > i16::MIN {
                    spans.push(number, kind, (i16::MIN, FIRST), Some(priority - 1));
                }
                before = Some(kind);
                for key in mark.found.keys().take(room) {
                    spans.push(number, kind, (priority, *key), None);
                    spans.alone.push((line.clone(), *key));
                }
                room = room.saturating_sub(mark.found.len());
                // What lies between two priorities belongs to the first: nothing is left out.
                let ends = match lines.peek() {
                    Some((_, (next, upper), _)) if *next == kind => upper - 1,
                    _ => i16::MAX,
                };
                spans.push(number, kind, (priority, mark.key), Some(ends));
            }
        }
        spans
    }

    /// A claim that looked there did this.
    pub(super) fn claimed(&self, from: Spans, wants: &[ClaimWant], claims: &Claims, reading: Reading) {
        let mut marks = self.marks();
        let many = reading.stepped_over_many(claims.taken.len() as u64);
        let first = !holds(&marks, Table::Ready);
        if first && !many {
            return;
        }
        for (line, key) in from.alone {
            if was_passed(&line, key, wants, &claims.taken)
                && let Some(mark) = marks.get_mut(&line)
            {
                mark.found.remove(&key);
            }
        }
        for job in &claims.taken {
            let Some(want) = wants.get(job.want) else { continue };
            let line = Line::Ready { queue: want.queue.clone(), kind: job.kind, priority: job.priority };
            advance(&mut marks, line, reading.mark(job.key));
        }
        for (want, kind) in claims.passed.iter().filter(|_| many) {
            let Some(want) = wants.get(*want) else { continue };
            let of_kind = ready(&marks, &want.queue).filter(|(_, (of, _), _)| of == kind);
            let mut lines: Vec<_> = of_kind.map(|(line, _, _)| line.clone()).collect();
            if lines.is_empty() {
                lines.push(Line::Ready { queue: want.queue.clone(), kind: *kind, priority: USUAL });
            }
            for line in lines {
                advance(&mut marks, line, reading.end());
            }
        }
        if first && holds(&marks, Table::Ready) {
            self.filled.notify_one();
        }
    }

    /// Where the next promotion is to look.
    pub(super) fn for_promotion(&self) -> DeferredSpans {
        let mut spans = DeferredSpans::default();
        for (line, mark) in self.marks().iter().rev() {
            let Line::Deferred { status } = line else { break };
            for (key, alone) in mark.found.keys().map(|k| (k, true)).chain([(&mark.key, false)]) {
                spans.statuses.push(*status);
                spans.dues.push(key.0);
                spans.ids.push(key.1);
                spans.alone.push(alone);
            }
        }
        spans
    }

    /// A promotion that looked there has promoted so many, the last ones of each status at these keys.
    pub(super) fn promoted(
        &self,
        from: &DeferredSpans,
        (count, limit): (u32, u32),
        last: [(i16, Option<Key>); 2],
        reading: Reading,
    ) {
        let mut marks = self.marks();
        let many = reading.stepped_over_many(count.into());
        let first = !holds(&marks, Table::Deferred);
        if first && !many {
            return;
        }
        for (at, status) in from.statuses.iter().enumerate().filter(|(at, _)| from.alone[*at]) {
            let key = (from.dues[at], from.ids[at]);
            let passed = last.iter().any(|(of, last)| of == status && last.is_some_and(|last| key <= last));
            if (count < limit || passed)
                && let Some(mark) = marks.get_mut(&Line::Deferred { status: *status })
            {
                mark.found.remove(&key);
            }
        }
        for (status, last) in last {
            // With fewer than it might have promoted it looked through everything that was due.
            let key = if many && count < limit { Some(reading.end()) } else { last.map(|k| reading.mark(k)) };
            if let Some(key) = key {
                advance(&mut marks, Line::Deferred { status }, key);
            }
        }
        if first && holds(&marks, Table::Deferred) {
            self.filled.notify_one();
        }
    }

    /// Waits until there is a mark.
    pub(super) async fn filled(&self) {
        while self.marks().is_empty() {
            self.filled.notified().await;
        }
    }

    /// How far calls have come in each line of a table.
    pub(super) fn lines(&self, table: Table) -> Vec<(Line, Key)> {
        let marks = self.marks();
        marks.iter().filter(|(l, _)| l.table() == table).map(|(l, m)| (l.clone(), m.key)).collect()
    }

    /// A round found a job before the mark of its line: the next calls look it up, if there is room for it.
    pub(super) fn found(&self, line: &Line, key: Key, round: u64) {
        let mut marks = self.marks();
        // A line that was forgotten meanwhile is looked through from its front.
        let Some(mark) = marks.get_mut(line) else { return };
        if mark.found.len() < MAX_FOUND || mark.found.contains_key(&key) {
            mark.found.insert(key, round);
        }
    }

    /// Whether so much was found of a line that there is no room for more.
    pub(super) fn is_full(&self, line: &Line) -> bool {
        self.marks().get(line).is_some_and(|mark| mark.found.len() >= MAX_FOUND)
    }

    /// A round over a table has come to its end: what it did not find again is gone.
    pub(super) fn round_is_over(&self, table: Table, round: u64) {
        let mut marks = self.marks();
        let lines = marks.iter_mut().filter(|(line, _)| line.table() == table);
        lines.for_each(|(_, mark)| mark.found.retain(|_, found| *found >= round));
    }

    /// All lines of a table were looked through up to their marks; this is how many entries were read. With few left to
    /// step over, calls look from the front again; says whether they do.
    pub(super) fn looked_through(&self, table: Table, entries: u64) -> bool {
        let few = entries < MANY / 2;
        if few {
            self.marks().retain(|line, _| line.table() != table);
        }
        few
    }
}

fn holds(marks: &BTreeMap<Line, Mark>, table: Table) -> bool {
    // Those of the one table come before those of the other.
    let line = match table {
        Table::Ready => marks.keys().next(),
        Table::Deferred => marks.keys().next_back(),
    };
    line.is_some_and(|l| l.table() == table)
}

/// The lines of a queue, as claims go through them.
fn ready<'a>(
    marks: &'a BTreeMap<Line, Mark>,
    queue: &str,
) -> impl Iterator<Item = (&'a Line, (i32, i16), &'a Mark)> {
    let edge = |kind, priority| Line::Ready { queue: queue.to_owned(), kind, priority };
    marks.range(edge(i32::MIN, i16::MIN)..=edge(i32::MAX, i16::MAX)).filter_map(|(line, mark)| match line {
        Line::Ready { kind, priority, .. } => Some((line, (*kind, *priority), mark)),
        Line::Deferred { .. } => None,
    })
}

/// Whether a claim took a job, or one behind it that it came to later: then the job is gone.
fn was_passed(line: &Line, key: Key, wants: &[ClaimWant], taken: &[Taken]) -> bool {
    let Line::Ready { queue, kind, priority } = line else { return false };
    taken.iter().any(|job| {
        job.kind == *kind
            && (job.priority, job.key) >= (*priority, key)
            && wants.get(job.want).is_some_and(|w| w.queue == *queue)
    })
}

/// A call has come as far as the key: what is before it is gone.
fn advance(marks: &mut BTreeMap<Line, Mark>, line: Line, key: Key) {
    if let Some(mark) = marks.get_mut(&line) {
        mark.key = mark.key.max(key);
        mark.taken += 1;
        return;
    }
    if let Line::Ready { queue, kind, .. } = &line {
        let of_kind = ready(marks, queue).filter(|(_, (k, _), _)| k == kind);
        let of_kind: Vec<_> = of_kind.map(|(line, _, mark)| (mark.taken, line)).collect();
        let least = if of_kind.len() >= MAX_PRIORITIES {
            of_kind.into_iter().min()
        } else if marks.len() >= MAX_LINES {
            let ready = marks.iter().filter(|(line, _)| line.table() == Table::Ready);
            ready.map(|(line, mark)| (mark.taken, line)).min()
        } else {
            None
        };
        if let Some(line) = least.map(|(_, line)| line.clone()) {
            marks.remove(&line);
        }
    }
    marks.insert(line, Mark { key, taken: 1, found: BTreeMap::new() });
}
