//! Data of the queue on a page: fetched, kept up to date, and shown as it is while the next is on its way.
//!
//! What is done with data does not depend on its type, so it is written for one that is [`Erased`]: a page that loads two
//! dozen types loads that once.

use super::browser;
use super::context::{Ctx, Live};
use super::focus;
use super::memo::memo;
use crate::ipc::{Answer, IpcError, QueueIpc};
use crate::model::patience;
use forge_jobs_api::wire::Topic;
use leptos::prelude::*;
use leptos::task::spawn_local;
use std::any::Any;
use std::marker::PhantomData;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;

/// So many refreshes wait for an answer; then it counts as lost on its way.
const PATIENCE: u32 = 12;

/// Between two looks at whether somebody looks again, in milliseconds.
const LOOK: i32 = 1_000;

/// An answer to come.
pub(crate) type Pending<T> = Pin<Box<dyn Future<Output = Answer<T>>>>;

/// A value of whatever type, which knows when another one is the same.
#[derive(Clone)]
struct Erased {
    value: Arc<dyn Any + Send + Sync>,
    same: fn(&dyn Any, &dyn Any) -> bool,
}

impl Erased {
    fn new<T: PartialEq + Send + Sync + 'static>(value: T) -> Self {
        fn same<T: PartialEq + 'static>(one: &dyn Any, other: &dyn Any) -> bool {
            one.downcast_ref::<T>() == other.downcast_ref::<T>()
        }
        Self { value: Arc::new(value), same: same::<T> }
    }

    fn get<T: Send + Sync + 'static>(self) -> Option<Arc<T>> {
        self.value.downcast().ok()
    }
}

impl PartialEq for Erased {
    fn eq(&self, other: &Self) -> bool {
        (self.same)(&*self.value, &*other.value)
    }
}

/// The data of a [`Remote`]; read as a signal is.
pub(crate) struct Data<T> {
    signal: RwSignal<Option<Erased>>,
    of: PhantomData<fn() -> T>,
}

impl<T> Clone for Data<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Data<T> {}

impl<T: Send + Sync + 'static> Data<T> {
    pub(crate) fn get(self) -> Option<Arc<T>> {
        self.signal.get()?.get()
    }

    pub(crate) fn get_untracked(self) -> Option<Arc<T>> {
        self.signal.get_untracked()?.get()
    }

    pub(crate) fn with<O>(self, read: impl FnOnce(&Option<Arc<T>>) -> O) -> O {
        read(&self.get())
    }
}

/// Something of the queue. Old data stays until there is new; equal data changes nothing on the page.
pub(crate) struct Remote<T> {
    pub(crate) data: Data<T>,
    pub(crate) error: RwSignal<Option<IpcError>>,
    core: Core,
}

impl<T> Clone for Remote<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Remote<T> {}

impl<T: PartialEq + Send + Sync + 'static> Remote<T> {
    /// Fetches what `query` asks for: now, when it asks for something else, and when one of the topics changes. Nothing
    /// is fetched while it is `None`.
    pub(crate) fn new<Q: PartialEq + Clone + Send + Sync + 'static>(
        ctx: Ctx,
        topics: &'static [Topic],
        query: impl Fn() -> Option<Q> + Send + Sync + 'static,
        fetch: impl Fn(Rc<dyn QueueIpc>, Q) -> Pending<T> + 'static,
    ) -> Self {
        let fetch = move |ipc: Rc<dyn QueueIpc>, query: &Erased| -> Option<Pending<Erased>> {
            let answer = fetch(ipc, query.value.downcast_ref::<Q>()?.clone());
            Some(Box::pin(async move { answer.await.map(Erased::new) }))
        };
        let core = Core::new(ctx, topics, Box::new(move || query().map(Erased::new)), Box::new(fetch));
        Self { data: Data { signal: core.data, of: PhantomData }, error: core.error, core }
    }

    /// For what costs the host much: who refuses it now is asked again by a person alone.
    pub(crate) fn only_by_hand(self) -> Self {
        self.core.by_hand.set_value(true);
        self
    }

    /// What another question was answered with is shown, as old, until this one is answered: a chart goes on from there.
    pub(crate) fn keeping(self) -> Self {
        self.core.keeps.set_value(true);
        self
    }

    /// Whether what is shown answers another question than the one that is asked.
    pub(crate) fn is_old(self) -> bool {
        self.core.old.get()
    }

    /// Grows with each answer, also with one that is what is shown already.
    pub(crate) const fn answers(self) -> RwSignal<u64> {
        self.core.shown
    }

    /// Shows this from now on, unless it is what is shown.
    pub(crate) fn put(self, value: T) {
        self.core.put(Erased::new(value));
    }
}

