//! From data to pixels and back.

mod linear;
mod log;
mod ticks;

pub use linear::Linear;
pub use log::{Log, Symlog};
pub use ticks::{MAX_TICKS, tick_step, ticks};

/// A scale of values, whichever it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scale {
    /// Equal steps are equal distances.
    Linear(Linear),
    /// Equal ratios are equal distances.
    Log(Log),
    /// Straight around zero, logarithmic beyond.
    Symlog(Symlog),
}

impl Scale {
    /// The pixel of a value; `NaN` stays `NaN`.
    #[must_use]
    pub fn map(&self, value: f64) -> f64 {
        match self {
            Self::Linear(scale) => scale.map(value),
            Self::Log(scale) => scale.map(value),
            Self::Symlog(scale) => scale.map(value),
        }
    }

    /// The value at a pixel.
    #[must_use]
    pub fn invert(&self, pixel: f64) -> f64 {
        match self {
            Self::Linear(scale) => scale.invert(pixel),
            Self::Log(scale) => scale.invert(pixel),
            Self::Symlog(scale) => scale.invert(pixel),
        }
    }

    /// The domain.
    #[must_use]
    pub const fn domain(&self) -> (f64, f64) {
        match self {
            Self::Linear(scale) => scale.domain(),
            Self::Log(scale) => scale.domain(),
            Self::Symlog(scale) => scale.domain(),
        }
    }

    /// Where bars and areas stand: the pixel of zero, or of the bound that is nearest to it.
    #[must_use]
    pub fn base(&self) -> f64 {
        let (a, b) = self.domain();
        self.map(0_f64.clamp(a.min(b), a.max(b)))
    }
}
