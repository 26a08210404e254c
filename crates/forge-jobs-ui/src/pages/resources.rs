//! What processes use of their hosts, and of the database.

use super::charts;
use super::zoom::Zoom;
use crate::app::{Ctx, Remote, browser};
use crate::model::time;
use crate::parts;
use crate::text;
use forge_charts::chart::{Chart, YScale};
use forge_charts::data::{Frame, Series};
use forge_charts::format::Format;
use forge_charts::view::{Group, LineChart};
use forge_jobs_api::wire::{ProcessResources, ResourceQuery, Resources, Sample, Seconds};
use leptos::prelude::*;

/// Processes with a line of their own.
const LINES: usize = 8;
const POINTS: u32 = 240;

type Pick = fn(&Sample) -> Option<f64>;

/// A chart: its title, what its numbers are, whether they spread over magnitudes, and where they come from.
type Spec = (&'static str, Format, bool, Pick);

fn rate(value: u64, sample: &Sample) -> f64 {
    charts::count(value) / sample.watched_seconds.0.max(1.0)
}

const OF_HOSTS: [Spec; 5] = [
    (text::PROCESSORS_100_IS_ONE_OF_THEM, Format::Percent, false, |s| {
        s.cpu_seconds.map(|c| c.0 / s.watched_seconds.0.max(0.001))
    }),
    (text::MEMORY, Format::Bytes, false, |s| s.memory_bytes.map(charts::count)),
    (text::READ_FROM_DISKS_PER_SECOND, Format::Bytes, false, |s| s.disk_read_bytes.map(|v| rate(v, s))),
    (text::WRITTEN_TO_DISKS_PER_SECOND, Format::Bytes, false, |s| s.disk_written_bytes.map(|v| rate(v, s))),
    (text::FREE_ON_THE_VOLUME, Format::Bytes, false, |s| s.disk_free_bytes.map(charts::count)),
];

const OF_DATABASE: [Spec; 6] = [
    (text::READS_P95, Format::Seconds, true, |s| s.reads.map(|l| l.p95_seconds.0)),
    (text::WRITES_P95, Format::Seconds, true, |s| s.writes.map(|l| l.p95_seconds.0)),
    (text::OPERATIONS_PER_MINUTE, Format::Number, false, |s| {
        let calls = s.reads.map_or(0, |l| l.count) + s.writes.map_or(0, |l| l.count);
        Some(charts::count(calls) * 60.0 / s.watched_seconds.0.max(1.0))
    }),
    (text::CONNECTIONS_IN_USE_OF_THOSE, Format::Percent, false, |s| {
        (s.pool_limit > 0).then(|| f64::from(s.pool_in_use) / f64::from(s.pool_limit))
    }),
    (text::CALLS_THAT_WAITED_FOR_A_CONNECTION, Format::Number, false, |s| Some(f64::from(s.pool_waiting))),
    (text::WAITS_FOR_ANOTHER_PROCESSS_LOCK, Format::Number, false, |s| Some(charts::count(s.busy))),
];

fn remote(ctx: Ctx) -> Remote<Resources> {
    let range = charts::range(ctx);
    let query = move || {
        let (from, to, last) = range.get().asked();
        let last_seconds = last.map(Seconds);
        Some(ResourceQuery { from, to, last_seconds, points: Some(POINTS), ..ResourceQuery::default() })
    };
    let remote = Remote::new(ctx, &[], query, |ipc, query: ResourceQuery| {
        Box::pin(async move { ipc.resources(&query).await })
    });
    charts::keep_moving(ctx, remote, range);
    remote
}

fn frame(processes: &[ProcessResources], pick: Pick) -> Frame {
    let Some(first) = processes.first() else { return Frame::empty() };
    let xs: Vec<f64> =
        first.points.iter().map(|p| time::micros(&p.at).map_or(f64::NAN, browser::wide)).collect();
    let series = processes.iter().take(LINES).map(|process| {
        let values: Vec<f64> =
            process.points.iter().map(|p| p.sample.as_ref().and_then(pick).unwrap_or(f64::NAN)).collect();
        Series::new(format!("{} {}", process.host, parts::short(&process.process)), values)
    });
    Frame::new(xs, series.collect())
}

fn all(ctx: Ctx, remote: Remote<Resources>, specs: &'static [Spec]) -> AnyView {
    let group = Group::new();
    let zoom = Zoom::new(ctx);
    let remote = remote.keeping();
    let (shown, on_zoom) = (zoom.shown, zoom.on_zoom());
    let old = move || remote.is_old().then_some("true");
    let chart = move |(title, format, log, pick): Spec| {
        let data = Signal::derive(move || {
            remote.data.with(|r| r.as_ref().map_or_else(Frame::empty, |r| frame(&r.processes, pick)))
        });
        let with = move |chart: Chart| {
            let chart = chart.format(format);
            let chart = if log { chart.scale(YScale::Log) } else { chart };
            let chart = chart.status(charts::status(remote));
            remote.data.with(|r| match r {
                Some(r) => charts::ranged(chart.clone(), &r.from, &r.to, r.step_seconds.0),
                None => chart.clone(),
            })
        };
        let with = move |chart: Chart| zoom.within(with(chart));
        view! { <LineChart title data group range=shown on_zoom height=160.0 with/> }
    };
    let left = move || {
        remote.data.with(|r| {
            let r = r.as_ref()?;
            let more = r.processes.len().saturating_sub(LINES);
            (more > 0 || r.left_out > 0).then(|| {
                view! { <p class="fp-small">{text::THE_CHARTS_SHOW} {LINES} {text::PROCESSES_THERE_WERE_MORE}</p> }
            })
        })
    };
    view! { {parts::remote_error(remote)} <div class="fp-charts" aria-busy=old>{specs.iter().copied().map(chart).collect_view()}</div> {left} }
        .into_any()
}

pub(crate) fn page(ctx: Ctx) -> AnyView {
    parts::page(
        text::RESOURCES,
        view! {
            <p class="fp-small fp-line">{text::WHAT_EACH_WORKER_PROCESS_USED}</p>
            {charts::ranges(ctx)}
            {all(ctx, remote(ctx), &OF_HOSTS)}
        },
    )
}

/// The charts of the database's page.
pub(crate) fn of_database(ctx: Ctx) -> AnyView {
    view! { {charts::ranges(ctx)} {all(ctx, remote(ctx), &OF_DATABASE)} }.into_any()
}

#[cfg(test)]
mod tests {
    use super::super::measured;
    use super::*;
    use forge_jobs_api::wire::ResourcePoint;

    /// Processes come from the server in their order: those that live first, then those that were watched last.
    #[test]
    fn the_first_processes_have_a_line_each() {
        let process = |n: usize| ProcessResources {
            process: format!("0195e000-0000-7000-8000-{n:012}"),
            host: format!("web-{n}"),
            points: vec![ResourcePoint {
                at: "1970-01-01T00:00:05Z".into(),
                sample: Some(measured::sample()),
            }],
        };
        let processes: Vec<_> = (0..=LINES).map(process).collect();
        let frame = frame(&processes, |s| Some(charts::count(s.busy)));
        let names: Vec<_> = frame.series().iter().map(Series::name).collect();
        assert_eq!(names, (0..LINES).map(|n| format!("web-{n} {n:08}")).collect::<Vec<_>>());
        assert_eq!((frame.xs(), frame.series()[0].values()), (&[5e6][..], &[77.0][..]));
    }

    #[test]
    fn each_chart_has_the_numbers_of_its_title() {
        let sample = measured::sample();
        let numbers = |(title, _, _, pick): Spec| (title, pick(&sample).unwrap());
        let hosts = [
            ("Processors: 100 % is one of them", 0.25),
            ("Memory", 1_000.0),
            ("Read from disks, per second", 2.0),
            ("Written to disks, per second", 5.0),
            ("Free on the volume", 7_000.0),
        ];
        assert_eq!(OF_HOSTS.map(numbers), hosts);
        let database = [
            ("Reads, p95", 12.0),
            ("Writes, p95", 22.0),
            ("Operations per minute", 20.0),
            ("Connections in use, of those that may be open", 0.375),
            ("Calls that waited for a connection", 6.0),
            ("Waits for another process's lock", 77.0),
        ];
        assert_eq!(OF_DATABASE.map(numbers), database);
    }
}
