//! One chart on a page: what is shown, the elements that show it, and the way of an event through both.

use super::browser::{self, Watch};
use super::dom::{child, draw, dress};
use super::group::Group;
use super::page::{self, Around};
use crate::chart::Chart;
use crate::interact::{Effect, Event, Pointer, State, Tip, overlay, reduce};
use crate::scene::{Node, Scene};
use leptos::prelude::*;
use std::cell::RefCell;
use std::rc::{Rc, Weak};
use wasm_bindgen::JsCast as _;
use wasm_bindgen::closure::Closure;
use web_sys::{Element, HtmlElement, KeyboardEvent, MouseEvent, PointerEvent, WheelEvent};

type Range = Option<(f64, f64)>;
/// The group, the range where the host decides it, and whom to tell of a zoom.
type Ties = (Option<Group>, Option<Signal<Range>>, Option<Callback<Range>>);

/// Two taps within this many milliseconds are a double tap.
const DOUBLE_TAP: f64 = 300.0;
/// The events of the stage, by which the chart is pointed at.
const OF_STAGE: [&str; 7] =
    ["pointermove", "pointerdown", "pointerup", "pointercancel", "pointerleave", "wheel", "dblclick"];
/// The events of all of the chart; some of them do not bubble, and are caught on the way down.
const OF_ALL: [&str; 5] = ["click", "dblclick", "keydown", "toggle", "blur"];

/// What is shown and what shows it.
pub(super) struct Stage {
    id: u32,
    prefix: String,
    height: f64,
    ties: Ties,
    core: RefCell<Core>,
}

#[derive(Default)]
struct Core {
    chart: Option<Chart>,
    width: f64,
    state: State,
    around: Around,
    scene: Option<Rc<Scene>>,
    last_tap: Option<(f64, f64)>,
    mounted: Option<Mounted>,
}

/// The elements, and what is in them by now.
struct Mounted {
    root: Element,
    dressed: Node,
    /// What is around the picture, as it was drawn last.
    around: Around,
    frame: Vec<Node>,
    picture: Option<Rc<Scene>>,
    over: Vec<Node>,
    tip: Vec<Node>,
    listener: Closure<dyn Fn(web_sys::Event)>,
    /// Where the stage is once it is drawn.
    stage: Option<HtmlElement>,
    watch: Option<Watch>,
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // An element that is taken out of a page can still have events, such as the loss of the focus.
        let function = self.listener.as_ref().unchecked_ref();
        for name in OF_ALL {
            let _ = self.root.remove_event_listener_with_callback_and_bool(name, function, true);
        }
        for name in OF_STAGE {
            if let Some(stage) = &self.stage {
                let _ = stage.remove_event_listener_with_callback(name, function);
            }
        }
    }
}

impl Stage {
    pub(super) fn new(id: u32, ties: Ties, height: f64) -> Self {
        let core = RefCell::new(Core { width: 640.0, ..Core::default() });
        Self { id, prefix: format!("fc{id}"), height, ties, core }
    }

    /// Takes the element for its own; the first time only.
    pub(super) fn mount(self: &Rc<Self>, root: &Element) {
        if self.core.borrow().mounted.is_some() {
            return;
        }
        // Not `FnMut`: an event can be caused while another one is handled.
        let listener = Closure::<dyn Fn(web_sys::Event)>::new({
            let stage = Rc::downgrade(self);
            move |event: web_sys::Event| {
                if let Some(stage) = Weak::upgrade(&stage) {
                    stage.hear(&event);
                }
            }
        });
        for name in OF_ALL {
            let function = listener.as_ref().unchecked_ref();
            let _ = root.add_event_listener_with_callback_and_bool(name, function, true);
        }
        let mut core = self.core.borrow_mut();
        // Whoever has no width yet is drawn at a usual one.
        core.width = Some(f64::from(root.client_width())).filter(|w| *w >= 1.0).unwrap_or(core.width);
        core.mounted = Some(Mounted {
            root: root.clone(),
            dressed: Node::new("figure", ""),
            frame: Vec::new(),
            around: Around::default(),
            picture: None,
            over: Vec::new(),
            tip: Vec::new(),
            listener,
            stage: None,
            watch: None,
        });
    }

    /// Begins to listen where the chart is pointed at, once there is such a place.
    fn settle(self: &Rc<Self>) {
        let mut core = self.core.borrow_mut();
        let Some(mounted) = core.mounted.as_mut().filter(|m| m.stage.is_none()) else { return };
        let Ok(Some(found)) = mounted.root.query_selector(".fc-stage") else { return };
        for name in OF_STAGE {
            let _ = found.add_event_listener_with_callback(name, mounted.listener.as_ref().unchecked_ref());
        }
        mounted.stage = Some(found.clone().unchecked_into());
        let stage = Rc::downgrade(self);
        let widened = move |now| {
            if let Some(stage) = Weak::upgrade(&stage) {
                stage.widen(now);
            }
        };
        mounted.watch = Watch::width(&found, widened);
    }

