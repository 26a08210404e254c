//! What Prometheus is told: the text format 0.0.4, made anew for each scrape.
//!
//! Counters and histograms come from what was added up since the database was made, so they are of the whole cluster,
//! whichever process is scraped: scrape one, or take the maximum. Labels are queues, kinds, states and reasons and
//! nothing else; no payload, error text or id is in it. What is counted has a bound of names; gauges name each queue. `docs/telemetry.md` has the table.

use crate::metrics::{Histogram, Level, LineName, Source, Tally};
use crate::storage::{ProcessRow, QueueCounts, SeriesParams, Storage, StorageError};
use crate::{DeadReason, Timestamp};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

/// The `Content-Type` of the text.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Upper bounds of the buckets of durations, in milliseconds.
const BOUNDS_MS: [u64; 16] =
    [1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 15_000, 60_000, 300_000, 3_600_000];

/// The metrics of the cluster.
///
/// # Errors
///
/// When the database cannot be read.
pub async fn text(storage: &Storage) -> Result<String, StorageError> {
    let ever = async |source| {
        let params = SeriesParams {
            source,
            names: None,
            hosts: None,
            level: Level::Ever,
            from: Timestamp::MIN,
            to: Timestamp::MAX,
        };
        let series = storage.metrics.series(params).await?;
        let mut lines: BTreeMap<String, Tally> = BTreeMap::new();
        for row in series.rows {
            let name = match row.name {
                LineName::Of(name) => name,
                LineName::All | LineName::Other => "other".into(),
            };
            lines.entry(name).or_default().merge(&row.tally);
        }
        Ok::<_, StorageError>((lines, series.now))
    };
    let (queues, now) = ever(Source::Queues).await?;
    let (kinds, _) = ever(Source::Kinds).await?;
    Ok(render(&Facts {
        queues,
        kinds,
        counts: storage.inspect.queue_counts().await?,
        oldest: storage.metrics.oldest(None).await?,
        processes: storage.inspect.processes().await?,
        now,
    }))
}

/// What the text is made of.
struct Facts {
    queues: BTreeMap<String, Tally>,
    kinds: BTreeMap<String, Tally>,
    counts: Vec<QueueCounts>,
    oldest: Vec<(String, Duration)>,
    processes: Vec<ProcessRow>,
    now: Timestamp,
}

/// Labels that are always the same.
type Labels = &'static [(&'static str, &'static str)];

/// A text under way.
#[derive(Default)]
struct Text(String);

impl Text {
    fn head(&mut self, name: &str, sort: &str, help: &str) {
        // A string takes whatever is written to it.
        let _ = write!(self.0, "# HELP {name} {help}\n# TYPE {name} {sort}\n");
    }

    fn line(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        self.0.push_str(name);
        for (at, (label, text)) in labels.iter().enumerate() {
            let escaped = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let _ = write!(self.0, "{}{label}=\"{escaped}\"", if at == 0 { '{' } else { ',' });
        }
        let _ = writeln!(self.0, "{} {value}", if labels.is_empty() { "" } else { "}" });
    }

    fn histogram(&mut self, name: &str, labels: &[(&str, &str)], histogram: &Histogram) {
        let bucket = format!("{name}_bucket");
        for ms in BOUNDS_MS {
            let bound = seconds(Duration::from_millis(ms)).to_string();
            let below = histogram.count_up_to(Duration::from_millis(ms));
            self.line(&bucket, &[labels, &[("le", bound.as_str())]].concat(), number(below));
        }
        let count = number(histogram.count());
        self.line(&bucket, &[labels, &[("le", "+Inf")]].concat(), count);
        self.line(&format!("{name}_sum"), labels, seconds(histogram.sum()));
        self.line(&format!("{name}_count"), labels, count);
    }
}

#[expect(clippy::cast_precision_loss, reason = "the format's numbers are floating")]
const fn number(n: u64) -> f64 {
    n as f64
}

const fn seconds(d: Duration) -> f64 {
    d.as_secs_f64()
}

fn render(facts: &Facts) -> String {
    let mut text = Text::default();
    counters(&mut text, "queue", &facts.queues);
    counters(&mut text, "kind", &facts.kinds);
    text.head("forge_queue_jobs", "gauge", "Jobs of a queue by status, counted up to a bound.");
    for queue in &facts.counts {
        for (status, count) in &queue.counts {
            let labels = [("queue", queue.queue.name.as_str()), ("status", status.as_str())];
            text.line("forge_queue_jobs", &labels, number(count.count));
        }
    }
    text.head("forge_queue_paused", "gauge", "1 while claims from a queue are suspended.");
    for queue in &facts.counts {
        let paused = if queue.queue.settings.paused { 1.0 } else { 0.0 };
        text.line("forge_queue_paused", &[("queue", &queue.queue.name)], paused);
    }
    let name = "forge_queue_oldest_waiting_seconds";
    text.head(name, "gauge", "How long the first claimable job of a queue has been waiting; 0 without one.");
    for queue in &facts.counts {
        let queue = &queue.queue.name;
        let waited = facts.oldest.iter().find(|(name, _)| name == queue).map_or(Duration::ZERO, |(_, d)| *d);
        text.line(name, &[("queue", queue)], seconds(waited));
    }
    let name = "forge_queue_processes";
    text.head(name, "gauge", "Live processes that work on a queue.");
    for queue in &facts.counts {
        let queue = &queue.queue.name;
        let works = |p: &&ProcessRow| p.queues.as_ref().is_none_or(|queues| queues.contains(queue));
        let alive = facts.processes.iter().filter(|p| state(p, facts.now) == "alive").filter(works).count();
        text.line(name, &[("queue", queue)], number(alive as u64));
    }
    text.head("forge_processes", "gauge", "Registered processes by state.");
    for wanted in ["alive", "stopping", "stale"] {
        let count = facts.processes.iter().filter(|p| state(p, facts.now) == wanted).count();
        text.line("forge_processes", &[("state", wanted)], number(count as u64));
    }
    text.0
}

