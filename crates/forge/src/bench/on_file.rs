//! A round on database files.

use super::cases::{Case, Workload};
use super::place::{Place, Synchronous};
use super::queue::Says;
use super::stats::Rate;
use super::{PAYLOAD, Round, child, floor, mixed, queue};
use crate::exit::Failure;
use crate::logs;
use forge_jobs_api::wire::ErrorCode;
use std::path::Path;
use std::time::Duration;

/// Where the files are made, and how.
pub(super) struct Disk<'a> {
    pub(super) dir: &'a Path,
    pub(super) synchronous: Synchronous,
    pub(super) quick: bool,
}

/// One round, and its floor.
pub(super) async fn round(disk: &Disk<'_>, case: Case) -> Result<Round, Failure> {
    let Case { width, jobs, .. } = case;
    let synchronous = disk.synchronous;
    let place = Place::in_directory(disk.dir, synchronous).await?;
    let mut round = Round::default();
    match case.workload {
        Workload::Enqueue => {
            let bare = bare(disk, move |p| floor::one_by_one(p, synchronous, width, jobs, PAYLOAD));
            round.floor = Some(bare.await?);
            let (rate, waits) = queue::one_by_one(&place, width, jobs, PAYLOAD).await?;
            (round.rate, round.waits) = (Some(rate), waits);
        }
        Workload::Bulk => {
            round.floor = Some(bare(disk, move |p| floor::bulk(p, synchronous, jobs, PAYLOAD)).await?);
            round.rate = Some(queue::bulk(&place, jobs, PAYLOAD).await?);
        }
        Workload::Drain => {
            round.floor = Some(bare(disk, move |p| floor::drain(p, synchronous, jobs, PAYLOAD)).await?);
            round.rate = Some(queue::drain(&place, None, width, jobs, PAYLOAD).await?);
        }
        Workload::PickUp => round.waits = queue::pick_up(&place, jobs).await?,
        Workload::PickUpAcross => round.waits = child::pick_up(&place, jobs).await?,
        Workload::Mixed => {
            let time = Duration::from_secs_f64(f64::from(jobs) / f64::from(width));
            let (rate, waits) = mixed::run(&place, width, time).await?;
            (round.rate, round.waits) = (Some(rate), waits);
        }
        Workload::Idle => {
            let time = Duration::from_secs(if disk.quick { 2 } else { 20 });
            round.idle = child::idle(&place, None, width, time).await?;
        }
        Workload::Metrics => {
            let without = Place::in_directory(disk.dir, disk.synchronous).await?.without_metrics();
            let drained = logs::without(queue::drain_adding_up(&without, None, width, jobs, PAYLOAD)).await;
            round.floor = Some(drained?);
            round.rate = Some(queue::drain_adding_up(&place, None, width, jobs, PAYLOAD).await?);
        }
        Workload::Logs => {
            let silent = Place::in_directory(disk.dir, disk.synchronous).await?;
            round.floor = Some(queue::drain(&silent, None, width, jobs, PAYLOAD).await?);
            round.rate = Some(queue::drain_with(&place, (None, Says), width, jobs, PAYLOAD).await?);
        }
        Workload::BesidePending | Workload::BesideDone | Workload::Wal => {}
    }
    Ok(round)
}

/// Runs a bare loop on a fresh database of its own, off the async threads.
async fn bare(
    disk: &Disk<'_>,
    run: impl FnOnce(&Place) -> rusqlite::Result<Rate> + Send + 'static,
) -> Result<Rate, Failure> {
    let place = Place::in_directory(disk.dir, disk.synchronous).await?;
    let ended = tokio::task::spawn_blocking(move || run(&place)).await;
    queue::joined(ended)?.map_err(|e| Failure::of(ErrorCode::Failed, &e))
}
