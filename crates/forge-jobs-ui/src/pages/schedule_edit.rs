//! The form of a schedule, with the fires that the typed expression would have.

use super::schedule::{changes, fires_view};
use crate::app::memo;
use crate::app::{Ctx, Doing, Remote, browser};
use crate::model::json;
use crate::parts::{self, fields};
use crate::text;
use forge_jobs_api::wire::{
    CronPreview, CronQuery, MissedFires, Overlap, Role, Schedule, ScheduleDetail, ScheduleEdit,
    ScheduleSettings, Seconds,
};
use leptos::prelude::*;
use serde_json::value::RawValue;

const MISSED: [(&str, &str); 3] =
    [("once", text::ONE_JOB_FOR_ALL), ("skip", text::NONE), ("catch_up", text::THE_LATEST)];
const OVERLAP: [(&str, &str); 2] =
    [("skip", text::IT_DOES_NOT_FIRE_2), ("allow", text::IT_FIRES_ALL_THE_SAME_2)];

/// What the form has a field for.
pub(crate) const FIELDS: [&str; 11] = [
    "name",
    "schedule",
    "expression",
    "zone",
    "kind",
    "queue",
    "payload",
    "missed",
    "within_seconds",
    "overlap",
    "jitter_seconds",
];

/// What is typed.
#[derive(Clone, Copy)]
pub(super) struct Form {
    pub(super) expression: RwSignal<String>,
    zone: RwSignal<String>,
    pub(super) kind: RwSignal<String>,
    queue: RwSignal<String>,
    payload: RwSignal<String>,
    missed: RwSignal<String>,
    overlap: RwSignal<String>,
    within: RwSignal<String>,
    jitter: RwSignal<String>,
    from: StoredValue<Option<Schedule>>,
    version: RwSignal<i64>,
}

const fn missed_word(missed: MissedFires) -> &'static str {
    match missed {
        MissedFires::Skip => "skip",
        MissedFires::CatchUp => "catch_up",
        MissedFires::Once | MissedFires::Unknown => "once",
    }
}

const fn overlap_word(overlap: Overlap) -> &'static str {
    match overlap {
        Overlap::Allow => "allow",
        Overlap::Skip | Overlap::Unknown => "skip",
    }
}

impl Form {
    pub(super) fn new() -> Self {
        let text = || RwSignal::new(String::new());
        Self {
            expression: text(),
            zone: text(),
            kind: text(),
            queue: text(),
            payload: text(),
            missed: text(),
            overlap: text(),
            within: text(),
            jitter: text(),
            from: StoredValue::new(None),
            version: RwSignal::new(-1),
        }
    }

    pub(super) fn fill(self, schedule: &Schedule) {
        let s = &schedule.settings;
        self.from.set_value(Some(schedule.clone()));
        self.version.set(schedule.version);
        self.expression.set(s.expression.clone());
        self.zone.set(s.zone.clone());
        self.kind.set(s.kind.clone());
        self.queue.set(s.queue.clone());
        self.payload.set(s.payload.get().to_owned());
        self.missed.set(missed_word(s.missed).into());
        self.overlap.set(overlap_word(s.overlap).into());
        self.within.set(fields::show_seconds(s.within_seconds.0));
        self.jitter.set(fields::show_seconds(s.jitter_seconds.0));
    }

    /// The values that are typed; `None` while one of them is none.
    fn settings(self) -> Option<ScheduleSettings> {
        self.version.track();
        let from = self.from.get_value()?.settings;
        let missed = match self.missed.get().as_str() {
            "skip" => MissedFires::Skip,
            "catch_up" => MissedFires::CatchUp,
            _ => MissedFires::Once,
        };
        let overlap = if self.overlap.get() == "allow" { Overlap::Allow } else { Overlap::Skip };
        let payload = self.payload.get();
        json::parse(&payload)?;
        Some(ScheduleSettings {
            expression: self.expression.get().trim().to_owned(),
            zone: self.zone.get().trim().to_owned(),
            kind: self.kind.get().trim().to_owned(),
            queue: self.queue.get().trim().to_owned(),
            payload: RawValue::from_string(payload.trim().to_owned()).ok()?,
            missed,
            overlap,
            within_seconds: Seconds(fields::parse_seconds(&self.within.get())?),
            jitter_seconds: Seconds(fields::parse_seconds(&self.jitter.get())?),
            ..from
        })
    }

