//! `forge metrics`.

use crate::desk::Where;
use crate::duration::parse_duration;
use crate::exit::{Exit, Failure};
use crate::output::{Align, Output, table};
use forge_jobs::limits::{DEFAULT_POINTS, MAX_METRIC_QUEUES};
use forge_jobs_api::convert::seconds;
use forge_jobs_api::wire::{
    Latency, ResourceQuery, Resources, Sample, Seconds, Tally, TimelineBy, TimelineOf, TimelineQuery, Total,
    Totals,
};
use std::time::Duration;

const AFTER_HELP: &str = "\
Counts are exact; durations are within 1.6 %. wait: from when a job was due until its handler began. life: from when it \
came in until it was done or dead. Minutes are kept for 7 days, hours for 90. Whichever process leads adds up what \
happened, every 10 s: while no process runs, nothing new is shown, and nothing is lost.

Examples:
  forge metrics                          all jobs of the last hour
  forge metrics --by queue --last 24h
  forge metrics --by kind --last 7d --json
  forge metrics --resources              what the processes used";

/// Show what was measured: counts, waits, run times, per queue or kind, over any range.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// A line for all jobs, for each queue, or for each kind
    #[arg(long, value_enum, default_value_t = By::All)]
    by: By,

    /// How far back, such as 30m, 6h or 7d
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, default_value = "1h")]
    last: Duration,

    /// Only what processes of this host did; may be given again [default: of all hosts]
    #[arg(long, value_name = "NAME")]
    host: Vec<String>,

    /// Points at most, in JSON: the step is the finest that gives no more
    #[arg(long, value_name = "N", default_value_t = DEFAULT_POINTS, value_parser = clap::value_parser!(u32).range(2..=10_000))]
    points: u32,

    /// What the processes used of their hosts and of the database, instead
    #[arg(long, conflicts_with_all = ["by", "host"])]
    resources: bool,
}

/// What lines are of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum By {
    /// One, of all jobs
    All,
    /// One per queue
    Queue,
    /// One per kind
    Kind,
}

pub(crate) async fn run(args: &Args, at: &Where, out: &mut Output) -> Result<Exit, Failure> {
    let desk = at.existing().await?;
    let (last_seconds, points) = (Some(seconds(args.last)), Some(args.points));
    if args.resources {
        let query = ResourceQuery { last_seconds, points, ..ResourceQuery::default() };
        out.answer(&desk.resources(&query).await?, resources)?;
        return Ok(Exit::Ok);
    }
    let query = TimelineQuery {
        by: Some(match args.by {
            By::All => TimelineBy::All,
            By::Queue => TimelineBy::Queue,
            By::Kind => TimelineBy::Kind,
        }),
        host: (!args.host.is_empty()).then(|| args.host.join(",")),
        last_seconds,
        ..TimelineQuery::default()
    };
    if out.is_json() {
        out.json(&desk.timeline(&TimelineQuery { points, ..query }).await?)?;
        return Ok(Exit::Ok);
    }
    // A table has no points, so there is room for all: those beyond these are counted together, in one more.
    let lines = u32::try_from(MAX_METRIC_QUEUES + 1).ok();
    out.text(&text(&desk.totals(&TimelineQuery { lines, ..query }).await?))?;
    Ok(Exit::Ok)
}

fn text(totals: &Totals) -> String {
    let head = [
        ("of", Align::Left),
        ("enqueued", Align::Right),
        ("started", Align::Right),
        ("done", Align::Right),
        ("retried", Align::Right),
        ("throttled", Align::Right),
        ("crashed", Align::Right),
        ("dead", Align::Right),
        ("wait p50", Align::Right),
        ("p95", Align::Right),
        ("run p50", Align::Right),
        ("p95", Align::Right),
        ("life p95", Align::Right),
        ("oldest", Align::Right),
    ];
    table(&head, &totals.totals.iter().map(row).collect::<Vec<_>>())
}

fn row(line: &Total) -> Vec<String> {
    let Tally { dead, .. } = &line.sum;
    let all_dead = dead.exhausted + dead.discarded + dead.cancelled + dead.poison + dead.undecodable;
    let t = &line.sum;
    let of = match (&line.of, &line.name) {
        (TimelineOf::One, Some(name)) => name.clone(),
        (TimelineOf::All, _) => "all jobs".into(),
        _ => "the others".into(),
    };
    let counts = [t.enqueued, t.started, t.done, t.retried, t.throttled, t.crashed, all_dead];
    let at = |latency: &Option<Latency>, pick: fn(&Latency) -> Seconds| {
        latency.as_ref().map(|l| short(pick(l))).unwrap_or_default()
    };
    let mut cells = vec![of];
    cells.extend(counts.map(|n| n.to_string()));
    cells.extend([
        at(&t.wait, |l| l.p50_seconds),
        at(&t.wait, |l| l.p95_seconds),
        at(&t.run, |l| l.p50_seconds),
        at(&t.run, |l| l.p95_seconds),
        at(&t.life, |l| l.p95_seconds),
        t.oldest_waiting_seconds.map(short).unwrap_or_default(),
    ]);
    cells
}

