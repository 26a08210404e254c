//! The words for times: short below an axis, complete in a tooltip, round for lengths.

use super::civil::Civil;
use super::ticks::Step;
use super::zone::Zone;
use crate::text::write_into;

/// Short names of the months. Dates are written as "29 Nov 2026", which no reader takes for another day.
pub const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// The label of a tick, and what it belongs to.
pub(super) fn tick_label(zone: &Zone, time: f64, step: Step) -> (String, Option<String>) {
    let local = zone.local(time);
    match step {
        Step::Micros(n) => (clock(local, precision(n)), Some(date(local))),
        Step::Days(_) => (day(local), Some(local.year.to_string())),
        Step::Months(_) => (month(local).to_owned(), Some(local.year.to_string())),
        Step::Years(_) => (local.year.to_string(), None),
    }
}

/// A moment in full, to the second or finer where it needs to be: "29 Nov 2026, 14:30".
///
/// Where the clock is turned back
/// and shows a time twice, the offset says which one is meant. `step` is the distance of the points: days of whole days
/// have no time of day.
#[must_use]
pub fn full(zone: &Zone, time: f64, step: Option<f64>) -> String {
    let local = zone.local(time);
    if local.is_midnight() && step.is_some_and(|s| s >= super::DAY * 0.9) {
        return date(local);
    }
    let digits = if !local.micro.is_multiple_of(1000) {
        8
    } else if local.micro != 0 {
        5
    } else if local.second != 0 || step.is_some_and(|s| s < super::MINUTE) {
        2
    } else {
        0
    };
    let mut text = format!("{}, {}", date(local), clock(local, digits));
    if zone.is_ambiguous(time) {
        let offset = zone.offset_at(super::micros(time).div_euclid(1_000_000));
        let sign = if offset < 0 { '−' } else { '+' };
        let minutes = offset.unsigned_abs() / 60;
        write_into(&mut text, format_args!(" {sign}{:02}:{:02}", minutes / 60, minutes % 60));
    }
    text
}

/// From one moment to another, without saying the day twice.
#[must_use]
pub fn span(zone: &Zone, (from, to): (f64, f64)) -> String {
    let (start, end) = (zone.local(from), zone.local(to));
    let same_day = (start.year, start.month, start.day) == (end.year, end.month, end.day);
    let step = Some((to - from).abs() / 2.0).filter(|s| s.is_finite());
    let last = full(zone, to, step);
    let last = if same_day { last.split_once(", ").map_or(last.as_str(), |(_, time)| time) } else { &last };
    format!("{} to {last}", full(zone, from, step))
}

/// The same to the second, or from hours on to the minute: a range that was dragged or moved ends between two of them.
pub(crate) fn about(zone: &Zone, (from, to): (f64, f64)) -> String {
    let step = match (to - from).abs() {
        long if long >= 2.0 * super::HOUR => super::MINUTE,
        short if short >= 10.0 * super::SECOND => super::SECOND,
        _ => return span(zone, (from, to)),
    };
    let round = |time: f64| (time / step).round() * step;
    span(zone, (round(from), round(to)))
}

/// Digits after the minute that a step needs: none, seconds, milliseconds or microseconds.
const fn precision(step: i64) -> usize {
    if step % 60_000_000 == 0 {
        0
    } else if step % 1_000_000 == 0 {
        2
    } else if step % 1000 == 0 {
        5
    } else {
        8
    }
}

fn clock(local: Civil, digits: usize) -> String {
    let mut text = format!("{:02}:{:02}", local.hour, local.minute);
    if digits >= 2 {
        write_into(&mut text, format_args!(":{:02}", local.second));
    }
    if digits == 5 {
        write_into(&mut text, format_args!(".{:03}", local.micro / 1000));
    } else if digits > 5 {
        write_into(&mut text, format_args!(".{:06}", local.micro));
    }
    text
}

fn month(local: Civil) -> &'static str {
    MONTHS[usize::from(local.month.clamp(1, 12)) - 1]
}

fn day(local: Civil) -> String {
    format!("{} {}", local.day, month(local))
}

fn date(local: Civil) -> String {
    format!("{} {} {}", local.day, month(local), local.year)
}
