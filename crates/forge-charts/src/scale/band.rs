//! Equal places for things that have names and no size.

/// Divides a range into equal bands with room between them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Band {
    start: f64,
    step: f64,
    count: usize,
    share: f64,
}

impl Band {
    /// `count` bands over `range`; `share` of each one's step, from 0 to 1, is filled. Bounds that are no finite
    /// numbers count as 0.
    #[must_use]
    pub fn new(count: usize, range: (f64, f64), share: f64) -> Self {
        let finite = |v: f64| if v.is_finite() { v } else { 0.0 };
        let (start, end) = (finite(range.0), finite(range.1));
        let step = if count == 0 { 0.0 } else { (end - start) / crate::num::float(count) };
        let share = if share.is_finite() { share.clamp(0.0, 1.0) } else { 1.0 };
        Self { start, step, count, share }
    }

    /// The distance from one band to the next.
    #[must_use]
    pub const fn step(&self) -> f64 {
        self.step
    }

    /// How wide each band is.
    #[must_use]
    pub fn width(&self) -> f64 {
        self.step * self.share
    }

    /// Where a band begins. Beyond the last one the last one's answer is given.
    #[must_use]
    pub fn start(&self, band: usize) -> f64 {
        let band = crate::num::float(band.min(self.count.saturating_sub(1)));
        self.start + self.step * band + self.step * (1.0 - self.share) / 2.0
    }

    /// The middle of a band.
    #[must_use]
    pub fn middle(&self, band: usize) -> f64 {
        self.start(band) + self.width() / 2.0
    }

    /// The band at a pixel, the nearest one outside the range; `None` without a band.
    #[must_use]
    pub fn at(&self, pixel: f64) -> Option<usize> {
        if self.count == 0 || self.step == 0.0 || pixel.is_nan() {
            return None;
        }
        Some(crate::num::index((pixel - self.start) / self.step).min(self.count - 1))
    }
}
