//! Schedules: what they mean, when they fire next, and how the last fires went.

use super::schedule::outcome;
use super::schedule_new;
use crate::app::{Ctx, Doing, Remote};
use crate::model::route::{Place, Tab};
use crate::parts;
use crate::text;
use forge_jobs_api::wire::{Role, Schedule, ScheduleList, ScheduleOwner, Tick, TickPage, TickQuery, Topic};
use leptos::prelude::*;
use std::sync::Arc;

/// Latest fires of a schedule that are shown beside it, and the schedules of a list that have them.
const FIRES: u32 = 20;
const WITH_FIRES: usize = 40;

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
            view! { <p class="fp-banner fp-banner-warn">{text::A_NEWER_VERSION_WROTE_THESE} {names}</p> }
        });
        if list.schedules.is_empty() {
            let hint = view! { {text::A_PROGRAM_DECLARES_THEM}
            <code>{text::FORGE_CRON_SET_NIGHTLY_EXPRESSION_0}</code> };
            return view! { {unreadable} {parts::empty(text::THERE_IS_NO_SCHEDULE_YET, hint)} }.into_any();
        }
        let rows = list.schedules.iter().enumerate();
        let rows = rows.map(|(at, s)| row(ctx, doing, schedules, s, at < WITH_FIRES)).collect_view();
        view! {
            {unreadable}
            <div class="fp-scroll"><table class="fp-table fp-cards" aria-label=text::SCHEDULES>
                <thead><tr><th scope="col">{text::SCHEDULE}</th><th scope="col">{text::WHEN}</th><th scope="col">{text::ENQUEUES}</th>
                    <th scope="col">{text::NEXT_FIRE}</th><th scope="col">{text::LAST_FIRE}</th><th scope="col">{text::LATEST_FIRES}</th><th scope="col">{text::STATE}</th>
                    <th scope="col"><span class="fp-hidden">{text::WHAT_CAN_BE_DONE}</span></th></tr></thead>
                <tbody>{rows}</tbody>
            </table></div>
        }
        .into_any()
    };
    let making = RwSignal::new(false);
    let make = parts::button(ctx, Role::Admin, text::NEW_SCHEDULE, "", doing.busy, move || making.set(true));
    parts::page(
        text::CRON,
        view! {
            <div class="fp-actions" hidden=making>{make}</div>
            {schedule_new::form(ctx, making)}
            {parts::doing_error(doing)}
            {parts::shown(schedules, 5, draw)}
        },
    )
}

/// Whose values are in effect, where that is worth a word.
pub(crate) fn owner(schedule: &Schedule) -> Option<&'static str> {
    match schedule {
        s if s.undeclared => Some(text::NO_PROGRAM_DECLARES_IT_ANY_MORE),
        s if s.overrides_code => Some(text::A_PERSONS_VALUES_NOT_THE_PROGRAMS),
        s if s.owner == ScheduleOwner::Operator => Some(text::MADE_BY_A_PERSON),
        _ => None,
    }
}

fn row(
    ctx: Ctx,
    doing: Doing,
    schedules: Remote<ScheduleList>,
    schedule: &Schedule,
    shows_fires: bool,
) -> AnyView {
    let s = &schedule.settings;
    let place = Place::opened(Tab::Cron, &schedule.name);
    let kind = Place::of(Tab::Jobs).with("kind", Some(&s.kind));
    let reload = move || schedules.reload();
    let whose = owner(schedule).map(|text| view! { <div class="fp-small">{text}</div> });
    view! {
        <tr>
            <th scope="row"><a href=ctx.href(&place)>{schedule.name.clone()}</a>{whose}</th>
            <td data-label=text::WHEN>{s.description.clone()}<div class="fp-small"><code>{s.expression.clone()}</code> " " {s.zone.clone()}</div></td>
            <td data-label=text::ENQUEUES><a href=ctx.href(&kind)>{s.kind.clone()}</a><div class="fp-small">{s.queue.clone()}</div></td>
            <td data-label=text::NEXT_FIRE>{parts::stamp_or(ctx, schedule.next_fire_at.as_deref())}</td>
            <td data-label=text::LAST_FIRE>{last(ctx, schedule)}</td>
            <td data-label=text::LATEST_FIRES>{shows_fires.then(|| fires(ctx, schedule.name.clone()))}</td>
            <td data-label=text::STATE>{state(schedule)}</td>
            <td class="fp-actions">{switch(ctx, doing, schedule, reload)}{run(ctx, doing, &schedule.name, reload)}</td>
        </tr>
    }
    .into_any()
}

