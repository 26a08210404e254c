//! What happened to a job: each step with its time and cause, and each attempt with its errors.

use crate::app::{Ctx, Remote};
use crate::model::route::{Place, Tab};
use crate::model::{format, time};
use crate::parts;
use crate::text;
use forge_jobs_api::wire::{Attempt, AttemptResult, JobDetail, JobEvent, Worker};
use leptos::prelude::*;
use std::time::Duration;

/// The events, each with what passed since the one before.
pub(crate) fn timeline(ctx: Ctx, detail: Remote<JobDetail>) -> AnyView {
    let events = detail.part(|d| d.events.clone());
    (move || {
        events.get().map(|events| {
            let mut before = None;
            let lines: Vec<_> = events
                .iter()
                .map(|event| {
                    let at = time::micros(&event.at);
                    let passed = before.zip(at).map(|(before, at): (i64, i64)| {
                        let micros = u64::try_from(at - before).unwrap_or(0);
                        format!("+{}", format::duration(Duration::from_micros(micros)))
                    });
                    before = at;
                    line(ctx, event, passed)
                })
                .collect();
            parts::card(text::WHAT_HAPPENED, view! { <ol class="fp-events">{lines}</ol> })
        })
    })
    .into_any()
}

fn worker_text(worker: &Worker) -> String {
    text::worker(&worker.host, worker.pid, &worker.version)
}

fn line(ctx: Ctx, event: &JobEvent, passed: Option<String>) -> AnyView {
    let words = event.event.replace('_', " ");
    let attempt = event.attempt.map(|n| view! { <span class="fp-small">{text::ATTEMPT_2} {n}</span> });
    let ran =
        event.ran_seconds.map(|s| view! { <span class="fp-small">{text::RAN} {parts::seconds(s.0)}</span> });
    let cause = event
        .cause
        .as_ref()
        .map(|c| view! { <span class="fp-small">{text::BY} {c.replace('_', " ")}</span> });
    let actor = event.actor.as_ref().map(|a| view! { <strong class="fp-small">{a.clone()}</strong> });
    let worker =
        event.worker.as_ref().map(|w| view! { <span class="fp-small">{text::IN_2} {worker_text(w)}</span> });
    let detail = event.detail.as_ref().map(|d| view! { <pre class="fp-pre fp-pre-small">{d.clone()}</pre> });
    view! {
        <li class="fp-event" data-event=event.event.clone()>
            <span class="fp-event-at">{parts::stamp(ctx, &event.at)} " " <span class="fp-small">{passed}</span></span>
            <span class="fp-event-what"><strong>{words}</strong> " " {attempt} " " {ran} " " {cause} " " {actor} " " {worker}{detail}</span>
        </li>
    }
    .into_any()
}

const fn result_word(result: AttemptResult) -> (&'static str, &'static str) {
    match result {
        AttemptResult::Failed => ("failed", "retrying"),
        AttemptResult::Throttled => ("throttled", "scheduled"),
        AttemptResult::Dead => ("dead", "dead"),
        AttemptResult::Cancelled => ("cancelled", "dead"),
        AttemptResult::Crashed => ("crashed", "dead"),
        AttemptResult::Done => ("done", "done"),
        AttemptResult::Unknown => ("unknown", "pending"),
    }
}

/// The attempts that have ended, the latest first.
pub(crate) fn attempts(ctx: Ctx, detail: Remote<JobDetail>) -> AnyView {
    let attempts = detail.part(|d| d.attempts.clone());
    (move || {
        attempts.get().map(|attempts| {
            if attempts.is_empty() {
                return parts::card(
                    text::ATTEMPTS,
                    parts::empty(text::NO_ATTEMPT_HAS_ENDED_YET, text::EACH_ONE_IS_LISTED_HERE),
                );
            }
            let latest = attempts.len() - 1;
            let items =
                attempts.iter().enumerate().rev().map(|(at, a)| one(ctx, a, at == latest)).collect_view();
            parts::card(text::ATTEMPTS, view! { <ol class="fp-attempts" reversed=true>{items}</ol> })
        })
    })
    .into_any()
}

fn one(ctx: Ctx, attempt: &Attempt, open: bool) -> AnyView {
    let (word, colour) = result_word(attempt.result);
    let chain = attempt.chain.iter().map(|cause| {
        let kind = cause.error_type.as_ref().map(|t| view! { <code>{t.clone()}</code> ": " });
        view! { <li>{kind}{cause.message.clone()}</li> }
    });
    let chain = (!attempt.chain.is_empty()).then(|| view! { <p class="fp-small">{text::CAUSED_BY_THE_OUTERMOST_FIRST}</p><ol class="fp-chain">{chain.collect_view()}</ol> });
    let error = attempt.error.as_ref().map(|e| view! { <pre class="fp-pre">{e.clone()}</pre> });
    let location =
        attempt.location.as_ref().map(|l| view! { <p>{text::PANICKED_AT} <code>{l.clone()}</code></p> });
    let group = attempt.error_group.as_ref().map(|group| {
        let place = Place::of(Tab::Jobs).with("error_group", Some(group));
        view! { <p><a href=ctx.href(&place)>{text::OTHER_JOBS_WITH_THIS_ERROR}</a></p> }
    });
    let worker =
        attempt.worker.as_ref().map(|w| view! { <p class="fp-small">{text::IN_3} {worker_text(w)}</p> });
    let next = attempt
        .next_due_at
        .as_deref()
        .map(|at| view! { <p class="fp-small">{text::TO_COME_BACK} {parts::stamp(ctx, at)}</p> });
    view! {
        <li><details open=open>
            <summary>
                <strong>{text::ATTEMPT_3} {attempt.attempt}</strong> " "
                <span class="fp-status" data-status=colour>{word}</span> " "
                <span class="fp-small">{parts::stamp(ctx, &attempt.started_at)} {text::RAN_2} {parts::seconds(attempt.ran_seconds.0)}
                    {text::ENDED_BY} {attempt.cause.replace('_', " ")} {text::CLAIM} {attempt.claim_no}</span>
            </summary>
            {error}{chain}{location}{worker}{next}{group}
        </details></li>
    }
    .into_any()
}
