//! The chart in a page: signals between the pure parts, and the events of the page.

use super::browser::{self, Watch};
use super::dom;
use super::group::{Group, NOBODY, next_id};
use super::{legend, tip};
use crate::chart::{Chart, Showing, Status};
use crate::interact::{Effect as Outcome, Event, State, Tip, overlay, reduce};
use crate::scene::{Node, Scene};
use leptos::html::Div;
use leptos::prelude::*;
use leptos::svg::Svg;
use std::sync::Arc;

type Range = Option<(f64, f64)>;

/// Two taps within this many milliseconds are a double tap.
const DOUBLE_TAP: f64 = 300.0;
/// What the keys do, for those who hear the chart.
const KEYS: &str = "Arrow keys, Page Up and Page Down, Home and End move the crosshair. Plus and minus zoom, Shift with an \
     arrow key moves the range, 0 shows all, Backspace goes back, Enter keeps the crosshair, Escape gives up.";

/// The signals of one chart.
#[derive(Clone, Copy)]
struct Wiring {
    id: u32,
    state: RwSignal<State>,
    scene: Memo<Arc<Scene>>,
    spoken: RwSignal<String>,
    group: Option<Group>,
    range: Option<Signal<Range>>,
    on_zoom: Option<Callback<Range>>,
    stage: NodeRef<Div>,
    last_tap: StoredValue<(f64, f64)>,
}

impl Wiring {
    /// Lets an event happen. True when the page has nothing to do with it any more.
    fn dispatch(self, event: &Event) -> bool {
        let scene = self.scene.get_untracked();
        let (next, effects) = self.state.with_untracked(|state| reduce(state, event, &scene));
        if self.state.with_untracked(|state| *state != next) {
            self.state.set(next);
        }
        let mut handled = false;
        for effect in effects {
            match effect {
                Outcome::Handled => handled = true,
                Outcome::Announce(words) => self.spoken.set(words),
                Outcome::Cursor(x) => {
                    if let Some(group) = self.group {
                        group.tell_cursor(self.id, x);
                    }
                }
                Outcome::Capture(pointer) => {
                    if let Some(stage) = self.stage.get_untracked() {
                        // A pointer that is gone already cannot be held.
                        let _ = stage.set_pointer_capture(pointer);
                    }
                }
                Outcome::Range(range) => self.tell_range(range),
            }
        }
        handled
    }

    fn tell_range(self, range: Range) {
        if let Some(on_zoom) = self.on_zoom {
            on_zoom.run(range);
        }
        // Where the host decides, what it says counts, also when it stays with the old range.
        let range = self.range.map_or(range, |host| {
            let decided = host.get_untracked();
            self.state.update(|state| state.showing.range = decided);
            decided
        });
        if let Some(group) = self.group {
            group.tell_range(self.id, range);
        }
    }

    fn pointer(self, event: &leptos::ev::PointerEvent, make: impl Fn(crate::interact::Pointer) -> Event) {
        let Some(stage) = self.stage.get_untracked() else { return };
        let width = self.scene.with_untracked(|s| s.size.0);
        self.dispatch(&make(browser::pointer(event, &stage, width)));
    }

    /// A finger that went up: the second time in the same place shows all.
    fn tapped(self, event: &leptos::ev::PointerEvent) {
        if event.pointer_type() != "touch" {
            return;
        }
        let (time, x) = (event.time_stamp(), f64::from(event.client_x()));
        let (before, there) = self.last_tap.get_value();
        if time - before < DOUBLE_TAP && (x - there).abs() < 24.0 {
            self.last_tap.set_value((f64::NEG_INFINITY, 0.0));
            self.dispatch(&Event::Double);
        } else {
            self.last_tap.set_value((time, x));
        }
    }

