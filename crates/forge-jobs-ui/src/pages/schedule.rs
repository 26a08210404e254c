//! One schedule: when it fires, what became of its fires, and its values.

use super::{cron, schedule_edit};
use crate::app::memo;
use crate::app::{Ctx, Doing, Question, Remote};
use crate::model::route::{Place, Tab};
use crate::model::time;
use crate::parts;
use crate::text;
use forge_jobs_api::wire::{
    CronPreview, CronQuery, MissedFires, Overlap, Role, Schedule, ScheduleDetail, ScheduleSettings, Tick,
    TickOutcome, Topic,
};
use leptos::prelude::*;
use std::sync::Arc;

/// Fires that are shown ahead.
const AHEAD: u32 = 10;

pub(crate) fn page(ctx: Ctx, name: String) -> AnyView {
    let (asked, heading) = (name.clone(), name);
    let detail: Remote<ScheduleDetail> = Remote::new(
        ctx,
        &[Topic::Schedules],
        move || Some(asked.clone()),
        |ipc, name| Box::pin(async move { ipc.schedule(&name).await }),
    );
    let reload = move || detail.reload();
    let when = detail.part(|d| (d.schedule.settings.expression.clone(), d.schedule.settings.zone.clone()));
    let fires: Remote<CronPreview> = Remote::new(
        ctx,
        &[Topic::Schedules],
        move || when.get(),
        |ipc, (expression, zone)| {
            let query = CronQuery { expression, zone: Some(zone), from: None, count: Some(AHEAD) };
            Box::pin(async move { ipc.cron_fires(&query).await })
        },
    );
    let doing = Doing::new(ctx);
    let head = move || detail.data.get().map(|d| head(ctx, doing, &d.schedule, reload));
    let ticks = detail.part(|d| d.ticks.clone());
    let loading = memo(move |_| detail.data.with(Option::is_none) && detail.error.with(Option::is_none));
    view! {
        <p class="fp-crumb"><a href=ctx.href(&Place::of(Tab::Cron))>{text::CRON}</a></p>
        {parts::heading_before(detail, heading)}
        {parts::remote_error(detail)}
        {move || loading.get().then(|| parts::skeleton(8))}
        {head}
        {parts::doing_error(doing)}
        {parts::card(text::NEXT_FIRES, parts::shown(fires, 3, fires_view))}
        {move || ticks.get().map(|ticks| parts::card(text::PAST_FIRES, past(ctx, &ticks)))}
        {schedule_edit::form(ctx, detail)}
    }
    .into_any()
}

fn head(ctx: Ctx, doing: Doing, schedule: &Schedule, reload: impl Fn() + Copy + 'static) -> AnyView {
    let whose = cron::owner(schedule).map(|text| view! { <span class="fp-badge">{text}</span> });
    let code = schedule.code.as_ref().filter(|_| schedule.overrides_code).map(|wish| {
        let lines = changes(&wish.settings, &schedule.settings);
        let items = lines.into_iter().map(|line| view! { <li>{line}</li> }).collect_view();
        view! {
            <div class="fp-banner fp-banner-info">
                <strong>{text::A_PERSON_OVERRIDES_WHAT} {wish.program.clone()} {text::DECLARES}</strong><ul>{items}</ul>
            </div>
        }
    });
    let name = schedule.name.clone();
    let reset = {
        let name = name.clone();
        move || {
            let (ipc, name) = (ctx.ipc(), name.clone());
            doing.run(Box::pin(async move { ipc.reset_schedule(&name).await }), move |_| reload());
        }
    };
    let remove = move || {
        let name = name.clone();
        ctx.ask(Question {
            title: text::delete_schedule_question(&name),
            text: text::IT_FIRES_NO_MORE_JOBS.into(),
            yes: text::DELETE.into(),
            typed: Some(name.clone()),
            danger: true,
            then: Arc::new(move || {
                let (ipc, name) = (ctx.ipc(), name.clone());
                doing.run(Box::pin(async move { ipc.remove_schedule(&name).await }), move |_| {
                    ctx.say(text::DELETED);
                    ctx.go(Place::of(Tab::Cron));
                });
            }),
        });
    };
    let reset = schedule
        .overrides_code
        .then(|| parts::button(ctx, Role::Admin, text::GIVE_IT_BACK_TO_THE_CODE, "", doing.busy, reset));
    let s = &schedule.settings;
    let facts = vec![
        (text::FIRES, view! { <code>{s.expression.clone()}</code> {text::IN} {s.zone.clone()} }.into_any()),
        (text::NEXT, parts::stamp_or(ctx, schedule.next_fire_at.as_deref())),
        (text::LAST_2, parts::stamp_or(ctx, schedule.last_fire_at.as_deref())),
        (text::KIND, s.kind.clone().into_any()),
        (
            text::QUEUE,
            view! { <a href=ctx.href(&Place::opened(Tab::Queues, &s.queue))>{s.queue.clone()}</a> }
                .into_any(),
        ),
        (text::MISSED_FIRES, missed(s.missed, s).into_any()),
        (text::WHILE_ONE_IS_UNFINISHED, overlap(s.overlap).into_any()),
        (text::EDITED, parts::stamp(ctx, &schedule.edited_at)),
    ];
    view! {
        <div class="fp-head"><h1 class="fp-h1">{schedule.name.clone()}</h1>{parts::beside(text::STATE, cron::state(schedule))}{whose}</div>
        <p class="fp-lead">{s.description.clone()}</p>
        <div class="fp-actions" role="group" aria-label=text::WHAT_CAN_BE_DONE>
            {cron::switch(ctx, doing, schedule, reload)}{cron::run(ctx, doing, &schedule.name, reload)}{reset}
            {parts::button(ctx, Role::Admin, text::DELETE, "fp-danger", doing.busy, remove)}
        </div>
        {code}
        {parts::facts(facts)}
    }
    .into_any()
}

