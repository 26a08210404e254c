//! The panel around its pages: navigation, what is live, who is here, and where we are.

pub(crate) mod browser;
pub(crate) mod context;
pub(crate) mod focus;
pub(crate) mod keys;
mod live;
mod memo;
pub(crate) mod remote;
mod shell;
mod stopped;

pub(crate) use context::{Ctx, Live, Question};
pub(crate) use memo::memo;
pub(crate) use remote::{Doing, Pending, Remote};
pub use stopped::show_panics;

use crate::ipc::QueueIpc;
use crate::model::route::Place;
use browser::Listener;
use leptos::mount::mount_to;
use leptos::prelude::*;
use std::rc::Rc;
use wasm_bindgen::JsCast as _;

/// Mission Control. Fills the element that it is mounted into.
#[component]
#[allow(clippy::needless_pass_by_value, reason = "properties of a component are values")]
pub fn Panel(
    /// The way to the queue.
    ipc: Rc<dyn QueueIpc>,
    /// The path below which the panel has its addresses, such as `/panel`; empty: it has all of the origin.
    #[prop(into)]
    base: String,
) -> impl IntoView {
    let path = browser::window().map(|w| w.location());
    let (at, search) = path.map_or_else(Default::default, |location| {
        (location.pathname().unwrap_or_default(), location.search().unwrap_or_default())
    });
    let place = Place::parse(&base, &at, &search);
    let ctx = Ctx::new(ipc, base, place);
    if let Some(window) = browser::window() {
        let back = Listener::new(window.into(), "popstate", move |_| {
            ctx.went.set_value(false);
            ctx.place.set(ctx.here());
        });
        let _keep = StoredValue::new_local(back);
    }
    keys::listen(ctx);
    live::start(ctx);
    focus::keep();
    shell::shell(ctx)
}

/// Mounts a panel into an element, for as long as the page lives.
///
/// ```no_run
/// use forge_jobs_ui::ipc::ApiIpc;
/// use forge_jobs_ui::mount;
/// use std::rc::Rc;
///
/// fn show(into: web_sys::HtmlElement) {
///     mount(into, Rc::new(ApiIpc::http("/api/v1")), "/panel");
/// }
/// ```
pub fn mount(into: web_sys::HtmlElement, ipc: Rc<dyn QueueIpc>, base: impl Into<String>) {
    let base = base.into();
    mount_to(into, move || view! { <Panel ipc base/> }).forget();
}

/// Where a click on a link leads, if that is a place of the panel and the click is a plain one.
fn followed(event: &web_sys::MouseEvent, base_href: &str) -> Option<(String, String)> {
    if event.default_prevented()
        || event.button() != 0
        || event.meta_key()
        || event.ctrl_key()
        || event.shift_key()
        || event.alt_key()
    {
        return None;
    }
    let target = event.target()?.dyn_into::<web_sys::Element>().ok()?;
    let link: web_sys::HtmlAnchorElement = target.closest("a[href]").ok()??.dyn_into().ok()?;
    if !link.target().is_empty() || link.has_attribute("download") {
        return None;
    }
    let location = browser::window()?.location();
    let ours = link.origin() == location.origin().ok()? && link.pathname().starts_with(base_href);
    // A link within the page is the browser's own.
    (ours && link.hash().is_empty()).then(|| (link.pathname(), link.search()))
}
