//! Which jobs, as the command line says: what `list`, `count` and the verbs have in common.

use crate::exit::Failure;
use forge_jobs::errors::ErrorGroupId;
use forge_jobs::{DeadReason, JobStatus, Timestamp};
use forge_jobs_api::wire::{ErrorCode, JobQuery};

/// A filter.
#[derive(Clone, Debug, Default, PartialEq, Eq, clap::Args)]
pub(crate) struct Filter {
    /// Only of these queues; several with commas between
    #[arg(long, value_name = "QUEUE", value_delimiter = ',')]
    queue: Vec<String>,

    /// Only with these statuses: pending, scheduled, running, retrying, done, dead; several with commas between
    #[arg(long, value_name = "STATUS", value_delimiter = ',')]
    status: Vec<JobStatus>,

    /// Only of this kind; with a * at its end, of kinds that begin so
    #[arg(long)]
    kind: Option<String>,

    /// Only dead for this reason: exhausted, discarded, cancelled, poison, undecodable
    #[arg(long, value_name = "REASON")]
    dead_reason: Option<DeadReason>,

    /// Only with this tag
    #[arg(long)]
    tag: Option<String>,

    /// Only those whose latest error is of this group: see `forge errors`
    #[arg(long, value_name = "GROUP")]
    error_group: Option<ErrorGroupId>,

    /// Only those enqueued from this time on, as 2026-11-29T12:00:00Z
    #[arg(long, value_name = "TIME")]
    created_from: Option<Timestamp>,

    /// Only those enqueued before this time
    #[arg(long, value_name = "TIME")]
    created_until: Option<Timestamp>,

    /// Only those due from this time on
    #[arg(long, value_name = "TIME")]
    due_from: Option<Timestamp>,

    /// Only those due before this time
    #[arg(long, value_name = "TIME")]
    due_until: Option<Timestamp>,

    /// Only those done or dead from this time on
    #[arg(long, value_name = "TIME")]
    finished_from: Option<Timestamp>,

    /// Only those done or dead before this time
    #[arg(long, value_name = "TIME")]
    finished_until: Option<Timestamp>,

    /// Only those whose payload holds this text, as its JSON is written
    #[arg(long, value_name = "TEXT")]
    payload: Option<String>,
}

impl Filter {
    /// Whether it lets all jobs through.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The query, and refusals that need no database.
    pub(crate) fn query(self) -> Result<JobQuery, Failure> {
        if let (Some(reason), Some(status)) =
            (self.dead_reason, self.status.iter().find(|s| **s != JobStatus::Dead))
        {
            let message =
                format!("a job that is {status} has no dead reason {reason}: leave one of the two out");
            return Err(Failure::new(ErrorCode::Invalid, message));
        }
        let time = |at: Option<Timestamp>| at.map(forge_jobs_api::convert::time);
        let statuses: Vec<&str> = self.status.iter().map(|s| s.as_str()).collect();
        Ok(JobQuery {
            queue: (!self.queue.is_empty()).then(|| self.queue.join(",")),
            status: None,
            statuses: (!statuses.is_empty()).then(|| statuses.join(",")),
            kind: self.kind,
            dead_reason: self.dead_reason.map(Into::into),
            tag: self.tag,
            error_group: self.error_group.map(|group| group.to_string()),
            created_from: time(self.created_from),
            created_until: time(self.created_until),
            due_from: time(self.due_from),
            due_until: time(self.due_until),
            finished_from: time(self.finished_from),
            finished_until: time(self.finished_until),
            payload: self.payload,
            limit: None,
            after: None,
        })
    }
}

/// Says which names of a query no job ever had.
pub(crate) fn tell_unknown(unknown: &[String], query: &JobQuery) {
    for field in unknown {
        let value = if field == "queue" { &query.queue } else { &query.kind };
        let value = value.as_deref().unwrap_or_default();
        crate::output::say(&format!("note: no job was ever of the {field} {value:?}"));
    }
}
