//! The rules of what is remembered.

use super::*;
use crate::ProcessId;
use crate::storage::{ClaimMode, KindFilter};
use proptest::prelude::*;
use std::time::Duration;

/// The database's time in these tests; what is due earlier than [`TOLERANCE_US`] before may be behind a mark.
const NOW: i64 = 1_000_000_000;
const SLOW: Reading = Reading { entries: 1_000_000, now: NOW };
const QUICK: Reading = Reading { entries: 100, now: NOW };

fn key(due: i64) -> Key {
    (due, Uuid::from_u128(due.unsigned_abs().into()))
}

fn taken(kind: i32, priority: i16, due: i64) -> Taken {
    Taken { want: 0, kind, priority, key: key(due) }
}

fn line(kind: i32, priority: i16) -> Line {
    Line::Ready { queue: "q".into(), kind, priority }
}

fn params(limit: u32) -> ClaimParams {
    let wants = vec![ClaimWant { queue: "q".into(), limit }];
    ClaimParams {
        process: ProcessId::new(),
        wants,
        kinds: KindFilter::Any,
        mode: ClaimMode::Ordinary,
        now: None,
    }
}

/// A claim that gets these jobs, all that it asked for.
fn claim(memory: &Memory, jobs: &[Taken], reading: Reading) {
    let params = params(u32::try_from(jobs.len()).unwrap());
    memory.claimed(memory.for_claim(&params), &params.wants, &claims(jobs, &[]), reading);
}

fn claims(taken: &[Taken], passed: &[(usize, i32)]) -> Claims {
    Claims { taken: taken.to_vec(), passed: passed.to_vec() }
}

/// The keys that the next claim looks up.
fn alone(memory: &Memory) -> Vec<i64> {
    spans(memory).alone.iter().map(|(_, k)| k.0).collect()
}

fn spans(memory: &Memory) -> Spans {
    memory.for_claim(&params(1))
}

/// Where a span of a kind begins and ends, both included.
fn edges(spans: &Spans, of: i32) -> Vec<((i16, Key), (i16, Key))> {
    let mut edges = Vec::new();
    for at in (0..spans.kinds.len()).filter(|at| spans.kinds[*at] == of) {
        let from = (spans.priorities[at], (spans.dues[at], spans.ids[at]));
        let to = spans.ends[at].map_or(from, |end| (end, (i64::MAX, Uuid::max())));
        edges.push((from, to));
    }
    edges
}

#[test]
fn a_claim_that_steps_over_little_is_not_remembered() {
    let memory = Memory::default();
    claim(&memory, &[taken(1, 0, 5)], QUICK);
    assert!(spans(&memory).wants.is_empty());
    // Many jobs are many reads, and none of them is a step over a dead one.
    let many: Vec<_> = (0..1_000).map(|n| taken(1, 0, n)).collect();
    claim(&memory, &many, Reading { entries: MANY + 2_000, now: NOW });
    assert!(spans(&memory).wants.is_empty());
}

#[test]
fn each_priority_of_a_kind_is_gone_on_with_from_where_it_was_left() {
    let memory = Memory::default();
    claim(&memory, &[taken(1, 0, 5), taken(1, 7, 3), taken(2, 0, 9)], SLOW);
    // Later ones are remembered without a slow call.
    claim(&memory, &[taken(1, 7, 4)], QUICK);
    let last = |priority| (priority, (i64::MAX, Uuid::max()));
    let first = (i16::MIN, FIRST);
    assert_eq!(
        edges(&spans(&memory), 1),
        [(first, last(-1)), ((0, key(5)), last(6)), ((7, key(4)), last(i16::MAX))]
    );
    assert_eq!(edges(&spans(&memory), 2), [(first, last(-1)), ((0, key(9)), last(i16::MAX))]);
}

#[test]
fn marks_never_go_back() {
    let memory = Memory::default();
    claim(&memory, &[taken(1, 0, 50)], SLOW);
    claim(&memory, &[taken(1, 0, 20)], SLOW);
    assert_eq!(memory.lines(Table::Ready), [(line(1, 0), key(50))]);
}

