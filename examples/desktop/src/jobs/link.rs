//! Replaces a copy by a hard link to the file that stays. Somebody has confirmed it; all the same nothing is believed that
//! was found out earlier: both files are compared byte by byte before one of them goes.

use super::{CHUNK, PART, regular};
use crate::index::{Index, Stat};
use forge_jobs::{CancelToken, HandlerOptions, JobContext, JobOutcome, JobPayload, TypedHandler};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

/// The payload.
#[derive(Serialize, Deserialize)]
pub(crate) struct LinkFile {
    /// What stays.
    pub(crate) keep: String,
    /// What becomes another name of it.
    pub(crate) replace: String,
    /// What both held when it was confirmed.
    pub(crate) sha256: String,
}

impl JobPayload for LinkFile {
    const KIND: &'static str = "file.link";
}

/// How it went.
#[derive(Debug, PartialEq, Eq)]
enum Ended {
    Linked(Stat),
    Stopped,
    /// It would be wrong, and why.
    Refused(&'static str),
}

/// The handler.
pub(crate) struct Link {
    pub(crate) index: Arc<Index>,
}

impl TypedHandler for Link {
    type Payload = LinkFile;

    fn options(&self) -> HandlerOptions {
        HandlerOptions::default().without_time_limit()
    }

    async fn run(&self, ctx: JobContext, job: LinkFile) -> JobOutcome {
        let (keep, replace) = (job.keep.clone(), job.replace.clone());
        let (cancel, part) = (ctx.cancel.clone(), format!("{PART}{}", ctx.job_id()));
        let linking =
            tokio::task::spawn_blocking(move || link(keep.as_ref(), replace.as_ref(), &part, &cancel)).await;
        match linking {
            Ok(Ok(Ended::Linked(stat))) => {
                tracing::info!(job.replace, job.keep, "is another name of the same file now");
                JobOutcome::from_result(self.index.hashed(&job.replace, &stat, &job.sha256))
            }
            Ok(Ok(Ended::Stopped)) => JobOutcome::Failed(format!("stopped: {:?}", ctx.cancel.cause())),
            // Trying again would change nothing.
            Ok(Ok(Ended::Refused(why))) => JobOutcome::Dead(why.into()),
            Ok(Err(e)) => JobOutcome::failed(&e),
            Err(e) => JobOutcome::failed(&e),
        }
    }
}

fn link(keep: &Path, replace: &Path, part: &str, cancel: &CancelToken) -> io::Result<Ended> {
    let (Some(kept), Some(replaced)) = (regular(keep)?, regular(replace)?) else {
        return Ok(Ended::Refused("one of the two is not there any more"));
    };
    let (kept, replaced) = (Stat::of(&kept), Stat::of(&replaced));
    if !kept.inode.is_empty() && kept.inode == replaced.inode {
        // Done by an attempt before this one.
        return Ok(Ended::Linked(kept));
    }
    match same_content(keep, replace, cancel)? {
        None => return Ok(Ended::Stopped),
        Some(false) => return Ok(Ended::Refused("the two are not the same any more")),
        Some(true) => {}
    }
    let Some(directory) = replace.parent() else { return Ok(Ended::Refused("it lies nowhere")) };
    let part = directory.join(part);
    match std::fs::remove_file(&part) {
        // Left by an attempt that was ended in the middle.
        Ok(()) => {}
        Err(e) if e.kind() == io::ErrorKind::NotFound => {}
        Err(e) => return Err(e),
    }
    std::fs::hard_link(keep, &part)?;
    let now = [keep, replace].map(|path| regular(path).ok().flatten().map(|m| Stat::of(&m)));
    let unchanged = now == [Some(kept.clone()), Some(replaced)];
    let renamed = if unchanged { std::fs::rename(&part, replace) } else { std::fs::remove_file(&part) };
    renamed?;
    Ok(if unchanged {
        Ended::Linked(kept)
    } else {
        Ended::Refused("one of the two was written to meanwhile")
    })
}

/// Whether both hold the same bytes; `None` when it was told to stop.
fn same_content(a: &Path, b: &Path, cancel: &CancelToken) -> io::Result<Option<bool>> {
    let (mut a, mut b) = (File::open(a)?, File::open(b)?);
    let (mut of_a, mut of_b) = (Vec::with_capacity(CHUNK), Vec::with_capacity(CHUNK));
    loop {
        if cancel.is_cancelled() {
            return Ok(None);
        }
        for (file, chunk) in [(&mut a, &mut of_a), (&mut b, &mut of_b)] {
            chunk.clear();
            file.take(CHUNK as u64).read_to_end(chunk)?;
        }
        if of_a != of_b {
            return Ok(Some(false));
        }
        if of_a.is_empty() {
            return Ok(Some(true));
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt as _;

    #[test]
    fn a_copy_becomes_a_name_and_another_file_stays_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        let long = "x".repeat(CHUNK + 7);
        for (name, text) in [("a", &long), ("b", &long), ("c", &format!("{}y", &long[1..]))] {
            std::fs::write(path(name), text).unwrap();
        }
        // Half of an attempt before.
        std::fs::write(path("part"), "").unwrap();
        let go = |keep, replace| link(&path(keep), &path(replace), "part", &CancelToken::new()).unwrap();
        assert!(matches!(go("a", "b"), Ended::Linked(_)));
        let inode = |name| std::fs::metadata(path(name)).unwrap().ino();
        assert_eq!(inode("a"), inode("b"));
        assert!(matches!(go("a", "b"), Ended::Linked(_)), "a second attempt finds it done");
        assert!(matches!(go("a", "c"), Ended::Refused(_)));
        assert!(matches!(go("a", "none"), Ended::Refused(_)));
        assert_eq!(std::fs::read_to_string(path("c")).unwrap().len(), long.len());
        assert!(!path("part").exists());
    }
}
