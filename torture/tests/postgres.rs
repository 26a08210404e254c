//! The short forms of the campaigns on Postgres, on servers of their own.

mod support;

use forge_test_cluster::{Cluster, Options};
use forge_torture::campaigns::server::{Backlog, Demo, Restart, Skew, Snapshot};
use forge_torture::campaigns::{CronLeader, Failure, Freeze, Kill, Limits, Reads};
use forge_torture::fleet::Site;
use std::sync::Arc;
use std::time::Duration;
use support::{LIMIT, program, seed, turn};

#[tokio::test]
async fn replicas_killed_under_load_lose_nothing_and_run_nothing_twice_at_once() -> Result<(), Failure> {
    let _turn = turn().await;
    let cluster = Cluster::start(&Options::default())?;
    let site = Site::on(&program()?, cluster.url("postgres"))?;
    let (harm, every) = (Duration::from_secs(4), Duration::from_millis(500));
    let report =
        Kill { seed: seed(), replicas: 4, jobs: 8_000, sleep_ms: 50, keys: 0, harm, every, limit: LIMIT }
            .run(&site)
            .await?;
    println!("{report}");
    Ok(())
}

#[tokio::test]
async fn a_budget_holds_while_its_callers_are_killed_and_it_is_edited() -> Result<(), Failure> {
    let _turn = turn().await;
    let cluster = Cluster::start(&Options::default())?;
    let site = Site::on(&program()?, cluster.url("postgres"))?;
    let report = Limits::short(seed()).run(&site).await?;
    println!("{report}");
    Ok(())
}

#[tokio::test]
async fn of_a_concurrency_key_never_two_run_at_once_whichever_replica_is_killed() -> Result<(), Failure> {
    let _turn = turn().await;
    let cluster = Cluster::start(&Options::default())?;
    let site = Site::on(&program()?, cluster.url("postgres"))?;
    let (harm, every) = (Duration::from_secs(4), Duration::from_millis(500));
    let kill =
        Kill { seed: seed(), replicas: 4, jobs: 600, sleep_ms: 50, keys: 40, harm, every, limit: LIMIT };
    println!("{}", kill.run(&site).await?);
    Ok(())
}

#[tokio::test]
async fn a_frozen_replica_gets_no_late_finish_accepted_and_hears_that_it_is_late() -> Result<(), Failure> {
    let _turn = turn().await;
    let cluster = Cluster::start(&Options::default())?;
    let site = Site::on(&program()?, cluster.url("postgres"))?;
    let report = Freeze::short().run(&site).await?;
    println!("{report}");
    Ok(())
}

#[tokio::test]
async fn a_crash_of_the_server_takes_nothing_that_was_acknowledged_and_ends_no_process() -> Result<(), Failure>
{
    let _turn = turn().await;
    let cluster = Arc::new(Cluster::start(&Options { durable: true, ..Options::default() })?);
    let every = Duration::from_secs(5);
    // The long form wants it within 5 s, of a machine that does nothing else.
    let back_within = Duration::from_secs(20);
    let restart = Restart { seed: seed(), restarts: 2, every, rate: 200, replicas: 3, back_within };
    let report = restart.run(&program()?, &cluster).await?;
    println!("{report}");
    Ok(())
}

#[tokio::test]
async fn replicas_whose_clocks_are_off_start_nothing_early_and_take_nobody_for_dead() -> Result<(), Failure> {
    let _turn = turn().await;
    let cluster = Cluster::start(&Options::default())?;
    let span = Duration::from_secs(6);
    let report = Skew { seed: seed(), jobs: 200, span }.run(&program()?, &cluster).await?;
    println!("{report}");
    Ok(())
}

#[tokio::test]
async fn an_old_snapshot_takes_no_more_than_a_part_of_the_throughput() -> Result<(), Failure> {
    let _turn = turn().await;
    let cluster = Cluster::start(&Snapshot::options())?;
    let window = Duration::from_secs(4);
    // Half of the long form's: in a window of seconds there is room for few rounds of filling and draining.
    let snapshot = Snapshot {
        seed: seed(),
        window,
        before: 1,
        held: 4,
        priorities: 1,
        scheduled: false,
        call_ms: None,
        least: 15,
        slowest: None,
    };
    let report = snapshot.run(&program()?, &cluster).await?;
    println!("{report}");
    Ok(())
}

#[tokio::test]
async fn a_claim_finds_ready_jobs_by_their_order_beside_many_others() -> Result<(), Failure> {
    let _turn = turn().await;
    let cluster = Cluster::start(&Options::default().with("autovacuum", "off"))?;
    let report = Backlog { others: 50_000, claims: 200, slowest: None }.run(&program()?, &cluster).await?;
    println!("{report}");
    Ok(())
}

#[tokio::test]
async fn overview_and_timelines_do_not_read_the_jobs_and_lists_go_on_to_their_end() -> Result<(), Failure> {
    let _turn = turn().await;
    let cluster = Cluster::start(&Options::default())?;
    println!("{}", Reads::short().run(&Site::on(&program()?, cluster.url("postgres"))?).await?);
    Ok(())
}

#[tokio::test]
async fn demos_that_share_a_directory_write_what_one_alone_writes_also_when_one_is_killed()
-> Result<(), Failure> {
    let _turn = turn().await;
    let cluster = Cluster::start(&Options::default())?;
    let report = Demo { seed: seed(), files: 2_000, kill: true }.run(&program()?, &cluster).await?;
    println!("{report}");
    Ok(())
}

/// A look from the front that is cut off is to be followed by one from where claims had come to, and not by another one
/// from the front, for ever.
#[tokio::test]
async fn a_claim_that_takes_longer_than_a_call_may_does_not_stop_the_queue() -> Result<(), Failure> {
    let _turn = turn().await;
    let cluster = Cluster::start(&Snapshot::options())?;
    let window = Duration::from_secs(4);
    let snapshot = Snapshot {
        seed: seed(),
        window,
        before: 1,
        held: 5,
        priorities: 1,
        scheduled: false,
        call_ms: Some(150),
        least: 3,
        slowest: None,
    };
    let report = snapshot.run(&program()?, &cluster).await?;
    println!("{report}");
    Ok(())
}

#[tokio::test]
async fn each_fire_of_a_schedule_is_one_job_though_every_leading_replica_is_killed() -> Result<(), Failure> {
    let _turn = turn().await;
    let cluster = Cluster::start(&Options::default())?;
    let site = Site::on(&program()?, cluster.url("postgres"))?;
    println!("{}", CronLeader::short().run(&site).await?);
    Ok(())
}
