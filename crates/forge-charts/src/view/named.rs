//! The charts by their names: each is a [`ChartView`] of one kind.

use super::chart::ChartView;
use super::group::Group;
use crate::chart::{Chart, Kind};
use crate::data::Frame;
use leptos::prelude::*;

/// How the series of an [`AreaChart`] lie to each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Layers {
    /// Areas over each other.
    #[default]
    Overlaid,
    /// Areas on top of each other, for counts that add up.
    Stacked,
    /// Lines, for what does not add up.
    Lines,
}

/// The chart that a component describes.
fn describe(
    kind: Signal<Kind>,
    title: Signal<String>,
    data: Signal<Frame>,
    with: Option<Callback<Chart, Chart>>,
) -> Signal<Chart> {
    Signal::derive(move || {
        let chart = Chart::new(kind.get(), title.get(), data.get());
        match with {
            Some(with) => with.run(chart),
            None => chart,
        }
    })
}

/// Areas or lines over time.
#[component]
pub fn AreaChart(
    /// What it shows.
    #[prop(into)]
    title: Signal<String>,
    /// The data.
    #[prop(into)]
    data: Signal<Frame>,
    /// How the series lie to each other. Default: over each other.
    #[prop(optional, into)]
    layers: Signal<Layers>,
    /// Sets the options of the chart; what it reads of signals is followed.
    #[prop(optional, into)]
    with: Option<Callback<Chart, Chart>>,
    /// The charts that this one moves with.
    #[prop(optional)]
    group: Option<Group>,
    /// The range that is shown, when the host decides it.
    #[prop(optional, into)]
    range: Option<Signal<Option<(f64, f64)>>>,
    /// Called when the user zooms or resets (`None`).
    #[prop(optional, into)]
    on_zoom: Option<Callback<Option<(f64, f64)>>>,
    /// The height of the drawing in pixels. Default: 220.
    #[prop(default = 220.0)]
    height: f64,
) -> impl IntoView {
    let kind = Signal::derive(move || match layers.get() {
        Layers::Overlaid => Kind::Area,
        Layers::Stacked => Kind::Stacked,
        Layers::Lines => Kind::Lines,
    });
    let chart = describe(kind, title, data, with);
    view! { <ChartView chart group range on_zoom height/> }
}

/// Bars side by side, one for each series of a bucket.
#[component]
pub fn BarChart(
    /// What it shows.
    #[prop(into)]
    title: Signal<String>,
    /// The data; x is where a bucket begins, or the position of a name.
    #[prop(into)]
    data: Signal<Frame>,
    /// Sets the options of the chart; what it reads of signals is followed.
    #[prop(optional, into)]
    with: Option<Callback<Chart, Chart>>,
    /// The charts that this one moves with.
    #[prop(optional)]
    group: Option<Group>,
    /// The range that is shown, when the host decides it.
    #[prop(optional, into)]
    range: Option<Signal<Option<(f64, f64)>>>,
    /// Called when the user zooms or resets (`None`).
    #[prop(optional, into)]
    on_zoom: Option<Callback<Option<(f64, f64)>>>,
    /// The height of the drawing in pixels. Default: 220.
    #[prop(default = 220.0)]
    height: f64,
) -> impl IntoView {
    let chart = describe(Signal::stored(Kind::Bars), title, data, with);
    view! { <ChartView chart group range on_zoom height/> }
}

/// Bars on top of each other, one pile for each bucket.
#[component]
pub fn StackedBars(
    /// What it shows.
    #[prop(into)]
    title: Signal<String>,
    /// The data; x is where a bucket begins, or the position of a name.
    #[prop(into)]
    data: Signal<Frame>,
    /// Sets the options of the chart; what it reads of signals is followed.
    #[prop(optional, into)]
    with: Option<Callback<Chart, Chart>>,
    /// The charts that this one moves with.
    #[prop(optional)]
    group: Option<Group>,
    /// The range that is shown, when the host decides it.
    #[prop(optional, into)]
    range: Option<Signal<Option<(f64, f64)>>>,
    /// Called when the user zooms or resets (`None`).
    #[prop(optional, into)]
    on_zoom: Option<Callback<Option<(f64, f64)>>>,
    /// The height of the drawing in pixels. Default: 220.
    #[prop(default = 220.0)]
    height: f64,
) -> impl IntoView {
    let chart = describe(Signal::stored(Kind::StackedBars), title, data, with);
    view! { <ChartView chart group range on_zoom height/> }
}
