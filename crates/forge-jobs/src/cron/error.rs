//! Why a text is no cron expression: the field, the value, what is allowed, and what to write instead.

use super::CronField;
use crate::limits::MAX_CRON_BYTES;

/// Why a text was refused as a cron expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CronError {
    /// Longer than [`MAX_CRON_BYTES`].
    #[error("a cron expression of {bytes} bytes is too long: use at most {MAX_CRON_BYTES}")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// Neither five nor six fields.
    #[error(
        "{text:?} has {found} fields: write 5 (minute hour day-of-month month day-of-week), or 6 with seconds first{}",
        if *found == 7 { "; there is no field for the year" } else { "" }
    )]
    Fields {
        /// The text, cut to 64 characters.
        text: String,
        /// How many.
        found: usize,
    },
    /// A number outside of the field's range.
    #[error("{field} {value} does not exist: use {} to {}", field.low(), field.high())]
    OutOfRange {
        /// Where.
        field: CronField,
        /// What was written, cut to 64 characters.
        value: String,
    },
    /// A step that is 0, or larger than the field.
    #[error(
        "{field} {entry:?} has no usable step: use /1 to /{}, and mind that a step begins anew in each {}",
        field.last() - field.low(),
        whole(*field)
    )]
    Step {
        /// Where.
        field: CronField,
        /// The entry, cut to 64 characters.
        entry: String,
    },
    /// A range whose end comes before its begin.
    #[error("{field} range {entry:?} runs backwards: write {remedy}")]
    Backwards {
        /// Where.
        field: CronField,
        /// The entry, cut to 64 characters.
        entry: String,
        /// The same as two ranges.
        remedy: String,
    },
    /// Anything else that is no entry of this field.
    #[error("{field} {entry:?} is not understood: use {}", grammar(*field))]
    Entry {
        /// Where.
        field: CronField,
        /// The entry, cut to 64 characters.
        entry: String,
    },
    /// A word after `@` that stands for nothing.
    #[error(
        "{text:?} is no macro: use @yearly, @annually, @monthly, @weekly, @daily, @midnight or @hourly, or five fields"
    )]
    Macro {
        /// The text, cut to 64 characters.
        text: String,
    },
    /// `@reboot`, which names no time.
    #[error("@reboot names no time: enqueue the job when your program starts")]
    Reboot,
    /// `@every`, which counts from an instant that nobody wrote down.
    #[error(
        "@every counts from a start that replicas and restarts do not share: write the times, such as */5 * * * * for \
         every five minutes or 0 */2 * * * for every two hours"
    )]
    Every,
    /// No such day exists in any year.
    #[error("{text:?} would never fire: no year has such a day; change day-of-month or month")]
    Never {
        /// The expression in its canonical form.
        text: String,
    },
}

/// What a field's steps begin anew in.
const fn whole(field: CronField) -> &'static str {
    match field {
        CronField::Second => "minute",
        CronField::Minute => "hour",
        CronField::Hour => "day",
        CronField::DayOfMonth => "month",
        CronField::Month => "year",
        CronField::DayOfWeek => "week",
    }
}

/// What may stand in a field.
const fn grammar(field: CronField) -> &'static str {
    match field {
        CronField::Second | CronField::Minute => "numbers 0 to 59, *, lists a,b, ranges a-b and steps */n",
        CronField::Hour => "numbers 0 to 23, *, lists a,b, ranges a-b and steps */n",
        CronField::DayOfMonth => {
            "numbers 1 to 31, *, lists a,b, ranges a-b, steps */n, L (last day), LW (last weekday), 15W (weekday nearest \
             the 15th), or ? alone"
        }
        CronField::Month => "numbers 1 to 12, JAN to DEC, *, lists a,b, ranges a-b and steps */n",
        CronField::DayOfWeek => {
            "numbers 0 to 7 (0 and 7 are Sunday), SUN to SAT, *, lists a,b, ranges a-b, steps */n, 5L (last Friday), 5#2 \
             (second Friday), or ? alone"
        }
    }
}
