//! The function from state and event to the next state.

use super::event::{Effect, Event, Pointer};
use super::zoom;
use super::{By, Cursor, Down, Gesture, MAX_HISTORY, State, keys};
use crate::scene::Scene;

/// How far a pointer moves before it is no click, in pixels.
const CLICK: f64 = 4.0;
/// The most pointers that count.
const MAX_DOWN: usize = 2;

/// What an event makes of a state, for the picture as it is now. Effects come in the order in which they are to be
/// carried out. The next picture is one of the new state's [`showing`](State::showing).
///
/// ```
/// use forge_charts::chart::{Chart, Showing};
/// use forge_charts::data::{Frame, Series};
/// use forge_charts::interact::{Effect, Event, Key, State, reduce};
///
/// let frame = Frame::buckets(0.0, 60e6, vec![Series::new("done", [3.0, 4.0, 9.0])]);
/// let scene = Chart::lines("Jobs per minute", frame).scene((640.0, 240.0), &Showing::default());
/// let (state, effects) = reduce(&State::default(), &Event::Key(Key::End, false), &scene);
/// assert_eq!(state.cursor.map(|cursor| cursor.position), Some(2));
/// assert!(effects.contains(&Effect::Handled) && effects.contains(&Effect::Cursor(Some(120e6))));
/// ```
#[must_use]
pub fn reduce(state: &State, event: &Event, scene: &Scene) -> (State, Vec<Effect>) {
    let mut step = Step { state: state.clone(), scene, effects: Vec::new() };
    match event {
        Event::Move(pointer) => step.pointer_moved(pointer),
        Event::Down(pointer) => step.pointer_down(pointer),
        Event::Up(pointer) => step.pointer_up(pointer),
        Event::Lost(pointer) => step.pointer_lost(pointer.id),
        Event::Leave => step.leave(),
        Event::Double | Event::Reset => step.reset(),
        Event::WheelZoom(pixel, by) => step.wheel_zoom(*pixel, *by),
        Event::WheelPan(by) => step.wheel_pan(*by),
        Event::Key(key, shift) => keys::press(&mut step, *key, *shift),
        Event::Blur => step.blur(),
        Event::Toggle(name) => step.toggle(name),
        Event::Isolate(name) => step.isolate(name),
        Event::GroupCursor(x) => step.group_cursor(*x),
        Event::SetRange(range) => step.set_range(*range),
        Event::Updated => step.updated(),
    }
    (step.state, step.effects)
}

/// A step under way.
pub(super) struct Step<'a> {
    pub(super) state: State,
    pub(super) scene: &'a Scene,
    pub(super) effects: Vec<Effect>,
}

