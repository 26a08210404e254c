//! What is around every page.

use super::memo::memo;
use super::{Ctx, Live, browser, followed, keys};
use crate::ipc::IpcError;
use crate::model::route::{Place, Tab};
use crate::model::{format, patience};
use crate::text;
use crate::{pages, parts};
use forge_jobs_api::wire::Role;
use leptos::prelude::*;
use leptos::task::spawn_local;

const THEMES: [&str; 3] = ["system", "light", "dark"];

pub(super) fn shell(ctx: Ctx) -> AnyView {
    let theme = RwSignal::new(browser::remembered("theme").unwrap_or_else(|| "system".into()));
    let failed = RwSignal::new(None::<IpcError>);
    find_out(ctx, failed);
    follow_place(ctx);
    // The login takes the place of the page that a question is about.
    Effect::new(move |_| {
        if ctx.login.get() {
            ctx.question.set(None);
        }
    });
    let clicked = move |event: web_sys::MouseEvent| {
        let home = ctx.href(&Place::of(Tab::Overview));
        if let Some((path, search)) = followed(&event, home.trim_end_matches('/')) {
            event.prevent_default();
            let base = home.trim_end_matches('/').to_owned();
            ctx.go(Place::parse(&base, &path, &search));
        }
    };
    // Not a value that says "system": the style sheet asks the system itself.
    let themed = move || theme.with(|theme| (theme != "system").then(|| theme.clone()));
    let inside = move || {
        if ctx.login.get() {
            pages::login::page(ctx)
        } else if ctx.me.with(Option::is_some) {
            routed(ctx)
        } else if let Some(error) = failed.get() {
            parts::error_view(&error, Some(Callback::new(move |()| find_out(ctx, failed))))
        } else {
            parts::skeleton(6)
        }
    };
    view! {
        <div class="fp" data-theme=themed on:click=clicked>
            <a class="fp-skip" href="#fp-main">{text::SKIP_TO_THE_PAGE}</a>
            <header class="fp-top">
                <a class="fp-brand" href=ctx.href(&Place::of(Tab::Overview))>{text::MISSION_CONTROL}</a>
                {live_state(ctx)}
                <span class="fp-fill"></span>
                {tools(ctx, theme)}
            </header>
            {nav(ctx)}
            <main id="fp-main" class="fp-main" tabindex="-1">{stale(ctx)}{inside}</main>
            {parts::dialog::question(ctx)}
            {parts::dialog::help(ctx)}
            {said(ctx)}
        </div>
    }
    .into_any()
}

/// Who the caller is. Without that, the login.
fn find_out(ctx: Ctx, failed: RwSignal<Option<IpcError>>) {
    spawn_local(async move {
        let is_wanted = || ctx.me.with_untracked(Option::is_none) && !ctx.login.get_untracked();
        for tries in 1.. {
            failed.set(None);
            match ctx.ipc().me().await {
                Ok(me) => return ctx.me.set(Some(me)),
                Err(error) => {
                    ctx.note(&error);
                    let passes = error.may_pass();
                    failed.set(Some(error));
                    if !passes {
                        return;
                    }
                }
            }
            browser::sleep(patience::wait(tries, js_sys::Math::random())).await;
            while is_wanted() && ctx.is_resting() {
                browser::sleep(1_000).await;
            }
            if !is_wanted() {
                return;
            }
        }
    });
}

/// Another page: its title, its begin, and the focus on it.
fn follow_place(ctx: Ctx) {
    let at = memo(move |_| ctx.place.with(|place| (place.tab, place.open.clone())));
    Effect::new(move |before: Option<()>| {
        let (tab, open) = at.get();
        let name = tab.map_or(text::NOT_FOUND, Tab::name);
        if let Some(document) = browser::document() {
            document.set_title(&text::page_title(open.as_deref(), name));
        }
        if before.is_some() {
            // What was asked was about the page before.
            ctx.question.set(None);
            browser::focus("#fp-main");
            // The way back leads to where it was left.
            if let Some(window) = browser::window().filter(|_| ctx.went.get_value()) {
                window.scroll_to_with_x_and_y(0.0, 0.0);
            }
        }
    });
}