    fn widen(self: &Rc<Self>, now: f64) {
        {
            let mut core = self.core.borrow_mut();
            // An element that is not laid out keeps the picture it had.
            if now < 1.0 || (now - core.width).abs() < 0.5 {
                return;
            }
            core.width = now;
        }
        self.redraw();
    }

    /// Shows what the host says now.
    pub(super) fn show_chart(self: &Rc<Self>, chart: Chart) {
        self.core.borrow_mut().chart = Some(chart);
        self.redraw();
    }

    fn redraw(self: &Rc<Self>) {
        self.picture();
        // Shows it too.
        self.dispatch(&Event::Updated);
        self.settle();
    }

    fn picture(&self) {
        let mut core = self.core.borrow_mut();
        let Core { chart: Some(chart), width, state, scene, mounted, .. } = &mut *core else { return };
        let size = (*width, self.height);
        *scene = Some(Rc::new(match scene.as_deref() {
            Some(before) => chart.scene_after(before, size, &state.showing),
            None => chart.scene(size, &state.showing),
        }));
        if let Some(mounted) = mounted {
            let dressed = page::root(&self.prefix, &chart.status);
            dress(&mounted.root, &mounted.dressed, &dressed);
            mounted.dressed = dressed;
        }
    }

    /// Lets an event happen. True when the page has nothing to do with it any more.
    pub(super) fn dispatch(&self, event: &Event) -> bool {
        let (effects, anew) = {
            let mut core = self.core.borrow_mut();
            let Some(scene) = core.scene.clone() else {
                // Nothing is drawn yet; what is to be shown then can be said already.
                if let Event::SetRange(range) = event {
                    core.state.showing.range = *range;
                }
                return false;
            };
            let (next, effects) = reduce(&core.state, event, &scene);
            let before = std::mem::replace(&mut core.state, next);
            (effects, before.showing != core.state.showing)
        };
        let mut handled = false;
        let mut anew = anew;
        for effect in effects {
            match effect {
                Effect::Handled => handled = true,
                Effect::Announce(words) => self.core.borrow_mut().around.spoken = words,
                Effect::Cursor(x) => {
                    if let Some(group) = self.ties.0 {
                        group.tell_cursor(self.id, x);
                    }
                }
                Effect::Capture(pointer) => {
                    if let Some(stage) = self.element() {
                        // A pointer that is gone already cannot be held.
                        let _ = stage.set_pointer_capture(pointer);
                    }
                }
                Effect::Range(range) => {
                    self.tell_range(range);
                    anew = true;
                }
            }
        }
        if anew {
            self.picture();
            // The crosshair stays at its place of the new picture.
            if !matches!(event, Event::Updated) {
                self.dispatch(&Event::Updated);
            }
        }
        self.show();
        handled
    }

    fn tell_range(&self, range: Range) {
        let (group, host, on_zoom) = self.ties;
        if let Some(on_zoom) = on_zoom {
            on_zoom.run(range);
        }
        // Where the host decides, what it says counts, also when it stays with the old range.
        let range = host.map_or(range, |host| {
            let decided = host.get_untracked();
            self.core.borrow_mut().state.showing.range = decided;
            decided
        });
        if let Some(group) = group {
            group.tell_range(self.id, range);
        }
    }

    /// Brings the page to what is shown; what is there already is not touched.
    fn show(&self) {
        let mut core = self.core.borrow_mut();
        let Core { state, around, scene: Some(scene), mounted: Some(mounted), .. } = &mut *core else {
            return;
        };
        let drawn = mounted.picture.as_ref().is_some_and(|drawn| Rc::ptr_eq(drawn, scene));
        let prefix = &self.prefix;
        around.zoomed = state.is_zoomed();
        // A pointer that moves changes nothing around the picture.
        if !drawn || mounted.around != *around {
            let frame = page::frame(scene, around, prefix, self.height);
            draw(&mounted.root, &mounted.frame, &frame, prefix);
            mounted.frame = frame;
            mounted.around.clone_from(around);
        }
        let Some(stage) = mounted.stage.clone().map(Element::from).or_else(|| {
            let found = mounted.root.query_selector(".fc-stage");
            found.ok().flatten()
        }) else {
            return;
        };
        if !drawn && let Some(picture) = child(&stage, 0) {
            let before = mounted.picture.as_ref().map_or(&[][..], |s| &s.nodes);
            draw(&picture, before, &scene.nodes, prefix);
            mounted.picture = Some(Rc::clone(scene));
        }
        let over = overlay(state, scene);
        if let Some(place) = child(&stage, 1) {
            draw(&place, &mounted.over, &over, prefix);
            mounted.over = over;
        }
        let tip: Vec<Node> =
            Tip::new(state, scene).map(|tip| page::tooltip(&tip, state.pinned, scene)).into_iter().collect();
        if let Some(place) = child(&stage, 2) {
            draw(&place, &mounted.tip, &tip, prefix);
            mounted.tip = tip;
        }
    }

