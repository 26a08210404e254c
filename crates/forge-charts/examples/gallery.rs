//! Every chart in every state, each with its code: `cargo xtask gallery` builds it and says where it is.
//!
//! The code beside a chart is cut out of this file, between `// show: name` and the next such line.

#![allow(clippy::suboptimal_flops, reason = "as in the crate: plain products and sums read better")]

use forge_charts::chart::{Chart, Fit, Mark, Status, YScale};
use forge_charts::data::{Frame, Series};
use forge_charts::format::Format;
use forge_charts::time::{HOUR, MINUTE};
use forge_charts::view::{AreaChart, BarChart, ChartView, Group, LineChart, MiniChart, Styles, browser_zone};
use leptos::prelude::*;

const SOURCE: &str = include_str!("gallery.rs");
/// 2026-11-29T13:30:00Z.
const START: f64 = 1_795_959_000e6;

/// Numbers that look random and are the same at every start.
fn noise(seed: u32) -> impl FnMut() -> f64 {
    let mut state = seed;
    move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f64::from(state >> 8) / f64::from(1_u32 << 24)
    }
}

fn wave(seed: u32, count: u32, height: f64, period: f64) -> Vec<f64> {
    let mut noise = noise(seed);
    let value = |i: u32, noise: f64| {
        let wave = (f64::from(i) / period * std::f64::consts::TAU).sin();
        (height * 0.5_f64.mul_add(wave, 0.35_f64.mul_add(noise - 0.5, 1.0))).round()
    };
    (0..count).map(|i| value(i, noise())).collect()
}

fn counts() -> Frame {
    let mut failed = wave(3, 60, 9.0, 13.0);
    failed[41] = 64.0;
    let series = vec![
        Series::new("completed", wave(1, 60, 120.0, 40.0)),
        Series::new("retried", wave(2, 60, 25.0, 25.0)),
        Series::new("failed", failed),
    ];
    Frame::buckets(START, MINUTE, series)
}

fn latencies() -> Frame {
    let mut noise = noise(7);
    let mut columns = [Vec::new(), Vec::new(), Vec::new()];
    for i in 0..120 {
        let gap = (70..78).contains(&i);
        let base = 0.004 * (1.0 + noise());
        let tail = base * 900.0_f64.mul_add(noise().powi(6), 40.0);
        for (column, value) in columns.iter_mut().zip([base, base * 20.0_f64.mul_add(noise(), 6.0), tail]) {
            column.push(if gap { f64::NAN } else { value });
        }
    }
    let series = ["p50", "p95", "p99"].into_iter().zip(columns).map(|(n, c)| Series::new(n, c));
    Frame::buckets(START, MINUTE / 2.0, series.collect())
}

fn many() -> Frame {
    let values = wave(11, 100_000, 50.0, 9000.0);
    Frame::buckets(START, 1e6, vec![Series::new("jobs", values)])
}

/// The code of an entry.
fn code(name: &str) -> &'static str {
    let Some((_, after)) = SOURCE.split_once(&format!("// show: {name}\n")) else { return "" };
    after.split("// show:").next().unwrap_or(after).trim_end()
}

#[component]
fn Entry(name: &'static str, children: Children) -> impl IntoView {
    view! {
        <section id=name>
            <h2>{name}</h2>
            {children()}
            <details class="code">
                <summary>"Code"</summary>
                <pre tabindex="0"><code>{code(name)}</code></pre>
            </details>
        </section>
    }
}

#[component]
fn Areas(group: Group) -> impl IntoView {
    let zone = browser_zone(1_767_225_600, 1_830_297_600);
    let local = move |chart: Chart| chart.zone(zone.clone());
    view! {
        <Entry name="area">
            // show: area
            <AreaChart title="Jobs per minute" data=counts() group with=local/>
            // show: end
        </Entry>
        <Entry name="stacked">
            // show: stacked
            <AreaChart title="Jobs per minute, stacked" data=counts() stacked=true group
                with=|chart: Chart| chart.open_last(true).marks(vec![
                    Mark::at(START + 12.0 * MINUTE, "deploy 1.4.0"),
                    Mark::span(START + 40.0 * MINUTE, START + 45.0 * MINUTE, "incident 7"),
                    Mark::level(200.0, "limit"),
                ])/>
            // show: end
        </Entry>
        <Entry name="lines">
            // show: lines
            <LineChart title="Time to start" data=latencies() group
                with=|chart: Chart| chart.format(Format::Seconds).scale(YScale::Log)/>
            // show: end
        </Entry>
    }
}

