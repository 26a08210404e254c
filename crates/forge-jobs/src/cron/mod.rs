//! Cron expressions: when a schedule fires, in which zone, and what that is in words.
//!
//! Pure: no clock is read, and nothing is stored. [`CronExpr`] is parsed from text and prints a canonical text that
//! parses to an equal value; [`Zone`] is a time zone of the IANA database, which comes with the program.
//!
//! # Syntax
//!
//! `minute hour day-of-month month day-of-week`, or six fields with seconds first. Each field is a list of numbers,
//! ranges `a-b`, steps `*/n`, `a-b/n` and `a/n` (from a to the end), and `*`. Months and weekdays have names (`JAN`,
//! `MON`, in any case); Sunday is 0 and 7. In day-of-month `L` is the last day, `LW` the last weekday and `15W` the
//! weekday nearest the 15th, within the month; in day-of-week `5L` is the last Friday and `5#2` the second one; `?` says
//! there what `*` says. `@yearly`, `@annually`, `@monthly`, `@weekly`, `@daily`, `@midnight` and `@hourly` stand for five
//! fields.
//!
//! When neither of the two fields for days has a `*`, a day that matches either of them is enough, as in crontab(5). When
//! one has a `*`, also one with a step, a day must match both.
//!
//! Refused, with a remedy: ranges that run backwards (`22-2`; other schedulers read them in two ways), steps that are
//! larger than their field (`*/90` minutes is not what it looks like), `@reboot`, `@every`, a seventh field for the year,
//! and days that no year has.
//!
//! # When the clock is turned
//!
//! An expression whose minute or hour has a `*`, with a step or without, is an **interval expression**. It fires at every
//! real moment at which the wall clock shows a match: in both passes of an hour that comes twice, and not for times that
//! are jumped over.
//!
//! All others have **fixed times**. Each fires once: when the clock is turned back, at the first of the two moments; when
//! the clock jumps over it, at the first moment after the jump (02:30 in a jump from 02:00 to 03:00 fires at 03:00),
//! where several that were jumped over are one fire. This holds for jumps of any length, also for days that a country
//! left out. `0-59` and `0-23` are fixed times: they say what `*` says on every other day.
//!
//! In both cases each fire comes later than the one before it. `docs/cron.md` has the same with examples.

mod civil;
mod days;
mod describe;
mod error;
mod field;
mod next;
mod parse;
mod span;
mod text;
mod words;
mod zone;

pub use error::CronError;
pub use field::CronField;
pub use next::{FireWindow, Fires, WindowFires};
pub use zone::{Zone, ZoneError};

use days::{DaysOfMonth, DaysOfWeek};
use field::Values;

/// A cron expression.
///
/// Two are equal if they allow the same times and treat turned clocks alike, however they were written: `@daily` and
/// `00 0 * * *`, but not `*/30 * * * *` and `0,30 * * * *`.
///
/// ```
/// use forge_jobs::cron::CronExpr;
///
/// let expr: CronExpr = "30 2 * * MON-FRI".parse()?;
/// assert_eq!(expr.to_string(), "30 2 * * 1-5");
/// assert_eq!(expr.describe(), "At 02:30 on weekdays");
/// let e = "61 * * * *".parse::<CronExpr>().unwrap_err();
/// assert_eq!(e.to_string(), "minute 61 does not exist: use 0 to 59");
/// # Ok::<(), forge_jobs::cron::CronError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CronExpr {
    seconds: Values,
    minutes: Values,
    hours: Values,
    days_of_month: DaysOfMonth,
    months: Values,
    days_of_week: DaysOfWeek,
}

impl CronExpr {
    /// Whether minute or hour have a `*`: then it fires at every real match when the clock is turned, else once for each
    /// time ([more](self#when-the-clock-is-turned)).
    #[must_use]
    pub const fn is_interval(&self) -> bool {
        self.minutes.has_star() || self.hours.has_star()
    }
}
