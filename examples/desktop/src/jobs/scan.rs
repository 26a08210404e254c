//! Looks at the whole folder, and has hashed what is new or changed.

use super::hash::HashFile;
use super::{FILES, FOLDER, PART};
use crate::index::{Index, Stat};
use forge_jobs::{EnqueueRequest, HandlerOptions, JobContext, JobOutcome, JobPayload, TypedHandler};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::mpsc;

/// Files of one transaction.
const BATCH: usize = 500;
/// Directories that cannot be read, as far as a job says so.
const MOST_SAID: usize = 20;

/// The payload. The folder is the chosen one when the job runs.
#[derive(Serialize, Deserialize)]
pub(crate) struct ScanFolder {}

impl JobPayload for ScanFolder {
    const KIND: &'static str = "folder.scan";
}

/// As the schedule asks for it. Two scans at a time do no harm; with one worker there is one.
pub(crate) fn request() -> EnqueueRequest {
    EnqueueRequest::of(&ScanFolder {}).on_queue(FOLDER)
}

/// As people ask for it: asking again while one waits changes nothing.
pub(crate) fn wanted() -> EnqueueRequest {
    request().with_dedupe_key("scan").with_priority(10)
}

/// What is left with the job.
#[derive(Debug, Default, Serialize)]
struct Scanned {
    files: u64,
    to_hash: u64,
    gone: u64,
    left_out: LeftOut,
}

/// What was passed over, and why.
#[derive(Debug, Default, Serialize)]
struct LeftOut {
    /// Symbolic links, pipes, sockets, devices.
    no_files: u64,
    /// Names that are no text.
    names: u64,
    /// Directories that cannot be read.
    unreadable: Vec<String>,
}

/// The handler.
pub(crate) struct Scan {
    pub(crate) index: Arc<Index>,
    /// The program's own files are not the folder's.
    pub(crate) home: PathBuf,
}

impl TypedHandler for Scan {
    type Payload = ScanFolder;

    fn options(&self) -> HandlerOptions {
        HandlerOptions::default().without_time_limit()
    }

    async fn run(&self, ctx: JobContext, _: ScanFolder) -> JobOutcome {
        let folder = match self.index.folder() {
            Ok(Some(folder)) => PathBuf::from(folder),
            Ok(None) => return JobOutcome::Done,
            Err(e) => return JobOutcome::failed(&e),
        };
        let scan = match self.index.begin_scan() {
            Ok(scan) => scan,
            Err(e) => return JobOutcome::failed(&e),
        };
        let (batches, mut incoming) = mpsc::channel(2);
        let home = self.home.clone();
        let walking = tokio::task::spawn_blocking(move || walk(&folder, &home, &batches));
        let mut scanned = Scanned::default();
        while let Some(batch) = incoming.recv().await {
            if let Some(cause) = ctx.cancel.cause() {
                // Dropping `incoming` stops the walk.
                return JobOutcome::Failed(format!("stopped: {cause}"));
            }
            let batch: Vec<(String, Stat)> = batch;
            scanned.files += batch.len() as u64;
            let unknown = match self.index.see(scan, &batch) {
                Ok(unknown) => unknown,
                Err(e) => return JobOutcome::failed(&e),
            };
            scanned.to_hash += unknown.len() as u64;
            for result in ctx.enqueue_many(unknown.into_iter().map(hash)).await {
                if let Err(e) = result {
                    return JobOutcome::failed(&e);
                }
            }
            ctx.progress(scanned.files, None, Some("files found"));
        }
        match walking.await {
            Ok(Ok(left_out)) => scanned.left_out = left_out,
            // The folder is on a disk that is not there now, perhaps: nothing is forgotten, and it is tried again.
            Ok(Err(e)) => return JobOutcome::Failed(e),
            Err(e) => return JobOutcome::failed(&e),
        }
        match self.index.end_scan(scan) {
            Ok(gone) => scanned.gone = gone as u64,
            Err(e) => return JobOutcome::failed(&e),
        }
        for name in &scanned.left_out.unreadable {
            tracing::warn!(name, "cannot be read, and was left out");
        }
        tracing::info!(scanned.files, scanned.to_hash, scanned.gone, "the folder was looked at");
        match ctx.set_output(&scanned) {
            Ok(()) => JobOutcome::Done,
            Err(e) => JobOutcome::dead(&e),
        }
    }
}

/// The job of one file: one at a time, and none more while it waits.
fn hash(path: String) -> EnqueueRequest {
    let key = super::hash::key_of(&path);
    EnqueueRequest::of(&HashFile { path }).on_queue(FILES).with_dedupe_key(key).with_max_attempts(5)
}

/// Walks the folder and hands over its files. Ends early when nobody wants them any more.
fn walk(folder: &Path, home: &Path, batches: &mpsc::Sender<Vec<(String, Stat)>>) -> Result<LeftOut, String> {
    let mut left_out = LeftOut::default();
    let mut batch = Vec::with_capacity(BATCH);
    std::fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let mut directories = vec![folder.to_owned()];
    while let Some(directory) = directories.pop() {
        if directory == home {
            continue;
        }
        let Ok(entries) = std::fs::read_dir(&directory) else {
            if left_out.unreadable.len() < MOST_SAID {
                left_out.unreadable.push(directory.to_string_lossy().into_owned());
            }
            continue;
        };
        for entry in entries.filter_map(Result::ok) {
            // What is gone by now is none of the folder's.
            let Ok(metadata) = entry.metadata() else { continue };
            if metadata.is_dir() {
                directories.push(entry.path());
            } else if !metadata.is_file() {
                left_out.no_files += 1;
            } else if let Ok(path) = entry.path().into_os_string().into_string() {
                if entry.file_name().to_string_lossy().starts_with(PART) {
                    continue;
                }
                batch.push((path, Stat::of(&metadata)));
            } else {
                left_out.names += 1;
            }
            if batch.len() == BATCH && batches.blocking_send(std::mem::take(&mut batch)).is_err() {
                return Ok(left_out);
            }
        }
    }
    if !batch.is_empty() {
        // Nobody wants them any more: the job has ended.
        let _ = batches.blocking_send(batch);
    }
    Ok(left_out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_found_and_what_is_none_is_counted() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        std::fs::create_dir_all(path("below/home")).unwrap();
        for name in ["a", "below/b", "below/home/forge.db", &format!("{PART}x")] {
            std::fs::write(path(name), "x").unwrap();
        }
        #[cfg(unix)]
        std::os::unix::fs::symlink("a", path("link")).unwrap();
        let (send, mut got) = mpsc::channel(8);
        let left_out = walk(dir.path(), &path("below/home"), &send).unwrap();
        let mut names: Vec<String> = got.blocking_recv().unwrap().into_iter().map(|(path, _)| path).collect();
        names.sort();
        assert_eq!(names, ["a", "below/b"].map(|name| path(name).display().to_string()));
        assert_eq!(left_out.no_files, u64::from(cfg!(unix)));
        assert!(walk(&path("none"), dir.path(), &send).is_err());
    }
}
