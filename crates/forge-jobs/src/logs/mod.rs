//! What handlers log, kept with the job: lines, and with the feature `logs` the layer that captures them.

#[cfg(feature = "logs")]
mod capture;
#[cfg(feature = "logs")]
mod layer;
mod line;
#[cfg(feature = "logs")]
mod outgoing;
#[cfg(feature = "logs")]
mod redact;

#[cfg(feature = "logs")]
pub(crate) use capture::{AttemptLog, LogSlot, opening};
#[cfg(feature = "logs")]
pub use layer::{JobLogs, Redact, UpTo};
pub use line::{LogCursor, LogLevel, LogLine, LoggedLine};
#[cfg(feature = "logs")]
pub(crate) use outgoing::Outgoing;
