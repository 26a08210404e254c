//! The form of a limit: of one that is there, or of a new one.

use crate::app::{Ctx, Doing, Remote, focus};
use crate::ipc::{Answer, QueueIpc};
use crate::parts::{self, fields};
use crate::text;
use forge_jobs_api::wire::{Limit, LimitEdit, LimitList, LimitMode, Seconds};
use leptos::html;
use leptos::prelude::*;
use std::rc::Rc;

/// What the form is of.
#[derive(Clone)]
pub(super) enum Edited {
    New,
    Of(Limit),
}

const MODES: [(&str, &str); 2] = [("sliding", text::AS_THEY_ARE_ASKED_2), ("smooth", text::EVENLY)];
/// What the form has a field for.
const FIELDS: [&str; 4] = ["scope", "permits", "window", "window_seconds"];

const fn mode_word(mode: LimitMode) -> &'static str {
    if matches!(mode, LimitMode::Smooth) { "smooth" } else { "sliding" }
}

/// What is typed.
#[derive(Clone, Copy)]
struct Form {
    scope: RwSignal<String>,
    permits: RwSignal<String>,
    window: RwSignal<String>,
    mode: RwSignal<String>,
    /// The limit that the edit began with; `None` where the scope has none.
    from: RwSignal<Option<Limit>>,
}

impl Form {
    fn new() -> Self {
        let text = || RwSignal::new(String::new());
        Self { scope: text(), permits: text(), window: text(), mode: text(), from: RwSignal::new(None) }
    }

    fn fill(self, edited: &Edited) {
        let (from, scope, permits, window, mode) = match edited {
            Edited::New => (None, String::new(), String::new(), 60.0, LimitMode::Sliding),
            Edited::Of(limit) => (
                Some(limit.clone()),
                limit.scope.clone(),
                limit.permits.to_string(),
                limit.window_seconds.0,
                limit.mode,
            ),
        };
        self.scope.set(scope);
        self.permits.set(permits);
        self.window.set(fields::show_seconds(window));
        self.mode.set(mode_word(mode).into());
        self.from.set(from);
    }

    /// The scope and its limit; `None` while something typed is wrong.
    fn typed(self) -> Option<(String, LimitEdit)> {
        let scope = self.scope.get().trim().to_owned();
        let permits = permits(&self.permits.get())?;
        let seconds = window(&self.window.get())?;
        let mode = if self.mode.get() == "smooth" { LimitMode::Smooth } else { LimitMode::Sliding };
        let edit = LimitEdit { permits, window_seconds: Seconds(seconds), mode: Some(mode) };
        (!scope.is_empty()).then_some((scope, edit))
    }

    /// Goes on from what the scope has now: fields that were not typed into take its values.
    fn rebase(self, now: Option<Limit>) {
        if let Some((old, now)) = self.from.get_untracked().zip(now.as_ref()) {
            if self.permits.get_untracked() == old.permits.to_string() {
                self.permits.set(now.permits.to_string());
            }
            if self.window.get_untracked() == fields::show_seconds(old.window_seconds.0) {
                self.window.set(fields::show_seconds(now.window_seconds.0));
            }
            if self.mode.get_untracked() == mode_word(old.mode) {
                self.mode.set(mode_word(now.mode).into());
            }
        }
        self.from.set(now);
    }
}

fn permits(text: &str) -> Option<u32> {
    text.trim().parse().ok().filter(|n| (1..=1_000_000).contains(n))
}

fn window(text: &str) -> Option<f64> {
    fields::parse_seconds(text).filter(|s| *s >= 0.1)
}

fn bad_permits(text: &str) -> Option<String> {
    permits(text).is_none().then(|| text::A_WHOLE_NUMBER_FROM_1_2.to_owned())
}

fn bad_window(text: &str) -> Option<String> {
    window(text).is_none().then(|| text::A_TIME_FROM_100MS_ON.to_owned())
}

/// Somebody else was quicker: the limit of the scope's own as it is now, if there is one.
#[derive(Clone)]
struct Met(Option<Limit>);

/// Gives the scope this limit, if it still has the version that was seen, or none where none was; or tells what is in the
/// way.
async fn put(
    ipc: Rc<dyn QueueIpc>,
    scope: String,
    version: Option<i64>,
    edit: LimitEdit,
) -> Answer<Option<Met>> {
    // A host cannot be told to set a limit only where there is none: it is looked for just before.
    if version.is_none()
        && let Some(there) = own(&*ipc, &scope).await?
    {
        return Ok(Some(Met(Some(there))));
    }
    match ipc.set_limit(&scope, version, &edit).await {
        Err(error) if error.is_conflict() => Ok(Some(Met(own(&*ipc, &scope).await?))),
        other => other.map(|_| None),
    }
}

async fn own(ipc: &dyn QueueIpc, scope: &str) -> Answer<Option<Limit>> {
    Ok(ipc.limits().await?.limits.into_iter().find(|l| l.scope == scope && l.inherited_from.is_none()))
}

/// The form with what it works on.
#[derive(Clone, Copy)]
struct Editor {
    ctx: Ctx,
    limits: Remote<LimitList>,
    edited: RwSignal<Option<Edited>>,
    form: Form,
    saving: Doing,
    theirs: RwSignal<Option<Met>>,
}

impl Editor {
    fn save(self) {
        let Some((scope, edit)) = untrack(|| self.form.typed()) else { return };
        let seen = self.form.from.get_untracked().filter(|from| from.scope == scope);
        let answer = Box::pin(put(self.ctx.ipc(), scope, seen.map(|from| from.version), edit));
        self.saving.run(answer, move |met| {
            if met.is_some() {
                self.theirs.set(met);
                return;
            }
            self.edited.set(None);
            self.limits.reload();
            self.ctx.say(text::SAVED);
        });
    }

