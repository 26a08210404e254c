//! The chart in a page: it follows what the host says, and what is done to it.

use super::follow;
use super::group::{Group, NOBODY, next_id};
use super::stage::Stage;
use crate::chart::Chart;
use crate::interact::Event;
use leptos::html::Figure;
use leptos::prelude::*;
use std::rc::Rc;

/// A chart of any kind with title, legend, tooltip and table. Its width is that of the element around it.
#[component]
pub fn ChartView(
    /// The chart.
    #[prop(into)]
    chart: Signal<Chart>,
    /// The charts that this one moves with.
    #[prop(optional_no_strip)]
    group: Option<Group>,
    /// The range that is shown, when the host decides it; else the chart does.
    #[prop(optional_no_strip)]
    range: Option<Signal<Option<(f64, f64)>>>,
    /// Called when the user zooms or resets (`None`): the time to fetch finer buckets.
    #[prop(optional_no_strip)]
    on_zoom: Option<Callback<Option<(f64, f64)>>>,
    /// The height of the drawing in pixels, without title and legend. Default: 220.
    #[prop(default = 220.0)]
    height: f64,
) -> impl IntoView {
    let id = next_id();
    let root = NodeRef::<Figure>::new();
    let stage = Rc::new(Stage::new(id, (group, range, on_zoom), height));
    follow({
        let stage = Rc::clone(&stage);
        move || {
            if let Some(root) = root.get() {
                stage.mount(&root);
                stage.show_chart(chart.get());
            }
        }
    });
    if let Some(range) = range {
        let stage = Rc::clone(&stage);
        follow(move || {
            stage.dispatch(&Event::SetRange(range.get()));
        });
    }
    if let Some(group) = group {
        follow({
            let stage = Rc::clone(&stage);
            move || {
                let (from, x) = group.cursor_told();
                if from != id && from != NOBODY {
                    stage.dispatch(&Event::GroupCursor(x));
                }
            }
        });
        // A host that decides the range is told by the chart that was used, and tells all of them.
        if range.is_none() {
            follow(move || {
                let (from, range) = group.range_told();
                if from != id {
                    stage.dispatch(&Event::SetRange(range));
                }
            });
        }
    }
    view! { <figure class="fc" node_ref=root></figure> }
}
