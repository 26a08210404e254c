//! The table of a list of jobs: only rows that differ are drawn anew.

#![allow(
    clippy::large_types_passed_by_value,
    reason = "handles of signals, which are small but for the places that debug builds keep in them"
)]

use super::jobs::Shown;
use crate::app::Ctx;
use crate::app::memo;
use crate::model::route::{Place, Tab};
use crate::parts;
use crate::text;
use forge_jobs_api::wire::Job;
use leptos::prelude::*;
use std::collections::BTreeSet;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash as _, Hasher as _};

/// Longest error in a row; the whole one is a click away.
const ERROR: usize = 160;
/// The same for who points at it.
const MORE_OF_ERROR: usize = 2_000;

/// Rows that a list draws one by one before it is drawn anew as a whole.
const MOST_DRAWN: u32 = 2_000;

/// A list of jobs, and what is chosen of it.
#[derive(Clone, Copy)]
pub(crate) struct Table {
    pub(crate) ctx: Ctx,
    pub(crate) tab: Tab,
    pub(crate) chosen: RwSignal<BTreeSet<String>>,
}

/// What tells a row from another one, and from itself before.
fn key(job: &Job) -> (String, u64) {
    let mut hasher = DefaultHasher::new();
    serde_json::to_string(job).unwrap_or_default().hash(&mut hasher);
    (job.id.clone(), hasher.finish())
}

/// The heading of the column with the time that matters on this page.
const fn when_heading(tab: Tab) -> &'static str {
    match tab {
        Tab::Scheduled => text::DUE,
        Tab::Retries => text::NEXT_ATTEMPT,
        Tab::Dead => text::DIED,
        _ => text::ENQUEUED,
    }
}

fn when(tab: Tab, job: &Job) -> &str {
    match tab {
        Tab::Scheduled | Tab::Retries => &job.due_at,
        Tab::Dead => job.finished_at.as_deref().unwrap_or(&job.created_at),
        _ => &job.created_at,
    }
}

pub(crate) fn table(table: Table, shown: Shown) -> AnyView {
    let rows = move || shown.page.with(|page| page.as_ref().map(|p| p.jobs.clone()).unwrap_or_default());
    let all = move || {
        shown.page.with(|p| p.as_ref().map(|p| p.jobs.iter().map(|j| j.id.clone()).collect::<BTreeSet<_>>()))
    };
    let is_all = memo(move |_| {
        all().is_some_and(|all| !all.is_empty() && table.chosen.with(|chosen| all.is_subset(chosen)))
    });
    let toggle_all = move |_| {
        let on = is_all.get_untracked();
        table.chosen.set(if on { BTreeSet::new() } else { all().unwrap_or_default() });
    };
    // Each row leaves something behind with the list, until that is drawn anew.
    let (number, drawn, full) = (StoredValue::new(0_u32), StoredValue::new(0_u32), RwSignal::new(()));
    let body = move || {
        full.track();
        number.update_value(|number| *number += 1);
        drawn.set_value(0);
        let key = move |job: &Job| (number.get_value(), key(job));
        let draw = move |job| {
            drawn.update_value(|drawn| *drawn += 1);
            if drawn.get_value() == MOST_DRAWN {
                full.notify();
            }
            row(table, &job)
        };
        view! { <For each=rows key children=draw/> }
    };
    // A narrow window has no row of headings: the box is above the list there, and one of the two is shown.
    view! {
        <label class="fp-check fp-all-of-page">
            <input type="checkbox" prop:checked=is_all on:change=toggle_all/>{text::CHOOSE_ALL_OF_THIS_PAGE}
        </label>
        <div class="fp-scroll"><table class="fp-table fp-jobs" aria-label=table.tab.name()>
            <thead><tr>
                <th scope="col" class="fp-tick"><input type="checkbox" aria-label=text::CHOOSE_ALL_OF_THIS_PAGE prop:checked=is_all on:change=toggle_all/></th>
                <th scope="col">{text::JOB_2}</th><th scope="col">{text::KIND}</th><th scope="col">{text::QUEUE}</th>
                <th scope="col">{text::STATUS}</th><th scope="col" class="fp-num">{text::ATTEMPT}</th>
                <th scope="col">{when_heading(table.tab)}</th><th scope="col">{text::LATEST_ERROR}</th>
                <th scope="col"><span class="fp-hidden">{text::LOOK_INSIDE}</span></th>
            </tr></thead>
            {body}
        </table></div>
    }
    .into_any()
}

