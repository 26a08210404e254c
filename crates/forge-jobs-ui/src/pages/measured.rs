//! What was measured, for tests: no number twice, so that none can stand for another one.

use forge_jobs_api::wire::{DeadCounts, Latency, Sample, Seconds, Tally};

/// Durations of which 50 % took no longer than one second more than this, 95 % two seconds more, and so on.
fn latency(count: u64, least: f64) -> Latency {
    Latency {
        count,
        p50_seconds: Seconds(least + 1.0),
        p95_seconds: Seconds(least + 2.0),
        p99_seconds: Seconds(least + 3.0),
        max_seconds: Seconds(least + 4.0),
        sum_seconds: Seconds(least + 5.0),
    }
}

/// Counts of which no two sums are alike.
pub(super) fn tally() -> Tally {
    Tally {
        enqueued: 1,
        started: 2,
        done: 4,
        retried: 8,
        throttled: 16,
        crashed: 32,
        dead: DeadCounts { exhausted: 64, discarded: 128, cancelled: 256, poison: 512, undecodable: 1_024 },
        wait: Some(latency(2_048, 10.0)),
        run: Some(latency(4_096, 20.0)),
        life: Some(latency(8_192, 30.0)),
        oldest_waiting_seconds: Some(Seconds(41.0)),
    }
}

/// Two minutes of a process.
pub(super) fn sample() -> Sample {
    Sample {
        watched_seconds: Seconds(120.0),
        cpu_seconds: Some(Seconds(30.0)),
        memory_bytes: Some(1_000),
        disk_read_bytes: Some(240),
        disk_written_bytes: Some(600),
        disk_free_bytes: Some(7_000),
        disk_size_bytes: Some(9_000),
        reads: Some(latency(10, 10.0)),
        writes: Some(latency(30, 20.0)),
        busy: 77,
        pool_in_use: 3,
        pool_open: 5,
        pool_limit: 8,
        pool_waiting: 6,
    }
}
