//! What storages append in the transactions of jobs, as bytes, and what it comes to.
//!
//! A record is a tag and what belongs to it. Numbers of queues, kinds, processes and hosts have four bytes and times
//! eight, the highest first, so that SQL can write them too; durations are as [`push`] writes them.

use super::series::{Level, Source};
use super::tally::Tally;
use super::varint::{push, take};
use crate::{DeadReason, Timing};
use std::collections::BTreeMap;
use std::time::Duration;

/// The records that follow happened at this time.
const AT: u8 = 0x00;
/// They are of this process.
const PROCESS: u8 = 0x01;
/// They are of this host.
const HOST: u8 = 0x02;
/// So many jobs of a queue and kind came in.
const ENQUEUED: u8 = 0x10;
/// An attempt ended; the low half is how ([`Outcome`]).
const ENDED: u8 = 0x20;
/// A job died without an attempt that ended; the low half is of what.
const DIED: u8 = 0x40;
/// The process of an attempt died.
const CRASHED: u8 = 0x50;

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done,
    Retried,
    Throttled,
    Dead(DeadReason),
}

impl Outcome {
    fn tag(self) -> u8 {
        ENDED
            | match self {
                Self::Done => 0,
                Self::Retried => 1,
                Self::Throttled => 2,
                Self::Dead(reason) => 3 + number(reason),
            }
    }

    fn of(low: u8) -> Option<Self> {
        Some(match low {
            0 => Self::Done,
            1 => Self::Retried,
            2 => Self::Throttled,
            n => Self::Dead(*DeadReason::ALL.get(usize::from(n - 3))?),
        })
    }
}

fn number(reason: DeadReason) -> u8 {
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
        (self.at, self.place, self.open) = (None, None, None);
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
        self.tag(outcome.tag());
        self.number(claim.queue);
        self.number(claim.kind);
        self.bytes.extend(claim.claimed_at.to_be_bytes());
        let since = |then: i64| claim.claimed_at.saturating_sub(then).max(0).unsigned_abs();
        for n in [since(claim.due_at), since(claim.created_at), us(timing.ran_for), us(timing.ended_ago)] {
            push(&mut self.bytes, n);
        }
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

/// Whose numbers a tally has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key {
    pub(crate) level: Level,
    /// Where the stretch of time begins.
    pub(crate) at: i64,
    /// 0 for none that is known.
    pub(crate) host: i64,
    pub(crate) source: Source,
    /// Of the queue or kind; 0 for all of them, or for those that have no line of their own.
    pub(crate) of: i64,
}

/// Who has a line of their own, and where processes run.
pub(crate) trait Numbers {
    /// The host of a process; 0 if it is not known.
    fn host_of(&self, process: i64) -> i64;
    /// The number under which a queue is counted.
    fn queue(&self, no: i64) -> i64;
    /// The number under which a kind is counted.
    fn kind(&self, no: i64) -> i64;
}

/// What tapes come to.
#[derive(Debug, Default)]
pub(crate) struct Sums(BTreeMap<Key, Tally>);

impl Sums {
    pub(crate) fn into_inner(self) -> BTreeMap<Key, Tally> {
        self.0
    }

    /// Adds to the stretches of all levels that a time lies in, for all jobs, the queue and the kind.
    fn add(&mut self, (at, host, queue, kind): (i64, i64, i64, i64), what: impl Fn(&mut Tally)) {
        for level in Level::KEPT {
            for (source, of) in [(Source::All, 0), (Source::Queues, queue), (Source::Kinds, kind)] {
                let key = Key { level, at: level.start_of(at), host, source, of };
                what(self.0.entry(key).or_default());
            }
        }
    }

    /// How long the first job of a queue has been waiting at a time; `None` for the queue: of all.
    pub(crate) fn oldest(&mut self, at: i64, queue: Option<i64>, waited: Duration) {
        let (source, of) = queue.map_or((Source::All, 0), |no| (Source::Queues, no));
        for level in Level::ALL {
            let key = Key { level, at: level.start_of(at), host: 0, source, of };
            let tally = self.0.entry(key).or_default();
            tally.oldest = tally.oldest.max(Some(waited));
        }
    }

    /// Adds up a tape that began at this time, on this host.
    pub(crate) fn play(&mut self, bytes: &[u8], at: i64, host: i64, numbers: &impl Numbers) {
        let mut head = Head { rest: bytes, at, host };
        while head.step(self, numbers).is_some() {}
    }
}

