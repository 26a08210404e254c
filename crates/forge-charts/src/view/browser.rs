//! What is asked of the browser: its zone, sizes, and the words of its events.

use crate::interact::{Event, Key, Pointer};
use crate::time::Zone;
use wasm_bindgen::JsCast as _;
use wasm_bindgen::closure::Closure;
use web_sys::{Element, KeyboardEvent, MouseEvent, PointerEvent, ResizeObserver, WheelEvent};

/// The browser's own zone, as its `Date` tells it between two seconds since 1970. No data of zones is needed.
///
/// Works in a browser only.
#[must_use]
pub fn zone(from: i64, to: i64) -> Zone {
    Zone::probe(from, to, |second| {
        let moment = wasm_bindgen::JsValue::from_f64(crate::num::wide(second) * 1000.0);
        let minutes = js_sys::Date::new(&moment).get_timezone_offset();
        i32::try_from(crate::num::whole((-minutes * 60.0).round())).unwrap_or(0)
    })
}

/// Watches the width of an element until it is dropped.
pub(super) struct Watch {
    observer: ResizeObserver,
    _callback: Closure<dyn FnMut()>,
}

impl Watch {
    /// Calls back with the width in pixels, soon and when it changes, at most once a frame.
    pub(super) fn width(element: &Element, mut changed: impl FnMut(f64) + 'static) -> Option<Self> {
        let watched = element.clone();
        let callback = Closure::<dyn FnMut()>::new(move || changed(f64::from(watched.client_width())));
        let observer = ResizeObserver::new(callback.as_ref().unchecked_ref()).ok()?;
        observer.observe(element);
        Some(Self { observer, _callback: callback })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.observer.disconnect();
    }
}

/// Where an event is, in pixels of a picture of this width, however large the page shows it.
pub(super) fn place(event: &MouseEvent, stage: &Element, width: f64) -> (f64, f64) {
    let area = stage.get_bounding_client_rect();
    let scale = if area.width() > 0.0 { width / area.width() } else { 1.0 };
    let (x, y) = (f64::from(event.client_x()), f64::from(event.client_y()));
    ((x - area.left()) * scale, (y - area.top()) * scale)
}

/// A pointer in the words of the charts.
pub(super) fn pointer(event: &PointerEvent, stage: &Element, width: f64) -> Pointer {
    let (x, y) = place(event, stage, width);
    Pointer { id: event.pointer_id(), x, y, touch: event.pointer_type() == "touch", shift: event.shift_key() }
}

/// A turn of the wheel: zooming with Ctrl or ⌘, as trackpads say pinching; sideways it moves the range. Else it is the
/// page's.
pub(super) fn wheel(event: &WheelEvent, stage: &Element, width: f64) -> Option<Event> {
    // Lines and pages instead of pixels.
    let unit = match event.delta_mode() {
        1 => 16.0,
        2 => 400.0,
        _ => 1.0,
    };
    let (dx, dy) = (event.delta_x() * unit, event.delta_y() * unit);
    if event.ctrl_key() || event.meta_key() {
        return Some(Event::WheelZoom(place(event, stage, width).0, dy));
    }
    if event.shift_key() && dx == 0.0 {
        return Some(Event::WheelPan(dy));
    }
    (dx.abs() > dy.abs()).then_some(Event::WheelPan(dx))
}

/// A key that means something here. With Ctrl, ⌘ or Alt it means something else to the browser.
pub(super) fn key(event: &KeyboardEvent) -> Option<Event> {
    if event.ctrl_key() || event.meta_key() || event.alt_key() {
        return None;
    }
    let key = match event.key().as_str() {
        "ArrowLeft" => Key::Left,
        "ArrowRight" => Key::Right,
        "PageUp" => Key::PageUp,
        "PageDown" => Key::PageDown,
        "Home" => Key::Home,
        "End" => Key::End,
        "+" | "=" => Key::Plus,
        "-" | "_" => Key::Minus,
        "0" => Key::Zero,
        "Backspace" => Key::Backspace,
        "Enter" | " " => Key::Enter,
        "Escape" => Key::Escape,
        _ => return None,
    };
    Some(Event::Key(key, event.shift_key()))
}
