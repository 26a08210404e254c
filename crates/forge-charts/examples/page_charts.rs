//! The page of `page_empty` with every chart on it: what it weighs more is what the charts weigh.

use forge_charts::chart::Chart;
use forge_charts::data::{Frame, Series};
use forge_charts::view::{AreaChart, BarChart, Group, LineChart, MiniChart, Styles, browser_zone};
use leptos::prelude::*;

fn main() {
    if cfg!(target_arch = "wasm32") {
        mount_to_body(|| {
            let count = RwSignal::new(0_u32);
            let values = move || (0..60).map(|i| f64::from(i % 7 + count.get())).collect::<Vec<_>>();
            let data = Signal::derive(move || Frame::buckets(0.0, 60e6, vec![Series::new("jobs", values())]));
            let zone = browser_zone(1_767_225_600, 1_830_297_600);
            let group = Group::new();
            view! {
                <Styles/>
                <button type="button" on:click=move |_| count.update(|n| *n += 1)>"Jobs: " {count}</button>
                <AreaChart title="Jobs" data stacked=true group
                    with=move |chart: Chart| chart.zone(zone.clone())/>
                <LineChart title="Jobs" data group/>
                <BarChart title="Jobs" data group/>
                <MiniChart title="Jobs" data/>
            }
        });
    } else {
        println!("this is a page: `cargo xtask charts` builds and weighs it");
    }
}
