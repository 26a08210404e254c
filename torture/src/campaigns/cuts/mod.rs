//! Connections with PostgreSQL are cut around single statements, before the server hears them or after it has done
//! them: nothing may be lost, and nothing done twice.

mod calls;
mod line;

use super::Failure;
use crate::proxy::{Proxy, Trap};
use crate::stage::Stage;
use std::fmt;
use std::time::Duration;

/// A cut takes milliseconds; one that does not come within this time does not come.
const SOON: Duration = Duration::from_secs(20);

/// Half of the cuts hit single calls whose effect is looked at after each, half of them a runtime at work.
#[derive(Clone, Copy, Debug)]
pub struct Cuts {
    /// For the choice of statements.
    pub seed: u64,
    /// How many connections are cut.
    pub cuts: u64,
}

impl Cuts {
    /// Runs the campaign; gives its report.
    ///
    /// # Errors
    ///
    /// When something was lost or done twice.
    pub async fn run(self) -> Result<String, Failure> {
        let singly = calls::run(&Stage::new().await?, self.cuts / 2).await?;
        let busily = line::run(&Stage::new().await?, self.seed, self.cuts - self.cuts / 2).await?;
        Ok(format!("{singly}; {busily}"))
    }
}

/// Which side of the work is cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cut {
    /// The server has done it, and its client cannot know.
    AfterCommit,
    /// The server has heard nothing of it.
    BeforeRequest,
}

impl Cut {
    const fn is_done(self) -> bool {
        matches!(self, Self::AfterCommit)
    }

    /// For the next calls of a function of the schema.
    fn arm(self, proxy: &Proxy, times: u64, is_meant: impl FnMut(&str) -> bool + Send + 'static) -> Trap {
        match self {
            Self::AfterCommit => proxy.cut_before_reply(times, is_meant),
            Self::BeforeRequest => proxy.cut_before_request(times, is_meant),
        }
    }
}

/// An error unless what was found is what was expected.
fn same<T: PartialEq + fmt::Debug>(what: &str, found: &T, expected: &T) -> Result<(), Failure> {
    if found == expected {
        return Ok(());
    }
    Err(format!("{what}: {found:?}, not {expected:?}").into())
}
