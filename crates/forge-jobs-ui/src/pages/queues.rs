//! All queues: what they do, and who works on them.

use super::attention::serves;
use crate::app::{Ctx, Doing, Remote};
use crate::model::route::{Place, Tab};
use crate::parts;
use crate::text;
use forge_jobs_api::wire::{Process, Queue, QueueList, Role, Topic};
use leptos::prelude::*;
use std::sync::Arc;

pub(crate) fn page(ctx: Ctx) -> AnyView {
    let queues: Remote<QueueList> = Remote::new(
        ctx,
        &[Topic::Jobs, Topic::Queues, Topic::Processes],
        || Some(()),
        |ipc, ()| Box::pin(async move { ipc.queues().await }),
    );
    let doing = Doing::new(ctx);
    let draw = move |list: Arc<QueueList>| {
        if list.queues.is_empty() {
            return parts::empty(text::THERE_IS_NO_QUEUE_YET, text::THE_FIRST_JOB_THAT_IS_ENQUEUED_2);
        }
        let rows =
            list.queues.iter().map(|queue| row(ctx, doing, queues, queue, &list.processes)).collect_view();
        view! {
            <div class="fp-scroll"><table class="fp-table fp-cards" aria-label=text::QUEUES>
                <thead><tr><th scope="col">{text::QUEUE}</th><th scope="col">{text::STATE}</th>
                    <th scope="col" class="fp-num">{text::WORKERS}</th><th scope="col" class="fp-num">{text::PROCESSES}</th>
                    <th scope="col" class="fp-num">{text::RUNNING}</th><th scope="col" class="fp-num">{text::PENDING}</th>
                    <th scope="col">{text::BACKOFF}</th><th scope="col"><span class="fp-hidden">{text::PAUSE_OR_RESUME}</span></th></tr></thead>
                <tbody>{rows}</tbody>
            </table></div>
        }
        .into_any()
    };
    parts::page(text::QUEUES, view! { {parts::doing_error(doing)} {parts::shown(queues, 5, draw)} })
}

fn row(ctx: Ctx, doing: Doing, queues: Remote<QueueList>, queue: &Queue, processes: &[Process]) -> AnyView {
    let serving = processes.iter().filter(|p| p.live && serves(p, &queue.name)).count();
    let counts = queue.counts.unwrap_or_default();
    let settings = queue.settings;
    let backoff = if settings.backoff_enabled {
        text::to(&parts::chosen(settings.base_seconds.0), &parts::chosen(settings.max_seconds.0))
    } else {
        "off".to_owned()
    };
    let max = settings
        .max_running
        .map(|max| view! { <span class="fp-small">{text::OF} {max} {text::IN_ALL}</span> });
    let nobody = (serving == 0 && !settings.paused)
        .then(|| view! { <span class="fp-badge fp-badge-bad">{text::NOBODY}</span> " " });
    view! {
        <tr>
            <th scope="row"><a href=ctx.href(&Place::opened(Tab::Queues, &queue.name))>{queue.name.clone()}</a></th>
            <td data-label=text::STATE>{state(ctx, queue)}</td>
            <td class="fp-num" data-label=text::WORKERS>{settings.workers}</td>
            <td class="fp-num" data-label=text::PROCESSES>{nobody}{serving}</td>
            <td class="fp-num" data-label=text::RUNNING>{parts::bounded(counts.running)}{max}</td>
            <td class="fp-num" data-label=text::PENDING>{parts::bounded(counts.pending)}</td>
            <td data-label=text::BACKOFF>{backoff}</td>
            <td>{switch(ctx, doing, queue, move |_| queues.reload())}</td>
        </tr>
    }
    .into_any()
}

/// Paused since when and by whom, or open.
pub(crate) fn state(ctx: Ctx, queue: &Queue) -> AnyView {
    if !queue.settings.paused {
        return view! { <span class="fp-status" data-status="done">{text::OPEN}</span> }.into_any();
    }
    let since = queue
        .paused_at
        .as_deref()
        .map(|at| view! { " " <span class="fp-small">{parts::stamp(ctx, at)}</span> });
    let by = queue.paused_by.clone().map(|by| view! { <span class="fp-small">{text::BY_2} {by}</span> });
    view! { <span class="fp-status" data-status="retrying">{text::PAUSED}</span>{since}{by} }.into_any()
}

/// Pauses, or resumes.
pub(crate) fn switch(
    ctx: Ctx,
    doing: Doing,
    queue: &Queue,
    then: impl Fn(Queue) + Copy + 'static,
) -> AnyView {
    let (name, paused) = (queue.name.clone(), queue.settings.paused);
    let press = move || {
        let (ipc, name) = (ctx.ipc(), name.clone());
        let said = text::switched(&name, paused);
        let answer = Box::pin(async move {
            if paused { ipc.resume_queue(&name).await } else { ipc.pause_queue(&name).await }
        });
        doing.run(answer, move |queue| {
            ctx.say(said);
            then(queue);
        });
    };
    let label = if paused { text::RESUME } else { text::PAUSE };
    parts::button_of(ctx, Role::Operator, (label, &queue.name), "", doing.busy, press)
}
