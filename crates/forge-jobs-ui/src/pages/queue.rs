//! One queue: its settings, and what an edit of them would do before it does it.

use super::queues;
use crate::app::memo;
use crate::app::{Ctx, Doing, Remote};
use crate::ipc::IpcError;
use crate::model::backoff;
use crate::model::route::{Place, Tab};
use crate::parts::{self, fields};
use crate::text;
use forge_charts::chart::Chart;
use forge_charts::data::{Frame, Series};
use forge_charts::format::Format;
use forge_charts::view::LineChart;
use forge_jobs_api::wire::{Forever, Queue, QueueEdit, QueueSettings, Retention, Role, Seconds, Topic};
use leptos::prelude::*;

/// Failures that the curve shows.
const FAILURES: u32 = 15;

/// What is typed.
#[derive(Clone, Copy)]
struct Form {
    workers: RwSignal<String>,
    max_running: RwSignal<String>,
    backoff: RwSignal<bool>,
    base: RwSignal<String>,
    max: RwSignal<String>,
    done: RwSignal<String>,
    dead: RwSignal<String>,
    /// The queue that the edit began with.
    from: RwSignal<Option<Queue>>,
}

fn retention_text(retention: Retention) -> String {
    match retention {
        Retention::For(seconds) => fields::show_seconds(seconds.0),
        Retention::Forever(_) => "forever".into(),
    }
}

fn parse_retention(text: &str) -> Option<Retention> {
    if text.trim() == "forever" {
        return Some(Retention::Forever(Forever::Forever));
    }
    fields::parse_seconds(text).map(|s| Retention::For(Seconds(s)))
}

fn bad_number(text: &str, most: u32, least: u32, may_be_empty: bool) -> Option<String> {
    if may_be_empty && text.trim().is_empty() {
        return None;
    }
    let number = text.trim().parse::<u32>().ok().filter(|n| (least..=most).contains(n));
    number.is_none().then(|| text::whole_number(least, most))
}

fn bad_time(text: &str) -> Option<String> {
    fields::parse_seconds(text).is_none().then(|| text::A_TIME_SUCH_AS_500MS_15S.into())
}

fn bad_retention(text: &str) -> Option<String> {
    parse_retention(text).is_none().then(|| text::A_TIME_SUCH_AS_12H.into())
}

impl Form {
    fn new() -> Self {
        let text = || RwSignal::new(String::new());
        Self {
            workers: text(),
            max_running: text(),
            backoff: RwSignal::new(true),
            base: text(),
            max: text(),
            done: text(),
            dead: text(),
            from: RwSignal::new(None),
        }
    }

    /// Begins anew with these settings.
    fn fill(self, queue: &Queue) {
        let s = queue.settings;
        self.workers.set(s.workers.to_string());
        self.max_running.set(s.max_running.map(|n| n.to_string()).unwrap_or_default());
        self.backoff.set(s.backoff_enabled);
        self.base.set(fields::show_seconds(s.base_seconds.0));
        self.max.set(fields::show_seconds(s.max_seconds.0));
        self.done.set(retention_text(s.done_retention_seconds));
        self.dead.set(retention_text(s.dead_retention_seconds));
        self.from.set(Some(queue.clone()));
    }

    /// Goes on from the queue as a pause left it; what is typed stays. Where anything else has changed as well, the edit
    /// stays one of what it began with, and meets that when it is saved.
    fn take_over(self, paused: &Queue) {
        self.from.update(|from| {
            if let Some(from) = from {
                let settings = QueueSettings { paused: paused.settings.paused, ..from.settings };
                if settings == paused.settings {
                    from.settings = settings;
                    from.version = paused.version;
                }
            }
        });
    }

