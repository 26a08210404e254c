//! Lists of jobs: all, scheduled, retrying, dead. Filter, page and what is open are in the address.

#![allow(
    clippy::large_types_passed_by_value,
    reason = "handles of signals, which are small but for the places that debug builds keep in them"
)]

use super::jobs_table::{self, Table};
use super::{bulk as many, enqueue, errors, filter_bar, verbs};
use crate::app::memo;
use crate::app::{Ctx, Doing, Remote};
use crate::ipc::Verb;
use crate::model::filter::QUALIFIERS;
use crate::model::route::Tab;
use crate::parts;
use crate::text;
use forge_jobs_api::wire::{Job, JobPage, JobQuery, JobStatus, Role, Topic, VerbReport};
use leptos::prelude::*;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// Jobs on a page.
const PAGE: u32 = 50;

const fn fixed_status(tab: Tab) -> Option<JobStatus> {
    match tab {
        Tab::Scheduled => Some(JobStatus::Scheduled),
        Tab::Retries => Some(JobStatus::Retrying),
        Tab::Dead => Some(JobStatus::Dead),
        _ => None,
    }
}

/// What the address asks for: the names of filters are those of the query.
fn query(ctx: Ctx, tab: Tab) -> JobQuery {
    ctx.place.with(|place| {
        let is_known = |name: &str| name == "after" || QUALIFIERS.iter().any(|(_, param, _)| *param == name);
        let pairs = place.query.iter().filter(|(name, _)| is_known(name));
        let fields =
            pairs.map(|(name, value)| (name.clone(), serde_json::Value::String(value.clone()))).collect();
        let mut query: JobQuery =
            serde_json::from_str(&serde_json::Value::Object(fields).to_string()).unwrap_or_default();
        query.limit = Some(PAGE);
        if let Some(status) = fixed_status(tab) {
            query.status = Some(status);
        }
        query
    })
}

/// What is shown, apart from what is true by now: a list does not move under the eyes of who reads it.
#[derive(Clone, Copy)]
pub(crate) struct Shown {
    pub(crate) page: RwSignal<Option<Arc<JobPage>>>,
    pub(crate) news: RwSignal<bool>,
    fresh: Remote<JobPage>,
    /// The answers that there were when something was done here: the next one is shown. `None` if that is nothing to the
    /// reader.
    accept: StoredValue<Option<u64>>,
}

impl Shown {
    fn new(fresh: Remote<JobPage>) -> Self {
        let this = Self {
            page: RwSignal::new(None),
            news: RwSignal::new(false),
            fresh,
            accept: StoredValue::new(None),
        };
        Effect::new(move |before: Option<Option<Arc<JobPage>>>| {
            let (answers, now) = (fresh.answers().get(), fresh.data.get());
            // An answer that is equal to the one before is shown too, to whoever waits for it: the change may have been
            // told, and asked about, before the answer to who made it.
            let is_waited_for = this.accept.get_value().is_some_and(|then| answers > then);
            let is_old = match (&before, &now) {
                (Some(Some(before)), Some(now)) => Arc::ptr_eq(before, now),
                _ => false,
            };
            if is_waited_for {
                this.accept.set_value(None);
            }
            if is_waited_for || !is_old {
                this.follow(now.clone(), is_waited_for);
            }
            now
        });
        this
    }

    fn follow(self, fresh: Option<Arc<JobPage>>, at_once: bool) {
        let Some(fresh) = fresh else {
            self.page.set(None);
            self.news.set(false);
            return;
        };
        let ids = |page: &JobPage| page.jobs.iter().map(|j| j.id.clone()).collect::<Vec<_>>();
        let old = self.page.get_untracked().filter(|_| !at_once);
        match old {
            Some(old) if ids(&old) != ids(&fresh) => {
                // Rows stay where they are, and say what is true of them.
                let known: HashMap<&str, &Job> = fresh.jobs.iter().map(|j| (j.id.as_str(), j)).collect();
                let mut page = JobPage::clone(&old);
                for job in &mut page.jobs {
                    if let Some(now) = known.get(job.id.as_str()) {
                        job.clone_from(now);
                    }
                }
                self.page.set(Some(Arc::new(page)));
                self.news.set(true);
            }
            _ => {
                self.news.set(false);
                self.page.set(Some(fresh));
            }
        }
    }