fn routed(ctx: Ctx) -> AnyView {
    let at = memo(move |_| ctx.place.with(|place| (place.tab, place.open.clone())));
    (move || {
        let (tab, open) = at.get();
        match (tab, open) {
            (Some(Tab::Overview), None) => pages::overview::page(ctx),
            (Some(tab @ (Tab::Jobs | Tab::Scheduled | Tab::Retries | Tab::Dead)), None) => {
                pages::jobs::page(ctx, tab)
            }
            (Some(tab @ (Tab::Jobs | Tab::Scheduled | Tab::Retries | Tab::Dead)), Some(id)) => {
                pages::job::page(ctx, tab, id)
            }
            (Some(Tab::Cron), None) => pages::cron::page(ctx),
            (Some(Tab::Cron), Some(name)) => pages::schedule::page(ctx, name),
            (Some(Tab::Queues), None) => pages::queues::page(ctx),
            (Some(Tab::Queues), Some(name)) => pages::queue::page(ctx, name),
            (Some(Tab::Processes), None) => pages::processes::page(ctx),
            (Some(Tab::Limits), None) => pages::limits::page(ctx),
            (Some(Tab::Database), None) => pages::database::page(ctx),
            (Some(Tab::Audit), None) => pages::audit::page(ctx),
            (Some(Tab::Metrics), None) => pages::metrics::page(ctx),
            (Some(Tab::Metrics), Some(name)) => pages::metrics::of_queue(ctx, name),
            (Some(Tab::Resources), None) => pages::resources::page(ctx),
            _ => parts::page(
                text::NOT_FOUND,
                parts::empty(text::THERE_IS_NO_SUCH_PAGE, text::THE_ADDRESS_MAY_BE_OF_ANOTHER),
            ),
        }
    })
    .into_any()
}

fn nav(ctx: Ctx) -> AnyView {
    let tab = memo(move |_| ctx.place.with(|place| place.tab));
    let link = move |to: Tab| {
        let current = move || (tab.get() == Some(to)).then_some("page");
        let hidden = move || {
            to == Tab::Audit && ctx.me.with(|me| me.as_ref().is_some_and(|me| me.role < Role::Operator))
        };
        view! {
            <li hidden=hidden><a href=ctx.href(&Place::of(to)) aria-current=current>{to.name()}</a></li>
        }
    };
    // On a phone they are one long line, of which the page that one is at is in sight.
    let line = NodeRef::<leptos::html::Nav>::new();
    Effect::new(move |_| {
        tab.with(|_| ());
        if let Some(line) = line.get() {
            browser::bring_into_line(&line);
        }
    });
    view! {
        <nav class="fp-nav" aria-label=text::PAGES node_ref=line>
            <ul>{Tab::ALL.map(link).collect_view()}</ul>
        </nav>
    }
    .into_any()
}

fn live_state(ctx: Ctx) -> AnyView {
    let state = move || match ctx.live.get() {
        Live::Connecting => ("connecting", text::CONNECTING),
        Live::On => ("on", text::LIVE),
        Live::Lost(_) | Live::Deaf(_) => ("lost", text::NO_CONNECTION),
        Live::Paused(_) => ("paused", text::PAUSED_2),
    };
    let pressed = move || if ctx.live.get().is_paused() { "true" } else { "false" };
    view! {
        <button type="button" class="fp-live" data-live=move || state().0 aria-pressed=pressed
            title=text::STOP_AND_GO_ON_WITH_LIVE on:click=move |_| keys::toggle_live(ctx)>
            <span class="fp-dot" aria-hidden="true"></span>{move || state().1}
        </button>
    }
    .into_any()
}

