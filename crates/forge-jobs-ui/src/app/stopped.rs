//! What is shown when the panel itself has failed: without it a page stands still, and looks as if nothing had happened.

use super::browser;
use crate::text;
use wasm_bindgen::JsValue;

/// Tells of panics from now on: on the page, above everything, and with their place in the console of the browser.
///
/// A program has one hook for panics: for pages that are the panel alone. Other hosts keep their own.
pub fn show_panics() {
    std::panic::set_hook(Box::new(|panic| {
        web_sys::console::error_1(&JsValue::from_str(&panic.to_string()));
        // A page without a body has nobody who reads it.
        let _ = show();
    }));
}

/// By the document alone: signals and views may be what has failed.
fn show() -> Option<()> {
    let document = browser::document()?;
    if document.query_selector(".fp-stopped").ok()?.is_some() {
        return None;
    }
    let banner = document.create_element("div").ok()?;
    banner.set_class_name("fp-banner fp-banner-bad fp-stopped");
    banner.set_attribute("role", "alert").ok()?;
    let told = document.create_element("strong").ok()?;
    told.set_text_content(Some(text::THE_PANEL_HAS_STOPPED));
    let again = document.create_element("a").ok()?;
    again.set_text_content(Some(text::RELOAD));
    // An empty address is this page, and with a target the link is the browser's.
    again.set_attribute("href", "").ok()?;
    again.set_attribute("target", "_self").ok()?;
    banner.append_child(&told).ok()?;
    banner.append_child(&again).ok()?;
    let place = document.query_selector(".fp").ok()?.or_else(|| document.body().map(Into::into))?;
    place.prepend_with_node_1(&banner).ok()
}
