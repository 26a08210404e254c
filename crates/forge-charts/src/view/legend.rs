//! The legend: a button for each series, and a piece of what it is drawn with.

use super::dom::variable;
use crate::chart::Kind;
use crate::interact::Event;
use crate::scene::{Colour, LegendItem, Scene};
use crate::theme::dash;
use leptos::prelude::*;
use std::sync::Arc;

/// A piece of line or area, as the series is drawn.
pub(super) fn swatch(scene: &Scene, slot: u8, prefix: &str) -> impl IntoView + use<> {
    let colour = variable(Colour::Series(slot));
    let lines = matches!(scene.kind, Kind::Lines | Kind::Area | Kind::Mini);
    let many = scene.legend.len() > 1;
    let dashes = dash(slot).filter(|_| many);
    let fill =
        if slot > 0 && scene.is_textured() { format!("url(#{prefix}-t{slot})") } else { colour.to_owned() };
    view! {
        <svg width="16" height="10" viewBox="0 0 16 10" aria-hidden="true">
            {if lines {
                view! { <path d="M0,5h16" fill="none" stroke=colour stroke-width="2.5" stroke-dasharray=dashes/> }.into_any()
            } else {
                view! { <rect width="16" height="10" rx="2" fill=fill/> }.into_any()
            }}
        </svg>
    }
}

/// The legend of a chart with more than one series.
pub(super) fn legend(
    scene: Memo<Arc<Scene>>,
    prefix: String,
    dispatch: impl Fn(Event) + Copy + Send + Sync + 'static,
) -> impl IntoView {
    // Drawn anew when an entry changes, not when data does, so that a button keeps its focus.
    let names = Memo::new(move |_| {
        let items = scene.with(|s| s.legend.clone());
        items.into_iter().map(|item| (item.name, item.slot)).collect::<Vec<_>>()
    });
    let hidden = Memo::new(move |_| {
        let is_hidden = |item: &&LegendItem| item.hidden;
        scene.with(|s| s.legend.iter().filter(is_hidden).map(|item| item.name.clone()).collect::<Vec<_>>())
    });
    move || {
        let entries = names.get();
        (entries.len() > 1).then(|| {
            let buttons = entries.into_iter().map(|(name, slot)| {
                let shown = {
                    let name = name.clone();
                    move || hidden.with(|h| !h.contains(&name))
                };
                let pressed = move || if shown() { "true" } else { "false" };
                let used = {
                    let name = name.clone();
                    move |event: leptos::ev::MouseEvent| {
                        dispatch(if event.alt_key() {
                            Event::Isolate(name.clone())
                        } else {
                            Event::Toggle(name.clone())
                        });
                    }
                };
                let twice = {
                    let name = name.clone();
                    move |_| dispatch(Event::Isolate(name.clone()))
                };
                let piece = scene.with_untracked(|s| swatch(s, slot, &prefix));
                view! {
                    <li>
                        <button type="button" aria-pressed=pressed on:click=used on:dblclick=twice
                            title="Show or hide. Twice, or with Alt: this one alone">
                            {piece} <span>{name}</span>
                        </button>
                    </li>
                }
            });
            view! { <ul class="fc-legend" aria-label="Series">{buttons.collect_view()}</ul> }
        })
    }
}
