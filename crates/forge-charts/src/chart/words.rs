//! What there is to see, in sentences, for people who do not see it.

use super::summary::{Ends, Summary};
use super::{Chart, Mark, Status};
use crate::scene::Scene;
use crate::text::write_into;

/// The most series and marks that are described one by one.
const SPOKEN: usize = 6;

/// Describes a picture: what kind it is, what it spans, and for each series its last, lowest and highest value.
pub(super) fn description(scene: &Scene, chart: &Chart, summaries: &[Summary]) -> String {
    let (status, marks) = (&chart.status, &chart.marks);
    let mut text = head(scene);
    match status {
        Status::Ready => {}
        Status::Loading => text.push_str(" Loading."),
        Status::Error(why) => write_into(&mut text, format_args!(" Error: {why}.")),
    }
    for (series, summary) in scene.shown.iter().zip(summaries).take(SPOKEN) {
        text.push(' ');
        text.push_str(&of_series(scene, *series, summary));
    }
    let more = scene.shown.len().saturating_sub(SPOKEN);
    if more > 0 {
        write_into(&mut text, format_args!(" And {more} more series."));
    }
    let hidden = scene.legend.len() - scene.shown.len();
    if hidden > 0 {
        write_into(&mut text, format_args!(" {hidden} hidden."));
    }
    let (from, to) = scene.range();
    let spoken = marks.iter().filter_map(|mark| match mark {
        Mark::At { x, label } if (from..=to).contains(x) => {
            Some(format!("{label} at {}", scene.x_kind.words(*x, None)))
        }
        Mark::Level { y, label } => Some(format!("{label} at {}", scene.format.value(*y))),
        Mark::Span { from: start, to: end, label } if *end > from && *start < to => {
            Some(format!("{label} from {}", scene.x_kind.span_words((*start, *end))))
        }
        Mark::At { .. } | Mark::Span { .. } => None,
    });
    let spoken: Vec<String> = spoken.take(SPOKEN).collect();
    if !spoken.is_empty() {
        write_into(&mut text, format_args!(" Marks: {}.", spoken.join("; ")));
    }
    if chart.open_last && scene.positions().end == scene.frame.len() && !scene.frame.is_empty() {
        text.push_str(" The last bucket still fills.");
    }
    text
}

fn head(scene: &Scene) -> String {
    let mut kind = scene.kind.name().to_owned();
    if let Some(first) = kind.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    let points = scene.positions().len();
    let series = scene.shown.len();
    if points == 0 || series == 0 {
        return format!("{kind}, no data.");
    }
    let (from, to) = scene.range();
    let range = if scene.x_kind.is_names() {
        String::new()
    } else {
        format!(", {}", scene.x_kind.span_words((from, to)))
    };
    let plural = if points == 1 { "point" } else { "points" };
    format!("{kind}, {series} series, {points} {plural}{range}.")
}

fn of_series(scene: &Scene, series: usize, summary: &Summary) -> String {
    let name = scene.frame.series()[series].name();
    let Some(Ends { low, high, last }) = summary.ends else { return format!("{name}: no data.") };
    let words = |value: f64| scene.format.value(value);
    let gaps = match summary.gaps {
        0 => String::new(),
        1 => ", 1 without data".to_owned(),
        n => format!(", {n} without data"),
    };
    if low.1.total_cmp(&high.1).is_eq() {
        return format!("{name}: always {}{gaps}.", words(last));
    }
    format!(
        "{name}: last {}, lowest {} at {}, highest {} at {}{gaps}.",
        words(last),
        words(low.1),
        scene.words_at(low.0),
        words(high.1),
        scene.words_at(high.0)
    )
}
