//! What tapes come to: numbers of stretches of time.

use super::series::{Level, Source};
use super::tally::Tally;
use super::tape::{AT, CRASHED, DIED, ENDED, ENDED_TOO, ENQUEUED, HOST, Outcome, PROCESS, number};
use super::varint::{take, take_signed};
use crate::DeadReason;
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

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
pub(crate) struct Sums {
    /// What is played, of each minute and who it is of: each record is counted once here, and for all levels and sources
    /// when everything is played. There are a dozen of those for one of these.
    minutes: Vec<(Minute, Tally)>,
    /// Where in `minutes` one is.
    index: HashMap<Minute, usize>,
    /// Where the one that was counted last is: records of one sort follow each other.
    last: usize,
    tallies: BTreeMap<Key, Tally>,
}

/// A minute in which something happened, and whose it is: of a host, a queue and a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Minute {
    at: i64,
    host: i64,
    queue: i64,
    kind: i64,
}

impl Sums {
    /// Everything that was added up, for all levels and sources.
    pub(crate) fn into_inner(mut self) -> BTreeMap<Key, Tally> {
        for (minute, tally) in std::mem::take(&mut self.minutes) {
            let Minute { at, host, queue, kind } = minute;
            for level in Level::KEPT {
                for (source, of) in [(Source::All, 0), (Source::Queues, queue), (Source::Kinds, kind)] {
                    let key = Key { level, at: level.start_of(at), host, source, of };
                    self.tallies.entry(key).or_default().merge(&tally);
                }
            }
        }
        self.tallies
    }

    /// The tally of the minute that a time lies in.
    fn at(&mut self, (at, host, queue, kind): (i64, i64, i64, i64)) -> &mut Tally {
        let minute = Minute { at: Level::Minute.start_of(at), host, queue, kind };
        if self.minutes.get(self.last).is_none_or(|(last, _)| *last != minute) {
            self.last = *self.index.entry(minute).or_insert(self.minutes.len());
            if self.last == self.minutes.len() {
                self.minutes.push((minute, Tally::default()));
            }
        }
        &mut self.minutes[self.last].1
    }

    /// How long the first job of a queue has been waiting at a time; `None` for the queue: of all.
    pub(crate) fn oldest(&mut self, at: i64, queue: Option<i64>, waited: Duration) {
        let (source, of) = queue.map_or((Source::All, 0), |no| (Source::Queues, no));
        for level in Level::ALL {
            let key = Key { level, at: level.start_of(at), host: 0, source, of };
            let tally = self.tallies.entry(key).or_default();
            tally.oldest = tally.oldest.max(Some(waited));
        }
    }

    /// Adds up a tape that began at this time, on this host.
    pub(crate) fn play(&mut self, bytes: &[u8], at: i64, host: i64, numbers: &impl Numbers) {
        let mut head = Head { rest: bytes, at, host, ended: None };
        while head.step(self, numbers).is_some() {}
    }
}

