//! Budgets: what is used of them, what waits for them, and how large they are.

use crate::app::{Ctx, Doing, Question, Remote};
use crate::model::route::{Place, Tab};
use crate::parts::{self, fields};
use forge_jobs_api::wire::{Attached, Drain, Limit, LimitEdit, LimitList, LimitMode, Role, Seconds, Topic};
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
    let edited = RwSignal::new(None::<Limit>);
    let draw = move |list: Arc<LimitList>| {
        if list.limits.is_empty() {
            let hint = view! { "Give a scope one: " <code>"forge limit set slack 60 --per 1m"</code> ", and its name to what is limited." };
            return parts::empty("There is no budget yet", hint);
        }
        list.limits.iter().map(|limit| one(ctx, doing, limits, edited, limit)).collect_view().into_any()
    };
    parts::page(
        "Limits",
        view! {
            {parts::doing_error(doing)}
            {edit(ctx, limits, edited)}
            {parts::shown(limits, 4, draw)}
        },
    )
}

fn one(
    ctx: Ctx,
    doing: Doing,
    limits: Remote<LimitList>,
    edited: RwSignal<Option<Limit>>,
    limit: &Limit,
) -> AnyView {
    let mode = match limit.mode {
        LimitMode::Sliding => "as they are asked for",
        LimitMode::Smooth => "spread evenly",
        LimitMode::Unknown => "as a newer version says",
    };
    let attached = limit.attached.iter().map(|attached| match attached {
        Attached::Queue(name) => (Place::opened(Tab::Queues, name), format!("queue {name}")),
        Attached::Kind(name) => (Place::of(Tab::Jobs).with("kind", Some(name)), format!("kind {name}")),
    });
    let attached = attached
        .map(|(place, text)| view! { <a class="fp-badge" href=ctx.href(&place)>{text}</a> " " })
        .collect_view();
    let drained = limit.drained_until.as_deref().map(|at| {
        view! { <span class="fp-badge fp-badge-bad">"drained: nothing is given until " {parts::stamp(ctx, at)}</span> }
    });
    let next = limit.next_at.as_deref().map(
        |at| view! { <span class="fp-small">"the next one can be given " {parts::stamp(ctx, at)}</span> },
    );
    let keys = (limit.keys > 0)
        .then(|| view! { <span class="fp-small">{limit.keys} " keys have a count of their own"</span> });
    let whose = limit.set_by_operator.then(|| view! { <span class="fp-badge">"set by a person"</span> });
    let from = limit
        .inherited_from
        .as_ref()
        .map(|t| view! { <span class="fp-small">"from the template " {t.clone()}</span> });
    let again = Callback::new(move |_: Limit| limits.reload());
    let for_edit = limit.clone();
    let label = format!("{} used", limit.scope);
    view! {
        <section class="fp-card">
            <div class="fp-head"><h2>{limit.scope.clone()}</h2>{whose}{from}{drained}</div>
            <p class="fp-line">
                <meter aria-label=label min="0" max=limit.permits.to_string() high=(f64::from(limit.permits) * 0.9).to_string() value=limit.used.to_string()></meter>
                " " <strong>{limit.used} " of " {limit.permits}</strong> " used in " {parts::seconds(limit.window_seconds.0)} ", given " {mode} ". "
                {limit.free} " free. " {next} " " {keys}
            </p>
            <p class="fp-line">{attached}</p>
            <div class="fp-actions">
                {parts::button(ctx, Role::Admin, "Edit", "", doing.busy, move || edited.set(Some(for_edit.clone())))}
                {drain(ctx, doing, limit, again)}
                {remove(ctx, doing, limits, limit)}
            </div>
        </section>
    }
    .into_any()
}

