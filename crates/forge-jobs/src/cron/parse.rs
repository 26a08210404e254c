//! From text to an expression.

use super::days::{DaysOfMonth, DaysOfWeek};
use super::field::Values;
use super::{CronError, CronExpr, CronField};
use crate::job::name::cut;
use crate::limits::MAX_CRON_BYTES;

const MONTHS: [&str; 12] =
    ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/// One entry of a field's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Entry {
    /// `*`, `*/5`.
    Star { step: u8 },
    /// `3`, `1-5`, `0-30/10`, `5/10`.
    Range { from: u8, to: u8, step: u8 },
    /// `L`.
    LastDay,
    /// `LW`.
    LastWeekday,
    /// `15W`.
    Nearest(u8),
    /// `5L`.
    LastOf(u8),
    /// `5#2`.
    Nth { weekday: u8, nth: u8 },
}

pub(super) fn parse(text: &str) -> Result<CronExpr, CronError> {
    if text.len() > MAX_CRON_BYTES {
        return Err(CronError::TooLong { bytes: text.len() });
    }
    let text = text.trim();
    let fields: Vec<&str> = match text.strip_prefix('@') {
        Some(word) => of_macro(text, word)?.split(' ').collect(),
        None => text.split_whitespace().collect(),
    };
    let seconds = match fields.len() {
        5 => Values::zero(CronField::Second),
        6 => values(CronField::Second, fields[0])?,
        found => return Err(CronError::Fields { text: cut(text), found }),
    };
    let [minutes, hours, days, months, weekdays] = fields[fields.len() - 5..] else {
        return Err(CronError::Fields { text: cut(text), found: fields.len() });
    };
    let expr = CronExpr {
        seconds,
        minutes: values(CronField::Minute, minutes)?,
        hours: values(CronField::Hour, hours)?,
        days_of_month: days_of_month(days)?,
        months: values(CronField::Month, months)?,
        days_of_week: days_of_week(weekdays)?,
    };
    if expr.never_fires() {
        return Err(CronError::Never { text: expr.to_string() });
    }
    Ok(expr)
}

/// The five fields that a macro stands for.
fn of_macro(text: &str, word: &str) -> Result<&'static str, CronError> {
    let first = word.split_whitespace().next().unwrap_or_default();
    if first.eq_ignore_ascii_case("every") {
        return Err(CronError::Every);
    }
    match word.to_ascii_lowercase().as_str() {
        "yearly" | "annually" => Ok("0 0 1 1 *"),
        "monthly" => Ok("0 0 1 * *"),
        "weekly" => Ok("0 0 * * 0"),
        "daily" | "midnight" => Ok("0 0 * * *"),
        "hourly" => Ok("0 * * * *"),
        "reboot" => Err(CronError::Reboot),
        _ => Err(CronError::Macro { text: cut(text) }),
    }
}

/// A field without letters of its own.
fn values(field: CronField, text: &str) -> Result<Values, CronError> {
    let mut values = Values::none(field);
    for entry in text.split(',') {
        if !add(&mut values, parse_entry(field, entry)?) {
            return Err(unreadable(field, entry));
        }
    }
    Ok(values)
}

fn days_of_month(text: &str) -> Result<DaysOfMonth, CronError> {
    let field = CronField::DayOfMonth;
    let mut days = DaysOfMonth::none();
    for entry in entries_or_any(text) {
        match parse_entry(field, entry)? {
            Entry::LastDay => days.last_day = true,
            Entry::LastWeekday => days.last_weekday = true,
            Entry::Nearest(day) => days.nearest |= 1 << day,
            other if add(&mut days.values, other) => {}
            _ => return Err(unreadable(field, entry)),
        }
    }
    Ok(days)
}

fn days_of_week(text: &str) -> Result<DaysOfWeek, CronError> {
    let field = CronField::DayOfWeek;
    let mut days = DaysOfWeek::none();
    for entry in entries_or_any(text) {
        match parse_entry(field, entry)? {
            Entry::LastOf(weekday) => days.last |= 1 << weekday,
            Entry::Nth { weekday, nth } => days.nth[usize::from(nth - 1)] |= 1 << weekday,
            other if add(&mut days.values, other) => {}
            _ => return Err(unreadable(field, entry)),
        }
    }
    Ok(days)
}

/// `?` says in a field for days what `*` says.
fn entries_or_any(text: &str) -> impl Iterator<Item = &str> {
    if text == "?" { "*" } else { text }.split(',')
}