/// Where in a tape one is.
struct Head<'a> {
    rest: &'a [u8],
    at: i64,
    host: i64,
    /// As the writer has it.
    ended: Option<(i64, i64, i64)>,
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
                sums.at(place).counts.enqueued += count;
            }
            (ENDED, low) => {
                let (queue, kind, claimed_at) = (self.number()?, self.number()?, self.time()?);
                let (due, created) = (self.duration()?, self.duration()?);
                self.ended(Outcome::of(low)?, (queue, kind, claimed_at), (due, created), sums, numbers)?;
            }
            (ENDED_TOO, low) => {
                let (queue, kind, last) = self.ended?;
                let claimed_at = last.wrapping_add(take_signed(&mut self.rest)?);
                let due = self.duration()?;
                let created = due.saturating_add(take_signed(&mut self.rest)?);
                self.ended(Outcome::of(low)?, (queue, kind, claimed_at), (due, created), sums, numbers)?;
            }
            (DIED, low) => {
                let place = self.place(numbers)?;
                let reason = usize::from(low).min(DeadReason::ALL.len() - 1);
                sums.at(place).counts.dead[reason] += 1;
            }
            (CRASHED, _) => {
                let place = self.place(numbers)?;
                sums.at(place).counts.crashed += 1;
            }
            _ => return None,
        }
        Some(())
    }

    fn place(&mut self, numbers: &impl Numbers) -> Option<(i64, i64, i64, i64)> {
        let (queue, kind) = (self.number()?, self.number()?);
        Some((self.at, self.host, numbers.queue(queue), numbers.kind(kind)))
    }

    fn ended(
        &mut self,
        outcome: Outcome,
        (queue, kind, claimed_at): (i64, i64, i64),
        (due, created): (i64, i64),
        sums: &mut Sums,
        numbers: &impl Numbers,
    ) -> Option<()> {
        self.ended = Some((queue, kind, claimed_at));
        let (host, queue, kind) = (self.host, numbers.queue(queue), numbers.kind(kind));
        let due_at = claimed_at.saturating_sub(due);
        let created_at = claimed_at.saturating_sub(created);
        let (ran, ago) = (self.duration()?, self.duration()?);
        // As the storage works out the times of the attempt.
        let ended_at = self.at.saturating_sub(ago).max(claimed_at);
        let started_at = ended_at.saturating_sub(ran).max(claimed_at);
        let between =
            |from: i64, to: i64| Duration::from_micros(to.saturating_sub(from).max(0).unsigned_abs());
        let start = sums.at((started_at, host, queue, kind));
        start.counts.started += 1;
        start.wait.record(between(due_at, started_at));
        let end = sums.at((ended_at, host, queue, kind));
        end.run.record(between(started_at, ended_at));
        match outcome {
            Outcome::Done => end.counts.done += 1,
            Outcome::Retried => end.counts.retried += 1,
            Outcome::Throttled => end.counts.throttled += 1,
            Outcome::Dead(reason) => end.counts.dead[usize::from(number(reason))] += 1,
        }
        if matches!(outcome, Outcome::Done | Outcome::Dead(_)) {
            end.total.record(between(created_at, ended_at));
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Histogram;
    use super::super::tape::{Claim, Place, Tape};
    use super::*;
    use crate::Timing;
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

    type Played = BTreeMap<Key, Tally>;

    fn get(sums: &Played, at: i64, host: i64, source: Source, of: i64) -> Tally {
        let key = Key { level: Level::Minute, at, host, source, of };
        sums.get(&key).cloned().unwrap_or_default()
    }

    fn played(tape: &Tape) -> Played {
        let mut sums = Sums::default();
        sums.play(tape.bytes().unwrap_or_default(), 0, 0, &Plain);
        sums.into_inner()
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
    fn what_is_cleared_tells_an_end_as_a_whole_again() {
        let claim = Claim { queue: 1, kind: 1, claimed_at: MINUTE, due_at: 0, created_at: 0 };
        let mut tape = Tape::default();
        tape.ended(Outcome::Done, &claim, Timing::default());
        tape.clear();
        tape.ended(Outcome::Done, &claim, Timing::default());
        assert_eq!(get(&played(&tape), MINUTE, 0, Source::All, 0).counts.done, 1);
    }

    #[test]
    fn each_record_counts_on_every_level_and_for_every_source() {
        let mut tape = Tape::default();
        // In two minutes of one stretch of five, and in two hours.
        for at in [2 * MINUTE, 3 * MINUTE, 61 * MINUTE] {
            tape.locate(at, Place::Process(1));
            tape.enqueued(1, 2, 5);
            let claim = Claim { queue: 1, kind: 2, claimed_at: at, due_at: at, created_at: at };
            tape.ended(Outcome::Done, &claim, Timing::default());
        }
        let sums = played(&tape);
        let counts = |level: Level, at: i64, source: Source, of: i64| {
            let counts = sums.get(&Key { level, at, host: 10, source, of }).map(|tally| tally.counts);
            counts.map(|counts| (counts.enqueued, counts.started, counts.done))
        };
        for (source, of) in [(Source::All, 0), (Source::Queues, 1), (Source::Kinds, 2)] {
            assert_eq!(counts(Level::Minute, 3 * MINUTE, source, of), Some((5, 1, 1)));
            assert_eq!(counts(Level::FiveMinutes, 0, source, of), Some((10, 2, 2)));
            assert_eq!(counts(Level::FiveMinutes, 60 * MINUTE, source, of), Some((5, 1, 1)));
            assert_eq!(counts(Level::Hour, 0, source, of), Some((10, 2, 2)));
            assert_eq!(counts(Level::Hour, 60 * MINUTE, source, of), Some((5, 1, 1)));
        }
        let ever: u64 =
            sums.iter().filter(|(key, _)| key.source == Source::All).map(|(_, t)| t.counts.done).sum();
        assert_eq!(ever, 3 * Level::KEPT.len() as u64, "once on each level");
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

    fn an_end() -> impl Strategy<Value = (Outcome, Claim, Timing)> {
        let outcome =
            prop_oneof![Just(Outcome::Done), Just(Outcome::Retried), Just(Outcome::Dead(DeadReason::Poison))];
        let times = prop_oneof![3 => 0..5 * MINUTE, 1 => any::<i64>()];
        let claim = (1..4_i64, 1..4_i64, [times.clone(), times.clone(), times]);
        let timing = [0..200_000_000_u64, 0..200_000_000_u64];
        (outcome, claim, timing).prop_map(
            |(outcome, (queue, kind, [claimed_at, due_at, created_at]), [ran, ago])| {
                let timing =
                    Timing { ran_for: Duration::from_micros(ran), ended_ago: Duration::from_micros(ago) };
                (outcome, Claim { queue, kind, claimed_at, due_at, created_at }, timing)
            },
        )
    }

    proptest! {
        #[test]
        fn any_bytes_are_played(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut sums = Sums::default();
            sums.play(&bytes, 0, 0, &Plain);
            sums.into_inner();
        }

        #[test]
        fn what_follows_another_end_is_told_as_well_as_what_stands_alone(ends in proptest::collection::vec((an_end(), (1..3_i64, 1..3_i64, any::<bool>())), 1..40)) {
            let (mut one, mut alone) = (Tape::default(), Sums::default());
            for ((outcome, claim, timing), (at, process, enqueued)) in &ends {
                let write = |tape: &mut Tape| {
                    tape.locate(at * MINUTE, Place::Process(*process));
                    if *enqueued {
                        tape.enqueued(claim.queue, claim.kind, 1);
                    }
                    tape.ended(*outcome, claim, *timing);
                };
                write(&mut one);
                let mut tape = Tape::default();
                write(&mut tape);
                alone.play(tape.bytes().unwrap(), 0, 0, &Plain);
            }
            prop_assert_eq!(played(&one), alone.into_inner());
        }
    }
}
