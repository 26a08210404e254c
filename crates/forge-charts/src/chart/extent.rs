//! Which range of x and which values a picture has.

use super::summary::smallest_positive;
use super::{Chart, Fit, Kind, Mark, XKind, YScale};
use crate::data::Frame;
use crate::format::Format;
use crate::scale::{Linear, Log, Scale, Symlog};
use std::ops::Range;

/// A range that can be drawn: finite, the right way round, and with something in between.
pub(super) fn usable((from, to): (f64, f64)) -> bool {
    // Neighbouring doubles have nothing in between. For times of today this is 2 µs.
    from.is_finite()
        && to.is_finite()
        && from < to
        && (to - from) > from.abs().max(to.abs()) * 4.0 * f64::EPSILON
}

/// How wide a bucket is.
pub(super) fn bucket(chart: &Chart) -> f64 {
    let given = chart.bucket.filter(|b| b.is_finite() && *b > 0.0);
    given.or_else(|| chart.frame.step()).unwrap_or(match chart.x {
        XKind::Time(_) => crate::time::MINUTE,
        XKind::Number(_) | XKind::Names(_) => 1.0,
    })
}

/// All of x.
pub(super) fn full(chart: &Chart, bucket: f64) -> (f64, f64) {
    if let Some(range) = chart.range.filter(|r| usable(*r)) {
        return range;
    }
    if let XKind::Names(names) = &chart.x {
        // An x beyond the names has a place without one, as far as there can be a picture of it.
        let last = chart.frame.bounds().map_or(0.0, |b| b.1).clamp(0.0, 1e6);
        let count = names.len().max(crate::num::index(last) + usize::from(!chart.frame.is_empty())).max(1);
        return (-0.5, crate::num::float(count) - 0.5);
    }
    let Some((first, last)) = chart.frame.bounds() else { return (0.0, 1.0) };
    let wanted = if chart.kind.is_bars() { (first, last + bucket) } else { (first, last) };
    if usable(wanted) {
        return wanted;
    }
    // One moment: with room around it, at least as much as numbers of this size can tell apart.
    let room = (bucket / 2.0).max(first.abs() * 1e-9).max(f64::MIN_POSITIVE);
    let around = (first - room, last + room);
    if usable(around) { around } else { (0.0, 1.0) }
}

/// The lowest and the highest of some values; the wrong way round where there is none.
#[derive(Clone, Copy)]
struct Reach {
    low: f64,
    high: f64,
}

impl Reach {
    const NONE: Self = Self { low: f64::INFINITY, high: f64::NEG_INFINITY };

    const fn add(&mut self, value: f64) {
        if value.is_finite() {
            self.low = self.low.min(value);
            self.high = self.high.max(value);
        }
    }
}

/// The scale of values over `range` pixels for what is shown at `positions` and lies within `bounds`, with about `count`
/// ticks.
pub(super) fn y_scale(
    chart: &Chart,
    shown: &[usize],
    positions: Range<usize>,
    bounds: impl Iterator<Item = (f64, f64)>,
    range: (f64, f64),
    count: usize,
) -> Scale {
    let mut reach = Reach::NONE;
    for (low, high) in bounds {
        reach.add(low);
        reach.add(high);
    }
    let levels =
        || chart.marks.iter().filter_map(|m| if let Mark::Level { y, .. } = m { Some(y) } else { None });
    for level in levels() {
        reach.add(*level);
    }
    let scale = if chart.kind.is_bars() || chart.kind.is_stacked() { YScale::Linear } else { chart.scale };
    let fixed = match chart.fit {
        Fit::Fixed(low, high) if usable((low, high)) => Some((low, high)),
        Fit::Fixed(..) | Fit::Zero | Fit::Data => None,
    };
    match scale {
        YScale::Linear => {
            let with_zero = chart.fit != Fit::Data || !matches!(chart.kind, Kind::Lines | Kind::Mini);
            let domain = fixed.unwrap_or_else(|| linear_domain(reach, with_zero, chart.format, count));
            Scale::Linear(Linear::new(domain, range))
        }
        YScale::Log => Scale::Log(fixed.map_or_else(
            || {
                let columns =
                    shown.iter().flat_map(|s| &chart.frame.series()[*s].values()[positions.clone()]);
                Log::new((smallest_positive(columns.chain(levels())), reach.high), range).nice()
            },
            |domain| Log::new(domain, range),
        )),
        YScale::Symlog(constant) => {
            let domain = fixed.unwrap_or_else(|| linear_domain(reach, true, Format::Number, count));
            Scale::Symlog(Symlog::new(domain, range, constant))
        }
    }
}

fn linear_domain(reach: Reach, with_zero: bool, format: Format, count: usize) -> (f64, f64) {
    if reach.low > reach.high {
        return (0.0, 1.0);
    }
    let (mut low, mut high) = (reach.low, reach.high);
    if with_zero {
        low = low.min(0.0);
        high = high.max(0.0);
    }
    if !usable((low, high)) {
        // Equal values lie in the middle, zeros on the ground.
        let room = (low.abs() * 0.1).max(if low == 0.0 { 1.0 } else { f64::MIN_POSITIVE });
        (low, high) = if low == 0.0 { (0.0, 1.0) } else { (low - room, high + room) };
    }
    let bounds = format.nice((low, high), count);
    if usable(bounds) { bounds } else { (low.max(f64::MIN / 4.0), high.min(f64::MAX / 4.0)) }
}

/// The positions to draw: those within the range and one more on each side, where lines come from and go to.
pub(super) fn drawn(frame: &Frame, inside: Range<usize>) -> Range<usize> {
    inside.start.saturating_sub(1)..(inside.end + 1).min(frame.len())
}
