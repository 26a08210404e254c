//! The small chart of a card or a row.

use super::dom;
use super::group::next_id;
use crate::chart::{Chart, Showing};
use crate::data::Frame;
use crate::scene::Scene;
use leptos::prelude::*;
use std::sync::Arc;

/// A small line without axes. It takes no focus and follows no pointer: its name says what there is to see, and a chart
/// beside it has the rest.
#[component]
pub fn MiniChart(
    /// What it shows.
    #[prop(into)]
    title: Signal<String>,
    /// The data; one series is best.
    #[prop(into)]
    data: Signal<Frame>,
    /// Its size in pixels. Default: 120 by 32.
    #[prop(default = (120.0, 32.0))]
    size: (f64, f64),
    /// Sets the options of the chart.
    #[prop(optional, into)]
    with: Option<Callback<Chart, Chart>>,
) -> impl IntoView {
    let prefix = format!("fc{}", next_id());
    let scene = Memo::new_with_compare(
        move |_| {
            let chart = Chart::mini(title.get(), data.get());
            let chart = with.map_or_else(|| chart.clone(), |with| with.run(chart.clone()));
            Arc::new(chart.scene(size, &Showing::default()))
        },
        |_, _| true,
    );
    let root = NodeRef::<leptos::svg::Svg>::new();
    Effect::new(move |before: Option<Option<Arc<Scene>>>| {
        let before = before.flatten();
        let Some(root) = root.get() else { return before };
        let next = scene.get();
        let old = before.as_ref().map_or(&[][..], |s| &s.nodes);
        dom::draw(&root, old, &next.nodes, &prefix);
        Some(next)
    });
    let name = move || scene.with(|s| format!("{}. {}", s.title, s.description));
    view! {
        <span class="fc fc-mini">
            <svg node_ref=root role="img" aria-label=name width=size.0 height=size.1 font-size=crate::theme::FONT></svg>
        </span>
    }
}
