//! The first job: walks the directory and enqueues a job per file.
//!
//! It may run more than once (its process may be killed in the middle), so the jobs it enqueues have ids derived from
//! their paths: a second walk finds them there already.

use super::bytes::PathText;
use super::file::FileJob;
use super::identity::RunId;
use super::manifest::{MANIFEST_NAME, is_leftover};
use super::stats::Stats;
use forge_jobs::{EnqueueRequest, HandlerOptions, JobContext, JobOutcome, JobPayload, TypedHandler};
use serde::{Deserialize, Serialize};
use std::fs::{DirEntry, FileType};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::mpsc;

/// Jobs of one enqueue.
const BATCH: usize = 1_000;

/// The payload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WalkJob {
    /// Which run.
    pub(crate) run: RunId,
    /// The directory to walk, canonical.
    pub(crate) dir: PathText,
    /// The directory that the manifest goes to, canonical.
    pub(crate) out: PathText,
    /// Files that are not part of the input: the database.
    pub(crate) own: Vec<PathText>,
    /// What decides the flaky upstream.
    pub(crate) seed: u32,
}

impl JobPayload for WalkJob {
    const KIND: &'static str = "demo.walk";
}

/// What is left with the job: how many files, and how many things that are none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Walked {
    /// Files, and directories that could not be read.
    pub(crate) files: u64,
    /// What was left out.
    pub(crate) skipped: Skipped,
}

/// What was left out, and why.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Skipped {
    /// Symbolic links.
    pub(crate) links: u64,
    /// Pipes, sockets, devices.
    pub(crate) special: u64,
    /// `.git` and `target`.
    pub(crate) named: u64,
    /// The demo's own files.
    pub(crate) own: u64,
}

/// The handler.
pub(crate) struct Walk {
    pub(crate) stats: Arc<Stats>,
}

impl TypedHandler for Walk {
    type Payload = WalkJob;

    /// A large tree takes as long as it takes.
    fn options(&self) -> HandlerOptions {
        HandlerOptions::default().without_time_limit()
    }

    async fn run(&self, ctx: JobContext, job: WalkJob) -> JobOutcome {
        let (Some(dir), Some(out)) = (job.dir.to_path(), job.out.to_path()) else {
            return JobOutcome::Dead("a path in the payload is damaged".into());
        };
        let own = job.own.iter().filter_map(PathText::to_path).collect();
        let (batches, mut incoming) = mpsc::channel::<Vec<PathBuf>>(2);
        let tree = Tree { root: dir, out, own };
        let walking = tokio::task::spawn_blocking(move || walk(&tree, &batches));
        let mut found = 0;
        while let Some(batch) = incoming.recv().await {
            if let Some(cause) = ctx.cancel.cause() {
                // Dropping `incoming` stops the walk.
                return JobOutcome::Failed(format!("stopped: {cause}"));
            }
            found += batch.len() as u64;
            let requests: Vec<_> = batch.iter().map(|path| request(&job, path)).collect();
            for result in ctx.enqueue_many(requests).await {
                if let Err(e) = result {
                    return JobOutcome::failed(&e);
                }
            }
            self.stats.found.set(found.max(self.stats.found.get()));
            ctx.progress(found, None, Some("files found"));
        }
        let skipped = match walking.await {
            Ok(Ok(skipped)) => skipped,
            Ok(Err(e)) => return JobOutcome::Dead(format!("{}: {e}", job.dir.text())),
            Err(e) => return JobOutcome::failed(&e),
        };
        self.stats.found.set(found);
        match ctx.set_output(Walked { files: found, skipped }) {
            Ok(()) => JobOutcome::Done,
            Err(e) => JobOutcome::dead(&e),
        }
    }
}

/// The job of one file, always the same for the same run and path.
fn request(job: &WalkJob, path: &Path) -> EnqueueRequest {
    let payload = FileJob { run: job.run.clone(), dir: job.dir.clone(), file: PathText::of(path) };
    EnqueueRequest::of(&payload)
        .on_queue(job.run.files_queue())
        .with_id(job.run.file_id(path))
        .with_tag(job.run.tag())
        .with_max_attempts(5)
}

/// Where to walk, and what is not part of it.
struct Tree {
    root: PathBuf,
    out: PathBuf,
    own: Vec<PathBuf>,
}

/// What an entry is to the walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Entry {
    File,
    Directory,
    Link,
    Special,
    Named,
    Own,
}

impl Tree {
    fn classify(&self, path: &Path, entry: &DirEntry, kind: FileType) -> Entry {
        let name = entry.file_name();
        if name == ".git" || (name == "target" && kind.is_dir()) {
            Entry::Named
        } else if kind.is_symlink() {
            Entry::Link
        } else if self.is_own(path) {
            Entry::Own
        } else if kind.is_dir() {
            Entry::Directory
        } else if kind.is_file() {
            Entry::File
        } else {
            Entry::Special
        }
    }

    /// The manifest, what a killed process left of one, and the database.
    fn is_own(&self, path: &Path) -> bool {
        self.own.iter().any(|own| own == path)
            || (path.parent() == Some(self.out.as_path())
                && path.file_name().is_some_and(|n| n == MANIFEST_NAME || is_leftover(n)))
    }
}

/// Walks a tree and hands over the paths of its files, relative to its root. Ends early, without an error, when
/// nobody wants them any more.
fn walk(tree: &Tree, batches: &mpsc::Sender<Vec<PathBuf>>) -> io::Result<Skipped> {
    let mut skipped = Skipped::default();
    let mut batch = Vec::with_capacity(BATCH);
    // An unreadable root is an error of the whole; anything below it is a finding.
    std::fs::read_dir(&tree.root)?;
    let mut directories = vec![PathBuf::new()];
    while let Some(relative) = directories.pop() {
        let mut found = Vec::new();
        if list(tree, &relative, &mut found, &mut directories, &mut skipped).is_err() {
            // Its job will end dead with the reason, where people look for what went wrong.
            found.push(relative);
        }
        for path in found {
            batch.push(path);
            if batch.len() == BATCH && batches.blocking_send(std::mem::take(&mut batch)).is_err() {
                return Ok(skipped);
            }
        }
    }
    if !batch.is_empty() {
        let _ = batches.blocking_send(batch);
    }
    Ok(skipped)
}

/// Sorts the entries of one directory into files, further directories and what is left out.
fn list(
    tree: &Tree,
    relative: &Path,
    files: &mut Vec<PathBuf>,
    directories: &mut Vec<PathBuf>,
    skipped: &mut Skipped,
) -> io::Result<()> {
    for entry in std::fs::read_dir(tree.root.join(relative))? {
        let entry = entry?;
        let path = relative.join(entry.file_name());
        match tree.classify(&tree.root.join(&path), &entry, entry.file_type()?) {
            Entry::File => files.push(path),
            Entry::Directory => directories.push(path),
            Entry::Link => skipped.links += 1,
            Entry::Special => skipped.special += 1,
            Entry::Named => skipped.named += 1,
            Entry::Own => skipped.own += 1,
        }
    }
    Ok(())
}
