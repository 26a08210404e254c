//! What is going on: the first thing that somebody sees at three in the morning.

use super::attention::{Urgency, alerts, needs};
use super::{charts, processes};
use crate::app::{Ctx, Remote};
use crate::model::route::{Place, Tab};
use crate::parts;
use crate::text;
use forge_jobs_api::wire::{
    BoundedCount, Counts, JobPage, JobQuery, JobStatus, Overview, QueueList, TimelineBy, Topic,
};
use leptos::prelude::*;

pub(crate) fn page(ctx: Ctx) -> AnyView {
    let overview: Remote<Overview> =
        Remote::new(ctx, &Topic::ALL, || Some(()), |ipc, ()| Box::pin(async move { ipc.overview().await }));
    let queues: Remote<QueueList> = Remote::new(
        ctx,
        &[Topic::Jobs, Topic::Queues, Topic::Processes],
        || Some(()),
        |ipc, ()| Box::pin(async move { ipc.queues().await }),
    );
    let running: Remote<JobPage> = Remote::new(
        ctx,
        &[Topic::Jobs],
        || Some(()),
        |ipc, ()| {
            let query =
                JobQuery { status: Some(JobStatus::Running), limit: Some(200), ..JobQuery::default() };
            Box::pin(async move { ipc.jobs(&query).await })
        },
    );
    let timeline = charts::timeline(ctx, TimelineBy::All, None);
    let deploys = queues.part(|list| charts::deploys(&list.processes));
    let deploys = Signal::derive(move || deploys.get().unwrap_or_default());
    parts::page(
        text::OVERVIEW,
        view! {
            {attention(ctx, overview, queues)}
            {parts::remote_error(overview)}
            {strip(ctx, overview)}
            {charts::ranges(ctx)}
            {charts::of_line(ctx, timeline, deploys)}
            {by_queue(ctx, queues)}
            {parts::card(text::PROCESSES, processes::list(ctx, running))}
        },
    )
}

/// The banner of what needs a person. Quiet when nothing does.
fn attention(ctx: Ctx, overview: Remote<Overview>, queues: Remote<QueueList>) -> AnyView {
    let told = overview.part(|overview| alerts(&overview.alerts));
    let seen = queues.part(|list| needs(&list.queues, &list.processes));
    (move || {
        let found: Vec<_> = told.get().into_iter().chain(seen.get()).flatten().collect();
        if found.is_empty() {
            return None;
        }
        let bad = found.iter().any(|need| need.urgency == Urgency::Bad);
        let class = if bad { "fp-banner fp-banner-bad" } else { "fp-banner fp-banner-warn" };
        let lines = found
            .iter()
            .map(|need| view! { <li><a href=ctx.href(&need.place)>{need.text.clone()}</a></li> })
            .collect_view();
        let title = if bad { text::THIS_NEEDS_A_PERSON } else { text::WORTH_A_LOOK };
        Some(view! { <section class=class aria-label=title><strong>{title}</strong><ul>{lines}</ul></section> })
    })
    .into_any()
}

type Pick = fn(&Counts) -> BoundedCount;

/// Each status, its page, and what it means.
const STRIP: [(&str, Tab, Pick, &str); 6] = [
    ("pending", Tab::Jobs, |c| c.pending, text::DUE_WAITING_FOR_A_WORKER),
    ("scheduled", Tab::Scheduled, |c| c.scheduled, text::NOT_DUE_YET),
    ("running", Tab::Jobs, |c| c.running, text::CLAIMED_BY_A_PROCESS),
    ("retrying", Tab::Retries, |c| c.retrying, text::FAILED_AND_COME_BACK),
    ("done", Tab::Jobs, |c| c.done, text::FINISHED_WELL),
    ("dead", Tab::Dead, |c| c.dead, text::DO_NOT_COME_BACK),
];

/// The columns of the queues: the heading, the page of such jobs, their status where the page has others too.
const BY_QUEUE: [(&str, Tab, Option<&str>, Pick); 5] = [
    (text::PENDING, Tab::Jobs, Some("pending"), |c| c.pending),
    (text::RUNNING, Tab::Jobs, Some("running"), |c| c.running),
    (text::SCHEDULED, Tab::Scheduled, None, |c| c.scheduled),
    (text::RETRYING, Tab::Retries, None, |c| c.retrying),
    (text::DEAD, Tab::Dead, None, |c| c.dead),
];

