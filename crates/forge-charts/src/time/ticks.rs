//! Ticks that fall on round local times.

use super::civil::{DAY_SECONDS, month_start};
use super::label::tick_label;
use super::zone::Zone;
use crate::num::wide;
use crate::scale::MAX_TICKS;

/// A distance between ticks that people count in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Microseconds of the clock: anything below a day.
    Micros(i64),
    /// Days of the calendar. 7 and 14 begin on Mondays.
    Days(i64),
    /// Months of the calendar.
    Months(i64),
    /// Years of the calendar.
    Years(i64),
}

const SECOND: i64 = 1_000_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;

/// Every step there is, the shortest first.
const STEPS: [Step; 54] = {
    use Step::{Days, Micros, Months, Years};
    [
        Micros(1),
        Micros(2),
        Micros(5),
        Micros(10),
        Micros(20),
        Micros(50),
        Micros(100),
        Micros(200),
        Micros(500),
        Micros(1000),
        Micros(2000),
        Micros(5000),
        Micros(10_000),
        Micros(20_000),
        Micros(50_000),
        Micros(100_000),
        Micros(200_000),
        Micros(500_000),
        Micros(SECOND),
        Micros(2 * SECOND),
        Micros(5 * SECOND),
        Micros(10 * SECOND),
        Micros(15 * SECOND),
        Micros(30 * SECOND),
        Micros(MINUTE),
        Micros(2 * MINUTE),
        Micros(5 * MINUTE),
        Micros(10 * MINUTE),
        Micros(15 * MINUTE),
        Micros(30 * MINUTE),
        Micros(HOUR),
        Micros(2 * HOUR),
        Micros(3 * HOUR),
        Micros(6 * HOUR),
        Micros(12 * HOUR),
        Days(1),
        Days(2),
        Days(7),
        Days(14),
        Months(1),
        Months(2),
        Months(3),
        Months(6),
        Years(1),
        Years(2),
        Years(5),
        Years(10),
        Years(20),
        Years(50),
        Years(100),
        Years(200),
        Years(500),
        Years(1000),
        Years(2000),
    ]
};

impl Step {
    /// About how many microseconds it takes.
    #[must_use]
    pub const fn size(self) -> f64 {
        match self {
            Self::Micros(n) => wide(n),
            Self::Days(n) => wide(n) * super::DAY,
            Self::Months(n) => wide(n) * super::DAY * 30.436_875,
            Self::Years(n) => wide(n) * super::DAY * 365.2425,
        }
    }

    /// The steps that are at least this long, the shortest first.
    pub(crate) fn at_least(size: f64) -> impl Iterator<Item = Self> {
        STEPS.into_iter().filter(move |step| step.size() >= size)
    }
}

/// A tick of time with its words.
#[derive(Clone, Debug, PartialEq)]
pub struct TimeTick {
    /// When, in microseconds.
    pub at: f64,
    /// What is written below it: "14:30", "29 Nov", "Nov" or "2026".
    pub label: String,
    /// What that belongs to, where it changes and at the first tick: "29 Nov 2026" below times, "2026" below days.
    pub context: Option<String>,
    /// Whether the context changes here: a new day, or a new year.
    pub turns: bool,
}

/// The round local times of a step between two times, both included; at most [`MAX_TICKS`].
///
/// Below a day they are multiples of the step on the wall clock: where it is turned, hours may come twice or be left
/// out. Days, months and years begin when the wall clock first shows them, also where it jumps over midnight.
#[must_use]
pub fn ticks(zone: &Zone, (from, to): (f64, f64), step: Step) -> Vec<TimeTick> {
    if from.is_nan() || to.is_nan() || from > to {
        return Vec::new();
    }
    let (low, high) = (super::micros(from.ceil()), super::micros(to.floor()));
    let times = match step {
        Step::Micros(n) => clock_times(zone, low, high, n.max(1)),
        Step::Days(_) | Step::Months(_) | Step::Years(_) => calendar_times(zone, low, high, step),
    };
    let mut before = None;
    times
        .into_iter()
        .map(|at| {
            let (label, context) = tick_label(zone, wide(at), step);
            let turns = before.as_ref().is_some_and(|b| *b != context);
            let context_is_new = before.as_ref() != Some(&context);
            before = Some(context.clone());
            let context = context.filter(|_| context_is_new);
            TimeTick { at: wide(at), label, context, turns }
        })
        .collect()
}

fn clock_times(zone: &Zone, low: i64, high: i64, step: i64) -> Vec<i64> {
    let mut times = Vec::new();
    for (start, end, offset) in zone.spans(low, high) {
        let wall = start + offset;
        let mut next = wall + (-wall).rem_euclid(step) - offset;
        while next < end && times.len() < MAX_TICKS {
            times.push(next);
            next += step;
        }
    }
    times
}

fn calendar_times(zone: &Zone, low: i64, high: i64, step: Step) -> Vec<i64> {
    // The day of a number of steps, and the number at a local time.
    let day_of = |index: i64| match step {
        // 1970-01-05 was the first Monday.
        Step::Days(n) if n % 7 == 0 => 4 + index * n,
        Step::Days(n) => index * n,
        Step::Months(n) => month_start(index * n),
        Step::Years(n) => month_start(index * n * 12),
        Step::Micros(_) => index,
    };
    let civil = zone.local(wide(low));
    let months = civil.months();
    let day = (low.div_euclid(1_000_000) + i64::from(zone.offset_at(low.div_euclid(1_000_000))))
        .div_euclid(DAY_SECONDS);
    let mut index = match step {
        Step::Days(n) if n % 7 == 0 => (day - 4).div_euclid(n),
        Step::Days(n) => day.div_euclid(n),
        Step::Months(n) => months.div_euclid(n),
        Step::Years(n) => months.div_euclid(n * 12),
        Step::Micros(_) => day,
    };
    let mut times: Vec<i64> = Vec::new();
    while times.len() < MAX_TICKS {
        let at = zone.first_at(day_of(index) * DAY_SECONDS).saturating_mul(1_000_000);
        if at > high {
            break;
        }
        // A day that a zone left out (Samoa, 30 December 2011) begins together with the next one.
        if times.last() == Some(&at) {
            times.pop();
        }
        if at >= low {
            times.push(at);
        }
        index += 1;
    }
    times
}
