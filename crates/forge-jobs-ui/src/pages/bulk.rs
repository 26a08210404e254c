//! A verb on all jobs that a filter lets through: what it would come to first, then how far it is.

#![allow(
    clippy::large_types_passed_by_value,
    reason = "handles of signals, which are small but for the places that debug builds keep in them"
)]

use super::verbs;
use crate::app::memo;
use crate::app::{Ctx, Doing, Pending, Remote};
use crate::ipc::Verb;
use crate::model::{filter, format};
use crate::parts::{self, dialog};
use crate::text;
use forge_jobs_api::wire::{
    BulkPreview, BulkQuery, BulkReport, BulkRun, BulkVerb, JobCount, JobQuery, OutcomeCount, Topic,
};
use leptos::prelude::*;

/// What was asked for. It is what is done, whatever the page is filtered by meanwhile.
#[derive(Clone)]
pub(crate) struct Asked {
    pub(crate) verb: Verb,
    pub(crate) title: String,
    /// What the jobs have in common, where the filter says it by a number.
    pub(crate) about: Option<String>,
    pub(crate) filter: JobQuery,
}

/// What was asked for, and how far it is.
#[derive(Clone, Copy)]
pub(crate) struct Bulk {
    ctx: Ctx,
    /// What the page is filtered by.
    pub(crate) filter: Memo<JobQuery>,
    pub(crate) doing: Doing,
    asked: RwSignal<Option<Asked>>,
    preview: RwSignal<Option<BulkPreview>>,
    done: RwSignal<u64>,
    /// What came of the last one. It stays until somebody has read it: a list looks the same when nothing was done to it.
    came: RwSignal<Option<String>>,
    stop: RwSignal<bool>,
    typed: RwSignal<String>,
}

impl Bulk {
    pub(crate) fn new(ctx: Ctx, filter: Memo<JobQuery>) -> Self {
        let this = Self {
            ctx,
            filter,
            doing: Doing::new(ctx),
            asked: RwSignal::new(None),
            preview: RwSignal::new(None),
            done: RwSignal::new(0),
            came: RwSignal::new(None),
            stop: RwSignal::new(false),
            typed: RwSignal::new(String::new()),
        };
        // The way back may lead to another filter: a question about jobs that the page does not show is taken back.
        Effect::new(move |before: Option<JobQuery>| {
            let now = filter.get();
            if before.is_some_and(|before| before != now) {
                this.close();
            }
            now
        });
        this
    }

    /// Asks, with what it would come to.
    pub(crate) fn ask(self, asked: Asked) {
        self.preview.set(None);
        self.done.set(0);
        self.stop.set(false);
        self.typed.set(String::new());
        let query = BulkQuery { verb: word(asked.verb), ids: None, filter: Some(asked.filter.clone()) };
        self.asked.set(Some(asked));
        let ipc = self.ctx.ipc();
        let answer: Pending<BulkPreview> = Box::pin(async move { ipc.preview_bulk(&query).await });
        self.doing.run(answer, move |preview: BulkPreview| self.preview.set(Some(preview)));
    }

    /// Goes no further, and asks no longer.
    fn close(self) {
        self.stop.set(true);
        self.asked.set(None);
    }
}

const fn word(verb: Verb) -> BulkVerb {
    match verb {
        Verb::Retry => BulkVerb::Retry,
        Verb::Cancel => BulkVerb::Cancel,
        Verb::RunNow => BulkVerb::RunNow,
        Verb::Drop => BulkVerb::Drop,
    }
}

