//! The ledger: one line per start and end of a handler, in a file outside of the database under test.
//!
//! Each line is one write to a file opened for append, so that lines of several processes do not mix, and lines of a
//! process that was killed are whole.

use forge_jobs::{JobContext, Timestamp};
use serde::Serialize;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::Arc;

/// Names the file.
pub(crate) const VARIABLE: &str = "FORGE_LEDGER";

/// Where handlers write down what they do. Without a file it writes nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger(Option<Arc<File>>);

/// What a handler did.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Event {
    Start,
    End,
    /// It was told to stop.
    Cancelled,
    /// It was given permits of a budget.
    Granted,
}

#[derive(Serialize)]
struct Line {
    /// Nanoseconds since the machine started: one clock for all of its processes, which nobody can set.
    ts_ns: u128,
    pid: u32,
    worker: String,
    job: String,
    attempt: u32,
    lease: i64,
    ev: Event,
    /// When permits were given, by the database's clock, in microseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    granted_us: Option<i64>,
}

impl Ledger {
    /// The ledger in this file.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        Ok(Self(Some(Arc::new(file))))
    }

    /// Writes a line. A handler that cannot be audited must not run on, so a failure is a panic.
    pub(crate) fn write(&self, ctx: &JobContext, ev: Event) {
        self.line(ctx, ev, None);
    }

    /// Writes that permits were given.
    pub(crate) fn granted(&self, ctx: &JobContext, at: Timestamp) {
        self.line(ctx, Event::Granted, Some(at.as_micros()));
    }

    fn line(&self, ctx: &JobContext, ev: Event, granted_us: Option<i64>) {
        let Some(file) = &self.0 else { return };
        let line = Line {
            ts_ns: since_boot(),
            pid: std::process::id(),
            worker: ctx.process_id().to_string(),
            job: ctx.job_id().to_string(),
            attempt: ctx.attempt(),
            lease: ctx.claim_no(),
            ev,
            granted_us,
        };
        let written = serde_json::to_string(&line)
            .map_err(io::Error::from)
            .and_then(|text| (&**file).write_all(format!("{text}\n").as_bytes()));
        if let Err(e) = written {
            panic!("the ledger cannot be written: {e}");
        }
    }
}

/// Nanoseconds on the clock of the lines.
#[cfg(target_os = "linux")]
pub(crate) fn since_boot() -> u128 {
    let t = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let second = 1_000_000_000;
    u128::try_from(t.tv_sec).unwrap_or(0) * second + u128::try_from(t.tv_nsec).unwrap_or(0)
}

/// Nanoseconds on the clock of the lines.
#[cfg(not(target_os = "linux"))]
pub(crate) fn since_boot() -> u128 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_nanos()
}
