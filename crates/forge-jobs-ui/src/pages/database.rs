//! How the database does: what processes measured of it, and what a check finds when somebody asks for it.

use super::{charts, resources};
use crate::app::{Ctx, Doing, Remote};
use crate::model::format;
use crate::parts;
use forge_charts::format::Format;
use forge_jobs_api::wire::{DatabaseHealth, Doctor, Role, RowCountBy, TableHealth};
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
        view! { {resources::of_database(ctx)} {health(ctx)} <h2>"Check"</h2> <div class="fp-actions">{again}</div> {inside} },
    )
}

/// Sizes, rows, and who holds it up.
fn health(ctx: Ctx) -> AnyView {
    let found: Remote<DatabaseHealth> =
        Remote::new(ctx, &[], || Some(()), |ipc, ()| Box::pin(async move { ipc.database().await }));
    parts::card("State", parts::shown(found, 5, move |health| health_view(ctx, &health)))
}

fn bytes(value: Option<u64>) -> String {
    value.map_or_else(|| "–".into(), |b| Format::Bytes.value(charts::count(b)))
}

fn health_view(ctx: Ctx, health: &DatabaseHealth) -> AnyView {
    let mut facts = vec![
        ("Engine", health.engine.clone().into_any()),
        ("Size", bytes(health.bytes).into_any()),
        ("Free for new rows", bytes(health.free_bytes).into_any()),
        ("Read", parts::stamp(ctx, &health.at)),
    ];
    if let Some(c) = health.connections {
        facts.push(("Sessions", format!("{} of {}", c.used, c.limit).into_any()));
    }
    if let Some(log) = health.log {
        facts.push(("Write-ahead log", bytes(Some(log.bytes)).into_any()));
    }
    if let Some(waits) = health.busy_waits {
        facts.push(("Waits for a lock", format::count(waits).into_any()));
    }
    let oldest = health.oldest_transaction.as_ref().map(|open| {
        let who = [&open.user, &open.application, &open.state].into_iter().flatten().cloned().collect::<Vec<_>>().join(", ");
        view! { <p class="fp-banner fp-banner-warn">"A transaction is open since " {parts::seconds(open.age_seconds.0)} " (session " {open.pid} ", " {who} "): dead rows cannot be cleared away meanwhile."</p> }
    }).filter(|_| health.oldest_transaction.as_ref().is_some_and(|open| open.age_seconds.0 > 60.0));
    let row = |table: &TableHealth| {
        let by = match table.rows.by {
            RowCountBy::Estimate => "about ",
            RowCountBy::AtLeast => "over ",
            RowCountBy::Count | RowCountBy::Unknown => "",
        };
        let indexes = table.indexes.iter().filter_map(|i| i.bytes).sum::<u64>();
        view! {
            <tr><th scope="row"><code>{table.name.clone()}</code></th><td class="fp-num">{by} {format::count(table.rows.count)}</td>
                <td class="fp-num">{table.dead_rows.map_or_else(|| "–".to_owned(), format::count)}</td>
                <td class="fp-num">{bytes(table.bytes)}</td><td class="fp-num">{bytes(Some(indexes))}</td>
                <td>{parts::stamp_or(ctx, table.vacuumed_at.as_deref())}</td></tr>
        }
    };
    view! {
        {oldest}{parts::facts(facts)}
        <div class="fp-scroll" tabindex="0" role="region" aria-label="Tables of the queue"><table class="fp-table">
            <thead><tr><th scope="col">"Table"</th><th scope="col" class="fp-num">"Rows"</th><th scope="col" class="fp-num">"Dead rows"</th>
                <th scope="col" class="fp-num">"Size"</th><th scope="col" class="fp-num">"Indexes"</th><th scope="col">"Vacuumed"</th></tr></thead>
            <tbody>{health.tables.iter().map(row).collect_view()}</tbody></table></div>
    }
    .into_any()
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