    /// The settings that are typed; `None` while one of them is none.
    fn settings(self) -> Option<QueueSettings> {
        let from = self.from.get()?.settings;
        let max_running = self.max_running.get();
        let max_running = max_running.trim();
        Some(QueueSettings {
            workers: self.workers.get().trim().parse().ok().filter(|n| *n <= 1_024)?,
            paused: from.paused,
            backoff_enabled: self.backoff.get(),
            base_seconds: Seconds(fields::parse_seconds(&self.base.get())?),
            max_seconds: Seconds(fields::parse_seconds(&self.max.get())?),
            done_retention_seconds: parse_retention(&self.done.get())?,
            dead_retention_seconds: parse_retention(&self.dead.get())?,
            max_running: if max_running.is_empty() {
                None
            } else {
                Some(max_running.parse().ok().filter(|n| *n > 0)?)
            },
        })
    }

    /// What differs from what the edit began with.
    fn edit(self) -> Option<QueueEdit> {
        let (old, new) = (self.from.get()?.settings, self.settings()?);
        Some(QueueEdit {
            workers: (new.workers != old.workers).then_some(new.workers),
            paused: None,
            backoff_enabled: (new.backoff_enabled != old.backoff_enabled).then_some(new.backoff_enabled),
            base_seconds: (new.base_seconds != old.base_seconds).then_some(new.base_seconds),
            max_seconds: (new.max_seconds != old.max_seconds).then_some(new.max_seconds),
            done_retention_seconds: (new.done_retention_seconds != old.done_retention_seconds)
                .then_some(new.done_retention_seconds),
            dead_retention_seconds: (new.dead_retention_seconds != old.dead_retention_seconds)
                .then_some(new.dead_retention_seconds),
            max_running: (new.max_running != old.max_running).then_some(new.max_running),
        })
    }
}

/// What changes from one to the other, in words.
fn differences(old: &QueueSettings, new: &QueueSettings) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = |name: &str, old: String, new: String| {
        if old != new {
            lines.push(format!("{name}: {old} → {new}"));
        }
    };
    let bound = |max: Option<u32>| max.map_or_else(|| text::NO_BOUND.to_owned(), |n| n.to_string());
    let on = |on: bool| if on { "on" } else { "off" }.to_owned();
    line(text::WORKERS_OF_EACH_PROCESS, old.workers.to_string(), new.workers.to_string());
    line(text::RUNNING_IN_ALL_PROCESSES, bound(old.max_running), bound(new.max_running));
    line(text::BACKOFF, on(old.backoff_enabled), on(new.backoff_enabled));
    line(text::FIRST_DELAY, parts::chosen(old.base_seconds.0), parts::chosen(new.base_seconds.0));
    line(text::LONGEST_DELAY, parts::chosen(old.max_seconds.0), parts::chosen(new.max_seconds.0));
    line(
        text::DONE_JOBS_ARE_KEPT,
        retention_text(old.done_retention_seconds),
        retention_text(new.done_retention_seconds),
    );
    line(
        text::DEAD_JOBS_ARE_KEPT,
        retention_text(old.dead_retention_seconds),
        retention_text(new.dead_retention_seconds),
    );
    lines
}

