//! The edit of a job that waits.

use super::enqueue::{bad_priority, tags};
use crate::app::memo;
use crate::app::{Ctx, Doing, Remote, browser};
use crate::model::json;
use crate::parts::{self, dialog, fields};
use crate::text;
use forge_jobs_api::wire::{Job, JobDetail, JobEdit, JobStatus};
use leptos::prelude::*;
use serde_json::value::RawValue;

/// What the form has a field for.
const FIELDS: [&str; 5] = ["payload", "queue", "priority", "run_at", "tags"];

/// Whether a job that stands there can be edited.
pub(crate) const fn fits(status: JobStatus) -> bool {
    matches!(status, JobStatus::Pending | JobStatus::Scheduled | JobStatus::Retrying)
}

/// What is typed.
#[derive(Clone, Copy)]
struct Form {
    payload: RwSignal<String>,
    queue: RwSignal<String>,
    priority: RwSignal<String>,
    run_at: RwSignal<String>,
    tags: RwSignal<String>,
    /// The job that the edit began with, and its version.
    from: RwSignal<Option<(Job, i64)>>,
}

impl Form {
    fn new() -> Self {
        let text = || RwSignal::new(String::new());
        Self {
            payload: text(),
            queue: text(),
            priority: text(),
            run_at: text(),
            tags: text(),
            from: RwSignal::new(None),
        }
    }

    fn fill(self, detail: &JobDetail) {
        let job = &detail.job;
        self.payload.set(job.payload.get().to_owned());
        self.queue.set(job.queue.clone());
        self.priority.set(job.priority.to_string());
        self.run_at.set(job.due_at.clone());
        self.tags.set(job.tags.join(", "));
        self.from.set(Some((job.clone(), detail.version)));
    }

    /// What differs from what the edit began with, and in words; `None` while something typed is wrong.
    fn edit(self) -> Option<(JobEdit, Vec<String>)> {
        let from = self.from.get()?.0;
        let mut now = from.clone();
        let payload = self.payload.get();
        json::parse(&payload)?;
        now.payload = RawValue::from_string(payload.trim().to_owned()).ok()?;
        self.queue.get().trim().clone_into(&mut now.queue);
        now.priority = self.priority.get().trim().parse().ok()?;
        now.due_at = browser::typed(&self.run_at.get())?;
        now.tags = tags(&self.tags.get());
        if now.queue.is_empty() {
            return None;
        }
        let lines = changes(&from, &now);
        let edit = JobEdit {
            payload: (now.payload.get() != from.payload.get()).then_some(now.payload),
            priority: (now.priority != from.priority).then_some(now.priority),
            run_at: (now.due_at != from.due_at).then_some(now.due_at),
            queue: (now.queue != from.queue).then_some(now.queue),
            tags: (now.tags != from.tags).then_some(now.tags),
        };
        Some((edit, lines))
    }
}

/// What differs, in words.
fn changes(old: &Job, new: &Job) -> Vec<String> {
    let mut lines = parts::payload_changes(old.payload.get(), new.payload.get());
    let mut line = |name: &str, old: &str, new: &str| {
        if old != new {
            lines.push(text::changed(name, old, new));
        }
    };
    line(text::QUEUE, &old.queue, &new.queue);
    line(text::PRIORITY, &old.priority.to_string(), &new.priority.to_string());
    line(text::DUE, &old.due_at, &new.due_at);
    line(text::TAGS, &old.tags.join(", "), &new.tags.join(", "));
    line(text::STATUS, parts::status_word(old.status), parts::status_word(new.status));
    line(text::ATTEMPT, &old.attempt.to_string(), &new.attempt.to_string());
    lines
}

