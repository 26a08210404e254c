//! Budgets: what is used of them, what waits for them, and how large they are.

use super::limit_edit::{Edited, form};
use crate::app::{Ctx, Doing, Question, Remote};
use crate::model::route::{Place, Tab};
use crate::parts;
use crate::text;
use forge_jobs_api::wire::{Attached, Drain, Limit, LimitList, LimitMode, Role, Seconds, Topic};
use leptos::prelude::*;
use std::sync::Arc;

pub(crate) fn page(ctx: Ctx) -> AnyView {
    let limits: Remote<LimitList> = Remote::new(
        ctx,
        &[Topic::Limits],
        || Some(()),
        |ipc, ()| Box::pin(async move { ipc.limits().await }),
    );
    let doing = Doing::new(ctx);
    let edited = RwSignal::new(None::<Edited>);
    let draw = move |list: Arc<LimitList>| {
        if list.limits.is_empty() {
            let hint = view! { {text::GIVE_A_SCOPE} <code>{text::FORGE_LIMIT_SET_SLACK_60_PER}</code> {text::AND_ITS_NAME_TO_WHAT} };
            return parts::empty(text::THERE_IS_NO_BUDGET_YET, hint);
        }
        list.limits.iter().map(|limit| one(ctx, doing, limits, edited, limit)).collect_view().into_any()
    };
    parts::page(
        text::LIMITS,
        view! {
            <div class="fp-actions" hidden=move || edited.with(Option::is_some)>
                {parts::button(ctx, Role::Admin, text::NEW_LIMIT, "", doing.busy, move || edited.set(Some(Edited::New)))}
            </div>
            {parts::doing_error(doing)}
            {form(ctx, limits, edited)}
            {parts::shown(limits, 4, draw)}
        },
    )
}

fn one(
    ctx: Ctx,
    doing: Doing,
    limits: Remote<LimitList>,
    edited: RwSignal<Option<Edited>>,
    limit: &Limit,
) -> AnyView {
    let mode = match limit.mode {
        LimitMode::Sliding => text::AS_THEY_ARE_ASKED,
        LimitMode::Smooth => text::SPREAD_EVENLY,
        LimitMode::Unknown => text::AS_A_NEWER_VERSION_SAYS,
    };
    let attached = limit.attached.iter().map(|attached| match attached {
        Attached::Queue(name) => (Place::opened(Tab::Queues, name), text::the_queue(name)),
        Attached::Kind(name) => (Place::of(Tab::Jobs).with("kind", Some(name)), text::the_kind(name)),
    });
    let attached = attached
        .map(|(place, text)| view! { <a class="fp-badge" href=ctx.href(&place)>{text}</a> " " })
        .collect_view();
    let drained = limit.drained_until.as_deref().map(|at| {
        view! { <span class="fp-badge fp-badge-bad">{text::DRAINED_NOTHING_IS_GIVEN_UNTIL} {parts::stamp(ctx, at)}</span> }
    });
    let next = limit.next_at.as_deref().map(
        |at| view! { <span class="fp-small">{text::THE_NEXT_ONE_CAN_BE_GIVEN} {parts::stamp(ctx, at)}</span> },
    );
    let keys =
        (limit.keys > 0).then(|| view! { <span class="fp-small">{text::keys_counted(limit.keys)}</span> });
    let whose =
        limit.set_by_operator.then(|| view! { <span class="fp-badge">{text::SET_BY_A_PERSON}</span> });
    let from = limit
        .inherited_from
        .as_ref()
        .map(|t| view! { <span class="fp-small">{text::FROM_THE_TEMPLATE} {t.clone()}</span> });

    let for_edit = limit.clone();
    let label = text::used_of(&limit.scope);
    view! {
        <section class="fp-card" aria-label=limit.scope.clone()>
            <div class="fp-head"><h2>{limit.scope.clone()}</h2>{whose}{from}{drained}</div>
            <p class="fp-line">
                <meter aria-label=label min="0" max=limit.permits.to_string() high=(f64::from(limit.permits) * 0.9).to_string() value=limit.used.to_string()></meter>
                " " <strong>{limit.used} {text::OF} {limit.permits}</strong> {text::USED_IN} {parts::chosen(limit.window_seconds.0)} {text::GIVEN} {mode} ". "
                {limit.free} {text::FREE} {next} " " {keys}
            </p>
            <p class="fp-line">{attached}</p>
            <div class="fp-actions">
                {parts::button_of(ctx, Role::Admin, (text::EDIT, &limit.scope), "", doing.busy, move || edited.set(Some(Edited::Of(for_edit.clone()))))}
                {drain(ctx, doing, limits, limit)}
                {remove(ctx, doing, limits, limit)}
            </div>
        </section>
    }
    .into_any()
}

/// Gives nothing for five minutes, or gives again.
fn drain(ctx: Ctx, doing: Doing, limits: Remote<LimitList>, limit: &Limit) -> AnyView {
    let scope = limit.scope.clone();
    if limit.drained_until.is_some() {
        return parts::button_of(
            ctx,
            Role::Operator,
            (text::LIFT_THE_DRAIN, &limit.scope),
            "",
            doing.busy,
            move || {
                let (ipc, scope) = (ctx.ipc(), scope.clone());
                doing.run(Box::pin(async move { ipc.lift_drain(&scope).await }), move |_| limits.reload());
            },
        );
    }
    parts::button_of(ctx, Role::Operator, (text::DRAIN_FOR_5_MIN, &limit.scope), "", doing.busy, move || {
        let scope = scope.clone();
        ctx.ask(Question {
            title: text::drain_question(&scope),
            text: text::NOTHING_IS_GIVEN.into(),
            yes: text::DRAIN.into(),
            typed: None,
            danger: true,
            then: Arc::new(move || {
                let (ipc, scope) = (ctx.ipc(), scope.clone());
                let drain = Drain { seconds: Seconds(300.0) };
                doing.run(Box::pin(async move { ipc.drain_limit(&scope, &drain).await }), move |_| {
                    limits.reload();
                });
            }),
        });
    })
}

fn remove(ctx: Ctx, doing: Doing, limits: Remote<LimitList>, limit: &Limit) -> AnyView {
    let scope = limit.scope.clone();
    parts::button_of(ctx, Role::Admin, (text::REMOVE, &limit.scope), "fp-danger", doing.busy, move || {
        let scope = scope.clone();
        ctx.ask(Question {
            title: text::remove_limit_question(&scope),
            text: text::WHAT_ASKS_FOR_ITS_PERMITS.into(),
            yes: text::REMOVE.into(),
            typed: None,
            danger: true,
            then: Arc::new(move || {
                let (ipc, scope) = (ctx.ipc(), scope.clone());
                doing.run(Box::pin(async move { ipc.remove_limit(&scope).await }), move |_| limits.reload());
            }),
        });
    })
}
