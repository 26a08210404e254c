//! Budgets: what is used of them, what waits for them, and how large they are.

use crate::app::{Ctx, Doing, Question, Remote, focus};
use crate::model::route::{Place, Tab};
use crate::parts::{self, fields};
use crate::text;
use forge_jobs_api::wire::{Attached, Drain, Limit, LimitEdit, LimitList, LimitMode, Role, Seconds, Topic};
use leptos::html;
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
            {edit(ctx, limits, edited)}
            {parts::shown(limits, 4, draw)}
        },
    )
}

/// What the form above the list is of.
#[derive(Clone)]
enum Edited {
    New,
    Of(Limit),
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

const MODES: [(&str, &str); 2] = [("sliding", text::AS_THEY_ARE_ASKED_2), ("smooth", text::EVENLY)];
/// What the form has a field for.
const FIELDS: [&str; 4] = ["scope", "permits", "window", "window_seconds"];

/// What is typed.
#[derive(Clone, Copy)]
struct Form {
    scope: RwSignal<String>,
    permits: RwSignal<String>,
    window: RwSignal<String>,
    mode: RwSignal<String>,
}

impl Form {
    fn new() -> Self {
        let text = || RwSignal::new(String::new());
        Self { scope: text(), permits: text(), window: text(), mode: text() }
    }

    fn fill(self, edited: &Edited) {
        let (scope, permits, window, is_smooth) = match edited {
            Edited::New => (String::new(), String::new(), 60.0, false),
            Edited::Of(limit) => (
                limit.scope.clone(),
                limit.permits.to_string(),
                limit.window_seconds.0,
                limit.mode == LimitMode::Smooth,
            ),
        };
        self.scope.set(scope);
        self.permits.set(permits);
        self.window.set(fields::show_seconds(window));
        self.mode.set(if is_smooth { "smooth" } else { "sliding" }.into());
    }

    /// The scope and its limit; `None` while something typed is wrong.
    fn typed(self) -> Option<(String, LimitEdit)> {
        let scope = self.scope.get().trim().to_owned();
        let permits = permits(&self.permits.get())?;
        let seconds = window(&self.window.get())?;
        let mode = if self.mode.get() == "smooth" { LimitMode::Smooth } else { LimitMode::Sliding };
        let edit = LimitEdit { permits, window_seconds: Seconds(seconds), mode: Some(mode) };
        (!scope.is_empty()).then_some((scope, edit))
    }
}

fn permits(text: &str) -> Option<u32> {
    text.trim().parse().ok().filter(|n| (1..=1_000_000).contains(n))
}

fn window(text: &str) -> Option<f64> {
    fields::parse_seconds(text).filter(|s| *s >= 0.1)
}

fn bad_permits(text: &str) -> Option<String> {
    permits(text).is_none().then(|| text::A_WHOLE_NUMBER_FROM_1_2.to_owned())
}

fn bad_window(text: &str) -> Option<String> {
    window(text).is_none().then(|| text::A_TIME_FROM_100MS_ON.to_owned())
}

/// The form of one of them, or of a new one, above the list.
fn edit(ctx: Ctx, limits: Remote<LimitList>, edited: RwSignal<Option<Edited>>) -> AnyView {
    let form = Form::new();
    let saving = Doing::new(ctx);
    Effect::new(move |_| {
        if let Some(edited) = edited.get() {
            saving.error.set(None);
            form.fill(&edited);
        }
    });
    let sent = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        let Some((scope, edit)) = form.typed() else { return };
        let ipc = ctx.ipc();
        saving.run(Box::pin(async move { ipc.set_limit(&scope, &edit).await }), move |_| {
            edited.set(None);
            limits.reload();
            ctx.say(text::SAVED);
        });
    };
    let taken = move |scope: &str| {
        let scope = scope.trim();
        let is_taken = limits.data.with(|list| {
            list.as_ref().is_some_and(|list| {
                list.limits.iter().any(|l| l.scope == scope && l.inherited_from.is_none())
            })
        });
        let taken = is_taken.then(|| text::IT_HAS_A_LIMIT_ALREADY_EDIT.to_owned());
        taken.or_else(|| fields::needed(scope))
    };
    (move || {
        edited.get().map(|of| {
            let (title, scope) = match of {
                Edited::Of(limit) => (text::limit_of(&limit.scope), None),
                Edited::New => {
                    let field = fields::named(text::SCOPE, text::SUCH_AS_SLACK_OR_SLACK_TEAM, form.scope, taken, (saving, &["scope"]));
                    (text::NEW_LIMIT.to_owned(), Some(field))
                }
            };
            let is_new = scope.is_some();
            let name = title.clone();
            let node = NodeRef::<html::Form>::new();
            node.on_load(|form| focus::step_into(&form));
            let off = move || {
                let typed = form.typed();
                saving.busy.get() || typed.is_none_or(|(scope, _)| is_new && taken(&scope).is_some())
            };
            view! {
                <form class="fp-card fp-form" aria-label=name node_ref=node on:submit=sent>
                    <h2>{title}</h2>
                    <div class="fp-grid">
                        {scope}
                        {fields::named(text::PERMITS, text::IN_EACH_WINDOW, form.permits, bad_permits, (saving, &["permits"]))}
                        {fields::named(text::WINDOW, text::SUCH_AS_1_MIN, form.window, bad_window, (saving, &["window", "window_seconds"]))}
                        {fields::choice(text::GIVEN_2, &MODES, form.mode)}
                    </div>
                    {parts::form_error(saving, &FIELDS)}
                    <div class="fp-actions">
                        {parts::submit(text::SAVE, off, None)}
                        <button type="button" on:click=move |_| edited.set(None)>{text::BACK}</button>
                    </div>
                </form>
            }
        })
    })
    .into_any()
}
