//! The page's share of forge-charts: mounts a chart and changes its data when the page says so.

use chart_bench::{Noise, column, second};
use forge_charts::data::{Frame, Series};
use forge_charts::view::{AreaChart, Group, LineChart, Styles};
use leptos::mount::{UnmountHandle, mount_to};
use leptos::prelude::*;
use std::any::Any;
use std::cell::RefCell;
use std::sync::Arc;
use wasm_bindgen::prelude::wasm_bindgen;

/// A chart in the page.
struct Shown {
    data: RwSignal<Frame>,
    noise: Noise,
    next: u32,
    _handle: Box<dyn Any>,
}

thread_local! {
    static SHOWN: RefCell<Option<Shown>> = const { RefCell::new(None) };
}

fn keep<M: leptos::tachys::view::Mountable + 'static>(handle: UnmountHandle<M>) -> Box<dyn Any> {
    Box::new(handle)
}

/// Columns that are to be drawn, made before the time counts.
#[wasm_bindgen]
pub struct Columns(Arc<[f64]>, Vec<Arc<[f64]>>);

/// Columns of noise.
#[wasm_bindgen]
pub fn columns(seed: u32, series: u32, points: u32) -> Columns {
    let xs = (0..points).map(|i| second(i) * 1e6).collect();
    Columns(xs, (0..series).map(|i| column(seed + i, points).into()).collect())
}

fn frame(columns: Columns) -> Frame {
    let series = columns.1.into_iter().enumerate();
    Frame::new(columns.0, series.map(|(i, values)| Series::new(format!("series {i}"), values)).collect())
}

/// Draws a chart: `lines`, or else stacked areas.
#[wasm_bindgen]
pub fn mount(root: web_sys::HtmlElement, columns: Columns, lines: bool) {
    let next = u32::try_from(columns.0.len()).unwrap_or(0);
    let data = RwSignal::new(frame(columns));
    let handle = mount_to(root, move || {
        let chart = if lines {
            view! { <LineChart title="Bench" data height=300.0/> }.into_any()
        } else {
            view! { <AreaChart title="Bench" data stacked=true height=300.0/> }.into_any()
        };
        view! { <Styles/>{chart} }
    });
    let shown = Shown { data, noise: Noise::new(7), next, _handle: keep(handle) };
    SHOWN.with_borrow_mut(|place| *place = Some(shown));
}

/// Draws several charts of lines, one below the other, whose crosshairs move together.
#[wasm_bindgen]
pub fn mount_together(root: web_sys::HtmlElement, columns: Columns, charts: u32) {
    let next = u32::try_from(columns.0.len()).unwrap_or(0);
    let data = RwSignal::new(frame(columns));
    let handle = mount_to(root, move || {
        let group = Group::new();
        let one = |_| view! { <LineChart title="Bench" data group height=150.0/> };
        view! { <Styles/>{(0..charts).map(one).collect_view()} }
    });
    let shown = Shown { data, noise: Noise::new(7), next, _handle: keep(handle) };
    SHOWN.with_borrow_mut(|place| *place = Some(shown));
}

/// Other data in place of the present one.
#[wasm_bindgen]
pub fn replace(columns: Columns) {
    SHOWN.with_borrow(|shown| {
        if let Some(shown) = shown {
            shown.data.set(frame(columns));
        }
    });
}

/// One point more, and the oldest one goes.
#[wasm_bindgen]
pub fn append() {
    SHOWN.with_borrow_mut(|shown| {
        let Some(shown) = shown else { return };
        let x = second(shown.next) * 1e6;
        shown.next += 1;
        let noise = &mut shown.noise;
        shown.data.update(|frame| {
            let values: Vec<f64> = noise.take(frame.series().len()).collect();
            frame.push(x, &values, frame.len());
        });
    });
}

/// Takes the chart out of the page.
#[wasm_bindgen]
pub fn unmount() {
    SHOWN.with_borrow_mut(Option::take);
}

fn main() {}