impl<T: Send + Sync + 'static> Remote<T> {
    /// Asks again.
    pub(crate) fn reload(self) {
        self.core.reload();
    }

    /// Asks again every so many seconds for what moves without a change that is told, while it is wanted, somebody looks,
    /// and the server answers. A question that waits for its answer is left to it, however long that takes.
    pub(crate) fn every(self, ctx: Ctx, seconds: i64, wanted: impl Fn() -> bool + Send + Sync + 'static) {
        self.core.every(ctx, seconds, Box::new(wanted));
    }

    /// A part of the data that changes only when it differs.
    pub(crate) fn part<P: PartialEq + Clone + Send + Sync + 'static>(
        self,
        part: impl Fn(&T) -> P + Send + Sync + 'static,
    ) -> Memo<Option<P>> {
        memo(move |_| self.data.with(|data| data.as_deref().map(&part)))
    }
}

type Query = Box<dyn Fn() -> Option<Erased> + Send + Sync>;
type Fetch = Box<dyn Fn(Rc<dyn QueueIpc>, &Erased) -> Option<Pending<Erased>>>;

/// What a [`Remote`] does, whatever its type.
#[derive(Clone, Copy)]
struct Core {
    data: RwSignal<Option<Erased>>,
    error: RwSignal<Option<IpcError>>,
    again: RwSignal<u64>,
    moved: RwSignal<u64>,
    /// The number of the last question.
    asked: StoredValue<u64>,
    /// The number of the last question that was answered, and how often a refresh has waited for an answer since.
    answered: StoredValue<(u64, u32)>,
    /// The answer to an earlier question is not shown any more.
    least: StoredValue<u64>,
    /// How often it has failed since it was answered.
    failed: StoredValue<u32>,
    /// A refusal that may pass is left to a person.
    by_hand: StoredValue<bool>,
    /// The answer to another question is shown until there is one to this.
    keeps: StoredValue<bool>,
    /// It is what is shown.
    old: RwSignal<bool>,
    /// How often an answer was shown, those too that changed nothing.
    shown: RwSignal<u64>,
}

impl Core {
    fn new(ctx: Ctx, topics: &'static [Topic], query: Query, fetch: Fetch) -> Self {
        let this = Self {
            data: RwSignal::new(None),
            error: RwSignal::new(None),
            again: RwSignal::new(0),
            moved: RwSignal::new(0),
            asked: StoredValue::new(0),
            answered: StoredValue::new((0, 0)),
            least: StoredValue::new(0),
            failed: StoredValue::new(0),
            by_hand: StoredValue::new(false),
            keeps: StoredValue::new(false),
            old: RwSignal::new(false),
            shown: RwSignal::new(0),
        };
        let query = memo(move |_| query());
        let seen = memo(move |_| {
            let changes = ctx.changes.get();
            Topic::ALL
                .into_iter()
                .zip(changes)
                .filter(|(t, _)| topics.contains(t))
                .map(|(_, n)| n)
                .sum::<u64>()
        });
        Effect::new(move |before: Option<(Option<Erased>, u64)>| {
            let (asked_for, _, again, _) = (query.get(), seen.get(), this.again.get(), this.moved.get());
            // What another question was answered with is not shown under this one.
            if before.as_ref().is_some_and(|(before, _)| *before != asked_for) {
                this.leave();
                this.error.set(None);
                this.failed.set_value(0);
                this.outdate();
            }
            // Who asks again has done something, and earlier answers are of before. Of what changes by itself an earlier
            // answer is better than none: where answers take longer than changes, each would be the last but one.
            if before.is_some_and(|(_, before)| before != again) {
                this.outdate();
            }
            if let Some(answer) = asked_for.as_ref().and_then(|query| fetch(ctx.ipc(), query)) {
                this.begin(ctx, answer);
            }
            (asked_for, again)
        });
        this
    }

