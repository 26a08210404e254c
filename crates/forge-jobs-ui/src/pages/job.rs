//! One job: where it stands, why it does not run, what happened to it, and what can be done.

#![allow(
    clippy::large_types_passed_by_value,
    reason = "handles of signals, which are small but for the places that debug builds keep in them"
)]

use super::{enqueue, job_edit, job_history, logs, verbs};
use crate::app::memo;
use crate::app::{Ctx, Doing, Remote};
use crate::ipc::Verb;
use crate::model::format;
use crate::model::route::{Place, Tab};
use crate::parts;
use crate::text;
use forge_jobs_api::wire::{Job, JobDetail, JobStatus, Role, Topic, VerbOutcome, VerbReport, Why};
use leptos::prelude::*;
use std::sync::Arc;

/// Between two looks at how far a running job is, in seconds.
pub(super) const PROGRESS: i64 = 3;

pub(crate) fn page(ctx: Ctx, tab: Tab, id: String) -> AnyView {
    let (of_job, of_why) = (id.clone(), id.clone());
    let detail: Remote<JobDetail> = Remote::new(
        ctx,
        &[Topic::Jobs],
        move || Some(of_job.clone()),
        |ipc, id| Box::pin(async move { ipc.job(&id).await }),
    );
    let why: Remote<Why> = Remote::new(
        ctx,
        &[Topic::Jobs, Topic::Queues, Topic::Processes, Topic::Limits],
        move || Some(of_why.clone()),
        |ipc, id| Box::pin(async move { ipc.why(&id).await }),
    );
    // How far it is changes nothing that is told.
    detail.every(ctx, PROGRESS, move || {
        detail.data.get_untracked().is_some_and(|d| d.job.status == JobStatus::Running)
    });
    let job = memo(move |_| detail.data.get().map(|d| Arc::new(d.job.clone())));
    let acts = Acts {
        ctx,
        tab,
        doing: Doing::new(ctx),
        came: RwSignal::new(None),
        detail,
        why,
        copying: RwSignal::new(false),
        editing: RwSignal::new(false),
    };
    let head = move || job.get().map(|job| head(ctx, &job, acts));
    // Made once: what is typed into it must survive what happens to the job.
    let first =
        memo(move |before: Option<&Option<Arc<Job>>>| before.cloned().flatten().or_else(|| job.get()));
    let dialog = move || first.get().map(|job| enqueue::copy(ctx, &job, acts.copying));
    let payload = detail.part(|d| (d.job.payload.get().to_owned(), d.job.partial.clone()));
    let output = detail.part(|d| d.job.output.as_ref().map(|o| o.get().to_owned()));
    let status = detail.part(|d| d.job.status);
    let is_loading = memo(move |_| detail.data.with(Option::is_none) && detail.error.with(Option::is_none));
    let back = memo(move |_| ctx.href(&ctx.place.with(|here| Place::of(tab).along(here))));
    view! {
        <p class="fp-crumb"><a href=back>{tab.name()}</a></p>
        {parts::heading_before(detail, id.clone())}
        {parts::remote_error(detail)}
        {move || is_loading.get().then(|| parts::skeleton(8))}
        {head}
        {dialog}
        {job_edit::form(ctx, detail, acts.editing)}
        {reasons(ctx, why)}
        {move || payload.get().map(|(payload, partial)| parts::card(text::PAYLOAD, data(ctx, &payload, &partial)))}
        {move || output.get().flatten().map(|output| parts::card(text::RESULT, parts::tree::json(ctx, &output, text::RESULT)))}
        {job_history::timeline(ctx, detail)}
        {logs::card(ctx, id, status)}
        {job_history::attempts(ctx, detail)}
    }
    .into_any()
}

/// What is done to the job, and what came of it. Made once: the job changes, and is drawn anew, before an answer is here.
#[derive(Clone, Copy)]
struct Acts {
    ctx: Ctx,
    /// The list that the job was opened from.
    tab: Tab,
    doing: Doing,
    /// What was left undone.
    came: RwSignal<Option<String>>,
    detail: Remote<JobDetail>,
    why: Remote<Why>,
    copying: RwSignal<bool>,
    editing: RwSignal<bool>,
}