#[test]
fn what_is_committed_soon_after_it_is_due_is_never_behind_a_mark() {
    let memory = Memory::default();
    claim(&memory, &[taken(1, 0, NOW - 5)], SLOW);
    memory.promoted(&DeferredSpans::default(), (1, 1), [(3, Some(key(NOW - 5))), (1, None)], SLOW);
    let mark = (NOW - TOLERANCE_US, Uuid::nil());
    assert_eq!(memory.lines(Table::Ready), [(line(1, 0), mark)]);
    assert_eq!(memory.lines(Table::Deferred), [(Line::Deferred { status: 3 }, mark)]);
}

#[test]
fn what_was_found_before_a_mark_is_looked_up_until_a_claim_has_taken_it() {
    let memory = Memory::default();
    claim(&memory, &[taken(1, 0, 50), taken(1, 3, 50)], SLOW);
    memory.found(&line(1, 0), key(7), 1);
    memory.found(&line(1, 3), key(8), 1);
    memory.found(&line(1, 3), key(9), 1);
    assert_eq!(alone(&memory), [7, 8, 9]);
    // A claim of one gets the first; the second was not looked at.
    claim(&memory, &[taken(1, 0, 7)], QUICK);
    assert_eq!(alone(&memory), [8, 9]);
    // One that gets nothing may not have looked: its queue is paused, or at its bound.
    claim(&memory, &[], QUICK);
    assert_eq!(alone(&memory), [8, 9]);
    // One that gets a later job of the kind has found the first ones gone.
    claim(&memory, &[taken(2, 9, 70)], QUICK);
    assert_eq!(alone(&memory), [8, 9]);
    claim(&memory, &[taken(1, 3, 9)], QUICK);
    assert!(alone(&memory).is_empty());
    assert_eq!(memory.lines(Table::Ready)[0].1, key(50));
}

#[test]
fn what_a_round_does_not_find_again_is_gone() {
    let memory = Memory::default();
    claim(&memory, &[taken(1, 0, 50)], SLOW);
    memory.found(&line(1, 0), key(7), 1);
    memory.found(&line(1, 0), key(8), 1);
    memory.round_is_over(Table::Ready, 1);
    memory.found(&line(1, 0), key(8), 2);
    memory.round_is_over(Table::Deferred, 2);
    assert_eq!(alone(&memory), [7, 8]);
    memory.round_is_over(Table::Ready, 2);
    assert_eq!(alone(&memory), [8]);
}

#[test]
fn of_a_line_and_in_a_call_so_much_is_looked_up_and_no_more() {
    let memory = Memory::default();
    let most = i64::try_from(MAX_FOUND).unwrap();
    let priorities = i16::try_from(MAX_ALONE / MAX_FOUND).unwrap() + 1;
    for priority in 0..priorities {
        claim(&memory, &[taken(1, priority, 5_000)], SLOW);
    }
    for priority in 0..priorities {
        for due in 0..most {
            assert!(!memory.is_full(&line(1, priority)));
            memory.found(&line(1, priority), key(1_000 - due), 1);
        }
        memory.found(&line(1, priority), key(0), 1);
        assert!(memory.is_full(&line(1, priority)));
    }
    // The most urgent first, and nothing of the last line.
    let looked_up = spans(&memory).alone;
    assert_eq!(looked_up.len(), MAX_ALONE);
    assert!(looked_up.iter().all(|(l, _)| *l != line(1, priorities - 1)));
    // What is taken makes room.
    claim(&memory, &[taken(1, 0, 1_000)], QUICK);
    assert!(!memory.is_full(&line(1, 0)));
    assert_eq!(spans(&memory).alone.len(), MAX_ALONE);
}

