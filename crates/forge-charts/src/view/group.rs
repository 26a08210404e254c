//! Charts that move together.

use leptos::prelude::*;
use std::sync::atomic::{AtomicU32, Ordering};

/// Charts of one group share their crosshair and the range they show. Make one for a page, give it to each chart.
#[derive(Clone, Copy, Debug)]
pub struct Group {
    cursor: RwSignal<(u32, Option<f64>)>,
    range: RwSignal<(u32, Option<(f64, f64)>)>,
}

impl Group {
    /// A group without a chart. It lives as long as the component that makes it.
    #[must_use]
    pub fn new() -> Self {
        Self { cursor: RwSignal::new((NOBODY, None)), range: RwSignal::new((NOBODY, None)) }
    }

    /// The range that the group shows, `None` for all. A table beside the charts can follow it.
    #[must_use]
    pub fn range(&self) -> Option<(f64, f64)> {
        self.range.get().1
    }

    /// The x of the crosshair, `None` when there is none.
    #[must_use]
    pub fn cursor(&self) -> Option<f64> {
        self.cursor.get().1
    }

    /// Shows a range in all charts.
    pub fn show(&self, range: Option<(f64, f64)>) {
        self.range.set((NOBODY, range));
    }

    pub(super) fn tell_cursor(&self, from: u32, x: Option<f64>) {
        self.cursor.set((from, x));
    }

    pub(super) fn tell_range(&self, from: u32, range: Option<(f64, f64)>) {
        self.range.set((from, range));
    }

    /// Who said last where the crosshair is, and what.
    pub(super) fn cursor_told(&self) -> (u32, Option<f64>) {
        self.cursor.get()
    }

    /// Who said last which range is shown, and which.
    pub(super) fn range_told(&self) -> (u32, Option<(f64, f64)>) {
        self.range.get()
    }
}

impl Default for Group {
    fn default() -> Self {
        Self::new()
    }
}

/// The number of no chart.
pub(super) const NOBODY: u32 = 0;

/// A number that no other chart of the page has.
pub(super) fn next_id() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}
