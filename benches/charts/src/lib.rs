//! The data that every library draws: the same numbers, noise all over, so that no column of pixels is simpler than
//! another.

/// 2026-11-29T13:30:00Z in seconds.
pub const START: f64 = 1_795_959_000.0;

/// Numbers from 0 to 65,535: the linear congruence of "Numerical Recipes", its upper bits. `page.mjs` has the same.
pub struct Noise(u32);

impl Noise {
    /// Those of a seed.
    #[must_use]
    pub const fn new(seed: u32) -> Self {
        Self(seed)
    }
}

impl Iterator for Noise {
    type Item = f64;

    fn next(&mut self) -> Option<f64> {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        Some(f64::from(self.0 >> 16))
    }
}

/// The second of a point.
#[must_use]
pub fn second(point: u32) -> f64 {
    START + f64::from(point)
}

/// One column.
#[must_use]
pub fn column(seed: u32, points: u32) -> Vec<f64> {
    Noise::new(seed).take(points as usize).collect()
}
