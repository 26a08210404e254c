//! What pointers, fingers and keys do to a chart, as a pure function: state and event give a state and effects.
//!
//! A view translates the events of its page into [`Event`]s, calls [`reduce`], carries the [`Effect`]s out, and draws
//! [`overlay`] and [`Tip`]. So all that a user can do is tested without a browser.

mod event;
mod keys;
mod overlay;
mod reduce;
mod tip;
mod zoom;

pub use event::{Effect, Event, Key, Pointer};
pub use overlay::overlay;
pub use reduce::reduce;
pub use tip::{Tip, TipRow};

use crate::chart::Showing;

/// The most ranges that are remembered to go back to.
pub const MAX_HISTORY: usize = 32;

/// Where the crosshair is, and who put it there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cursor {
    /// The position in the data.
    pub position: usize,
    /// The x there: when the data changes, the crosshair stays at its time.
    pub x: f64,
    /// Who put it there.
    pub by: By,
}

/// Who put a crosshair where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// A mouse, pen or finger.
    Pointer,
    /// A key.
    Key,
    /// Another chart of the group.
    Group,
}

/// What a pointer that is down is doing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Gesture {
    /// Selecting a range, from the first pixel to the second.
    Select(f64, f64),
    /// Moving the range; the x that is held under the pointer.
    Pan(f64),
    /// A finger that moves the crosshair.
    Scrub,
    /// Two fingers: their identifiers, and the x held under each of them.
    Pinch([(i32, f64); 2]),
}

/// A pointer that is down.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Down {
    pub(crate) id: i32,
    /// The pixel at which it came down: what tells a click from a drag.
    pub(crate) start: f64,
    /// The pixel at which it is now: what it holds when a second one comes.
    pub(crate) now: f64,
}

/// Everything that changes while a chart is used.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    /// Which range and which series are shown.
    pub showing: Showing,
    /// The crosshair.
    pub cursor: Option<Cursor>,
    /// Whether the crosshair stays when the pointer goes.
    pub pinned: bool,
    /// What is being done with pointers that are down.
    pub gesture: Option<Gesture>,
    /// The pointers that are down.
    pub(crate) down: Vec<Down>,
    /// Whether a pointer that is down has moved too far to be a click.
    pub(crate) moved: bool,
    /// The ranges before this one.
    pub(crate) history: Vec<Option<(f64, f64)>>,
}

impl State {
    /// Whether another range than all is shown.
    #[must_use]
    pub const fn is_zoomed(&self) -> bool {
        self.showing.range.is_some()
    }
}
