//! What pages are made of.

pub(crate) mod dialog;
pub(crate) mod fields;
pub(crate) mod tree;

use crate::app::memo;
use crate::app::{Ctx, Doing, Remote, browser};
use crate::ipc::IpcError;
use crate::model::{diff, format, time};
use crate::text;
use forge_jobs_api::wire::{BoundedCount, DeadReason, JobStatus, Role};
use leptos::prelude::*;
use leptos::task::spawn_local;
use std::sync::Arc;
use std::time::Duration;

/// A page with its heading.
pub(crate) fn page(title: impl Into<String>, inside: impl IntoView + 'static) -> AnyView {
    view! { <h1 class="fp-h1">{title.into()}</h1> {inside} }.into_any()
}

/// The heading of something that is not there yet, or will not be: a page is never without one.
pub(crate) fn heading_before<T: Send + Sync + 'static>(remote: Remote<T>, name: String) -> AnyView {
    let is_missing = memo(move |_| remote.data.with(Option::is_none));
    (move || is_missing.get().then(|| view! { <h1 class="fp-h1">{name.clone()}</h1> })).into_any()
}

/// Something framed, with a heading.
pub(crate) fn card(title: &'static str, inside: impl IntoView + 'static) -> AnyView {
    view! { <section class="fp-card" aria-label=title><h2>{title}</h2>{inside}</section> }.into_any()
}

/// The place of what is on its way: as large as what comes, and still.
pub(crate) fn skeleton(rows: usize) -> AnyView {
    let bars = (0..rows).map(|_| view! { <div class="fp-bar"></div> }).collect_view();
    view! { <div class="fp-skeleton" aria-busy="true"><span class="fp-hidden">{text::LOADING}</span>{bars}</div> }
        .into_any()
}

/// Nothing is here, and how something would come.
pub(crate) fn empty(title: impl Into<String>, text: impl IntoView + 'static) -> AnyView {
    view! { <div class="fp-empty"><p class="fp-empty-title">{title.into()}</p><p>{text}</p></div> }.into_any()
}

/// An error, where it happened.
pub(crate) fn error_view(error: &IpcError, again: Option<Callback<()>>) -> AnyView {
    let id = error
        .request_id()
        .map(|id| view! { <p class="fp-small">{text::REQUEST} <code>{id.to_owned()}</code></p> });
    let retry = again.map(
        |again| view! { <button type="button" on:click=move |_| again.run(())>{text::TRY_AGAIN}</button> },
    );
    view! {
        <div class="fp-error" role="alert">
            <p><strong>{error.message()}</strong> " " {error.remedy()}</p>
            {id}{retry}
        </div>
    }
    .into_any()
}

/// The error of something that was done.
pub(crate) fn doing_error(doing: Doing) -> AnyView {
    (move || doing.error.get().map(|error| error_view(&error, None))).into_any()
}

/// The same without what is said at a field of the form.
pub(crate) fn form_error(doing: Doing, fields: &'static [&'static str]) -> AnyView {
    (move || {
        let error = doing.error.get()?;
        let is_at_field = error.field().is_some_and(|field| fields.contains(&field));
        (!is_at_field).then(|| error_view(&error, None))
    })
    .into_any()
}

/// Data as a view, drawn anew when it differs; before that a skeleton, and an error above what is old.
pub(crate) fn shown<T: Send + Sync + 'static>(
    remote: Remote<T>,
    rows: usize,
    draw: impl Fn(Arc<T>) -> AnyView + Send + Sync + 'static,
) -> AnyView {
    let inside = move || match remote.data.get() {
        Some(data) => draw(data),
        None if remote.error.with(Option::is_some) => ().into_any(),
        None => skeleton(rows),
    };
    view! { {remote_error(remote)} {inside} }.into_any()
}

/// The error of a fetch.
pub(crate) fn remote_error<T: Send + Sync + 'static>(remote: Remote<T>) -> AnyView {
    (move || {
        let again = Callback::new(move |()| remote.reload());
        remote.error.get().map(|error| error_view(&error, Some(again)))
    })
    .into_any()
}

/// A moment: from now, or as it is; by pointing at it as it is, with its offset.
pub(crate) fn stamp(ctx: Ctx, text: &str) -> AnyView {
    let Some(at) = time::micros(text) else { return text.to_owned().into_any() };
    let local = browser::local(at);
    let shown =
        memo(move |_| if ctx.absolute.get() { local.clone() } else { format::relative(at, ctx.now.get()) });
    view! { <time datetime=text.to_owned() title=browser::exact(at)>{shown}</time> }.into_any()
}