#[test]
fn a_claim_that_reads_much_in_vain_is_remembered() {
    let memory = Memory::default();
    let params = params(10);
    let end = (NOW - TOLERANCE_US, Uuid::nil());
    let in_vain = |kind, reading| {
        memory.claimed(memory.for_claim(&params), &params.wants, &claims(&[], &[(0, kind)]), reading);
    };
    in_vain(1, QUICK);
    assert_eq!(memory.lines(Table::Ready), []);
    in_vain(1, SLOW);
    assert_eq!(memory.lines(Table::Ready), [(line(1, USUAL), end)]);
    // All that is known of a kind has been looked through.
    claim(&memory, &[taken(2, -7, 5), taken(2, 7, 5)], SLOW);
    in_vain(2, SLOW);
    let lines = [(line(1, USUAL), end), (line(2, -7), end), (line(2, 7), end)];
    assert_eq!(memory.lines(Table::Ready), lines);
}

#[test]
fn a_promotion_that_reads_much_in_vain_is_remembered() {
    let memory = Memory::default();
    let nothing = [(3, None), (1, None)];
    memory.promoted(&memory.for_promotion(), (0, 10), nothing, QUICK);
    assert_eq!(memory.lines(Table::Deferred), []);
    memory.promoted(&memory.for_promotion(), (0, 10), nothing, SLOW);
    let end = (NOW - TOLERANCE_US, Uuid::nil());
    let lines = [1, 3].map(|status| (Line::Deferred { status }, end));
    assert_eq!(memory.lines(Table::Deferred), lines);
}

#[test]
fn what_was_found_before_the_mark_of_a_status_is_looked_up_until_it_is_promoted() {
    let memory = Memory::default();
    let promote = |count, last: Option<i64>, reading| {
        let last = [(3, last.map(key)), (1, None)];
        memory.promoted(&memory.for_promotion(), (count, 2), last, reading);
    };
    promote(2, Some(50), SLOW);
    for due in [5, 6, 7] {
        memory.found(&Line::Deferred { status: 3 }, key(due), 1);
    }
    assert_eq!(memory.for_promotion().dues, [5, 6, 7, 50]);
    assert_eq!(memory.for_promotion().alone, [true, true, true, false]);
    promote(2, Some(6), QUICK);
    assert_eq!(memory.for_promotion().dues, [7, 50]);
    promote(1, Some(7), QUICK);
    assert_eq!(memory.for_promotion().dues, [50]);
}

#[test]
fn with_little_left_to_step_over_calls_look_from_the_front_again() {
    let memory = Memory::default();
    claim(&memory, &[taken(1, 0, 50)], SLOW);
    memory.promoted(&DeferredSpans::default(), (1, 1), [(3, Some(key(50))), (1, Some(key(60)))], SLOW);
    assert!(!memory.looked_through(Table::Ready, MANY));
    assert!(memory.looked_through(Table::Deferred, 10));
    assert!(memory.for_promotion().statuses.is_empty());
    assert_eq!(memory.lines(Table::Ready).len(), 1);
    assert!(memory.looked_through(Table::Ready, 10));
    assert!(spans(&memory).wants.is_empty());
}

#[test]
fn memory_is_bounded_and_keeps_the_lines_with_the_most_to_step_over() {
    let memory = Memory::default();
    for _ in 0..3 {
        claim(&memory, &[taken(1, 30_000, 1)], SLOW);
    }
    for priority in 0..20_000 {
        claim(&memory, &[taken(1, priority, 1)], SLOW);
    }
    assert_eq!(memory.lines(Table::Ready).len(), MAX_PRIORITIES);
    assert!(memory.lines(Table::Ready).contains(&(line(1, 30_000), key(1))));
    for kind in 2..5_000 {
        claim(&memory, &[taken(kind, 0, 1)], SLOW);
    }
    assert_eq!(memory.lines(Table::Ready).len(), MAX_LINES);
    assert!(memory.lines(Table::Ready).contains(&(line(1, 30_000), key(1))));
    // Of a line that is not remembered nothing is found: it is looked through from its front.
    claim(&memory, &[taken(6_000, 0, 1)], SLOW);
    let forgotten = line(6_001, 0);
    memory.found(&forgotten, key(1), 1);
    assert!(spans(&memory).alone.iter().all(|(l, _)| *l != forgotten));
}