    /// Follows data, size, host and group.
    fn follow(self) {
        Effect::new(move |_| {
            self.scene.track();
            self.dispatch(&Event::Updated);
        });
        if let Some(range) = self.range {
            Effect::new(move |_| {
                let range = range.get();
                self.dispatch(&Event::SetRange(range));
            });
        }
        if let Some(group) = self.group {
            Effect::new(move |_| {
                let (from, x) = group.cursor_told();
                if from != self.id && from != NOBODY {
                    self.dispatch(&Event::GroupCursor(x));
                }
            });
            // A host that decides the range is told by the chart that was used, and tells all of them.
            if self.range.is_none() {
                Effect::new(move |_| {
                    let (from, range) = group.range_told();
                    if from != self.id {
                        self.dispatch(&Event::SetRange(range));
                    }
                });
            }
        }
    }
}

/// A chart of any kind with title, legend, tooltip and table. Its width is that of the element around it.
#[component]
pub fn ChartView(
    /// The chart.
    #[prop(into)]
    chart: Signal<Chart>,
    /// The charts that this one moves with.
    #[prop(optional_no_strip)]
    group: Option<Group>,
    /// The range that is shown, when the host decides it; else the chart does.
    #[prop(optional_no_strip)]
    range: Option<Signal<Option<(f64, f64)>>>,
    /// Called when the user zooms or resets (`None`): the time to fetch finer buckets.
    #[prop(optional_no_strip)]
    on_zoom: Option<Callback<Option<(f64, f64)>>>,
    /// The height of the drawing in pixels, without title and legend. Default: 220.
    #[prop(default = 220.0)]
    height: f64,
) -> impl IntoView {
    let id = next_id();
    let prefix = format!("fc{id}");
    let state = RwSignal::new(State::default());
    let width = RwSignal::new(640.0_f64);
    // A crosshair that moves draws nothing anew: only what is shown counts.
    let showing: Memo<Showing> = Memo::new(move |_| state.with(|s| s.showing.clone()));
    let scene = Memo::new_with_compare(
        move |_| Arc::new(chart.with(|c| showing.with(|s| c.scene((width.get(), height), s)))),
        |_, _| true,
    );
    let ground = NodeRef::<Div>::new();
    let wiring = Wiring {
        id,
        state,
        scene,
        spoken: RwSignal::new(String::new()),
        group,
        range,
        on_zoom,
        stage: ground,
        last_tap: StoredValue::new((f64::NEG_INFINITY, 0.0)),
    };
    wiring.follow();
    watch_width(ground, width);
    let (picture, over) = (NodeRef::<Svg>::new(), NodeRef::<Svg>::new());
    draw(wiring, picture, over, prefix.clone());
    let busy = Signal::derive(move || chart.with(|c| c.status == Status::Loading).then_some("true"));
    frame(wiring, picture, over, &prefix, height, busy)
}

/// Keeps the width that of the element.
fn watch_width(stage: NodeRef<Div>, width: RwSignal<f64>) {
    let watch = StoredValue::new_local(None::<Watch>);
    Effect::new(move |_| {
        let Some(stage) = stage.get() else { return };
        let changed = move |now: f64| {
            // An element that is not laid out keeps the picture it had.
            if now >= 1.0 && (now - width.get_untracked()).abs() >= 0.5 {
                width.set(now);
            }
        };
        watch.set_value(Watch::width(&stage, changed));
    });
}

/// Draws the picture when it changes, and what lies over it when the state does.
fn draw(wiring: Wiring, picture: NodeRef<Svg>, over: NodeRef<Svg>, prefix: String) {
    let prefix_over = prefix.clone();
    Effect::new(move |before: Option<Option<Arc<Scene>>>| {
        let before = before.flatten();
        let Some(root) = picture.get() else { return before };
        let next = wiring.scene.get();
        dom::draw(&root, before.as_ref().map_or(&[][..], |s| &s.nodes), &next.nodes, &prefix);
        Some(next)
    });
    Effect::new(move |before: Option<Vec<Node>>| {
        let before = before.unwrap_or_default();
        let Some(root) = over.get() else { return before };
        let next = wiring.scene.with(|scene| wiring.state.with(|state| overlay(state, scene)));
        dom::draw(&root, &before, &next, &prefix_over);
        next
    });
}