    fn element(&self) -> Option<HtmlElement> {
        self.core.borrow().mounted.as_ref()?.stage.clone()
    }

    /// An event of the page.
    fn hear(self: &Rc<Self>, event: &web_sys::Event) {
        // What drawing brings about, such as the loss of the focus by a button that goes, is nothing that a user did.
        if self.core.try_borrow_mut().is_err() {
            return;
        }
        let Some(stage) = self.element() else { return };
        let width = self.core.borrow().scene.as_ref().map_or(1.0, |s| s.size.0);
        let pointed = |make: fn(Pointer) -> Event| {
            let event = event.unchecked_ref::<PointerEvent>();
            self.dispatch(&make(browser::pointer(event, &stage, width)));
        };
        match event.type_().as_str() {
            "pointermove" => pointed(Event::Move),
            "pointerdown" if event.unchecked_ref::<MouseEvent>().button() == 0 => pointed(Event::Down),
            "pointerup" => {
                pointed(Event::Up);
                self.tapped(event.unchecked_ref());
            }
            "pointercancel" => pointed(Event::Lost),
            "pointerleave" => drop(self.dispatch(&Event::Leave)),
            "wheel" => {
                let turned = browser::wheel(event.unchecked_ref::<WheelEvent>(), &stage, width);
                if turned.is_some_and(|turned| self.dispatch(&turned)) {
                    event.prevent_default();
                }
            }
            "keydown" if is_at(event, &stage) => {
                let key = browser::key(event.unchecked_ref::<KeyboardEvent>());
                if key.is_some_and(|key| self.dispatch(&key)) {
                    event.prevent_default();
                    event.stop_propagation();
                }
            }
            "blur" if is_at(event, &stage) => drop(self.dispatch(&Event::Blur)),
            "toggle" => self.toggled(event),
            what @ ("click" | "dblclick") => self.clicked(event, what == "dblclick", &stage),
            _ => {}
        }
    }

    /// A finger that went up: the second time in the same place shows all. The end of a pinch or a drag is no tap.
    fn tapped(&self, event: &PointerEvent) {
        if event.pointer_type() != "touch" {
            return;
        }
        if self.core.borrow().state.moved {
            self.core.borrow_mut().last_tap = None;
            return;
        }
        let (time, x) = (event.time_stamp(), f64::from(event.client_x()));
        let before = self.core.borrow_mut().last_tap.replace((time, x));
        if before.is_some_and(|(then, there)| time - then < DOUBLE_TAP && (x - there).abs() < 24.0) {
            self.core.borrow_mut().last_tap = None;
            self.dispatch(&Event::Double);
        }
    }

    fn toggled(&self, event: &web_sys::Event) {
        let details = event.target().map(wasm_bindgen::JsCast::unchecked_into::<Element>);
        self.core.borrow_mut().around.open = details.is_some_and(|d| d.has_attribute("open"));
        self.show();
    }

    /// A click on a button, or a double click on the picture.
    fn clicked(&self, event: &web_sys::Event, twice: bool, stage: &HtmlElement) {
        let Some(target) = event.target().map(wasm_bindgen::JsCast::unchecked_into::<Element>) else {
            return;
        };
        if let Ok(Some(button)) = target.closest("[data-fc]") {
            let what = button.get_attribute("data-fc").unwrap_or_default();
            if what == "reset" {
                self.dispatch(&Event::Reset);
                // The button goes; the focus must not be lost with it.
                let _ = stage.focus();
                return;
            }
            let name = {
                let core = self.core.borrow();
                let items = core.scene.iter().flat_map(|scene| &scene.legend);
                items.enumerate().find(|(at, _)| at.to_string() == what).map(|(_, item)| item.name.clone())
            };
            let alone = twice || event.unchecked_ref::<MouseEvent>().alt_key();
            if let Some(name) = name {
                self.dispatch(&if alone { Event::Isolate(name) } else { Event::Toggle(name) });
            }
        } else if twice && event.event_phase() != web_sys::Event::CAPTURING_PHASE {
            // That of the stage, not the same one on its way down.
            self.dispatch(&Event::Double);
        }
    }
}

/// Whether an event is one of an element itself.
fn is_at(event: &web_sys::Event, element: &HtmlElement) -> bool {
    let element: &web_sys::EventTarget = element.as_ref();
    event.target().as_ref() == Some(element)
}
