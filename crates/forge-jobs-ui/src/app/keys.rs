//! The keyboard: every page by two keys, and a sheet that says so.

use super::browser::{self, Listener};
use super::context::{Ctx, Live};
use crate::model::route::{Place, Tab};
use crate::text;
use leptos::prelude::*;
use wasm_bindgen::JsCast as _;
use web_sys::KeyboardEvent;

/// `g` and this letter opens a page.
pub(crate) const GO: [(&str, Tab); 13] = [
    ("o", Tab::Overview),
    ("j", Tab::Jobs),
    ("s", Tab::Scheduled),
    ("r", Tab::Retries),
    ("d", Tab::Dead),
    ("c", Tab::Cron),
    ("q", Tab::Queues),
    ("p", Tab::Processes),
    ("l", Tab::Limits),
    ("m", Tab::Metrics),
    ("u", Tab::Resources),
    ("h", Tab::Database),
    ("a", Tab::Audit),
];

/// The other keys, and what they do.
pub(crate) const OTHERS: [(&str, &str); 6] = [
    ("?", text::THIS_SHEET),
    ("/", text::TO_THE_FILTER),
    ("n", text::SHOW_WHAT_HAS_CHANGED),
    ("t", text::TIMES_AS_THEY_ARE_OR_FROM),
    ("p", text::STOP_AND_GO_ON_WITH_LIVE_2),
    ("Esc", text::CLOSE_WHAT_IS_OPEN),
];

/// So long `g` waits for its letter, in milliseconds.
const GOING: f64 = 1_500.0;

pub(super) fn listen(ctx: Ctx) {
    let Some(document) = browser::document() else { return };
    let going = StoredValue::new(None::<f64>);
    let pressed = move |event: web_sys::Event| {
        let Some(key) = event.dyn_ref::<KeyboardEvent>() else { return };
        // One that is held says itself again and again.
        if key.repeat() {
            return;
        }
        let began = going.get_value();
        going.set_value(None);
        let is_with_others = key.ctrl_key() || key.meta_key() || key.alt_key();
        if is_with_others || !ctx.keys.get_untracked() || browser::is_typing(event.target()) {
            return;
        }
        let name = key.key();
        if began.is_some_and(|began| event.time_stamp() - began < GOING) {
            if let Some((_, tab)) = GO.iter().find(|(letter, _)| *letter == name) {
                event.prevent_default();
                ctx.go(Place::of(*tab));
            }
            return;
        }
        match name.as_str() {
            "g" => going.set_value(Some(event.time_stamp())),
            "?" => ctx.help.set(true),
            "/" if browser::focus("#fp-filter") => event.prevent_default(),
            "n" => {
                let news =
                    browser::document().and_then(|d| d.query_selector(".fp-news button").ok().flatten());
                if let Some(button) = news.and_then(|n| n.dyn_into::<web_sys::HtmlElement>().ok()) {
                    button.click();
                }
            }
            "t" => toggle_times(ctx),
            "p" => toggle_live(ctx),
            _ => {}
        }
    };
    let _keep = StoredValue::new_local(Listener::new(document.into(), "keydown", pressed));
}

pub(crate) fn toggle_times(ctx: Ctx) {
    ctx.absolute.update(|absolute| *absolute = !*absolute);
    browser::remember("times", if ctx.absolute.get_untracked() { "absolute" } else { "relative" });
}

pub(crate) fn toggle_keys(ctx: Ctx) {
    ctx.keys.update(|keys| *keys = !*keys);
    browser::remember("keys", if ctx.keys.get_untracked() { "on" } else { "off" });
}

pub(crate) fn toggle_live(ctx: Ctx) {
    let paused = ctx.live.get_untracked().is_paused();
    ctx.live.set(if paused { Live::Connecting } else { Live::Paused(ctx.now.get_untracked()) });
    ctx.say(if paused { text::LIVE_UPDATES_GO_ON } else { text::LIVE_UPDATES_ARE_PAUSED });
}