/// Where in a tape one is.
struct Head<'a> {
    rest: &'a [u8],
    at: i64,
    host: i64,
}

impl Head<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (bytes, rest) = self.rest.split_first_chunk::<N>()?;
        self.rest = rest;
        Some(*bytes)
    }

    fn number(&mut self) -> Option<i64> {
        Some(u32::from_be_bytes(self.take()?).into())
    }

    fn time(&mut self) -> Option<i64> {
        Some(i64::from_be_bytes(self.take()?))
    }

    fn duration(&mut self) -> Option<i64> {
        Some(i64::try_from(take(&mut self.rest)?).unwrap_or(i64::MAX))
    }

    /// Plays a record; `None` at the end, and where the bytes make no sense.
    fn step(&mut self, sums: &mut Sums, numbers: &impl Numbers) -> Option<()> {
        let [tag] = self.take()?;
        match (tag & 0xF0, tag & 0x0F) {
            (0x00, AT) => self.at = self.time()?,
            (0x00, PROCESS) => self.host = numbers.host_of(self.number()?),
            (0x00, HOST) => self.host = self.number()?,
            (ENQUEUED, _) => {
                let place = self.place(numbers)?;
                let count = self.number()?.unsigned_abs();
                sums.add(place, |t| t.counts.enqueued += count);
            }
            (ENDED, low) => self.ended(Outcome::of(low)?, sums, numbers)?,
            (DIED, low) => {
                let place = self.place(numbers)?;
                let reason = usize::from(low).min(DeadReason::ALL.len() - 1);
                sums.add(place, |t| t.counts.dead[reason] += 1);
            }
            (CRASHED, _) => {
                let place = self.place(numbers)?;
                sums.add(place, |t| t.counts.crashed += 1);
            }
            _ => return None,
        }
        Some(())
    }

    fn place(&mut self, numbers: &impl Numbers) -> Option<(i64, i64, i64, i64)> {
        let (queue, kind) = (self.number()?, self.number()?);
        Some((self.at, self.host, numbers.queue(queue), numbers.kind(kind)))
    }

    fn ended(&mut self, outcome: Outcome, sums: &mut Sums, numbers: &impl Numbers) -> Option<()> {
        let (_, host, queue, kind) = self.place(numbers)?;
        let claimed_at = self.time()?;
        let due_at = claimed_at.saturating_sub(self.duration()?);
        let created_at = claimed_at.saturating_sub(self.duration()?);
        let (ran, ago) = (self.duration()?, self.duration()?);
        // As the storage works out the times of the attempt.
        let ended_at = self.at.saturating_sub(ago).max(claimed_at);
        let started_at = ended_at.saturating_sub(ran).max(claimed_at);
        let between =
            |from: i64, to: i64| Duration::from_micros(to.saturating_sub(from).max(0).unsigned_abs());
        sums.add((started_at, host, queue, kind), |t| {
            t.counts.started += 1;
            t.wait.record(between(due_at, started_at));
        });
        sums.add((ended_at, host, queue, kind), |t| {
            t.run.record(between(started_at, ended_at));
            match outcome {
                Outcome::Done => t.counts.done += 1,
                Outcome::Retried => t.counts.retried += 1,
                Outcome::Throttled => t.counts.throttled += 1,
                Outcome::Dead(reason) => t.counts.dead[usize::from(number(reason))] += 1,
            }
            if matches!(outcome, Outcome::Done | Outcome::Dead(_)) {
                t.total.record(between(created_at, ended_at));
            }
        });
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Histogram;
    use super::*;
    use proptest::prelude::*;

    struct Plain;

    impl Numbers for Plain {
        fn host_of(&self, process: i64) -> i64 {
            process * 10
        }
        fn queue(&self, no: i64) -> i64 {
            no
        }
        fn kind(&self, no: i64) -> i64 {
            if no <= 2 { no } else { 0 }
        }
    }

    const MINUTE: i64 = 60_000_000;

    fn get(sums: &Sums, at: i64, host: i64, source: Source, of: i64) -> Tally {
        let key = Key { level: Level::Minute, at, host, source, of };
        sums.0.get(&key).cloned().unwrap_or_default()
    }

    fn played(tape: &Tape) -> Sums {
        let mut sums = Sums::default();
        sums.play(tape.bytes().unwrap_or_default(), 0, 0, &Plain);
        sums
    }

    #[test]
    fn an_attempt_counts_where_it_starts_and_where_it_ends() {
        let mut tape = Tape::default();
        tape.locate(3 * MINUTE + 5, Place::Process(7));
        let claim = Claim { queue: 1, kind: 2, claimed_at: MINUTE, due_at: MINUTE - 40, created_at: 0 };
        let timing = Timing { ran_for: Duration::from_secs(90), ended_ago: Duration::from_micros(4) };
        tape.ended(Outcome::Done, &claim, timing);
        let sums = played(&tape);
        let ended = 3 * MINUTE + 1;
        let start = get(&sums, MINUTE, 70, Source::Queues, 1);
        assert_eq!((start.counts.started, start.counts.done), (1, 0));
        let waited = Duration::from_micros((ended - 90_000_000 - (MINUTE - 40)).unsigned_abs());
        assert_eq!(start.wait, Histogram::from_iter([waited]));
        let end = get(&sums, 3 * MINUTE, 70, Source::Kinds, 2);
        assert_eq!((end.counts.started, end.counts.done), (0, 1));
        assert_eq!(end.run, Histogram::from_iter([timing.ran_for]));
        assert_eq!(end.total, Histogram::from_iter([Duration::from_micros(ended.unsigned_abs())]));
    }

    #[test]
    fn an_attempt_never_starts_before_its_claim() {
        let mut tape = Tape::default();
        tape.locate(1_000, Place::Host(0));
        let claim = Claim { queue: 1, kind: 1, claimed_at: 1_000, due_at: 1_000, created_at: 1_000 };
        let timing = Timing { ran_for: Duration::from_secs(9), ended_ago: Duration::from_secs(9) };
        tape.ended(Outcome::Retried, &claim, timing);
        let all = get(&played(&tape), 0, 0, Source::All, 0);
        assert_eq!(
            (all.wait.quantile(1.0), all.run.quantile(1.0)),
            (Some(Duration::ZERO), Some(Duration::ZERO))
        );
        assert!(all.total.is_empty());
        assert_eq!(all.counts.retried, 1);
    }

    #[test]
    fn kinds_without_a_line_of_their_own_are_counted_together() {
        let mut tape = Tape::default();
        tape.locate_in(Place::Host(4));
        for kind in 1..=5 {
            tape.enqueued(9, kind, 10);
        }
        let sums = played(&tape);
        assert_eq!(get(&sums, 0, 4, Source::Kinds, 0).counts.enqueued, 30);
        assert_eq!(get(&sums, 0, 4, Source::Kinds, 2).counts.enqueued, 10);
        assert_eq!(get(&sums, 0, 4, Source::Queues, 9).counts.enqueued, 50);
        assert_eq!(get(&sums, 0, 4, Source::All, 0).counts.enqueued, 50);
    }

    #[test]
    fn deaths_and_crashes_are_told_apart() {
        let mut tape = Tape::default();
        tape.died(1, 1, DeadReason::Cancelled);
        tape.crashed(1, 1);
        let claim = Claim { queue: 1, kind: 1, claimed_at: 0, due_at: 0, created_at: 0 };
        for reason in DeadReason::ALL {
            tape.ended(Outcome::Dead(reason), &claim, Timing::default());
        }
        let all = get(&played(&tape), 0, 0, Source::All, 0).counts;
        assert_eq!((all.crashed, all.started, all.dead_in_all()), (1, 5, 6));
        assert_eq!(all.dead_of(DeadReason::Cancelled), 2);
    }

    #[test]
    fn what_is_cleared_says_again_where_it_is() {
        let mut tape = Tape::default();
        tape.locate(MINUTE, Place::Process(1));
        tape.enqueued(1, 1, 1);
        tape.clear();
        tape.locate(MINUTE, Place::Process(1));
        tape.enqueued(1, 1, 1);
        let once = tape.bytes().unwrap().len();
        tape.enqueued(1, 1, 6);
        assert_eq!(tape.bytes().unwrap().len(), once, "jobs of one sort are one record");
        assert_eq!(get(&played(&tape), MINUTE, 10, Source::All, 0).counts.enqueued, 7);
    }

    #[test]
    fn one_that_is_off_keeps_nothing() {
        let mut tape = Tape::off();
        tape.locate(1, Place::Process(1));
        tape.enqueued(1, 1, 1);
        tape.crashed(1, 1);
        tape.died(1, 1, DeadReason::Poison);
        let claim = Claim { queue: 1, kind: 1, claimed_at: 0, due_at: 0, created_at: 0 };
        tape.ended(Outcome::Done, &claim, Timing::default());
        assert_eq!(tape.bytes(), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_played(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            Sums::default().play(&bytes, 0, 0, &Plain);
        }
    }
}
