//! What storages append in the transactions of jobs, as bytes, and what it comes to.
//!
//! A record is a tag and what belongs to it. Numbers of queues, kinds, processes and hosts have four bytes and times
//! eight, the highest first, so that SQL can write them too; durations are as [`push`] writes them.

use super::varint::{push, push_signed};
use crate::{DeadReason, Timing};
use std::time::Duration;

/// The records that follow happened at this time.
pub(super) const AT: u8 = 0x00;
/// They are of this process.
pub(super) const PROCESS: u8 = 0x01;
/// They are of this host.
pub(super) const HOST: u8 = 0x02;
/// So many jobs of a queue and kind came in.
pub(super) const ENQUEUED: u8 = 0x10;
/// An attempt ended; the low half is how ([`Outcome`]).
pub(super) const ENDED: u8 = 0x20;
/// The same of a job of the same queue and kind as in the record of an end before it. When it was claimed is told as the
/// difference to that one, and when it came in as the difference to when it was due.
pub(super) const ENDED_TOO: u8 = 0x30;
/// A job died without an attempt that ended; the low half is of what.
pub(super) const DIED: u8 = 0x40;
/// The process of an attempt died.
pub(super) const CRASHED: u8 = 0x50;

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done,
    Retried,
    Throttled,
    Dead(DeadReason),
}

impl Outcome {
    fn low(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Retried => 1,
            Self::Throttled => 2,
            Self::Dead(reason) => 3 + number(reason),
        }
    }

    pub(super) fn of(low: u8) -> Option<Self> {
        Some(match low {
            0 => Self::Done,
            1 => Self::Retried,
            2 => Self::Throttled,
            n => Self::Dead(*DeadReason::ALL.get(usize::from(n - 3))?),
        })
    }
}

pub(super) fn number(reason: DeadReason) -> u8 {
    DeadReason::ALL.iter().position(|r| *r == reason).and_then(|at| u8::try_from(at).ok()).unwrap_or(0)
}

/// What a claim knows of a job that its end will tell of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Claim {
    pub(crate) queue: i64,
    pub(crate) kind: i64,
    pub(crate) claimed_at: i64,
    pub(crate) due_at: i64,
    pub(crate) created_at: i64,
}

/// Where something happens.
#[cfg_attr(
    not(feature = "sqlite"),
    allow(dead_code, reason = "on Postgres functions of the schema write the rest")
)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In this process.
    Process(i64),
    /// On this host.
    Host(i64),
}

/// Writes records.
#[cfg_attr(
    not(feature = "sqlite"),
    allow(dead_code, reason = "on Postgres functions of the schema write the rest")
)]
#[derive(Clone, Debug, Default)]
pub(crate) struct Tape {
    bytes: Vec<u8>,
    at: Option<i64>,
    place: Option<Place>,
    /// The last record, if it tells of jobs that came in: of which queue and kind, and where its count stands.
    open: Option<(i64, i64, usize)>,
    /// Of the last record of an end: queue and kind, and when the job was claimed.
    ended: Option<(i64, i64, i64)>,
    off: bool,
}

#[cfg_attr(
    not(feature = "sqlite"),
    allow(dead_code, reason = "on Postgres functions of the schema write the rest")
)]
impl Tape {
    /// One that keeps nothing.
    pub(crate) fn off() -> Self {
        Self { off: true, ..Self::default() }
    }

    pub(crate) const fn is_off(&self) -> bool {
        self.off
    }

    /// What was written, to be stored; `None` if nothing was.
    pub(crate) fn bytes(&self) -> Option<&[u8]> {
        (!self.bytes.is_empty()).then_some(&self.bytes[..])
    }

