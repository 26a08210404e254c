//! Keeps the focus where a person has left it. Views are drawn anew when what they show changes, and forms come and go: what
//! had the focus is gone then, and the browser begins at the top of the page. So the same thing is looked for again, then
//! what stands in its place, then what had opened the form that is gone.

use super::browser::{self, Listener, sleep};
use leptos::prelude::*;
use leptos::task::spawn_local;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use wasm_bindgen::JsCast as _;
use wasm_bindgen::closure::Closure;
use web_sys::{Element, HtmlElement, MouseEvent, MutationObserver, MutationObserverInit};

/// What can have the focus.
const ABLE: &str = "a[href],button,input,select,textarea,summary,[tabindex=\"0\"]";
/// What such things stand in.
const PLACES: &str = "tr,li,section,form,dialog,table,nav,[role=group],[role=search]";

/// What has the focus, and what is known of it when it is gone.
#[derive(Clone)]
struct Held {
    element: HtmlElement,
    /// What it is, and which of those.
    name: String,
    nth: usize,
    /// The places that it stands in, the closest first, and which of the things in each it is.
    within: Vec<(String, usize)>,
}

thread_local! {
    /// Whether a button of the mouse, or a finger, is down.
    static PRESSED: Cell<bool> = const { Cell::new(false) };
    static HELD: RefCell<Option<Held>> = const { RefCell::new(None) };
    /// What opened a form, by the form's name.
    static OPENED_BY: RefCell<HashMap<String, Held>> = RefCell::new(HashMap::new());
}

/// Begins to watch. It ends with the page.
pub(super) fn keep() {
    let Some(document) = browser::document() else { return };
    let came = Listener::new(document.clone().into(), "focusin", |event| {
        let element = event.target().and_then(|t| t.dyn_into::<HtmlElement>().ok());
        HELD.set(element.and_then(held));
    });
    // Who leaves it for nothing, as by a click beside it, wants it back no more.
    let left = Listener::new(document.clone().into(), "focusout", |_| {
        spawn_local(async {
            sleep(0).await;
            let is_left = HELD.with_borrow(|held| held.as_ref().is_some_and(|held| is_able(&held.element)));
            if is_left && is_nowhere() {
                HELD.set(None);
            }
        });
    });
    let pressed = ["pointerdown", "pointerup", "pointercancel", "pointermove", "contextmenu"].map(|name| {
        Listener::new(document.clone().into(), name, move |event| match name {
            "pointerdown" => PRESSED.set(true),
            // Of a button that was let go outside the window this is what tells.
            "pointermove" if event.dyn_ref::<MouseEvent>().is_some_and(|mouse| mouse.buttons() != 0) => {}
            _ => PRESSED.set(false),
        })
    });
    let changed = Closure::<dyn FnMut()>::new(|| {
        if is_lost() {
            spawn_local(async {
                // What comes in its place comes in the same turn.
                sleep(0).await;
                if is_lost() {
                    find_again();
                }
            });
        }
    });
    if let (Ok(observer), Some(body)) =
        (MutationObserver::new(changed.as_ref().unchecked_ref()), document.body())
    {
        let what = MutationObserverInit::new();
        what.set_child_list(true);
        what.set_subtree(true);
        what.set_attributes(true);
        what.set_attribute_filter(&js_sys::Array::of2(&"hidden".into(), &"disabled".into()));
        // Refused only without anything to watch.
        let _ = observer.observe_with_options(&body, &what);
    }
    changed.forget();
    let _keep = StoredValue::new_local((came, left, pressed));
}

/// Waits while something is being pressed: a click begins and ends on the same thing, and is none if that was drawn anew in
/// between. Five seconds at most: not every end of a press is told.
pub(super) async fn released() {
    const LOOK: i32 = 30;
    for _ in 0..5_000 / LOOK {
        if !PRESSED.get() {
            return;
        }
        sleep(LOOK).await;
    }
    PRESSED.set(false);
}

/// The first field of a form that has just been opened; what opened it has the focus again when the form is gone.
pub(crate) fn step_into(form: &HtmlElement) {
    let name = name_of_place(form);
    if let Some(held) = HELD.with_borrow(Clone::clone) {
        OPENED_BY.with_borrow_mut(|all| all.insert(name, held));
    }
    focus(able_in(form).first());
}