    /// What differs from what the edit began with.
    pub(super) fn edit(self) -> Option<(ScheduleEdit, Vec<String>)> {
        let new = self.settings()?;
        let old = self.from.get_value()?.settings;
        let lines = changes(&old, &new);
        let text = |old: &String, new: &String| (old != new).then(|| new.clone());
        let edit = ScheduleEdit {
            expression: text(&old.expression, &new.expression),
            zone: text(&old.zone, &new.zone),
            kind: text(&old.kind, &new.kind),
            queue: text(&old.queue, &new.queue),
            payload: (old.payload.get() != new.payload.get()).then(|| new.payload.clone()),
            missed: (old.missed != new.missed).then_some(new.missed),
            overlap: (old.overlap != new.overlap).then_some(new.overlap),
            within_seconds: (old.within_seconds != new.within_seconds).then_some(new.within_seconds),
            jitter_seconds: (old.jitter_seconds != new.jitter_seconds).then_some(new.jitter_seconds),
            ..ScheduleEdit::default()
        };
        Some((edit, lines))
    }
}

pub(crate) fn form(ctx: Ctx, detail: Remote<ScheduleDetail>) -> AnyView {
    let form = Form::new();
    let saving = Doing::new(ctx);
    let theirs = RwSignal::new(None::<ScheduleDetail>);
    let lines = memo(move |_| form.edit().map(|(_, lines)| lines));
    let dirty = memo(move |_| lines.with(|lines| lines.as_ref().is_none_or(|lines| !lines.is_empty())));
    Effect::new(move |_| {
        if let Some(now) = detail.data.get() {
            let first = form.version.get_untracked() < 0;
            let is_new = form.version.get_untracked() != now.schedule.version;
            if first || (is_new && !dirty.get_untracked()) {
                form.fill(&now.schedule);
            }
        }
    });
    let send = move || {
        let (Some((edit, _)), Some(from)) = (form.edit(), form.from.get_value()) else { return };
        let ipc = ctx.ipc();
        let version = form.version.get_untracked();
        let answer = Box::pin(async move {
            match ipc.edit_schedule(&from.name, version, &edit).await {
                Err(error) if error.is_conflict() => Ok(Err(ipc.schedule(&from.name).await?)),
                other => other.map(Ok),
            }
        });
        saving.run(answer, move |end: Result<Schedule, ScheduleDetail>| match end {
            Ok(saved) => {
                theirs.set(None);
                form.fill(&saved);
                detail.reload();
                ctx.say(text::SAVED);
            }
            Err(now) => theirs.set(Some(now)),
        });
    };
    let is_there = memo(move |_| form.version.get() >= 0);
    (move || {
        is_there
            .get()
            .then(|| fields_of(ctx, form, saving, theirs, lines, dirty, Callback::new(move |()| send())))
    })
    .into_any()
}

fn fields_of(
    ctx: Ctx,
    form: Form,
    saving: Doing,
    theirs: RwSignal<Option<ScheduleDetail>>,
    lines: Memo<Option<Vec<String>>>,
    dirty: Memo<bool>,
    send: Callback<()>,
) -> AnyView {
    let denied = memo(move |_| ctx.denied(Role::Admin));
    let off = move || {
        !dirty.get() || lines.with(Option::is_none) || saving.busy.get() || denied.with(Option::is_some)
    };
    let undo = move |_| {
        if let Some(from) = form.from.get_value() {
            form.fill(&from);
        }
        theirs.set(None);
    };
    let sent = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        send.run(());
    };
    view! {
        <form class="fp-card fp-form" aria-label=text::EDIT on:submit=sent>
            <h2>{text::EDIT}</h2>
            {inputs(ctx, form, saving)}
            {parts::edit_changes(lines)}
            {conflict(form, theirs, send)}
            {parts::form_error(saving, &FIELDS)}
            <div class="fp-actions">
                {parts::submit(text::SAVE, off, Some(denied))}
                <button type="button" hidden=move || !dirty.get() on:click=undo>{text::UNDO}</button>
            </div>
        </form>
    }
    .into_any()
}