    /// Why no new limit can be made for this scope.
    fn taken(self, scope: &str) -> Option<String> {
        let scope = scope.trim();
        let is_taken = self.limits.data.with(|list| {
            list.as_ref().is_some_and(|list| {
                list.limits.iter().any(|l| l.scope == scope && l.inherited_from.is_none())
            })
        });
        let taken = is_taken.then(|| text::IT_HAS_A_LIMIT_ALREADY_EDIT.to_owned());
        taken.or_else(|| fields::needed(scope))
    }

    fn view(self, of: &Edited) -> AnyView {
        let (form, saving) = (self.form, self.saving);
        let (title, scope) = match of {
            Edited::Of(limit) => (text::limit_of(&limit.scope), None),
            Edited::New => {
                let taken = move |scope: &str| self.taken(scope);
                let field = fields::named(
                    text::SCOPE,
                    text::SUCH_AS_SLACK_OR_SLACK_TEAM,
                    form.scope,
                    taken,
                    (saving, &["scope"]),
                );
                (text::NEW_LIMIT.to_owned(), Some(field))
            }
        };
        let is_new = scope.is_some();
        let name = title.clone();
        let node = NodeRef::<html::Form>::new();
        node.on_load(|form| focus::step_into(&form));
        let off = move || {
            let typed = form.typed();
            saving.busy.get() || typed.is_none_or(|(scope, _)| is_new && self.taken(&scope).is_some())
        };
        let sent = move |event: web_sys::SubmitEvent| {
            event.prevent_default();
            self.save();
        };
        view! {
            <form class="fp-card fp-form" aria-label=name node_ref=node on:submit=sent>
                <h2>{title}</h2>
                <div class="fp-grid">
                    {scope}
                    {fields::named(text::PERMITS, text::IN_EACH_WINDOW, form.permits, bad_permits, (saving, &["permits"]))}
                    {fields::named(text::WINDOW, text::SUCH_AS_1_MIN, form.window, bad_window, (saving, &["window", "window_seconds"]))}
                    {fields::choice(text::GIVEN_2, &MODES, form.mode)}
                </div>
                {self.conflict()}
                {parts::form_error(saving, &FIELDS)}
                <div class="fp-actions">
                    {parts::submit(text::SAVE, off, None)}
                    <button type="button" on:click=move |_| self.edited.set(None)>{text::BACK}</button>
                </div>
            </form>
        }
        .into_any()
    }

    /// Somebody else was quicker: both are shown, and one of them is chosen.
    fn conflict(self) -> AnyView {
        (move || {
            let Met(now) = self.theirs.get()?;
            let from = self.form.from.get_untracked();
            let title = match (&from, &now) {
                (Some(_), Some(_)) => text::SOMEBODY_CHANGED_THIS_LIMIT_WHILE_YOU,
                (_, None) => text::SOMEBODY_REMOVED_THIS_LIMIT_WHILE_YOU,
                (None, Some(_)) => text::SOMEBODY_GAVE_THIS_SCOPE_A_LIMIT,
            };
            let lines = now.as_ref().map(|now| changes(from.as_ref(), now)).unwrap_or_default();
            let items = lines.into_iter().map(|line| view! { <li>{line}</li> }).collect_view().into_any();
            let (mine, take) = (now.clone(), now);
            let keep = move || {
                self.form.rebase(mine.clone());
                self.theirs.set(None);
                self.save();
            };
            let give = move || {
                let now = take.clone().map(Edited::Of);
                let is_open = self.edited.with_untracked(|edited| matches!(edited, Some(Edited::Of(_))));
                self.limits.reload();
                self.theirs.set(None);
                match now {
                    // The form stays the same one, and the focus in it.
                    Some(now) if is_open => self.form.fill(&now),
                    now => self.edited.set(now),
                }
            };
            Some(parts::conflict(title, items, keep, give))
        })
        .into_any()
    }
}

/// What a limit became, in words; all of it, if there was none.
fn changes(old: Option<&Limit>, new: &Limit) -> Vec<String> {
    let words = |limit: &Limit| {
        let mode = if limit.mode == LimitMode::Smooth { text::EVENLY } else { text::AS_THEY_ARE_ASKED_2 };
        [limit.permits.to_string(), parts::chosen(limit.window_seconds.0), mode.to_owned()]
    };
    let names = [text::PERMITS, text::WINDOW, text::GIVEN_2];
    let Some(old) = old else {
        return names.iter().zip(words(new)).map(|(name, new)| format!("{name}: {new}")).collect();
    };
    let both = names.iter().zip(words(old).into_iter().zip(words(new)));
    both.filter(|(_, (old, new))| old != new)
        .map(|(name, (old, new))| format!("{name}: {old} → {new}"))
        .collect()
}

/// The form of one of them, or of a new one.
pub(super) fn form(ctx: Ctx, limits: Remote<LimitList>, edited: RwSignal<Option<Edited>>) -> AnyView {
    let (form, saving) = (Form::new(), Doing::new(ctx));
    let editor = Editor { ctx, limits, edited, form, saving, theirs: RwSignal::new(None) };
    Effect::new(move |_| {
        if let Some(edited) = edited.get() {
            saving.error.set(None);
            editor.theirs.set(None);
            form.fill(&edited);
        }
    });
    (move || edited.get().map(|of| editor.view(&of))).into_any()
}
