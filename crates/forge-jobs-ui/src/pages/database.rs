//! How the database does: what processes measured of it, and what a check finds when somebody asks for it.

use super::resources;
use crate::app::{Ctx, Doing, Remote};
use crate::parts;
use forge_jobs_api::wire::{Doctor, Role};
use leptos::prelude::*;
use std::sync::Arc;

pub(crate) fn page(ctx: Ctx) -> AnyView {
    let may = Memo::new(move |_| ctx.me.with(|me| me.as_ref().is_some_and(|me| me.role >= Role::Operator)));
    let found: Remote<Doctor> = Remote::new(
        ctx,
        &[],
        move || may.get().then_some(()),
        |ipc, ()| Box::pin(async move { ipc.check_up().await }),
    );
    let doing = Doing::new(ctx);
    let again =
        parts::button(ctx, Role::Operator, "Check again", "fp-primary", doing.busy, move || found.reload());
    let inside = move || {
        if may.get() {
            parts::shown(found, 6, view_of)
        } else {
            parts::empty("A check reads everything", "It needs the role operator.")
        }
    };
    parts::page(
        "DB health",
        view! { {resources::of_database(ctx)} <h2>"Check"</h2> <div class="fp-actions">{again}</div> {inside} },
    )
}

fn view_of(found: Arc<Doctor>) -> AnyView {
    let list = |lines: &[String]| lines.iter().map(|line| view! { <li>{line.clone()}</li> }).collect_view();
    let problems = if found.problems.is_empty() {
        view! { <p class="fp-banner fp-banner-good">"No problem was found."</p> }.into_any()
    } else {
        view! { <section class="fp-banner fp-banner-bad"><strong>"This needs a person"</strong><ul>{list(&found.problems)}</ul></section> }
            .into_any()
    };
    let notes = (!found.notes.is_empty())
        .then(|| view! { <section class="fp-banner fp-banner-info"><strong>"Wanted so"</strong><ul>{list(&found.notes)}</ul></section> });
    let fact = |name: String, value: String| view! { <div><dt>{name}</dt><dd>{value}</dd></div> };
    let own = [
        fact("Database".into(), found.database.clone()),
        fact("Version".into(), found.engine_version.clone()),
        fact("Schema".into(), found.schema_version.to_string()),
    ];
    let facts = found.facts.iter().map(|f| fact(f.name.clone(), f.value.clone())).collect_view();
    let waiting = found.waiting.iter().map(|w| {
        view! { <li><strong>{parts::bounded(w.jobs)}</strong> " of the kind " <code>{w.kind.clone()}</code> " in queue " {w.queue.clone()}</li> }
    });
    let waiting = (!found.waiting.is_empty())
        .then(|| parts::card("Jobs that nobody can run", view! { <ul>{waiting.collect_view()}</ul> }));
    view! {
        {problems}{notes}{waiting}
        <section class="fp-card"><h2>"Facts"</h2><dl class="fp-facts fp-facts-wide">{own}{facts}</dl></section>
    }
    .into_any()
}
