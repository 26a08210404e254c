//! The tooltip and the table of data, in HTML.

use super::legend::swatch;
use crate::interact::Tip;
use crate::scene::Scene;
use crate::shape::number;
use crate::table::Table;
use leptos::prelude::*;
use std::sync::Arc;

/// The tooltip. What it says is also said aloud, so that it is hidden from assistive technology.
pub(super) fn tooltip(
    tip: Memo<Option<Tip>>,
    pinned: Memo<bool>,
    scene: Memo<Arc<Scene>>,
    prefix: String,
) -> impl IntoView {
    move || {
        let tip = tip.get()?;
        let rows = tip.rows.into_iter().map(|row| {
            let piece = scene.with_untracked(|s| swatch(s, row.slot, &prefix));
            view! { <tr><td>{piece}</td><td>{row.name}</td><td>{row.value}</td></tr> }
        });
        let rows = rows.collect_view();
        let total = tip.total.map(|total| view! { <tr><td></td><td>"total"</td><td>{total}</td></tr> });
        let more = (tip.more > 0)
            .then(|| view! { <div class="fc-tip-more">{format!("and {} more", tip.more)}</div> });
        let open = tip.open.then(|| view! { <div class="fc-tip-more">"still filling"</div> });
        // Read here, not in an attribute: what follows a signal and goes with each tooltip stays in the signal's list.
        let class = if pinned.get() { "fc-tip fc-pinned" } else { "fc-tip" };
        let place = format!("translate({}px,{}px)", number(tip.at.0), number(tip.at.1));
        Some(view! {
            <div class=class aria-hidden="true" style:transform=place>
                <div class="fc-tip-title">{tip.title}</div>
                <table><tbody>{rows}{total}</tbody></table>
                {more}
                {open}
            </div>
        })
    }
}

/// The data as a table, made when it is opened.
pub(super) fn table(scene: Memo<Arc<Scene>>) -> impl IntoView {
    let open = RwSignal::new(false);
    let toggled = move |event: leptos::ev::Event| {
        use wasm_bindgen::JsCast as _;
        let element = event.target().and_then(|t| t.dyn_into::<web_sys::Element>().ok());
        open.set(element.is_some_and(|e| e.has_attribute("open")));
    };
    let content = move || {
        open.get().then(|| {
            let (table, title) = scene.with(|s| (Table::new(s), s.title.clone()));
            let head = table.head.into_iter().map(|name| view! { <th scope="col">{name}</th> });
            let rows = table.rows.into_iter().map(|row| {
                let mut cells = row.into_iter();
                let first = cells.next().unwrap_or_default();
                let cells = cells.map(|cell| view! { <td>{cell}</td> }).collect_view();
                view! { <tr><th scope="row">{first}</th>{cells}</tr> }
            });
            view! {
                <div class="fc-scroll" tabindex="0" role="region" aria-label=format!("Data of {title}")>
                    <table>
                        <thead><tr>{head.collect_view()}</tr></thead>
                        <tbody>{rows.collect_view()}</tbody>
                    </table>
                    {table.note.map(|note| view! { <p>{note}</p> })}
                </div>
            }
        })
    };
    view! {
        <details class="fc-table" on:toggle=toggled>
            <summary>"Data table"</summary>
            {content}
        </details>
    }
}
