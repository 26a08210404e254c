//! What happened over a range of time, as charts. They share range, crosshair and zoom.

use super::zoom::Zoom;
use crate::app::memo;
use crate::app::{Ctx, Remote, browser};
use crate::model::range::{self, PRESETS, Range};
use crate::model::time;
use crate::parts;
use crate::text;
use forge_charts::chart::{Chart, Mark, Status, YScale};
use forge_charts::data::{Frame, Series};
use forge_charts::format::Format;
use forge_charts::view::{AreaChart, Group, LineChart, browser_zone};
use forge_jobs_api::wire::{
    Latency, Process, Seconds, Tally, Timeline, TimelineBy, TimelineLine, TimelineQuery,
};
use leptos::prelude::*;
use serde::Serialize;

/// Points of a line: twice as many as there are pixels help nobody.
const POINTS: u32 = 240;
/// Between two looks at a range that moves, in seconds.
const EVERY: i64 = 5;

/// The range of the address.
pub(crate) fn range(ctx: Ctx) -> Memo<Range> {
    memo(move |_| ctx.place.with(Range::of))
}

/// Asks again now and then while the range moves and nobody has stopped that.
pub(crate) fn keep_moving<T: Serialize + Send + Sync + 'static>(
    ctx: Ctx,
    remote: Remote<T>,
    range: Memo<Range>,
) {
    remote.every(ctx, EVERY, move || range.with(Range::moves));
}

/// The lines of a range.
pub(crate) fn timeline(ctx: Ctx, by: TimelineBy, name: Option<String>) -> Remote<Timeline> {
    let range = range(ctx);
    let query = move || {
        let (from, to, last) = range.get().asked();
        Some(TimelineQuery {
            by: Some(by),
            name: name.clone(),
            from,
            to,
            last_seconds: last.map(Seconds),
            points: Some(POINTS),
            ..TimelineQuery::default()
        })
    };
    let remote = Remote::new(ctx, &[], query, |ipc, query: TimelineQuery| {
        Box::pin(async move { ipc.timeline(&query).await })
    });
    keep_moving(ctx, remote, range);
    remote
}

/// The ranges, as links; and the way back from a zoom.
pub(crate) fn ranges(ctx: Ctx) -> AnyView {
    let now = range(ctx);
    let link = move |(word, _): (&'static str, f64)| {
        let href = move || ctx.href(&range::preset(ctx.place.get(), word));
        let current = move || matches!(now.get(), Range::Last(w, _) if w == word).then_some("true");
        view! { <a href=href aria-current=current>{word}</a> }
    };
    let back = move || {
        if let Range::Fixed(from, to) = now.get() {
            let shown =
                [&from, &to].map(|t| time::micros(t).map(browser::local).unwrap_or_default()).join(" to ");
            let href = ctx.href(&range::zoomed(ctx.place.get(), None));
            Some(
                view! { <span class="fp-small">{shown}</span> <a class="fp-button" href=href>{text::BACK_TO_LIVE}</a> },
            )
        } else {
            None
        }
    };
    view! { <nav class="fp-ranges" aria-label=text::RANGE_OF_THE_CHARTS>{PRESETS.map(link).collect_view()} {back}</nav> }
        .into_any()
}

/// The options that all charts of a range have.
pub(crate) fn ranged(chart: Chart, from: &str, to: &str, step: f64) -> Chart {
    let (Some(from), Some(to)) = (time::micros(from), time::micros(to)) else { return chart };
    chart
        .range(browser::wide(from), browser::wide(to))
        .bucket(step * 1e6)
        .zone(browser_zone(from / 1_000_000 - 86_400, to / 1_000_000 + 86_400))
}

/// The columns of a line.
fn frame(line: Option<&TimelineLine>, series: &[Column]) -> Frame {
    let Some(line) = line else { return Frame::empty() };
    let xs: Vec<f64> =
        line.points.iter().map(|p| time::micros(&p.at).map_or(f64::NAN, browser::wide)).collect();
    let columns = series.iter().map(|(name, slot, pick)| {
        let values: Vec<f64> =
            line.points.iter().map(|p| p.tally.as_ref().and_then(pick).unwrap_or(f64::NAN)).collect();
        Series::new(*name, values).with_slot(*slot)
    });
    Frame::new(xs, columns.collect())
}

