//! A new job, as a copy of another one.

use crate::app::{Ctx, Doing, browser};
use crate::model::json;
use crate::model::route::{Place, Tab};
use crate::parts::{self, dialog, fields};
use forge_jobs_api::wire::{EnqueueLine, EnqueueOutcome, Job};
use leptos::prelude::*;
use serde_json::value::RawValue;

/// The dialog. What is hidden of the payload has to be written anew.
pub(crate) fn copy(ctx: Ctx, job: &Job, open: RwSignal<bool>) -> AnyView {
    let doing = Doing::new(ctx);
    let payload = RwSignal::new(job.payload.get().to_owned());
    let queue = RwSignal::new(job.queue.clone());
    let priority = RwSignal::new(job.priority.to_string());
    let run_at = RwSignal::new(String::new());
    let key = StoredValue::new(new_key());
    let (kind, max_attempts, tags) = (job.kind.clone(), job.max_attempts, job.tags.clone());
    let bad_payload = Memo::new(move |_| payload.with(|p| json::parse(p).is_none()));
    let hidden = !job.partial.is_empty();
    let shown_kind = kind.clone();
    let send = move || {
        let Ok(raw) = RawValue::from_string(payload.get_untracked()) else { return };
        let given = |text: String| (!text.trim().is_empty()).then(|| text.trim().to_owned());
        let line = EnqueueLine {
            kind: kind.clone(),
            payload: raw,
            queue: given(queue.get_untracked()),
            run_at: given(run_at.get_untracked()),
            priority: priority.get_untracked().trim().parse().ok(),
            max_attempts: Some(max_attempts),
            dedupe_key: None,
            dedupe_states: None,
            dedupe_seconds: None,
            on_duplicate: None,
            concurrency_key: None,
            tags: tags.clone(),
            id: None,
        };
        let (ipc, once) = (ctx.ipc(), key.get_value());
        doing.run(Box::pin(async move { ipc.enqueue(&line, &once).await }), move |enqueued| {
            key.set_value(new_key());
            open.set(false);
            ctx.say(match enqueued.outcome {
                EnqueueOutcome::Inserted => "Enqueued",
                _ => "Another job stands for it",
            });
            ctx.go(Place::opened(Tab::Jobs, enqueued.id));
        });
    };
    let off = move || doing.busy.get() || bad_payload.get();
    let inside = view! {
        <h2>"Enqueue a copy"</h2>
        <p class="fp-small">"A new job of the kind " <code>{shown_kind}</code> ". Keys for dedupe and concurrency are not copied."</p>
        {hidden.then(|| view! { <p class="fp-wrong">"A part of the payload is hidden or cut here: complete it first."</p> })}
        <label class="fp-field">
            <span>"Payload"</span>
            <textarea rows="10" spellcheck="false" class="fp-mono" prop:value=payload
                aria-invalid=move || bad_payload.get().then_some("true") on:input=move |e| payload.set(browser::value_of(&e))></textarea>
            {move || bad_payload.get().then(|| view! { <small class="fp-wrong" role="alert">"This is no JSON."</small> })}
        </label>
        {fields::text("Queue", "Empty: what the router says for the kind", queue, |_| None)}
        {fields::text("Priority", "Lower runs first", priority, |p| p.trim().parse::<i16>().err().map(|_| "A whole number from -32768 to 32767.".into()))}
        {fields::text("Run at", "Empty: now. Else such as 2026-12-01T08:00:00Z", run_at, |t| {
            (!t.trim().is_empty() && crate::model::time::micros(t.trim()).is_none()).then(|| "A moment such as 2026-12-01T08:00:00Z.".into())
        })}
        {parts::doing_error(doing)}
        <div class="fp-actions">
            <button type="button" on:click=move |_| open.set(false)>"Back"</button>
            <button type="button" class="fp-primary" disabled=off on:click=move |_| send()>"Enqueue"</button>
        </div>
    };
    dialog::modal(open.into(), Callback::new(move |()| open.set(false)), "Enqueue a copy", inside)
}

/// What makes sending the same job again harmless.
fn new_key() -> String {
    format!("panel-{:x}-{:x}", browser::now(), browser::whole(js_sys::Math::random() * 1e15))
}