fn state(process: &ProcessRow, now: Timestamp) -> &'static str {
    if process.is_gone(now) {
        "stale"
    } else if process.stopping {
        "stopping"
    } else {
        "alive"
    }
}

/// What only grows, per queue or per kind.
fn counters(text: &mut Text, label: &str, lines: &BTreeMap<String, Tally>) {
    let mut counter = |what: &str, help: &str, of: fn(&Tally) -> Vec<(Labels, u64)>| {
        let name = format!("forge_{label}_{what}_total");
        text.head(&name, "counter", help);
        for (line, tally) in lines {
            for (labels, count) in of(tally) {
                text.line(&name, &[&[(label, line.as_str())], labels].concat(), number(count));
            }
        }
    };
    counter("enqueued", "Jobs that came in.", |t| vec![(&[], t.counts.enqueued)]);
    counter("started", "Attempts whose handler began, counted once they have ended.", |t| {
        vec![(&[], t.counts.started)]
    });
    counter("attempts", "Attempts that ended, by how; a job that died in one is in dead.", |t| {
        vec![
            (&[("outcome", "done")], t.counts.done),
            (&[("outcome", "retried")], t.counts.retried),
            (&[("outcome", "throttled")], t.counts.throttled),
            (&[("outcome", "crashed")], t.counts.crashed),
        ]
    });
    counter("dead", "Jobs that died, by reason.", |t| {
        DeadReason::ALL.into_iter().map(|reason| (reason_label(reason), t.counts.dead_of(reason))).collect()
    });
    for (what, help) in [
        ("wait", "From when a job was due until its handler began."),
        ("run", "How long handlers ran."),
        ("life", "From when a job came in until it was done, or dead after an attempt."),
    ] {
        let name = format!("forge_{label}_{what}_seconds");
        text.head(&name, "histogram", help);
        for (line, tally) in lines {
            let histogram = match what {
                "wait" => &tally.wait,
                "run" => &tally.run,
                _ => &tally.total,
            };
            text.histogram(&name, &[(label, line.as_str())], histogram);
        }
    }
}

const fn reason_label(reason: DeadReason) -> Labels {
    match reason {
        DeadReason::Exhausted => &[("reason", "exhausted")],
        DeadReason::Discarded => &[("reason", "discarded")],
        DeadReason::Cancelled => &[("reason", "cancelled")],
        DeadReason::Poison => &[("reason", "poison")],
        DeadReason::Undecodable => &[("reason", "undecodable")],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> Facts {
        let mut tally = Tally::default();
        tally.counts.enqueued = 12;
        tally.counts.dead[3] = 2;
        tally.wait = [1_u64, 1_000, 30_000, 9_000_000_000].into_iter().map(Duration::from_micros).collect();
        Facts {
            queues: BTreeMap::from([("mail".to_owned(), tally)]),
            kinds: BTreeMap::new(),
            counts: Vec::new(),
            oldest: Vec::new(),
            processes: Vec::new(),
            now: Timestamp::from_micros(0),
        }
    }

    #[test]
    fn buckets_are_cumulative_and_end_with_all() {
        let text = render(&facts());
        let value = |line: &str| {
            let found =
                text.lines().find_map(|l| l.strip_prefix(line)).unwrap_or_else(|| panic!("{line}\n{text}"));
            found.trim().to_owned()
        };
        for (bound, count) in [("0.001", "2"), ("0.025", "2"), ("0.05", "3"), ("3600", "3"), ("+Inf", "4")] {
            assert_eq!(
                value(&format!("forge_queue_wait_seconds_bucket{{queue=\"mail\",le=\"{bound}\"}}")),
                count
            );
        }
        assert_eq!(value("forge_queue_wait_seconds_count{queue=\"mail\"}"), "4");
        let sum: f64 = value("forge_queue_wait_seconds_sum{queue=\"mail\"}").parse().unwrap();
        assert!((sum - 9_000.031).abs() < 9_000.0 / 60.0, "{sum}");
        assert_eq!(value("forge_queue_enqueued_total{queue=\"mail\"}"), "12");
        assert_eq!(value("forge_queue_dead_total{queue=\"mail\",reason=\"poison\"}"), "2");
        assert_eq!(value("forge_processes{state=\"alive\"}"), "0");
    }

    #[test]
    fn every_metric_is_told_of_once_before_its_lines() {
        let text = render(&facts());
        let mut known = std::collections::BTreeSet::new();
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# TYPE ") {
                assert!(known.insert(rest.split(' ').next().unwrap().to_owned()), "{line}");
            } else if !line.starts_with('#') {
                let name = line.split(['{', ' ']).next().unwrap();
                let base =
                    ["_bucket", "_sum", "_count"].iter().find_map(|s| name.strip_suffix(s)).unwrap_or(name);
                assert!(known.contains(base) || known.contains(name), "{line}");
            }
        }
    }

    #[test]
    fn labels_are_escaped() {
        let mut text = Text::default();
        text.line("m", &[("l", "a\\\"b\nc")], 1.0);
        assert_eq!(text.0, "m{l=\"a\\\\\\\"b\\nc\"} 1\n");
    }
}