fn focus(element: Option<&HtmlElement>) -> bool {
    element.is_some_and(|element| element.focus().is_ok())
}

fn is_able(element: &HtmlElement) -> bool {
    element.is_connected() && element.offset_width() > 0 && !element.has_attribute("disabled")
}

/// Whether nothing has the focus.
fn is_nowhere() -> bool {
    browser::document().and_then(|d| d.active_element()).is_none_or(|e| e.tag_name() == "BODY")
}

/// Whether what had the focus can have it no more.
fn is_lost() -> bool {
    HELD.with_borrow(|held| {
        let Some(held) = held else { return false };
        let active = browser::document().and_then(|d| d.active_element());
        let element: &Element = &held.element;
        !is_able(&held.element) && (is_nowhere() || active.as_ref() == Some(element))
    })
}

fn held(element: HtmlElement) -> Option<Held> {
    element.closest(".fp").ok()??;
    let name = name_of(&element);
    let at = |place: &Element| able_in(place).iter().position(|other| *other == element).unwrap_or(0);
    let root = root()?;
    let nth = able_in(&root).iter().filter(|other| name_of(other) == name).position(|o| *o == element);
    let mut within = Vec::new();
    let mut next = element.parent_element();
    while let Some(place) = next.and_then(|e| e.closest(PLACES).ok().flatten()) {
        within.push((name_of_place(&place), at(&place)));
        next = place.parent_element();
    }
    Some(Held { nth: nth.unwrap_or(0), element, name, within })
}

/// The dialog that is open, or the whole panel.
fn root() -> Option<HtmlElement> {
    let document = browser::document()?;
    let open = document.query_selector("dialog[open]").ok().flatten();
    open.or_else(|| document.query_selector(".fp").ok().flatten())?.dyn_into().ok()
}

fn all(within: &Element, what: &str) -> Vec<HtmlElement> {
    let Ok(found) = within.query_selector_all(what) else { return Vec::new() };
    (0..found.length()).filter_map(|at| found.item(at)?.dyn_into().ok()).collect()
}

fn able_in(place: &Element) -> Vec<HtmlElement> {
    let mut found = all(place, ABLE);
    found.retain(is_able);
    found
}

/// The same for the thing before and after it was drawn anew.
fn name_of(element: &Element) -> String {
    let given = ["aria-label", "href", "id"].iter().find_map(|name| element.get_attribute(name));
    format!("{} {}", element.tag_name(), given.unwrap_or_else(|| element.text_content().unwrap_or_default()))
}

fn name_of_place(place: &Element) -> String {
    let first = || place.query_selector("a[href]").ok().flatten().and_then(|link| link.get_attribute("href"));
    let given = place.get_attribute("aria-label").or_else(first).unwrap_or_default();
    format!("{} {given}", place.tag_name())
}

fn find_again() {
    let Some(lost) = HELD.take() else { return };
    let Some(root) = root() else { return };
    if same(&root, &lost) || in_its_place(&root, &lost) {
        return;
    }
    let opener = lost.within.iter().find_map(|(name, _)| OPENED_BY.with_borrow_mut(|all| all.remove(name)));
    if opener.is_some_and(|opener| same(&root, &opener) || in_its_place(&root, &opener)) {
        return;
    }
    if root.tag_name() == "DIALOG" {
        focus(able_in(&root).first());
    } else {
        browser::focus("#fp-main");
    }
}

fn same(root: &Element, lost: &Held) -> bool {
    let found: Vec<_> = able_in(root).into_iter().filter(|e| name_of(e) == lost.name).collect();
    focus(found.get(lost.nth).or_else(|| found.last()))
}

fn in_its_place(root: &Element, lost: &Held) -> bool {
    lost.within.iter().any(|(name, at)| {
        let places = all(root, PLACES).into_iter().filter(|place| name_of_place(place) == *name);
        places.map(|place| able_in(&place)).any(|able| focus(able.get(*at).or_else(|| able.last())))
    })
}
