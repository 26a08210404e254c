//! Which run this is: names and ids that are the same each time the demo is started on the same directories.
//!
//! A killed demo knows nothing when it starts again. All it has is its arguments, so the ids of its jobs are derived
//! from them: enqueued a second time, a job is already there.

use super::bytes::{hex, raw};
use forge_jobs::JobId;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::path::Path;

/// The queue of the walk and the manifest.
pub(crate) const RUN_QUEUE: &str = "demo.run";
/// The queue of the flaky upstream.
pub(crate) const UPSTREAM_QUEUE: &str = "demo.upstream";

/// One run over one pair of directories.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RunId {
    /// Stands for the directories.
    pub(crate) key: String,
    /// Counts the runs over them, from 1.
    pub(crate) number: u32,
}

impl RunId {
    /// What stands for a pair of directories, both canonical.
    pub(crate) fn key_of(dir: &Path, out: &Path) -> String {
        hex(&digest(&[b"forge demo", &raw(dir.as_os_str()), &raw(out.as_os_str())])[..4])
    }

    /// Its files' queue: one per pair of directories, so that an unfinished run over another one is in nobody's way.
    pub(crate) fn files_queue(&self) -> String {
        format!("demo.files/{}", self.key)
    }

    /// The tag of every walk over these directories.
    pub(crate) fn directories_tag(key: &str) -> String {
        format!("directories:{key}")
    }

    /// The tag of this run's jobs.
    pub(crate) fn tag(&self) -> String {
        format!("run:{}-{}", self.key, self.number)
    }

    pub(crate) fn walk_id(&self) -> JobId {
        self.id(b"walk", b"")
    }

    pub(crate) fn manifest_id(&self) -> JobId {
        self.id(b"manifest", b"")
    }

    pub(crate) fn file_id(&self, path: &Path) -> JobId {
        self.id(b"file", &raw(path.as_os_str()))
    }

    pub(crate) fn upstream_id(&self, call: u32) -> JobId {
        self.id(b"upstream", &call.to_be_bytes())
    }

    /// A UUID of version 8 (RFC 9562 §5.8: the bits are the maker's own), from a hash of what it stands for.
    fn id(&self, what: &[u8], name: &[u8]) -> JobId {
        let digest = digest(&[self.key.as_bytes(), &self.number.to_be_bytes(), what, name]);
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        bytes[6] = bytes[6] & 0x0f | 0x80;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        JobId::from_bytes(bytes)
    }
}

/// A hash of parts, each with its length before it, so that no two lists of parts run together.
fn digest(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(number: u32) -> RunId {
        RunId { key: RunId::key_of(Path::new("/a"), Path::new("/b")), number }
    }

    #[test]
    fn the_same_run_has_the_same_ids_and_another_one_has_others() {
        assert_eq!(run(1).file_id(Path::new("x")), run(1).file_id(Path::new("x")));
        let ids = [
            run(1).file_id(Path::new("x")),
            run(1).file_id(Path::new("y")),
            run(2).file_id(Path::new("x")),
            run(1).walk_id(),
            run(1).manifest_id(),
            run(1).upstream_id(0),
            run(1).upstream_id(1),
        ];
        let distinct: std::collections::HashSet<_> = ids.iter().collect();
        assert_eq!(distinct.len(), ids.len());
        assert_eq!(ids[0].as_uuid().get_version_num(), 8);
    }

    #[test]
    fn directories_do_not_run_together() {
        let key = |a: &str, b: &str| RunId::key_of(Path::new(a), Path::new(b));
        assert_ne!(key("/a", "/bc"), key("/ab", "/c"));
    }
}
