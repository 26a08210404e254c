//! Measurements of one machine.

use serde::{Deserialize, Serialize};

/// One workload, measured beside its floor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    /// `enqueue`, `bulk`, `drain`, `pick_up`, `pick_up_across`, `mixed`, `idle`; on Postgres also `beside_pending`,
    /// `beside_done` and `wal`.
    pub workload: String,
    /// Under which settings.
    pub settings: MeasurementSettings,
    /// Jobs per second: the median of the rounds. `null` where only a time or a cost is measured.
    pub rate: Option<f64>,
    /// The same statements in a bare loop in the same run, jobs per second: the median of the rounds. Of
    /// `beside_pending` and `beside_done`: the rate beside a hundredth of the others.
    pub floor: Option<f64>,
    /// The median over the rounds of rate by floor.
    pub ratio: Option<f64>,
    /// Other floors, each measured in the same run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub other_floors: Vec<Floor>,
    /// Half of the jobs waited no longer, in microseconds: for their commit (`enqueue`), from the call to the start
    /// of the handler (`pick_up`, `pick_up_across`), from when they were due to the start (`mixed`).
    pub p50_us: Option<u64>,
    /// Of a hundred jobs one waited longer.
    pub p99_us: Option<u64>,
    /// Share of one core that the process took, in percent (`idle`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_percent: Option<f64>,
    /// Resident memory of the process, in MiB (`idle`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_mib: Option<f64>,
    /// Statements that the server was asked in a second by all processes together (`idle` on Postgres).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statements_per_second: Option<f64>,
    /// What the server's log grows by for a job (`wal`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wal_bytes: Option<WalBytes>,
}

/// Another way to do the same work without a queue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Floor {
    /// Which, for people.
    pub name: String,
    /// Jobs per second: the median of the rounds.
    pub rate: f64,
    /// The median over the rounds of the queue's rate by this one.
    pub ratio: f64,
}

/// Bytes of the server's log that a job writes in each part of its life.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct WalBytes {
    /// When it is enqueued, among many.
    pub enqueue: f64,
    /// When it is claimed, a hundred at a time.
    pub claim: f64,
    /// When it is finished, a hundred at a time.
    pub finish: f64,
}

/// What a workload was run with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MeasurementSettings {
    /// `sqlite`, `postgres`.
    pub storage: String,
    /// How hard the storage waits for the disk: `full`, `normal` (of SQLite) or `off` (of a server without `fsync` or
    /// `synchronous_commit`).
    pub synchronous: String,
    /// Callers at a time, each of which waits for its own commit (`enqueue`).
    pub producers: Option<u32>,
    /// Jobs that run at a time (`drain`).
    pub concurrency: Option<u32>,
    /// Jobs sent per second, whether or not the queue keeps up (`mixed`).
    pub per_second: Option<u32>,
    /// Jobs that are there beside those that are drained (`beside_pending`, `beside_done`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beside: Option<u32>,
    /// Processes at a time (`idle` on Postgres).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub processes: Option<u32>,
    /// Jobs per round.
    pub jobs: u32,
    /// Rounds.
    pub rounds: u32,
}