pub(crate) fn page(ctx: Ctx, name: String) -> AnyView {
    let (asked, heading) = (name.clone(), name);
    let queue: Remote<Queue> = Remote::new(
        ctx,
        &[Topic::Queues, Topic::Jobs],
        move || Some(asked.clone()),
        |ipc, name| Box::pin(async move { ipc.queue(&name).await }),
    );
    let form = Form::new();
    let saving = Doing::new(ctx);
    let switching = Doing::new(ctx);
    let theirs = RwSignal::new(None::<Queue>);
    let dirty = memo(move |_| form.edit().is_none_or(|edit| edit != QueueEdit::default()));
    // Settings that somebody else changes come into a form that nobody has touched.
    Effect::new(move |_| {
        if let Some(now) = queue.data.get() {
            let is_new =
                form.from.with_untracked(|from| from.as_ref().is_none_or(|from| from.version != now.version));
            if is_new && (!dirty.get_untracked() || form.from.with_untracked(Option::is_none)) {
                form.fill(&now);
            }
        }
    });
    let head = move || {
        queue.data.get().map(|now| {
            let then = move |paused: Queue| {
                form.take_over(&paused);
                queue.put(paused);
                queue.reload();
            };
            let jobs = Place::of(Tab::Jobs).with("queue", Some(&now.name));
            view! {
                <div class="fp-head"><h1 class="fp-h1">{now.name.clone()}</h1>{parts::beside(text::STATE, queues::state(ctx, &now))}</div>
                <div class="fp-actions" role="group" aria-label=text::WHAT_CAN_BE_DONE>{queues::switch(ctx, switching, &now, then)}
                    <a class="fp-button" href=ctx.href(&jobs)>{text::ITS_JOBS}</a></div>
            }
        })
    };
    let ready = memo(move |_| form.from.with(Option::is_some));
    view! {
        <p class="fp-crumb"><a href=ctx.href(&Place::of(Tab::Queues))>{text::QUEUES}</a></p>
        {parts::heading_before(queue, heading)}
        {parts::remote_error(queue)}
        {head}
        {parts::doing_error(switching)}
        {move || if ready.get() {
            settings(ctx, form, saving, theirs, queue, dirty)
        } else if queue.error.with(Option::is_none) {
            parts::skeleton(6)
        } else {
            ().into_any()
        }}
    }
    .into_any()
}

fn save(ctx: Ctx, form: Form, saving: Doing, theirs: RwSignal<Option<Queue>>, queue: Remote<Queue>) {
    let (Some(edit), Some(from)) = (form.edit(), form.from.get_untracked()) else { return };
    let ipc = ctx.ipc();
    let answer = Box::pin(async move {
        match ipc.edit_queue(&from.name, from.version, &edit).await {
            Err(error) if error.is_conflict() => Ok(Err((error, ipc.queue(&from.name).await?))),
            other => other.map(Ok),
        }
    });
    saving.run(answer, move |end: Result<Queue, (IpcError, Queue)>| match end {
        Ok(saved) => {
            theirs.set(None);
            form.fill(&saved);
            queue.put(saved);
            ctx.say(text::SAVED_PROCESSES_TAKE_IT_UP);
        }
        Err((_, now)) => theirs.set(Some(now)),
    });
}

fn settings(
    ctx: Ctx,
    form: Form,
    saving: Doing,
    theirs: RwSignal<Option<Queue>>,
    queue: Remote<Queue>,
    dirty: Memo<bool>,
) -> AnyView {
    let save = move || save(ctx, form, saving, theirs, queue);
    let wrong = memo(move |_| form.settings().is_none());
    let denied = memo(move |_| ctx.denied(Role::Admin));
    let off = move || !dirty.get() || wrong.get() || saving.busy.get() || denied.with(Option::is_some);
    let undo = move |_| {
        if let Some(now) = queue.data.get_untracked() {
            form.fill(&now);
        }
        theirs.set(None);
    };
    let sent = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        save();
    };
    view! {
        <form class="fp-card fp-form" aria-label=text::SETTINGS on:submit=sent>
            <h2>{text::SETTINGS}</h2>
            <div class="fp-grid">
                {fields::text(text::WORKERS_OF_EACH_PROCESS, text::JOBS_THAT_ONE_PROCESS_RUNS, form.workers, |t| bad_number(t, 1_024, 0, false))}
                {fields::text(text::RUNNING_IN_ALL_PROCESSES, text::EMPTY_NO_BOUND_BUT_THE_WORKERS, form.max_running, |t| bad_number(t, 1_000_000, 1, true))}
                {fields::text(text::DONE_JOBS_ARE_KEPT, text::AFTER_THEY_FINISHED, form.done, bad_retention)}
                {fields::text(text::DEAD_JOBS_ARE_KEPT, text::AFTER_THEY_DIED, form.dead, bad_retention)}
                {fields::text(text::FIRST_DELAY, text::AFTER_THE_FIRST_FAILURE, form.base, bad_time)}
                {fields::text(text::LONGEST_DELAY, text::THE_DELAY_DOUBLES_UP_TO_HERE, form.max, bad_time)}
            </div>
            {fields::check(text::WAIT_BETWEEN_ATTEMPTS_BACKOFF, form.backoff)}
            {preview(form)}
            {conflict(form, theirs, Callback::new(move |()| save()))}
            {parts::doing_error(saving)}
            <div class="fp-actions">
                {parts::submit(text::SAVE, off, Some(denied))}
                <button type="button" hidden=move || !dirty.get() on:click=undo>{text::UNDO}</button>
            </div>
        </form>
    }
    .into_any()
}

