//! The search on the wall clock, without a zone: the nearest date and time that all fields allow.

use super::CronExpr;
use super::field::{next_in, previous_in};
use jiff::civil::{Date, DateTime, Time};

/// The calendar repeats after 400 years: what was not found by then is nowhere.
const MONTHS: usize = 400 * 12 + 1;

/// A time of day to the second.
type Clock = (u8, u8, u8);

impl CronExpr {
    /// The first match that is not before `from`, which has no fraction of a second.
    pub(super) fn match_from(&self, from: DateTime) -> Option<DateTime> {
        let (date, day) = (from.date(), from.day().unsigned_abs());
        let days = self.days(date);
        if days & (1 << day) != 0
            && let Some(clock) = self.clock_from(clock_of(from.time()))
        {
            return joined(date, day, clock);
        }
        let first = self.clock_from((0, 0, 0))?;
        let mut month = date.first_of_month();
        let mut rest = days & (u64::MAX << (day + 1));
        for _ in 0..MONTHS {
            if let Some(day) = next_in(rest, 1) {
                return joined(month, day, first);
            }
            month = following(month)?;
            rest = self.days(month);
        }
        None
    }

    /// The last match that is not after `until`, which has no fraction of a second.
    pub(super) fn match_until(&self, until: DateTime) -> Option<DateTime> {
        let (date, day) = (until.date(), until.day().unsigned_abs());
        let days = self.days(date);
        if days & (1 << day) != 0
            && let Some(clock) = self.clock_until(clock_of(until.time()))
        {
            return joined(date, day, clock);
        }
        let last = self.clock_until((23, 59, 59))?;
        let mut month = date.first_of_month();
        let mut rest = days & ((1 << day) - 1);
        for _ in 0..MONTHS {
            if let Some(day) = previous_in(rest, 31) {
                return joined(month, day, last);
            }
            month = month.yesterday().ok()?.first_of_month();
            rest = self.days(month);
        }
        None
    }

    fn clock_from(&self, (hour, minute, second): Clock) -> Option<Clock> {
        let (hours, minutes, seconds) = (self.hours.mask(), self.minutes.mask(), self.seconds.mask());
        if hours & (1 << hour) != 0 {
            if minutes & (1 << minute) != 0
                && let Some(second) = next_in(seconds, second)
            {
                return Some((hour, minute, second));
            }
            if let Some(minute) = next_in(minutes, minute + 1) {
                return Some((hour, minute, next_in(seconds, 0)?));
            }
        }
        Some((next_in(hours, hour + 1)?, next_in(minutes, 0)?, next_in(seconds, 0)?))
    }

    fn clock_until(&self, (hour, minute, second): Clock) -> Option<Clock> {
        let (hours, minutes, seconds) = (self.hours.mask(), self.minutes.mask(), self.seconds.mask());
        if hours & (1 << hour) != 0 {
            if minutes & (1 << minute) != 0
                && let Some(second) = previous_in(seconds, second)
            {
                return Some((hour, minute, second));
            }
            if let Some(minute) = minute.checked_sub(1).and_then(|until| previous_in(minutes, until)) {
                return Some((hour, minute, previous_in(seconds, 59)?));
            }
        }
        let hour = hour.checked_sub(1).and_then(|until| previous_in(hours, until))?;
        Some((hour, previous_in(minutes, 59)?, previous_in(seconds, 59)?))
    }
}

fn clock_of(time: Time) -> Clock {
    (time.hour().unsigned_abs(), time.minute().unsigned_abs(), time.second().unsigned_abs())
}

fn following(month: Date) -> Option<Date> {
    month.last_of_month().tomorrow().ok()
}

/// A day of the month of `date`, and a time of it. All of them are in range.
fn joined(date: Date, day: u8, (hour, minute, second): Clock) -> Option<DateTime> {
    let [day, hour, minute, second] = [day, hour, minute, second].map(u8::cast_signed);
    let date = Date::new(date.year(), date.month(), day).ok()?;
    Some(date.to_datetime(Time::new(hour, minute, second, 0).ok()?))
}
