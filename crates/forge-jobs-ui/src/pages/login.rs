//! Who are you?

use crate::app::{Ctx, Doing};
use crate::parts;
use crate::text;
use leptos::prelude::*;

pub(crate) fn page(ctx: Ctx) -> AnyView {
    match ctx.ipc().login_page() {
        Some(address) => lead_to(address.to_owned()),
        None => ask(ctx),
    }
}

/// To the host's own login. By a link, and not at once: what stands on the page may be wanted still.
fn lead_to(address: String) -> AnyView {
    // With a target the link is the browser's, also below a panel that has all of the origin.
    view! {
        <div class="fp-login">
            <h1 class="fp-h1">{text::LOG_IN}</h1>
            <p>{text::NOBODY_IS_LOGGED_IN}</p>
            <p><a href=address target="_self">{text::LOG_IN}</a></p>
        </div>
    }
    .into_any()
}

/// For a token.
fn ask(ctx: Ctx) -> AnyView {
    let token = RwSignal::new(String::new());
    let doing = Doing::new(ctx);
    let send = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        let ipc = ctx.ipc();
        let given = token.get_untracked().trim().to_owned();
        let answer = Box::pin(async move { ipc.log_in(&given).await });
        doing.run(answer, move |me| {
            token.set(String::new());
            ctx.me.set(Some(me));
            ctx.login.set(false);
        });
    };
    view! {
        <form class="fp-login" aria-label=text::LOG_IN on:submit=send>
            <h1 class="fp-h1">{text::LOG_IN}</h1>
            <p>{text::THIS_SERVER_WANTS_TO_KNOW} <code>{text::FORGE_TOKEN}</code> "."</p>
            <label class="fp-field">
                <span>{text::TOKEN}</span>
                <input type="password" autocomplete="current-password" required=true prop:value=token
                    on:input=move |e| token.set(crate::app::browser::value_of(&e))/>
            </label>
            <div class="fp-actions">{parts::submit(text::LOG_IN, move || doing.busy.get(), None)}</div>
            {parts::doing_error(doing)}
        </form>
    }
    .into_any()
}
