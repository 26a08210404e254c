//! Intervals, and which queues to run.

use crate::job::check_name;
use crate::limits::{self, MAX_WORKERS, MIN_HEARTBEATS_PER_STALE_WINDOW};
use crate::storage::InvalidValue;
use std::collections::BTreeMap;
use std::time::Duration;

/// Shortest interval that any loop may have.
const SHORTEST: Duration = Duration::from_millis(1);
/// Longest interval that any loop may have: a day.
const LONGEST: Duration = Duration::from_secs(86_400);

/// Intervals, and which queues to run. Read once, when a runtime starts.
///
/// Every interval can be set in milliseconds, for tests and for people with other needs; range 1 ms to 1 day.
///
/// ```
/// use forge_jobs::RuntimeConfig;
/// use std::time::Duration;
///
/// // Two queues only, the first with four workers whatever its settings say.
/// let config = RuntimeConfig::default().with_queue("mail", Some(4)).with_queue("reports", None);
/// let config = config.with_version(env!("CARGO_PKG_VERSION")).with_cancel_grace(Duration::from_secs(2));
/// assert!(config.check().is_ok());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RuntimeConfig {
    /// How often this process confirms that it is alive. Default 10 s.
    ///
    /// Also the longest time until a cancel request made in another process is seen, where the hint that
    /// tells of it is lost.
    pub heartbeat_interval: Duration,
    /// Silence after which another process counts as dead. Default 45 s, at least four heartbeats.
    ///
    /// All processes of a database should agree on it. After half of it without a confirmed heartbeat, this process
    /// stops its own jobs.
    pub stale_after: Duration,
    /// How often to look for dead processes. Default 15 s.
    pub reaper_interval: Duration,
    /// How often to delete finished jobs past their retention. Default 30 s.
    pub sweep_interval: Duration,
    /// How often this process samples what it uses and, if it leads, adds up what happened to jobs. Default 10 s.
    pub metrics_interval: Duration,
    /// Longest wait between two looks while there is work. Default 1 s. Wake-ups come first; this is the backstop.
    pub poll_busy: Duration,
    /// Longest wait between two looks while there is none. Default 5 s.
    pub poll_idle: Duration,
    /// How often lines that handlers log are stored, with the feature `logs`. Default 1 s; also when an attempt ends.
    pub log_interval: Duration,
    /// Time for handlers to stop after they were told to, at shutdown and after their time limit. Default 5 s, range 0 to
    /// 1 day.
    pub cancel_grace: Duration,
    /// How long a job whose process died while it ran runs alone at first. Default 30 s; see
    /// [`ALONE_WINDOW`](limits::ALONE_WINDOW).
    pub alone_window: Duration,
    /// Run only these queues, with this many workers each (`None`: what the queue's settings say; a queue that is
    /// set to 0 workers rests in any case). Empty, the default: every queue, also those that are created later.
    pub queues: BTreeMap<String, Option<u32>>,
    /// The version of the program, shown to people: with processes, attempts, and the sorts of errors that were new in
    /// it. Default: `-`, not told.
    pub version: String,
    /// The name of the program, under which it declares schedules: what it declared at its last start and does not at
    /// this one says so from then on. `[A-Za-z0-9._:/-]{1,128}`. Default: the name of its executable file.
    pub program: String,
}

impl Default for RuntimeConfig {
    fn default() -> Self {
        Self {
            heartbeat_interval: limits::HEARTBEAT_INTERVAL,
            stale_after: limits::STALE_AFTER,
            reaper_interval: limits::REAPER_INTERVAL,
            sweep_interval: limits::SWEEP_INTERVAL,
            metrics_interval: limits::METRICS_TICK,
            poll_busy: limits::POLL_BUSY,
            poll_idle: limits::POLL_IDLE,
            log_interval: limits::LOG_INTERVAL,
            cancel_grace: limits::CANCEL_GRACE,
            alone_window: limits::ALONE_WINDOW,
            queues: BTreeMap::new(),
            version: "-".to_owned(),
            program: executable(),
        }
    }
}

impl RuntimeConfig {
    /// Runs this queue, and no queue that is not named like this.
    #[must_use]
    pub fn with_queue(mut self, queue: impl Into<String>, workers: Option<u32>) -> Self {
        self.queues.insert(queue.into(), workers);
        self
    }

    /// With this heartbeat, and the stale window and reaper interval in the usual proportion to it: 4.5 and 1.5 of
    /// it.
    #[must_use]
    pub fn with_heartbeat(mut self, interval: Duration) -> Self {
        self.heartbeat_interval = interval;
        self.stale_after = interval.saturating_mul(9) / 2;
        self.reaper_interval = interval.saturating_mul(3) / 2;
        self
    }

    /// With the version of the program, `env!("CARGO_PKG_VERSION")` for instance; see [`Self::version`].
    #[must_use]
    pub fn with_version(mut self, version: impl Into<String>) -> Self {
        self.version = version.into();
        self
    }

    /// With the name of the program; see [`Self::program`].
    #[must_use]
    pub fn with_program(mut self, program: impl Into<String>) -> Self {
        self.program = program.into();
        self
    }

