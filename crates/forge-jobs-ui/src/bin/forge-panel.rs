//! The panel as `forge serve` has it: over HTTP, in the element `forge-panel` of the page. In a window of Tauri it asks
//! the program around it.

use forge_jobs_ui::ipc::ApiIpc;
use std::rc::Rc;
use wasm_bindgen::JsCast as _;

fn main() {
    if !cfg!(target_arch = "wasm32") {
        println!("the panel is a page: `cargo xtask panel` builds it, and `forge serve` has it then");
        return;
    }
    let document = web_sys::window().and_then(|window| window.document());
    let place = document.and_then(|document| document.get_element_by_id("forge-panel"));
    if let Some(place) = place.and_then(|place| place.dyn_into::<web_sys::HtmlElement>().ok()) {
        let base = place.get_attribute("data-base").unwrap_or_default();
        let api = place.get_attribute("data-api").unwrap_or_else(|| "/api/v1".into());
        let ipc = ApiIpc::tauri().unwrap_or_else(|| {
            let ipc = ApiIpc::http(api);
            match place.get_attribute("data-login") {
                Some(page) => ipc.with_login_page(page),
                None => ipc,
            }
        });
        place.set_text_content(None);
        forge_jobs_ui::show_panics();
        forge_jobs_ui::mount(place, Rc::new(ipc), base);
    }
}