#[test]
fn the_wait_for_a_first_mark_is_over_with_it() {
    let memory = Memory::default();
    let mut filled = asking(memory.filled());
    assert!(!filled());
    claim(&memory, &[taken(1, 0, 1)], SLOW);
    assert!(filled());
}

/// Says whether a future is done, each time it is asked.
fn asking<'a>(future: impl Future<Output = ()> + 'a) -> impl FnMut() -> bool + 'a {
    let mut future = Box::pin(future);
    move || {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        future.as_mut().poll(&mut context).is_ready()
    }
}

#[test]
fn a_sweep_goes_on_from_where_the_last_one_came_to_while_looking_from_the_front_takes_long() {
    let memory = Memory::default();
    let hour = Duration::from_secs(3_600);
    let swept = |entries, time| Some(Swept { entries, deleted: 1, last: vec![((1, 4), time)] });
    memory.swept(&memory.for_sweep(), hour, swept(10, 3));
    assert!(memory.for_sweep().from_front, "the first one was quick");
    memory.swept(&memory.for_sweep(), hour, swept(1_000_000, 5));
    memory.swept(&memory.for_sweep(), hour, swept(10, 9));
    let next = memory.for_sweep();
    assert_eq!((next.queues, next.statuses, next.times), (vec![1], vec![4], vec![9]));
    // One that got no answer, from the front, is followed by one from where they had come to.
    let memory = Memory::default();
    memory.swept(&memory.for_sweep(), Duration::ZERO, swept(1_000_000, 5));
    let front = memory.for_sweep();
    assert!(front.from_front);
    memory.swept(&front, hour, None);
    assert_eq!(memory.for_sweep().times, [5]);
}

proptest! {
    /// The promise: wherever a job comes in, the next claim looks there, unless it is before the mark of its line, and
    /// there looks back go.
    #[test]
    fn a_job_is_looked_for_once_by_a_claim_or_by_looks_back(
        claims in prop::collection::vec((1..3_i32, -300..300_i16, 0..1_000_i64, any::<bool>()), 1..400),
        extremes in prop::collection::vec(prop::sample::select(vec![i16::MIN, i16::MAX]), 0..3),
        finds in prop::collection::vec((0..1_000_i64, any::<prop::sample::Index>()), 0..20),
        jobs in prop::collection::vec((1..3_i32, -310..310_i16, 0..1_000_i64), 1..50),
    ) {
        let memory = Memory::default();
        for (kind, priority, due, slow) in claims {
            claim(&memory, &[taken(kind, priority, due)], if slow { SLOW } else { QUICK });
        }
        for priority in extremes {
            claim(&memory, &[taken(1, priority, 5)], SLOW);
        }
        let lines = memory.lines(Table::Ready);
        let mut found = Vec::new();
        for (due, at) in finds {
            if let Some((line, mark)) = (!lines.is_empty()).then(|| at.get(&lines))
                && key(due) < *mark
            {
                memory.found(line, key(due), 1);
                found.push((line.clone(), key(due)));
            }
        }
        let spans = spans(&memory);
        for kind in 1..3 {
            let edges = edges(&spans, kind);
            prop_assert!(edges.iter().all(|(from, to)| from <= to));
            prop_assert!(edges.windows(2).all(|w| w[0].1 < w[1].0), "in claim order, and none twice: {edges:?}");
        }
        for (kind, priority, due) in jobs {
            let edges = edges(&spans, kind);
            let at = (priority, key(due));
            // A kind without a span is looked through from its front.
            let claimed = edges.is_empty() || edges.iter().any(|(from, to)| (from..=to).contains(&&at));
            let behind = lines.iter().any(|(l, mark)| *l == line(kind, priority) && key(due) < *mark);
            let known = found.contains(&(line(kind, priority), key(due)));
            prop_assert_eq!(claimed, !behind || known);
        }
    }
}
