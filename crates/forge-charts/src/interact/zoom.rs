//! Ranges: zooming and moving them, within what there is.

use crate::scene::Scene;

/// A range that may be shown: within all of x, and no narrower than can be told apart. `None` when it is all.
pub(super) fn within(scene: &Scene, (from, to): (f64, f64)) -> Option<(f64, f64)> {
    let (low, high) = scene.full;
    let all = high - low;
    if !(from.is_finite() && to.is_finite()) || from >= to {
        return scene_range(scene);
    }
    // No closer than three buckets, nor than doubles of this size tell apart.
    let least = (scene.bucket * 3.0).min(all).max(low.abs().max(high.abs()) * 32.0 * f64::EPSILON);
    let length = (to - from).clamp(least.min(all), all);
    let middle = from / 2.0 + to / 2.0;
    let from = (middle - length / 2.0).clamp(low, (high - length).max(low));
    if length >= all * (1.0 - 1e-9) { None } else { Some((from, from + length)) }
}

/// The range as it is; `None` when it is all.
pub(super) fn scene_range(scene: &Scene) -> Option<(f64, f64)> {
    let range = scene.range();
    (range != scene.full).then_some(range)
}

/// The range made longer by a factor, with one x staying where it is.
pub(super) fn around(scene: &Scene, x: f64, factor: f64) -> Option<(f64, f64)> {
    let (from, to) = scene.range();
    let x = x.clamp(from, to);
    let factor = if factor.is_finite() { factor.clamp(0.01, 100.0) } else { 1.0 };
    let length = ((to - from) * factor).min(scene.full.1 - scene.full.0);
    let share = (x - from) / (to - from);
    let start = x - length * share;
    within(scene, (start, start + length))
}

/// The range moved by a distance, as far as there is something.
pub(super) fn moved(scene: &Scene, by: f64) -> Option<(f64, f64)> {
    let (from, to) = scene.range();
    let length = to - from;
    let by = if by.is_finite() { by } else { 0.0 };
    let start = (from + by).clamp(scene.full.0, (scene.full.1 - length).max(scene.full.0));
    within(scene, (start, start + length))
}

/// The range at which two x lie under two pixels.
pub(super) fn pinched(scene: &Scene, first: (f64, f64), second: (f64, f64)) -> Option<(f64, f64)> {
    let ((x1, p1), (x2, p2)) = (first, second);
    // Fingers that meet or cross say nothing.
    if (p2 - p1).abs() < 8.0 || (x2 - x1).abs() <= 0.0 {
        return scene_range(scene);
    }
    let per_pixel = (x2 - x1) / (p2 - p1);
    if per_pixel <= 0.0 {
        return scene_range(scene);
    }
    let from = x1 - (p1 - scene.plot.x) * per_pixel;
    within(scene, (from, from + scene.plot.width * per_pixel))
}
