//! Plain numbers: short with SI prefixes (SI Brochure, 9th edition, table 7), exact with thousands set apart.

/// Prefixes and their powers of ten, the largest first.
const PREFIXES: [(&str, i32); 13] = [
    ("Y", 24),
    ("Z", 21),
    ("E", 18),
    ("P", 15),
    ("T", 12),
    ("G", 9),
    ("M", 6),
    ("k", 3),
    ("", 0),
    ("m", -3),
    ("µ", -6),
    ("n", -9),
    ("p", -12),
];

/// A thin space: sets thousands apart without being taken for a decimal sign (ISO 80000-1, §7.3.1).
const GROUP: char = '\u{2009}';

/// With as many decimals as asked for; what is so large that they say nothing is written as it is exact.
pub(super) fn decimals(value: f64, digits: usize) -> String {
    if value.abs() >= 1e12 { exact(value) } else { fixed(value, digits) }
}

/// The decimals that tell apart values this far from each other: 0 for 1, 1 for 0.5, 2 for 0.25.
pub(super) fn decimals_of(step: f64) -> usize {
    if !step.is_finite() || step <= 0.0 {
        return 0;
    }
    let is_whole = |digits: usize| {
        let scaled = step * 10_f64.powi(i32::try_from(digits).unwrap_or(0));
        (scaled - scaled.round()).abs() < 1e-6 * scaled.max(1.0) && scaled.round() >= 1.0
    };
    (0..=12).find(|digits| is_whole(*digits)).unwrap_or(12)
}

/// With this many digits that count, without needless zeros.
pub(super) fn significant(value: f64, digits: i32) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let size = value.abs().log10().floor();
    if !(-12.0..15.0).contains(&size) {
        return exact(value);
    }
    let places = crate::num::index(f64::from(digits - 1) - size).min(15);
    let text = fixed(value, places);
    if text.contains('.') { shorn(&text).to_owned() } else { text }
}

/// Short: 1.5k, 20M, 3µ. What no prefix reaches is written as 1e30.
pub(super) fn short(value: f64, step: f64) -> String {
    let size = value.abs();
    if size == 0.0 {
        return "0".to_owned();
    }
    if !(1e-12..1e27).contains(&size) {
        return scientific(value);
    }
    // Between 1 and 10 thousandths a decimal reads better than a prefix.
    let plain = (1e-3..1e3).contains(&size);
    let found = PREFIXES.iter().find(|(_, power)| size >= 10_f64.powi(*power) * (1.0 - 1e-12));
    let (prefix, power) = if plain { ("", 0) } else { found.copied().unwrap_or(("p", -12)) };
    let unit = 10_f64.powi(power);
    format!("{}{prefix}", decimals(value / unit, decimals_of(step / unit).min(6)))
}

/// Exact: whole numbers with every digit as far as a double holds them, others with four digits that count.
pub(super) fn exact(value: f64) -> String {
    let size = value.abs();
    if size >= 1e16 || (size > 0.0 && size < 1e-4) {
        return scientific(value);
    }
    if value.fract() == 0.0 || size >= 1e4 {
        return thousands(&fixed(value, 0));
    }
    thousands(&significant(value, 4))
}

/// Sets thousands apart, from five digits on: four stay together.
pub(super) fn thousands(text: &str) -> String {
    let (whole, rest) = text.find('.').map_or((text, ""), |at| text.split_at(at));
    let (sign, digits) = whole.strip_prefix('−').map_or(("", whole), |digits| ("−", digits));
    let mut out = String::with_capacity(text.len() + text.len() / 3 * GROUP.len_utf8());
    out.push_str(sign);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && digits.len() > 4 && (digits.len() - i).is_multiple_of(3) {
            out.push(GROUP);
        }
        out.push(digit);
    }
    out.push_str(rest);
    out
}

/// With so many decimals, rounded, and a real minus, which is as wide as a plus and is read out as one.
///
/// The standard library's way takes any number to any place exactly, in 17 kilobytes. Here decimals beyond those that a
/// double has are left out, and the whole part must be below 10^18.
fn fixed(value: f64, places: usize) -> String {
    let size = value.abs();
    let power = |places: usize| 10_f64.powi(i32::try_from(places).unwrap_or(0));
    let places = (0..=places).rev().find(|places| size * power(*places) < 1e17).unwrap_or(0);
    let digits = crate::num::whole((size * power(places)).round());
    let mut text = format!("{digits:0>width$}", width = places + 1);
    if places > 0 {
        text.insert(text.len() - places, '.');
    }
    if value < 0.0 && digits > 0 {
        text.insert(0, '−');
    }
    text
}

/// Without zeros at the end, nor a point.
fn shorn(text: &str) -> &str {
    text.trim_end_matches('0').trim_end_matches('.')
}

/// Four digits that count and a power of ten: 1.5e300.
fn scientific(value: f64) -> String {
    let size = value.abs();
    let mut power = crate::num::nearest_small(size.log10().floor());
    let thousandths = |power: i32| {
        // Neither a power below 10^-308 nor one above 10^308 is a number.
        let (first, second) = (power.clamp(-300, 300), power - power.clamp(-300, 300));
        (size / 10_f64.powi(first) / 10_f64.powi(second) * 1e3).round()
    };
    // The logarithm can be on the wrong side of a whole number, and rounding can reach the next power.
    if thousandths(power) >= 1e4 {
        power += 1;
    } else if thousandths(power) < 1e3 {
        power -= 1;
    }
    let digits = fixed(thousandths(power) / 1e3, 3);
    let minus = |negative: bool| if negative { "−" } else { "" };
    format!("{}{}e{}{}", minus(value < 0.0), shorn(&digits), minus(power < 0), power.unsigned_abs())
}