/// What the edit does: the settings that change, and the curve of delays before and after.
fn preview(form: Form) -> AnyView {
    let lines = memo(move |_| {
        form.from.get().zip(form.settings()).map(|(old, new)| differences(&old.settings, &new))
    });
    let frame = Signal::derive(move || {
        let curve = |s: &QueueSettings| {
            backoff::curve(s.backoff_enabled, s.base_seconds.0, s.max_seconds.0, FAILURES)
        };
        let (Some(from), Some(new)) = (form.from.get(), form.settings()) else { return Frame::empty() };
        let now = curve(&from.settings);
        let then = curve(&new);
        let mut series = vec![Series::new("now", now.clone()).with_slot(0)];
        if now != then {
            series.push(Series::new(text::WITH_THIS_EDIT, then).with_slot(1));
        }
        let xs: Vec<f64> = (1..=FAILURES).map(f64::from).collect();
        Frame::new(xs, series)
    });
    let kept = move || {
        form.settings().map(|s| {
            let total = backoff::total(s.backoff_enabled, s.base_seconds.0, s.max_seconds.0, 20);
            text::given_up_after(&parts::seconds(total))
        })
    };
    view! {
        <LineChart title=text::DELAY_BEFORE_THE_NEXT_ATTEMPT data=frame height=150.0
            with=|chart: Chart| chart.numbers(Format::Number).format(Format::Seconds)/>
        <p class="fp-small">{kept}</p>
        {parts::edit_changes(lines)}
    }
    .into_any()
}

/// Somebody else was quicker: both are shown, and one of them is chosen.
fn conflict(form: Form, theirs: RwSignal<Option<Queue>>, save: Callback<()>) -> AnyView {
    (move || {
        let now = theirs.get()?;
        let from = form.from.get()?;
        let changed = differences(&from.settings, &now.settings);
        let items = changed.into_iter().map(|line| view! { <li>{line}</li> }).collect_view().into_any();
        let (mine, take) = (now.clone(), now);
        let keep = move || {
            // Only what was typed here differs from theirs then: the rest of theirs stays.
            let edit = form.edit().unwrap_or_default();
            form.from.set(Some(rebased(&mine, form, &edit)));
            theirs.set(None);
            save.run(());
        };
        let give = move || {
            form.fill(&take);
            theirs.set(None);
        };
        Some(parts::conflict(text::SOMEBODY_CHANGED_THIS_QUEUE_WHILE_YOU, items, keep, give))
    })
    .into_any()
}

/// Their queue as the one that the edit began with; fields that were not typed into take their values.
fn rebased(now: &Queue, form: Form, edit: &QueueEdit) -> Queue {
    let s = now.settings;
    if edit.workers.is_none() {
        form.workers.set(s.workers.to_string());
    }
    if edit.max_running.is_none() {
        form.max_running.set(s.max_running.map(|n| n.to_string()).unwrap_or_default());
    }
    if edit.backoff_enabled.is_none() {
        form.backoff.set(s.backoff_enabled);
    }
    if edit.base_seconds.is_none() {
        form.base.set(fields::show_seconds(s.base_seconds.0));
    }
    if edit.max_seconds.is_none() {
        form.max.set(fields::show_seconds(s.max_seconds.0));
    }
    if edit.done_retention_seconds.is_none() {
        form.done.set(retention_text(s.done_retention_seconds));
    }
    if edit.dead_retention_seconds.is_none() {
        form.dead.set(retention_text(s.dead_retention_seconds));
    }
    now.clone()
}
