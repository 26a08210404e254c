//! Pictures of every chart, in every state and for every degenerate input, compared with files.
//!
//! `FORGE_BLESS=1 cargo test -p forge-charts --test golden` writes the files anew; look at them before you commit them.
#![allow(clippy::suboptimal_flops, reason = "as in the crate: plain products and sums read better")]

mod support;

use forge_charts::chart::{Chart, Fit, Kind, Mark, Showing, Status, YScale};
use forge_charts::data::{Frame, Series};
use forge_charts::format::Format;
use forge_charts::svg::Document;
use forge_charts::theme::Theme;
use forge_charts::time::{DAY, HOUR, MINUTE, Zone};
use std::path::PathBuf;
use support::{START, counts, latencies, one, wave};

const SIZE: (f64, f64) = (640.0, 220.0);

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(format!("{name}.svg"))
}

/// Compares a document with its file, or writes it.
#[track_caller]
fn golden(name: &str, document: &str) {
    well_formed(document);
    let path = file(name);
    if std::env::var_os("FORGE_BLESS").is_some() {
        std::fs::write(&path, document).expect("the file can be written");
        return;
    }
    let expected = std::fs::read_to_string(&path)
        .unwrap_or_else(|e| panic!("{}: {e}; run it with FORGE_BLESS=1", path.display()));
    if expected != document {
        let line = expected.lines().zip(document.lines()).position(|(a, b)| a != b).unwrap_or(0);
        let show = |text: &str| text.lines().nth(line).unwrap_or("").chars().take(300).collect::<String>();
        panic!("{name}, line {}:\n  was {}\n  is  {}", line + 1, show(&expected), show(document));
    }
}

/// Every element is closed in its order, and no number went wrong.
#[track_caller]
fn well_formed(document: &str) {
    let mut open = Vec::new();
    for part in document.split('<').skip(1) {
        let (tag, _) = part.split_once('>').expect("a tag ends");
        let name = tag.split([' ', '/']).find(|n| !n.is_empty()).expect("a tag has a name");
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name));
        } else if !tag.ends_with('/') {
            open.push(name);
        }
        for wrong in ["NaN", "inf", "\"e", "undefined"] {
            let attributes = tag.split('"').skip(1).step_by(2).collect::<String>();
            assert!(!attributes.contains(wrong), "{wrong} in {tag}");
        }
    }
    assert_eq!(open, [""; 0]);
}

fn draw(name: &str, chart: &Chart) {
    golden(name, &Document::default().write(&chart.scene(SIZE, &Showing::default())));
}

fn berlin() -> Zone {
    // 2026: forward on 29 March, back on 25 October, both at 01:00 UTC.
    Zone::table(3600, [(1_774_746_000, 7200), (1_792_890_000, 3600)])
}

fn deploys() -> Vec<Mark> {
    vec![
        Mark::at(START + 12.0 * MINUTE, "deploy 1.4.0"),
        Mark::at(START + 14.0 * MINUTE, "deploy 1.4.1"),
        Mark::span(START + 40.0 * MINUTE, START + 45.0 * MINUTE, "incident 7"),
        Mark::level(200.0, "limit"),
    ]
}

#[test]
fn every_kind() {
    draw("area", &Chart::area("Jobs per minute", counts()).zone(berlin()));
    draw("stacked", &Chart::stacked("Jobs per minute", counts()).zone(berlin()).open_last(true));
    draw("lines", &Chart::lines("Time to start", latencies()).format(Format::Seconds).open_last(true));
    draw("bars", &Chart::bars("Jobs per minute", counts().top(2, "other")).open_last(true));
    draw("stacked-bars", &Chart::stacked_bars("Jobs per minute", counts()).open_last(true));
    let names = ["mail", "reports", "images", "billing", "webhooks", "search index"];
    let values = Series::new("waiting", [120.0, 80.0, 260.0, 12.0, 0.0, 97.0]);
    let frame = Frame::buckets(0.0, 1.0, vec![values]);
    draw("bars-names", &Chart::bars("Waiting jobs by queue", frame).names(names));
    let mini = Chart::mini("Jobs per minute", one("jobs", wave(1, 60, 120.0, 40.0)));
    golden("mini", &Document::default().write(&mini.scene((120.0, 32.0), &Showing::default())));
    let steps = Frame::new(
        (0..50).map(f64::from).collect::<Vec<_>>(),
        vec![Series::new("load", wave(9, 50, 40.0, 30.0).into_iter().map(|v| v / 100.0).collect::<Vec<_>>())],
    );
    draw(
        "lines-numbers",
        &Chart::lines("Load by batch size", steps).numbers(Format::Number).format(Format::Percent),
    );
}

