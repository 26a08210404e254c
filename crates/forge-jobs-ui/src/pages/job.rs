//! One job: where it stands, why it does not run, what happened to it, and what can be done.

use super::{enqueue, job_history, logs, verbs};
use crate::app::{Ctx, Doing, Remote};
use crate::ipc::Verb;
use crate::model::format;
use crate::model::route::{Place, Tab};
use crate::parts;
use forge_jobs_api::wire::{Job, JobDetail, Role, Topic, VerbReport, Why};
use leptos::prelude::*;
use std::sync::Arc;

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
    let reload = Callback::new(move |()| {
        detail.reload();
        why.reload();
    });
    let job = Memo::new(move |_| detail.data.get().map(|d| Same(Arc::new(d.job.clone()))));
    let copying = RwSignal::new(false);
    let head = move || job.get().map(|job| head(ctx, &job.0, reload, copying));
    // Made once: what is typed into it must survive what happens to the job.
    let first =
        Memo::new(move |before: Option<&Option<Same>>| before.cloned().flatten().or_else(|| job.get()));
    let dialog = move || first.get().map(|job| enqueue::copy(ctx, &job.0, copying));
    let payload = detail.part(|d| (d.job.payload.get().to_owned(), d.job.partial.clone()));
    let output = detail.part(|d| d.job.output.as_ref().map(|o| o.get().to_owned()));
    let status = detail.part(|d| d.job.status);
    let is_loading =
        Memo::new(move |_| detail.data.with(Option::is_none) && detail.error.with(Option::is_none));
    let back = Place::of(tab);
    view! {
        <p class="fp-crumb"><a href=ctx.href(&back)>{tab.name()}</a></p>
        {parts::remote_error(detail)}
        {move || is_loading.get().then(|| parts::skeleton(8))}
        {head}
        {dialog}
        {reasons(ctx, why)}
        {move || payload.get().map(|(payload, partial)| parts::card("Payload", data(ctx, &payload, &partial)))}
        {move || output.get().flatten().map(|output| parts::card("Result", parts::tree::json(ctx, &output)))}
        {job_history::timeline(ctx, detail)}
        {logs::card(ctx, id, status)}
        {job_history::attempts(ctx, detail)}
    }
    .into_any()
}

/// A job that is the same when its JSON is.
#[derive(Clone)]
struct Same(Arc<Job>);

impl PartialEq for Same {
    fn eq(&self, other: &Self) -> bool {
        serde_json::to_string(&self.0).ok() == serde_json::to_string(&other.0).ok()
    }
}

fn data(ctx: Ctx, payload: &str, partial: &[String]) -> AnyView {
    let note = partial.iter().any(|field| field.starts_with("payload")).then(|| {
        view! { <p class="fp-small">"A part is hidden, since it may be secret, or cut, since it is long."</p> }
    });
    view! { {note}{parts::tree::json(ctx, payload)} }.into_any()
}

