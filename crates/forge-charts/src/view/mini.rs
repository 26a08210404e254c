//! The small chart of a card or a row.

use super::dom::draw;
use super::follow;
use super::group::next_id;
use crate::chart::{Chart, Showing};
use crate::data::Frame;
use crate::scene::Node;
use leptos::prelude::*;

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
    let root = NodeRef::<leptos::html::Span>::new();
    let mut drawn = Vec::new();
    follow(move || {
        let Some(root) = root.get() else { return };
        let chart = Chart::mini(title.get(), data.get());
        let chart = match with {
            Some(with) => with.run(chart),
            None => chart,
        };
        let scene = chart.scene(size, &Showing::default());
        let picture = Node::new("svg", "picture")
            .with("role", "img")
            .with("aria-label", format!("{}. {}", scene.title, scene.description))
            .with("width", size.0)
            .with("height", size.1)
            .with("font-size", crate::theme::FONT)
            .with_children(scene.nodes);
        let next = vec![picture];
        draw(&root, &drawn, &next, &prefix);
        drawn = next;
    });
    view! { <span class="fc fc-mini" node_ref=root></span> }
}