#[expect(clippy::cast_precision_loss, reason = "counts of a bucket are far below 2^53")]
pub(crate) const fn count(value: u64) -> f64 {
    value as f64
}

const fn failed(tally: &Tally) -> u64 {
    let dead = &tally.dead;
    dead.exhausted + dead.discarded + dead.poison + dead.undecodable
}

type Pick = fn(&Tally) -> Option<f64>;

/// A line of a chart: its name, its place in the palette, and where its numbers come from.
type Column = (&'static str, u8, Pick);

const WORK: [Column; 4] = [
    ("enqueued", 0, |t| Some(count(t.enqueued))),
    ("completed", 2, |t| Some(count(t.done))),
    ("retried", 1, |t| Some(count(t.retried + t.throttled + t.crashed))),
    ("failed", 3, |t| Some(count(failed(t)))),
];

const fn p50(l: Option<Latency>) -> Option<f64> {
    match l {
        Some(l) => Some(l.p50_seconds.0),
        None => None,
    }
}
const fn p95(l: Option<Latency>) -> Option<f64> {
    match l {
        Some(l) => Some(l.p95_seconds.0),
        None => None,
    }
}
const fn p99(l: Option<Latency>) -> Option<f64> {
    match l {
        Some(l) => Some(l.p99_seconds.0),
        None => None,
    }
}

const WAIT: [Column; 3] =
    [("p50", 0, |t| p50(t.wait)), ("p95", 1, |t| p95(t.wait)), ("p99", 3, |t| p99(t.wait))];
const RUN: [Column; 3] = [("p50", 0, |t| p50(t.run)), ("p95", 1, |t| p95(t.run)), ("p99", 3, |t| p99(t.run))];
const LIFE: [Column; 3] =
    [("p50", 0, |t| p50(t.life)), ("p95", 1, |t| p95(t.life)), ("p99", 3, |t| p99(t.life))];
const OLDEST: [Column; 1] = [("age", 4, |t| t.oldest_waiting_seconds.map(|s| s.0))];

/// The charts below the one of work: the title, the lines, and whether they spread over magnitudes.
const TIMES: [(&str, &[Column], bool); 4] = [
    (text::WAIT_FROM_DUE_TO_STARTED, &WAIT, true),
    (text::RUN_FROM_STARTED_TO_ENDED, &RUN, true),
    (text::END_TO_END_FROM_ENQUEUED, &LIFE, true),
    (text::AGE_OF_THE_OLDEST_WAITING_JOB, &OLDEST, false),
];

/// What a chart says of its data: that it comes, or why it does not.
pub(crate) fn status<T: Send + Sync + 'static>(remote: Remote<T>) -> Status {
    match remote.error.get() {
        Some(error) => Status::Error(error.message()),
        None if remote.data.with(Option::is_none) => Status::Loading,
        None => Status::Ready,
    }
}

/// The charts of one line: work, then how long things took.
///
/// `deploys` are pointed out in each of them.
pub(crate) fn of_line(ctx: Ctx, remote: Remote<Timeline>, deploys: Signal<Vec<(i64, String)>>) -> AnyView {
    let group = Group::new();
    let zoom = Zoom::new(ctx);
    let remote = remote.keeping();
    let data = move |series: &'static [Column]| {
        Signal::derive(move || remote.data.with(|t| frame(t.as_ref().and_then(|t| t.lines.first()), series)))
    };
    let with = move |log: bool, seconds: bool| {
        move |chart: Chart| {
            // The last bucket of a range that is over has its end.
            let fills = remote.data.with(|t| {
                let to = t.as_ref().and_then(|t| time::micros(&t.to));
                to.is_none_or(|to| to > ctx.now.get_untracked())
            });
            let chart = if seconds { chart.format(Format::Seconds) } else { chart.open_last(fills) };
            let chart = if log { chart.scale(YScale::Log) } else { chart };
            let marks =
                deploys.with(|all| all.iter().map(|(at, what)| Mark::at(browser::wide(*at), what)).collect());
            let chart = chart.marks(marks);
            let chart = chart.status(status(remote));
            remote.data.with(|t| match t {
                Some(t) => ranged(chart.clone(), &t.from, &t.to, t.step_seconds.0),
                None => chart.clone(),
            })
        }
    };
    let with = move |log: bool, seconds: bool| {
        let with = with(log, seconds);
        move |chart: Chart| zoom.within(with(chart))
    };
    let (shown, on_zoom) = (zoom.shown, zoom.on_zoom());
    let old = move || remote.is_old().then_some("true");
    let step = move || {
        remote.data.with(|t| t.as_ref().map(|t| text::work_in_steps(&parts::chosen(t.step_seconds.0))))
    };
    let title = Signal::derive(move || step().unwrap_or_else(|| text::WORK.into()));
    let times = move |(title, series, log): (&'static str, &'static [Column], bool)| {
        view! { <LineChart title data=data(series) group range=shown on_zoom height=160.0 with=with(log, true)/> }
    };
    view! {
        <div class="fp-charts fp-charts-wide" aria-busy=old>
            <AreaChart title data=data(&WORK) group range=shown on_zoom height=200.0 with=with(false, false)/>
        </div>
        <div class="fp-charts" aria-busy=old>
            {TIMES.map(times).collect_view()}
        </div>
    }
    .into_any()
}