    /// The list as it is by now.
    pub(crate) fn show(self) {
        self.news.set(false);
        if let Some(fresh) = self.fresh.data.get_untracked() {
            self.page.set(Some(fresh));
        }
    }

    /// After something was done: what comes next is shown.
    pub(crate) fn reload(self) {
        self.accept.set_value(Some(self.fresh.answers().get_untracked()));
        self.fresh.reload();
    }
}

pub(crate) fn page(ctx: Ctx, tab: Tab) -> AnyView {
    let fresh: Remote<JobPage> = Remote::new(
        ctx,
        &[Topic::Jobs],
        move || Some(query(ctx, tab)),
        |ipc, query: JobQuery| Box::pin(async move { ipc.jobs(&query).await }),
    );
    let shown = Shown::new(fresh);
    let table = Table { ctx, tab, chosen: RwSignal::new(BTreeSet::new()) };
    // A choice belongs to the list that it was made in.
    let of = memo(move |_| {
        let is_of_list = |(name, _): &&(String, String)| name != "peek";
        ctx.place.with(|place| place.query.iter().filter(is_of_list).cloned().collect::<Vec<_>>())
    });
    Effect::new(move |_| {
        // Read, not only tracked: a memo that nobody reads sees no change.
        of.with(|_| ());
        table.chosen.update(BTreeSet::clear);
    });
    // What is no longer in the list is not chosen: nobody would see that something is done to it.
    Effect::new(move |_| {
        let Some(page) = shown.page.get() else { return };
        let is_there = |id: &String| page.jobs.iter().any(|job| job.id == *id);
        if !table.chosen.with_untracked(|chosen| chosen.iter().all(is_there)) {
            table.chosen.update(|chosen| chosen.retain(is_there));
        }
    });
    let kinds = memo(move |_| {
        shown
            .page
            .with(|p| p.as_ref().map(|p| p.jobs.iter().map(|j| j.kind.clone()).collect()).unwrap_or_default())
    });
    let sorts = matches!(tab, Tab::Retries | Tab::Dead).then(|| errors::of_the_filter(ctx));
    let reload = move || {
        shown.reload();
        if let Some(sorts) = sorts {
            sorts.reload();
        }
    };
    let filter = memo(move |_| JobQuery { limit: None, after: None, ..query(ctx, tab) });
    let all_of_them = many::Bulk::new(ctx, filter);
    let all = many::bar(all_of_them, verbs_of(tab), reload);
    let enqueuing = RwSignal::new(false);
    let enqueue = (tab == Tab::Jobs).then(|| {
        let (idle, open) = (RwSignal::new(false), move || enqueuing.set(true));
        let button = parts::button(ctx, Role::Operator, text::ENQUEUE_A_JOB, "", idle, open);
        view! { <div class="fp-actions">{button}</div> {enqueue::new(ctx, enqueuing)} }
    });
    let (chosen, came) = bulk(ctx, table, shown);
    let groups = sorts.map(|sorts| errors::groups(ctx, tab, sorts, all_of_them));
    parts::page(
        tab.name(),
        view! {
            {about(tab)}
            {enqueue}
            {filter_bar::bar(ctx, tab, kinds)}
            {unknown(shown)}
            {groups}
            {all}
            {came}
            <div class="fp-bars">{chosen}{news(shown)}</div>
            {parts::remote_error(fresh)}
            {list(table, shown, fresh)}
            {pager(ctx, shown)}
        },
    )
}

