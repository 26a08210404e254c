//! From where on to look for jobs, while rows that are gone cannot be cleared away.
//!
//! A claim reads the pending jobs of a kind from the front. What was claimed stays in the index, dead, until it is
//! cleared away, and that waits for the oldest snapshot that anybody holds: a report that runs for an hour, a forgotten
//! transaction. Then each claim would step over everything that was claimed since. So this remembers, per queue and
//! kind, how far it has come. It only helps while looking from the front is slow; then a look from the front follows
//! after ten times the time that it takes, so that jobs which came in before the mark (more urgent ones, due earlier)
//! wait for that long at most.

use crate::storage::ClaimParams;
use crate::{ClaimedJob, Timestamp};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use uuid::Uuid;

/// Looks from the front that are quicker are not worth the trouble.
const SLOW: Duration = Duration::from_millis(25);
/// Time of looks from the front, as a share of all time, at most: one in so many.
const SHARE: u32 = 10;

type Key = (i16, i64, Uuid);

#[derive(Default)]
pub(super) struct Memory {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    seen: HashMap<(String, i32), Key>,
    /// When to look from the front again; `None`: always.
    front_at: Option<Instant>,
    /// What the last look from the front took.
    front_took: Duration,
}

/// Keys as a claim sends them.
#[derive(Default)]
pub(super) struct Marks {
    pub(super) wants: Vec<i32>,
    pub(super) kinds: Vec<i32>,
    pub(super) priorities: Vec<i16>,
    pub(super) dues: Vec<i64>,
    pub(super) ids: Vec<Uuid>,
}

impl Marks {
    /// From the front.
    pub(super) fn none() -> Self {
        Self::default()
    }

    const fn is_front(&self) -> bool {
        self.wants.is_empty()
    }
}

impl Memory {
    /// From where on the next claim is to look.
    pub(super) fn to_start_from(&self, params: &ClaimParams) -> Marks {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let mut marks = Marks::default();
        if inner.front_at.is_none_or(|at| at <= Instant::now()) {
            return marks;
        }
        for (at, want) in params.wants.iter().enumerate() {
            for ((_, kind), key) in inner.seen.iter().filter(|((queue, _), _)| *queue == want.queue) {
                marks.wants.push(i32::try_from(at + 1).unwrap_or(i32::MAX));
                marks.kinds.push(*kind);
                marks.priorities.push(key.0);
                marks.dues.push(key.1);
                marks.ids.push(key.2);
            }
        }
        marks
    }

    /// A job was claimed: what stands before it is gone.
    pub(super) fn saw(&self, queue: &str, kind: i32, job: &ClaimedJob) {
        let key = (job.priority, Timestamp::as_micros(job.due_at), Uuid::from_bytes(*job.id.as_bytes()));
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.seen.insert((queue.to_owned(), kind), key);
    }

    /// A claim is over; `found` tells how many jobs it gave.
    pub(super) fn took(&self, from: &Marks, time: Duration, found: usize) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if from.is_front() {
            // A claim of many jobs may take its time.
            let expected = SLOW + Duration::from_micros(40) * u32::try_from(found).unwrap_or(u32::MAX);
            inner.front_took = time;
            inner.front_at = (time > expected).then(|| Instant::now() + time * SHARE);
        } else if time > inner.front_took / 2 || found == 0 {
            // No help, or everything behind the marks is taken: what else there is must stand before them.
            inner.front_at = None;
        }
    }
}
