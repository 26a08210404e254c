//! What is asked of the browser.

use crate::model::time;
use wasm_bindgen::JsCast as _;
use wasm_bindgen::JsValue;
use wasm_bindgen::closure::Closure;
use web_sys::{Document, Element, EventTarget, HtmlElement, Window};

pub(crate) fn window() -> Option<Window> {
    web_sys::window()
}

pub(crate) fn document() -> Option<Document> {
    window()?.document()
}

/// Microseconds since 1970, by the clock of this computer.
pub(crate) fn now() -> i64 {
    whole(js_sys::Date::now()) * 1_000
}

#[expect(clippy::cast_possible_truncation, reason = "a float becomes the closest whole number there is")]
pub(crate) const fn whole(value: f64) -> i64 {
    value as i64
}

#[expect(clippy::cast_precision_loss, reason = "times and counts up to 2^53 are exact")]
pub(crate) const fn wide(value: i64) -> f64 {
    value as f64
}

/// A moment in the browser's zone: `2026-11-24 09:00:00`, with its offset from UTC where that is not the one of now. When
/// clocks are put back an hour comes twice.
pub(crate) fn local(micros: i64) -> String {
    let (text, offset) = clock(micros);
    if offset == clock(now()).1 { text } else { with_offset(&text, offset) }
}

/// The same with its offset in any case.
pub(crate) fn exact(micros: i64) -> String {
    let (text, offset) = clock(micros);
    with_offset(&text, offset)
}

fn with_offset(text: &str, offset: i64) -> String {
    format!("{text} {}", time::offset_text(offset))
}

/// What clocks in the browser's zone say, and how many minutes they are ahead of UTC then.
fn clock(micros: i64) -> (String, i64) {
    let date = js_sys::Date::new(&JsValue::from_f64(wide(micros / 1_000)));
    let text = format!(
        "{:04}-{:02}-{:02} {:02}:{:02}:{:02}",
        date.get_full_year(),
        date.get_month() + 1,
        date.get_date(),
        date.get_hours(),
        date.get_minutes(),
        date.get_seconds()
    );
    (text, -whole(date.get_timezone_offset()))
}

/// The moment that somebody typed: as it travels, or what clocks in the browser's zone say then, `2026-11-24 09:00`.
pub(crate) fn typed(text: &str) -> Option<String> {
    let text = text.trim();
    if time::micros(text).is_some() {
        return Some(text.to_owned());
    }
    // A text without an offset is of this zone (ECMA-262, §21.4.3.2).
    let millis = js_sys::Date::parse(&time::wall(text)?);
    millis.is_finite().then(|| time::rfc3339(whole(millis) * 1_000))
}

/// The browser's zone: `Europe/Berlin`.
pub(crate) fn zone() -> Option<String> {
    let format = js_sys::Intl::DateTimeFormat::new(&js_sys::Array::new(), &js_sys::Object::new());
    js_sys::Reflect::get(&format.resolved_options(), &"timeZone".into()).ok()?.as_string()
}

/// Something the browser keeps for the next visit. Where it keeps nothing, nothing is remembered.
pub(crate) fn remembered(key: &str) -> Option<String> {
    window()?.local_storage().ok()??.get_item(&format!("forge-panel.{key}")).ok()?
}

pub(crate) fn remember(key: &str, value: &str) {
    if let Some(storage) = window().and_then(|w| w.local_storage().ok().flatten()) {
        // A full or forbidden storage keeps nothing: the setting holds until the page goes.
        let _ = storage.set_item(&format!("forge-panel.{key}"), value);
    }
}

/// A listener that goes with this value.
pub(crate) struct Listener {
    target: EventTarget,
    name: &'static str,
    callback: Closure<dyn FnMut(web_sys::Event)>,
}

