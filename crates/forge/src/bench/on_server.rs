//! A round on a server: the queue and each floor in a schema of its own, which is dropped before the next one.

use super::beside::{self, Others};
use super::cases::{Case, Workload};
use super::place::Place;
use super::queue::Says;
use super::server::Server;
use super::stats::Rate;
use super::{PAYLOAD, Round, child, mixed, queue, server_floor};
use crate::exit::Failure;
use crate::logs;
use std::time::Duration;

/// How many others there are where a million is compared with few: one in so many.
const FEW: u32 = 100;

/// One round, and its floors.
pub(super) async fn round(server: &Server, case: Case, quick: bool) -> Result<Round, Failure> {
    let Case { width, jobs, .. } = case;
    let mut round = Round::default();
    match case.workload {
        Workload::Enqueue => {
            let place = fresh(server).await?;
            let shared = server_floor::in_batches(server, &place, (jobs, width), PAYLOAD).await?;
            let place = fresh(server).await?;
            let alone = server_floor::one_by_one(server, &place, (jobs / 4, width), PAYLOAD).await?;
            let place = fresh(server).await?;
            let (rate, waits) = queue::one_by_one(&place, width, jobs, PAYLOAD).await?;
            round.floor = Some(shared);
            round.floors = vec![("a commit for each job, a connection for each caller", alone)];
            (round.rate, round.waits) = (Some(rate), waits);
        }
        Workload::Bulk => {
            let place = fresh(server).await?;
            round.floor = Some(server_floor::bulk(server, &place, jobs, PAYLOAD).await?);
            let place = fresh(server).await?;
            round.rate = Some(queue::bulk(&place, jobs, PAYLOAD).await?);
        }
        Workload::Drain => {
            let place = fresh(server).await?;
            round.floor = Some(server_floor::drain(server, &place, (jobs, 100), PAYLOAD).await?);
            let place = fresh(server).await?;
            let large = server_floor::drain(server, &place, (jobs, 1_000), PAYLOAD).await?;
            round.floors = vec![("batches of 1,000", large)];
            let place = fresh(server).await?;
            round.rate = Some(queue::drain(&place, Some(server), width, jobs, PAYLOAD).await?);
        }
        Workload::Metrics => {
            let without = fresh(server).await?.without_metrics();
            let drained =
                logs::without(queue::drain_adding_up(&without, Some(server), width, jobs, PAYLOAD)).await;
            round.floor = Some(drained?);
            let place = fresh(server).await?;
            round.rate = Some(queue::drain_adding_up(&place, Some(server), width, jobs, PAYLOAD).await?);
        }
        Workload::Logs => {
            let place = fresh(server).await?;
            round.floor = Some(queue::drain(&place, Some(server), width, jobs, PAYLOAD).await?);
            let place = fresh(server).await?;
            round.rate = Some(queue::drain_with(&place, (Some(server), Says), width, jobs, PAYLOAD).await?);
        }
        Workload::BesidePending => {
            (round.floor, round.rate) = beside(server, case, Others::Pending).await?;
        }
        Workload::BesideDone => (round.floor, round.rate) = beside(server, case, Others::Done).await?,
        Workload::Wal => round.wal = Some(beside::log(server, &fresh(server).await?, jobs, PAYLOAD).await?),
        Workload::PickUp => round.waits = queue::pick_up(&fresh(server).await?, jobs).await?,
        Workload::PickUpAcross => round.waits = child::pick_up(&fresh(server).await?, jobs).await?,
        Workload::Mixed => {
            let time = Duration::from_secs_f64(f64::from(jobs) / f64::from(width));
            let (rate, waits) = mixed::run(&fresh(server).await?, width, time).await?;
            (round.rate, round.waits) = (Some(rate), waits);
        }
        Workload::Idle => {
            let time = Duration::from_secs(if quick { 2 } else { 20 });
            round.idle = child::idle(&fresh(server).await?, Some(server), width, time).await?;
        }
    }
    server.clear().await?;
    Ok(round)
}

/// A schema of its own, and a server that has forgotten the one before.
async fn fresh(server: &Server) -> Result<Place, Failure> {
    server.clear().await?;
    let place = Place::on_server(server).await?;
    server.settle().await?;
    Ok(place)
}

/// Beside few others, and beside many.
async fn beside(
    server: &Server,
    case: Case,
    others: Others,
) -> Result<(Option<Rate>, Option<Rate>), Failure> {
    let with = async |number| {
        let place = fresh(server).await?;
        beside::drain(server, &place, (case.jobs, others, number), PAYLOAD).await
    };
    Ok((Some(with(case.width / FEW).await?), Some(with(case.width).await?)))
}