/// How many match, and what can be done with all of them.
pub(crate) fn bar(
    bulk: Bulk,
    verbs: &'static [Verb],
    done: impl Fn() + Copy + Send + Sync + 'static,
) -> AnyView {
    let Bulk { ctx, filter, doing, .. } = bulk;
    let count: Remote<JobCount> = Remote::new(
        ctx,
        &[Topic::Jobs],
        move || Some(filter.get()),
        |ipc, query: JobQuery| Box::pin(async move { ipc.count_jobs(&query).await }),
    );
    let ask = move |verb: Verb| {
        bulk.ask(Asked {
            verb,
            title: text::on_all(verb.label()),
            about: None,
            filter: filter.get_untracked(),
        });
    };
    let shown = move || count.data.get().map(|c| text::matching(c.jobs));
    let none = move || count.data.with(|c| c.as_ref().is_none_or(|c| c.jobs.count == 0));
    let buttons = verbs
        .iter()
        .map(|verb| {
            let class =
                if matches!(verb, Verb::Drop | Verb::Cancel) { "fp-quiet fp-danger" } else { "fp-quiet" };
            let label = match verb {
                Verb::Retry => text::RETRY_ALL,
                Verb::Cancel => text::CANCEL_ALL,
                Verb::RunNow => text::RUN_ALL_NOW,
                Verb::Drop => text::DROP_ALL,
            };
            let verb = *verb;
            parts::button(ctx, verb.needs(), label, class, doing.busy, move || ask(verb))
        })
        .collect_view();
    view! {
        <div class="fp-line fp-all" role="group" aria-label=text::ALL_THAT_MATCH>
            <span class="fp-small" aria-live="off">{shown}</span>
            <span hidden=none>{buttons}</span>
        </div>
        {came(bulk)}
        {dialog_of(bulk, done)}
    }
    .into_any()
}

fn came(bulk: Bulk) -> AnyView {
    (move || {
        bulk.came.get().map(|text| {
            view! {
                <div class="fp-banner fp-banner-info" role="group" aria-label=text::WHAT_CAME_OF_IT>{text} " "
                    <button type="button" class="fp-quiet" on:click=move |_| bulk.came.set(None)>{text::CLOSE}</button></div>
            }
        })
    })
    .into_any()
}

fn dialog_of(bulk: Bulk, done: impl Fn() + Copy + Send + Sync + 'static) -> AnyView {
    let doing = bulk.doing;
    let open = Signal::derive(move || bulk.asked.with(Option::is_some));
    let close = Callback::new(move |()| bulk.close());
    let inside = move || {
        let asked = bulk.asked.get()?;
        // Of what is sent, and not of what the bar shows: a page may narrow its list further.
        let words = filter::words_of(&asked.filter);
        let words = if words.is_empty() { text::NO_FILTER_ALL_JOBS.to_owned() } else { words };
        let heading = asked.title.clone();
        let about = asked.about.clone().map(|about| view! { <p>{about}</p> });
        let preview = bulk.preview.get();
        let body = preview.map_or_else(
            || doing.error.with(Option::is_none).then(|| parts::skeleton(3)).into_any(),
            |preview| confirm(bulk, asked, &preview, done),
        );
        Some(view! {
            <h2>{heading}</h2>
            {about}
            <p class="fp-small">{text::FILTER} <code>{words}</code></p>
            {body}
            {parts::doing_error(doing)}
            <div class="fp-actions"><button type="button" on:click=move |_| close.run(())>
                {move || if doing.busy.get() { text::STOP } else { text::CLOSE }}</button></div>
        })
    };
    let title = Signal::derive(move || {
        bulk.asked.with(|asked| asked.as_ref().map_or_else(String::new, |asked| asked.title.clone()))
    });
    dialog::modal(open, close, title, inside)
}

