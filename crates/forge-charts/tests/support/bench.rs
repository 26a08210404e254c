//! A chart and somebody who uses it, without a browser.

use super::{START, counts};
use forge_charts::chart::Chart;
use forge_charts::interact::{Effect, Event, Key, Pointer, State, reduce};
use forge_charts::scene::Scene;
use forge_charts::time::MINUTE;

/// A chart and a user.
pub(crate) struct Bench {
    pub(crate) chart: Chart,
    pub(crate) size: (f64, f64),
    pub(crate) state: State,
    pub(crate) effects: Vec<Effect>,
}

impl Bench {
    pub(crate) fn new(chart: Chart) -> Self {
        Self { chart, size: (640.0, 220.0), state: State::default(), effects: Vec::new() }
    }

    pub(crate) fn area() -> Self {
        Self::new(Chart::area("Jobs", counts()))
    }

    pub(crate) fn scene(&self) -> Scene {
        self.chart.scene(self.size, &self.state.showing)
    }

    pub(crate) fn does(&mut self, event: &Event) -> &mut Self {
        let (state, effects) = reduce(&self.state, event, &self.scene());
        self.state = state;
        self.effects = effects;
        self
    }

    pub(crate) fn key(&mut self, key: Key) -> &mut Self {
        self.does(&Event::Key(key, false))
    }

    /// The pixel of a minute.
    pub(crate) fn at(&self, minute: f64) -> f64 {
        self.scene().x.map(MINUTE.mul_add(minute, START))
    }

    pub(crate) fn drag(&mut self, from: f64, to: f64, shift: bool) -> &mut Self {
        self.does(&Event::Down(mouse(from, shift)));
        self.does(&Event::Move(mouse(f64::midpoint(from, to), shift)));
        self.does(&Event::Move(mouse(to, shift)));
        self.does(&Event::Up(mouse(to, shift)))
    }

    pub(crate) fn position(&self) -> Option<usize> {
        self.state.cursor.map(|c| c.position)
    }

    pub(crate) fn range(&self) -> Option<(f64, f64)> {
        let minute = |x: f64| ((x - START) / MINUTE * 100.0).round() / 100.0;
        self.state.showing.range.map(|(a, b)| (minute(a), minute(b)))
    }
}

pub(crate) const fn mouse(x: f64, shift: bool) -> Pointer {
    Pointer { id: 1, x, y: 100.0, touch: false, shift }
}

pub(crate) const fn finger(id: i32, x: f64) -> Pointer {
    Pointer { id, x, y: 100.0, touch: true, shift: false }
}
