//! The tooltip: every series at the crosshair, and a place for it that is never under the pointer.

use super::State;
use crate::order::order;
use crate::scene::Scene;
use crate::text;
use crate::theme::FONT;

/// The most rows of a tooltip; those with the largest values stay.
pub(super) const MAX_ROWS: usize = 12;
/// From the crosshair to the tooltip.
const AWAY: f64 = 12.0;

/// A series in a tooltip.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TipRow {
    /// Which series.
    pub series: usize,
    /// Its name.
    pub name: String,
    /// Its place in the palette.
    pub slot: u8,
    /// Its value in words.
    pub value: String,
}

/// A tooltip.
#[derive(Clone, Debug, PartialEq)]
pub struct Tip {
    /// When, or where.
    pub title: String,
    /// The series, the largest value first, those without one last.
    pub rows: Vec<TipRow>,
    /// The sum, where series stand on each other.
    pub total: Option<String>,
    /// How many series are left out.
    pub more: usize,
    /// Whether the bucket still fills.
    pub open: bool,
    /// Its left upper corner, in pixels of the picture.
    pub at: (f64, f64),
    /// Whether it lies to the left of the crosshair.
    pub left: bool,
}

impl Tip {
    /// The tooltip of a state; none without a crosshair.
    #[must_use]
    pub fn new(state: &State, scene: &Scene) -> Option<Self> {
        let position = state.cursor?.position;
        let pixel = scene.pixel(position)?;
        let value =
            |series: &usize| scene.frame.series()[*series].value(position).unwrap_or(f64::NEG_INFINITY);
        let values: Vec<f64> = scene.shown.iter().map(value).collect();
        let total = scene.total_words(position);
        let order = order(values.len(), &|a, b| values[b].total_cmp(&values[a]));
        let more = order.len().saturating_sub(MAX_ROWS);
        let row = |series: usize| TipRow {
            series,
            name: scene.frame.series()[series].name().to_owned(),
            slot: u8::try_from(scene.frame.slot(series)).unwrap_or(0),
            value: scene.value_words(series, position),
        };
        let rows: Vec<TipRow> = order.into_iter().take(MAX_ROWS).map(|i| row(scene.shown[i])).collect();
        let open = scene.is_open(position);
        let mut tip =
            Self { title: scene.words_at(position), rows, total, more, open, at: (0.0, 0.0), left: false };
        tip.place(pixel, scene);
        Some(tip)
    }

    /// Beside the crosshair, on the side that has room: to the right, to the left, and where neither has, as far away
    /// as the picture goes.
    fn place(&mut self, pixel: f64, scene: &Scene) {
        let (width, height) = self.size();
        let reach = if scene.kind.is_bars() {
            (scene.x.map(scene.bucket) - scene.x.map(0.0)).abs() / 2.0
        } else {
            0.0
        };
        let away = AWAY + reach.min(60.0);
        let right = scene.size.0 - pixel - away;
        let left = pixel - away;
        self.left = right < width && left > right;
        let x = if self.left {
            (left - width).max(0.0)
        } else {
            (pixel + away).min((scene.size.0 - width).max(0.0))
        };
        let y = (scene.plot.y + 4.0).min((scene.size.1 - height).max(0.0));
        self.at = (x, y);
    }

    /// About how large it is: the table of widths is for the widest of the usual faces.
    fn size(&self) -> (f64, f64) {
        let font = FONT + 1.0;
        let rows = self.rows.iter().map(|r| {
            text::width(&r.name, font).min(180.0) + text::width(&r.value, font) * 1.06 + 16.0 + 15.0
        });
        let widest = rows.fold(text::width(&self.title, font) * 1.06, f64::max);
        let lines = self.rows.len()
            + 1
            + usize::from(self.total.is_some())
            + usize::from(self.more > 0)
            + usize::from(self.open);
        ((widest + 18.0).min(280.0), crate::num::float(lines) * font * 1.4 + 14.0)
    }

    /// In a sentence, for those who hear it.
    #[must_use]
    pub fn words(&self) -> String {
        let rows = self.rows.iter().map(|r| format!("{} {}", r.name, r.value));
        let mut parts: Vec<String> = rows.collect();
        parts.extend(self.total.iter().map(|t| format!("total {t}")));
        if self.more > 0 {
            parts.push(format!("and {} more", self.more));
        }
        let open = if self.open { ", still filling" } else { "" };
        format!("{}{open}: {}", self.title, parts.join(", "))
    }
}
