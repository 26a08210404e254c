//! The last job: writes `SHA256SUMS` from what the files' jobs left in the database.

use super::bytes::{PathText, hex, raw};
use super::file::{FileJob, FileResult};
use super::identity::RunId;
use super::pages::each_job;
use super::stats::Stats;
use forge_jobs::storage::{JobFilter, StorageError};
use forge_jobs::{JobContext, JobOutcome, JobPayload, JobStatus, Payload, Storage, TypedHandler};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::ffi::OsStr;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

/// The name of the manifest.
pub(crate) const MANIFEST_NAME: &str = "SHA256SUMS";
/// The ends of the name of a manifest that is being written.
const PART: (&str, &str) = (".SHA256SUMS.", ".forge-part");

/// Paths of vanished files that are kept for the summary.
const MAX_VANISHED: usize = 20;

/// Whether a name is that of a manifest in the making, or of what a killed process left of one.
pub(crate) fn is_leftover(name: &OsStr) -> bool {
    name.to_str().is_some_and(|n| n.starts_with(PART.0) && n.ends_with(PART.1))
}

/// The payload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ManifestJob {
    /// Which run.
    pub(crate) run: RunId,
    /// The directory to write to, canonical.
    pub(crate) out: PathText,
}

impl JobPayload for ManifestJob {
    const KIND: &'static str = "demo.manifest";
}

/// What is left with the job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Written {
    /// Where it is.
    pub(crate) manifest: PathText,
    /// Its own SHA-256.
    pub(crate) sha256: String,
    /// Files in it.
    pub(crate) files: u64,
    /// Their sizes in all.
    pub(crate) bytes: u64,
    /// Files that vanished between walk and hash.
    pub(crate) vanished: u64,
    /// Some of them.
    pub(crate) vanished_paths: Vec<String>,
}

/// The handler.
pub(crate) struct WriteManifest {
    pub(crate) storage: Storage,
    pub(crate) stats: Arc<Stats>,
}

impl TypedHandler for WriteManifest {
    type Payload = ManifestJob;

    async fn run(&self, ctx: JobContext, job: ManifestJob) -> JobOutcome {
        let Some(out) = job.out.to_path() else {
            return JobOutcome::Dead("a path in the payload is damaged".into());
        };
        let mut results = match self.results(&job.run).await {
            Ok(results) => results,
            Err(e) => return JobOutcome::failed(&e),
        };
        let writing = tokio::task::spawn_blocking(move || {
            let text = results.manifest();
            write(&out, &text)?;
            Ok::<_, io::Error>(Written {
                manifest: PathText::of(&out.join(MANIFEST_NAME)),
                sha256: hex(&Sha256::digest(&text)),
                files: results.lines.len() as u64,
                bytes: results.bytes,
                vanished: results.vanished,
                vanished_paths: results.vanished_paths,
            })
        });
        let written = match writing.await {
            Ok(Ok(written)) => written,
            Ok(Err(e)) => {
                self.stats.dead.add(1);
                return JobOutcome::Dead(format!("{} cannot be written to: {e}", job.out.text()));
            }
            Err(e) => return JobOutcome::failed(&e),
        };
        match ctx.set_output(written) {
            Ok(()) => JobOutcome::Done,
            Err(e) => JobOutcome::dead(&e),
        }
    }
}

impl WriteManifest {
    /// What the run's files came to.
    async fn results(&self, run: &RunId) -> Result<Results, StorageError> {
        let filter = JobFilter {
            queues: vec![run.files_queue()],
            statuses: vec![JobStatus::Done],
            ..JobFilter::default()
        };
        let mut results = Results::default();
        each_job(&*self.storage.inspect, filter, |job| {
            let payload = job.payload.decode::<FileJob>();
            let output = job.output.as_ref().map(Payload::decode::<FileResult>);
            // The queue is this demo's own, but anybody may enqueue into it.
            if let (Ok(payload), Some(Ok(output))) = (payload, output)
                && payload.run == *run
            {
                results.add(&payload.file, output);
            }
        })
        .await?;
        Ok(results)
    }
}

/// The results of a run's files.
#[derive(Default)]
struct Results {
    /// Raw path and hash.
    lines: Vec<(Vec<u8>, String)>,
    bytes: u64,
    vanished: u64,
    vanished_paths: Vec<String>,
}