/// When each version began to work: the first of its processes that is still registered.
pub(crate) fn deploys(processes: &[Process]) -> Vec<(i64, String)> {
    let mut first: Vec<(i64, String)> = Vec::new();
    for process in processes {
        let Some(at) = time::micros(&process.started_at) else { continue };
        match first.iter_mut().find(|(_, version)| *version == process.version) {
            Some((known, _)) => *known = (*known).min(at),
            None => first.push((at, process.version.clone())),
        }
    }
    first.sort();
    first
}

/// Completed jobs of a line, for a small chart.
pub(crate) fn small(line: &TimelineLine) -> Frame {
    frame(Some(line), &WORK[1..2])
}

#[cfg(test)]
mod tests {
    use super::super::measured;
    use super::*;
    use forge_jobs_api::wire::{BoundedCount, TimelineOf, TimelinePoint};

    /// The name and the number of each line of a chart.
    fn lines(frame: &Frame) -> Vec<(&str, f64)> {
        frame.series().iter().map(|series| (series.name(), series.values()[0])).collect()
    }

    #[test]
    fn each_line_of_a_chart_has_the_numbers_of_its_name() {
        let tally = Some(measured::tally());
        let points = vec![TimelinePoint { at: "1970-01-01T00:00:05Z".into(), tally }];
        let line = TimelineLine { of: TimelineOf::All, name: None, points, sum: Tally::default() };
        let work = frame(Some(&line), &WORK);
        assert_eq!(work.xs(), [5e6]);
        // What somebody cancelled has not failed.
        let failed = 64.0 + 128.0 + 512.0 + 1_024.0;
        let wanted =
            [("enqueued", 1.0), ("completed", 4.0), ("retried", 8.0 + 16.0 + 32.0), ("failed", failed)];
        assert_eq!(lines(&work), wanted);
        assert_eq!(lines(&small(&line)), [("completed", 4.0)]);
        let times = |[p50, p95, p99]: [f64; 3]| vec![("p50", p50), ("p95", p95), ("p99", p99)];
        let found = TIMES.map(|(title, columns, _)| (title, frame(Some(&line), columns)));
        let found = found.each_ref().map(|(title, frame)| (*title, lines(frame)));
        let wanted = [
            ("Wait: from due to started", times([11.0, 12.0, 13.0])),
            ("Run: from started to ended", times([21.0, 22.0, 23.0])),
            ("End to end: from enqueued to finished", times([31.0, 32.0, 33.0])),
            ("Age of the oldest waiting job", vec![("age", 41.0)]),
        ];
        assert_eq!(found, wanted);
    }

    fn process(version: &str, started_at: &str) -> Process {
        Process {
            id: "p".into(),
            host: "web-1".into(),
            pid: 1,
            version: version.into(),
            kinds: None,
            queues: None,
            started_at: started_at.into(),
            beat_at: started_at.into(),
            heartbeat_seconds: Seconds(10.0),
            stale_seconds: Seconds(45.0),
            stopping: false,
            late: false,
            live: true,
            holds: BoundedCount { count: 0, more: false },
        }
    }

    #[test]
    fn a_version_is_marked_where_its_first_process_began() {
        let found = deploys(&[
            process("2", "1970-01-01T00:00:09Z"),
            process("1", "1970-01-01T00:00:05Z"),
            process("2", "1970-01-01T00:00:08Z"),
            process("3", "no time"),
        ]);
        assert_eq!(found, [(5_000_000, "1".to_owned()), (8_000_000, "2".to_owned())]);
    }
}