/// Whether the entry is one of plain values, which are now allowed.
fn add(values: &mut Values, entry: Entry) -> bool {
    match entry {
        Entry::Star { step } => values.add_star(step),
        Entry::Range { from, to, step } => values.add(from, to, step),
        _ => return false,
    }
    true
}

fn unreadable(field: CronField, entry: &str) -> CronError {
    CronError::Entry { field, entry: cut(entry) }
}

fn parse_entry(field: CronField, entry: &str) -> Result<Entry, CronError> {
    if let Some(special) = special(field, entry)? {
        return Ok(special);
    }
    let (base, step) = match entry.split_once('/') {
        None => (entry, None),
        Some((base, step)) => (base, Some(parse_step(field, entry, step)?)),
    };
    if base == "*" {
        return Ok(Entry::Star { step: step.unwrap_or(1) });
    }
    let Some((from, to)) = base.split_once('-') else {
        let from = value(field, base, entry)?;
        // `5/10` is `5-59/10`, as most schedulers read it.
        let to = if step.is_some() { field.last().max(from) } else { from };
        return Ok(Entry::Range { from, to, step: step.unwrap_or(1) });
    };
    let (mut first, mut last) = (value(field, from, entry)?, value(field, to, entry)?);
    if field == CronField::DayOfWeek {
        // A week may begin with Sunday and end with it, whichever number or name says so.
        if first == 7 && last != 7 {
            first = 0;
        }
        if to.eq_ignore_ascii_case(WEEKDAYS[0]) && first != 0 {
            last = 7;
        }
    }
    if first > last {
        return Err(backwards(field, entry, (first, last), step));
    }
    Ok(Entry::Range { from: first, to: last, step: step.unwrap_or(1) })
}

/// The entries with letters and signs of their own, in the two fields for days.
fn special(field: CronField, entry: &str) -> Result<Option<Entry>, CronError> {
    let upper = entry.to_ascii_uppercase();
    match field {
        CronField::DayOfMonth => match upper.as_str() {
            "L" => Ok(Some(Entry::LastDay)),
            "LW" => Ok(Some(Entry::LastWeekday)),
            _ => match upper.strip_suffix('W') {
                Some(day) => Ok(Some(Entry::Nearest(value(field, day, entry)?))),
                None => Ok(None),
            },
        },
        CronField::DayOfWeek => {
            if let Some((weekday, nth)) = upper.split_once('#') {
                let weekday = value(field, weekday, entry)? % 7;
                return match nth {
                    "1" | "2" | "3" | "4" | "5" => {
                        Ok(Some(Entry::Nth { weekday, nth: nth.as_bytes()[0] - b'0' }))
                    }
                    _ => Err(unreadable(field, entry)),
                };
            }
            match upper.strip_suffix('L') {
                Some(weekday) => Ok(Some(Entry::LastOf(value(field, weekday, entry)? % 7))),
                None => Ok(None),
            }
        }
        _ => Ok(None),
    }
}

fn backwards(field: CronField, entry: &str, (from, to): (u8, u8), step: Option<u8>) -> CronError {
    let range = |from, to| if from == to { format!("{from}") } else { format!("{from}-{to}") };
    let remedy = if step.is_some() {
        "the values as a list".to_owned()
    } else {
        format!("{},{}", range(from, field.last()), range(field.low(), to))
    };
    CronError::Backwards { field, entry: cut(entry), remedy }
}

fn parse_step(field: CronField, entry: &str, text: &str) -> Result<u8, CronError> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(unreadable(field, entry));
    }
    match text.parse::<u8>() {
        Ok(step) if step >= 1 && step <= field.last() - field.low() => Ok(step),
        _ => Err(CronError::Step { field, entry: cut(entry) }),
    }
}

/// A number or a name within the field's range.
fn value(field: CronField, text: &str, entry: &str) -> Result<u8, CronError> {
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        return match text.parse::<u8>() {
            Ok(value) if value >= field.low() && value <= field.high() => Ok(value),
            _ => Err(CronError::OutOfRange { field, value: cut(text) }),
        };
    }
    let names: &[&str] = match field {
        CronField::Month => &MONTHS,
        CronField::DayOfWeek => &WEEKDAYS,
        _ => &[],
    };
    (field.low()..)
        .zip(names)
        .find(|(_, name)| name.eq_ignore_ascii_case(text))
        .map(|(value, _)| value)
        .ok_or_else(|| unreadable(field, entry))
}
