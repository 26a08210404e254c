//! One schedule: when it fires, what became of its fires, and its values.

use super::{cron, schedule_edit};
use crate::app::{Ctx, Doing, Question, Remote};
use crate::model::route::{Place, Tab};
use crate::model::time;
use crate::parts;
use forge_jobs_api::wire::{
    CronPreview, CronQuery, MissedFires, Overlap, Role, Schedule, ScheduleDetail, ScheduleSettings, Tick,
    TickOutcome, Topic,
};
use leptos::prelude::*;

/// Fires that are shown ahead.
const AHEAD: u32 = 10;

pub(crate) fn page(ctx: Ctx, name: String) -> AnyView {
    let asked = name;
    let detail: Remote<ScheduleDetail> = Remote::new(
        ctx,
        &[Topic::Schedules],
        move || Some(asked.clone()),
        |ipc, name| Box::pin(async move { ipc.schedule(&name).await }),
    );
    let reload = Callback::new(move |()| detail.reload());
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
    let loading = Memo::new(move |_| detail.data.with(Option::is_none) && detail.error.with(Option::is_none));
    view! {
        <p class="fp-crumb"><a href=ctx.href(&Place::of(Tab::Cron))>"Cron"</a></p>
        {parts::remote_error(detail)}
        {move || loading.get().then(|| parts::skeleton(8))}
        {head}
        {parts::doing_error(doing)}
        {parts::card("Next fires", parts::shown(fires, 3, fires_view))}
        {move || ticks.get().map(|ticks| parts::card("Past fires", past(ctx, &ticks)))}
        {schedule_edit::form(ctx, detail)}
    }
    .into_any()
}

fn head(ctx: Ctx, doing: Doing, schedule: &Schedule, reload: Callback<()>) -> AnyView {
    let whose = cron::owner(schedule).map(|text| view! { <span class="fp-badge">{text}</span> });
    let code = schedule.code.as_ref().filter(|_| schedule.overrides_code).map(|wish| {
        let lines = changes(&wish.settings, &schedule.settings);
        let items = lines.into_iter().map(|line| view! { <li>{line}</li> }).collect_view();
        view! {
            <div class="fp-banner fp-banner-info">
                <strong>"A person overrides what " {wish.program.clone()} " declares"</strong><ul>{items}</ul>
            </div>
        }
    });
    let name = schedule.name.clone();
    let reset = {
        let name = name.clone();
        move || {
            let (ipc, name) = (ctx.ipc(), name.clone());
            doing.run(Box::pin(async move { ipc.reset_schedule(&name).await }), move |_| reload.run(()));
        }
    };
    let remove = move || {
        let name = name.clone();
        ctx.ask(Question {
            title: format!("Delete the schedule {name}?"),
            text:
                "It fires no more. Jobs that it has enqueued stay. A program that declares it makes it again."
                    .into(),
            yes: "Delete".into(),
            typed: Some(name.clone()),
            danger: true,
            then: Callback::new(move |()| {
                let (ipc, name) = (ctx.ipc(), name.clone());
                doing.run(Box::pin(async move { ipc.remove_schedule(&name).await }), move |_| {
                    ctx.say("Deleted");
                    ctx.go(Place::of(Tab::Cron));
                });
            }),
        });
    };
    let reset = schedule
        .overrides_code
        .then(|| parts::button(ctx, Role::Admin, "Give it back to the code", "", doing.busy, reset));
    let s = &schedule.settings;
    let facts = vec![
        ("Fires", view! { <code>{s.expression.clone()}</code> " in " {s.zone.clone()} }.into_any()),
        ("Next", parts::stamp_or(ctx, schedule.next_fire_at.as_deref())),
        ("Last", parts::stamp_or(ctx, schedule.last_fire_at.as_deref())),
        ("Kind", s.kind.clone().into_any()),
        (
            "Queue",
            view! { <a href=ctx.href(&Place::opened(Tab::Queues, &s.queue))>{s.queue.clone()}</a> }
                .into_any(),
        ),
        ("Missed fires", missed(s.missed, s).into_any()),
        ("While one is unfinished", overlap(s.overlap).into_any()),
        ("Edited", parts::stamp(ctx, &schedule.edited_at)),
    ];
    view! {
        <div class="fp-head"><h1 class="fp-h1">{schedule.name.clone()}</h1>{cron::state(schedule)}{whose}</div>
        <p class="fp-lead">{s.description.clone()}</p>
        <div class="fp-actions">
            {cron::switch(ctx, doing, schedule, reload)}{cron::run(ctx, doing, &schedule.name, reload)}{reset}
            {parts::button(ctx, Role::Admin, "Delete", "fp-danger", doing.busy, remove)}
        </div>
        {code}
        {parts::facts(facts)}
    }
    .into_any()
}

