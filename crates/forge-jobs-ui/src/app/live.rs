//! Keeps the panel up to date: the stream of changes, the clock, and rest while nobody looks.

use super::browser::{self, Listener};
use super::context::{Ctx, Live};
use super::memo::memo;
use crate::ipc::{Heard, IpcError};
use forge_jobs_api::wire::Topic;
use leptos::prelude::*;
use leptos::task::spawn_local;
use std::any::Any;

/// Longest time between two tries to connect, in milliseconds.
const SLOWEST: i32 = 15_000;

/// Starts what moves by itself. It ends with the panel.
pub(super) fn start(ctx: Ctx) {
    let open: StoredValue<Option<Box<dyn Any>>, LocalStorage> = StoredValue::new_local(None);
    let round = StoredValue::new(0_u32);
    let visible = RwSignal::new(browser::is_visible());
    if let Some(document) = browser::document() {
        let listener =
            Listener::new(document.into(), "visibilitychange", move |_| visible.set(browser::is_visible()));
        let _keep = StoredValue::new_local(listener);
    }
    let paused = memo(move |_| ctx.live.get().is_paused());
    Effect::new(move |_| {
        let wanted = visible.get() && !paused.get() && ctx.me.with(Option::is_some);
        round.update_value(|round| *round += 1);
        open.set_value(None);
        if wanted {
            // What is shown may be old until a stream is open.
            if ctx.live.get_untracked() == Live::On {
                ctx.live.set(Live::Connecting);
            }
            connect(ctx, open, round, 1_000);
        }
    });
    tick(ctx, visible);
}

fn connect(
    ctx: Ctx,
    open: StoredValue<Option<Box<dyn Any>>, LocalStorage>,
    round: StoredValue<u32>,
    wait: i32,
) {
    let number = round.get_value();
    let is_current = move || round.try_get_value() == Some(number);
    let heard = move |heard: Heard| {
        if !is_current() || ctx.live.get_untracked().is_paused() {
            return;
        }
        match heard {
            Heard::Open => {
                if ctx.live.get_untracked() != Live::On {
                    ctx.live.set(Live::On);
                    // What is shown was asked for before anything was told of changes to it.
                    ctx.touch(&Topic::ALL);
                }
            }
            Heard::Changed(topics) => ctx.touch(&topics),
            Heard::Lost => broke(ctx),
        }
    };
    open.set_value(Some(ctx.ipc().subscribe(Box::new(heard))));
    // A stream that was refused is not opened again by the browser.
    spawn_local(async move {
        browser::sleep(wait + 2_000).await;
        // Neither open nor refused, perhaps: something on the way keeps it back.
        if is_current() && matches!(ctx.live.get_untracked(), Live::Connecting | Live::Deaf(_)) {
            broke(ctx);
        }
        if is_current() && ctx.live.get_untracked().broken_since().is_some() {
            connect(ctx, open, round, (wait * 2).min(SLOWEST));
        } else if is_current() {
            watch(ctx, open, round).await;
        }
    });
}

/// Whether it is the server that is gone, or the stream alone. Of a server that answers, what is shown is asked anew.
fn broke(ctx: Ctx) {
    let since = ctx.live.get_untracked().broken_since();
    let lost = since.unwrap_or_else(|| ctx.now.get_untracked());
    if since.is_none() {
        ctx.live.set(Live::Lost(lost));
    }
    spawn_local(async move {
        let answer = ctx.ipc().me().await;
        // The stream may be open again by now, or nobody wants it; who looks again connects anew.
        let is_broken = ctx.live.try_get_untracked().is_some_and(|live| live.broken_since().is_some());
        if !is_broken || !browser::is_visible() {
            return;
        }
        if matches!(answer, Err(IpcError::Offline)) {
            ctx.live.set(Live::Lost(lost));
            return;
        }
        if let Err(error) = answer {
            ctx.note(&error);
        }
        ctx.live.set(Live::Deaf(lost));
        ctx.touch(&Topic::ALL);
    });
}

/// Waits for the stream to break, and connects again.
async fn watch(ctx: Ctx, open: StoredValue<Option<Box<dyn Any>>, LocalStorage>, round: StoredValue<u32>) {
    let number = round.try_get_value();
    loop {
        browser::sleep(3_000).await;
        if number.is_none() || round.try_get_value() != number {
            return;
        }
        if ctx.live.get_untracked().broken_since().is_some() {
            connect(ctx, open, round, 1_000);
            return;
        }
    }
}

fn tick(ctx: Ctx, visible: RwSignal<bool>) {
    spawn_local(async move {
        loop {
            browser::sleep(1_000).await;
            let Some(visible) = visible.try_get_untracked() else { return };
            if visible {
                ctx.now.set(browser::now() + ctx.skew.get_untracked());
            }
        }
    });
}
