//! The panel on a queue that is made up: for looking at, and for tests.

use forge_jobs_ui::ipc::MockIpc;
use std::rc::Rc;
use wasm_bindgen::JsCast as _;
use wasm_bindgen::closure::Closure;

/// Panics when the page has the event `forge-panic`: what a failure of the panel itself looks like.
fn fail_when_told() {
    let told = Closure::<dyn Fn()>::new(|| panic!("the page was told to fail"));
    if let Some(window) = web_sys::window() {
        // The event is not among those that a window may refuse.
        let _ = window.add_event_listener_with_callback("forge-panic", told.as_ref().unchecked_ref());
    }
    told.forget();
}

fn main() {
    if !cfg!(target_arch = "wasm32") {
        println!("the panel is a page: `cargo xtask panel` builds it");
        return;
    }
    let document = web_sys::window().and_then(|window| window.document());
    let place = document.and_then(|document| document.get_element_by_id("forge-panel"));
    if let Some(place) = place.and_then(|place| place.dyn_into::<web_sys::HtmlElement>().ok()) {
        let base = place.get_attribute("data-base").unwrap_or_default();
        place.set_text_content(None);
        forge_jobs_ui::show_panics();
        fail_when_told();
        forge_jobs_ui::mount(place, Rc::new(MockIpc::new()), base);
    }
}