impl Results {
    fn add(&mut self, file: &PathText, result: FileResult) {
        match result {
            FileResult::Hashed { sha256, bytes } => {
                if let Some(path) = file.to_path() {
                    self.lines.push((raw(path.as_os_str()), sha256));
                    self.bytes += bytes;
                }
            }
            FileResult::Vanished => {
                self.vanished += 1;
                if self.vanished_paths.len() < MAX_VANISHED {
                    self.vanished_paths.push(file.text().to_owned());
                }
            }
        }
    }

    /// The manifest: sorted by the raw bytes of the paths, whatever order the jobs finished in.
    fn manifest(&mut self) -> Vec<u8> {
        self.lines.sort_unstable();
        self.vanished_paths.sort_unstable();
        let mut text = Vec::with_capacity(self.lines.iter().map(|(p, h)| p.len() + h.len() + 3).sum());
        for (path, sha256) in &self.lines {
            push_line(&mut text, path, sha256);
        }
        text
    }
}

/// One line as `sha256sum` writes it (GNU coreutils manual, "md5sum invocation"): hash, two spaces, path; a path with
/// a line break, a carriage return or a backslash is escaped, and a backslash in front of the line says so.
fn push_line(text: &mut Vec<u8>, path: &[u8], sha256: &str) {
    if path.iter().any(|b| matches!(b, b'\n' | b'\r' | b'\\')) {
        text.push(b'\\');
    }
    text.extend_from_slice(sha256.as_bytes());
    text.extend_from_slice(b"  ");
    // A file of this name is read by `sha256sum -c` as standard input, unless a directory stands before it.
    if path == b"-" {
        text.extend_from_slice(b"./");
    }
    for byte in path {
        match byte {
            b'\n' => text.extend_from_slice(b"\\n"),
            b'\r' => text.extend_from_slice(b"\\r"),
            b'\\' => text.extend_from_slice(b"\\\\"),
            other => text.push(*other),
        }
    }
    text.push(b'\n');
}

/// Writes the manifest whole or not at all: beside its place, to the disk, then under its name in one step.
fn write(out: &Path, text: &[u8]) -> io::Result<()> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(PART.0).suffix(PART.1);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // As for any new file: the user's umask takes away what it will.
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    let mut part = builder.tempfile_in(out)?;
    part.write_all(text)?;
    part.as_file().sync_all()?;
    part.persist(out.join(MANIFEST_NAME))?;
    // The name is on the disk when its directory is.
    #[cfg(unix)]
    std::fs::File::open(out)?.sync_all()?;
    remove_leftovers(out);
    Ok(())
}

/// Removes what killed processes left. A manifest that another process is writing right now would be hit too; its
/// job then fails and runs again.
fn remove_leftovers(out: &Path) {
    let Ok(entries) = std::fs::read_dir(out) else { return };
    for entry in entries.flatten().filter(|e| is_leftover(&e.file_name())) {
        // Best effort: the walk passes them over.
        let _ = std::fs::remove_file(entry.path());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &[u8], expected: &[u8]) {
        let mut text = Vec::new();
        push_line(&mut text, path, "00");
        assert_eq!(text, expected);
    }

    #[test]
    fn lines_are_those_of_sha256sum() {
        check(b"a b", b"00  a b\n");
        check(b" *x", b"00   *x\n");
        check(b"a\nb", b"\\00  a\\nb\n");
        check(b"a\rb", b"\\00  a\\rb\n");
        check(b"a\\nb", b"\\00  a\\\\nb\n");
        check(b"\xff\xfe", b"00  \xff\xfe\n");
        check(b"-", b"00  ./-\n");
        check(b"d/-", b"00  d/-\n");
    }

    #[test]
    fn the_order_is_that_of_the_raw_bytes() {
        let mut results = Results::default();
        for path in [&b"b"[..], b"a/b", b"a-b", b"\xff", b"Z", b"a\nb"] {
            results.lines.push((path.to_vec(), "00".into()));
        }
        let expected: &[u8] = b"00  Z\n\\00  a\\nb\n00  a-b\n00  a/b\n00  b\n00  \xff\n";
        assert_eq!(results.manifest(), expected);
    }

    #[test]
    fn a_manifest_replaces_the_old_one_and_what_killed_processes_left() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(MANIFEST_NAME), "old").unwrap();
        std::fs::write(dir.path().join(".SHA256SUMS.x1.forge-part"), "half").unwrap();
        write(dir.path(), b"new").unwrap();
        let names: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(names, [MANIFEST_NAME]);
        assert_eq!(std::fs::read(dir.path().join(MANIFEST_NAME)).unwrap(), b"new");
    }
}
