//! On which days of a month an expression fires.

use super::CronExpr;
use super::field::{CronField, Values, bits};
use jiff::civil::Date;

/// Years in which every kind of year occurs: leap or not, beginning on any day of the week.
const ALL_KINDS_OF_YEARS: std::ops::Range<i16> = 2000..2028;

/// A calendar month, as far as the days of it go.
#[derive(Clone, Copy, Debug)]
struct Month {
    /// 28 to 31.
    length: u8,
    /// The weekday of its first day, 0 for Sunday.
    begins: u8,
}

impl Month {
    fn of(first: Date) -> Self {
        let begins = first.weekday().to_sunday_zero_offset();
        Self { length: first.days_in_month().unsigned_abs(), begins: begins.unsigned_abs() }
    }

    const fn weekday(self, day: u8) -> u8 {
        (self.begins + day - 1) % 7
    }

    /// The weekday, Monday to Friday, nearest to a day, within the month.
    const fn nearest_weekday(self, day: u8) -> u8 {
        match self.weekday(day) {
            6 if day == 1 => 3,
            6 => day - 1,
            0 if day == self.length => day - 2,
            0 => day + 1,
            _ => day,
        }
    }
}

/// The field day-of-month.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct DaysOfMonth {
    pub(super) values: Values,
    /// Bit n for `nW`.
    pub(super) nearest: u64,
    /// `L`.
    pub(super) last_day: bool,
    /// `LW`.
    pub(super) last_weekday: bool,
}

impl DaysOfMonth {
    pub(super) const fn none() -> Self {
        Self { values: Values::none(CronField::DayOfMonth), nearest: 0, last_day: false, last_weekday: false }
    }

    /// Bit n for day n.
    fn of(self, month: Month) -> u64 {
        let mut days = self.values.mask();
        for day in bits(self.nearest).filter(|day| *day <= month.length) {
            days |= 1 << month.nearest_weekday(day);
        }
        if self.last_day {
            days |= 1 << month.length;
        }
        if self.last_weekday {
            days |= 1 << month.nearest_weekday(month.length);
        }
        days
    }

    pub(super) fn entries(self) -> Vec<String> {
        let mut entries = self.values.entries();
        entries.extend(bits(self.nearest).map(|day| format!("{day}W")));
        entries.extend(self.last_day.then(|| "L".to_owned()));
        entries.extend(self.last_weekday.then(|| "LW".to_owned()));
        entries
    }
}

/// The field day-of-week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct DaysOfWeek {
    pub(super) values: Values,
    /// Weekdays as bits: those of the first week of the month, of the second, and so on.
    pub(super) nth: [u8; 5],
    /// Weekdays as bits, the last of their kind in the month.
    pub(super) last: u8,
}

impl DaysOfWeek {
    pub(super) const fn none() -> Self {
        Self { values: Values::none(CronField::DayOfWeek), nth: [0; 5], last: 0 }
    }

    /// Whether there is nothing but plain values.
    pub(super) fn is_plain(self) -> bool {
        self.last == 0 && self.nth == [0; 5]
    }

    /// Bit n for day n.
    fn of(self, month: Month) -> u64 {
        (1..=month.length)
            .filter(|day| {
                let weekday = 1_u8 << month.weekday(*day);
                let nth = self.nth[usize::from((day - 1) / 7)];
                let is_last = day + 7 > month.length;
                self.values.mask() & u64::from(weekday) != 0
                    || nth & weekday != 0
                    || (is_last && self.last & weekday != 0)
            })
            .fold(0, |days, day| days | 1 << day)
    }

    pub(super) fn entries(self) -> Vec<String> {
        let mut entries = self.values.entries();
        for (nth, weekdays) in (1..).zip(self.nth) {
            entries.extend(bits(weekdays.into()).map(|weekday| format!("{weekday}#{nth}")));
        }
        entries.extend(bits(self.last.into()).map(|weekday| format!("{weekday}L")));
        entries
    }
}

impl CronExpr {
    /// Whether a day is chosen by either of the two fields for days, and not by both together.
    ///
    /// As in crontab(5): when neither of them has a `*`.
    pub(super) const fn either_day(&self) -> bool {
        !self.days_of_month.values.has_star() && !self.days_of_week.values.has_star()
    }

    /// The days of a month on which it fires: bit n for day n. `first` is any day of the month.
    pub(super) fn days(&self, first: Date) -> u64 {
        if self.months.mask() & (1 << first.month()) == 0 {
            return 0;
        }
        let month = Month::of(first.first_of_month());
        let (by_month, by_week) = (self.days_of_month.of(month), self.days_of_week.of(month));
        let days = if self.either_day() { by_month | by_week } else { by_month & by_week };
        days & ((2 << month.length) - 1)
    }

    /// Whether there is no year with a day on which it fires.
    pub(super) fn never_fires(&self) -> bool {
        !ALL_KINDS_OF_YEARS
            .flat_map(|year| (1..=12).map(move |month| (year, month)))
            .any(|(year, month)| Date::new(year, month, 1).is_ok_and(|first| self.days(first) != 0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn twenty_eight_years_hold_every_kind_of_year() {
        let kinds: BTreeSet<_> = ALL_KINDS_OF_YEARS
            .map(|year| {
                let first = Date::constant(year, 1, 1);
                (first.in_leap_year(), first.weekday().to_sunday_zero_offset())
            })
            .collect();
        assert_eq!(kinds.len(), 14);
    }

    #[test]
    fn the_nearest_weekday_stays_within_the_month() {
        // August 2026 begins on a Saturday; May 2026 ends on a Sunday.
        let august = Month::of(Date::constant(2026, 8, 1));
        assert_eq!([1, 2, 8, 9, 12].map(|day| august.nearest_weekday(day)), [3, 3, 7, 10, 12]);
        let may = Month::of(Date::constant(2026, 5, 1));
        assert_eq!([30, 31].map(|day| may.nearest_weekday(day)), [29, 29]);
    }
}