/// The elements around the picture.
fn frame(
    wiring: Wiring,
    picture: NodeRef<Svg>,
    over: NodeRef<Svg>,
    prefix: &str,
    height: f64,
    busy: Signal<Option<&'static str>>,
) -> impl IntoView + use<> {
    let Wiring { scene, state, spoken, stage, .. } = wiring;
    let title = Memo::new(move |_| scene.with(|s| s.title.clone()));
    let description = Memo::new(move |_| scene.with(|s| s.description.clone()));
    let shown_tip = Memo::new(move |_| scene.with(|s| state.with(|state| Tip::new(state, s))));
    let pinned = Memo::new(move |_| state.with(|s| s.pinned));
    let zoomed = Memo::new(move |_| state.with(State::is_zoomed));
    let (width, tall) = (move || scene.with(|s| s.size.0), move || scene.with(|s| s.size.1));
    let (title_id, text_id) = (format!("{prefix}-title"), format!("{prefix}-text"));
    let (figure_by, stage_by, described_by) = (title_id.clone(), title_id.clone(), text_id.clone());
    let reset = move || {
        zoomed.get().then(|| {
            let used = move |_| {
                wiring.dispatch(&Event::Reset);
                // The button goes; the focus must not be lost with it.
                if let Some(stage) = stage.get_untracked() {
                    let _ = stage.focus();
                }
            };
            view! { <button type="button" on:click=used>"Reset zoom"</button> }
        })
    };
    let turned = move |event: leptos::ev::WheelEvent| {
        let Some(stage) = stage.get_untracked() else { return };
        let width = scene.with_untracked(|s| s.size.0);
        if browser::wheel(&event, &stage, width).is_some_and(|e| wiring.dispatch(&e)) {
            event.prevent_default();
        }
    };
    let pressed = move |event: leptos::ev::KeyboardEvent| {
        if browser::key(&event).is_some_and(|e| wiring.dispatch(&e)) {
            event.prevent_default();
            event.stop_propagation();
        }
    };
    let down = move |event: leptos::ev::PointerEvent| {
        if event.button() == 0 {
            wiring.pointer(&event, Event::Down);
        }
    };
    let up = move |event: leptos::ev::PointerEvent| {
        wiring.pointer(&event, Event::Up);
        wiring.tapped(&event);
    };
    view! {
        <figure class="fc" aria-labelledby=figure_by aria-busy=busy>
            <figcaption class="fc-head">
                <span class="fc-title" id=title_id>{title}</span>
                <span class="fc-tools">{reset}</span>
            </figcaption>
            {legend::legend(scene, prefix.to_owned(), move |event| { wiring.dispatch(&event); })}
            <div class="fc-stage" node_ref=stage tabindex="0" role="application" aria-roledescription="chart"
                aria-labelledby=stage_by aria-describedby=described_by style:height=format!("{height}px")
                on:pointermove=move |e| wiring.pointer(&e, Event::Move)
                on:pointerdown=down on:pointerup=up
                on:pointercancel=move |e| wiring.pointer(&e, Event::Lost)
                on:pointerleave=move |_| { wiring.dispatch(&Event::Leave); }
                on:dblclick=move |_| { wiring.dispatch(&Event::Double); }
                on:blur=move |_| { wiring.dispatch(&Event::Blur); }
                on:wheel=turned on:keydown=pressed>
                <svg node_ref=picture aria-hidden="true" width=width height=tall font-size=crate::theme::FONT></svg>
                <svg node_ref=over class="fc-overlay" aria-hidden="true" width=width height=tall></svg>
                {tip::tooltip(shown_tip, pinned, scene, prefix.to_owned())}
            </div>
            <p class="fc-hidden" id=text_id>{description} " " {KEYS}</p>
            <div class="fc-hidden" aria-live="polite">{spoken}</div>
            {tip::table(scene)}
        </figure>
    }
}
