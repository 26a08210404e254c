//! What came of actions, as the audit tells it.

use crate::storage::schedule_texts::SpecTexts;
use crate::storage::{AuditOutcome, CancelOutcome, DropOutcome, RetryOutcome, RunNowOutcome};
use serde_json::{Map, Value};

/// What came of a verb for a job: a word, and whether it changed something.
pub(super) trait Came {
    fn word(&self) -> &'static str;
    fn changed(&self) -> bool;
}

impl Came for CancelOutcome {
    fn word(&self) -> &'static str {
        match self {
            Self::Cancelled => "cancelled",
            Self::Requested { .. } => "requested",
            Self::AlreadyFinished { .. } => "already_finished",
            Self::Unknown => "unknown",
        }
    }

    fn changed(&self) -> bool {
        matches!(self, Self::Cancelled | Self::Requested { .. })
    }
}

impl Came for RetryOutcome {
    fn word(&self) -> &'static str {
        match self {
            Self::Retried => "retried",
            Self::Refused { .. } => "refused",
            Self::Duplicate { .. } => "duplicate",
            Self::Unknown => "unknown",
        }
    }

    fn changed(&self) -> bool {
        *self == Self::Retried
    }
}

impl Came for RunNowOutcome {
    fn word(&self) -> &'static str {
        match self {
            Self::MadePending => "made_pending",
            Self::AlreadyPending => "already_pending",
            Self::Refused { .. } => "refused",
            Self::Unknown => "unknown",
        }
    }

    fn changed(&self) -> bool {
        *self == Self::MadePending
    }
}

/// What came of a drop. The audit tells more of it than its caller hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dropping {
    Came(DropOutcome),
    /// There is no such job any more, and the key that it still held is free now.
    KeyFreed,
}

impl From<DropOutcome> for Dropping {
    fn from(outcome: DropOutcome) -> Self {
        Self::Came(outcome)
    }
}

impl From<Dropping> for DropOutcome {
    fn from(dropping: Dropping) -> Self {
        match dropping {
            Dropping::Came(outcome) => outcome,
            Dropping::KeyFreed => Self::Unknown,
        }
    }
}

impl Came for Dropping {
    fn word(&self) -> &'static str {
        match self {
            Self::Came(DropOutcome::Dropped) => "dropped",
            Self::Came(DropOutcome::Refused { .. }) => "refused",
            Self::Came(DropOutcome::Unknown) => "unknown",
            Self::KeyFreed => "key_freed",
        }
    }

    fn changed(&self) -> bool {
        matches!(self, Self::Came(DropOutcome::Dropped) | Self::KeyFreed)
    }
}

/// How many jobs were changed, and what came of which number of them.
pub(super) fn ends<O: Came>(outcomes: &[O]) -> (u64, Map<String, Value>) {
    let mut counts: Map<String, Value> = Map::new();
    for word in outcomes.iter().map(Came::word) {
        let before = counts.get(word).and_then(Value::as_u64).unwrap_or(0);
        counts.insert(word.to_owned(), (before + 1).into());
    }
    let changed = outcomes.iter().filter(|o| o.changed()).count();
    (u64::try_from(changed).unwrap_or(u64::MAX), counts)
}

pub(super) const fn outcome(count: u64) -> AuditOutcome {
    if count > 0 { AuditOutcome::Done } else { AuditOutcome::Unchanged }
}

/// A schedule, without the payload of its jobs.
pub(super) fn schedule(texts: &SpecTexts, enabled: bool) -> Value {
    let mut fields = match serde_json::from_str(&texts.rest) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    };
    fields.remove("payload");
    fields.insert("expression".into(), texts.expression.clone().into());
    fields.insert("zone".into(), texts.zone.clone().into());
    fields.insert("enabled".into(), enabled.into());
    Value::Object(fields)
}