fn row(table: Table, job: &Job) -> AnyView {
    let Table { ctx, tab, chosen } = table;
    let (id, own, linked) = (job.id.clone(), job.id.clone(), job.id.clone());
    // Whoever comes back from a job comes back to this list, and not to all jobs of the tab.
    let href = memo(move |_| {
        let place = Place::opened(if tab == Tab::Overview { Tab::Jobs } else { tab }, &linked);
        ctx.href(&ctx.place.with(|list| place.along(list)))
    });
    let is_chosen = {
        let id = id.clone();
        memo(move |_| chosen.with(|chosen| chosen.contains(&id)))
    };
    let toggle = move |_| {
        chosen.update(|chosen| {
            if !chosen.remove(&id) {
                chosen.insert(id.clone());
            }
        });
    };
    let peeked = ctx.param("peek");
    let is_open = memo(move |_| peeked.with(|peeked| peeked.as_ref() == Some(&own)));
    let peek = {
        let id = job.id.clone();
        move |_| {
            let open = !is_open.get_untracked();
            ctx.refine(ctx.place.get_untracked().with("peek", open.then_some(id.as_str())));
        }
    };
    let error = job.error.as_deref().map(|error| {
        let line: String = error.lines().next().unwrap_or_default().chars().take(ERROR).collect();
        let more: String = error.chars().take(MORE_OF_ERROR).collect();
        view! { <span class="fp-error-line" title=more>{line}</span> }
    });
    let inside = inside(ctx, job);
    let (label, name) = (text::choose(&job.id), text::look_inside(&job.id));
    view! {
        <tbody class="fp-row" data-id=job.id.clone()>
            <tr>
                <td class="fp-tick"><input type="checkbox" aria-label=label prop:checked=is_chosen on:change=toggle/></td>
                <td data-label=text::JOB_2><a class="fp-id" href=href title=job.id.clone()>{parts::short(&job.id)}</a></td>
                <td data-label=text::KIND>{job.kind.clone()}</td>
                <td data-label=text::QUEUE>{job.queue.clone()}</td>
                <td data-label=text::STATUS>{parts::status(job.status, job.dead_reason)}</td>
                <td data-label=text::ATTEMPT class="fp-num">{job.attempt} " / " {job.max_attempts}</td>
                <td data-label=when_heading(tab)>{parts::stamp(ctx, when(tab, job))}</td>
                <td data-label=text::LATEST_ERROR class="fp-cell-error">{error}</td>
                <td><button type="button" class="fp-quiet" aria-label=name aria-expanded=move || if is_open.get() { "true" } else { "false" }
                    on:click=peek>{move || if is_open.get() { text::CLOSE } else { text::LOOK }}</button></td>
            </tr>
            {move || is_open.get().then(|| inside.run(()))}
        </tbody>
    }
    .into_any()
}

/// Payload and latest error, in the list.
fn inside(ctx: Ctx, job: &Job) -> Callback<(), AnyView> {
    let (payload, error, partial) = (job.payload.get().to_owned(), job.error.clone(), job.partial.join(", "));
    Callback::new(move |()| {
        let note = (!partial.is_empty()).then(|| {
            view! { <p class="fp-small">{text::CUT_OR_HIDDEN_HERE} {partial.clone()}</p> }
        });
        let error = error
            .clone()
            .map(|error| view! { <h3>{text::LATEST_ERROR}</h3><pre class="fp-pre">{error}</pre> });
        view! {
            <tr class="fp-inside"><td></td><td colspan="8">
                <h3>{text::PAYLOAD}</h3>{note}{parts::tree::json(ctx, &payload, text::PAYLOAD)}{error}
            </td></tr>
        }
        .into_any()
    })
}