/// A duration with three digits or so.
fn short(Seconds(s): Seconds) -> String {
    match s {
        s if s < 0.001 => format!("{:.0} µs", s * 1e6),
        s if s < 0.1 => format!("{:.1} ms", s * 1e3),
        s if s < 1.0 => format!("{:.0} ms", s * 1e3),
        s if s < 100.0 => format!("{s:.1} s"),
        s if s < 600.0 => format!("{:.1} min", s / 60.0),
        s if s < 6_000.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.1} h", s / 3_600.0),
    }
}

fn resources(resources: &Resources) -> String {
    let head = [
        ("process", Align::Left),
        ("host", Align::Left),
        ("cpu", Align::Right),
        ("memory", Align::Right),
        ("disk free", Align::Right),
        ("reads p95", Align::Right),
        ("writes p95", Align::Right),
        ("pool", Align::Right),
        ("waiting", Align::Right),
        ("busy", Align::Right),
    ];
    let rows = resources.processes.iter().filter_map(|process| {
        // The latest that is known.
        let sample = process.points.iter().rev().find_map(|p| p.sample.as_ref())?;
        Some(used(&process.process, &process.host, sample))
    });
    table(&head, &rows.collect::<Vec<_>>())
}

fn used(process: &str, host: &str, s: &Sample) -> Vec<String> {
    let watched = s.watched_seconds.0.max(0.001);
    let bytes = |n: Option<u64>| n.map(mib).unwrap_or_default();
    let p95 = |l: &Option<Latency>| l.as_ref().map(|l| short(l.p95_seconds)).unwrap_or_default();
    vec![
        process.to_owned(),
        host.to_owned(),
        s.cpu_seconds.map(|cpu| format!("{:.1} %", cpu.0 / watched * 100.0)).unwrap_or_default(),
        bytes(s.memory_bytes),
        bytes(s.disk_free_bytes),
        p95(&s.reads),
        p95(&s.writes),
        format!("{} of {}", s.pool_in_use, s.pool_limit),
        s.pool_waiting.to_string(),
        s.busy.to_string(),
    ]
}

fn mib(bytes: u64) -> String {
    match bytes >> 20 {
        n @ 0..10_240 => format!("{n} MiB"),
        n => format!("{} GiB", n >> 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use forge_jobs_api::wire::DeadCounts;

    /// Durations of which 50 % took no longer than one second more than this, and 95 % two seconds more.
    fn latency(count: u64, least: f64) -> Latency {
        Latency {
            count,
            p50_seconds: Seconds(least + 1.0),
            p95_seconds: Seconds(least + 2.0),
            p99_seconds: Seconds(least + 3.0),
            max_seconds: Seconds(least + 4.0),
            sum_seconds: Seconds(least + 5.0),
        }
    }

    #[test]
    fn each_number_stands_in_its_own_column() {
        let sum = Tally {
            enqueued: 1,
            started: 2,
            done: 4,
            retried: 8,
            throttled: 16,
            crashed: 32,
            dead: DeadCounts {
                exhausted: 64,
                discarded: 128,
                cancelled: 256,
                poison: 512,
                undecodable: 1_024,
            },
            wait: Some(latency(70, 10.0)),
            run: Some(latency(71, 20.0)),
            life: Some(latency(72, 30.0)),
            oldest_waiting_seconds: Some(Seconds(41.0)),
        };
        let cells = row(&Total { of: TimelineOf::One, name: Some("mail".into()), sum });
        let counts = ["mail", "1", "2", "4", "8", "16", "32", "1984"];
        let times = ["11.0 s", "12.0 s", "21.0 s", "22.0 s", "32.0 s", "41.0 s"];
        assert_eq!(cells, [&counts[..], &times[..]].concat());

        let sample = Sample {
            watched_seconds: Seconds(120.0),
            cpu_seconds: Some(Seconds(30.0)),
            memory_bytes: Some(3 << 20),
            disk_read_bytes: Some(4 << 20),
            disk_written_bytes: Some(5 << 20),
            disk_free_bytes: Some(6 << 20),
            disk_size_bytes: Some(7 << 20),
            reads: Some(latency(70, 10.0)),
            writes: Some(latency(71, 20.0)),
            busy: 8,
            pool_in_use: 9,
            pool_open: 10,
            pool_limit: 11,
            pool_waiting: 12,
        };
        let cells = used("p", "web-1", &sample);
        let wanted = ["p", "web-1", "25.0 %", "3 MiB", "6 MiB", "12.0 s", "22.0 s", "9 of 11", "12", "8"];
        assert_eq!(cells, wanted);
    }

    #[test]
    fn a_duration_has_two_digits_at_least() {
        let shown = [0.000_2, 0.05, 0.2, 20.0, 100.0, 599.0, 660.0, 7_200.0].map(|s| short(Seconds(s)));
        assert_eq!(
            shown,
            ["200 µs", "50.0 ms", "200 ms", "20.0 s", "1.7 min", "10.0 min", "11 min", "2.0 h"]
        );
    }
}
