//! Enqueuing.

use super::{ErrorDetail, Seconds};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

/// A job to enqueue: one line of bulk input. Only `kind` and `payload` are required; a key that is not listed here
/// is refused.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, expecting = "an object with the keys kind and payload")]
pub struct EnqueueLine {
    /// The name that picks the handler.
    pub kind: String,
    /// The data, kept byte for byte.
    pub payload: Box<RawValue>,
    /// The queue; default: what the server's router says for the kind.
    #[serde(default)]
    pub queue: Option<String>,
    /// The earliest moment to run at, RFC 3339 with an offset; default: now.
    #[serde(default)]
    pub run_at: Option<String>,
    /// The same, as seconds from now on by the database's clock, which the sender's need not agree with. Not together with
    /// `run_at`.
    #[serde(default)]
    pub delay_seconds: Option<Seconds>,
    /// Lower runs first, -32768 to 32767; default 0.
    #[serde(default, deserialize_with = "priority")]
    pub priority: Option<i16>,
    /// The attempt after which a failure is final, 1 to 10000; default 20.
    #[serde(default, deserialize_with = "max_attempts")]
    pub max_attempts: Option<u32>,
    /// At most one unfinished job of this kind has this key.
    #[serde(default)]
    pub dedupe_key: Option<String>,
    /// The states in which a job holds its dedupe key; default: pending, scheduled, retrying, running. The first three
    /// must be among them.
    #[serde(default)]
    pub dedupe_states: Option<Vec<String>>,
    /// How long after the enqueue the dedupe key is held at most, 1 second to 366 days; default: no such bound.
    #[serde(default)]
    pub dedupe_seconds: Option<Seconds>,
    /// What becomes of this job if another one holds its dedupe key; default: `keep`.
    #[serde(default)]
    pub on_duplicate: Option<OnDuplicate>,
    /// At most one job of this kind that has this key runs at a time.
    #[serde(default)]
    pub concurrency_key: Option<String>,
    /// For people to search by.
    #[serde(default)]
    pub tags: Vec<String>,
    /// The job's id, so that the line can be sent again without a twin; default: a new one.
    #[serde(default)]
    pub id: Option<String>,
}

fn priority<'de, D: Deserializer<'de>>(from: D) -> Result<Option<i16>, D::Error> {
    number(from, "priority", "-32768 to 32767")
}

fn max_attempts<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u32>, D::Error> {
    number(from, "max_attempts", "1 to 10000")
}

/// A number whose refusal names the field and its range: the parser's own would name a type of this language.
fn number<'de, D, N>(from: D, field: &str, range: &str) -> Result<Option<N>, D::Error>
where
    D: Deserializer<'de>,
    N: TryFrom<i64>,
{
    let Some(number) = Option::<i64>::deserialize(from)? else { return Ok(None) };
    let out_of_range = |_| D::Error::custom(format_args!("{field} {number} is out of range: use {range}"));
    N::try_from(number).map(Some).map_err(out_of_range)
}

/// What becomes of a job whose dedupe key another one holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum OnDuplicate {
    /// The other one is kept, and this one is not inserted.
    Keep,
    /// The other one becomes this one, if it waits.
    Replace,
}

/// The receipt of an enqueue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Enqueued {
    /// The job that stands for the request: the new one, or the one that holds its dedupe key.
    pub id: String,
    /// What happened.
    pub outcome: EnqueueOutcome,
}

/// What happened to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum EnqueueOutcome {
    /// A new job is in the queue.
    Inserted,
    /// The same request, under the same id, was in the queue already.
    AlreadyThere,
    /// A job of its kind holds its dedupe key; nothing was inserted.
    Duplicate,
    /// The job of its kind that holds its dedupe key waited, and has become this one.
    Replaced,
    /// An outcome of a newer version.
    #[serde(other)]
    Unknown,
}

/// What came of one line of bulk input: `id` and `outcome`, or `error`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BulkResult {
    /// The line, from 1.
    pub line: u64,
    /// The job that stands for the line.
    pub id: Option<String>,
    /// What happened.
    pub outcome: Option<EnqueueOutcome>,
    /// Why nothing was enqueued.
    pub error: Option<ErrorDetail>,
}
