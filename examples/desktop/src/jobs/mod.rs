//! What the queue does for the folder.

pub(crate) mod hash;
pub(crate) mod link;
pub(crate) mod scan;

/// The queue of hashes: as many workers as the machine has cores.
pub(crate) const FILES: &str = "files";
/// The queue of what changes the folder, or looks at all of it: one at a time.
pub(crate) const FOLDER: &str = "folder";
/// How names begin that a link has for a moment.
pub(crate) const PART: &str = ".forge-link-";

/// Bytes between two looks at the cancel token.
pub(crate) const CHUNK: usize = 256 << 10;

/// Whether a file is not there, or not as a file.
pub(crate) fn is_gone(e: &std::io::Error) -> bool {
    matches!(e.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory)
}

/// The metadata of a regular file; `None` when it is none, or is gone. Links are not followed.
pub(crate) fn regular(path: &std::path::Path) -> std::io::Result<Option<std::fs::Metadata>> {
    match std::fs::symlink_metadata(path) {
        Ok(metadata) => Ok(metadata.is_file().then_some(metadata)),
        Err(e) if is_gone(&e) => Ok(None),
        Err(e) => Err(e),
    }
}
