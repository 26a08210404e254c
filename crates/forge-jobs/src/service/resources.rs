//! What this process uses of its host, as the system tells it.

use crate::host::space;
use crate::metrics::Sample;
use std::path::Path;
use std::time::{Duration, Instant};
use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

/// Looks at this process.
pub(super) struct Resources {
    system: System,
    pid: Option<Pid>,
    last: Option<Totals>,
}

/// What it used since it began.
#[derive(Clone, Copy)]
struct Totals {
    at: Instant,
    cpu: Duration,
    disk_read: u64,
    disk_written: u64,
    memory: u64,
}

impl Resources {
    pub(super) fn new() -> Self {
        let mut resources = Self { system: System::new(), pid: sysinfo::get_current_pid().ok(), last: None };
        resources.last = resources.totals();
        resources
    }

    fn totals(&mut self) -> Option<Totals> {
        let pid = self.pid?;
        let what = ProcessRefreshKind::nothing().with_cpu().with_memory().with_disk_usage().without_tasks();
        self.system.refresh_processes_specifics(ProcessesToUpdate::Some(&[pid]), true, what);
        let process = self.system.process(pid)?;
        let disk = process.disk_usage();
        Some(Totals {
            at: Instant::now(),
            cpu: Duration::from_millis(process.accumulated_cpu_time()),
            disk_read: disk.total_read_bytes,
            disk_written: disk.total_written_bytes,
            memory: process.memory(),
        })
    }

    /// What was used since the last look.
    pub(super) fn look(&mut self, volume: Option<&Path>) -> Sample {
        let mut sample = Sample::default();
        let (last, now) = (self.last, self.totals());
        if let (Some(last), Some(now)) = (last, now) {
            sample.watched = now.at.saturating_duration_since(last.at);
            sample.cpu = Some(now.cpu.saturating_sub(last.cpu));
            sample.memory = Some(now.memory.max(last.memory));
            sample.disk_read = Some(now.disk_read.saturating_sub(last.disk_read));
            sample.disk_written = Some(now.disk_written.saturating_sub(last.disk_written));
        }
        self.last = now;
        if let Some((free, size)) = volume.and_then(space) {
            (sample.disk_free, sample.disk_size) = (Some(free), Some(size));
        }
        sample
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_uses_memory_and_time() {
        let dir = tempfile::tempdir().unwrap();
        let mut resources = Resources::new();
        let mut sum = 0_u64;
        let deadline = Instant::now() + Duration::from_secs(10);
        // The system counts in steps of some milliseconds, and a busy one may leave this process less than one of them.
        let sample = loop {
            let begun = Instant::now();
            while begun.elapsed() < Duration::from_millis(100) {
                sum = sum.wrapping_mul(31).wrapping_add(7);
            }
            let sample = resources.look(Some(dir.path()));
            if sample.cpu.unwrap() > Duration::ZERO {
                break sample;
            }
            assert!(Instant::now() < deadline, "{sample:?} {sum}");
        };
        assert!(sample.memory.unwrap() > 1 << 20, "{sample:?}");
        assert!(sample.watched >= Duration::from_millis(100), "{sample:?}");
        assert!(sample.disk_free.unwrap() <= sample.disk_size.unwrap(), "{sample:?}");
        assert!(sample.disk_size.unwrap() > 1 << 20, "{sample:?}");
        assert_eq!(resources.look(Some(Path::new("/no/such/place"))).disk_free, None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn what_this_process_writes_is_counted_as_written() {
        const SIZE: usize = 4 << 20;
        // Beside the program, on a real disk: a temporary directory may be memory, of which nothing is counted.
        let exe = std::env::current_exe().unwrap();
        let mut file = tempfile::tempfile_in(exe.parent().unwrap()).unwrap();
        let mut resources = Resources::new();
        std::io::Write::write_all(&mut file, &vec![1; SIZE]).unwrap();
        file.sync_all().unwrap();
        let written = resources.look(None).disk_written.unwrap();
        // Other tests of this program may write meanwhile, too.
        assert!(written >= SIZE as u64, "{written}");
    }
}
