//! What was measured, as lines over a range of time.

use super::Seconds;
use serde::{Deserialize, Serialize};

/// Lines over a range of time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Timeline {
    /// Where it begins.
    pub from: String,
    /// Where it ends: not a part of it.
    pub to: String,
    /// How long a point is.
    pub step_seconds: Seconds,
    /// The lines: one of all jobs, or one per queue or kind that has something in the range.
    pub lines: Vec<TimelineLine>,
    /// Lines that were left out, for there are too many: those with the least in them.
    pub left_out: u64,
}

/// What happened in a range of time, all of it in one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Totals {
    /// Where the range begins.
    pub from: String,
    /// Where it ends: not a part of it.
    pub to: String,
    /// One of all jobs, or one per queue or kind that has something in the range.
    pub totals: Vec<Total>,
    /// Totals that were left out, for there are too many: those with the least in them.
    pub left_out: u64,
}

/// What happened to all jobs, or those of a queue or kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Total {
    /// What it is of.
    pub of: TimelineOf,
    /// The queue's or kind's name.
    pub name: Option<String>,
    /// All of it in one.
    pub sum: Tally,
}

/// What lines are of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum TimelineOf {
    /// All jobs.
    All,
    /// A queue or kind, which has a name.
    One,
    /// Queues or kinds that have no line of their own, together.
    Other,
    /// Something that this version does not know.
    #[serde(other)]
    Unknown,
}

/// A line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TimelineLine {
    /// What it is of.
    pub of: TimelineOf,
    /// The queue's or kind's name.
    pub name: Option<String>,
    /// Its points, one step from the other, without a hole.
    pub points: Vec<TimelinePoint>,
    /// All of it in one.
    pub sum: Tally,
}

/// A point of a line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TimelinePoint {
    /// Where it begins.
    pub at: String,
    /// What happened in it; null where nothing was kept, as before there was a database, and in the future.
    pub tally: Option<Tally>,
}

/// What happened in a stretch of time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Tally {
    /// Jobs that came in.
    pub enqueued: u64,
    /// Attempts whose handler began; counted once they have ended.
    pub started: u64,
    /// Jobs that are done.
    pub done: u64,
    /// Attempts that failed and whose job comes back.
    pub retried: u64,
    /// Attempts that were asked to wait.
    pub throttled: u64,
    /// Attempts whose process died.
    pub crashed: u64,
    /// Jobs that are dead, by reason.
    pub dead: DeadCounts,
    /// From when a job was due until its handler began; null if none did.
    pub wait: Option<Latency>,
    /// How long handlers ran; null if none ended.
    pub run: Option<Latency>,
    /// From when a job came in until it was done, or dead after an attempt; null if none was.
    pub life: Option<Latency>,
    /// The longest that a job that could run had been waiting; null if that was not looked at, or none waited.
    pub oldest_waiting_seconds: Option<Seconds>,
}

/// Jobs that are dead, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DeadCounts {
    /// Their last attempt failed.
    pub exhausted: u64,
    /// Their handler gave up.
    pub discarded: u64,
    /// Somebody cancelled them.
    pub cancelled: u64,
    /// Their process died with them again and again.
    pub poison: u64,
    /// No handler could read their payload.
    pub undecodable: u64,
}

/// Durations, each within 1.6 %.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Latency {
    /// How many.
    pub count: u64,
    /// Half of them took no longer.
    pub p50_seconds: Seconds,
    /// 95 % of them took no longer.
    pub p95_seconds: Seconds,
    /// 99 % of them took no longer.
    pub p99_seconds: Seconds,
    /// The longest.
    pub max_seconds: Seconds,
    /// All of them together.
    pub sum_seconds: Seconds,
}

/// What processes used over a range of time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Resources {
    /// Where the range begins.
    pub from: String,
    /// Where it ends: not a part of it.
    pub to: String,
    /// How long a point is.
    pub step_seconds: Seconds,
    /// Each process that was watched in the range: those that live first, then those that were watched last.
    pub processes: Vec<ProcessResources>,
    /// Processes that were left out, for there are too many: those that were watched longest ago.
    pub left_out: u64,
}

/// What a process used.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ProcessResources {
    /// The process.
    pub process: String,
    /// Where it runs.
    pub host: String,
    /// Its points, one step from the other, without a hole.
    pub points: Vec<ResourcePoint>,
}

/// A point of what a process used.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ResourcePoint {
    /// Where it begins.
    pub at: String,
    /// What was used in it; null where it was not watched.
    pub sample: Option<Sample>,
}

/// What a process used in a stretch of time. What the system does not tell is null.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Sample {
    /// How much of the stretch was watched.
    pub watched_seconds: Seconds,
    /// Time on processors, of all threads together.
    pub cpu_seconds: Option<Seconds>,
    /// Most memory that was resident, in bytes.
    pub memory_bytes: Option<u64>,
    /// Bytes read from disks.
    pub disk_read_bytes: Option<u64>,
    /// Bytes written to disks.
    pub disk_written_bytes: Option<u64>,
    /// Least space left on the volume of the database, or of the working directory where that is on a server or in memory;
    /// null where the system does not tell.
    pub disk_free_bytes: Option<u64>,
    /// The size of that volume.
    pub disk_size_bytes: Option<u64>,
    /// Calls to the database that only read; null if none was made.
    pub reads: Option<Latency>,
    /// Calls to the database that write; null if none was made.
    pub writes: Option<Latency>,
    /// Times that a lock of another process had to be waited for.
    pub busy: u64,
    /// Most connections, or calls, that were in use at once.
    pub pool_in_use: u32,
    /// Most connections that were open.
    pub pool_open: u32,
    /// Connections that may be open.
    pub pool_limit: u32,
    /// Most calls that waited for a connection at once.
    pub pool_waiting: u32,
}