fn head(ctx: Ctx, job: &Job, reload: Callback<()>, copying: RwSignal<bool>) -> AnyView {
    let queue = Place::opened(Tab::Queues, &job.queue);
    let kind = Place::of(Tab::Jobs).with("kind", Some(&job.kind));
    let mut facts = vec![
        ("Queue", view! { <a href=ctx.href(&queue)>{job.queue.clone()}</a> }.into_any()),
        ("Kind", view! { <a href=ctx.href(&kind)>{job.kind.clone()}</a> }.into_any()),
        ("Attempt", view! { {job.attempt} " of " {job.max_attempts} }.into_any()),
        ("Priority", job.priority.into_any()),
        ("Enqueued", parts::stamp(ctx, &job.created_at)),
        ("Due", parts::stamp(ctx, &job.due_at)),
        ("Started", parts::stamp_or(ctx, job.started_at.as_deref())),
        ("Finished", parts::stamp_or(ctx, job.finished_at.as_deref())),
    ];
    if let Some(process) = &job.process {
        facts.push(("Process", parts::copied(ctx, process, &parts::short(process))));
    }
    if let Some(at) = &job.cancel_requested_at {
        facts.push(("Cancel asked for", parts::stamp(ctx, at)));
    }
    if let Some(key) = &job.dedupe_key {
        facts.push(("Dedupe key", parts::copied(ctx, key, key)));
    }
    if let Some(key) = &job.concurrency_key {
        facts.push(("Concurrency key", parts::copied(ctx, key, key)));
    }
    if let Some(other) = &job.waits_for {
        let place = Place::opened(Tab::Jobs, other);
        facts.push(("Waits for", view! { <a href=ctx.href(&place)>{parts::short(other)}</a> }.into_any()));
    }
    if job.throttles > 0 {
        facts.push(("Throttles in a row", job.throttles.into_any()));
    }
    if job.crashes > 0 {
        facts.push(("Crashes", job.crashes.into_any()));
    }
    if !job.tags.is_empty() {
        let tags = job.tags.iter().map(|tag| {
            let place = Place::of(Tab::Jobs).with("tag", Some(tag));
            view! { <a class="fp-badge" href=ctx.href(&place)>{tag.clone()}</a> " " }
        });
        facts.push(("Tags", tags.collect_view().into_any()));
    }
    let progress = job.progress.as_ref().map(|p| {
        let total = p.total.filter(|total| *total > 0);
        let bar = total.map(|total| view! { <progress aria-label="Progress" max=total.to_string() value=p.done.to_string()></progress> });
        let of = total.map(|total| format!(" of {}", format::count(total))).unwrap_or_default();
        let note = p.note.as_ref().map(|note| format!(" · {note}")).unwrap_or_default();
        view! { <p class="fp-line">{bar} " " {format::count(p.done)} {of} {note}</p> }
    });
    let error = job.error.clone().map(|error| view! { <pre class="fp-pre fp-pre-bad">{error}</pre> });
    view! {
        <div class="fp-head">
            <h1 class="fp-h1 fp-mono">{parts::copied(ctx, &job.id, &job.id)}</h1>
            {parts::status(job.status, job.dead_reason)}
        </div>
        {actions(ctx, job, reload, copying)}
        {error}{progress}
        {parts::facts(facts)}
    }
    .into_any()
}

fn actions(ctx: Ctx, job: &Job, reload: Callback<()>, copying: RwSignal<bool>) -> AnyView {
    let doing = Doing::new(ctx);
    let came = RwSignal::new(None::<String>);
    let done = Callback::new(move |report: VerbReport| {
        came.set(verbs::left_something(&report).then(|| verbs::told(&report)));
        reload.run(());
    });
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
            verbs::start(ctx, doing, verb, vec![id.clone()], done);
        })
    })
    .collect_view();
    view! {
        <div class="fp-actions">
            {offered}
            {parts::button(ctx, Role::Operator, "Enqueue a copy", "", doing.busy, move || copying.set(true))}
        </div>
        {move || came.get().map(|text| view! { <p class="fp-banner fp-banner-warn" role="status">"Nothing was done: " {text}</p> })}
        {parts::doing_error(doing)}
    }
    .into_any()
}

/// Why it is not running; of one that runs or is finished, that it does.
fn reasons(ctx: Ctx, why: Remote<Why>) -> AnyView {
    let inside = move || {
        why.data.get().map(|why| {
            let lines = why.reasons.iter().map(|reason| {
                let until = reason.until.as_deref().map(|at| view! { <span class="fp-small">"until " {parts::stamp(ctx, at)}</span> });
                let since = reason.since.as_deref().map(|at| view! { <span class="fp-small">"since " {parts::stamp(ctx, at)}</span> });
                let mut links = Vec::new();
                if let (Some(queue), "queue_paused" | "queue_full") = (&reason.queue, reason.reason.as_str()) {
                    links.push((Place::opened(Tab::Queues, queue), "to the queue"));
                }
                if let Some(job) = &reason.job {
                    links.push((Place::opened(Tab::Jobs, job), "to that job"));
                }
                if reason.scope.is_some() {
                    links.push((Place::of(Tab::Limits), "to the limits"));
                }
                let links = links.into_iter().map(|(place, text)| view! { <a href=ctx.href(&place)>{text}</a> " " }).collect_view();
                let class = if reason.holds { "fp-why fp-why-holds" } else { "fp-why" };
                view! { <li class=class>{reason.text.clone()} " " {until} " " {since} " " {links}</li> }
            });
            let title = if why.claimable { "The next free worker takes it" } else { "Why it is where it is" };
            view! { <section class="fp-card"><h2>{title}</h2><ul class="fp-whys">{lines.collect_view()}</ul></section> }
        })
    };
    view! { {inside} {move || why.error.get().filter(|e| e.code() != Some(forge_jobs_api::wire::ErrorCode::NotFound)).map(|e| parts::error_view(&e, None))} }
        .into_any()
}
