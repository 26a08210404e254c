//! Bytes in powers of 1024 (IEC 80000-13), with ticks at powers of two.

use super::number;

const UNITS: [&str; 9] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"];

/// The unit of a size, and how many bytes it is.
fn unit(value: f64) -> (&'static str, f64) {
    let mut bytes = 1.0;
    for name in UNITS {
        if value.abs() < bytes * 1024.0 {
            return (name, bytes);
        }
        bytes *= 1024.0;
    }
    (UNITS[8], bytes / 1024.0)
}

pub(super) fn value(value: f64) -> String {
    let (name, bytes) = unit(value);
    let number = value / bytes;
    // Whole units stay whole up to 1023; beyond the largest unit thousands help.
    let text =
        if number.abs() >= 1000.0 { number::exact(number.round()) } else { number::significant(number, 4) };
    format!("{text} {name}")
}

pub(super) fn tick(value: f64, step: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let (name, bytes) = unit(value);
    let digits = number::decimals_of(step / bytes).min(2);
    format!("{} {name}", number::decimals(value / bytes, digits))
}

/// A power of two of bytes, if the bounds are that far apart.
pub(super) fn step(bounds: (f64, f64), count: usize) -> Option<f64> {
    super::fitting(bounds, count, (0..90).map(|power| 2_f64.powi(power)))
}
