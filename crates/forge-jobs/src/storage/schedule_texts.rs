//! Schedules as databases keep them: expression and zone in columns, the rest as JSON.

use super::checks::micros;
use super::{CodeWish, ScheduleRow, StorageError};
use crate::cron::{CronExpr, Zone};
#[cfg(feature = "sqlite")]
use crate::limits::CLOCK_CORRECTION;
use crate::schedule::{MissedFires, Owner, ScheduleSpec, ScheduledJob};
use crate::{JobId, Payload, Timestamp};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A spec as databases keep it. Equal specs have equal texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SpecTexts {
    pub(super) expression: String,
    pub(super) zone: String,
    /// The rest, as JSON.
    pub(super) rest: String,
}

/// What JSON holds of a spec. Fields that a newer program adds are passed over by older ones.
#[derive(Serialize, Deserialize)]
struct Rest {
    queue: String,
    kind: String,
    priority: i16,
    max_attempts: u32,
    tags: Vec<String>,
    missed: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    catch_up: Option<u32>,
    within_us: u64,
    overlap: String,
    jitter_us: u64,
    /// As text, which comes back byte for byte.
    payload: String,
}

impl SpecTexts {
    pub(super) fn of(spec: &ScheduleSpec) -> Result<Self, StorageError> {
        let us = |d: Duration| micros(d).max(0).unsigned_abs();
        let job = &spec.job;
        let rest = Rest {
            queue: job.queue.clone(),
            kind: job.kind.clone(),
            priority: job.priority,
            max_attempts: job.max_attempts,
            tags: job.tags.clone(),
            missed: spec.missed.as_str().to_owned(),
            catch_up: match spec.missed {
                MissedFires::CatchUp { max, .. } => Some(max),
                MissedFires::Skip { .. } | MissedFires::Once { .. } => None,
            },
            within_us: us(spec.missed.within()),
            overlap: spec.overlap.as_str().to_owned(),
            jitter_us: us(spec.jitter),
            payload: job.payload.as_str().to_owned(),
        };
        let rest = serde_json::to_string(&rest).map_err(|e| StorageError::Internal {
            detail: "a schedule could not be written as JSON".into(),
            source: Some(Box::new(e)),
        })?;
        Ok(Self { expression: spec.expression.to_string(), zone: spec.zone.to_string(), rest })
    }

    /// What the texts say; what a newer program wrote may not be understood.
    pub(super) fn read(&self, name: &str) -> Result<ScheduleSpec, StorageError> {
        self.parse().map_err(|why| StorageError::Corrupt {
            detail: format!(
                "the schedule {name:?} is not understood, perhaps a newer version of this program wrote it; upgrade \
                 this one, or remove the schedule: {why}"
            ),
            source: None,
        })
    }

    fn parse(&self) -> Result<ScheduleSpec, String> {
        fn text(e: impl std::fmt::Display) -> String {
            e.to_string()
        }
        let expression: CronExpr = self.expression.parse().map_err(text)?;
        let zone: Zone = self.zone.parse().map_err(text)?;
        let rest: Rest = serde_json::from_str(&self.rest).map_err(text)?;
        let within = Duration::from_micros(rest.within_us);
        let missed = match (rest.missed.as_str(), rest.catch_up) {
            ("skip", _) => MissedFires::Skip { within },
            ("once", _) => MissedFires::Once { within },
            ("catch_up", Some(max)) => MissedFires::CatchUp { max, within },
            (other, _) => return Err(format!("{other:?} is no policy for missed fires")),
        };
        Ok(ScheduleSpec {
            expression,
            zone,
            job: ScheduledJob {
                kind: rest.kind,
                queue: rest.queue,
                payload: Payload::from_storage(rest.payload),
                priority: rest.priority,
                max_attempts: rest.max_attempts,
                tags: rest.tags,
            },
            missed,
            overlap: rest.overlap.parse().map_err(text)?,
            jitter: Duration::from_micros(rest.jitter_us),
        })
    }
}