/// The fields, and the fires that they would give.
pub(super) fn inputs(ctx: Ctx, form: Form, saving: Doing) -> AnyView {
    let time =
        |text: &str| fields::parse_seconds(text).is_none().then(|| text::A_TIME_SUCH_AS_30S_5.to_owned());
    // A schedule of another queue than the router's says so.
    let queue = move |text: &str| {
        let had = form.from.with_value(|from| from.as_ref().is_some_and(|f| !f.settings.queue.is_empty()));
        had.then(|| fields::needed(text)).flatten()
    };
    view! {
        <div class="fp-grid">
            {fields::named(text::EXPRESSION, text::MINUTE_HOUR_DAY_MONTH_WEEKDAY, form.expression, fields::needed, (saving, &["expression"]))}
            {fields::named(text::TIME_ZONE, text::AS_EUROPE_BERLIN, form.zone, fields::needed, (saving, &["zone"]))}
            {fields::named(text::KIND, text::WHAT_IS_ENQUEUED, form.kind, fields::needed, (saving, &["kind"]))}
            {fields::named(text::QUEUE, text::EMPTY_WHAT_THE_ROUTER_SAYS, form.queue, queue, (saving, &["queue"]))}
            {fields::choice(text::MISSED_FIRES, &MISSED, form.missed)}
            {fields::named(text::MISSED_WITHIN, text::OLDER_FIRES_ARE_LEFT_OUT, form.within, time, (saving, &["within_seconds"]))}
            {fields::choice(text::WHILE_ONE_IS_UNFINISHED, &OVERLAP, form.overlap)}
            {fields::named(text::JITTER, text::JOBS_ARE_SPREAD_OVER_SO_MUCH, form.jitter, time, (saving, &["jitter_seconds"]))}
        </div>
        {fields::payload("4", form.payload, saving)}
        {preview(ctx, form)}
    }
    .into_any()
}

/// When the typed expression would fire, while it is another one than the schedule's.
fn preview(ctx: Ctx, form: Form) -> AnyView {
    let asked = memo(move |_| {
        let (expression, zone) = (form.expression.get(), form.zone.get());
        form.version.track();
        let from = form.from.get_value()?.settings;
        (expression.trim() != from.expression || zone.trim() != from.zone).then_some((expression, zone))
    });
    let fires: Remote<CronPreview> = Remote::new(
        ctx,
        &[],
        move || asked.get(),
        |ipc, (expression, zone)| {
            let query = CronQuery { expression, zone: Some(zone), from: None, count: Some(5) };
            Box::pin(async move {
                // Not at every key.
                browser::sleep(250).await;
                ipc.cron_fires(&query).await
            })
        },
    );
    (move || {
        asked.with(Option::is_some).then(|| {
            view! { <div class="fp-banner fp-banner-info"><strong>{text::WITH_THIS_IT_FIRES}</strong>{parts::shown(fires, 2, fires_view)}</div> }
        })
    })
    .into_any()
}

/// Somebody else was quicker.
fn conflict(form: Form, theirs: RwSignal<Option<ScheduleDetail>>, send: Callback<()>) -> AnyView {
    (move || {
        let now = theirs.get()?.schedule;
        let from = form.from.get_value()?.settings;
        let items = changes(&from, &now.settings)
            .into_iter()
            .map(|line| view! { <li>{line}</li> })
            .collect_view()
            .into_any();
        let take = now.clone();
        // Fields that nobody typed into are not sent: theirs stay.
        let keep = move || {
            form.version.set(now.version);
            theirs.set(None);
            send.run(());
        };
        let give = move || {
            form.fill(&take);
            theirs.set(None);
        };
        Some(parts::conflict(text::SOMEBODY_CHANGED_THIS_SCHEDULE_WHILE_YOU, items, keep, give))
    })
    .into_any()
}