impl Listener {
    pub(crate) fn new(
        target: EventTarget,
        name: &'static str,
        heard: impl FnMut(web_sys::Event) + 'static,
    ) -> Self {
        let callback = Closure::new(heard);
        // Names of events are accepted whatever they are.
        let _ = target.add_event_listener_with_callback(name, callback.as_ref().unchecked_ref());
        Self { target, name, callback }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let _ = self
            .target
            .remove_event_listener_with_callback(self.name, self.callback.as_ref().unchecked_ref());
    }
}

/// Scrolls a line sideways, and nothing else, until what is marked as current in it is in the middle.
pub(crate) fn bring_into_line(line: &HtmlElement) {
    let Ok(Some(current)) = line.query_selector("[aria-current]") else { return };
    let (line_at, at) = (line.get_bounding_client_rect(), current.get_bounding_client_rect());
    let off = (at.left() + at.width() / 2.0) - (line_at.left() + line_at.width() / 2.0);
    // Whole pixels, far fewer than an i32 holds.
    line.set_scroll_left(line.scroll_left().saturating_add(whole_px(off)));
}

#[expect(clippy::cast_possible_truncation, reason = "a float beyond an i32 becomes the nearest one")]
const fn whole_px(pixels: f64) -> i32 {
    pixels as i32
}

/// Waits.
pub(crate) async fn sleep(ms: i32) {
    let promise = js_sys::Promise::new(&mut |resolve, _| {
        if let Some(window) = window() {
            // Without a timer it resolves never, and the page is gone anyway.
            let _ = window.set_timeout_with_callback_and_timeout_and_arguments_0(&resolve, ms);
        }
    });
    let _ = wasm_bindgen_futures::JsFuture::from(promise).await;
}

/// Puts a text on the clipboard; where that is not allowed, as without HTTPS, the old way.
pub(crate) async fn copy(text: &str) -> bool {
    let Some(window) = window() else { return false };
    if window.is_secure_context() {
        let promise = window.navigator().clipboard().write_text(text);
        if wasm_bindgen_futures::JsFuture::from(promise).await.is_ok() {
            return true;
        }
    }
    copy_by_hand(text).unwrap_or(false)
}

fn copy_by_hand(text: &str) -> Option<bool> {
    let document = document()?;
    let area: web_sys::HtmlTextAreaElement = document.create_element("textarea").ok()?.dyn_into().ok()?;
    area.set_value(text);
    area.set_class_name("fp-hidden");
    let body = document.body()?;
    body.append_child(&area).ok()?;
    area.select();
    let html: web_sys::HtmlDocument = document.dyn_into().ok()?;
    let done = html.exec_command("copy").unwrap_or(false);
    area.remove();
    Some(done)
}

/// Whether a key belongs to what has the focus: something is being typed, or chosen.
pub(crate) fn is_typing(target: Option<EventTarget>) -> bool {
    let Some(element) = target.and_then(|t| t.dyn_into::<Element>().ok()) else { return false };
    let tag = element.tag_name();
    matches!(tag.as_str(), "INPUT" | "TEXTAREA" | "SELECT")
        || element.closest("[role=application],dialog").ok().flatten().is_some()
}

pub(crate) fn focus(selector: &str) -> bool {
    let found = document().and_then(|d| d.query_selector(selector).ok().flatten());
    found.and_then(|e| e.dyn_into::<HtmlElement>().ok()).is_some_and(|e| e.focus().is_ok())
}

/// The value of a field that an event comes from.
pub(crate) fn value_of(event: &web_sys::Event) -> String {
    let Some(target) = event.target() else { return String::new() };
    let target = match target.dyn_into::<web_sys::HtmlInputElement>() {
        Ok(input) => return input.value(),
        Err(other) => other,
    };
    let target = match target.dyn_into::<web_sys::HtmlSelectElement>() {
        Ok(select) => return select.value(),
        Err(other) => other,
    };
    target.dyn_into::<web_sys::HtmlTextAreaElement>().map(|area| area.value()).unwrap_or_default()
}

/// Whether the page is in front.
pub(crate) fn is_visible() -> bool {
    document().is_none_or(|d| d.visibility_state() != web_sys::VisibilityState::Hidden)
}
