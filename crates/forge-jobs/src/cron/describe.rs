//! An expression in plain English.

use super::CronExpr;
use super::days::{DaysOfMonth, DaysOfWeek};
use super::field::{Values, bits};
use super::words::{all_of, counted, listed, month, ordinal, weekday};

/// More times of day than this are described by their fields.
const LISTED_TIMES: u32 = 6;
/// Monday to Friday, as bits.
const MONDAY_TO_FRIDAY: u64 = 0b011_1110;
/// Saturday and Sunday, as bits.
const WEEKEND: u64 = 0b100_0001;
const OF_THE_MONTH: &str = "of the month";

impl CronExpr {
    /// What it means, in plain English: `At 02:30 on weekdays`, `Every 5 minutes`, `At 09:00 on the last Friday of the
    /// month`.
    ///
    /// For people; its wording may change with any version. The zone is not part of it.
    #[must_use]
    pub fn describe(&self) -> String {
        let (time, is_list) = match self.times_of_day() {
            Some(times) => (format!("At {times}"), true),
            None if self.seconds.mask() == 1 => (self.to_the_minute(), false),
            None => (self.to_the_second(), false),
        };
        let days = self.in_days();
        if days.is_empty() && is_list { format!("{time} every day") } else { time + &days }
    }

    /// `09:00 and 17:30`, if minute and hour are plain values and few.
    fn times_of_day(&self) -> Option<String> {
        let second = self.seconds.single()?;
        let count = self.minutes.mask().count_ones() * self.hours.mask().count_ones();
        if self.is_interval() || count > LISTED_TIMES {
            return None;
        }
        let mut times = Vec::new();
        for hour in bits(self.hours.mask()) {
            for minute in bits(self.minutes.mask()) {
                let seconds = if second == 0 { String::new() } else { format!(":{second:02}") };
                times.push(format!("{hour:02}:{minute:02}{seconds}"));
            }
        }
        Some(all_of(&times))
    }

    fn to_the_minute(&self) -> String {
        let (minutes, hours) = (self.minutes, self.hours);
        if minutes.single() == Some(0) {
            if hours.is_star() {
                return "Every hour".into();
            }
            if let Some(step) = hours.only_step() {
                return format!("Every {step} hours{}", from_the_start(24, step, "midnight"));
            }
        }
        let minute = if minutes.has_star() && minutes.is_full() {
            "Every minute".to_owned()
        } else if let Some(step) = minutes.only_step() {
            format!("Every {step} minutes{}", from_the_start(60, step, "the start of each hour"))
        } else {
            format!("At {}", numbered("minute", minutes))
        };
        // `Every 5 minutes` needs no hour, `At minute 5` does.
        if hours.is_star() && minutes.has_star() && (minutes.is_full() || minutes.only_step().is_some()) {
            return minute;
        }
        format!("{minute} {}", self.of_hours())
    }

    fn to_the_second(&self) -> String {
        let seconds = self.seconds;
        let second = if seconds.is_full() {
            "Every second".to_owned()
        } else if let Some(step) = seconds.only_step() {
            format!("Every {step} seconds{}", from_the_start(60, step, "the start of each minute"))
        } else {
            format!("At {}", numbered("second", seconds))
        };
        let recurs = seconds.is_full() || seconds.only_step().is_some();
        if self.minutes.is_star() && self.hours.is_star() {
            return if recurs { second } else { format!("{second} of every minute") };
        }
        let minute = if self.minutes.is_star() {
            "every minute".to_owned()
        } else if let Some(step) = self.minutes.only_step() {
            format!("every {} minute from the start of each hour", ordinal(step))
        } else {
            numbered("minute", self.minutes)
        };
        format!("{second} of {minute} {}", self.of_hours())
    }