    fn begin(self, ctx: Ctx, answer: Pending<Erased>) {
        let number = self.asked.get_value() + 1;
        self.asked.set_value(number);
        spawn_local(async move {
            let answer = answer.await;
            self.answered.try_update_value(|answered| *answered = (answered.0.max(number), 0));
            focus::released().await;
            // A page that is gone, or knows better by now.
            if self.least.try_get_value().is_none_or(|least| number < least) {
                return;
            }
            match answer {
                Ok(value) => {
                    self.least.set_value(number);
                    self.failed.set_value(0);
                    self.error.set(None);
                    self.show(value);
                }
                // The later one is to say it.
                Err(_) if self.asked.get_value() != number => {}
                Err(error) => {
                    ctx.note(&error);
                    self.forget_old();
                    let passes = error.may_pass() && (error.code().is_none() || !self.by_hand.get_value());
                    self.error.set(Some(error));
                    if passes {
                        self.try_again(ctx, number).await;
                    }
                }
            }
        });
    }

    /// After a while, and not while somebody wants it still or nobody looks.
    async fn try_again(self, ctx: Ctx, number: u64) {
        self.failed.update_value(|failed| *failed += 1);
        browser::sleep(patience::wait(self.failed.get_value(), js_sys::Math::random())).await;
        let is_last = move || self.asked.try_get_value() == Some(number);
        while is_last() && ctx.is_resting() {
            browser::sleep(LOOK).await;
        }
        if is_last() {
            self.reload();
        }
    }

    fn put(self, value: Erased) {
        self.outdate();
        self.show(value);
    }

    /// Another question is asked: what is shown goes, or stays as old.
    fn leave(self) {
        if self.keeps.get_value() {
            self.old.set(self.data.with_untracked(Option::is_some));
        } else {
            self.data.set(None);
        }
    }

    /// An error is not about what answered another question.
    fn forget_old(self) {
        if self.old.get_untracked() {
            self.old.set(false);
            self.data.set(None);
        }
    }

    /// Answers to what was asked for until now are not shown.
    fn outdate(self) {
        self.least.set_value(self.asked.get_value() + 1);
    }

    fn show(self, value: Erased) {
        self.old.set(false);
        if self.data.with_untracked(|old| old.as_ref() != Some(&value)) {
            self.data.set(Some(value));
        }
        self.shown.update(|n| *n += 1);
    }

    fn reload(self) {
        self.again.update(|n| *n += 1);
    }

    fn every(self, ctx: Ctx, seconds: i64, wanted: Box<dyn Fn() -> bool + Send + Sync>) {
        let round = memo(move |_| ctx.now.get() / (seconds * 1_000_000));
        Effect::new(move |before: Option<i64>| {
            let now = round.get();
            let resting = matches!(ctx.live.get_untracked(), Live::Paused(_) | Live::Lost(_));
            if before.is_some() && !resting && untrack(&wanted) {
                self.refresh();
            }
            now
        });
    }

    fn refresh(self) {
        let (answered, waited) = self.answered.get_value();
        if answered < self.asked.get_value() && waited < PATIENCE {
            self.answered.set_value((answered, waited + 1));
        } else {
            self.moved.update(|n| *n += 1);
        }
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
    ///
    /// `then` may come when what stood on the page at the click has been drawn anew: it has to stand without that, and
    /// takes no `Callback` that was made while something was drawn.
    pub(crate) fn run<T: 'static>(self, answer: Pending<T>, then: impl FnOnce(T) + 'static) {
        self.start(Box::pin(async move {
            let value = answer.await?;
            Ok(Box::new(move || then(value)) as Box<dyn FnOnce()>)
        }));
    }

    fn start(self, answer: Pending<Box<dyn FnOnce()>>) {
        // Where the page is gone that it is done on, there is nobody to tell what came of it.
        if self.busy.try_get_untracked() != Some(false) {
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
                Ok(then) => then(),
                Err(error) => {
                    self.ctx.note(&error);
                    self.error.set(Some(error));
                }
            }
        });
    }
}