    /// With so much time for handlers to stop; see [`Self::cancel_grace`].
    #[must_use]
    pub const fn with_cancel_grace(mut self, grace: Duration) -> Self {
        self.cancel_grace = grace;
        self
    }

    /// With these longest waits between two looks, while there is work and while there is none; see [`Self::poll_busy`]
    /// and [`Self::poll_idle`].
    #[must_use]
    pub const fn with_polling(mut self, busy: Duration, idle: Duration) -> Self {
        self.poll_busy = busy;
        self.poll_idle = idle;
        self
    }

    /// Checks all values, as [`QueueRuntime::start`](crate::QueueRuntime::start) does.
    ///
    /// # Errors
    ///
    /// [`InvalidValue`], naming the field and the remedy.
    pub fn check(&self) -> Result<(), InvalidValue> {
        for (field, value) in [
            ("heartbeat_interval", self.heartbeat_interval),
            ("stale_after", self.stale_after),
            ("reaper_interval", self.reaper_interval),
            ("sweep_interval", self.sweep_interval),
            ("metrics_interval", self.metrics_interval),
            ("poll_busy", self.poll_busy),
            ("poll_idle", self.poll_idle),
            ("alone_window", self.alone_window),
            ("log_interval", self.log_interval),
        ] {
            if value < SHORTEST || value > LONGEST {
                return Err(out_of_range(field, value, "use 1 ms to 1 day".into()));
            }
        }
        if self.cancel_grace > LONGEST {
            return Err(out_of_range("cancel_grace", self.cancel_grace, "use 0 to 1 day".into()));
        }
        let least = self.heartbeat_interval.saturating_mul(MIN_HEARTBEATS_PER_STALE_WINDOW);
        if self.stale_after < least {
            let remedy = format!(
                "at least {MIN_HEARTBEATS_PER_STALE_WINDOW} heartbeats must fit, so use {least:?} or more, or beat faster"
            );
            return Err(out_of_range("stale_after", self.stale_after, remedy));
        }
        check_name("program", &self.program).map_err(|e| InvalidValue {
            field: "program",
            value: format!("{:?}", self.program),
            remedy: e.to_string(),
        })?;
        for (queue, workers) in &self.queues {
            check_name("queue", queue).map_err(|e| InvalidValue {
                field: "queues",
                value: format!("{queue:?}"),
                remedy: e.to_string(),
            })?;
            if workers.is_some_and(|w| w > MAX_WORKERS) {
                let value = workers.map(|w| w.to_string()).unwrap_or_default();
                return Err(InvalidValue {
                    field: "workers",
                    value,
                    remedy: format!("use 0 to {MAX_WORKERS}"),
                });
            }
        }
        Ok(())
    }
}

/// The name of the running executable, as far as names may have its letters.
fn executable() -> String {
    let path = std::env::current_exe().unwrap_or_default();
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    let allowed = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let name: String = name.chars().filter(allowed).take(limits::MAX_NAME_BYTES).collect();
    if name.is_empty() { "program".into() } else { name }
}

fn out_of_range(field: &'static str, value: Duration, remedy: String) -> InvalidValue {
    InvalidValue { field, value: format!("{value:?}"), remedy }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(config: &RuntimeConfig, words: &[&str]) {
        let e = config.check().unwrap_err().to_string();
        assert!(words.iter().all(|w| e.contains(w)), "{e}");
    }

    #[test]
    fn the_defaults_are_within_bounds() {
        assert_eq!(RuntimeConfig::default().check(), Ok(()));
    }

    #[test]
    fn a_stale_window_of_fewer_than_four_heartbeats_is_refused() {
        let config = RuntimeConfig { stale_after: Duration::from_secs(39), ..Default::default() };
        check(&config, &["stale_after", "39s", "40s"]);
    }

    #[test]
    fn absurd_intervals_names_and_workers_are_refused() {
        let base = RuntimeConfig::default;
        check(&RuntimeConfig { poll_idle: Duration::ZERO, ..base() }, &["poll_idle", "0ns"]);
        check(&RuntimeConfig { heartbeat_interval: Duration::MAX, ..base() }, &["heartbeat_interval"]);
        check(&base().with_queue("a b", None), &["a b"]);
        check(&RuntimeConfig { program: "a b".into(), ..base() }, &["program", "a b"]);
        check(&base().with_queue("a", Some(5_000)), &["workers", "5000"]);
    }

    #[test]
    fn what_is_set_is_set_where_it_belongs() {
        let secs = Duration::from_secs;
        let config = RuntimeConfig::default()
            .with_version("1.2.3")
            .with_program("shop")
            .with_cancel_grace(secs(2))
            .with_polling(secs(3), secs(4));
        let found = (config.version, config.program, config.cancel_grace, config.poll_busy, config.poll_idle);
        assert_eq!(found, ("1.2.3".into(), "shop".into(), secs(2), secs(3), secs(4)));
        assert_eq!(RuntimeConfig::default().version, "-", "nobody's version but the program's own");
    }

    #[test]
    fn a_faster_heartbeat_keeps_the_proportions() {
        let config = RuntimeConfig::default().with_heartbeat(Duration::from_millis(100));
        assert_eq!((config.stale_after.as_millis(), config.reaper_interval.as_millis()), (450, 150));
        assert_eq!(config.check(), Ok(()));
    }
}
