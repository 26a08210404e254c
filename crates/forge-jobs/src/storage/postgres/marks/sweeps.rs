//! How far sweeps have come. Nobody waits for what they miss, so that they simply look from the front now and then.

use super::{MANY, Memory, READS_PER_JOB, SHARE};
use std::collections::BTreeMap;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

/// How far sweeps have come.
#[derive(Default)]
pub(super) struct Sweeps {
    /// Per queue and status.
    last: BTreeMap<(i32, i16), i64>,
    /// When to look from the front again; `None`: always.
    front_at: Option<Instant>,
}

/// From which times on a sweep is to look. Lists of one length, as the function takes them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in super::super) struct SweepMarks {
    pub(in super::super) queues: Vec<i32>,
    pub(in super::super) statuses: Vec<i16>,
    pub(in super::super) times: Vec<i64>,
    pub(super) from_front: bool,
}

/// What a sweep did.
pub(in super::super) struct Swept {
    pub(in super::super) entries: u64,
    pub(in super::super) deleted: u64,
    /// The last time of what was deleted, per queue and status.
    pub(in super::super) last: Vec<((i32, i16), i64)>,
}

impl Memory {
    /// Where the next sweep is to look.
    pub(in super::super) fn for_sweep(&self) -> SweepMarks {
        let sweeps = self.sweeps.lock().unwrap_or_else(PoisonError::into_inner);
        if sweeps.front_at.is_none_or(|at| at <= Instant::now()) {
            return SweepMarks { from_front: true, ..SweepMarks::default() };
        }
        let mut marks = SweepMarks::default();
        for ((queue, status), time) in &sweeps.last {
            marks.queues.push(*queue);
            marks.statuses.push(*status);
            marks.times.push(*time);
        }
        marks
    }

    /// A sweep is over. `None`: it got no answer in time.
    pub(in super::super) fn swept(&self, from: &SweepMarks, took: Duration, swept: Option<Swept>) {
        let mut sweeps = self.sweeps.lock().unwrap_or_else(PoisonError::into_inner);
        let many = swept.as_ref().is_none_or(|s| s.entries > MANY + READS_PER_JOB * s.deleted);
        if from.from_front {
            sweeps.front_at = many.then(|| Instant::now() + took * SHARE);
            if !many {
                sweeps.last.clear();
                return;
            }
        }
        for (line, time) in swept.into_iter().flat_map(|s| s.last) {
            let last = sweeps.last.entry(line).or_insert(time);
            *last = time.max(*last);
        }
    }
}
