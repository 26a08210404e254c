//! Lengths of time, given in seconds.

use super::number;

/// Steps from a second up that people count in; below, ordinary steps serve.
const STEPS: [f64; 24] = [
    1.0,
    2.0,
    5.0,
    10.0,
    15.0,
    30.0,
    60.0,
    120.0,
    300.0,
    600.0,
    900.0,
    1800.0,
    3600.0,
    7200.0,
    10_800.0,
    21_600.0,
    43_200.0,
    86_400.0,
    172_800.0,
    432_000.0,
    864_000.0,
    1_728_000.0,
    4_320_000.0,
    8_640_000.0,
];

pub(super) fn step(bounds: (f64, f64), count: usize) -> Option<f64> {
    super::fitting(bounds, count, STEPS.into_iter())
}

/// Up to a minute in one unit with four digits, then in two.
pub(super) fn value(seconds: f64) -> String {
    let size = seconds.abs();
    if size == 0.0 {
        return "0 s".to_owned();
    }
    if size < 60.0 {
        let (name, unit) = small_unit(size);
        return format!("{} {name}", number::significant(seconds / unit, 4));
    }
    if size >= 1e4 * 86_400.0 {
        return format!("{} d", number::exact((seconds / 86_400.0).round()));
    }
    let sign = if seconds < 0.0 { "−" } else { "" };
    let total = crate::num::whole(size.round());
    let (first, second) = if total < 3600 {
        ((total / 60, "min"), (total % 60, "s"))
    } else if total < 86_400 {
        ((total / 3600, "h"), (total / 60 % 60, "min"))
    } else {
        ((total / 86_400, "d"), (total / 3600 % 24, "h"))
    };
    let rest = if second.0 == 0 { String::new() } else { format!(" {} {}", second.0, second.1) };
    format!("{sign}{} {}{rest}", first.0, first.1)
}

pub(super) fn tick(seconds: f64, step: f64) -> String {
    let size = seconds.abs();
    if size == 0.0 {
        return "0".to_owned();
    }
    let (name, unit) = match size {
        s if s < 60.0 => small_unit(s),
        s if s < 3600.0 => ("min", 60.0),
        s if s < 86_400.0 => ("h", 3600.0),
        _ => ("d", 86_400.0),
    };
    let number = seconds / unit;
    let digits = number::decimals_of(step / unit);
    // 1 min 30 s has no short decimal when steps are of 20 s; then the exact words serve.
    if digits > 3 && size >= 60.0 {
        return value(seconds);
    }
    let text = number::decimals(number, digits.min(6));
    let text = if (1e4..1e12).contains(&number.abs()) { number::thousands(&text) } else { text };
    format!("{text} {name}")
}

fn small_unit(size: f64) -> (&'static str, f64) {
    // A hair below the unit counts as the unit: 0.001 may be 0.000999….
    let reaches = |unit: f64| size >= unit * (1.0 - 1e-12);
    if reaches(1.0) {
        ("s", 1.0)
    } else if reaches(1e-3) {
        ("ms", 1e-3)
    } else if reaches(1e-6) {
        ("µs", 1e-6)
    } else {
        ("ns", 1e-9)
    }
}