impl Step<'_> {
    pub(super) fn handled(&mut self) {
        self.effects.push(Effect::Handled);
    }

    fn pointer_down(&mut self, pointer: &Pointer) {
        let down = &mut self.state.down;
        down.retain(|down| down.id != pointer.id);
        self.state.moved &= !down.is_empty();
        if down.len() >= MAX_DOWN || !self.scene.plot.contains(pointer.x, pointer.y) {
            return;
        }
        down.push(Down { id: pointer.id, start: pointer.x, now: pointer.x });
        self.effects.push(Effect::Capture(pointer.id));
        self.state.moved = false;
        let x = self.scene.x.invert(pointer.x);
        self.state.gesture = Some(match self.state.down.as_slice() {
            [first, second] => {
                self.state.moved = true;
                Gesture::Pinch([*first, *second].map(|down| (down.id, self.scene.x.invert(down.now))))
            }
            _ if pointer.touch => Gesture::Scrub,
            _ if pointer.shift => Gesture::Pan(x),
            _ => Gesture::Select(pointer.x, pointer.x),
        });
        if matches!(self.state.gesture, Some(Gesture::Scrub)) && !self.state.pinned {
            self.put_cursor(self.scene.position_at(pointer.x), By::Pointer);
        }
    }

    fn pointer_moved(&mut self, pointer: &Pointer) {
        let down = self.state.down.iter_mut().find(|down| down.id == pointer.id);
        let start = down.map(|down| {
            down.now = pointer.x;
            down.start
        });
        self.state.moved |= start.is_some_and(|x| (pointer.x - x).abs() >= CLICK);
        match self.state.gesture {
            Some(Gesture::Select(from, _)) if start.is_some() => {
                let to = pointer.x.clamp(self.scene.plot.x, self.scene.plot.right());
                self.state.gesture = Some(Gesture::Select(from, to));
                self.follow(pointer);
            }
            Some(Gesture::Pan(x)) if start.is_some() => {
                let by = x - self.scene.x.invert(pointer.x);
                self.show(zoom::moved(self.scene, by), false);
            }
            Some(Gesture::Pinch(held)) if start.is_some() => {
                let at = |id: i32| self.state.down.iter().find(|down| down.id == id).map(|down| down.now);
                if let (Some(a), Some(b)) = (at(held[0].0), at(held[1].0)) {
                    self.show(zoom::pinched(self.scene, (held[0].1, a), (held[1].1, b)), false);
                }
            }
            _ => self.follow(pointer),
        }
    }

    /// The crosshair goes where the pointer is, unless it is to stay.
    fn follow(&mut self, pointer: &Pointer) {
        if self.state.pinned {
            return;
        }
        let plot = self.scene.plot;
        let inside = pointer.x >= plot.x - 1.0 && pointer.x <= plot.right() + 1.0;
        let position = if inside { self.scene.position_at(pointer.x) } else { None };
        self.put_cursor(position, By::Pointer);
    }

    fn pointer_up(&mut self, pointer: &Pointer) {
        let was_down = self.state.down.iter().any(|down| down.id == pointer.id);
        self.state.down.retain(|down| down.id != pointer.id);
        if !was_down {
            return;
        }
        let gesture = self.state.gesture.take();
        match gesture {
            Some(Gesture::Select(from, to)) if self.state.moved && (to - from).abs() >= CLICK => {
                let (a, b) = (self.scene.x.invert(from.min(to)), self.scene.x.invert(from.max(to)));
                self.show(zoom::within(self.scene, (a, b)), true);
            }
            Some(Gesture::Select(..) | Gesture::Scrub) if !self.state.moved => self.pin(pointer),
            // One finger is left: it moves the crosshair from here on.
            Some(Gesture::Pinch(_)) if !self.state.down.is_empty() => {
                self.state.gesture = Some(Gesture::Scrub);
            }
            _ => {}
        }
    }

    /// A click: the crosshair stays here, or goes free when it had stayed.
    fn pin(&mut self, pointer: &Pointer) {
        if self.state.pinned {
            self.state.pinned = false;
            self.put_cursor(self.scene.position_at(pointer.x), By::Pointer);
            return;
        }
        self.put_cursor(self.scene.position_at(pointer.x), By::Pointer);
        self.state.pinned = self.state.cursor.is_some();
        self.announce();
    }

    fn pointer_lost(&mut self, id: i32) {
        self.state.down.retain(|down| down.id != id);
        self.state.gesture = None;
        self.leave();
    }

    fn leave(&mut self) {
        let held = !self.state.down.is_empty();
        let by_pointer = self.state.cursor.is_some_and(|c| c.by == By::Pointer);
        if by_pointer && !self.state.pinned && !held {
            self.put_cursor(None, By::Pointer);
        }
    }

    fn blur(&mut self) {
        if self.state.cursor.is_some_and(|c| c.by == By::Key) && !self.state.pinned {
            self.put_cursor(None, By::Key);
        }
    }

    pub(super) fn reset(&mut self) {
        self.state.gesture = None;
        self.state.pinned = false;
        self.state.history.clear();
        self.show(None, false);
        self.say_range();
        self.handled();
    }

    fn wheel_zoom(&mut self, pixel: f64, by: f64) {
        let by = if by.is_finite() { by.clamp(-500.0, 500.0) } else { 0.0 };
        self.show(zoom::around(self.scene, self.scene.x.invert(pixel), (by / 250.0).exp()), false);
        self.handled();
    }

    fn wheel_pan(&mut self, by: f64) {
        if !self.state.is_zoomed() {
            return;
        }
        let (from, to) = self.scene.range();
        self.show(zoom::moved(self.scene, by / self.scene.plot.width * (to - from)), false);
        self.handled();
    }

    fn toggle(&mut self, name: &str) {
        let hidden = &mut self.state.showing.hidden;
        if let Some(at) = hidden.iter().position(|other| other == name) {
            hidden.remove(at);
        } else if self.is_known(name) {
            self.state.showing.hidden.push(name.to_owned());
        }
    }

    fn isolate(&mut self, name: &str) {
        if !self.is_known(name) {
            return;
        }
        let others = self.scene.frame.series().iter().map(|s| s.name().to_owned()).filter(|n| n != name);
        let others: Vec<String> = others.collect();
        let is_hidden = |name: &str| self.state.showing.hidden.iter().any(|other| other == name);
        let alone = !others.is_empty() && !is_hidden(name) && others.iter().all(|other| is_hidden(other));
        self.state.showing.hidden = if alone { Vec::new() } else { others };
    }

    fn is_known(&self, name: &str) -> bool {
        self.scene.frame.series().iter().any(|s| s.name() == name)
    }

    fn group_cursor(&mut self, x: Option<f64>) {
        if self.state.pinned {
            return;
        }
        // Told by the group, so the group is not told.
        self.state.cursor = x.and_then(|x| {
            let (from, to) = self.scene.range();
            let near = x >= from - self.scene.bucket && x <= to + self.scene.bucket;
            let position = self.scene.position_near(x).filter(|_| near)?;
            Some(Cursor { position, x: self.scene.frame.xs()[position], by: By::Group })
        });
    }

    fn set_range(&mut self, range: Option<(f64, f64)>) {
        if range == self.state.showing.range {
            return;
        }
        let usable = |r: &(f64, f64)| r.0.is_finite() && r.1.is_finite() && r.0 < r.1;
        self.state.showing.range = range.filter(usable);
    }

    /// The crosshair stays at its time, as far as there is a point near it.
    fn updated(&mut self) {
        let Some(cursor) = self.state.cursor else { return };
        let found = self.scene.position_near(cursor.x);
        let step = self.scene.bucket.max(f64::MIN_POSITIVE);
        let near = found.filter(|p| (self.scene.frame.xs()[*p] - cursor.x).abs() <= step * 1.5);
        self.state.cursor =
            near.map(|position| Cursor { position, x: self.scene.frame.xs()[position], ..cursor });
        self.state.pinned &= self.state.cursor.is_some();
    }

    /// Shows a range. `remember` says that one can go back to the one before.
    pub(super) fn show(&mut self, range: Option<(f64, f64)>, remember: bool) {
        if range == self.state.showing.range {
            return;
        }
        if remember {
            if self.state.history.len() >= MAX_HISTORY {
                self.state.history.remove(0);
            }
            self.state.history.push(self.state.showing.range);
        }
        self.state.showing.range = range;
        self.effects.push(Effect::Range(range));
    }

    pub(super) fn back(&mut self) {
        let before = self.state.history.pop().unwrap_or(None);
        self.show(before, false);
    }

    pub(super) fn put_cursor(&mut self, position: Option<usize>, by: By) {
        let cursor = position.map(|position| Cursor { position, x: self.scene.frame.xs()[position], by });
        let told = cursor.map(|c| c.x) != self.state.cursor.map(|c| c.x);
        self.state.cursor = cursor;
        if told {
            self.effects.push(Effect::Cursor(cursor.map(|c| c.x)));
        }
    }

    /// Says which range is shown. What is turned or dragged goes in many steps, and is seen; those say nothing.
    pub(super) fn say_range(&mut self) {
        let words = self.state.showing.range.map_or_else(
            || "Shows all".to_owned(),
            |range| format!("Shows {}", self.scene.x_kind.about_words(range)),
        );
        self.effects.push(Effect::Announce(words));
    }

    /// Says that the crosshair stays, and where, or that it is free.
    pub(super) fn say_pinned(&mut self) {
        let tip = super::Tip::new(&self.state, self.scene).filter(|_| self.state.pinned);
        let words =
            tip.map_or_else(|| "Crosshair free".to_owned(), |tip| format!("Crosshair kept: {}", tip.words()));
        self.effects.push(Effect::Announce(words));
    }

    pub(super) fn announce(&mut self) {
        if let Some(tip) = super::Tip::new(&self.state, self.scene) {
            self.effects.push(Effect::Announce(tip.words()));
        }
    }
}
