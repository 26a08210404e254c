//! What people did, and who.

use crate::app::memo;
use crate::app::{Ctx, Remote, browser};
use crate::model::route::{Place, Tab};
use crate::parts;
use crate::text;
use forge_jobs_api::wire::{AuditAction, AuditPage, AuditQuery, Role};
use leptos::prelude::*;
use std::sync::Arc;

/// What the address may ask for, and the words beside the fields.
const FIELDS: [(&str, &str); 4] = [
    ("actor", text::WHO),
    ("action", text::ACTION_AS_QUEUE_PAUSE),
    ("what", text::SORT_OF_THING_AS_JOB),
    ("target", text::NAME_OR_ID),
];

pub(crate) fn page(ctx: Ctx) -> AnyView {
    let may = memo(move |_| ctx.me.with(|me| me.as_ref().is_some_and(|me| me.role >= Role::Operator)));
    let query = move || {
        may.get().then(|| {
            ctx.place.with(|place| {
                let text = |name: &str| place.get(name).map(str::to_owned);
                AuditQuery {
                    actor: text("actor"),
                    action: text("action"),
                    what: text("what"),
                    target: text("target"),
                    since: text("since"),
                    until: text("until"),
                    limit: Some(50),
                    before: place.get("before").and_then(|n| n.parse().ok()),
                }
            })
        })
    };
    let actions: Remote<AuditPage> = Remote::new(ctx, &[], query, |ipc, query: AuditQuery| {
        Box::pin(async move { ipc.audit(&query).await })
    });
    let draw = move |page: Arc<AuditPage>| {
        if page.actions.is_empty() && !ctx.place.with_untracked(|place| place.query.is_empty()) {
            let all = ctx.href(&Place::of(Tab::Audit));
            return parts::empty(
                text::NO_ACTION_MATCHES,
                view! { {text::NAMES_OF_ACTIONS_ARE_WHOLE} " " <a class="fp-button" href=all>{text::CLEAR}</a> },
            );
        }
        if page.actions.is_empty() {
            return parts::empty(text::NOTHING_WAS_DONE, text::WHATEVER_A_PERSON_CHANGES_IS_WRITTEN);
        }
        let items = page.actions.iter().map(|action| one(ctx, action)).collect_view();
        let next = page.next.map(|next| {
            let place = ctx.place.get_untracked().with("before", Some(&next.to_string()));
            view! { <a class="fp-button" rel="next" href=ctx.href(&place)>{text::EARLIER}</a> }
        });
        view! { <ol class="fp-audit" aria-label=text::AUDIT>{items}</ol><nav class="fp-pager" aria-label=text::PAGES_OF_THE_LIST>{next}</nav> }.into_any()
    };
    let inside = move || {
        if may.get() {
            parts::shown(actions, 6, draw)
        } else {
            parts::empty(text::THE_AUDIT_IS_FOR_OPERATORS, text::YOUR_ROLE_LETS_YOU_LOOK)
        }
    };
    let again = move |_| actions.reload();
    parts::page(
        text::AUDIT,
        view! {
            {filter(ctx)}
            <div class="fp-actions"><button type="button" on:click=again>{text::READ_AGAIN}</button></div>
            {inside}
        },
    )
}

fn filter(ctx: Ctx) -> AnyView {
    let field = move |(name, label): (&'static str, &'static str)| {
        let value = ctx.param(name);
        let changed = move |event: web_sys::Event| {
            let text = browser::value_of(&event);
            let text = text.trim();
            let place = ctx.place.get_untracked().with("before", None);
            ctx.go(place.with(name, (!text.is_empty()).then_some(text)));
        };
        view! {
            <label class="fp-field"><span>{label}</span>
                <input type="text" autocomplete="off" prop:value=move || value.get().unwrap_or_default() on:change=changed/></label>
        }
    };
    view! { <div class="fp-grid">{FIELDS.map(field).collect_view()}</div> }.into_any()
}

/// Where the thing is that something was done to.
fn link(ctx: Ctx, action: &AuditAction) -> AnyView {
    let Some(target) = &action.target else { return action.what.clone().into_any() };
    let place = match action.what.as_str() {
        "queue" => Place::opened(Tab::Queues, target),
        "job" => Place::opened(Tab::Jobs, target),
        "schedule" => Place::opened(Tab::Cron, target),
        "limit" => Place::of(Tab::Limits),
        "kind" => Place::of(Tab::Jobs).with("kind", Some(target)),
        _ => return format!("{} {target}", action.what).into_any(),
    };
    view! { {action.what.clone()} " " <a href=ctx.href(&place)>{target.clone()}</a> }.into_any()
}

fn one(ctx: Ctx, action: &AuditAction) -> AnyView {
    let colour = match action.outcome.as_str() {
        "done" => "done",
        "unchanged" => "pending",
        _ => "dead",
    };
    let role = action.role.as_ref().map(|role| format!(" ({role})"));
    let from = action.address.as_ref().map(|address| text::from_address(address));
    let count = (action.count > 1).then(|| text::things(action.count));
    let raw = |title: &'static str, value: Option<&serde_json::value::RawValue>| {
        value.map(|value| view! { <div><h3>{title}</h3>{parts::tree::json(ctx, value.get(), title)}</div> })
    };
    let before = raw(text::BEFORE, action.before.as_deref());
    let after = raw(text::AFTER, action.after.as_deref());
    let detail = raw(text::DETAIL, action.detail.as_deref());
    let has_more = before.is_some() || after.is_some() || detail.is_some();
    let more = has_more.then(|| {
        view! { <details><summary>{text::WHAT_CHANGED}</summary><div class="fp-sides">{before}{after}{detail}</div></details> }
    });
    view! {
        <li>
            <div class="fp-line">
                {parts::stamp(ctx, &action.at)} " " <strong>{action.actor.clone()}</strong>{role} " " <code>{action.action.clone()}</code> " "
                {link(ctx, action)} " " <span class="fp-status" data-status=colour>{action.outcome.clone()}</span>
                <span class="fp-small">{count} " · " {action.source.clone()} {from}</span>
            </div>
            {more}
        </li>
    }
    .into_any()
}
