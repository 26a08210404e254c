//! Commands for the program's own page.

#![allow(clippy::needless_pass_by_value, reason = "a command is given what it needs")]

use crate::desk::Desk;
use crate::index::Report;
use crate::jobs::hash::key_of;
use crate::jobs::link::LinkFile;
use crate::jobs::{FILES, FOLDER, scan};
use forge_jobs::storage::JobFilter;
use forge_jobs::{EnqueueRequest, JobStatus};
use serde::Serialize;
use std::error::Error;
use std::path::Path;
use tauri::State;

/// Groups that are linked at a time.
const MOST_GROUPS: usize = 200;

/// What the page shows.
#[derive(Debug, Serialize)]
pub(crate) struct Shown {
    #[serde(flatten)]
    report: Report,
    /// Jobs that wait or run.
    unfinished: u64,
    /// Jobs that have failed for good.
    dead: u64,
}

fn said(e: &dyn Error) -> String {
    e.to_string()
}

/// Everything that the page shows.
#[tauri::command]
pub(crate) async fn folder_show(desk: State<'_, Desk>) -> Result<Shown, String> {
    let index = desk.index.clone();
    let report = tauri::async_runtime::spawn_blocking(move || index.report()).await;
    let report = report.map_err(|e| said(&e))?.map_err(|e| said(&e))?;
    let waiting = [JobStatus::Pending, JobStatus::Scheduled, JobStatus::Running, JobStatus::Retrying];
    let (unfinished, dead) = (count(&desk, &waiting).await?, count(&desk, &[JobStatus::Dead]).await?);
    Ok(Shown { report, unfinished, dead })
}

async fn count(desk: &Desk, statuses: &[JobStatus]) -> Result<u64, String> {
    let queues = vec![FILES.to_owned(), FOLDER.to_owned()];
    let filter = JobFilter { queues, statuses: statuses.to_vec(), ..JobFilter::default() };
    desk.storage.inspect.count(filter).await.map(|count| count.count.count).map_err(|e| said(&e))
}

/// Chooses the folder, and has it looked at.
#[tauri::command]
pub(crate) async fn folder_choose(desk: State<'_, Desk>, path: String) -> Result<(), String> {
    let path = Path::new(path.trim());
    if !path.is_absolute() {
        return Err("name the folder from the root on, as in /home/ada/pictures".into());
    }
    let path = path.canonicalize().map_err(|e| format!("{}: {e}", path.display()))?;
    if !path.is_dir() {
        return Err(format!("{} is no folder", path.display()));
    }
    let text = path.to_str().ok_or("the name of the folder is no text")?;
    desk.index.choose(text).map_err(|e| said(&e))?;
    desk.enqueuer.enqueue(scan::wanted()).await.map_err(|e| said(&e))?;
    tracing::info!(folder = text, "chosen");
    Ok(())
}

/// Has the folder looked at now.
#[tauri::command]
pub(crate) async fn folder_scan(desk: State<'_, Desk>) -> Result<(), String> {
    if desk.index.folder().map_err(|e| said(&e))?.is_none() {
        return Err("choose a folder first".into());
    }
    desk.enqueuer.enqueue(scan::wanted()).await.map_err(|e| said(&e))?;
    Ok(())
}

/// Replaces the copies in these groups by hard links, if there are as many of them as the page has asked about.
#[tauri::command]
pub(crate) async fn folder_link(
    desk: State<'_, Desk>,
    groups: Vec<String>,
    copies: usize,
) -> Result<usize, String> {
    if groups.len() > MOST_GROUPS {
        return Err(format!("at most {MOST_GROUPS} groups at a time"));
    }
    let mut requests = Vec::new();
    for sha256 in groups {
        let mut names = desk.index.names_of(&sha256).map_err(|e| said(&e))?.into_iter();
        let Some((keep, kept)) = names.next() else { continue };
        for (replace, _) in names.filter(|(_, inode)| inode.is_empty() || *inode != kept) {
            let key = key_of(&replace);
            let job = LinkFile { keep: keep.clone(), replace, sha256: sha256.clone() };
            // The names of one content go one after the other.
            let request = EnqueueRequest::of(&job).on_queue(FOLDER).with_dedupe_key(key);
            requests.push(request.with_concurrency_key(sha256.clone()).with_tag("confirmed"));
        }
    }
    if requests.len() != copies {
        return Err(format!("there are {} copies now, and not {copies}: look again", requests.len()));
    }
    for result in desk.enqueuer.enqueue_many(requests).await {
        result.map_err(|e| said(&e))?;
    }
    Ok(copies)
}
