//! Worker processes, and what each of them is doing.

use super::job::PROGRESS;
use crate::app::{Ctx, Remote};
use crate::model::route::{Place, Tab};
use crate::parts;
use crate::text;
use forge_jobs_api::wire::{BoundedCount, Job, JobPage, JobQuery, JobStatus, Process, ProcessList, Topic};
use leptos::prelude::*;
use std::sync::Arc;

/// Jobs of one process that are shown beside it.
const JOBS: usize = 10;

pub(crate) fn page(ctx: Ctx) -> AnyView {
    let running: Remote<JobPage> = Remote::new(
        ctx,
        &[Topic::Jobs],
        || Some(()),
        |ipc, ()| {
            let query =
                JobQuery { status: Some(JobStatus::Running), limit: Some(500), ..JobQuery::default() };
            Box::pin(async move { ipc.jobs(&query).await })
        },
    );
    parts::page(text::PROCESSES, parts::card(text::REGISTERED, list(ctx, running)))
}

/// All of them with their jobs.
pub(crate) fn list(ctx: Ctx, running: Remote<JobPage>) -> AnyView {
    let processes: Remote<ProcessList> = Remote::new(
        ctx,
        &[Topic::Processes],
        || Some(()),
        |ipc, ()| Box::pin(async move { ipc.processes().await }),
    );
    running
        .every(ctx, PROGRESS, move || running.data.get_untracked().is_some_and(|page| !page.jobs.is_empty()));
    let draw = move |list: Arc<ProcessList>| {
        if list.processes.is_empty() {
            return parts::empty(
                text::NO_PROCESS_HAS_REGISTERED,
                view! { {text::START_ONE} <code>{text::FORGE_WORKER}</code> {text::OR} <code>{text::FORGE_SERVE_WORKER}</code> "." },
            );
        }
        let items = list.processes.iter().map(|p| one(ctx, p, running)).collect_view();
        view! { <ul class="fp-processes">{items}</ul> }.into_any()
    };
    parts::shown(processes, 2, draw)
}

/// What to think of a process.
const fn state(process: &Process) -> (&'static str, &'static str) {
    match process {
        p if !p.live => ("dead", "dead"),
        p if p.stopping => ("stopping", "scheduled"),
        p if p.late => ("late", "retrying"),
        _ => ("alive", "done"),
    }
}

/// Jobs that a process holds beside those that are shown.
fn besides(holds: BoundedCount, shown: usize) -> Option<BoundedCount> {
    let count = holds.count.saturating_sub(text::counted(shown).count);
    (count > 0 || holds.more).then_some(BoundedCount { count, more: holds.more })
}

fn one(ctx: Ctx, process: &Process, running: Remote<JobPage>) -> AnyView {
    let (word, colour) = state(process);
    let (id, holds) = (process.id.clone(), process.holds);
    let jobs = move || {
        running.data.get().map(|page| {
            let of: Vec<&Job> = page.jobs.iter().filter(|j| j.process.as_deref() == Some(&id)).collect();
            let shown = of.len().min(JOBS);
            let lines = of.iter().take(JOBS).map(|job| line(ctx, job)).collect_view();
            // Where the page has all that run it knows best: what a process holds is told with its heartbeats alone.
            let holds = if page.next.is_some() { holds } else { text::counted(of.len()) };
            let more = besides(holds, shown)
                .map(|more| view! { <li class="fp-small">{text::besides(shown, more)}</li> });
            view! { <ul class="fp-current">{lines}{more}</ul> }
        })
    };
    let works_on = process.queues.as_ref().map_or_else(|| text::ALL_QUEUES.to_owned(), |q| q.join(", "));
    let kinds = process.kinds.as_ref().map_or_else(
        || view! { {text::ANY_KIND} }.into_any(),
        |kinds| view! { <span title=kinds.join(", ")>{text::kinds(kinds.len())}</span> }.into_any(),
    );
    view! {
        <li class="fp-process">
            <div class="fp-process-head">
                <strong>{process.host.clone()} ":" {process.pid}</strong>
                <span class="fp-status" data-status=colour>{word}</span>
                <span class="fp-small">{text::BEAT} {parts::stamp(ctx, &process.beat_at)}</span>
                <span class="fp-small">{text::SINCE} {parts::stamp(ctx, &process.started_at)}</span>
                <span class="fp-small">{text::VERSION_2} {process.version.clone()}</span>
                <span class="fp-small">{text::HOLDS} {parts::bounded(process.holds)}</span>
                <span class="fp-small">{works_on} " · " {kinds}</span>
                {parts::copied(ctx, &process.id, &parts::short(&process.id))}
            </div>
            {jobs}
        </li>
    }
    .into_any()
}

fn line(ctx: Ctx, job: &Job) -> AnyView {
    let progress = job.progress.as_ref().map(|p| {
        let of = p.total.map(text::of_total).unwrap_or_default();
        let note = p.note.as_ref().map(|note| format!(", {note}")).unwrap_or_default();
        view! { <span class="fp-small">{format!("{}{of}{note}", p.done)}</span> }
    });
    view! {
        <li>
            <a href=ctx.href(&Place::opened(Tab::Jobs, &job.id))>{job.kind.clone()}</a>
            <span class="fp-small">{job.queue.clone()}</span>
            <span class="fp-small">{text::STARTED_2} {parts::stamp_or(ctx, job.started_at.as_deref())}</span>
            {progress}
        </li>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_says_how_many_of_its_jobs_are_not_shown() {
        let told = |count, more, shown| {
            besides(BoundedCount { count, more }, shown).map(|more| text::besides(shown, more))
        };
        assert_eq!(told(0, false, 0), None);
        assert_eq!(told(3, false, 3), None);
        // What was counted and what is listed were not read at the same moment.
        assert_eq!(told(2, false, 3), None);
        assert_eq!(told(40, false, 3).as_deref(), Some("and 37 more"));
        assert_eq!(told(40, false, 0).as_deref(), Some("40 jobs that are not listed here"));
        assert_eq!(told(1, false, 0).as_deref(), Some("1 job that is not listed here"));
        assert_eq!(told(1_000, true, 10).as_deref(), Some("and 990+ more"));
    }
}