/// A row as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RawSchedule {
    pub(super) name: String,
    pub(super) texts: SpecTexts,
    pub(super) enabled: bool,
    /// 0 code, 1 operator.
    pub(super) owner: i16,
    pub(super) code: Option<RawWish>,
    pub(super) version: i64,
    pub(super) handled_until: i64,
    pub(super) next_at: Option<i64>,
    pub(super) last_fire_at: Option<i64>,
    pub(super) last_job: Option<[u8; 16]>,
    pub(super) created_at: i64,
    pub(super) edited_at: i64,
}

/// What the code wants, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RawWish {
    pub(super) texts: SpecTexts,
    pub(super) enabled: bool,
    pub(super) program: String,
    pub(super) declared: bool,
}

/// The number that stands for an owner.
pub(super) const fn owner_no(owner: Owner) -> i16 {
    match owner {
        Owner::Code => 0,
        Owner::Operator => 1,
    }
}

/// What is dealt with beyond this was dealt with by a clock that was wrong. Postgres counts for itself.
#[cfg(feature = "sqlite")]
pub(super) fn wrong_after(now: i64) -> i64 {
    now.saturating_add(micros(CLOCK_CORRECTION))
}

impl RawSchedule {
    pub(super) fn into_row(self) -> Result<ScheduleRow, StorageError> {
        // A wish that is not understood keeps nothing from firing by the values in effect.
        let code = self.code.and_then(|wish| {
            Some(CodeWish {
                spec: wish.texts.read(&self.name).ok()?,
                enabled: wish.enabled,
                program: wish.program,
                declared: wish.declared,
            })
        });
        Ok(ScheduleRow {
            spec: self.texts.read(&self.name)?,
            name: self.name,
            enabled: self.enabled,
            owner: if self.owner == owner_no(Owner::Code) { Owner::Code } else { Owner::Operator },
            code,
            version: self.version,
            handled_until: Timestamp::from_micros(self.handled_until),
            due_at: self.next_at.map(Timestamp::from_micros),
            last_fire_at: self.last_fire_at.map(Timestamp::from_micros),
            last_job: self.last_job.map(JobId::from_bytes),
            created_at: Timestamp::from_micros(self.created_at),
            edited_at: Timestamp::from_micros(self.edited_at),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::{Overlap, Schedule};
    use crate::{DefaultRouter, EnqueueRequest};

    #[test]
    fn a_spec_comes_back_from_its_texts() {
        let job =
            EnqueueRequest::from_json_text("k", "{ \"a\":\t1.0, \"b\": \"\\u00fc\" }").with_tag("ü \"x\"");
        let base = || Schedule::new("s", "*/5 2 * * MON", job.clone()).in_zone("Asia/Kathmandu");
        for schedule in [
            base(),
            base().with_missed(MissedFires::SKIP).with_jitter(Duration::from_micros(1)),
            base().with_missed(MissedFires::catch_up(9)).with_overlap(Overlap::Allow),
        ] {
            let spec = schedule.check(&DefaultRouter).unwrap().spec;
            let texts = SpecTexts::of(&spec).unwrap();
            assert_eq!(texts.read("s").unwrap(), spec);
            assert_eq!(texts, SpecTexts::of(&spec).unwrap(), "one spec has one text");
        }
    }

    #[test]
    fn what_is_not_understood_names_the_schedule_and_the_remedy() {
        let spec =
            Schedule::new("s", "@daily", EnqueueRequest::new("k", 1)).check(&DefaultRouter).unwrap().spec;
        let whole = SpecTexts::of(&spec).unwrap();
        for texts in [
            SpecTexts { expression: "@sunrise".into(), ..whole.clone() },
            SpecTexts { zone: "Mars/Olympus".into(), ..whole.clone() },
            SpecTexts { rest: "{}".into(), ..whole.clone() },
            SpecTexts { rest: whole.rest.replace("once", "twice"), ..whole },
        ] {
            let e = texts.read("nightly").unwrap_err().to_string();
            assert!(e.contains("\"nightly\"") && e.contains("upgrade"), "{e}");
        }
    }
}
