//! The calendar: from days to dates and back.
//!
//! The proleptic Gregorian calendar, counted in eras of 400 years that begin in March, so that the odd day is the last
//! one. Source: H. Hinnant, "chrono-Compatible Low-Level Date Algorithms" (2013).

/// A date and a time of day, without a zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Civil {
    /// The year; 0 is 1 BC.
    pub year: i64,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 0 to 59.
    pub second: u8,
    /// 0 to 999,999.
    pub micro: u32,
}

pub(super) const DAY_SECONDS: i64 = 86_400;
const ERA_DAYS: i64 = 146_097;
/// From the first day of the first era, 0000-03-01, to 1970-01-01.
const EPOCH: i64 = 719_468;

impl Civil {
    /// The date and time of a wall clock that shows this many microseconds since 1970-01-01T00:00:00.
    #[must_use]
    pub(super) fn from_wall(micros: i64) -> Self {
        let seconds = micros.div_euclid(1_000_000);
        let (year, month, day) = date(seconds.div_euclid(DAY_SECONDS));
        let of_day = seconds.rem_euclid(DAY_SECONDS);
        Self {
            year,
            month,
            day,
            hour: small(of_day / 3600),
            minute: small(of_day / 60 % 60),
            second: small(of_day % 60),
            micro: u32::try_from(micros.rem_euclid(1_000_000)).unwrap_or(0),
        }
    }

    /// Months since the year 0.
    pub(super) fn months(self) -> i64 {
        self.year * 12 + i64::from(self.month) - 1
    }

    /// Whether a day begins here.
    pub(super) const fn is_midnight(self) -> bool {
        self.hour == 0 && self.minute == 0 && self.second == 0 && self.micro == 0
    }
}

fn small(value: i64) -> u8 {
    u8::try_from(value).unwrap_or(0)
}

/// Year, month and day of a day since 1970-01-01.
pub(super) fn date(days: i64) -> (i64, u8, u8) {
    let shifted = days + EPOCH;
    let era = shifted.div_euclid(ERA_DAYS);
    let of_era = shifted.rem_euclid(ERA_DAYS);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // Counted from March, months come in groups of five with 153 days.
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), small(month), small(day))
}

/// The day since 1970-01-01 on which a month, counted from the year 0, begins.
pub(super) fn month_start(months: i64) -> i64 {
    let (year, month) = (months.div_euclid(12), months.rem_euclid(12) + 1);
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5;
    era * ERA_DAYS + of_era * 365 + of_era / 4 - of_era / 100 + of_year - EPOCH
}