/// A moment in the browser's zone, as a text with its offset.
pub(crate) fn moment(text: &str) -> String {
    time::micros(text).map_or_else(|| text.to_owned(), browser::exact)
}

/// A moment with its distance, or a dash.
pub(crate) fn stamp_or(ctx: Ctx, text: Option<&str>) -> AnyView {
    text.map_or_else(|| view! { <span class="fp-none">"–"</span> }.into_any(), |text| stamp(ctx, text))
}

/// Seconds as people read them.
pub(crate) fn seconds(value: f64) -> String {
    Duration::try_from_secs_f64(value).map_or_else(|_| "–".into(), format::duration)
}

/// Seconds that somebody chose.
pub(crate) fn chosen(value: f64) -> String {
    Duration::try_from_secs_f64(value).map_or_else(|_| "–".into(), format::chosen)
}

/// A count that may have stopped.
pub(crate) fn bounded(count: BoundedCount) -> String {
    format::bounded_count(count.count, count.more)
}

/// The word of a status.
pub(crate) const fn status_word(status: JobStatus) -> &'static str {
    match status {
        JobStatus::Pending => "pending",
        JobStatus::Scheduled => "scheduled",
        JobStatus::Running => "running",
        JobStatus::Retrying => "retrying",
        JobStatus::Done => "done",
        JobStatus::Dead => "dead",
        JobStatus::Unknown => "unknown",
    }
}

/// The word of a reason.
pub(crate) const fn reason_word(reason: DeadReason) -> &'static str {
    match reason {
        DeadReason::Exhausted => "exhausted",
        DeadReason::Discarded => "discarded",
        DeadReason::Cancelled => "cancelled",
        DeadReason::Poison => "poison",
        DeadReason::Undecodable => "undecodable",
        DeadReason::Unknown => "unknown",
    }
}

/// A status: a word, with a colour and a form of its own beside it.
pub(crate) fn status(status: JobStatus, reason: Option<DeadReason>) -> AnyView {
    let word = status_word(status);
    let why = reason.map(|reason| view! { <span class="fp-reason">{reason_word(reason)}</span> });
    view! { <span class="fp-status" data-status=word>{word}</span> {why} }.into_any()
}

/// An id that a click copies.
pub(crate) fn copied(ctx: Ctx, text: &str, shown: &str) -> AnyView {
    copied_as(ctx, text, shown, text)
}

/// Something long that a click copies: what is said of it is its name.
pub(crate) fn copied_as(ctx: Ctx, text: &str, shown: &str, name: &str) -> AnyView {
    let (whole, label, done) = (text.to_owned(), text::copy(name), text::copied(name));
    let copy = move |_| {
        let (whole, done) = (whole.clone(), done.clone());
        spawn_local(async move {
            let is_copied = browser::copy(&whole).await;
            ctx.say(if is_copied { done } else { text::THE_BROWSER_DOES_NOT_LET.into() });
        });
    };
    view! { <button type="button" class="fp-copy" title=label on:click=copy>{shown.to_owned()}</button> }
        .into_any()
}

/// The end of an id: the part in which ids of one second differ.
pub(crate) fn short(id: &str) -> String {
    let from = id.char_indices().rev().nth(7).map_or(0, |(at, _)| at);
    id.get(from..).unwrap_or(id).to_owned()
}

/// What stands beside a heading, with a name for who does not see that it does.
pub(crate) fn beside(name: &'static str, inside: impl IntoView + 'static) -> AnyView {
    view! { <div role="group" aria-label=name>{inside}</div> }.into_any()
}

/// A button of something that needs a role. Why it cannot be pressed is its title.
pub(crate) fn button(
    ctx: Ctx,
    needs: Role,
    label: &'static str,
    class: &'static str,
    busy: RwSignal<bool>,
    press: impl Fn() + 'static,
) -> AnyView {
    act(ctx, needs, (label, None), class, busy, Box::new(press))
}

