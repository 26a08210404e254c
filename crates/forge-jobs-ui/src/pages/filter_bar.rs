//! The filter bar, with suggestions.

use crate::app::memo;
use crate::app::{Ctx, Remote, browser};
use crate::model::filter::{self, Part, QUALIFIERS, REASONS, STATUSES};
use crate::model::route::Tab;
use crate::text;
use forge_jobs_api::wire::QueueList;
use leptos::html::Input;
use leptos::prelude::*;
use std::collections::BTreeSet;

/// A bar that shows the filter of the address, and changes it.
#[allow(clippy::too_many_lines, reason = "a combobox is one thing: its field, its list, and their keys")]
pub(crate) fn bar(ctx: Ctx, tab: Tab, kinds: Memo<BTreeSet<String>>) -> AnyView {
    let queues: Remote<QueueList> =
        Remote::new(ctx, &[], || Some(()), |ipc, ()| Box::pin(async move { ipc.queues().await }));
    let text = RwSignal::new(String::new());
    let stray = RwSignal::new(Vec::<String>::new());
    let open = RwSignal::new(false);
    let picked = RwSignal::new(None::<usize>);
    let input = NodeRef::<Input>::new();
    // Some pages are of one status: there the bar has none.
    let has_status = tab == Tab::Jobs;
    let is_shown = move |(name, _): &&(String, String)| has_status || name != "status";
    let shown = memo(move |_| {
        let query = ctx.place.with(|place| place.query.iter().filter(is_shown).cloned().collect::<Vec<_>>());
        filter::text(&query)
    });
    Effect::new(move |_| text.set(shown.get()));
    let values = move |name: &str| -> Vec<String> {
        match name {
            "status" if tab == Tab::Jobs => STATUSES.map(str::to_owned).to_vec(),
            "reason" => REASONS.map(str::to_owned).to_vec(),
            "queue" => queues.data.with(|list| {
                list.as_ref().map(|l| l.queues.iter().map(|q| q.name.clone()).collect()).unwrap_or_default()
            }),
            "kind" => kinds.with(|kinds| kinds.iter().cloned().collect()),
            _ => Vec::new(),
        }
    };
    let suggestions = memo(move |_| {
        let all = if open.get() { text.with(|text| filter::suggestions(text, &values)) } else { Vec::new() };
        all.into_iter().filter(|s| has_status || !s.starts_with("status:")).collect::<Vec<_>>()
    });
    let apply = move || {
        let parts = text.with_untracked(|text| filter::parse(text));
        let mut query: Vec<(String, String)> = Vec::new();
        let mut unknown = Vec::new();
        for part in parts {
            match part {
                Part::Pair(name, value) if name == "status" && !has_status => {
                    unknown.push(format!("{name}:{value}"));
                }
                Part::Pair(name, value) => query.push((name, value)),
                Part::Stray(word) => unknown.push(word),
            }
        }
        let is_good = unknown.is_empty();
        stray.set(unknown);
        open.set(false);
        if is_good {
            let mut place = ctx.place.get_untracked();
            place.query = query;
            if place != ctx.place.get_untracked() {
                ctx.go(place);
            }
        }
    };
    let take = move |suggestion: &str| {
        text.update(|text| *text = filter::complete(text, suggestion));
        picked.set(None);
        if suggestion.ends_with(':') {
            if let Some(input) = input.get_untracked() {
                // The focus goes on where the typing does.
                let _ = input.focus();
            }
        } else {
            apply();
        }
    };
    let pressed = move |event: web_sys::KeyboardEvent| {
        let list = suggestions.get_untracked();
        let at = picked.get_untracked();
        match event.key().as_str() {
            "ArrowDown" if !list.is_empty() => picked.set(Some(at.map_or(0, |at| (at + 1) % list.len()))),
            "ArrowUp" if !list.is_empty() => {
                picked.set(Some(at.map_or(list.len() - 1, |at| (at + list.len() - 1) % list.len())));
            }
            "Enter" => match at.and_then(|at| list.get(at)) {
                Some(suggestion) => take(suggestion),
                None => apply(),
            },
            "Escape" if open.get_untracked() => open.set(false),
            _ => return,
        }
        event.prevent_default();
    };
    let option = move |(at, suggestion): (usize, String)| {
        let (shown, means) = (suggestion.clone(), meaning(&suggestion));
        let selected = move || if picked.get() == Some(at) { "true" } else { "false" };
        // Before the field loses the focus, and with it the list.
        let taken = move |event: web_sys::MouseEvent| {
            event.prevent_default();
            take(&suggestion);
        };
        view! {
            <li role="option" id=format!("fp-suggestion-{at}") aria-selected=selected on:mousedown=taken>
                <code>{shown}</code> " " <span class="fp-small">{means}</span>
            </li>
        }
    };
    let hint =
        if has_status { text::FILTER_QUEUE_MAIL_KIND_SEND_STATUS } else { text::FILTER_QUEUE_MAIL_KIND_SEND };
    let list = move || suggestions.get().into_iter().enumerate().map(option).collect_view();
    let expanded = move || if suggestions.with(Vec::is_empty) { "false" } else { "true" };
    let active = move || picked.get().map(|at| format!("fp-suggestion-{at}"));
    let wrong = move || {
        let words = stray.get().join(" ");
        (!words.is_empty()).then(|| {
            let here = QUALIFIERS.iter().filter(|(name, ..)| has_status || *name != "status");
            let known = here.map(|(name, ..)| format!("{name}:")).collect::<Vec<_>>().join(" ");
            view! { <p class="fp-wrong" role="alert">"“" {words} {text::IS_NO_FILTER_THERE_ARE} {known}</p> }
        })
    };
    let is_filtered = move || shown.with(|shown| !shown.is_empty());
    let clear = move |_| {
        let mut place = ctx.place.get_untracked();
        place.query.clear();
        ctx.go(place);
    };
    view! {
        <div class="fp-filter" role="search" aria-label=text::FILTER_2>
            <label class="fp-hidden" for="fp-filter">{text::FILTER_2}</label>
            <input id="fp-filter" node_ref=input type="text" role="combobox" autocomplete="off" spellcheck="false"
                aria-expanded=expanded aria-controls="fp-suggestions" aria-autocomplete="list" aria-activedescendant=active
                placeholder=hint prop:value=text
                on:input=move |e| { text.set(browser::value_of(&e)); open.set(true); picked.set(None); }
                on:focus=move |_| { open.set(true); queues.reload(); } on:blur=move |_| open.set(false) on:keydown=pressed/>
            <ul id="fp-suggestions" role="listbox" aria-label=text::SUGGESTIONS class="fp-suggestions"
                hidden=move || suggestions.with(Vec::is_empty)>{list}</ul>
            <button type="button" on:click=move |_| apply()>{text::APPLY}</button>
            <button type="button" class="fp-quiet" hidden=move || !is_filtered() on:click=clear>{text::CLEAR}</button>
        </div>
        {wrong}
    }
    .into_any()
}

fn meaning(suggestion: &str) -> &'static str {
    let name = suggestion.split(':').next().unwrap_or_default();
    if !suggestion.ends_with(':') {
        return "";
    }
    QUALIFIERS.iter().find(|(qualifier, ..)| *qualifier == name).map_or("", |(_, _, means)| means)
}
