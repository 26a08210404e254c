//! A new job: out of nothing, or as a copy of another one.

use crate::app::{Ctx, Doing, Remote, browser};
use crate::model::json;
use crate::model::route::{Place, Tab};
use crate::parts::{self, dialog, fields};
use crate::text;
use forge_jobs_api::wire::{EnqueueLine, EnqueueOutcome, Job, ProcessList};
use leptos::prelude::*;
use serde_json::value::RawValue;
use std::collections::BTreeSet;

/// What the form has a field for.
const FIELDS: [&str; 9] = [
    "kind",
    "payload",
    "queue",
    "priority",
    "run_at",
    "max_attempts",
    "tags",
    "dedupe_key",
    "concurrency_key",
];

/// What is typed.
#[derive(Clone, Copy)]
struct Form {
    kind: RwSignal<String>,
    payload: RwSignal<String>,
    queue: RwSignal<String>,
    priority: RwSignal<String>,
    run_at: RwSignal<String>,
    attempts: RwSignal<String>,
    tags: RwSignal<String>,
    dedupe: RwSignal<String>,
    concurrency: RwSignal<String>,
}

impl Form {
    fn new(job: Option<&Job>) -> Self {
        let text = |text: String| RwSignal::new(text);
        let of = |get: fn(&Job) -> String| text(job.map(get).unwrap_or_default());
        Self {
            kind: of(|j| j.kind.clone()),
            payload: text(job.map_or_else(|| "{}".to_owned(), |j| j.payload.get().to_owned())),
            queue: of(|j| j.queue.clone()),
            priority: of(|j| j.priority.to_string()),
            run_at: text(String::new()),
            attempts: of(|j| j.max_attempts.to_string()),
            tags: of(|j| j.tags.join(", ")),
            dedupe: text(String::new()),
            concurrency: text(String::new()),
        }
    }

    /// The job that is typed; `None` while something of it is wrong.
    fn line(self) -> Option<EnqueueLine> {
        let given = |text: RwSignal<String>| {
            let text = text.get();
            (!text.trim().is_empty()).then(|| text.trim().to_owned())
        };
        let payload = self.payload.get();
        json::parse(&payload)?;
        Some(EnqueueLine {
            kind: given(self.kind)?,
            payload: RawValue::from_string(payload.trim().to_owned()).ok()?,
            queue: given(self.queue),
            run_at: given(self.run_at).map(|at| browser::typed(&at).ok_or(())).transpose().ok()?,
            delay_seconds: None,
            priority: given(self.priority).map(|p| p.parse()).transpose().ok()?,
            max_attempts: given(self.attempts).map(|n| n.parse()).transpose().ok()?,
            dedupe_key: given(self.dedupe),
            dedupe_states: None,
            dedupe_seconds: None,
            on_duplicate: None,
            concurrency_key: given(self.concurrency),
            tags: tags(&self.tags.get()),
            id: None,
        })
    }
}

/// Tags as they are typed, with commas between them.
pub(crate) fn tags(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|tag| !tag.is_empty()).map(str::to_owned).collect()
}

/// What is wrong with a priority.
pub(crate) fn bad_priority(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty() && text.parse::<i16>().is_err()).then(|| text::A_WHOLE_NUMBER_FROM_32768.to_owned())
}

fn bad_attempts(text: &str) -> Option<String> {
    let text = text.trim();
    let is_good = text.parse::<u32>().is_ok_and(|n| (1..=10_000).contains(&n));
    (!text.is_empty() && !is_good).then(|| text::A_WHOLE_NUMBER_FROM_1.to_owned())
}

/// What is wrong with a moment; nothing is none, and is right.
fn bad_moment(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty() && browser::typed(text).is_none()).then(|| text::A_MOMENT_SUCH_AS_2026_12.to_owned())
}

/// The dialog for a job out of nothing. `queue` is what the list is filtered by.
pub(crate) fn new(ctx: Ctx, open: RwSignal<bool>) -> AnyView {
    let form = Form::new(None);
    Effect::new(move |_| {
        if open.get() {
            let queue = ctx.place.with_untracked(|place| place.get("queue").map(str::to_owned));
            form.queue.set(queue.unwrap_or_default());
        }
    });
    let processes: Remote<ProcessList> = Remote::new(
        ctx,
        &[],
        move || open.get().then_some(()),
        |ipc, ()| Box::pin(async move { ipc.processes().await }),
    );
    let known = move || {
        let kinds: BTreeSet<String> = processes.data.with(|list| {
            let lists = list.iter().flat_map(|l| &l.processes).filter_map(|p| p.kinds.clone());
            lists.flatten().collect()
        });
        kinds.into_iter().map(|kind| view! { <option value=kind></option> }).collect_view()
    };
    let about = view! {
        <p class="fp-small">{text::A_NEW_JOB_A_WORKER}</p>
        <datalist id="fp-kinds">{known}</datalist>
    };
    sheet(ctx, text::ENQUEUE_A_JOB, about.into_any(), form, true, open)
}

