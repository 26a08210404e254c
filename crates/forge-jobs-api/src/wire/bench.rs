//! Measurements of one machine.

use serde::{Deserialize, Serialize};

/// One workload, measured beside its floor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    /// `enqueue`, `bulk`, `drain`, `pick_up`, `pick_up_across`, `mixed`, `idle`.
    pub workload: String,
    /// Under which settings.
    pub settings: MeasurementSettings,
    /// Jobs per second: the median of the rounds. `null` where only a time or a cost is measured.
    pub rate: Option<f64>,
    /// The same statements in a bare loop in the same run, jobs per second: the median of the rounds.
    pub floor: Option<f64>,
    /// The median over the rounds of rate by floor.
    pub ratio: Option<f64>,
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
}

/// What a workload was run with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MeasurementSettings {
    /// `sqlite`.
    pub storage: String,
    /// How hard the storage waits for the disk: `full` or `normal`.
    pub synchronous: String,
    /// Callers at a time, each of which waits for its own commit (`enqueue`).
    pub producers: Option<u32>,
    /// Jobs that run at a time (`drain`).
    pub concurrency: Option<u32>,
    /// Jobs sent per second, whether or not the queue keeps up (`mixed`).
    pub per_second: Option<u32>,
    /// Jobs per round.
    pub jobs: u32,
    /// Rounds.
    pub rounds: u32,
}
