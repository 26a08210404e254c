//! Hashes one file.

use super::{CHUNK, is_gone, regular};
use crate::index::{Index, Stat};
use forge_jobs::{CancelToken, HandlerOptions, JobContext, JobOutcome, JobPayload, TypedHandler};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use std::sync::Arc;

/// In which people count what was read.
const MEGABYTE: u64 = 1_000_000;

/// The payload.
#[derive(Serialize, Deserialize)]
pub(crate) struct HashFile {
    pub(crate) path: String,
}

impl JobPayload for HashFile {
    const KIND: &'static str = "file.hash";
}

/// Stands for a path in keys, which are shorter than paths may be.
pub(crate) fn key_of(path: &str) -> String {
    hex(&Sha256::digest(path.as_bytes()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// How it went.
#[derive(Debug, PartialEq, Eq)]
enum Ended {
    Hashed(Stat, String),
    /// It is not there any more, or no file.
    Gone,
    /// It was told to stop.
    Stopped,
    /// Somebody wrote to it meanwhile.
    Changed,
}

/// The handler.
pub(crate) struct Hash {
    pub(crate) index: Arc<Index>,
}

impl TypedHandler for Hash {
    type Payload = HashFile;

    /// A large file takes as long as it takes.
    fn options(&self) -> HandlerOptions {
        HandlerOptions::default().without_time_limit()
    }

    async fn run(&self, ctx: JobContext, job: HashFile) -> JobOutcome {
        let (path, told) = (job.path.clone(), ctx.clone());
        let hashing = tokio::task::spawn_blocking(move || {
            hash(path.as_ref(), &told.cancel, |read, of| {
                told.progress(read.div_ceil(MEGABYTE), Some(of.div_ceil(MEGABYTE)), Some("MB read"));
            })
        });
        let hashing = hashing.await;
        let ended = match hashing {
            Ok(Ok(ended)) => ended,
            Ok(Err(e)) if e.kind() == io::ErrorKind::PermissionDenied => return JobOutcome::dead(&e),
            Ok(Err(e)) => return JobOutcome::failed(&e),
            Err(e) => return JobOutcome::failed(&e),
        };
        let written = match ended {
            Ended::Hashed(stat, sha256) => self.index.hashed(&job.path, &stat, &sha256),
            Ended::Gone => self.index.forget(&job.path),
            Ended::Stopped => return JobOutcome::Failed(format!("stopped: {:?}", ctx.cancel.cause())),
            Ended::Changed => return JobOutcome::Failed("it was written to while it was read".into()),
        };
        JobOutcome::from_result(written)
    }
}

/// Reads a file to its end. `at` is told how many bytes were read, and of how many.
fn hash(path: &Path, cancel: &CancelToken, at: impl Fn(u64, u64)) -> io::Result<Ended> {
    let Some(before) = regular(path)? else { return Ok(Ended::Gone) };
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(e) if is_gone(&e) => return Ok(Ended::Gone),
        Err(e) => return Err(e),
    };
    let mut digest = Sha256::new();
    let mut chunk = vec![0; CHUNK];
    let mut read = 0;
    loop {
        if cancel.is_cancelled() {
            return Ok(Ended::Stopped);
        }
        match file.read(&mut chunk) {
            Ok(0) => break,
            Ok(n) => {
                digest.update(&chunk[..n]);
                read += n as u64;
                at(read, before.len());
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    let stat = Stat::of(&before);
    // By its name again: it may have been replaced as well as written to.
    if regular(path)?.map(|after| Stat::of(&after)).as_ref() != Some(&stat) {
        return Ok(Ended::Changed);
    }
    Ok(Ended::Hashed(stat, hex(&digest.finalize())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use forge_jobs::CancelCause;

    #[test]
    fn a_file_is_hashed_and_what_is_none_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("abc");
        std::fs::write(&file, "abc").unwrap();
        let read = std::cell::Cell::new((0, 0));
        let hashed = hash(&file, &CancelToken::new(), |done, of| read.set((done, of)));
        let Ended::Hashed(stat, sha256) = hashed.unwrap() else { panic!("not hashed") };
        assert_eq!((stat.size, read.get()), (3, (3, 3)));
        // FIPS 180-4, example B.1.
        assert_eq!(sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(hash(&dir.path().join("none"), &CancelToken::new(), |_, _| ()).unwrap(), Ended::Gone);
        assert_eq!(hash(dir.path(), &CancelToken::new(), |_, _| ()).unwrap(), Ended::Gone);
        let cancel = CancelToken::new();
        cancel.cancel(CancelCause::Shutdown);
        assert_eq!(hash(&file, &cancel, |_, _| ()).unwrap(), Ended::Stopped);
    }
}