fn confirm(
    bulk: Bulk,
    asked: Asked,
    preview: &BulkPreview,
    done: impl Fn() + Copy + Send + Sync + 'static,
) -> AnyView {
    let doing = bulk.doing;
    let (verb, jobs) = (asked.verb, preview.jobs);
    if jobs.count == 0 {
        let text = if jobs.more { text::NONE_WAS_FOUND_YET } else { text::THERE_IS_NO_JOB };
        return view! { <p>{text}</p> }.into_any();
    }
    let sample = preview.sample.iter().take(5).map(|job| {
        view! { <li><code>{parts::short(&job.id)}</code> " " {job.kind.clone()} " " <span class="fp-small">{job.queue.clone()}</span> " " {parts::status(job.status, job.dead_reason)}</li> }
    });
    let refused = preview.refused.iter().filter(|refused| refused.jobs.count > 0).map(|refused| {
        view! { <li>{parts::bounded(refused.jobs)} {text::ARE_LEFT_SINCE_THEY_ARE} {parts::status_word(refused.status)}</li> }
    });
    let wanted = jobs.count.to_string();
    let needs_typing = verb == Verb::Drop;
    let typed = {
        let wanted = wanted.clone();
        needs_typing.then(|| {
            view! {
                <label class="fp-field"><span>{text::THEY_ARE_DELETED_FOR_GOOD_TYPE} <b>{wanted}</b> {text::TO_GO_ON}</span>
                    <input type="text" autocomplete="off" prop:value=bulk.typed
                        on:input=move |e| bulk.typed.set(crate::app::browser::value_of(&e))/></label>
            }
        })
    };
    let off = memo(move |_| {
        doing.busy.get() || needs_typing && bulk.typed.with(|t| t.trim() != wanted) || bulk.done.get() > 0
    });
    let at_most = jobs.count;
    let pressed = move |_| {
        if !off.get_untracked() {
            run(bulk, asked.clone(), at_most, done);
        }
    };
    let class = if matches!(verb, Verb::Drop | Verb::Cancel) { "fp-danger" } else { "fp-primary" };
    let more = jobs.more.then(|| view! { <p class="fp-small">{text::THERE_ARE_MORE_THIS_DOES} {at_most} {text::OF_THEM_DO_IT_AGAIN}</p> });
    let yes = text::verb_on(verb.label(), jobs);
    let progress = move || {
        let so_far = bulk.done.get();
        (so_far > 0 || doing.busy.get()).then(|| {
            view! { <p role="status"><progress aria-label=text::PROGRESS max=at_most.to_string() value=so_far.to_string()></progress> " " {format::count(so_far)} {text::OF} {format::count(at_most)}</p> }
        })
    };
    view! {
        <p><strong>{text::jobs(jobs)}</strong> {text::SOME_OF_THEM}</p>
        <ul>{sample.collect_view()}</ul>
        <ul>{refused.collect_view()}</ul>
        {more}{typed}{progress}
        <div class="fp-actions"><button type="button" class=class aria-disabled=move || off.get().then_some("true")
            on:click=pressed>{yes}</button></div>
    }
    .into_any()
}

/// Piece by piece, until all are done or somebody stops it.
fn run(bulk: Bulk, asked: Asked, at_most: u64, done: impl Fn() + 'static) {
    let Asked { verb, title, filter, .. } = asked;
    let words = filter::words_of(&filter);
    let ipc = bulk.ctx.ipc();
    bulk.came.set(None);
    let came = move |all: &[OutcomeCount], is_stopped| {
        let told = told(all);
        // The page may be gone.
        bulk.came.try_set(Some(text::came_of_all(&title, &words, &told, is_stopped)));
        told
    };
    let stopped = came.clone();
    let answer: Pending<(Vec<OutcomeCount>, bool)> = Box::pin(async move {
        let mut all: Vec<OutcomeCount> = Vec::new();
        let mut after = None;
        loop {
            let piece = BulkRun { filter: filter.clone(), at_most, after };
            let report: BulkReport = match ipc.run_bulk(verb, &piece).await {
                Ok(report) => report,
                Err(error) => {
                    // What the pieces before it did is done.
                    if !all.is_empty() {
                        stopped(&all, true);
                    }
                    return Err(error);
                }
            };
            bulk.done.set(report.tried_in_all);
            for outcome in report.outcomes {
                match all.iter_mut().find(|o| o.outcome == outcome.outcome) {
                    Some(known) => known.jobs += outcome.jobs,
                    None => all.push(outcome),
                }
            }
            // A page that is gone goes no further either.
            let is_stopped = bulk.stop.try_get_untracked() != Some(false);
            if report.next.is_none() || is_stopped {
                return Ok((all, report.next.is_some()));
            }
            after = report.next;
        }
    });
    bulk.doing.run(answer, move |(all, is_stopped): (Vec<OutcomeCount>, bool)| {
        bulk.ctx.say(came(&all, is_stopped));
        bulk.asked.set(None);
        done();
    });
}

fn told(all: &[OutcomeCount]) -> String {
    verbs::told_of(|outcome| all.iter().filter(|o| o.outcome == outcome).map(|o| o.jobs).sum())
}