/// The same of one thing among others like it: its name says which one it is for.
pub(crate) fn button_of(
    ctx: Ctx,
    needs: Role,
    (label, of): (&'static str, &str),
    class: &'static str,
    busy: RwSignal<bool>,
    press: impl Fn() + 'static,
) -> AnyView {
    act(ctx, needs, (label, Some(text::named(label, of))), class, busy, Box::new(press))
}

/// It is not `disabled`: that would take the focus from it while it does what it was pressed for, and hide from a keyboard
/// why it does nothing. One for all that can be done, so that a page loads it once.
fn act(
    ctx: Ctx,
    needs: Role,
    (label, name): (&'static str, Option<String>),
    class: &'static str,
    busy: RwSignal<bool>,
    press: Box<dyn Fn()>,
) -> AnyView {
    let denied = memo(move |_| ctx.denied(needs));
    let off = memo(move |_| busy.get() || denied.with(Option::is_some));
    let pressed = move |_| {
        if !off.get_untracked() {
            press();
        }
    };
    view! {
        <button type="button" class=class aria-label=name aria-disabled=move || off.get().then_some("true") title=denied
            on:click=pressed>{label}</button>
    }
    .into_any()
}

/// The button that sends its form, also by Enter in a field. It keeps the focus while there is nothing to send.
pub(crate) fn submit(
    label: &'static str,
    off: impl Fn() -> bool + Send + Sync + 'static,
    denied: Option<Memo<Option<String>>>,
) -> AnyView {
    let off = memo(move |_| off());
    let pressed = move |event: web_sys::MouseEvent| {
        if off.get_untracked() {
            event.prevent_default();
        }
    };
    view! {
        <button type="submit" class="fp-primary" aria-disabled=move || off.get().then_some("true")
            title=move || denied.and_then(|denied| denied.get()) on:click=pressed>{label}</button>
    }
    .into_any()
}

/// What an edit changes, before it is sent. Said aloud is how much that is, since the lines are made anew at each key.
pub(crate) fn edit_changes(lines: Memo<Option<Vec<String>>>) -> AnyView {
    let count = memo(move |_| lines.with(|lines| lines.as_ref().map_or(0, Vec::len)));
    let said = move || Some(count.get()).filter(|count| *count > 0).map(text::lines_of_the_edit);
    let list = move || {
        lines.get().filter(|lines| !lines.is_empty()).map(|lines| {
            let items = lines.into_iter().map(|line| view! { <li>{line}</li> }).collect_view();
            view! {
                <div class="fp-banner fp-banner-info" role="group" aria-label=text::THIS_EDIT_CHANGES>
                    <strong>{text::THIS_EDIT_CHANGES}</strong><ul>{items}</ul>
                </div>
            }
        })
    };
    view! { <p class="fp-hidden" role="status">{said}</p> {list} }.into_any()
}

/// What differs between two payloads, in words and path by path: in two whole ones nobody finds it.
pub(crate) fn payload_changes(old: &str, new: &str) -> Vec<String> {
    if old == new {
        return Vec::new();
    }
    let diff = diff::between(old, new);
    let end = |value: Option<String>| value.unwrap_or_else(|| text::NOTHING.into());
    let mut lines: Vec<String> = diff
        .changes
        .into_iter()
        .map(|change| text::changed(&text::in_the_payload(&change.path), &end(change.old), &end(change.new)))
        .collect();
    if lines.is_empty() {
        lines.push(text::THE_PAYLOAD_IS_WRITTEN_OTHERWISE.into());
    }
    if diff.left_out > 0 {
        lines.push(text::more_of_the_payload(diff.left_out));
    }
    lines
}

/// What somebody else changed meanwhile, and both ways out of it.
pub(crate) fn conflict(
    title: &'static str,
    items: AnyView,
    keep: impl Fn() + 'static,
    give: impl Fn() + 'static,
) -> AnyView {
    view! {
        <div class="fp-banner fp-banner-warn" role="alert">
            <strong>{title}</strong>
            <ul>{items}</ul>
            <div class="fp-actions">
                <button type="button" on:click=move |_| keep()>{text::SAVE_MINE_ON_TOP}</button>
                <button type="button" on:click=move |_| give()>{text::TAKE_THEIRS}</button>
            </div>
        </div>
    }
    .into_any()
}

/// Names and what they have, as a list.
pub(crate) fn facts(rows: Vec<(&'static str, AnyView)>) -> AnyView {
    let rows = rows
        .into_iter()
        .map(|(name, value)| view! { <div><dt>{name}</dt><dd>{value}</dd></div> })
        .collect_view();
    view! { <dl class="fp-facts">{rows}</dl> }.into_any()
}
