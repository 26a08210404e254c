//! The zoom of the charts of a page: seen at once, and in the address when it rests.
//!
//! In the address is what the server is asked for and what the way back leads to. The first zoom is a place of its own,
//! what follows puts it more precisely: one step back is live again, however long somebody looked around. A turn of a
//! wheel or a pinch comes in dozens of steps, and is one zoom.

use super::charts;
use crate::app::{Ctx, browser, memo};
use crate::model::range::{self, Range};
use crate::model::time;
use forge_charts::chart::Chart;
use forge_charts::view::browser_zone;
use leptos::prelude::*;
use leptos::task::spawn_local;

/// Milliseconds without another step, after which a gesture is over.
const REST: i32 = 200;
const DAY: i64 = 86_400;

type Shown = Option<(f64, f64)>;

/// The zoom of a page's charts.
#[derive(Clone, Copy)]
pub(crate) struct Zoom {
    ctx: Ctx,
    range: Memo<Range>,
    /// What the user asks for and the address does not say yet.
    asked: RwSignal<Shown>,
    /// How often something was asked for.
    count: StoredValue<u64>,
    /// What the charts show; `None`: all that they have, which moves with the clock.
    pub(crate) shown: Memo<Shown>,
    /// The seconds for which the charts have to know the clocks.
    clocks: Memo<Option<(i64, i64)>>,
}

impl Zoom {
    pub(crate) fn new(ctx: Ctx) -> Self {
        let range = charts::range(ctx);
        let asked = RwSignal::new(None);
        let shown = memo(move |_| asked.get().or_else(|| range.with(of_address)));
        let clocks = memo(move |_| {
            let (from, to) = shown.get()?;
            let day = |x: f64| browser::whole(x / 1e6).div_euclid(DAY) * DAY;
            Some((day(from) - DAY, day(to) + 2 * DAY))
        });
        // Who goes somewhere else meanwhile goes there.
        Effect::new(move |_| {
            range.with(|_| ());
            asked.set(None);
        });
        Self { ctx, range, asked, count: StoredValue::new(0), shown, clocks }
    }

    /// What the charts call when they are zoomed, moved or reset.
    pub(crate) fn on_zoom(self) -> Callback<Shown> {
        Callback::new(move |wanted: Shown| {
            self.count.update_value(|count| *count += 1);
            let Some((from, to)) = wanted else { return self.reset() };
            let wanted = (browser::whole(from), browser::whole(to));
            // Where there is nothing to be seen, what is shown stays.
            if let Some(wanted) = range::within_reach(wanted, self.ctx.now.get_untracked()) {
                self.ask(wanted);
            }
        })
    }

    /// The chart with all that may be looked at around what is shown: there is somewhere to go to.
    pub(crate) fn within(self, chart: Chart) -> Chart {
        let Some((from, to)) = self.clocks.get() else { return chart };
        let (first, last) = range::reach(self.ctx.now.get_untracked());
        chart.range(browser::wide(first), browser::wide(last)).zone(browser_zone(from, to))
    }

    fn ask(self, wanted: (i64, i64)) {
        self.asked.set(Some((browser::wide(wanted.0), browser::wide(wanted.1))));
        let number = self.count.get_value();
        spawn_local(async move {
            browser::sleep(REST).await;
            let is_last = self.count.try_get_value() == Some(number);
            // The page may be gone by now, or the address another one.
            if is_last && self.asked.try_get_untracked().flatten().is_some() {
                self.settle(wanted);
            }
        });
    }

    fn settle(self, wanted: (i64, i64)) {
        let wanted = range::in_seconds(wanted, self.ctx.now.get_untracked());
        let place = range::zoomed(self.ctx.place.get_untracked(), Some(wanted));
        if self.range.with_untracked(Range::moves) {
            self.ctx.go(place);
        } else {
            self.ctx.refine(place);
        }
        self.asked.set(None);
    }

    /// Back to what moves with the clock.
    fn reset(self) {
        if !self.range.with_untracked(Range::moves) {
            self.ctx.go(range::zoomed(self.ctx.place.get_untracked(), None));
        }
        self.asked.set(None);
    }
}

fn of_address(range: &Range) -> Shown {
    let Range::Fixed(from, to) = range else { return None };
    Some((browser::wide(time::micros(from)?), browser::wide(time::micros(to)?)))
}