/// Gives nothing for five minutes, or gives again.
fn drain(ctx: Ctx, doing: Doing, limit: &Limit, again: Callback<Limit>) -> AnyView {
    let scope = limit.scope.clone();
    if limit.drained_until.is_some() {
        return parts::button(ctx, Role::Operator, "Lift the drain", "", doing.busy, move || {
            let (ipc, scope) = (ctx.ipc(), scope.clone());
            doing.run(Box::pin(async move { ipc.lift_drain(&scope).await }), move |limit| {
                again.run(limit);
            });
        });
    }
    parts::button(ctx, Role::Operator, "Drain for 5 min", "", doing.busy, move || {
        let scope = scope.clone();
        ctx.ask(Question {
            title: format!("Drain {scope}?"),
            text: "Nothing is given of it for five minutes: what needs a permit waits.".into(),
            yes: "Drain".into(),
            typed: None,
            danger: true,
            then: Callback::new(move |()| {
                let (ipc, scope) = (ctx.ipc(), scope.clone());
                let drain = Drain { seconds: Seconds(300.0) };
                doing.run(Box::pin(async move { ipc.drain_limit(&scope, &drain).await }), move |limit| {
                    again.run(limit);
                });
            }),
        });
    })
}

fn remove(ctx: Ctx, doing: Doing, limits: Remote<LimitList>, limit: &Limit) -> AnyView {
    let scope = limit.scope.clone();
    parts::button(ctx, Role::Admin, "Remove", "fp-danger", doing.busy, move || {
        let scope = scope.clone();
        ctx.ask(Question {
            title: format!("Remove the limit of {scope}?"),
            text: "What asks for its permits is refused, or has the limit of its template.".into(),
            yes: "Remove".into(),
            typed: None,
            danger: true,
            then: Callback::new(move |()| {
                let (ipc, scope) = (ctx.ipc(), scope.clone());
                doing.run(Box::pin(async move { ipc.remove_limit(&scope).await }), move |_| limits.reload());
            }),
        });
    })
}

/// The form of one of them, above the list.
fn edit(ctx: Ctx, limits: Remote<LimitList>, edited: RwSignal<Option<Limit>>) -> AnyView {
    const MODES: [(&str, &str); 2] = [("sliding", "As they are asked for"), ("smooth", "Evenly")];
    let (permits, window, mode) =
        (RwSignal::new(String::new()), RwSignal::new(String::new()), RwSignal::new(String::new()));
    let saving = Doing::new(ctx);
    Effect::new(move |_| {
        if let Some(limit) = edited.get() {
            permits.set(limit.permits.to_string());
            window.set(fields::show_seconds(limit.window_seconds.0));
            mode.set(if limit.mode == LimitMode::Smooth { "smooth" } else { "sliding" }.into());
        }
    });
    let typed = move || {
        let number = permits.get().trim().parse::<u32>().ok().filter(|n| (1..=1_000_000).contains(n))?;
        let seconds = fields::parse_seconds(&window.get()).filter(|s| *s >= 0.1)?;
        let mode = if mode.get() == "smooth" { LimitMode::Smooth } else { LimitMode::Sliding };
        Some(LimitEdit { permits: number, window_seconds: Seconds(seconds), mode: Some(mode) })
    };
    let sent = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        let (Some(limit), Some(edit)) = (edited.get_untracked(), typed()) else { return };
        let ipc = ctx.ipc();
        saving.run(Box::pin(async move { ipc.set_limit(&limit.scope, &edit).await }), move |_| {
            edited.set(None);
            limits.reload();
            ctx.say("Saved");
        });
    };
    (move || {
        edited.get().map(|limit| {
            let bad_permits = |t: &str| {
                let number = t.trim().parse::<u32>().ok().filter(|n| (1..=1_000_000).contains(n));
                number.is_none().then(|| "A whole number from 1 to 1000000.".to_owned())
            };
            let bad_window = |t: &str| {
                fields::parse_seconds(t).is_none_or(|s| s < 0.1).then(|| "A time from 100ms on, such as 1 min.".to_owned())
            };
            view! {
                <form class="fp-card fp-form" on:submit=sent>
                    <h2>"The limit of " {limit.scope}</h2>
                    <div class="fp-grid">
                        {fields::text("Permits", "In each window", permits, bad_permits)}
                        {fields::text("Window", "Such as 1 min", window, bad_window)}
                        {fields::choice("Given", &MODES, mode)}
                    </div>
                    {parts::doing_error(saving)}
                    <div class="fp-actions">
                        <button type="submit" class="fp-primary" disabled=move || typed().is_none() || saving.busy.get()>"Save"</button>
                        <button type="button" on:click=move |_| edited.set(None)>"Back"</button>
                    </div>
                </form>
            }
        })
    })
    .into_any()
}
