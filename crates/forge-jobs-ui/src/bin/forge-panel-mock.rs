//! The panel on a queue that is made up: for looking at, and for tests.

use forge_jobs_ui::ipc::MockIpc;
use std::rc::Rc;
use wasm_bindgen::JsCast as _;

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
        forge_jobs_ui::mount(place, Rc::new(MockIpc::new()), base);
    }
}
