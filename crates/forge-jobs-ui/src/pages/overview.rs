//! What is going on: the first thing that somebody sees at three in the morning.

use super::attention::{Urgency, alerts, needs};
use super::{charts, processes};
use crate::app::{Ctx, Remote};
use crate::model::format;
use crate::model::route::{Place, Tab};
use crate::parts;
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
    parts::page(
        "Overview",
        view! {
            {attention(ctx, overview, queues)}
            {parts::remote_error(overview)}
            {strip(ctx, overview)}
            {charts::ranges(ctx)}
            {charts::of_line(ctx, timeline)}
            {by_queue(ctx, queues)}
            {parts::card("Processes", processes::list(ctx, running))}
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
        let title = if bad { "This needs a person" } else { "Worth a look" };
        Some(view! { <section class=class aria-label=title><strong>{title}</strong><ul>{lines}</ul></section> })
    })
    .into_any()
}

type Pick = fn(&Counts) -> BoundedCount;

/// Each status, its page, and what it means.
const STRIP: [(&str, Tab, Pick, &str); 6] = [
    ("pending", Tab::Jobs, |c| c.pending, "due, waiting for a worker"),
    ("scheduled", Tab::Scheduled, |c| c.scheduled, "not due yet"),
    ("running", Tab::Jobs, |c| c.running, "claimed by a process"),
    ("retrying", Tab::Retries, |c| c.retrying, "failed, and come back"),
    ("done", Tab::Jobs, |c| c.done, "finished well"),
    ("dead", Tab::Dead, |c| c.dead, "do not come back"),
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
        queues.get().map(|(queues, paused, schedules, live)| {
            let some =
                |n: u64, one: &str| format!("{} {one}{}", format::count(n), if n == 1 { "" } else { "s" });
            let live = if live == 1 {
                "1 live process".to_owned()
            } else {
                format!("{} live processes", format::count(live))
            };
            format!(
                "{}, {} paused · {} · {live}",
                some(queues, "queue"),
                format::count(paused),
                some(schedules, "schedule")
            )
        })
    };
    view! {
        <ul class="fp-strip" aria-label="Jobs by status">{STRIP.map(tile).collect_view()}</ul>
        <p class="fp-small fp-line">{line}</p>
    }
    .into_any()
}

/// The queues that have anything to do, and those that have not.
fn by_queue(ctx: Ctx, queues: Remote<QueueList>) -> AnyView {
    let draw = move |list: std::sync::Arc<QueueList>| {
        if list.queues.is_empty() {
            return parts::empty(
                "There is no queue yet",
                "The first job that is enqueued makes one: forge enqueue noop_echo '{}'.",
            );
        }
        let row = |queue: &forge_jobs_api::wire::Queue| {
            let counts = queue.counts.unwrap_or_default();
            let link = |tab: Tab, status: Option<&str>, count: BoundedCount| {
                let place = Place::of(tab).with("queue", Some(&queue.name)).with("status", status);
                let class = if count.count == 0 { "fp-zero" } else { "" };
                view! { <td class="fp-num"><a class=class href=ctx.href(&place)>{parts::bounded(count)}</a></td> }
            };
            let paused = queue.settings.paused.then(|| view! { " " <span class="fp-badge">"paused"</span> });
            view! {
                <tr>
                    <th scope="row"><a href=ctx.href(&Place::opened(Tab::Queues, &queue.name))>{queue.name.clone()}</a>{paused}</th>
                    {link(Tab::Jobs, Some("pending"), counts.pending)}
                    {link(Tab::Jobs, Some("running"), counts.running)}
                    {link(Tab::Scheduled, None, counts.scheduled)}
                    {link(Tab::Retries, None, counts.retrying)}
                    {link(Tab::Dead, None, counts.dead)}
                </tr>
            }
        };
        view! {
            <div class="fp-scroll"><table class="fp-table">
                <thead><tr><th scope="col">"Queue"</th><th scope="col" class="fp-num">"Pending"</th>
                    <th scope="col" class="fp-num">"Running"</th><th scope="col" class="fp-num">"Scheduled"</th>
                    <th scope="col" class="fp-num">"Retrying"</th><th scope="col" class="fp-num">"Dead"</th></tr></thead>
                <tbody>{list.queues.iter().map(row).collect_view()}</tbody>
            </table></div>
        }
        .into_any()
    };
    parts::card("Queues", parts::shown(queues, 4, draw))
}
