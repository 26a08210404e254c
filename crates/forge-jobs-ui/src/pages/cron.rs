//! Schedules: what they mean, when they fire next, and how the last fires went.

use crate::app::{Ctx, Doing, Remote};
use crate::model::route::{Place, Tab};
use crate::parts;
use forge_jobs_api::wire::{Role, Schedule, ScheduleList, ScheduleOwner, Topic};
use leptos::prelude::*;
use std::sync::Arc;

pub(crate) fn page(ctx: Ctx) -> AnyView {
    let schedules: Remote<ScheduleList> = Remote::new(
        ctx,
        &[Topic::Schedules],
        || Some(()),
        |ipc, ()| Box::pin(async move { ipc.schedules().await }),
    );
    let doing = Doing::new(ctx);
    let draw = move |list: Arc<ScheduleList>| {
        let unreadable = (!list.unreadable.is_empty()).then(|| {
            let names = list.unreadable.join(", ");
            view! { <p class="fp-banner fp-banner-warn">"A newer version wrote these, and this one cannot read them: " {names}</p> }
        });
        if list.schedules.is_empty() {
            let hint = view! { "A program declares them, or a person does: "
            <code>"forge cron set nightly --expression '0 3 * * *' --kind report"</code> };
            return view! { {unreadable} {parts::empty("There is no schedule yet", hint)} }.into_any();
        }
        let rows = list.schedules.iter().map(|s| row(ctx, doing, schedules, s)).collect_view();
        view! {
            {unreadable}
            <div class="fp-scroll"><table class="fp-table">
                <thead><tr><th scope="col">"Schedule"</th><th scope="col">"When"</th><th scope="col">"Enqueues"</th>
                    <th scope="col">"Next fire"</th><th scope="col">"Last fire"</th><th scope="col">"State"</th>
                    <th scope="col"><span class="fp-hidden">"What can be done"</span></th></tr></thead>
                <tbody>{rows}</tbody>
            </table></div>
        }
        .into_any()
    };
    parts::page("Cron", view! { {parts::doing_error(doing)} {parts::shown(schedules, 5, draw)} })
}

/// Whose values are in effect, where that is worth a word.
pub(crate) fn owner(schedule: &Schedule) -> Option<&'static str> {
    match schedule {
        s if s.undeclared => Some("no program declares it any more"),
        s if s.overrides_code => Some("a person's values, not the program's"),
        s if s.owner == ScheduleOwner::Operator => Some("made by a person"),
        _ => None,
    }
}

fn row(ctx: Ctx, doing: Doing, schedules: Remote<ScheduleList>, schedule: &Schedule) -> AnyView {
    let s = &schedule.settings;
    let place = Place::opened(Tab::Cron, &schedule.name);
    let kind = Place::of(Tab::Jobs).with("kind", Some(&s.kind));
    let reload = Callback::new(move |()| schedules.reload());
    let whose = owner(schedule).map(|text| view! { <div class="fp-small">{text}</div> });
    view! {
        <tr>
            <th scope="row"><a href=ctx.href(&place)>{schedule.name.clone()}</a>{whose}</th>
            <td>{s.description.clone()}<div class="fp-small"><code>{s.expression.clone()}</code> " " {s.zone.clone()}</div></td>
            <td><a href=ctx.href(&kind)>{s.kind.clone()}</a><div class="fp-small">{s.queue.clone()}</div></td>
            <td>{parts::stamp_or(ctx, schedule.next_fire_at.as_deref())}</td>
            <td>{last(ctx, schedule)}</td>
            <td>{state(schedule)}</td>
            <td class="fp-actions">{switch(ctx, doing, schedule, reload)}{run(ctx, doing, &schedule.name, reload)}</td>
        </tr>
    }
    .into_any()
}

fn last(ctx: Ctx, schedule: &Schedule) -> AnyView {
    let job = schedule
        .last_job
        .as_ref()
        .map(|job| view! { " " <a href=ctx.href(&Place::opened(Tab::Jobs, job))>"job"</a> });
    view! { {parts::stamp_or(ctx, schedule.last_fire_at.as_deref())}{job} }.into_any()
}

pub(crate) fn state(schedule: &Schedule) -> AnyView {
    let (word, colour) = if schedule.enabled { ("fires", "done") } else { ("paused", "retrying") };
    view! { <span class="fp-status" data-status=colour>{word}</span> }.into_any()
}

/// Pauses, or resumes.
pub(crate) fn switch(ctx: Ctx, doing: Doing, schedule: &Schedule, then: Callback<()>) -> AnyView {
    let (name, enabled) = (schedule.name.clone(), schedule.enabled);
    let press = move || {
        let (ipc, name) = (ctx.ipc(), name.clone());
        let answer = Box::pin(async move {
            if enabled { ipc.pause_schedule(&name).await } else { ipc.resume_schedule(&name).await }
        });
        doing.run(answer, move |_| then.run(()));
    };
    parts::button(ctx, Role::Operator, if enabled { "Pause" } else { "Resume" }, "", doing.busy, press)
}

/// Enqueues the job now.
pub(crate) fn run(ctx: Ctx, doing: Doing, name: &str, then: Callback<()>) -> AnyView {
    let name = name.to_owned();
    let press = move || {
        let (ipc, name) = (ctx.ipc(), name.clone());
        doing.run(Box::pin(async move { ipc.run_schedule(&name).await }), move |tick| {
            then.run(());
            ctx.say("Enqueued");
            if let Some(job) = tick.job {
                ctx.go(Place::opened(Tab::Jobs, job));
            }
        });
    };
    parts::button(ctx, Role::Operator, "Run now", "", doing.busy, press)
}
