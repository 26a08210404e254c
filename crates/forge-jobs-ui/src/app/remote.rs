//! Data of the queue on a page: fetched, kept up to date, and shown as it is while the next is on its way.

use super::browser;
use super::context::Ctx;
use super::focus;
use crate::ipc::{Answer, IpcError, QueueIpc};
use forge_jobs_api::wire::Topic;
use leptos::prelude::*;
use leptos::task::spawn_local;
use serde::Serialize;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;

/// An answer to come.
pub(crate) type Pending<T> = Pin<Box<dyn Future<Output = Answer<T>>>>;

/// Something of the queue. Old data stays until there is new; equal data changes nothing on the page.
pub(crate) struct Remote<T: Send + Sync + 'static> {
    pub(crate) data: RwSignal<Option<Arc<T>>>,
    pub(crate) error: RwSignal<Option<IpcError>>,
    pub(crate) busy: RwSignal<bool>,
    again: RwSignal<u64>,
    asked: StoredValue<u64>,
    text: StoredValue<String>,
}

impl<T: Send + Sync + 'static> Clone for Remote<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: Send + Sync + 'static> Copy for Remote<T> {}

impl<T: Serialize + Send + Sync + 'static> Remote<T> {
    /// Fetches what `query` asks for: now, when it asks for something else, and when one of the topics changes. Nothing
    /// is fetched while it is `None`.
    pub(crate) fn new<Q: PartialEq + Clone + Send + Sync + 'static>(
        ctx: Ctx,
        topics: &'static [Topic],
        query: impl Fn() -> Option<Q> + Send + Sync + 'static,
        fetch: impl Fn(Rc<dyn QueueIpc>, Q) -> Pending<T> + 'static,
    ) -> Self {
        let this = Self {
            data: RwSignal::new(None),
            error: RwSignal::new(None),
            busy: RwSignal::new(false),
            again: RwSignal::new(0),
            asked: StoredValue::new(0),
            text: StoredValue::new(String::new()),
        };
        let query = Memo::new(move |_| query());
        let seen = Memo::new(move |_| {
            let changes = ctx.changes.get();
            Topic::ALL
                .into_iter()
                .zip(changes)
                .filter(|(t, _)| topics.contains(t))
                .map(|(_, n)| n)
                .sum::<u64>()
        });
        Effect::new(move |before: Option<Option<Q>>| {
            let (asked_for, _, _) = (query.get(), seen.get(), this.again.get());
            // What another question was answered with is not shown under this one.
            if before.as_ref().is_some_and(|before| *before != asked_for) {
                this.data.set(None);
                this.error.set(None);
                this.text.set_value(String::new());
            }
            if let Some(query) = asked_for.clone() {
                this.begin(ctx, fetch(ctx.ipc(), query));
            }
            asked_for
        });
        this
    }

    fn begin(self, ctx: Ctx, answer: Pending<T>) {
        let number = self.asked.get_value() + 1;
        self.asked.set_value(number);
        self.busy.set(true);
        spawn_local(async move {
            let answer = answer.await;
            focus::released().await;
            // A page that is gone, or has asked for something else meanwhile.
            if self.asked.try_get_value() != Some(number) {
                return;
            }
            self.busy.set(false);
            match answer {
                Ok(value) => {
                    self.error.set(None);
                    self.put(value);
                }
                Err(error) => {
                    ctx.note(&error);
                    let passes = error.may_pass();
                    self.error.set(Some(error));
                    if passes {
                        browser::sleep(3_000).await;
                        if self.asked.try_get_value() == Some(number) {
                            self.reload();
                        }
                    }
                }
            }
        });
    }

    /// Shows this from now on, unless it is what is shown.
    pub(crate) fn put(self, value: T) {
        let text = serde_json::to_string(&value).unwrap_or_default();
        if self.data.with_untracked(Option::is_none) || self.text.with_value(|old| *old != text) {
            self.text.set_value(text);
            self.data.set(Some(Arc::new(value)));
        }
    }
}

impl<T: Send + Sync + 'static> Remote<T> {
    /// Asks again.
    pub(crate) fn reload(self) {
        self.again.update(|n| *n += 1);
    }

    /// A part of the data that changes only when it differs.
    pub(crate) fn part<P: PartialEq + Clone + Send + Sync + 'static>(
        self,
        part: impl Fn(&T) -> P + Send + Sync + 'static,
    ) -> Memo<Option<P>> {
        Memo::new(move |_| self.data.with(|data| data.as_ref().map(|data| part(data))))
    }
}

/// Something that is being done, and what went wrong with it: shown beside its button.
#[derive(Clone, Copy)]
pub(crate) struct Doing {
    ctx: Ctx,
    pub(crate) busy: RwSignal<bool>,
    pub(crate) error: RwSignal<Option<IpcError>>,
}

impl Doing {
    pub(crate) fn new(ctx: Ctx) -> Self {
        Self { ctx, busy: RwSignal::new(false), error: RwSignal::new(None) }
    }

    /// Does it, unless it is being done.
    pub(crate) fn run<T: 'static>(self, answer: Pending<T>, then: impl FnOnce(T) + 'static) {
        if self.busy.get_untracked() {
            return;
        }
        self.busy.set(true);
        self.error.set(None);
        spawn_local(async move {
            let answer = answer.await;
            if self.busy.try_set(false).is_some() {
                return;
            }
            match answer {
                Ok(value) => then(value),
                Err(error) => {
                    self.ctx.note(&error);
                    self.error.set(Some(error));
                }
            }
        });
    }
}