/// The dialog for a copy. What is hidden of the payload has to be written anew.
pub(crate) fn copy(ctx: Ctx, job: &Job, open: RwSignal<bool>) -> AnyView {
    let hidden = !job.partial.is_empty();
    let about = view! {
        <p class="fp-small">{text::A_NEW_JOB_OF_THE_KIND} <code>{job.kind.clone()}</code> {text::KEYS_FOR_DEDUPE_AND_CONCURRENCY_ARE}</p>
        {hidden.then(|| view! { <p class="fp-wrong">{text::A_PART_OF_THE_PAYLOAD}</p> })}
    };
    sheet(ctx, text::ENQUEUE_A_COPY, about.into_any(), Form::new(Some(job)), false, open)
}

fn sheet(
    ctx: Ctx,
    title: &'static str,
    about: AnyView,
    form: Form,
    asks_kind: bool,
    open: RwSignal<bool>,
) -> AnyView {
    let doing = Doing::new(ctx);
    let key = StoredValue::new(new_key());
    let line = move || form.line();
    let send = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        let Some(line) = line() else { return };
        let (ipc, once) = (ctx.ipc(), key.get_value());
        doing.run(Box::pin(async move { ipc.enqueue(&line, &once).await }), move |enqueued| {
            key.set_value(new_key());
            open.set(false);
            ctx.say(match enqueued.outcome {
                EnqueueOutcome::Inserted => text::ENQUEUED,
                _ => text::ANOTHER_JOB_STANDS,
            });
            ctx.go(Place::opened(Tab::Jobs, enqueued.id));
        });
    };
    // Who changes the job after a refusal sends another one.
    Effect::new(move |_| {
        line();
        key.set_value(new_key());
    });
    let off = move || doing.busy.get() || line().is_none();
    let kind = asks_kind.then(|| {
        fields::listed(
            text::KIND,
            text::PICKS_THE_HANDLER,
            form.kind,
            fields::needed,
            (doing, &["kind"]),
            "fp-kinds",
        )
    });
    let field = |label, hint, value, wrong: fn(&str) -> Option<String>, name: &'static [&'static str]| {
        fields::named(label, hint, value, wrong, (doing, name))
    };
    let keys = asks_kind.then(|| {
        [
            field(
                text::DEDUPE_KEY,
                text::ONE_UNFINISHED_JOB_OF_A_KIND,
                form.dedupe,
                fields::anything,
                &["dedupe_key"],
            ),
            field(
                text::CONCURRENCY_KEY,
                text::ONE_JOB_OF_A_KIND,
                form.concurrency,
                fields::anything,
                &["concurrency_key"],
            ),
        ]
        .collect_view()
    });
    let inside = view! {
        <form on:submit=send>
            <h2>{title}</h2>
            {about}{kind}
            {fields::payload("8", form.payload, doing)}
            <div class="fp-grid">
                {field(text::QUEUE, text::EMPTY_WHAT_THE_ROUTER_SAYS, form.queue, fields::anything, &["queue"])}
                {field(text::RUN_AT, text::EMPTY_NOW_ELSE_SUCH_AS_2026, form.run_at, bad_moment, &["run_at"])}
                {field(text::PRIORITY, text::LOWER_RUNS_FIRST_EMPTY_0, form.priority, bad_priority, &["priority"])}
                {field(text::ATTEMPTS, text::AFTER_SO_MANY_IT_IS_DEAD, form.attempts, bad_attempts, &["max_attempts"])}
                {field(text::TAGS, text::TO_SEARCH_BY_WITH_COMMAS_BETWEEN, form.tags, fields::anything, &["tags"])}
                {keys}
            </div>
            {parts::form_error(doing, &FIELDS)}
            <div class="fp-actions">
                <button type="button" on:click=move |_| open.set(false)>{text::BACK}</button>
                {parts::submit(text::ENQUEUE, off, None)}
            </div>
        </form>
    };
    dialog::modal(
        open.into(),
        Callback::new(move |()| open.set(false)),
        Signal::stored(title.to_owned()),
        inside,
    )
}

/// What makes sending the same job again harmless.
fn new_key() -> String {
    format!("panel-{:x}-{:x}", browser::now(), browser::whole(js_sys::Math::random() * 1e15))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_into_a_job_is_checked() {
        assert_eq!(tags(" a, b ,, c"), ["a", "b", "c"]);
        assert!(tags(" , ").is_empty());
        for good in ["", " 0 ", "-32768"] {
            assert_eq!(bad_priority(good), None, "{good}");
        }
        assert!(bad_priority("40000").is_some() && bad_priority("x").is_some());
        assert!(bad_attempts("0").is_some() && bad_attempts("").is_none() && bad_attempts("20").is_none());
        assert!(bad_moment("tomorrow").is_some() && bad_moment("2026-12-01T08:00:00Z").is_none());
    }
}
