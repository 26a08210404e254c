//! Data that looks like that of a job queue, the same at every run.
#![allow(dead_code, reason = "each test program uses a part of it")]
#![allow(clippy::suboptimal_flops, reason = "as in the crate: plain products and sums read better")]

pub(crate) mod bench;

use forge_charts::data::{Frame, Series};
use forge_charts::time::MINUTE;

/// 2026-11-29T13:30:00Z.
pub(crate) const START: f64 = 1_795_959_000e6;

/// Numbers between 0 and 1 that look random: the linear congruence of "Numerical Recipes", its upper bits.
pub(crate) fn noise(seed: u32) -> impl FnMut() -> f64 {
    let mut state = seed;
    move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f64::from(state >> 8) / f64::from(1_u32 << 24)
    }
}

/// A wave with noise on it.
pub(crate) fn wave(seed: u32, count: u32, height: f64, period: f64) -> Vec<f64> {
    let mut noise = noise(seed);
    (0..count)
        .map(|i| {
            let wave = (f64::from(i) / period * std::f64::consts::TAU).sin();
            (height * (1.0 + 0.5 * wave + 0.35 * (noise() - 0.5))).round()
        })
        .collect()
}

/// Completed, retried and failed jobs of an hour, per minute.
pub(crate) fn counts() -> Frame {
    let mut failed = wave(3, 60, 9.0, 13.0);
    failed[41] = 64.0;
    failed[42] = 51.0;
    Frame::buckets(
        START,
        MINUTE,
        vec![
            Series::new("completed", wave(1, 60, 120.0, 40.0)),
            Series::new("retried", wave(2, 60, 25.0, 25.0)),
            Series::new("failed", failed),
        ],
    )
}

/// Percentiles of a latency in seconds, with a time without data.
pub(crate) fn latencies() -> Frame {
    let mut noise = noise(7);
    let mut columns = vec![Vec::new(), Vec::new(), Vec::new()];
    for i in 0..120_u32 {
        let gap = (70..78).contains(&i);
        let base = 0.004 * (1.0 + noise());
        let values = [base, base * (6.0 + 20.0 * noise()), base * (40.0 + 900.0 * noise().powi(6))];
        for (column, value) in columns.iter_mut().zip(values) {
            column.push(if gap { f64::NAN } else { value });
        }
    }
    let names = ["p50", "p95", "p99"];
    let series = names.into_iter().zip(columns).map(|(name, values)| Series::new(name, values)).collect();
    Frame::buckets(START, MINUTE / 2.0, series)
}

/// One series, one value each minute.
pub(crate) fn one(name: &'static str, values: Vec<f64>) -> Frame {
    Frame::buckets(START, MINUTE, vec![Series::new(name, values)])
}

/// The points of a path, as a reader of SVG finds them.
pub(crate) fn points(text: &str) -> Vec<(f64, f64)> {
    let mut found = Vec::new();
    let (mut x, mut y, mut command) = (0.0, 0.0, ' ');
    let mut rest = text;
    let number = |rest: &mut &str| -> f64 {
        let text = rest.trim_start_matches([' ', ',']);
        let end = text.char_indices().skip(1).find(|(_, c)| !c.is_ascii_digit() && *c != '.');
        let (number, after) = text.split_at(end.map_or(text.len(), |(at, _)| at));
        *rest = after;
        number.parse().expect("a number")
    };
    while let Some(first) = rest.chars().next() {
        if first.is_ascii_alphabetic() {
            command = first;
            rest = &rest[1..];
        }
        match command {
            'M' => (x, y) = (number(&mut rest), number(&mut rest)),
            'h' => x += number(&mut rest),
            'v' => y += number(&mut rest),
            _ => (x, y) = (x + number(&mut rest), y + number(&mut rest)),
        }
        found.push((x, y));
    }
    found
}
