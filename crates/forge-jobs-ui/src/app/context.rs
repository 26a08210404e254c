//! What all pages share: the way to the queue, where we are, who we are, what is live.

use super::browser;
use super::memo::memo;
use crate::ipc::{IpcError, QueueIpc};
use crate::model::route::Place;
use crate::text;
use forge_jobs_api::wire::{Me, Role, Topic};
use leptos::prelude::*;
use std::rc::Rc;
use std::sync::Arc;
use wasm_bindgen::JsValue;

/// How fresh what is shown is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Live {
    /// Not told yet.
    Connecting,
    /// Changes come as they happen.
    On,
    /// The server does not answer, since then.
    Lost(i64),
    /// The server answers, but has told of no change since then.
    Deaf(i64),
    /// The user wants it still, since then.
    Paused(i64),
}

impl Live {
    /// Since when no change is told.
    pub(crate) const fn broken_since(self) -> Option<i64> {
        match self {
            Self::Lost(since) | Self::Deaf(since) => Some(since),
            Self::Connecting | Self::On | Self::Paused(_) => None,
        }
    }

    pub(crate) const fn is_paused(self) -> bool {
        matches!(self, Self::Paused(_))
    }
}

/// Something to be confirmed before it is done.
#[derive(Clone)]
pub(crate) struct Question {
    pub(crate) title: String,
    pub(crate) text: String,
    pub(crate) yes: String,
    /// A text that has to be typed first.
    pub(crate) typed: Option<String>,
    pub(crate) danger: bool,
    /// By itself, and no `Callback`: what stood on the page at the question may be drawn anew before the answer.
    pub(crate) then: Arc<dyn Fn() + Send + Sync>,
}

/// Where the panel stands.
struct Host {
    ipc: Rc<dyn QueueIpc>,
    /// What its addresses begin with.
    base: String,
}

/// Copied everywhere; lives as long as the panel.
#[derive(Clone, Copy)]
pub(crate) struct Ctx {
    host: StoredValue<Host, LocalStorage>,
    pub(crate) place: RwSignal<Place>,
    /// Whether a link led here, and not the way back.
    pub(crate) went: StoredValue<bool>,
    pub(crate) me: RwSignal<Option<Me>>,
    pub(crate) login: RwSignal<bool>,
    pub(crate) live: RwSignal<Live>,
    /// Grows with each change of a topic.
    pub(crate) changes: RwSignal<[u64; Topic::ALL.len()]>,
    /// This moment, in microseconds, by the server's clock; moves each second.
    pub(crate) now: RwSignal<i64>,
    /// How far the server's clock is ahead.
    pub(crate) skew: RwSignal<i64>,
    pub(crate) absolute: RwSignal<bool>,
    /// Whether single characters are keys: whoever speaks to the page, or presses keys by accident, wants none.
    pub(crate) keys: RwSignal<bool>,
    pub(crate) question: RwSignal<Option<Question>>,
    pub(crate) help: RwSignal<bool>,
    /// Said aloud, and shown for a while.
    pub(crate) said: RwSignal<Option<String>>,
}

impl Ctx {
    pub(crate) fn new(ipc: Rc<dyn QueueIpc>, base: String, place: Place) -> Self {
        Self {
            host: StoredValue::new_local(Host { ipc, base }),
            place: RwSignal::new(place),
            went: StoredValue::new(false),
            me: RwSignal::new(None),
            login: RwSignal::new(false),
            live: RwSignal::new(Live::Connecting),
            changes: RwSignal::new([0; Topic::ALL.len()]),
            now: RwSignal::new(browser::now()),
            skew: RwSignal::new(0),
            absolute: RwSignal::new(browser::remembered("times").is_some_and(|t| t == "absolute")),
            keys: RwSignal::new(browser::remembered("keys").is_none_or(|keys| keys != "off")),
            question: RwSignal::new(None),
            help: RwSignal::new(false),
            said: RwSignal::new(None),
        }
    }

    pub(crate) fn ipc(self) -> Rc<dyn QueueIpc> {
        self.host.with_value(|host| Rc::clone(&host.ipc))
    }

    /// The address of a place.
    pub(crate) fn href(self, place: &Place) -> String {
        self.host.with_value(|host| place.address(&host.base))
    }

    pub(crate) fn here(self) -> Place {
        let Some(location) = browser::window().map(|w| w.location()) else {
            return self.place.get_untracked();
        };
        let path = location.pathname().unwrap_or_default();
        let search = location.search().unwrap_or_default();
        self.host.with_value(|host| Place::parse(&host.base, &path, &search))
    }

    /// Goes somewhere; back comes here again.
    pub(crate) fn go(self, place: Place) {
        self.write(&place, false);
        self.went.set_value(true);
        self.place.set(place);
    }

    /// The same place, put more precisely: back does not stop here.
    pub(crate) fn refine(self, place: Place) {
        self.write(&place, true);
        self.place.set(place);
    }

    fn write(self, place: &Place, replace: bool) {
        let Some(history) = browser::window().and_then(|w| w.history().ok()) else { return };
        let href = self.href(place);
        // A browser that keeps no history still shows the page.
        let _ = if replace {
            history.replace_state_with_url(&JsValue::NULL, "", Some(&href))
        } else {
            history.push_state_with_url(&JsValue::NULL, "", Some(&href))
        };
    }

    /// Follows the value of a name in the address.
    pub(crate) fn param(self, name: &'static str) -> Memo<Option<String>> {
        memo(move |_| self.place.with(|place| place.get(name).map(str::to_owned)))
    }

    /// Why the caller may not do what needs this role; `None` if the caller may.
    pub(crate) fn denied(self, needs: Role) -> Option<String> {
        self.me.with(|me| match me {
            Some(me) if me.read_only => Some(text::THIS_SERVER_CHANGES_NOTHING.into()),
            Some(me) if me.role < needs => Some(text::needs_role(needs.as_str(), me.role.as_str())),
            _ => None,
        })
    }

    /// Whether nothing is to be asked by itself: somebody wants it still, or nobody looks.
    pub(crate) fn is_resting(self) -> bool {
        self.live.try_get_untracked().is_some_and(Live::is_paused) || !browser::is_visible()
    }

    /// Tells everybody, sighted or not.
    pub(crate) fn say(self, text: impl Into<String>) {
        self.said.set(Some(text.into()));
    }

    pub(crate) fn ask(self, question: Question) {
        self.question.set(Some(question));
    }

    /// What every failed request means for the whole panel.
    pub(crate) fn note(self, error: &IpcError) {
        // A login that is open stays as it is, with what it says.
        if error.needs_login() && !self.login.get_untracked() {
            self.login.set(true);
        }
    }

    /// What was shown of these topics is out of date.
    pub(crate) fn touch(self, topics: &[Topic]) {
        self.changes.update(|changes| {
            for (at, topic) in changes.iter_mut().zip(Topic::ALL) {
                if topics.contains(&topic) {
                    *at += 1;
                }
            }
        });
    }
}