/// The banner of a panel whose data may be old.
fn stale(ctx: Ctx) -> AnyView {
    let old =
        memo(move |_| Some(ctx.live.get()).filter(|live| live.is_paused() || live.broken_since().is_some()));
    (move || {
        let live = old.get()?;
        if let Live::Paused(since) = live {
            return Some(still(ctx, since));
        }
        let since = live.broken_since()?;
        let age = move || format::relative(since, ctx.now.get());
        // The age moves with each second: what is said aloud is said once.
        let (class, told, rest) = if matches!(live, Live::Lost(_)) {
            let old =
                view! { {text::WHAT_YOU_SEE_WAS_TRUE} {age} {text::THE_PANEL_CONNECTS_AGAIN_BY_ITSELF} };
            ("fp-banner fp-banner-bad", text::THE_SERVER_DOES_NOT_ANSWER, old.into_any())
        } else {
            let deaf = view! { {text::SINCE_THEN} {age} {text::IT_IS_ASKED_NOW_AND_THEN} };
            ("fp-banner fp-banner-warn", text::CHANGES_ARE_NOT_TOLD, deaf.into_any())
        };
        Some(view! { <div class=class><strong role="alert">{told}</strong>{rest}</div> }.into_any())
    })
    .into_any()
}

/// What is shown stands still, while ages go on: since when, and the way on. The key that paused it may not have been meant.
fn still(ctx: Ctx, since: i64) -> AnyView {
    view! {
        <div class="fp-banner fp-banner-info">
            {text::PAUSED_SINCE} {browser::local(since)} {text::WHAT_YOU_SEE_IS_OF_THEN}
            <button type="button" on:click=move |_| keys::toggle_live(ctx)>{text::GO_ON}</button>
        </div>
    }
    .into_any()
}

fn tools(ctx: Ctx, theme: RwSignal<String>) -> AnyView {
    let next = move |_| {
        let at = THEMES.iter().position(|t| theme.with_untracked(|now| now == t)).unwrap_or(0);
        let next = THEMES[(at + 1) % THEMES.len()];
        browser::remember("theme", next);
        theme.set(next.into());
    };
    let zone = browser::zone();
    let times = {
        let zone = zone.clone();
        move || {
            if ctx.absolute.get() { text::times_exact(zone.as_deref()) } else { text::TIMES_FROM_NOW.into() }
        }
    };
    let zone = zone.map(|zone| text::times_are_of(&zone));
    let out = move |_| {
        spawn_local(async move {
            // Whether the server heard it or not, this page forgets.
            let _ = ctx.ipc().log_out().await;
            ctx.me.set(None);
            ctx.login.set(true);
        });
    };
    // Where the host has a login of its own, it has the end of that as well.
    let is_ours = ctx.ipc().login_page().is_none();
    let who = move || {
        ctx.me.get().map(|me| {
            let role = if me.read_only { "read-only".to_owned() } else { me.role.as_str().to_owned() };
            view! {
                <span class="fp-who" title=text::server_version(&me.version)>{me.name} " · " {role}</span>
                {(is_ours && me.session).then(|| view! { <button type="button" class="fp-quiet" on:click=out>{text::LOG_OUT}</button> })}
            }
        })
    };
    view! {
        <button type="button" class="fp-quiet" title=zone on:click=move |_| keys::toggle_times(ctx)>{times}</button>
        <button type="button" class="fp-quiet" on:click=next>{text::THEME} {theme}</button>
        <button type="button" class="fp-quiet" aria-label=text::KEYS title=text::KEYS_2 on:click=move |_| ctx.help.set(true)>"?"</button>
        {who}
    }
    .into_any()
}

/// What was done, said and shown for a while.
fn said(ctx: Ctx) -> AnyView {
    Effect::new(move |_| {
        if let Some(text) = ctx.said.get() {
            spawn_local(async move {
                browser::sleep(5_000).await;
                if ctx.said.try_get_untracked().flatten().is_some_and(|now| now == text) {
                    ctx.said.set(None);
                }
            });
        }
    });
    view! { <div class="fp-said" role="status" aria-live="polite">{move || ctx.said.get()}</div> }.into_any()
}
