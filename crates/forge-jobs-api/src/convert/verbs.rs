//! What came of the operator's verbs.

use crate::wire;
use forge_jobs as domain;
use forge_jobs::storage;

impl wire::VerbResult {
    /// An outcome without details.
    const fn plain(id: String, outcome: wire::VerbOutcome) -> Self {
        Self {
            id,
            outcome,
            status: None,
            dead_reason: None,
            process: None,
            claim_no: None,
            duplicate_of: None,
        }
    }

    fn refused(id: String, status: domain::JobStatus) -> Self {
        Self { status: Some(status.into()), ..Self::plain(id, wire::VerbOutcome::Refused) }
    }

    /// What came of a cancel.
    #[must_use]
    pub fn of_cancel(id: domain::JobId, outcome: storage::CancelOutcome) -> Self {
        let id = id.to_string();
        match outcome {
            storage::CancelOutcome::Cancelled => Self::plain(id, wire::VerbOutcome::Cancelled),
            storage::CancelOutcome::Requested { process, claim_no } => Self {
                process: Some(process.to_string()),
                claim_no: Some(claim_no),
                ..Self::plain(id, wire::VerbOutcome::Requested)
            },
            storage::CancelOutcome::AlreadyFinished { status, dead_reason } => Self {
                status: Some(status.into()),
                dead_reason: dead_reason.map(Into::into),
                ..Self::plain(id, wire::VerbOutcome::AlreadyFinished)
            },
            _ => Self::plain(id, wire::VerbOutcome::Unknown),
        }
    }

    /// What came of a retry.
    #[must_use]
    pub fn of_retry(id: domain::JobId, outcome: storage::RetryOutcome) -> Self {
        let id = id.to_string();
        match outcome {
            storage::RetryOutcome::Retried => Self::plain(id, wire::VerbOutcome::Retried),
            storage::RetryOutcome::Refused { status } => Self::refused(id, status),
            storage::RetryOutcome::Duplicate { of } => {
                Self { duplicate_of: Some(of.to_string()), ..Self::plain(id, wire::VerbOutcome::Duplicate) }
            }
            _ => Self::plain(id, wire::VerbOutcome::Unknown),
        }
    }

    /// What came of a run-now.
    #[must_use]
    pub fn of_run_now(id: domain::JobId, outcome: storage::RunNowOutcome) -> Self {
        let id = id.to_string();
        match outcome {
            storage::RunNowOutcome::MadePending => Self::plain(id, wire::VerbOutcome::MadePending),
            storage::RunNowOutcome::AlreadyPending => Self::plain(id, wire::VerbOutcome::AlreadyPending),
            storage::RunNowOutcome::Refused { status } => Self::refused(id, status),
            _ => Self::plain(id, wire::VerbOutcome::Unknown),
        }
    }

    /// What came of a drop.
    #[must_use]
    pub fn of_drop(id: domain::JobId, outcome: storage::DropOutcome) -> Self {
        let id = id.to_string();
        match outcome {
            storage::DropOutcome::Dropped => Self::plain(id, wire::VerbOutcome::Dropped),
            storage::DropOutcome::Refused { status } => Self::refused(id, status),
            _ => Self::plain(id, wire::VerbOutcome::Unknown),
        }
    }
}
