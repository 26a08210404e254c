//! Schedules, and what became of their fires.

use super::Seconds;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// All schedules.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ScheduleList {
    /// By name.
    pub schedules: Vec<Schedule>,
    /// Names of those that this version does not understand, since a newer one wrote them.
    #[serde(default)]
    pub unreadable: Vec<String>,
}

/// A schedule with its latest fires.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ScheduleDetail {
    /// The schedule.
    pub schedule: Schedule,
    /// What became of its fires, the latest first.
    pub ticks: Vec<Tick>,
}

/// A schedule as it stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Schedule {
    /// Its name.
    pub name: String,
    /// Another one after each edit; for edits that must not overwrite another's.
    pub version: i64,
    /// Whether it fires.
    pub enabled: bool,
    /// Whose values are in effect.
    pub owner: ScheduleOwner,
    /// Whether a person's values are in effect that the program's code would have otherwise.
    pub overrides_code: bool,
    /// Whether the program that once declared it no longer does.
    pub undeclared: bool,
    /// The values in effect.
    pub settings: ScheduleSettings,
    /// What a program's code wants; `null` if none ever declared it.
    pub code: Option<ScheduleWish>,
    /// The next fire, in the past if it is overdue; `null` while it is paused, or if there is none.
    pub next_fire_at: Option<String>,
    /// The latest fire that is a job.
    pub last_fire_at: Option<String>,
    /// The latest job.
    pub last_job: Option<String>,
    /// When it was made.
    pub created_at: String,
    /// When it was last edited.
    pub edited_at: String,
}

/// What a program's code wants of a schedule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ScheduleWish {
    /// The program.
    pub program: String,
    /// Whether it is to fire.
    pub enabled: bool,
    /// The values.
    pub settings: ScheduleSettings,
}

/// When a schedule fires, and what it enqueues.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ScheduleSettings {
    /// The expression in its canonical form.
    pub expression: String,
    /// The time zone, as the IANA database spells it.
    pub zone: String,
    /// What the expression means, in English.
    pub description: String,
    /// The name that picks the handler.
    pub kind: String,
    /// The lane.
    pub queue: String,
    /// The data of each job.
    pub payload: Box<RawValue>,
    /// Lower runs first.
    pub priority: i16,
    /// The attempt after which a failure is final.
    pub max_attempts: u32,
    /// For people to search by.
    pub tags: Vec<String>,
    /// What becomes of fires that were missed.
    pub missed: MissedFires,
    /// How many missed fires are made up for at most.
    pub catch_up: u32,
    /// How old a missed fire may be.
    pub within_seconds: Seconds,
    /// What becomes of a fire while a job of an earlier one is unfinished.
    pub overlap: Overlap,
    /// Over how much time the jobs are spread.
    pub jitter_seconds: Seconds,
}

equal!(ScheduleSettings { expression, zone, description, kind, queue, priority, max_attempts, tags, missed, catch_up, within_seconds, overlap, jitter_seconds; payload });

/// Whose values are in effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ScheduleOwner {
    /// A program's code.
    Code,
    /// A person.
    Operator,
    /// A word that a newer version of the API made up.
    #[serde(other)]
    Unknown,
}

/// What becomes of fires that were missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum MissedFires {
    /// Nothing is made up for.
    Skip,
    /// One job stands for all.
    Once,
    /// The latest are made up for.
    CatchUp,
    /// A word that a newer version of the API made up.
    #[serde(other)]
    Unknown,
}

/// What becomes of a fire while a job of an earlier one is unfinished.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Overlap {
    /// It is a job.
    Allow,
    /// It is none.
    Skip,
    /// A word that a newer version of the API made up.
    #[serde(other)]
    Unknown,
}

/// What became of a fire, or of several one after the other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Tick {
    /// The first of the fires.
    pub first_at: String,
    /// The last of them.
    pub last_at: String,
    /// How many, counted up to 1,000.
    pub count: u32,
    /// What became of them.
    pub outcome: TickOutcome,
    /// The job.
    pub job: Option<String>,
    /// When this was written.
    pub recorded_at: String,
}

/// What became of a fire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum TickOutcome {
    /// It is a job.
    Fired,
    /// A later fire stands for it.
    Coalesced,
    /// A job of an earlier fire was unfinished.
    Overlapped,
    /// It came too late.
    Missed,
    /// A person ran it.
    RunNow,
    /// A word that a newer version of the API made up.
    #[serde(other)]
    Unknown,
}

/// A schedule was removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ScheduleRemoved {
    /// The schedule.
    pub name: String,
}
