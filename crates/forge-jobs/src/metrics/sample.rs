//! What a process uses, of its host and of its database.

use super::histogram::Histogram;
use serde_json::{Value, json};
use std::time::Duration;

/// The connections of a process to its database.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pool {
    /// Most that were in use at once.
    pub in_use: u32,
    /// Most that were open at once.
    pub open: u32,
    /// How many it may open.
    pub limit: u32,
    /// Most calls that waited for one at once.
    pub waiting: u32,
}

impl Pool {
    fn merge(&mut self, other: &Self) {
        self.in_use = self.in_use.max(other.in_use);
        self.open = self.open.max(other.open);
        self.limit = self.limit.max(other.limit);
        self.waiting = self.waiting.max(other.waiting);
    }
}

/// What a process used in a stretch of time. What the system does not tell is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sample {
    /// How much of the stretch was watched.
    pub watched: Duration,
    /// Time on processors, of all its threads together.
    pub cpu: Option<Duration>,
    /// Most memory that was resident, in bytes.
    pub memory: Option<u64>,
    /// Bytes read from disks.
    pub disk_read: Option<u64>,
    /// Bytes written to disks.
    pub disk_written: Option<u64>,
    /// Least space left on the volume of the database, or of the working directory where that is on a server or in memory,
    /// in bytes; `None` where the system does not tell.
    pub disk_free: Option<u64>,
    /// The size of that volume, in bytes.
    pub disk_size: Option<u64>,
    /// How long calls that only read took.
    pub reads: Histogram,
    /// How long calls that write took, waiting for others included.
    pub writes: Histogram,
    /// Times that a lock of another process had to be waited for.
    pub busy: u64,
    /// The connections.
    pub pool: Pool,
}

impl Sample {
    /// Adds another one up: what comes after it, or of another process.
    pub fn merge(&mut self, other: &Self) {
        fn of<T>(mine: &mut Option<T>, other: Option<T>, both: impl Fn(T, T) -> T)
        where
            T: Copy,
        {
            *mine = match (*mine, other) {
                (Some(a), Some(b)) => Some(both(a, b)),
                (a, b) => a.or(b),
            };
        }
        self.watched += other.watched;
        of(&mut self.cpu, other.cpu, Duration::saturating_add);
        of(&mut self.memory, other.memory, u64::max);
        of(&mut self.disk_read, other.disk_read, u64::saturating_add);
        of(&mut self.disk_written, other.disk_written, u64::saturating_add);
        of(&mut self.disk_free, other.disk_free, u64::min);
        of(&mut self.disk_size, other.disk_size, u64::max);
        self.reads.merge(&other.reads);
        self.writes.merge(&other.writes);
        self.busy = self.busy.saturating_add(other.busy);
        self.pool.merge(&other.pool);
    }

    /// As databases keep it.
    #[must_use]
    pub fn to_json(&self) -> String {
        let us = |d: Duration| u64::try_from(d.as_micros()).unwrap_or(u64::MAX);
        let histogram =
            |h: &Histogram| h.iter().map(|(bucket, n)| [u64::from(bucket), n]).collect::<Vec<_>>();
        json!({
            "watched_us": us(self.watched),
            "cpu_us": self.cpu.map(us),
            "memory": self.memory,
            "disk_read": self.disk_read,
            "disk_written": self.disk_written,
            "disk_free": self.disk_free,
            "disk_size": self.disk_size,
            "reads": histogram(&self.reads),
            "writes": histogram(&self.writes),
            "busy": self.busy,
            "pool": [self.pool.in_use, self.pool.open, self.pool.limit, self.pool.waiting],
        })
        .to_string()
    }

    /// From [`Self::to_json`]. What does not make sense is left out: a number in a chart is not worth an error.
    #[must_use]
    pub fn from_json(text: &str) -> Self {
        let all: Value = serde_json::from_str(text).unwrap_or_default();
        let number = |name: &str| all[name].as_u64();
        let histogram = |name: &str| {
            let mut histogram = Histogram::default();
            for pair in all[name].as_array().into_iter().flatten() {
                if let (Some(bucket), Some(n)) = (pair[0].as_u64(), pair[1].as_u64()) {
                    histogram.add(u16::try_from(bucket).unwrap_or(u16::MAX), n);
                }
            }
            histogram
        };
        let pool = |at: usize| all["pool"][at].as_u64().and_then(|n| u32::try_from(n).ok()).unwrap_or(0);
        Self {
            watched: Duration::from_micros(number("watched_us").unwrap_or(0)),
            cpu: number("cpu_us").map(Duration::from_micros),
            memory: number("memory"),
            disk_read: number("disk_read"),
            disk_written: number("disk_written"),
            disk_free: number("disk_free"),
            disk_size: number("disk_size"),
            reads: histogram("reads"),
            writes: histogram("writes"),
            busy: number("busy").unwrap_or(0),
            pool: Pool { in_use: pool(0), open: pool(1), limit: pool(2), waiting: pool(3) },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(n: u64) -> Sample {
        let us = Duration::from_micros;
        let part = u32::try_from(n).unwrap();
        Sample {
            watched: us(n),
            cpu: Some(us(2 * n)),
            memory: Some(3 * n),
            disk_read: Some(4 * n),
            disk_written: None,
            disk_free: Some(5 * n),
            disk_size: Some(6 * n),
            reads: [us(n), us(10 * n)].into_iter().collect(),
            writes: Histogram::default(),
            busy: n,
            pool: Pool { in_use: part, open: 2 * part, limit: 3, waiting: 0 },
        }
    }

    #[test]
    fn what_is_stored_comes_back() {
        for s in [Sample::default(), sample(7)] {
            assert_eq!(Sample::from_json(&s.to_json()), s);
        }
        for nonsense in ["", "{", "[]", "{\"reads\": 7, \"pool\": {}}"] {
            assert_eq!(Sample::from_json(nonsense), Sample::default(), "{nonsense}");
        }
    }

    #[test]
    fn times_add_up_and_sizes_do_not() {
        let mut sum = sample(10);
        sum.merge(&sample(20));
        assert_eq!(
            (sum.watched.as_micros(), sum.cpu, sum.memory),
            (30, Some(Duration::from_micros(60)), Some(60))
        );
        assert_eq!((sum.disk_read, sum.disk_written), (Some(120), None));
        assert_eq!((sum.disk_free, sum.disk_size, sum.reads.count()), (Some(50), Some(120), 4));
        assert_eq!((sum.pool.in_use, sum.pool.open, sum.busy), (20, 40, 30));
    }
}