    /// What was written, all of it.
    #[cfg(feature = "postgres")]
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Forgets what was written.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        (self.at, self.place, self.open, self.ended) = (None, None, None, None);
    }

    /// What follows happens at this time and place.
    pub(crate) fn locate(&mut self, at: i64, place: Place) {
        if self.off {
            return;
        }
        if self.at.replace(at) != Some(at) {
            self.tag(AT);
            self.bytes.extend(at.to_be_bytes());
        }
        self.locate_in(place);
    }

    /// What follows happens at this place, at the time of the whole tape.
    pub(crate) fn locate_in(&mut self, place: Place) {
        if self.place.replace(place) != Some(place) {
            let (tag, no) = match place {
                Place::Process(no) => (PROCESS, no),
                Place::Host(no) => (HOST, no),
            };
            self.tag(tag);
            self.number(no);
        }
    }

    fn tag(&mut self, tag: u8) {
        self.open = None;
        self.bytes.push(tag);
    }

    fn number(&mut self, n: i64) {
        self.bytes.extend(u32::try_from(n).unwrap_or(0).to_be_bytes());
    }

    /// Jobs of a queue and kind came in.
    pub(crate) fn enqueued(&mut self, queue: i64, kind: i64, count: u32) {
        if self.off {
            return;
        }
        if let Some((last_queue, last_kind, at)) = self.open
            && (last_queue, last_kind) == (queue, kind)
            && let Some(place) = self.bytes.get_mut(at..)
            && let Some(place) = place.first_chunk_mut::<4>()
        {
            *place = u32::from_be_bytes(*place).saturating_add(count).to_be_bytes();
            return;
        }
        self.tag(ENQUEUED);
        self.number(queue);
        self.number(kind);
        self.open = Some((queue, kind, self.bytes.len()));
        self.bytes.extend(count.to_be_bytes());
    }

    /// An attempt ended.
    pub(crate) fn ended(&mut self, outcome: Outcome, claim: &Claim, timing: Timing) {
        if self.off {
            return;
        }
        let us = |d: Duration| u64::try_from(d.as_micros()).unwrap_or(u64::MAX);
        let Claim { queue, kind, claimed_at, due_at, created_at } = *claim;
        let since = |then: i64| claimed_at.saturating_sub(then).max(0);
        let (due, created) = (since(due_at), since(created_at));
        match self.ended.replace((queue, kind, claimed_at)) {
            Some((last_queue, last_kind, last)) if (last_queue, last_kind) == (queue, kind) => {
                self.tag(ENDED_TOO | outcome.low());
                push_signed(&mut self.bytes, claimed_at.wrapping_sub(last));
                push(&mut self.bytes, due.unsigned_abs());
                push_signed(&mut self.bytes, created - due);
            }
            _ => {
                self.tag(ENDED | outcome.low());
                self.number(queue);
                self.number(kind);
                self.bytes.extend(claimed_at.to_be_bytes());
                push(&mut self.bytes, due.unsigned_abs());
                push(&mut self.bytes, created.unsigned_abs());
            }
        }
        push(&mut self.bytes, us(timing.ran_for));
        push(&mut self.bytes, us(timing.ended_ago));
    }

    /// A job died without an attempt that ended.
    pub(crate) fn died(&mut self, queue: i64, kind: i64, reason: DeadReason) {
        if self.off {
            return;
        }
        self.tag(DIED | number(reason));
        self.number(queue);
        self.number(kind);
    }

    /// The process of an attempt died.
    pub(crate) fn crashed(&mut self, queue: i64, kind: i64) {
        if self.off {
            return;
        }
        self.tag(CRASHED);
        self.number(queue);
        self.number(kind);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_of_an_end_are_those_that_sql_changes() {
        let mut tape = Tape::default();
        let claim = Claim { queue: 1, kind: 0x0203, claimed_at: 5, due_at: 4, created_at: 3 };
        let timing = Timing { ran_for: Duration::from_micros(7), ended_ago: Duration::from_micros(8) };
        tape.ended(Outcome::Dead(DeadReason::ALL[1]), &claim, timing);
        let long = [&[0x24, 0, 0, 0, 1, 0, 0, 2, 3, 0, 0, 0, 0, 0, 0, 0, 5][..], &[1, 2, 7, 8]].concat();
        assert_eq!(tape.bytes(), Some(&long[..]));
        tape.ended(Outcome::Done, &Claim { claimed_at: 4, ..claim }, timing);
        let both = [&long[..], &[0x30, 1, 0, 2, 7, 8]].concat();
        assert_eq!(tape.bytes(), Some(&both[..]));
    }
}
