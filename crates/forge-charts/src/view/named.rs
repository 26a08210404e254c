//! The charts by their names: each is a [`ChartView`] of one kind.

use super::chart::ChartView;
use super::group::Group;
use crate::chart::{Chart, Kind};
use crate::data::Frame;
use leptos::prelude::*;

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

/// Writes a component: the properties that all have, and those of its own.
macro_rules! component {
    ($(#[$doc:meta])* $name:ident, { $($own:tt)* }, $kind:expr) => {
        $(#[$doc])*
        #[component]
        pub fn $name(
            /// What it shows: its name for people and for assistive technology.
            #[prop(into)]
            title: Signal<String>,
            /// The data.
            #[prop(into)]
            data: Signal<Frame>,
            $($own)*
            /// Sets the options of the chart; what it reads of signals is followed.
            #[prop(optional, into)]
            with: Option<Callback<Chart, Chart>>,
            /// The charts that this one moves with. Default: it moves alone.
            #[prop(optional)]
            group: Option<Group>,
            /// The range of x that is shown, when the host decides it; `None` in it is all. Default: the chart decides.
            #[prop(optional, into)]
            range: Option<Signal<Option<(f64, f64)>>>,
            /// Called when the user zooms, or shows all (`None`): the time to fetch finer buckets.
            #[prop(optional, into)]
            on_zoom: Option<Callback<Option<(f64, f64)>>>,
            /// The height of the drawing in pixels, without title and legend. Default: 220.
            #[prop(default = 220.0)]
            height: f64,
        ) -> impl IntoView {
            let chart = describe($kind, title, data, with);
            view! { <ChartView chart group range on_zoom height/> }
        }
    };
}

component! {
    /// Lines, for what does not add up: percentiles, gauges.
    LineChart, {}, Signal::stored(Kind::Lines)
}

component! {
    /// Areas, from zero or on top of each other.
    AreaChart, {
        /// Whether areas lie on top of each other, for counts that add up. Default: no, each begins at zero.
        #[prop(optional, into)]
        stacked: Signal<bool>,
    }, Signal::derive(move || if stacked.get() { Kind::Stacked } else { Kind::Area })
}

component! {
    /// Bars, side by side or on top of each other. x is where a bucket begins, or the position of a name.
    BarChart, {
        /// Whether the bars of a bucket are one pile. Default: no, they stand side by side.
        #[prop(optional, into)]
        stacked: Signal<bool>,
    }, Signal::derive(move || if stacked.get() { Kind::StackedBars } else { Kind::Bars })
}