#[test]
fn on_a_dark_ground_in_every_width() {
    let document = Document::default().theme(Theme::dark());
    let stacked = Chart::stacked("Jobs per minute", counts()).marks(deploys()).open_last(true);
    for (name, size) in [
        ("dark", SIZE),
        ("dark-narrow", (300.0, 180.0)),
        ("dark-tiny", (90.0, 50.0)),
        ("dark-wide", (1280.0, 260.0)),
    ] {
        golden(name, &document.write(&stacked.scene(size, &Showing::default())));
    }
    let lines = Chart::lines("Time to start", latencies()).format(Format::Seconds).scale(YScale::Log);
    golden("dark-lines", &document.write(&lines.scene(SIZE, &Showing::default())));
}

#[test]
fn marks_and_scales() {
    draw("marks", &Chart::area("Jobs per minute", counts()).marks(deploys()));
    let latency = Chart::lines("Time to start", latencies()).format(Format::Seconds);
    draw("log", &latency.scale(YScale::Log).marks(vec![Mark::level(1.0, "promised: 1 s")]));
    let drift = one("drift", (0..60).map(|i| (f64::from(i) - 30.0).powi(3)).collect());
    draw("symlog", &Chart::lines("Clock drift", drift).scale(YScale::Symlog(10.0)));
    draw("fit-data", &Chart::lines("Workers", one("workers", wave(5, 60, 1000.0, 200.0))).fit(Fit::Data));
    draw(
        "fixed",
        &Chart::area("Workers", one("workers", wave(5, 60, 50.0, 20.0))).fit(Fit::Fixed(20.0, 60.0)),
    );
    let bytes = one("heap", wave(4, 60, 3e8, 30.0));
    draw("bytes", &Chart::area("Memory", bytes).format(Format::Bytes));
}

#[test]
fn every_state() {
    let with = |status| Chart::stacked("Jobs per minute", counts()).status(status);
    let without =
        |status| Chart::stacked("Jobs per minute", Frame::empty()).range(START, START + HOUR).status(status);
    draw("empty", &without(Status::Ready));
    draw("empty-without-range", &Chart::area("Jobs per minute", Frame::empty()));
    draw("loading", &without(Status::Loading));
    draw("loading-again", &with(Status::Loading));
    let why =
        "The server could not be reached: connection refused (127.0.0.1:7070). It is tried again in 5 s.";
    draw("error", &without(Status::Error(why.into())));
    draw("error-again", &with(Status::Error(why.into())));
    let mut showing = Showing::default();
    showing.hidden.push("completed".into());
    showing.range = Some((START + 20.0 * MINUTE, START + 50.0 * MINUTE));
    let chart = Chart::stacked_bars("Jobs per minute", counts()).marks(deploys());
    golden("zoomed-one-hidden", &Document::default().write(&chart.scene(SIZE, &showing)));
    showing.hidden.extend(["retried".to_owned(), "failed".to_owned()]);
    golden("all-hidden", &Document::default().write(&chart.scene(SIZE, &showing)));
}

/// Each kind with the same degenerate values.
fn degenerate(name: &str, frame: &Frame) {
    for kind in [Kind::Area, Kind::Stacked, Kind::Lines, Kind::Bars, Kind::StackedBars, Kind::Mini] {
        let chart = Chart::new(kind, format!("{}: {name}", kind.name()), frame.clone());
        let size = if kind == Kind::Mini { (120.0, 32.0) } else { (400.0, 160.0) };
        let kind = kind.name().replace(' ', "-");
        golden(
            &format!("degenerate/{name}-{kind}"),
            &Document::default().write(&chart.scene(size, &Showing::default())),
        );
    }
}

#[test]
fn degenerate_values() {
    let nan = f64::NAN;
    degenerate("no-point", &one("jobs", vec![]));
    degenerate("one-point", &one("jobs", vec![42.0]));
    degenerate("equal", &one("jobs", vec![42.0; 20]));
    degenerate("zeros", &one("jobs", vec![0.0; 20]));
    degenerate("only-nan", &one("jobs", vec![nan; 20]));
    degenerate("gaps", &one("jobs", vec![nan, 3.0, nan, 4.0, 5.0, nan, nan, 2.0, 6.0, 1.0, nan, 7.0, nan]));
    let signs = vec![
        Series::new("in", [3.0, -2.0, 4.0, nan, -5.0, 2.0]),
        Series::new("out", [-1.0, -3.0, 2.0, 4.0, -2.0, 0.0]),
    ];
    degenerate("negative", &Frame::buckets(START, MINUTE, signs));
    degenerate("infinite", &one("jobs", vec![1.0, f64::INFINITY, 2.0, f64::NEG_INFINITY, 3.0]));
    degenerate("small-and-large", &one("jobs", vec![1e-6, 1e15, 3.0, 5e14]));
    degenerate("largest", &one("jobs", vec![f64::MAX, f64::MIN, 0.0, f64::MAX]));
}