/// How many jobs stand where, each a link to them.
fn strip(ctx: Ctx, overview: Remote<Overview>) -> AnyView {
    let counts = overview.part(|o| o.counts);
    let tile = move |(word, tab, pick, means): (&'static str, Tab, Pick, &'static str)| {
        let place = if tab == Tab::Jobs { Place::of(tab).with("status", Some(word)) } else { Place::of(tab) };
        let count = move || counts.get().map_or_else(|| "\u{2007}".into(), |c| parts::bounded(pick(&c)));
        view! {
            <li><a class="fp-tile" data-status=word href=ctx.href(&place)>
                <span class="fp-tile-name">{word}</span>
                <span class="fp-tile-count">{count}</span>
                <span class="fp-tile-means">{means}</span>
            </a></li>
        }
    };
    let queues = overview.part(|o| (o.queues, o.paused_queues, o.schedules, o.live_processes));
    let line = move || {
        queues.get().map(|(queues, paused, schedules, live)| text::in_all(queues, paused, schedules, live))
    };
    view! {
        <ul class="fp-strip" aria-label=text::JOBS_BY_STATUS>{STRIP.map(tile).collect_view()}</ul>
        <p class="fp-small fp-line">{line}</p>
    }
    .into_any()
}

/// The queues that have anything to do, and those that have not.
fn by_queue(ctx: Ctx, queues: Remote<QueueList>) -> AnyView {
    let draw = move |list: std::sync::Arc<QueueList>| {
        if list.queues.is_empty() {
            return parts::empty(text::THERE_IS_NO_QUEUE_YET, text::THE_FIRST_JOB_THAT_IS_ENQUEUED);
        }
        let row = |queue: &forge_jobs_api::wire::Queue| {
            let counts = queue.counts.unwrap_or_default();
            let link = |(label, tab, status, pick): (&'static str, Tab, Option<&str>, Pick)| {
                let count = pick(&counts);
                let place = Place::of(tab).with("queue", Some(&queue.name)).with("status", status);
                let class = if count.count == 0 { "fp-zero" } else { "" };
                view! { <td class="fp-num" data-label=label><a class=class href=ctx.href(&place)>{parts::bounded(count)}</a></td> }
            };
            let paused =
                queue.settings.paused.then(|| view! { " " <span class="fp-badge">{text::PAUSED}</span> });
            view! {
                <tr>
                    <th scope="row"><a href=ctx.href(&Place::opened(Tab::Queues, &queue.name))>{queue.name.clone()}</a>{paused}</th>
                    {BY_QUEUE.map(link).collect_view()}
                </tr>
            }
        };
        let heading = |(label, ..): (&'static str, Tab, Option<&str>, Pick)| view! { <th scope="col" class="fp-num">{label}</th> };
        view! {
            <div class="fp-scroll"><table class="fp-table fp-cards" aria-label=text::QUEUES>
                <thead><tr><th scope="col">{text::QUEUE}</th>{BY_QUEUE.map(heading).collect_view()}</tr></thead>
                <tbody>{list.queues.iter().map(row).collect_view()}</tbody>
            </table></div>
        }
        .into_any()
    };
    parts::card(text::QUEUES, parts::shown(queues, 4, draw))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_count_stands_under_its_own_status() {
        let n = |count| BoundedCount { count, more: false };
        let (pending, scheduled, running) = (n(1), n(2), n(3));
        let counts = Counts { pending, scheduled, running, retrying: n(4), done: n(5), dead: n(6) };
        let strip = STRIP.map(|(word, _, pick, _)| (word, pick(&counts).count));
        let wanted =
            [("pending", 1), ("scheduled", 2), ("running", 3), ("retrying", 4), ("done", 5), ("dead", 6)];
        assert_eq!(strip, wanted);
        let by_queue = BY_QUEUE.map(|(label, tab, status, pick)| (label, tab, status, pick(&counts).count));
        let wanted = [
            ("Pending", Tab::Jobs, Some("pending"), 1),
            ("Running", Tab::Jobs, Some("running"), 3),
            ("Scheduled", Tab::Scheduled, None, 2),
            ("Retrying", Tab::Retries, None, 4),
            ("Dead", Tab::Dead, None, 6),
        ];
        assert_eq!(by_queue, wanted);
    }
}