    /// `of every hour`, `of the hours 9 to 17`.
    fn of_hours(&self) -> String {
        let hours = self.hours;
        if hours.is_star() {
            return "of every hour".into();
        }
        if let Some(step) = hours.only_step() {
            return format!("of every {} hour from midnight", ordinal(step));
        }
        let clock = |hour: u8| hour.to_string();
        if hours.single().is_some() {
            return format!("of hour {}", listed(hours.mask(), clock));
        }
        format!("of the hours {}", listed(hours.mask(), clock))
    }

    /// ` on weekdays`, ` on the 1st of January`; empty if any day will do.
    fn in_days(&self) -> String {
        let (by_month, by_week) = (self.days_of_month, self.days_of_week);
        let month_chosen = !by_month.values.is_star();
        let week_chosen = !by_week.values.is_star();
        let months = (!self.months.is_full()).then(|| listed(self.months.mask(), |n| month(n).to_owned()));
        let of = months.as_ref().map_or_else(|| OF_THE_MONTH.to_owned(), |months| format!("of {months}"));
        let in_months = months.map_or_else(String::new, |months| format!(" in {months}"));
        match (month_chosen, week_chosen) {
            (false, false) if in_months.is_empty() => in_months,
            (false, false) if self.times_of_day().is_some() => format!(" every day{in_months}"),
            (false, false) => in_months,
            (true, false) => format!(" on {}", days_of_month(by_month, &of)),
            (false, true) if by_week.is_plain() => format!(" on {}{in_months}", days_of_week(by_week, &of)),
            (false, true) => format!(" on {}", days_of_week(by_week, &of)),
            (true, true) => {
                let by_month = days_of_month(by_month, OF_THE_MONTH);
                let by_week = days_of_week(by_week, OF_THE_MONTH);
                if self.either_day() {
                    format!(" on {by_month} or on {by_week} (either is enough){in_months}")
                } else {
                    format!(" on {by_month}, and only on {by_week}{in_months}")
                }
            }
        }
    }
}

/// Says where a step begins, if it does not divide the whole and so is shorter at its end.
fn from_the_start(whole: u8, step: u8, start: &str) -> String {
    if whole.is_multiple_of(step) { String::new() } else { format!(" from {start}") }
}

/// `minute 5`, `minutes 5, 10 and 20 to 30`.
fn numbered(what: &str, values: Values) -> String {
    let plural = if values.single().is_some() { "" } else { "s" };
    format!("{what}{plural} {}", listed(values.mask(), |n| n.to_string()))
}

fn days_of_month(days: DaysOfMonth, of: &str) -> String {
    let mut parts = Vec::new();
    if let Some(step) = days.values.only_step() {
        parts.push(format!("every {} day from the 1st", ordinal(step)));
    } else if !days.values.is_empty() {
        parts.push(format!("the {}", listed(days.values.mask(), ordinal)));
    }
    parts.extend(bits(days.nearest).map(|day| format!("the weekday nearest the {}", ordinal(day))));
    parts.extend(days.last_day.then(|| "the last day".to_owned()));
    parts.extend(days.last_weekday.then(|| "the last weekday".to_owned()));
    format!("{} {of}", all_of(&parts))
}

fn days_of_week(days: DaysOfWeek, of: &str) -> String {
    let mut parts = Vec::new();
    match days.values.mask() {
        0 => {}
        MONDAY_TO_FRIDAY => parts.push("weekdays".to_owned()),
        WEEKEND => parts.push("weekends".to_owned()),
        mask => parts.push(listed(mask, |n| weekday(n).to_owned())),
    }
    let mut specials = Vec::new();
    for (nth, weekdays) in (1..).zip(days.nth) {
        specials.extend(bits(weekdays.into()).map(|n| format!("the {} {}", counted(nth), weekday(n))));
    }
    specials.extend(bits(days.last.into()).map(|n| format!("the last {}", weekday(n))));
    if !specials.is_empty() {
        parts.push(format!("{} {of}", all_of(&specials)));
    }
    all_of(&parts)
}
