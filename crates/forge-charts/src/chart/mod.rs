//! Charts as values: data and options, from which a [`Scene`] is made at a size.

mod axis;
mod bars;
mod build;
mod extent;
mod lines;
mod marks;
mod options;
mod pieces;
mod summary;
mod words;

pub use options::{Fit, Kind, Mark, Showing, Status, XKind, YScale};
pub(crate) use pieces::Piece;

use crate::data::Frame;
use crate::format::Format;
use crate::scene::Scene;
use crate::time::Zone;

/// A chart: what it shows and how.
///
/// ```
/// use forge_charts::chart::{Chart, Showing};
/// use forge_charts::data::{Frame, Series};
/// use forge_charts::svg::Document;
///
/// let minute = 60e6;
/// let done = Series::new("completed", [120.0, 80.0, f64::NAN, 95.0]);
/// let chart = Chart::area("Jobs per minute", Frame::buckets(1_764_374_400e6, minute, vec![done]));
/// let scene = chart.scene((640.0, 240.0), &Showing::default());
/// assert!(Document::default().write(&scene).starts_with("<svg"));
/// ```
#[derive(Clone, Debug)]
pub struct Chart {
    pub(crate) title: String,
    pub(crate) kind: Kind,
    pub(crate) frame: Frame,
    pub(crate) x: XKind,
    pub(crate) range: Option<(f64, f64)>,
    pub(crate) bucket: Option<f64>,
    pub(crate) format: Format,
    pub(crate) scale: YScale,
    pub(crate) fit: Fit,
    pub(crate) marks: Vec<Mark>,
    pub(crate) open_last: bool,
    pub(crate) status: Status,
    pub(crate) textures: bool,
}

/// The most marks that are drawn.
pub const MAX_MARKS: usize = 200;

impl Chart {
    /// A chart of a kind, on an axis of time in UTC. The title is its name for people and for assistive technology.
    #[must_use]
    pub fn new(kind: Kind, title: impl Into<String>, frame: Frame) -> Self {
        Self {
            title: title.into(),
            kind,
            frame,
            x: XKind::Time(Zone::utc()),
            range: None,
            bucket: None,
            format: Format::Number,
            scale: YScale::Linear,
            fit: Fit::Zero,
            marks: Vec::new(),
            open_last: false,
            status: Status::Ready,
            textures: true,
        }
    }

    /// Areas over each other, each from zero.
    #[must_use]
    pub fn area(title: impl Into<String>, frame: Frame) -> Self {
        Self::new(Kind::Area, title, frame)
    }

    /// Areas on top of each other, for counts that add up.
    #[must_use]
    pub fn stacked(title: impl Into<String>, frame: Frame) -> Self {
        Self::new(Kind::Stacked, title, frame)
    }

    /// Lines, for what does not add up: percentiles, gauges.
    #[must_use]
    pub fn lines(title: impl Into<String>, frame: Frame) -> Self {
        Self::new(Kind::Lines, title, frame)
    }

    /// A bar for each bucket and series, side by side.
    #[must_use]
    pub fn bars(title: impl Into<String>, frame: Frame) -> Self {
        Self::new(Kind::Bars, title, frame)
    }

    /// A bar for each bucket, made of all series.
    #[must_use]
    pub fn stacked_bars(title: impl Into<String>, frame: Frame) -> Self {
        Self::new(Kind::StackedBars, title, frame)
    }

    /// A small line without axes, for a card or a row of a table.
    #[must_use]
    pub fn mini(title: impl Into<String>, frame: Frame) -> Self {
        Self::new(Kind::Mini, title, frame)
    }

    /// On the local times of this zone. Default: UTC.
    #[must_use]
    pub fn zone(mut self, zone: Zone) -> Self {
        self.x = XKind::Time(zone);
        self
    }

    /// On an axis of plain values instead of time.
    #[must_use]
    pub fn numbers(mut self, format: Format) -> Self {
        self.x = XKind::Number(format);
        self
    }

    /// On an axis of names instead of time: x is the position of the name, from 0.
    #[must_use]
    pub fn names<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.x = XKind::Names(names.into_iter().map(Into::into).collect());
        self
    }

    /// The range of x that belongs to the data, also where there is none: "the last hour". Default: from the first point
    /// to the last one. Bounds that are no numbers or the wrong way round count as none.
    #[must_use]
    pub const fn range(mut self, from: f64, to: f64) -> Self {
        self.range = Some((from, to));
        self
    }

    /// How wide a bucket is, in units of x. Default: the distance of the closest neighbours.
    #[must_use]
    pub const fn bucket(mut self, width: f64) -> Self {
        self.bucket = Some(width);
        self
    }

    /// What the values are. Default: numbers.
    #[must_use]
    pub const fn format(mut self, format: Format) -> Self {
        self.format = format;
        self
    }

    /// How values become heights. Default: linear. Bars and stacks are always linear, since their parts add up only
    /// there.
    #[must_use]
    pub const fn scale(mut self, scale: YScale) -> Self {
        self.scale = scale;
        self
    }

    /// Which values the picture reaches. Default: [`Fit::Zero`].
    #[must_use]
    pub const fn fit(mut self, fit: Fit) -> Self {
        self.fit = fit;
        self
    }

    /// With these marks; the first [`MAX_MARKS`] within the range are drawn.
    #[must_use]
    pub fn marks(mut self, marks: Vec<Mark>) -> Self {
        self.marks = marks;
        self
    }

    /// Says that the last bucket still fills: it is drawn dashed, since its count is not final.
    #[must_use]
    pub const fn open_last(mut self, open: bool) -> Self {
        self.open_last = open;
        self
    }

    /// Whether the data is there. Default: [`Status::Ready`].
    #[must_use]
    pub fn status(mut self, status: Status) -> Self {
        self.status = status;
        self
    }

    /// Whether series differ in dashes and textures too, and not in colour alone. Default: yes.
    #[must_use]
    pub const fn textures(mut self, on: bool) -> Self {
        self.textures = on;
        self
    }

    /// The data.
    #[must_use]
    pub const fn frame(&self) -> &Frame {
        &self.frame
    }

    /// The picture at a size in pixels. Sizes that are no numbers count as 1, and none is larger than 20,000.
    #[must_use]
    pub fn scene(&self, size: (f64, f64), showing: &Showing) -> Scene {
        build::scene(self, size, showing, &[])
    }

    /// The same picture as [`scene`](Self::scene) makes, in less time: pieces of lines that `before` has already, the
    /// picture of this chart until now, are not made again. For data that comes in live.
    #[must_use]
    pub fn scene_after(&self, before: &Scene, size: (f64, f64), showing: &Showing) -> Scene {
        build::scene(self, size, showing, &before.pieces)
    }
}
