//! The page's share of leptos-chartistry: mounts a chart and changes its data when the page says so.

use chart_bench::{Noise, column, second};
use leptos::mount::{UnmountHandle, mount_to};
use leptos::prelude::*;
use leptos_chartistry::{
    AspectRatio, AxisMarker, Chart, Interpolation, IntoInner as _, Legend, Line, Series, TickLabels, Tooltip,
    XGridLine, XGuideLine, YGridLine,
};
use std::any::Any;
use std::cell::RefCell;
use wasm_bindgen::prelude::wasm_bindgen;

/// A point: x, and the value of each series.
#[derive(Clone)]
struct Row(f64, [f64; 5]);

struct Shown {
    data: RwSignal<Vec<Row>>,
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

/// Rows that are to be drawn, made before the time counts.
#[wasm_bindgen]
pub struct Columns(Vec<Row>, u32);

/// Columns of noise.
#[wasm_bindgen]
pub fn columns(seed: u32, series: u32, points: u32) -> Columns {
    let columns: Vec<Vec<f64>> = (0..series).map(|i| column(seed + i, points)).collect();
    let row = |at: u32| {
        let value = |i: usize| columns.get(i).map_or(f64::NAN, |c| c[at as usize]);
        Row(second(at), std::array::from_fn(value))
    };
    Columns((0..points).map(row).collect(), series)
}

/// Draws a chart of straight lines, with the same parts as the others: axes, grid, legend, tooltip.
#[wasm_bindgen]
pub fn mount(root: web_sys::HtmlElement, columns: Columns, _lines: bool) {
    let next = u32::try_from(columns.0.len()).unwrap_or(0);
    let count = columns.1 as usize;
    let data = RwSignal::new(columns.0);
    let handle = mount_to(root, move || {
        let series = (0..count).fold(Series::new(|row: &Row| row.0), |series, i| {
            let line = Line::new(move |row: &Row| row.1[i]).with_name(format!("series {i}"));
            series.line(line.with_interpolation(Interpolation::Linear))
        });
        view! {
            <Chart aspect_ratio=AspectRatio::from_outer_ratio(800.0, 340.0) series data
                left=TickLabels::aligned_floats() bottom=TickLabels::aligned_floats() top=Legend::end()
                inner=[
                    AxisMarker::left_edge().into_inner(), AxisMarker::bottom_edge().into_inner(),
                    XGridLine::default().into_inner(), YGridLine::default().into_inner(),
                    XGuideLine::over_data().into_inner(),
                ]
                tooltip=Tooltip::left_cursor()/>
        }
    });
    let shown = Shown { data, noise: Noise::new(7), next, _handle: keep(handle) };
    SHOWN.with_borrow_mut(|place| *place = Some(shown));
}

/// Other data in place of the present one.
#[wasm_bindgen]
pub fn replace(columns: Columns) {
    SHOWN.with_borrow(|shown| {
        if let Some(shown) = shown {
            shown.data.set(columns.0);
        }
    });
}

/// One point more, and the oldest one goes.
#[wasm_bindgen]
pub fn append() {
    SHOWN.with_borrow_mut(|shown| {
        let Some(shown) = shown else { return };
        let x = second(shown.next);
        shown.next += 1;
        let noise = &mut shown.noise;
        shown.data.update(|rows| {
            rows.remove(0);
            rows.push(Row(x, std::array::from_fn(|_| noise.next().unwrap_or(0.0))));
        });
    });
}

/// Takes the chart out of the page.
#[wasm_bindgen]
pub fn unmount() {
    SHOWN.with_borrow_mut(Option::take);
}

fn main() {}