impl Acts {
    fn done(self, report: &VerbReport) {
        // Of a job that is gone there is nothing to show.
        if report.results.iter().any(|r| r.outcome == VerbOutcome::Dropped) {
            let list = self.ctx.place.with_untracked(|here| Place::of(self.tab).along(here));
            self.ctx.go(list);
            return;
        }
        self.came.set(verbs::left_something(report).then(|| verbs::told(report)));
        self.detail.reload();
        self.why.reload();
    }
}

fn data(ctx: Ctx, payload: &str, partial: &[String]) -> AnyView {
    let note = partial.iter().any(|field| field.starts_with("payload")).then(|| {
        view! { <p class="fp-small">{text::A_PART_IS_HIDDEN}</p> }
    });
    view! { {note}{parts::tree::json(ctx, payload, text::PAYLOAD)} }.into_any()
}

fn head(ctx: Ctx, job: &Job, acts: Acts) -> AnyView {
    let queue = Place::opened(Tab::Queues, &job.queue);
    let kind = Place::of(Tab::Jobs).with("kind", Some(&job.kind));
    let mut facts = vec![
        (text::QUEUE, view! { <a href=ctx.href(&queue)>{job.queue.clone()}</a> }.into_any()),
        (text::KIND, view! { <a href=ctx.href(&kind)>{job.kind.clone()}</a> }.into_any()),
        (text::ATTEMPT, view! { {job.attempt} {text::OF} {job.max_attempts} }.into_any()),
        (text::PRIORITY, job.priority.into_any()),
        (text::ENQUEUED, parts::stamp(ctx, &job.created_at)),
        (text::DUE, parts::stamp(ctx, &job.due_at)),
        (text::STARTED, parts::stamp_or(ctx, job.started_at.as_deref())),
        (text::FINISHED, parts::stamp_or(ctx, job.finished_at.as_deref())),
    ];
    if let Some(process) = &job.process {
        facts.push((text::PROCESS, parts::copied(ctx, process, &parts::short(process))));
    }
    if let Some(at) = &job.cancel_requested_at {
        facts.push((text::CANCEL_ASKED, parts::stamp(ctx, at)));
    }
    if let Some(key) = &job.dedupe_key {
        facts.push((text::DEDUPE_KEY, parts::copied(ctx, key, key)));
    }
    if let Some(key) = &job.concurrency_key {
        facts.push((text::CONCURRENCY_KEY, parts::copied(ctx, key, key)));
    }
    if let Some(other) = &job.waits_for {
        let place = Place::opened(Tab::Jobs, other);
        facts
            .push((text::WAITS_FOR, view! { <a href=ctx.href(&place)>{parts::short(other)}</a> }.into_any()));
    }
    if job.throttles > 0 {
        facts.push((text::THROTTLES_IN_A_ROW, job.throttles.into_any()));
    }
    if job.crashes > 0 {
        facts.push((text::CRASHES, job.crashes.into_any()));
    }
    if !job.tags.is_empty() {
        let tags = job.tags.iter().map(|tag| {
            let place = Place::of(Tab::Jobs).with("tag", Some(tag));
            view! { <a class="fp-badge" href=ctx.href(&place)>{tag.clone()}</a> " " }
        });
        facts.push((text::TAGS, tags.collect_view().into_any()));
    }
    let progress = job.progress.as_ref().map(|p| {
        let total = p.total.filter(|total| *total > 0);
        let bar = total.map(|total| view! { <progress aria-label=text::PROGRESS max=total.to_string() value=p.done.to_string()></progress> });
        let of = total.map(text::of_total).unwrap_or_default();
        let note = p.note.as_ref().map(|note| format!(" · {note}")).unwrap_or_default();
        view! { <p class="fp-line">{bar} " " {format::count(p.done)} {of} {note}</p> }
    });
    let error = job.error.clone().map(|error| view! { <pre class="fp-pre fp-pre-bad">{error}</pre> });
    view! {
        <div class="fp-head">
            <h1 class="fp-h1 fp-mono">{parts::copied(ctx, &job.id, &job.id)}</h1>
            {parts::beside(text::STATUS, parts::status(job.status, job.dead_reason))}
        </div>
        {actions(ctx, job, acts)}
        {error}{progress}
        {parts::facts(facts)}
    }
    .into_any()
}

