//! How the database does: what processes measured of it, and what a check finds when somebody asks for it.

use super::{charts, resources};
use crate::app::memo;
use crate::app::{Ctx, Doing, Remote};
use crate::model::format;
use crate::parts;
use crate::text;
use forge_charts::format::Format;
use forge_jobs_api::wire::{DatabaseHealth, Doctor, Role, RowCountBy, TableHealth};
use leptos::prelude::*;
use std::sync::Arc;

pub(crate) fn page(ctx: Ctx) -> AnyView {
    let may = memo(move |_| ctx.me.with(|me| me.as_ref().is_some_and(|me| me.role >= Role::Operator)));
    let found: Remote<Doctor> = Remote::new(
        ctx,
        &[],
        move || may.get().then_some(()),
        |ipc, ()| Box::pin(async move { ipc.check_up().await }),
    )
    .only_by_hand();
    let doing = Doing::new(ctx);
    let again = parts::button(ctx, Role::Operator, text::CHECK_AGAIN, "fp-primary", doing.busy, move || {
        found.reload();
    });
    let inside = move || {
        if may.get() {
            parts::shown(found, 6, view_of)
        } else {
            parts::empty(text::A_CHECK_READS_EVERYTHING, text::IT_NEEDS_THE_ROLE_OPERATOR)
        }
    };
    parts::page(
        text::DB_HEALTH,
        view! { {resources::of_database(ctx)} {health(ctx)} <h2>{text::CHECK}</h2> <div class="fp-actions">{again}</div> {inside} },
    )
}

/// Sizes, rows, and who holds it up.
fn health(ctx: Ctx) -> AnyView {
    let found: Remote<DatabaseHealth> =
        Remote::new(ctx, &[], || Some(()), |ipc, ()| Box::pin(async move { ipc.database().await }));
    parts::card(text::STATE, parts::shown(found, 5, move |health| health_view(ctx, &health)))
}

fn bytes(value: Option<u64>) -> String {
    value.map_or_else(|| "–".into(), |b| Format::Bytes.value(charts::count(b)))
}

fn health_view(ctx: Ctx, health: &DatabaseHealth) -> AnyView {
    let mut facts = vec![
        (text::ENGINE, health.engine.clone().into_any()),
        (text::SIZE, bytes(health.bytes).into_any()),
        (text::FREE_FOR_NEW_ROWS, bytes(health.free_bytes).into_any()),
        (text::READ, parts::stamp(ctx, &health.at)),
    ];
    if let Some(c) = health.connections {
        facts.push((text::SESSIONS, text::of(c.used, c.limit).into_any()));
    }
    if let Some(log) = health.log {
        facts.push((text::WRITE_AHEAD_LOG, bytes(Some(log.bytes)).into_any()));
    }
    if let Some(waits) = health.busy_waits {
        facts.push((text::WAITS_FOR_A_LOCK, format::count(waits).into_any()));
    }
    let oldest = health.oldest_transaction.as_ref().map(|open| {
        let who = [&open.user, &open.application, &open.state].into_iter().flatten().cloned().collect::<Vec<_>>().join(", ");
        view! { <p class="fp-banner fp-banner-warn">{text::A_TRANSACTION_IS_OPEN} {parts::seconds(open.age_seconds.0)} {text::SESSION} {open.pid} ", " {who} {text::DEAD_ROWS_CANNOT_BE_CLEARED_AWAY}</p> }
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
        <div class="fp-scroll" tabindex="0" role="region" aria-label=text::TABLES_OF_THE_QUEUE><table class="fp-table">
            <thead><tr><th scope="col">{text::TABLE}</th><th scope="col" class="fp-num">{text::ROWS}</th><th scope="col" class="fp-num">{text::DEAD_ROWS}</th>
                <th scope="col" class="fp-num">{text::SIZE}</th><th scope="col" class="fp-num">{text::INDEXES}</th><th scope="col">{text::VACUUMED}</th></tr></thead>
            <tbody>{health.tables.iter().map(row).collect_view()}</tbody></table></div>
    }
    .into_any()
}

fn view_of(found: Arc<Doctor>) -> AnyView {
    let list = |lines: &[String]| lines.iter().map(|line| view! { <li>{line.clone()}</li> }).collect_view();
    let problems = if found.problems.is_empty() {
        view! { <p class="fp-banner fp-banner-good">{text::NO_PROBLEM_WAS_FOUND}</p> }.into_any()
    } else {
        view! { <section class="fp-banner fp-banner-bad" aria-label=text::THIS_NEEDS_A_PERSON><strong>{text::THIS_NEEDS_A_PERSON}</strong><ul>{list(&found.problems)}</ul></section> }
            .into_any()
    };
    let notes = (!found.notes.is_empty())
        .then(|| view! { <section class="fp-banner fp-banner-info" aria-label=text::WANTED_SO><strong>{text::WANTED_SO}</strong><ul>{list(&found.notes)}</ul></section> });
    let fact = |name: String, value: String| view! { <div><dt>{name}</dt><dd>{value}</dd></div> };
    let own = [
        fact(text::DATABASE.into(), found.database.clone()),
        fact(text::VERSION.into(), found.engine_version.clone()),
        fact(text::SCHEMA.into(), found.schema_version.to_string()),
    ];
    let facts = found.facts.iter().map(|f| fact(f.name.clone(), f.value.clone())).collect_view();
    let waiting = found.waiting.iter().map(|w| {
        view! { <li><strong>{parts::bounded(w.jobs)}</strong> {text::OF_THE_KIND} <code>{w.kind.clone()}</code> {text::IN_QUEUE} {w.queue.clone()}</li> }
    });
    let waiting = (!found.waiting.is_empty())
        .then(|| parts::card(text::JOBS_THAT_NOBODY_CAN_RUN, view! { <ul>{waiting.collect_view()}</ul> }));
    view! {
        {problems}{notes}{waiting}
        <section class="fp-card" aria-label=text::FACTS><h2>{text::FACTS}</h2><dl class="fp-facts fp-facts-wide">{own}{facts}</dl></section>
    }
    .into_any()
}