fn about(tab: Tab) -> AnyView {
    let text = match tab {
        Tab::Scheduled => text::JOBS_WHOSE_TIME_HAS_NOT_COME,
        Tab::Retries => text::JOBS_THAT_FAILED_AND_WAIT,
        Tab::Dead => text::JOBS_THAT_DO_NOT_COME_BACK,
        _ => return ().into_any(),
    };
    view! { <p class="fp-small fp-line">{text}</p> }.into_any()
}

/// A filter by something that never was: a slip, most likely.
fn unknown(shown: Shown) -> AnyView {
    (move || {
        let fields = shown.page.with(|page| page.as_ref().map(|p| p.unknown.join(" and ")).unwrap_or_default());
        (!fields.is_empty()).then(|| {
            view! { <p class="fp-banner fp-banner-warn" role="status">{text::NO_JOB_EVER_HAD} {fields} {text::IS_IT_SPELLED_RIGHT}</p> }
        })
    })
    .into_any()
}

fn news(shown: Shown) -> AnyView {
    (move || {
        shown.news.get().then(|| {
            view! {
                <div class="fp-news" role="status">
                    {text::THE_LIST_HAS_CHANGED}
                    <button type="button" on:click=move |_| shown.show()>{text::SHOW_IT_N}</button>
                </div>
            }
        })
    })
    .into_any()
}

/// What a look at the list has found.
#[derive(Clone, PartialEq)]
enum Found {
    Jobs,
    Nothing,
    /// Nothing among so many jobs, where it stopped; it goes on from there.
    NothingYet(u64, String),
}

fn found(page: &JobPage) -> Found {
    match &page.next {
        _ if !page.jobs.is_empty() => Found::Jobs,
        Some(next) if !page.complete => Found::NothingYet(page.scanned, next.clone()),
        _ => Found::Nothing,
    }
}

fn list(table: Table, shown: Shown, fresh: Remote<JobPage>) -> AnyView {
    let state = memo(move |_| shown.page.with(|page| page.as_deref().map(found)));
    (move || match state.get() {
        None if fresh.error.with(Option::is_some) => ().into_any(),
        None => parts::skeleton(8),
        Some(Found::Jobs) => jobs_table::table(table, shown),
        Some(Found::Nothing) => nothing(table.ctx, table.tab),
        Some(Found::NothingYet(among, next)) => nothing_yet(table.ctx, table.tab, among, &next),
    })
    .into_any()
}

/// The search stopped at its bound, which does not mean that no job matches.
fn nothing_yet(ctx: Ctx, tab: Tab, among: u64, next: &str) -> AnyView {
    let place = ctx.place.get_untracked().with("peek", None);
    let which = match untrack(|| query(ctx, tab)).status {
        _ if place.get("after").is_some() => text::THE_NEXT,
        Some(JobStatus::Pending | JobStatus::Scheduled | JobStatus::Retrying) => text::THE_SOONEST,
        _ => text::THE_NEWEST,
    };
    let on = ctx.href(&place.with("after", Some(next)));
    parts::empty(
        text::none_among(which, among),
        view! { <a class="fp-button" rel="next" href=on>{text::SEARCH_ON}</a> },
    )
}

fn nothing(ctx: Ctx, tab: Tab) -> AnyView {
    if ctx.place.with_untracked(|place| place.query.iter().any(|(name, _)| name != "peek")) {
        return parts::empty(text::NO_JOB_MATCHES, text::TAKE_A_PART_OF_THE_FILTER);
    }
    match tab {
        Tab::Scheduled => parts::empty(text::NOTHING_IS_SCHEDULED, text::JOBS_WITH_A_RUN),
        Tab::Retries => parts::empty(text::NOTHING_WAITS_FOR_ANOTHER_ATTEMPT, text::A_JOB_THAT_FAILS_IS_HERE),
        Tab::Dead => parts::empty(text::NOBODY_DIED, text::JOBS_THAT_USED_UP_THEIR_ATTEMPTS),
        _ => parts::empty(
            text::THERE_IS_NO_JOB_YET,
            view! { {text::ENQUEUE_ONE} <code>{text::FORGE_ENQUEUE_NOOP_ECHO_HELLO_WORLD}</code> },
        ),
    }
}

