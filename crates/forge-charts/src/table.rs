//! The data as a table, for those who read rather than see: the same values as in the picture.

use crate::data::Frame;
use crate::scene::Scene;

/// The most rows of a table. Where there are more points, rows are spread evenly, and [`Table::note`] says so.
pub const MAX_ROWS: usize = 500;

/// What is shown, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// What the first column is, the names of the series that are shown, and `Total` where they stand on each other.
    pub head: Vec<String>,
    /// A row for each point: its x, and whether it still fills; the value of each series, and their sum.
    pub rows: Vec<Vec<String>>,
    /// What is left out, if anything.
    pub note: Option<String>,
}

impl Table {
    /// The table of the points that a picture shows.
    #[must_use]
    pub fn new(scene: &Scene) -> Self {
        let names = scene.shown.iter().map(|s| scene.frame.series()[*s].name().to_owned());
        let first = match scene.x_kind {
            crate::chart::XKind::Time(_) => "Time",
            crate::chart::XKind::Number(_) => "x",
            crate::chart::XKind::Names(_) => "Name",
        };
        let positions = scene.positions();
        let count = positions.len();
        let chosen = Frame::spread(positions, MAX_ROWS);
        let note = (chosen.len() < count)
            .then(|| format!("{} of {count} points. Zoom in to see all of them.", chosen.len()));
        let row = |at: usize| {
            let open = if scene.is_open(at) { ", still filling" } else { "" };
            let values = scene.shown.iter().map(|s| scene.value_words(*s, at));
            std::iter::once(scene.words_at(at) + open).chain(values).chain(scene.total_words(at)).collect()
        };
        let rows = chosen.into_iter().map(row).collect();
        let total = scene.total_words(0).map(|_| "Total".to_owned());
        Self { head: std::iter::once(first.to_owned()).chain(names).chain(total).collect(), rows, note }
    }
}
