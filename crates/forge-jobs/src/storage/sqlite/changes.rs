//! Tells waiting runtimes when to look again: after this process's own commits, and after other processes'.

use super::writer::LOOK_GAP;
use crate::storage::Changes;
use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// How long the watching thread handles events between two sleeps, at least.
const AWAKE: Duration = Duration::from_micros(250);

/// What a command did that others may wait for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "a set: each can be true whatever the others are")]
pub(super) struct Effects {
    /// A job may have become claimable, or a setting changed.
    pub(super) claimable: bool,
    /// A job may have become due at some later time.
    pub(super) deferred: bool,
    /// A budget may give more than it said.
    pub(super) budgets: bool,
    /// A heartbeat would bring news: a running job was asked to stop.
    pub(super) news: bool,
}

impl Effects {
    /// Another process did something to jobs, and nobody knows what.
    pub(super) const JOBS: Self = Self { claimable: true, deferred: true, budgets: false, news: false };
    /// Anything may have happened, but what others tell of by a file that comes and goes.
    pub(super) const ANY: Self = Self { claimable: true, deferred: true, budgets: true, news: false };
}

/// Passes effects on once they are committed.
pub(super) fn announce(changes: &watch::Sender<Changes>, effects: Effects) {
    if effects == Effects::default() {
        return;
    }
    changes.send_modify(|c| {
        c.claimable += u64::from(effects.claimable);
        c.deferred += u64::from(effects.deferred);
        c.budgets += u64::from(effects.budgets);
        c.news += u64::from(effects.news);
    });
}

/// A heartbeat would bring news.
pub(super) fn tell_news(changes: &watch::Sender<Changes>) {
    changes.send_modify(|c| c.news += 1);
}

/// Calls `look` when the write-ahead log beside `file` changes, and `gone` when another file goes, by whichever process.
/// A hint only: where the platform offers no such watch, or it fails, polling finds the same a little later.
pub(super) fn watch_files(
    file: &Path,
    look: impl Fn() + Send + 'static,
    gone: impl Fn(&Path) + Send + 'static,
) -> Option<RecommendedWatcher> {
    let directory = match file.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir.to_owned(),
        _ => ".".into(),
    };
    let mut log = file.file_name()?.to_owned();
    log.push("-wal");
    // A commit writes many times, and a busy file is written without end: each write would wake this thread. Nobody looks
    // more often than each gap anyway, and what is written to one file while this sleeps is mostly one event. In
    // between it stays awake for a while, to be through with the events of other files and with what it is asked for.
    let mut slept: Option<Instant> = None;
    let on_event = move |event: notify::Result<notify::Event>| {
        let Ok(event) = event else { return };
        if event.paths.iter().any(|p| p.file_name() == Some(&log)) {
            look();
            if slept.is_none_or(|slept| slept.elapsed() >= AWAKE) {
                std::thread::sleep(LOOK_GAP);
                slept = Some(Instant::now());
            }
        } else if event.kind.is_remove() {
            event.paths.iter().for_each(|path| gone(path));
        }
    };
    let mut watcher = notify::recommended_watcher(on_event).ok()?;
    watcher.watch(&directory, RecursiveMode::NonRecursive).ok()?;
    Some(watcher)
}

/// Watches the directory of the locks as well, once there is one.
pub(super) fn watch_locks(watcher: &mut RecommendedWatcher, directory: &Path) {
    // Without it news are heard of at the next heartbeat.
    let _ = watcher.watch(directory, RecursiveMode::NonRecursive);
}
