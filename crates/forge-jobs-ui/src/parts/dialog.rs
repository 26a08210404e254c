//! What is asked before something is done, and the sheet of keys.

use crate::app::{Ctx, browser, keys};
use crate::model::route::Tab;
use crate::text;
use leptos::html::Dialog;
use leptos::prelude::*;

/// A dialog that is open while the signal says so. The browser keeps the focus in it, and closes it with Esc.
pub(crate) fn modal(
    open: Signal<bool>,
    close: Callback<()>,
    label: Signal<String>,
    inside: impl IntoView + 'static,
) -> AnyView {
    let node = NodeRef::<Dialog>::new();
    Effect::new(move |_| {
        let (Some(dialog), open) = (node.get(), open.get()) else { return };
        if open && !dialog.open() {
            // One that is not in the page yet cannot be shown: it is by now.
            let _ = dialog.show_modal();
        } else if !open && dialog.open() {
            dialog.close();
        }
    });
    // The browser tells of it later: by then it may be open again, or its page may be gone.
    let closed = move |_| {
        if node.try_get_untracked().flatten().is_none_or(|dialog| !dialog.open()) {
            let _ = close.try_run(());
        }
    };
    view! {
        <dialog node_ref=node class="fp-dialog" aria-label=move || label.get() on:close=closed>{inside}</dialog>
    }
    .into_any()
}

/// The question that is open.
pub(crate) fn question(ctx: Ctx) -> AnyView {
    let typed = RwSignal::new(String::new());
    let open = Signal::derive(move || ctx.question.with(Option::is_some));
    let close = Callback::new(move |()| {
        ctx.question.set(None);
        typed.set(String::new());
    });
    let inside = move || {
        ctx.question.get().map(|question| {
            let wanted = question.typed.clone();
            let off = {
                let wanted = wanted.clone();
                move || wanted.as_ref().is_some_and(|wanted| typed.with(|typed| typed.trim() != wanted))
            };
            let field = wanted.map(|wanted| {
                view! {
                    <label class="fp-field">
                        <span>{text::TYPE} <b>{wanted}</b> {text::TO_GO_ON}</span>
                        <input type="text" autocomplete="off" prop:value=typed on:input=move |e| typed.set(browser::value_of(&e))/>
                    </label>
                }
            });
            let then = question.then;
            let yes = move |_| {
                close.run(());
                then();
            };
            let class = if question.danger { "fp-danger" } else { "fp-primary" };
            view! {
                <h2>{question.title}</h2>
                <p>{question.text}</p>
                {field}
                <div class="fp-actions">
                    <button type="button" on:click=move |_| close.run(())>{text::BACK}</button>
                    <button type="button" class=class disabled=off on:click=yes>{question.yes}</button>
                </div>
            }
        })
    };
    let title = Signal::derive(move || {
        ctx.question
            .with(|question| question.as_ref().map_or_else(String::new, |question| question.title.clone()))
    });
    modal(open, close, title, inside)
}

/// The sheet of keys.
pub(crate) fn help(ctx: Ctx) -> AnyView {
    let close = Callback::new(move |()| ctx.help.set(false));
    let row = |key: String, what: &'static str| view! { <tr><th scope="row"><kbd>{key}</kbd></th><td>{what}</td></tr> };
    let go = keys::GO.map(|(key, tab)| row(format!("g {key}"), Tab::name(tab))).collect_view();
    let others = keys::OTHERS.map(|(key, what)| row(key.into(), what)).collect_view();
    let inside = view! {
        <h2>{text::KEYS}</h2>
        <div class="fp-keys">
            <table><caption>{text::PAGES}</caption><tbody>{go}</tbody></table>
            <table><caption>{text::EVERYWHERE}</caption><tbody>{others}</tbody></table>
        </div>
        <p class="fp-small">{text::THEY_REST_WHILE_YOU_TYPE_CHARTS}</p>
        <label class="fp-check"><input type="checkbox" aria-describedby="fp-keys-hint" prop:checked=ctx.keys
            on:change=move |_| keys::toggle_keys(ctx)/>{text::SINGLE_CHARACTERS_ARE_KEYS}</label>
        <p class="fp-hint" id="fp-keys-hint">{text::WITHOUT_THEM}</p>
        <div class="fp-actions"><button type="button" on:click=move |_| close.run(())>{text::CLOSE}</button></div>
    };
    modal(ctx.help.into(), close, Signal::stored(text::KEYS.to_owned()), inside)
}
