//! The first handler: does nothing and says what it was given.

use super::{JobContext, JobHandler};
use crate::JobOutcome;

/// Keeps its payload as its output and is done. For first steps and for measuring.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoopEcho;

impl NoopEcho {
    /// Its kind.
    pub const KIND: &'static str = "noop_echo";
}

impl JobHandler for NoopEcho {
    fn kind(&self) -> &str {
        Self::KIND
    }

    async fn run(&self, ctx: JobContext) -> JobOutcome {
        match ctx.decode::<Box<serde_json::value::RawValue>>().map(|raw| ctx.set_output(raw)) {
            Ok(Ok(())) => JobOutcome::Done,
            Ok(Err(e)) => JobOutcome::dead(&e),
            Err(e) => JobOutcome::dead(&e),
        }
    }
}
