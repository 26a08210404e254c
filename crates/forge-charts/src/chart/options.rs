//! What can be chosen about a chart.

use crate::format::Format;
use crate::time::{self, Zone};
use std::sync::Arc;

/// How data is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Areas over each other.
    Area,
    /// Areas on top of each other.
    Stacked,
    /// Lines.
    Lines,
    /// Bars side by side.
    Bars,
    /// Bars on top of each other.
    StackedBars,
    /// A small line without axes.
    Mini,
}

impl Kind {
    /// Whether it is made of bars.
    #[must_use]
    pub const fn is_bars(self) -> bool {
        matches!(self, Self::Bars | Self::StackedBars)
    }

    /// Whether series stand on each other.
    #[must_use]
    pub const fn is_stacked(self) -> bool {
        matches!(self, Self::Stacked | Self::StackedBars)
    }

    /// In words.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Area => "area chart",
            Self::Stacked => "stacked area chart",
            Self::Lines => "line chart",
            Self::Bars => "bar chart",
            Self::StackedBars => "stacked bar chart",
            Self::Mini => "small line chart",
        }
    }
}

/// What x is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum XKind {
    /// Microseconds since 1970, shown as local times of a zone.
    Time(Zone),
    /// Values.
    Number(Format),
    /// Positions of names, from 0.
    Names(Arc<[String]>),
}

impl XKind {
    /// Whether it is names.
    #[must_use]
    pub const fn is_names(&self) -> bool {
        matches!(self, Self::Names(_))
    }

    /// A place on the axis in words.
    #[must_use]
    pub fn words(&self, x: f64, step: Option<f64>) -> String {
        match self {
            Self::Time(zone) => time::full(zone, x, step),
            Self::Number(format) => format.value(x),
            Self::Names(names) => names.get(crate::num::index(x.round())).cloned().unwrap_or_default(),
        }
    }

    pub(crate) fn span_words(&self, (from, to): (f64, f64)) -> String {
        match self {
            Self::Time(zone) => time::span(zone, (from, to)),
            Self::Number(_) => format!("{} to {}", self.words(from, None), self.words(to, None)),
            Self::Names(_) => {
                let (first, last) = (self.words(from.ceil(), None), self.words(to.floor(), None));
                if first == last { first } else { format!("{first} to {last}") }
            }
        }
    }

    /// A range in words that are short enough to be heard: as exact as its length asks for.
    pub(crate) fn about_words(&self, range: (f64, f64)) -> String {
        match self {
            Self::Time(zone) => time::about(zone, range),
            Self::Number(_) | Self::Names(_) => self.span_words(range),
        }
    }
}

/// How values become heights.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum YScale {
    /// Equal steps are equal heights.
    #[default]
    Linear,
    /// Equal ratios are equal heights; what is 0 or less lies at the bottom.
    Log,
    /// Straight up to this size, logarithmic beyond, on both sides of zero. What is no positive number counts as 1.
    Symlog(f64),
}

/// Which values the picture reaches.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Fit {
    /// All that are shown, and zero.
    #[default]
    Zero,
    /// All that are shown, as closely as round numbers allow. Areas and bars reach to zero all the same.
    Data,
    /// From the first to the second, whatever is shown. Bounds that are no numbers or the wrong way round count as
    /// [`Zero`](Self::Zero).
    Fixed(f64, f64),
}

/// Whether the data is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Status {
    /// It is.
    #[default]
    Ready,
    /// It is being fetched; what was there before stays to be seen.
    Loading,
    /// It could not be fetched, and why, for people. What was there before stays to be seen.
    Error(String),
}

/// Something to be pointed out. Places are in units of x: microseconds since 1970 on an axis of time. Of more than
/// [`MAX_MARKS`](super::MAX_MARKS) the first are drawn.
#[derive(Clone, Debug, PartialEq)]
pub enum Mark {
    /// A moment: a deploy.
    At {
        /// Where.
        x: f64,
        /// What.
        label: String,
    },
    /// A value: a limit.
    Level {
        /// Which value.
        y: f64,
        /// What.
        label: String,
    },
    /// A time: an incident.
    Span {
        /// Its begin.
        from: f64,
        /// Its end.
        to: f64,
        /// What.
        label: String,
    },
}

impl Mark {
    /// A moment.
    #[must_use]
    pub fn at(x: f64, label: impl Into<String>) -> Self {
        Self::At { x, label: label.into() }
    }

    /// A value. The picture reaches it, so that one sees how far away it is.
    #[must_use]
    pub fn level(y: f64, label: impl Into<String>) -> Self {
        Self::Level { y, label: label.into() }
    }

    /// A time.
    #[must_use]
    pub fn span(from: f64, to: f64, label: impl Into<String>) -> Self {
        Self::Span { from, to, label: label.into() }
    }
}

/// Which part of the data is shown.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Showing {
    /// The range in units of x, both ends included; `None` is all.
    pub range: Option<(f64, f64)>,
    /// The names of the series that are not shown. Names, so that it survives an update with other columns.
    pub hidden: Vec<String>,
}