fn pager(ctx: Ctx, shown: Shown) -> AnyView {
    let after = ctx.param("after");
    // Where nothing was found yet, the list itself says how it goes on.
    let next = memo(move |_| {
        shown.page.with(|page| page.as_ref().filter(|p| !p.jobs.is_empty()).and_then(|p| p.next.clone()))
    });
    let here = move || ctx.place.get().with("peek", None);
    let first = move || {
        after.get().map(
            |_| view! { <a class="fp-button" href=ctx.href(&here().with("after", None))>{text::FIRST_PAGE}</a> },
        )
    };
    let on = move || {
        next.get().map(|next| view! { <a class="fp-button" rel="next" href=ctx.href(&here().with("after", Some(&next)))>{text::NEXT_PAGE}</a> })
    };
    view! { <nav class="fp-pager" aria-label=text::PAGES_OF_THE_LIST>{first}{on}</nav> }.into_any()
}

/// What makes sense for all jobs of a page.
const fn verbs_of(tab: Tab) -> &'static [Verb] {
    match tab {
        Tab::Dead => &[Verb::Retry, Verb::Drop],
        Tab::Scheduled => &[Verb::RunNow, Verb::Cancel, Verb::Drop],
        _ => &[Verb::Retry, Verb::RunNow, Verb::Cancel, Verb::Drop],
    }
}

/// What can be done to the chosen ones, and what came of it.
fn bulk(ctx: Ctx, table: Table, shown: Shown) -> (AnyView, AnyView) {
    let doing = Doing::new(ctx);
    let left = RwSignal::new(None::<String>);
    let count = memo(move |_| table.chosen.with(BTreeSet::len));
    let done = move |report: VerbReport| {
        left.set(verbs::left_something(&report).then(|| verbs::told(&report)));
        table.chosen.update(BTreeSet::clear);
        shown.reload();
    };
    let verb = move |verb: Verb, class: &'static str| {
        parts::button(ctx, verb.needs(), verb.label(), class, doing.busy, move || {
            let ids: Vec<String> = table.chosen.with_untracked(|chosen| chosen.iter().cloned().collect());
            verbs::start(ctx, doing, verb, ids, done);
        })
    };
    let offered = match table.tab {
        Tab::Dead => vec![verb(Verb::Retry, "fp-primary"), verb(Verb::Drop, "fp-danger")],
        Tab::Scheduled => vec![
            verb(Verb::RunNow, "fp-primary"),
            verb(Verb::Cancel, "fp-danger"),
            verb(Verb::Drop, "fp-danger"),
        ],
        Tab::Retries => vec![
            verb(Verb::RunNow, "fp-primary"),
            verb(Verb::Retry, ""),
            verb(Verb::Cancel, "fp-danger"),
            verb(Verb::Drop, "fp-danger"),
        ],
        _ => vec![
            verb(Verb::Retry, ""),
            verb(Verb::RunNow, ""),
            verb(Verb::Cancel, "fp-danger"),
            verb(Verb::Drop, "fp-danger"),
        ],
    };
    let rest = move || {
        left.get().map(|text| {
            view! {
                <div class="fp-banner fp-banner-warn" role="status">{text} " "
                    <button type="button" class="fp-quiet" on:click=move |_| left.set(None)>{text::CLOSE}</button></div>
            }
        })
    };
    let bar = view! {
        <div class="fp-bulk" hidden=move || count.get() == 0 role="group" aria-label=text::CHOSEN_JOBS>
            <span>{count} {text::CHOSEN}</span>
            {offered}
            <button type="button" class="fp-quiet" on:click=move |_| table.chosen.update(BTreeSet::clear)>{text::CHOOSE_NONE}</button>
        </div>
    };
    (bar.into_any(), view! { {rest} {parts::doing_error(doing)} }.into_any())
}
