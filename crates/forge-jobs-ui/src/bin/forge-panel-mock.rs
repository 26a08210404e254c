//! The panel on a queue that is made up: for looking at, and for tests.

use forge_jobs_ui::ipc::{MockIpc, QueueIpc as _};
use serde_json::value::RawValue;
use std::rc::Rc;
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast as _, JsValue};

/// Panics when the page has the event `forge-panic`: what a failure of the panel itself looks like.
fn fail_when_told() {
    let told = Closure::<dyn Fn()>::new(|| panic!("the page was told to fail"));
    if let Some(window) = web_sys::window() {
        // The event is not among those that a window may refuse.
        let _ = window.add_event_listener_with_callback("forge-panic", told.as_ref().unchecked_ref());
    }
    told.forget();
}

/// What somebody else does to the queue meanwhile: `window.somebody("queue", "mail", "{…}")`, a promise.
fn let_somebody_else_in(ipc: &MockIpc) {
    let ipc = ipc.clone();
    let told = Closure::<dyn Fn(String, String, String) -> js_sys::Promise>::new(
        move |what: String, which: String, text: String| {
            let ipc = ipc.clone();
            wasm_bindgen_futures::future_to_promise(async move {
                act(&ipc, &what, &which, &text).await.map_err(|e| JsValue::from_str(&e))?;
                Ok(JsValue::UNDEFINED)
            })
        },
    );
    if let Some(window) = web_sys::window() {
        // A window takes any property.
        let _ = js_sys::Reflect::set(&window, &"somebody".into(), told.as_ref());
    }
    told.forget();
}

#[expect(clippy::future_not_send, reason = "a page has one thread")]
async fn act(ipc: &MockIpc, what: &str, which: &str, text: &str) -> Result<(), String> {
    let read = |e: serde_json::Error| e.to_string();
    let answer = match what {
        "enqueue" => {
            for line in serde_json::from_str::<Vec<Box<RawValue>>>(text).map_err(read)? {
                let line = serde_json::from_str(line.get()).map_err(read)?;
                ipc.enqueue(&line, "").await.map_err(|e| e.message())?;
            }
            return Ok(());
        }
        "queue" => {
            let version = ipc.queue(which).await.map_err(|e| e.message())?.version;
            ipc.edit_queue(which, version, &serde_json::from_str(text).map_err(read)?).await.map(drop)
        }
        "job" => {
            let version = ipc.job(which).await.map_err(|e| e.message())?.version;
            ipc.edit_job(which, version, &serde_json::from_str(text).map_err(read)?).await.map(drop)
        }
        "schedule" => ipc.put_schedule(which, &serde_json::from_str(text).map_err(read)?).await.map(drop),
        "declare" => ipc.declare(which),
        "limit" => ipc.set_limit(which, None, &serde_json::from_str(text).map_err(read)?).await.map(drop),
        other => return Err(format!("nobody does {other:?}")),
    };
    answer.map_err(|e| e.message())
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
        let ipc = MockIpc::new();
        let_somebody_else_in(&ipc);
        forge_jobs_ui::mount(place, Rc::new(ipc), base);
    }
}