fn missed(missed: MissedFires, settings: &ScheduleSettings) -> String {
    let within = parts::seconds(settings.within_seconds.0);
    match missed {
        MissedFires::Skip => "nothing is made up for".into(),
        MissedFires::Once => format!("one job for all, within {within}"),
        MissedFires::CatchUp => format!("the latest {}, within {within}", settings.catch_up),
        MissedFires::Unknown => "as a newer version says".into(),
    }
}

const fn overlap(overlap: Overlap) -> &'static str {
    match overlap {
        Overlap::Allow => "it fires all the same",
        Overlap::Skip => "it does not fire",
        Overlap::Unknown => "as a newer version says",
    }
}

/// What differs, in words.
pub(crate) fn changes(old: &ScheduleSettings, new: &ScheduleSettings) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = |name: &str, old: String, new: String| {
        if old != new {
            lines.push(format!("{name}: {old} → {new}"));
        }
    };
    line("Expression", old.expression.clone(), new.expression.clone());
    line("Zone", old.zone.clone(), new.zone.clone());
    line("Kind", old.kind.clone(), new.kind.clone());
    line("Queue", old.queue.clone(), new.queue.clone());
    line("Payload", old.payload.get().to_owned(), new.payload.get().to_owned());
    line("Priority", old.priority.to_string(), new.priority.to_string());
    line("Attempts", old.max_attempts.to_string(), new.max_attempts.to_string());
    line("Missed fires", missed(old.missed, old), missed(new.missed, new));
    line("While one is unfinished", overlap(old.overlap).into(), overlap(new.overlap).into());
    line("Jitter", parts::seconds(old.jitter_seconds.0), parts::seconds(new.jitter_seconds.0));
    lines
}

/// The fires ahead in the schedule's own zone, with a mark where the clocks turn between two of them.
pub(crate) fn fires_view(preview: std::sync::Arc<CronPreview>) -> AnyView {
    let mut before = time::offset_minutes(&preview.from);
    let lines: Vec<_> = preview
        .fires
        .iter()
        .map(|fire| {
            let offset = time::offset_minutes(fire);
            let turns = before.zip(offset).filter(|(a, b)| a != b).map(|(a, b)| {
                let (way, minutes) = if b > a { ("forward", b - a) } else { ("back", a - b) };
                view! { <span class="fp-badge fp-badge-warn">"clocks went " {way} " by " {minutes} " min before"</span> }
            });
            before = offset;
            let shown = fire.get(..19).unwrap_or(fire).replace('T', " ");
            let zone = fire.get(19..).unwrap_or_default().trim_start_matches(|c: char| c == '.' || c.is_ascii_digit()).to_owned();
            view! { <li><time datetime=fire.clone()>{shown}</time> " " <span class="fp-small">{zone}</span> " " {turns}</li> }
        })
        .collect();
    if lines.is_empty() {
        return parts::empty(
            "It never fires again",
            "The expression has no fire before the end of the year 9999.",
        );
    }
    view! {
        <p>{preview.description.clone()} <span class="fp-small">" in " {preview.zone.clone()}</span></p>
        <ol class="fp-fires">{lines}</ol>
    }
    .into_any()
}

const fn outcome(outcome: TickOutcome) -> (&'static str, &'static str) {
    match outcome {
        TickOutcome::Fired => ("fired", "done"),
        TickOutcome::RunNow => ("run by a person", "running"),
        TickOutcome::Coalesced => ("a later one stands for it", "scheduled"),
        TickOutcome::Overlapped => ("an earlier job was unfinished", "retrying"),
        TickOutcome::Missed => ("missed", "dead"),
        TickOutcome::Unknown => ("unknown", "pending"),
    }
}

fn past(ctx: Ctx, ticks: &[Tick]) -> AnyView {
    if ticks.is_empty() {
        return parts::empty("It has not fired yet", "Each fire is listed here with what became of it.");
    }
    let lines = ticks.iter().map(|tick| {
        let (word, colour) = outcome(tick.outcome);
        let count = (tick.count > 1).then(|| view! { <span class="fp-small">{tick.count} " fires, the first " {parts::stamp(ctx, &tick.first_at)}</span> });
        let job = tick.job.as_ref().map(|job| view! { <a href=ctx.href(&Place::opened(Tab::Jobs, job))>"its job"</a> });
        view! {
            <li>{parts::stamp(ctx, &tick.last_at)} " " <span class="fp-status" data-status=colour>{word}</span> " " {count} " " {job}</li>
        }
    });
    view! { <ol class="fp-fires">{lines.collect_view()}</ol> }.into_any()
}
