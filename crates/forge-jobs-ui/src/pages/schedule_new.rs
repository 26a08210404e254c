//! A new schedule, with its fires before it is made.

use super::schedule_edit::{self, Form};
use crate::app::memo;
use crate::app::{Ctx, Doing, focus};
use crate::ipc::IpcError;
use crate::model::route::{Place, Tab};
use crate::parts::{self, fields};
use crate::text;
use forge_jobs_api::wire::{MissedFires, Overlap, Role, Schedule, ScheduleOwner, ScheduleSettings, Seconds};
use leptos::html;
use leptos::prelude::*;
use serde_json::value::RawValue;

/// What the form begins with: the defaults of a schedule that says nothing of them.
fn blank() -> Schedule {
    Schedule {
        name: String::new(),
        version: 0,
        enabled: true,
        owner: ScheduleOwner::Operator,
        overrides_code: false,
        undeclared: false,
        settings: ScheduleSettings {
            expression: String::new(),
            zone: "UTC".into(),
            description: String::new(),
            kind: String::new(),
            queue: String::new(),
            payload: RawValue::NULL.to_owned(),
            priority: 0,
            max_attempts: 20,
            tags: Vec::new(),
            missed: MissedFires::Once,
            catch_up: 1,
            within_seconds: Seconds(3_600.0),
            overlap: Overlap::Skip,
            jitter_seconds: Seconds(0.0),
        },
        code: None,
        next_fire_at: None,
        last_fire_at: None,
        last_job: None,
        created_at: String::new(),
        edited_at: String::new(),
    }
}

/// The form, while it is open.
pub(crate) fn form(ctx: Ctx, open: RwSignal<bool>) -> AnyView {
    (move || open.get().then(|| card(ctx, open))).into_any()
}

fn card(ctx: Ctx, open: RwSignal<bool>) -> AnyView {
    let form = Form::new();
    form.fill(&blank());
    let node = NodeRef::<html::Form>::new();
    node.on_load(|form| focus::step_into(&form));
    let name = RwSignal::new(String::new());
    let saving = Doing::new(ctx);
    let is_complete = memo(move |_| {
        let is_there = |text: RwSignal<String>| text.with(|text| !text.trim().is_empty());
        is_there(name) && is_there(form.expression) && is_there(form.kind) && form.edit().is_some()
    });
    let denied = memo(move |_| ctx.denied(Role::Admin));
    let off = move || !is_complete.get() || saving.busy.get() || denied.with(Option::is_some);
    let sent = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        let Some((edit, _)) = form.edit().filter(|_| is_complete.get_untracked()) else { return };
        let (ipc, name) = (ctx.ipc(), name.get_untracked().trim().to_owned());
        let answer = Box::pin(async move {
            // Making one of a name that is taken would set the values of that one.
            if ipc.schedule(&name).await.is_ok() {
                return Err(IpcError::of_field("name", text::THERE_IS_A_SCHEDULE));
            }
            ipc.put_schedule(&name, &edit).await
        });
        saving.run(answer, move |made| {
            open.set(false);
            ctx.say(text::MADE);
            ctx.go(Place::opened(Tab::Cron, made.name));
        });
    };
    view! {
        <form class="fp-card fp-form" aria-label=text::NEW_SCHEDULE node_ref=node on:submit=sent>
            <h2>{text::NEW_SCHEDULE}</h2>
            {fields::named(text::NAME, text::SUCH_AS_REPORTS_NIGHTLY, name, fields::needed, (saving, &["name", "schedule"]))}
            {schedule_edit::inputs(ctx, form, saving)}
            {parts::form_error(saving, &schedule_edit::FIELDS)}
            <div class="fp-actions">
                {parts::submit(text::MAKE_IT, off, Some(denied))}
                <button type="button" on:click=move |_| open.set(false)>{text::BACK}</button>
            </div>
        </form>
    }
    .into_any()
}