/// What became of the latest fires: a mark for each, the newest at the end, and all of it in words.
fn fires(ctx: Ctx, name: String) -> AnyView {
    let ticks: Remote<TickPage> = Remote::new(
        ctx,
        &[Topic::Schedules],
        move || Some(name.clone()),
        |ipc, name| {
            let query = TickQuery { limit: Some(FIRES), before: None };
            Box::pin(async move { ipc.ticks(&name, &query).await })
        },
    );
    (move || {
        ticks.data.get().map(|page| {
            let mark = |tick: &Tick| {
                let (word, colour) = outcome(tick.outcome);
                let title = format!("{}: {word}", parts::moment(&tick.last_at));
                view! { <span class="fp-fire" data-status=colour title=title></span> }
            };
            let marks = page.ticks.iter().rev().map(mark).collect_view();
            let label = told(&page.ticks);
            view! { <span class="fp-spark" role="img" aria-label=label>{marks}</span> }
        })
    })
    .into_any()
}

/// How many fires ended how: `11 fired, 1 missed`.
fn told(ticks: &[Tick]) -> String {
    let mut counts: Vec<(&'static str, u64)> = Vec::new();
    for tick in ticks {
        let word = outcome(tick.outcome).0;
        match counts.iter_mut().find(|(known, _)| *known == word) {
            Some((_, count)) => *count += u64::from(tick.count),
            None => counts.push((word, tick.count.into())),
        }
    }
    if counts.is_empty() {
        return text::IT_HAS_NOT_FIRED_YET.to_owned();
    }
    counts.iter().map(|(word, count)| format!("{count} {word}")).collect::<Vec<_>>().join(", ")
}

fn last(ctx: Ctx, schedule: &Schedule) -> AnyView {
    let job = schedule
        .last_job
        .as_ref()
        .map(|job| view! { " " <a href=ctx.href(&Place::opened(Tab::Jobs, job))>{text::JOB}</a> });
    view! { {parts::stamp_or(ctx, schedule.last_fire_at.as_deref())}{job} }.into_any()
}

pub(crate) fn state(schedule: &Schedule) -> AnyView {
    let (word, colour) = if schedule.enabled { ("fires", "done") } else { ("paused", "retrying") };
    view! { <span class="fp-status" data-status=colour>{word}</span> }.into_any()
}

/// Pauses, or resumes.
pub(crate) fn switch(
    ctx: Ctx,
    doing: Doing,
    schedule: &Schedule,
    then: impl Fn() + Copy + 'static,
) -> AnyView {
    let (name, enabled) = (schedule.name.clone(), schedule.enabled);
    let press = move || {
        let (ipc, name) = (ctx.ipc(), name.clone());
        let answer = Box::pin(async move {
            if enabled { ipc.pause_schedule(&name).await } else { ipc.resume_schedule(&name).await }
        });
        doing.run(answer, move |_| then());
    };
    let label = if enabled { text::PAUSE } else { text::RESUME };
    parts::button_of(ctx, Role::Operator, (label, &schedule.name), "", doing.busy, press)
}

/// Enqueues the job now.
pub(crate) fn run(ctx: Ctx, doing: Doing, name: &str, then: impl Fn() + Copy + 'static) -> AnyView {
    let own = name.to_owned();
    let press = move || {
        let (ipc, name) = (ctx.ipc(), own.clone());
        doing.run(Box::pin(async move { ipc.run_schedule(&name).await }), move |tick| {
            then();
            ctx.say(text::ENQUEUED);
            if let Some(job) = tick.job {
                ctx.go(Place::opened(Tab::Jobs, job));
            }
        });
    };
    parts::button_of(ctx, Role::Operator, (text::RUN_NOW, name), "", doing.busy, press)
}
