//! Schedules, what is in effect of them, and what became of their fires.

use super::{raw, seconds, time};
use crate::wire;
use forge_jobs as domain;
use forge_jobs::storage;

impl From<&domain::schedule::ScheduleSpec> for wire::ScheduleSettings {
    fn from(spec: &domain::schedule::ScheduleSpec) -> Self {
        use domain::schedule::{MissedFires, Overlap};
        let job = &spec.job;
        Self {
            expression: spec.expression.to_string(),
            zone: spec.zone.to_string(),
            description: spec.expression.describe(),
            kind: job.kind.clone(),
            queue: job.queue.clone(),
            payload: raw(&job.payload),
            priority: job.priority,
            max_attempts: job.max_attempts,
            tags: job.tags.clone(),
            missed: match spec.missed {
                MissedFires::Skip { .. } => wire::MissedFires::Skip,
                MissedFires::Once { .. } => wire::MissedFires::Once,
                MissedFires::CatchUp { .. } => wire::MissedFires::CatchUp,
            },
            catch_up: match spec.missed {
                MissedFires::Skip { .. } => 0,
                MissedFires::Once { .. } => 1,
                MissedFires::CatchUp { max, .. } => max,
            },
            within_seconds: seconds(spec.missed.within()),
            overlap: match spec.overlap {
                Overlap::Allow => wire::Overlap::Allow,
                Overlap::Skip => wire::Overlap::Skip,
            },
            jitter_seconds: seconds(spec.jitter),
        }
    }
}

impl From<&storage::ScheduleRow> for wire::Schedule {
    fn from(row: &storage::ScheduleRow) -> Self {
        Self {
            name: row.name.clone(),
            version: row.version,
            enabled: row.enabled,
            owner: match row.owner {
                domain::schedule::Owner::Code => wire::ScheduleOwner::Code,
                domain::schedule::Owner::Operator => wire::ScheduleOwner::Operator,
            },
            overrides_code: row.overrides_code(),
            undeclared: row.is_undeclared(),
            settings: (&row.spec).into(),
            code: row.code.as_ref().map(|code| wire::ScheduleWish {
                program: code.program.clone(),
                enabled: code.enabled,
                settings: (&code.spec).into(),
            }),
            next_fire_at: row.next_fire_at().map(time),
            last_fire_at: row.last_fire_at.map(time),
            last_job: row.last_job.map(|id| id.to_string()),
            created_at: time(row.created_at),
            edited_at: time(row.edited_at),
        }
    }
}

impl From<domain::schedule::TickOutcome> for wire::TickOutcome {
    fn from(outcome: domain::schedule::TickOutcome) -> Self {
        use domain::schedule::TickOutcome;
        match outcome {
            TickOutcome::Fired => Self::Fired,
            TickOutcome::Coalesced => Self::Coalesced,
            TickOutcome::Overlapped => Self::Overlapped,
            TickOutcome::Missed => Self::Missed,
            TickOutcome::RunNow => Self::RunNow,
            _ => Self::Unknown,
        }
    }
}

impl From<&storage::TickRow> for wire::Tick {
    fn from(tick: &storage::TickRow) -> Self {
        Self {
            first_at: time(tick.fires.first),
            last_at: time(tick.fires.last),
            count: tick.fires.count,
            outcome: tick.outcome.into(),
            job: tick.job.map(|id| id.to_string()),
            recorded_at: time(tick.recorded_at),
        }
    }
}
