//! A job per file: SHA-256 and size.

use super::bytes::{PathText, hex};
use super::identity::RunId;
use super::stats::Stats;
use forge_jobs::{CancelToken, HandlerOptions, JobContext, JobOutcome, JobPayload, TypedHandler};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

/// Bytes between two looks at the cancel token.
const CHUNK: usize = 256 << 10;

/// The payload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FileJob {
    /// Which run.
    pub(crate) run: RunId,
    /// The directory that was walked, canonical.
    pub(crate) dir: PathText,
    /// The file, relative to it.
    pub(crate) file: PathText,
}

impl JobPayload for FileJob {
    const KIND: &'static str = "demo.file";
}

/// What is left with the job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FileResult {
    /// It was hashed.
    Hashed {
        /// Lower-case hexadecimal.
        sha256: String,
        /// Its size when it was read.
        bytes: u64,
    },
    /// It was there when the directory was walked, and is not any more, or is no regular file any more.
    Vanished,
}

/// The handler.
pub(crate) struct Hash {
    pub(crate) stats: Arc<Stats>,
}

impl TypedHandler for Hash {
    type Payload = FileJob;

    /// A large file takes as long as it takes.
    fn options(&self) -> HandlerOptions {
        HandlerOptions::default().without_time_limit()
    }

    async fn run(&self, ctx: JobContext, job: FileJob) -> JobOutcome {
        let (Some(dir), Some(file)) = (job.dir.to_path(), job.file.to_path()) else {
            return JobOutcome::Dead("a path in the payload is damaged".into());
        };
        let cancel = ctx.cancel.clone();
        let hashing = tokio::task::spawn_blocking(move || hash(&dir.join(file), &cancel));
        let result = match hashing.await {
            Ok(Ok(Some(result))) => result,
            Ok(Ok(None)) => return JobOutcome::Failed(format!("stopped: {:?}", ctx.cancel.cause())),
            Ok(Err(e)) => return self.failed(&ctx, &e),
            Err(e) => return JobOutcome::failed(&e),
        };
        if let FileResult::Hashed { bytes, .. } = result {
            self.stats.hashed.add(1);
            self.stats.bytes.add(bytes);
        }
        self.stats.finished.add(1);
        match ctx.set_output(result) {
            Ok(()) => JobOutcome::Done,
            Err(e) => JobOutcome::dead(&e),
        }
    }
}

impl Hash {
    /// What may pass is tried again; what is not allowed, or is no file, is not.
    fn failed(&self, ctx: &JobContext, e: &io::Error) -> JobOutcome {
        let for_good = matches!(
            e.kind(),
            io::ErrorKind::PermissionDenied | io::ErrorKind::IsADirectory | io::ErrorKind::InvalidFilename
        );
        if for_good || ctx.is_last_attempt() {
            self.stats.dead.add(1);
            self.stats.finished.add(1);
        } else {
            self.stats.retries.add(1);
        }
        if for_good { JobOutcome::dead(e) } else { JobOutcome::failed(e) }
    }
}

/// Hashes a file; `None` when it was told to stop.
fn hash(path: &Path, cancel: &CancelToken) -> io::Result<Option<FileResult>> {
    let mut file = match open(path) {
        Ok(file) => file,
        Err(e) if is_gone(&e) => return Ok(Some(FileResult::Vanished)),
        Err(e) => return Err(e),
    };
    let kind = file.metadata()?.file_type();
    if kind.is_dir() {
        // Only a directory that could not be listed has a job. Listing it again says why.
        std::fs::read_dir(path)?.try_for_each(|entry| entry.map(drop))?;
        let text = "a directory that could not be read when the tree was walked, and can be now: start again";
        return Err(io::Error::new(io::ErrorKind::IsADirectory, text));
    }
    if !kind.is_file() {
        return Ok(Some(FileResult::Vanished));
    }
    let mut digest = Sha256::new();
    let mut bytes = 0;
    let mut chunk = vec![0; CHUNK];
    loop {
        if cancel.is_cancelled() {
            return Ok(None);
        }
        match file.read(&mut chunk) {
            Ok(0) => break,
            Ok(n) => {
                digest.update(&chunk[..n]);
                bytes += n as u64;
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(Some(FileResult::Hashed { sha256: hex(&digest.finalize()), bytes }))
}

/// Opens a file that may have become anything since it was seen: without following a link, and without waiting for
/// the other end of a pipe.
#[cfg(unix)]
fn open(path: &Path) -> io::Result<File> {
    use rustix::fs::{Mode, OFlags};
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    Ok(rustix::fs::open(path, flags, Mode::empty())?.into())
}

#[cfg(not(unix))]
fn open(path: &Path) -> io::Result<File> {
    File::open(path)
}

/// Whether the name leads to nothing any more, or to a link.
fn is_gone(e: &io::Error) -> bool {
    #[cfg(unix)]
    let link = [rustix::io::Errno::LOOP, rustix::io::Errno::NXIO]
        .map(|e| Some(e.raw_os_error()))
        .contains(&e.raw_os_error());
    #[cfg(not(unix))]
    let link = false;
    link || matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

#[cfg(test)]
mod tests {
    use super::*;
    use forge_jobs::CancelCause;

    fn hashed(path: &Path) -> FileResult {
        hash(path, &CancelToken::new()).unwrap().unwrap()
    }

    #[test]
    fn a_file_is_hashed_over_several_chunks() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("abc");
        std::fs::write(&file, "abc").unwrap();
        // FIPS 180-4, example B.1.
        let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad".to_owned();
        assert_eq!(hashed(&file), FileResult::Hashed { sha256, bytes: 3 });
        std::fs::write(&file, vec![b'a'; 1_000_000]).unwrap();
        // FIPS 180-4, example B.3.
        let sha256 = "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0".to_owned();
        assert_eq!(hashed(&file), FileResult::Hashed { sha256, bytes: 1_000_000 });
    }

    #[test]
    fn a_cancelled_hash_stops() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("abc");
        std::fs::write(&file, "abc").unwrap();
        let cancel = CancelToken::new();
        cancel.cancel(CancelCause::Shutdown);
        assert_eq!(hash(&file, &cancel).unwrap(), None);
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_file_any_more_has_vanished_and_nothing_waits_for_a_pipe() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        assert_eq!(hashed(&path("gone")), FileResult::Vanished);
        std::fs::write(path("file"), "").unwrap();
        assert_eq!(hashed(&path("file/below")), FileResult::Vanished);
        std::os::unix::fs::symlink("file", path("link")).unwrap();
        assert_eq!(hashed(&path("link")), FileResult::Vanished);
        let fifo = rustix::fs::FileType::Fifo;
        rustix::fs::mknodat(rustix::fs::CWD, path("pipe"), fifo, 0o600.into(), 0).unwrap();
        assert_eq!(hashed(&path("pipe")), FileResult::Vanished);
        let _socket = std::os::unix::net::UnixListener::bind(path("socket")).unwrap();
        assert_eq!(hashed(&path("socket")), FileResult::Vanished);
    }

    #[test]
    fn a_directory_is_an_error_that_says_so() {
        let dir = tempfile::tempdir().unwrap();
        let e = hash(dir.path(), &CancelToken::new()).unwrap_err();
        assert!(e.to_string().contains("directory"), "{e}");
    }
}
