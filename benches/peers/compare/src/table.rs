//! Medians, side by side.

use crate::contest::{CASES, Contest};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write;

/// All that was measured.
pub(crate) type All = BTreeMap<Key, Samples>;

/// A case and who was at it.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    workload: String,
    width: u32,
    synchronous: String,
    title: String,
}

impl Key {
    pub(crate) fn new(workload: &str, width: u32, synchronous: &str, title: &str) -> Self {
        Self { workload: workload.into(), width, synchronous: synchronous.into(), title: title.into() }
    }
}

/// The medians of a case are of these.
#[derive(Default)]
pub(crate) struct Samples {
    rates: Vec<f64>,
    ratios: Vec<f64>,
    p50: Vec<f64>,
    p99: Vec<f64>,
}

impl Samples {
    pub(crate) fn note(&mut self, line: &Value) {
        self.rates.extend(line["rate"].as_f64());
        self.ratios.extend(line["ratio"].as_f64());
        self.p50.extend(line["p50_us"].as_f64());
        self.p99.extend(line["p99_us"].as_f64());
    }

    /// `p50 / p99` in milliseconds.
    fn times(&self) -> String {
        let ms = |v: &[f64]| median(v).map_or_else(|| "–".to_owned(), |us| format!("{:.2}", us / 1e3));
        format!("{} / {} ms", ms(&self.p50), ms(&self.p99))
    }
}

/// The lower one of two in the middle.
fn median(values: &[f64]) -> Option<f64> {
    let mut values = values.to_vec();
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len().saturating_sub(1) / 2).copied()
}

/// A row for each case, a column for each peer.
pub(crate) fn of(contest: &Contest, all: &All) -> String {
    let titles: Vec<_> = contest.peers.iter().map(|peer| peer.title).collect();
    let mut out = format!(
        "| workload | synchronous | forge | share of floor | {} | forge / best peer |\n|{}\n",
        titles.join(" | "),
        " --- |".repeat(titles.len() + 5)
    );
    for (workload, width) in CASES {
        for synchronous in contest.synchronous {
            let of = |title: &str| all.get(&Key::new(workload, width, synchronous, title));
            let timed = workload == "pick_up";
            let cell = |title: &str| match of(title) {
                None => "–".to_owned(),
                Some(s) if timed => s.times(),
                Some(s) => median(&s.rates).map(thousands).unwrap_or_default(),
            };
            let share = of("forge").and_then(|s| median(&s.ratios)).map(|r| format!("{:.0} %", r * 100.0));
            let best = titles.iter().filter_map(|t| median(&of(t)?.rates)).fold(0.0, f64::max);
            let mine = of("forge").and_then(|s| median(&s.rates)).unwrap_or_default();
            let factor = if timed || best == 0.0 { "–".to_owned() } else { format!("{:.1}", mine / best) };
            let name = match workload {
                "enqueue" | "drain" => format!("{workload}, {width} at a time"),
                "pick_up" => format!("{workload}, p50 / p99"),
                _ => workload.to_owned(),
            };
            let cells: Vec<_> = titles.iter().map(|title| cell(title)).collect();
            let share = share.unwrap_or_else(|| "–".into());
            let (mine, cells) = (cell("forge"), cells.join(" | "));
            // Nothing that is written to memory fails.
            let _ = writeln!(out, "| {name} | {synchronous} | {mine} | {share} | {cells} | {factor} |");
        }
    }
    out
}

/// `12,345`.
fn thousands(rate: f64) -> String {
    let digits = format!("{rate:.0}");
    let mut out = String::new();
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contest::SERVER;
    use serde_json::json;

    #[test]
    fn a_row_has_the_medians_of_all_rounds_and_what_forge_is_of_the_best_peer() {
        let mut all = All::new();
        for (title, rates) in [("forge", [3_000.0, 1_000.0, 2_000.0]), ("apalis", [500.0; 3])] {
            for rate in rates {
                let key = Key::new("drain", 50, "full", title);
                all.entry(key).or_default().note(&json!({"rate": rate, "ratio": 0.5}));
            }
        }
        let table = of(SERVER, &all);
        let row = table.lines().find(|line| line.contains("drain, 50"));
        assert_eq!(row, Some("| drain, 50 at a time | full | 2,000 | 50 % | – | – | 500 | – | – | 4.0 |"));
        let columns = |line: &str| line.matches('|').count();
        assert!(table.lines().all(|line| columns(line) == SERVER.peers.len() + 6));
    }

    #[test]
    fn a_rate_is_written_in_groups_of_three_digits() {
        assert_eq!(thousands(999.4), "999");
        assert_eq!(thousands(1_000.0), "1,000");
        assert_eq!(thousands(1_234_567.0), "1,234,567");
    }
}