fn actions(ctx: Ctx, job: &Job, acts: Acts) -> AnyView {
    let (doing, came) = (acts.doing, acts.came);
    let id = job.id.clone();
    let offered = [
        (Verb::Retry, "fp-primary"),
        (Verb::RunNow, "fp-primary"),
        (Verb::Cancel, "fp-danger"),
        (Verb::Drop, "fp-danger"),
    ]
    .into_iter()
    .filter(|(verb, _)| verbs::fits(*verb, job.status))
    .map(|(verb, class)| {
        let id = id.clone();
        parts::button(ctx, verb.needs(), verb.label(), class, doing.busy, move || {
            came.set(None);
            verbs::start(ctx, doing, verb, vec![id.clone()], move |report| acts.done(&report));
        })
    })
    .collect_view();
    let edit = job_edit::fits(job.status).then(|| {
        parts::button(ctx, Role::Operator, text::EDIT, "", doing.busy, move || acts.editing.set(true))
    });
    view! {
        <div class="fp-actions" role="group" aria-label=text::WHAT_CAN_BE_DONE>
            {offered}{edit}
            {parts::button(ctx, Role::Operator, text::ENQUEUE_A_COPY, "", doing.busy, move || acts.copying.set(true))}
        </div>
        {move || came.get().map(|text| view! { <p class="fp-banner fp-banner-warn" role="status">{text::NOTHING_WAS_DONE_2} {text}</p> })}
        {parts::doing_error(doing)}
    }
    .into_any()
}

/// Why it is not running; of one that runs or is finished, that it does.
fn reasons(ctx: Ctx, why: Remote<Why>) -> AnyView {
    let inside = move || {
        why.data.get().map(|why| {
            let lines = why.reasons.iter().map(|reason| {
                let until = reason.until.as_deref().map(|at| view! { <span class="fp-small">{text::UNTIL} {parts::stamp(ctx, at)}</span> });
                let since = reason.since.as_deref().map(|at| view! { <span class="fp-small">{text::SINCE} {parts::stamp(ctx, at)}</span> });
                let mut links = Vec::new();
                if let (Some(queue), "queue_paused" | "queue_full") = (&reason.queue, reason.reason.as_str()) {
                    links.push((Place::opened(Tab::Queues, queue), text::TO_THE_QUEUE));
                }
                if let Some(job) = &reason.job {
                    links.push((Place::opened(Tab::Jobs, job), text::TO_THAT_JOB));
                }
                if reason.scope.is_some() {
                    links.push((Place::of(Tab::Limits), text::TO_THE_LIMITS));
                }
                let links = links.into_iter().map(|(place, text)| view! { <a href=ctx.href(&place)>{text}</a> " " }).collect_view();
                let class = if reason.holds { "fp-why fp-why-holds" } else { "fp-why" };
                view! { <li class=class>{reason.text.clone()} " " {until} " " {since} " " {links}</li> }
            });
            let title = if why.claimable { text::THE_NEXT_FREE_WORKER_TAKES } else { text::WHY_IT_IS_WHERE };
            view! { <section class="fp-card" aria-label=title><h2>{title}</h2><ul class="fp-whys">{lines.collect_view()}</ul></section> }
        })
    };
    view! { {inside} {move || why.error.get().filter(|e| e.code() != Some(forge_jobs_api::wire::ErrorCode::NotFound)).map(|e| parts::error_view(&e, None))} }
        .into_any()
}
