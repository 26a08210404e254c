//! The proof of one claim.

use crate::{DeadReason, JobId, JobStatus, ProcessId};
use std::hash::{Hash, Hasher};

/// The proof of one claim, needed to finish or release it.
///
/// An *identity*, where `attempt` is a budget: `attempt` may be refunded or reset, so that a late worker could hold
/// the right one by chance; `claim_no` only grows. The three parts are compared together; what the storage keeps beside
/// them is not.
#[derive(Clone, Copy, Debug)]
pub struct Lease {
    /// The job.
    pub job: JobId,
    /// The number of the claim. It only grows, and no job gets the same one twice.
    pub claim_no: i64,
    /// The process that claimed.
    pub process: ProcessId,
    /// Where the storage keeps the job: its own business, so that a finish needs no look-up by id. A storage that
    /// has no use for it leaves 0.
    pub row: i64,
    /// What the storage wrote with the claim and will need at its end: its own business too. Without it a finish costs
    /// one more look.
    pub memo: Option<[i64; 7]>,
}

impl Lease {
    const fn identity(&self) -> (JobId, i64, ProcessId) {
        (self.job, self.claim_no, self.process)
    }
}

impl PartialEq for Lease {
    fn eq(&self, other: &Self) -> bool {
        self.identity() == other.identity()
    }
}

impl Eq for Lease {}

impl Hash for Lease {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.identity().hash(state);
    }
}

/// What came of a finish or release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FinishResult {
    /// It was accepted; the job now stands here. Not always where the caller sent it: a requested cancel turns
    /// `retrying` and `scheduled` into `dead`.
    Applied {
        /// Where the job stands.
        status: JobStatus,
        /// Why, if dead.
        dead_reason: Option<DeadReason>,
    },
    /// The claim is not valid any more: the job was revived, finished or dropped meanwhile. Nothing was changed.
    StaleLease,
}

impl FinishResult {
    /// Whether it was accepted.
    #[must_use]
    pub const fn is_applied(self) -> bool {
        matches!(self, Self::Applied { .. })
    }
}
