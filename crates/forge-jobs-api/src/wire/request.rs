//! What is asked for: queries and bodies of requests.

use super::{DeadReason, EnqueueLine, JobStatus, LimitMode, MissedFires, Overlap, Retention, Seconds};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

/// Which jobs to list. A field that is not listed here is refused.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct JobQuery {
    /// Only of this queue, or of these: names with commas between, at most 50.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<String>,
    /// Only with this status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<JobStatus>,
    /// Only with one of these statuses: words with commas between. In place of `status`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statuses: Option<String>,
    /// Only of this kind; with a `*` at its end, of kinds that begin so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Only dead for this reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead_reason: Option<DeadReason>,
    /// Only with this tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// Only those whose latest error is of this group: 16 hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_group: Option<String>,
    /// Only those that were enqueued from this time on, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_from: Option<String>,
    /// Only those that were enqueued before this time, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_until: Option<String>,
    /// Only those that were due, or are, from this time on, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_from: Option<String>,
    /// Only those that were due, or are, before this time, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_until: Option<String>,
    /// Only those that were done or dead from this time on, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_from: Option<String>,
    /// Only those that were done or dead before this time, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_until: Option<String>,
    /// Only those whose payload holds this text, byte for byte as its JSON is shown; 1 to 256 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<String>,
    /// Jobs of the page, 1 to 500; default 50.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 500)))]
    pub limit: Option<u32>,
    /// Go on where the page before ended: its `next`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// Jobs to enqueue. One that is refused stops no other.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct EnqueueBatch {
    /// 1 to 1,000 jobs. An object that is no job fails alone, and its result says why.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 1000), schema_with = "members"))]
    #[serde(deserialize_with = "super::object::list")]
    pub jobs: Vec<EnqueueLine>,
}

/// Jobs, or other objects: those are answered one by one, and make no request a bad one.
#[cfg(feature = "schema")]
fn members(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
    let job = generator.subschema_for::<EnqueueLine>();
    schemars::json_schema!({ "type": "array", "items": { "anyOf": [job, { "type": "object" }] } })
}

/// Jobs to do something with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct JobIds {
    /// 1 to 1,000 ids.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 1000)))]
    pub ids: Vec<String>,
}

/// What to change of a job that waits; what is left out stays as it is.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct JobEdit {
    /// The data: any JSON but `null`, kept byte for byte.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<Box<RawValue>>,
    /// Lower runs first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<i16>,
    /// When it is due, RFC 3339; a time in the past means now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_at: Option<String>,
    /// The lane, which must be there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<String>,
    /// For people to search by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<String>>,
}

/// What to change of a queue's settings; what is left out stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct QueueEdit {
    /// Jobs that one process runs at a time, 0 to 1024.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workers: Option<u32>,
    /// Whether claims are suspended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<bool>,
    /// Whether there is a delay before the next attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backoff_enabled: Option<bool>,
    /// Delay after the first failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_seconds: Option<Seconds>,
    /// Longest delay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_seconds: Option<Seconds>,
    /// How long done jobs are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done_retention_seconds: Option<Retention>,
    /// How long dead jobs are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead_retention_seconds: Option<Retention>,
    /// Jobs that all processes together run at a time, 1 to 1000000; `null` takes the bound away.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    #[allow(clippy::option_option, reason = "left out, null and a number are three things")]
    pub max_running: Option<Option<u32>>,
}

/// A field that was given, be it as `null`.
#[expect(clippy::option_option, reason = "left out, null and a number are three things")]
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(from).map(Some)
}

/// A schedule to make, or what to change of one. To make one, `expression` and `kind` are needed; what else is left out
/// has its default, or stays as it is.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ScheduleEdit {
    /// When it fires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expression: Option<String>,
    /// The time zone, by its name in the IANA database; default UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// The name that picks the handler.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The data of each job; default `null`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<Box<RawValue>>,
    /// The lane; default: what the server's router says for the kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<String>,
    /// Lower runs first; default 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<i16>,
    /// The attempt after which a failure is final; default 20.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_attempts: Option<u32>,
    /// For people to search by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<String>>,
    /// What becomes of fires that were missed; default `once`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missed: Option<MissedFires>,
    /// How many missed fires are made up for at most, 1 to 100; goes with `catch_up`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub catch_up: Option<u32>,
    /// How old a missed fire may be; default an hour, a minute with `skip`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within_seconds: Option<Seconds>,
    /// What becomes of a fire while a job of an earlier one is unfinished; default `skip`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overlap: Option<Overlap>,
    /// Over how much time the jobs are spread; default 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jitter_seconds: Option<Seconds>,
}

/// How much of a schedule's past to list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TickQuery {
    /// Records of the page, 1 to 500; default 50.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 500)))]
    pub limit: Option<u32>,
    /// Only fires earlier than this: the `next` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
}

/// Which fires of which expression to show.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CronQuery {
    /// The expression.
    pub expression: String,
    /// The time zone; default UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// Fires later than this, RFC 3339; default: now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// How many, 1 to 1000; default 5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 1000)))]
    pub count: Option<u32>,
}

/// A limit for a scope.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct LimitEdit {
    /// Permits per window, 1 to 1000000.
    pub permits: u32,
    /// The window, 0.1 seconds to 366 days.
    pub window_seconds: Seconds,
    /// How permits are spread over a window; default `sliding`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<LimitMode>,
}

/// For how long to give nothing of a scope.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Drain {
    /// For so long from now on; at most a day counts.
    pub seconds: Seconds,
}

/// Which scope to take permits of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Attachment {
    /// The scope. A limit must hold for it.
    pub scope: String,
}

/// A token to log in with.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Login {
    /// The token.
    pub token: String,
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Login")
    }
}