/// The dialog.
pub(crate) fn form(ctx: Ctx, detail: Remote<JobDetail>, open: RwSignal<bool>) -> AnyView {
    let form = Form::new();
    let saving = Doing::new(ctx);
    let theirs = RwSignal::new(None::<JobDetail>);
    Effect::new(move |_| {
        if open.get()
            && let Some(detail) = detail.data.get_untracked()
        {
            saving.error.set(None);
            theirs.set(None);
            form.fill(&detail);
        }
    });
    let send = Callback::new(move |()| {
        let (Some((edit, _)), Some((job, version))) = (form.edit(), form.from.get_untracked()) else {
            return;
        };
        let ipc = ctx.ipc();
        let answer = Box::pin(async move {
            match ipc.edit_job(&job.id, version, &edit).await {
                Err(error) if error.is_conflict() => Ok(Err(ipc.job(&job.id).await?)),
                other => other.map(Ok),
            }
        });
        saving.run(answer, move |end: Result<JobDetail, JobDetail>| match end {
            Ok(saved) => {
                open.set(false);
                detail.put(saved);
                detail.reload();
                ctx.say(text::SAVED);
            }
            Err(now) => theirs.set(Some(now)),
        });
    });
    let inside = move || open.get().then(|| inputs(form, saving, theirs, send, open));
    let title = Signal::stored(text::EDIT_THIS_JOB.to_owned());
    dialog::modal(open.into(), Callback::new(move |()| open.set(false)), title, inside)
}

fn inputs(
    form: Form,
    saving: Doing,
    theirs: RwSignal<Option<JobDetail>>,
    send: Callback<()>,
    open: RwSignal<bool>,
) -> AnyView {
    let lines = memo(move |_| form.edit().map(|(_, lines)| lines));
    let off = move || saving.busy.get() || lines.with(|l| l.as_ref().is_none_or(Vec::is_empty));
    let sent = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        send.run(());
    };
    let hidden = move || {
        let is_partial = form.from.with(|from| from.as_ref().is_some_and(|(job, _)| !job.partial.is_empty()));
        is_partial.then(|| view! { <p class="fp-wrong">{text::A_PART_OF_THE_PAYLOAD_2}</p> })
    };
    let moment =
        |text: &str| browser::typed(text).is_none().then(|| text::A_MOMENT_SUCH_AS_2026_12.to_owned());
    let priority = |text: &str| bad_priority(text).or_else(|| fields::needed(text));
    view! {
        <form on:submit=sent>
            <h2>{text::EDIT_THIS_JOB}</h2>
            {hidden}
            {fields::payload("8", form.payload, saving)}
            <div class="fp-grid">
                {fields::named(text::QUEUE, text::IT_MUST_BE_THERE, form.queue, fields::needed, (saving, &["queue"]))}
                {fields::named(text::PRIORITY, text::LOWER_RUNS_FIRST, form.priority, priority, (saving, &["priority"]))}
                {fields::named(text::DUE, text::A_TIME_IN_THE_PAST_MEANS, form.run_at, moment, (saving, &["run_at"]))}
                {fields::named(text::TAGS, text::TO_SEARCH_BY_WITH_COMMAS_BETWEEN, form.tags, fields::anything, (saving, &["tags"]))}
            </div>
            {parts::edit_changes(lines)}
            {conflict(form, theirs, send)}
            {parts::form_error(saving, &FIELDS)}
            <div class="fp-actions">
                <button type="button" on:click=move |_| open.set(false)>{text::BACK}</button>
                {parts::submit(text::SAVE, off, None)}
            </div>
        </form>
    }
    .into_any()
}

/// Something happened to it meanwhile.
fn conflict(form: Form, theirs: RwSignal<Option<JobDetail>>, send: Callback<()>) -> AnyView {
    (move || {
        let now = theirs.get()?;
        let (from, _) = form.from.get()?;
        let items = changes(&from, &now.job)
            .into_iter()
            .map(|line| view! { <li>{line}</li> })
            .collect_view()
            .into_any();
        let (mine, take) = (now.clone(), now);
        // Fields that nobody typed into are not sent: theirs stay.
        let keep = move || {
            let Some((edit, _)) = form.edit() else { return };
            let typed = [form.payload, form.queue, form.priority, form.run_at, form.tags]
                .map(|field| field.get_untracked());
            form.fill(&mine);
            let [payload, queue, priority, run_at, tags] = typed;
            let put = |is_mine: bool, field: RwSignal<String>, text: String| {
                if is_mine {
                    field.set(text);
                }
            };
            put(edit.payload.is_some(), form.payload, payload);
            put(edit.queue.is_some(), form.queue, queue);
            put(edit.priority.is_some(), form.priority, priority);
            put(edit.run_at.is_some(), form.run_at, run_at);
            put(edit.tags.is_some(), form.tags, tags);
            theirs.set(None);
            send.run(());
        };
        let give = move || {
            form.fill(&take);
            theirs.set(None);
        };
        Some(parts::conflict(text::SOMETHING_HAPPENED_TO_THIS_JOB_WHILE, items, keep, give))
    })
    .into_any()
}
