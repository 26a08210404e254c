//! What comes in, and what goes out.

/// A pointer: where it is, in pixels of the picture, and what is held with it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Pointer {
    /// Unlike that of any other pointer that is down.
    pub id: i32,
    /// From the left edge.
    pub x: f64,
    /// From the upper edge.
    pub y: f64,
    /// Whether it is a finger.
    pub touch: bool,
    /// Whether Shift is held: dragging moves the range.
    pub shift: bool,
}

/// A key that means something to a chart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// Crosshair to the previous point; with Shift the range moves.
    Left,
    /// Crosshair to the next point; with Shift the range moves.
    Right,
    /// Crosshair a tenth of the points back.
    PageUp,
    /// Crosshair a tenth of the points on.
    PageDown,
    /// Crosshair to the first point.
    Home,
    /// Crosshair to the last point.
    End,
    /// Half the range, around the crosshair.
    Plus,
    /// Twice the range, around the crosshair.
    Minus,
    /// All of the range.
    Zero,
    /// The range before this one.
    Backspace,
    /// The crosshair stays, or goes again.
    Enter,
    /// Gives up what is under way: a selection, then a crosshair that stays, then the zoom, then the crosshair.
    Escape,
}

/// What a user, or another chart, did.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A pointer moved.
    Move(Pointer),
    /// A pointer went down: the main button, a finger or a pen.
    Down(Pointer),
    /// A pointer went up.
    Up(Pointer),
    /// The page took a pointer away, to scroll for example.
    Lost(Pointer),
    /// The pointer left the chart.
    Leave,
    /// A double click or a double tap.
    Double,
    /// The wheel turned over a pixel, with the key that says that zooming is meant, by so many pixels; away is less
    /// than 0 and shows less.
    WheelZoom(f64, f64),
    /// The wheel turned sideways, by so many pixels.
    WheelPan(f64),
    /// A key went down, and whether Shift was held.
    Key(Key, bool),
    /// The chart lost the focus.
    Blur,
    /// The legend's entry for a series was used: show it or hide it.
    Toggle(String),
    /// The legend's entry was used with Alt, or twice: show this one alone, or all again.
    Isolate(String),
    /// The crosshair of another chart of the group is at this x, or nowhere.
    GroupCursor(Option<f64>),
    /// The host, or another chart of the group, shows this range.
    SetRange(Option<(f64, f64)>),
    /// The data or the size is another one.
    Updated,
    /// The button that shows all was used.
    Reset,
}

/// What a view has to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Tell the group where the crosshair is.
    Cursor(Option<f64>),
    /// Tell the host and the group which range is shown, `None` for all. The state has it already; a host that controls
    /// the range may answer with another one.
    Range(Option<(f64, f64)>),
    /// Say this aloud: the point under the crosshair, or which range is shown now.
    Announce(String),
    /// The event is used up: the page does nothing of its own with it.
    Handled,
    /// The pointer stays with the chart until it goes up.
    Capture(i32),
}