#[test]
fn every_length_of_time() {
    let spans = [
        ("1-us", 1.0),
        ("10-us", 10.0),
        ("1-ms", 1e3),
        ("1-s", 1e6),
        ("5-min", 5.0 * MINUTE),
        ("6-h", 6.0 * HOUR),
        ("36-h", 36.0 * HOUR),
        ("10-d", 10.0 * DAY),
        ("3-months", 91.0 * DAY),
        ("18-months", 548.0 * DAY),
        ("10-years", 3653.0 * DAY),
    ];
    for (name, length) in spans {
        let chart =
            Chart::area(name, Frame::new([START, START + length], vec![Series::new("jobs", [2.0, 5.0])]));
        draw(&format!("span/{name}"), &chart.zone(berlin()));
    }
    // Both nights in which clocks are turned.
    for (name, middle) in [("forward", 1_774_746_000e6), ("back", 1_792_890_000e6)] {
        let xs = [middle - 6.0 * HOUR, middle + 6.0 * HOUR];
        let chart = Chart::area(name, Frame::new(xs, vec![Series::new("jobs", [2.0, 5.0])]));
        draw(&format!("span/{name}"), &chart.zone(berlin()));
    }
}

#[test]
fn what_is_too_much_is_reduced_and_keeps_its_peaks() {
    let mut values = wave(11, 100_000, 50.0, 9000.0);
    values[61_234] = 400.0;
    values[30_000..30_400].fill(f64::NAN);
    let frame = Frame::buckets(START, 1e6, vec![Series::new("jobs", values)]);
    for kind in [Kind::Area, Kind::Bars] {
        let scene = Chart::new(kind, "100,000 points", frame.clone()).scene(SIZE, &Showing::default());
        let document = Document::default().write(&scene);
        assert!(document.len() < 80_000, "{}", document.len());
        golden(if kind == Kind::Bars { "many-bars" } else { "many" }, &document);
    }
    let many: Vec<_> = (0..30).map(|i| Series::new(format!("queue {i}"), wave(i, 60, 20.0, 20.0))).collect();
    let frame = Frame::buckets(START, MINUTE, many);
    draw("many-series", &Chart::stacked("Jobs by queue", frame.top(7, "other queues")));
}

#[test]
fn a_line_that_is_a_band_has_no_dashes() {
    let column = |i: u32| Series::new(format!("queue {i}"), wave(i, 3_000, 100.0 * f64::from(i), 900.0));
    let frame = Frame::buckets(START, MINUTE, (1..=3).map(column).collect());
    draw("many-lines", &Chart::lines("3,000 points each", frame));
}

#[test]
fn points_out_of_order_at_one_moment_and_without_a_time() {
    let xs = [3.0, 1.0, 2.0, 2.0, f64::NAN, 5.0].map(|minute| START + minute * MINUTE);
    let frame = Frame::new(xs, vec![Series::new("jobs", [30.0, 10.0, 20.0, 25.0, 99.0])]);
    for kind in [Kind::Area, Kind::StackedBars] {
        let name = format!("degenerate/unordered-{}", kind.name().replace(' ', "-"));
        draw(&name, &Chart::new(kind, "Jobs", frame.clone()));
    }
}

#[test]
fn logarithms_of_what_has_none() {
    let values = vec![0.0, -5.0, 0.001, f64::NAN, 1.0, 1000.0, -1000.0, 0.0];
    for (name, scale) in
        [("log", YScale::Log), ("symlog", YScale::Symlog(1.0)), ("symlog-bad", YScale::Symlog(f64::NAN))]
    {
        let chart = Chart::lines(name, one("drift", values.clone())).scale(scale);
        draw(&format!("degenerate/{name}"), &chart);
    }
    draw(
        "degenerate/log-none-positive",
        &Chart::area("log", one("drift", vec![0.0, -1.0, -5.0])).scale(YScale::Log),
    );
    draw("degenerate/log-one-value", &Chart::area("log", one("drift", vec![7.0; 5])).scale(YScale::Log));
}

#[test]
fn text_from_outside_is_text() {
    let hostile = "<script>alert('&\"')</script>\u{0}\u{1b}";
    let frame =
        Frame::buckets(START, MINUTE, vec![Series::new(hostile, [1.0, 2.0]), Series::new("b", [1.0, 2.0])]);
    let chart = Chart::area(hostile, frame).marks(vec![Mark::at(START, hostile), Mark::level(1.0, hostile)]);
    let document = Document::default().prefix("a\"b").write(&chart.scene(SIZE, &Showing::default()));
    assert!(!document.contains("<script") && !document.contains('\u{0}'));
    golden("hostile", &document);
}