fn missed(missed: MissedFires, settings: &ScheduleSettings) -> String {
    let within = parts::chosen(settings.within_seconds.0);
    match missed {
        MissedFires::Skip => text::NOTHING_IS_MADE_UP.into(),
        MissedFires::Once => text::once_within(&within),
        MissedFires::CatchUp => text::latest_within(settings.catch_up, &within),
        MissedFires::Unknown => text::AS_A_NEWER_VERSION_SAYS.into(),
    }
}

const fn overlap(overlap: Overlap) -> &'static str {
    match overlap {
        Overlap::Allow => text::IT_FIRES_ALL_THE_SAME,
        Overlap::Skip => text::IT_DOES_NOT_FIRE,
        Overlap::Unknown => text::AS_A_NEWER_VERSION_SAYS,
    }
}

/// What differs, in words.
pub(crate) fn changes(old: &ScheduleSettings, new: &ScheduleSettings) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = |name: &str, old: String, new: String| {
        if old != new {
            lines.push(text::changed(name, &old, &new));
        }
    };
    line(text::EXPRESSION, old.expression.clone(), new.expression.clone());
    line(text::ZONE, old.zone.clone(), new.zone.clone());
    line(text::KIND, old.kind.clone(), new.kind.clone());
    line(text::QUEUE, old.queue.clone(), new.queue.clone());
    line(text::PRIORITY, old.priority.to_string(), new.priority.to_string());
    line(text::ATTEMPTS, old.max_attempts.to_string(), new.max_attempts.to_string());
    line(text::MISSED_FIRES, missed(old.missed, old), missed(new.missed, new));
    line(text::WHILE_ONE_IS_UNFINISHED, overlap(old.overlap).into(), overlap(new.overlap).into());
    line(text::JITTER, parts::chosen(old.jitter_seconds.0), parts::chosen(new.jitter_seconds.0));
    lines.extend(parts::payload_changes(old.payload.get(), new.payload.get()));
    lines
}

/// The fires ahead in the schedule's own zone, with a mark where the clocks turn between two of them.
pub(crate) fn fires_view(preview: Arc<CronPreview>) -> AnyView {
    let mut before = time::offset_minutes(&preview.from);
    let lines: Vec<_> = preview
        .fires
        .iter()
        .map(|fire| {
            let offset = time::offset_minutes(fire);
            let turns = before.zip(offset).filter(|(a, b)| a != b).map(|(a, b)| {
                let (way, minutes) = if b > a { ("forward", b - a) } else { ("back", a - b) };
                view! { <span class="fp-badge fp-badge-warn">{text::CLOCKS_WENT} {way} {text::BY_2} {minutes} {text::MIN_BEFORE}</span> }
            });
            before = offset;
            let shown = fire.get(..19).unwrap_or(fire).replace('T', " ");
            let zone = fire.get(19..).unwrap_or_default().trim_start_matches(|c: char| c == '.' || c.is_ascii_digit()).to_owned();
            view! { <li><time datetime=fire.clone()>{shown}</time> " " <span class="fp-small">{zone}</span> " " {turns}</li> }
        })
        .collect();
    if lines.is_empty() {
        return parts::empty(text::IT_NEVER_FIRES_AGAIN, text::THE_EXPRESSION_HAS_NO_FIRE_BEFORE);
    }
    view! {
        <p>{preview.description.clone()} <span class="fp-small">{text::IN} {preview.zone.clone()}</span></p>
        <ol class="fp-fires">{lines}</ol>
    }
    .into_any()
}

/// What became of a fire, in a word and as the colour of a status.
pub(crate) const fn outcome(outcome: TickOutcome) -> (&'static str, &'static str) {
    match outcome {
        TickOutcome::Fired => ("fired", "done"),
        TickOutcome::RunNow => (text::RUN_BY_A_PERSON, "running"),
        TickOutcome::Coalesced => (text::A_LATER_ONE_STANDS, "scheduled"),
        TickOutcome::Overlapped => (text::AN_EARLIER_JOB_WAS_UNFINISHED, "retrying"),
        TickOutcome::Missed => ("missed", "dead"),
        TickOutcome::Unknown => ("unknown", "pending"),
    }
}

fn past(ctx: Ctx, ticks: &[Tick]) -> AnyView {
    if ticks.is_empty() {
        return parts::empty(text::IT_HAS_NOT_FIRED_YET, text::EACH_FIRE_IS_LISTED_HERE);
    }
    let lines = ticks.iter().map(|tick| {
        let (word, colour) = outcome(tick.outcome);
        let count = (tick.count > 1).then(|| view! { <span class="fp-small">{text::fires(tick.count)} {text::THE_FIRST} {parts::stamp(ctx, &tick.first_at)}</span> });
        let job = tick.job.as_ref().map(|job| view! { <a href=ctx.href(&Place::opened(Tab::Jobs, job))>{text::ITS_JOB}</a> });
        view! {
            <li>{parts::stamp(ctx, &tick.last_at)} " " <span class="fp-status" data-status=colour>{word}</span> " " {count} " " {job}</li>
        }
    });
    view! { <ol class="fp-fires">{lines.collect_view()}</ol> }.into_any()
}