#[component]
fn Bars() -> impl IntoView {
    let names = ["mail", "reports", "images", "billing", "webhooks", "search index"];
    let waiting = Series::new("waiting", [120.0, 80.0, 260.0, 12.0, 0.0, 97.0]);
    let by_queue = Frame::buckets(0.0, 1.0, vec![waiting]);
    view! {
        <Entry name="stacked-bars">
            // show: stacked-bars
            <BarChart title="Jobs per minute, in bars" data=counts() stacked=true
                with=|chart: Chart| chart.open_last(true)/>
            // show: end
        </Entry>
        <Entry name="bars">
            // show: bars
            <BarChart title="Jobs per minute, side by side" data=counts()/>
            // show: end
        </Entry>
        <Entry name="bars-names">
            // show: bars-names
            <BarChart title="Waiting jobs by queue" data=by_queue with=move |chart: Chart| chart.names(names)/>
            // show: end
        </Entry>
    }
}

#[component]
fn States() -> impl IntoView {
    let none = |status: Status| {
        Chart::area("Jobs per minute", Frame::empty()).range(START, START + HOUR).status(status)
    };
    let broken = || Status::Error("The server could not be reached. It is tried again in 5 s.".into());
    let empty = none(Status::Ready);
    let loading = none(Status::Loading);
    let failed = none(broken());
    let stale = Chart::area("Jobs per minute", counts()).status(broken());
    view! {
        <Entry name="empty">
            // show: empty
            <ChartView chart=empty/>
            // show: end
        </Entry>
        <Entry name="loading">
            // show: loading
            <ChartView chart=loading/>
            // show: end
        </Entry>
        <Entry name="error">
            // show: error
            <ChartView chart=failed/>
            // show: end
        </Entry>
        <Entry name="error-with-data">
            // show: error-with-data
            <ChartView chart=stale/>
            // show: end
        </Entry>
    }
}

/// A chart whose host decides the range, and one whose data moves.
#[component]
fn Hosts() -> impl IntoView {
    let (range, set_range) = signal(None::<(f64, f64)>);
    let asked = RwSignal::new(0_u32);
    let refetch = move |wanted| {
        asked.update(|n| *n += 1);
        set_range.set(wanted);
    };
    let live = RwSignal::new(counts());
    let tick = move |_| {
        live.update(|frame| {
            let xs: Vec<f64> =
                frame.xs()[1..].iter().copied().chain(frame.bounds().map(|b| b.1 + MINUTE)).collect();
            let turn = |s: &Series| {
                let values: Vec<f64> = s.values()[1..].iter().chain(&s.values()[..1]).copied().collect();
                Series::new(s.name().to_owned(), values)
            };
            *frame = Frame::new(xs, frame.series().iter().map(turn).collect());
        });
    };
    let huge = many();
    view! {
        <Entry name="controlled">
            // show: controlled
            <AreaChart title="Controlled range" data=counts() range=range on_zoom=refetch/>
            <p>"Asked for " <output>{asked}</output> " ranges"</p>
            // show: end
        </Entry>
        <Entry name="live">
            // show: live
            <AreaChart title="Live" data=live stacked=true with=|chart: Chart| chart.open_last(true)/>
            <button type="button" id="tick" on:click=tick>"One minute on"</button>
            // show: end
        </Entry>
        <Entry name="many">
            // show: many
            <AreaChart title="100,000 points" data=huge with=|chart: Chart| chart.fit(Fit::Data)/>
            // show: end
        </Entry>
        <Entry name="mini">
            // show: mini
            <p>"completed " <MiniChart title="Completed per minute" data=Frame::buckets(START, MINUTE,
                vec![Series::new("completed", wave(1, 60, 120.0, 40.0))])/></p>
            // show: end
        </Entry>
    }
}

const PAGE: &str = "
body { margin: 0; padding: 16px; font: 14px/1.5 system-ui, sans-serif; background: #f4f5f7; color: #1b2430; }
main { display: grid; gap: 16px; grid-template-columns: repeat(auto-fit, minmax(min(420px, 100%), 1fr)); }
section { min-width: 0; padding: 12px; border-radius: 8px; background: #fff; }
h1 { font-size: 20px; } h2 { margin: 0 0 8px; font-size: 13px; font-weight: 400; color: #566170; }
pre { overflow: auto; font-size: 12px; }
[data-theme=dark] body { background: #0d0f13; color: #e8ebf0; }
[data-theme=dark] section { background: #16191f; } [data-theme=dark] h2 { color: #a3adba; }
";

#[component]
fn Gallery() -> impl IntoView {
    let group = Group::new();
    let dark = RwSignal::new(false);
    Effect::new(move |_| {
        if let Some(root) = document().document_element() {
            let theme = if dark.get() { "dark" } else { "light" };
            // An attribute with a constant name is always accepted.
            let _ = root.set_attribute("data-theme", theme);
        }
    });
    view! {
        <Styles/>
        <style>{PAGE}</style>
        <header><h1>"forge-charts"</h1>
        <p><button type="button" id="theme" on:click=move |_| dark.update(|d| *d = !*d)>"Light or dark"</button></p></header>
        <main><Areas group/><Bars/><Hosts/><States/></main>
    }
}

fn main() {
    if cfg!(target_arch = "wasm32") {
        mount_to_body(Gallery);
    } else {
        println!("the gallery is a page: `cargo xtask gallery` builds it and says where it is");
    }
}
