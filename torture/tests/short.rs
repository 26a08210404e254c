//! The short forms of the campaigns. They need the program: `cargo test --workspace` builds it, `cargo build -p forge`
//! does too.

mod support;

use forge_torture::campaigns::{
    Clock, CronLeader, CronTexts, Disk, Failure, Freeze, HttpAbuse, Kill, Limits, Memory, Poison, Power,
    Reads, Spin, Synchronous,
};
use forge_torture::fleet::Site;
use std::path::Path;
use std::time::Duration;
use support::{LIMIT, program, seed, turn};

#[tokio::test]
async fn processes_killed_under_load_lose_nothing_and_run_nothing_twice_at_once() -> Result<(), Failure> {
    let _turn = turn().await;
    let (harm, every) = (Duration::from_secs(4), Duration::from_millis(500));
    let report =
        Kill { seed: seed(), replicas: 2, jobs: 4_000, sleep_ms: 50, keys: 0, harm, every, limit: LIMIT }
            .run(&Site::new(&program()?)?)
            .await?;
    println!("{report}");
    Ok(())
}

#[tokio::test]
async fn a_budget_holds_while_its_callers_are_killed_and_it_is_edited() -> Result<(), Failure> {
    let _turn = turn().await;
    let report = Limits::short(seed()).run(&Site::new(&program()?)?).await?;
    println!("{report}");
    Ok(())
}

#[tokio::test]
async fn of_a_concurrency_key_never_two_run_at_once_whoever_is_killed() -> Result<(), Failure> {
    let _turn = turn().await;
    let (harm, every) = (Duration::from_secs(4), Duration::from_millis(500));
    let kill =
        Kill { seed: seed(), replicas: 3, jobs: 600, sleep_ms: 50, keys: 40, harm, every, limit: LIMIT };
    println!("{}", kill.run(&Site::new(&program()?)?).await?);
    Ok(())
}

#[tokio::test]
async fn jobs_that_abort_end_as_poison_and_the_good_ones_are_done() -> Result<(), Failure> {
    let _turn = turn().await;
    let report = Poison { seed: seed(), bad: 2, good: 100, limit: LIMIT }.run(&program()?).await?;
    println!("{report}");
    Ok(())
}

#[tokio::test]
async fn a_frozen_process_gets_no_late_finish_accepted_and_hears_that_it_is_late() -> Result<(), Failure> {
    let _turn = turn().await;
    let report = Freeze::short().run(&Site::new(&program()?)?).await?;
    println!("{report}");
    Ok(())
}

#[tokio::test]
async fn a_power_cut_takes_nothing_that_was_acknowledged() -> Result<(), Failure> {
    let _turn = turn().await;
    let report = Power { seed: seed(), rounds: 2, sync: Synchronous::Full }.run(&program()?).await?;
    println!("{report}");
    Ok(())
}

/// Without this the test above could pass because the power was never really cut.
#[tokio::test]
async fn a_power_cut_at_synchronous_normal_takes_what_was_acknowledged_last() -> Result<(), Failure> {
    let _turn = turn().await;
    let report = Power { seed: seed(), rounds: 3, sync: Synchronous::Normal }.run(&program()?).await?;
    println!("{report}");
    Ok(())
}

#[tokio::test]
async fn a_full_disk_is_a_clear_error_and_work_goes_on_once_there_is_room() -> Result<(), Failure> {
    let _turn = turn().await;
    let program = program()?;
    let tormentor = Path::new(env!("CARGO_BIN_EXE_forge-torture"));
    let args = ["--program", program.to_str().ok_or("the path is no UTF-8")?, "--short", "disk"];
    let (full_for, back_within) = (Duration::from_secs(2), Duration::from_secs(30));
    let report = Disk { mib: 8, full_for, back_within }.run(&program, tormentor, &args).await?;
    println!("{report}");
    Ok(())
}

#[tokio::test]
async fn a_step_of_the_clock_and_a_freeze_of_all_take_nobody_for_dead() -> Result<(), Failure> {
    let _turn = turn().await;
    let report = Clock::short().run(&program()?).await?;
    println!("{report}");
    Ok(())
}

#[tokio::test]
async fn handlers_that_keep_every_thread_busy_do_not_stop_the_heartbeats() -> Result<(), Failure> {
    let _turn = turn().await;
    // Heartbeats that wait for the handlers come as late as these end; those of a busy machine come sooner, and its jobs
    // are its own till then. The long form asks for more.
    let (time, stale) = (Duration::from_secs(6), Duration::from_secs(9));
    let report = Spin { time, longest: stale / 2, stale }.run(&program()?).await?;
    println!("{report}");
    Ok(())
}

#[tokio::test]
async fn memory_stays_flat_while_jobs_come_and_go_and_in_a_storm() -> Result<(), Failure> {
    let _turn = turn().await;
    let report = Memory { churn: Duration::from_secs(9), storm: 20_000 }.run(&program()?).await?;
    println!("{report}");
    Ok(())
}

#[tokio::test]
async fn clients_that_mean_no_good_do_not_keep_the_server_from_the_one_that_does() -> Result<(), Failure> {
    let _turn = turn().await;
    println!("{}", HttpAbuse::short().run(&Site::new(&program()?)?).await?);
    Ok(())
}

#[test]
fn no_text_makes_the_reader_of_cron_expressions_panic_or_hang() -> Result<(), Failure> {
    println!("{}", CronTexts { seed: seed(), texts: 20_000 }.run()?);
    Ok(())
}

#[tokio::test]
async fn each_fire_of_a_schedule_is_one_job_though_every_leader_is_killed() -> Result<(), Failure> {
    let _turn = turn().await;
    println!("{}", CronLeader::short().run(&Site::new(&program()?)?).await?);
    Ok(())
}

#[tokio::test]
async fn overview_and_timelines_do_not_read_the_jobs_and_lists_go_on_to_their_end() -> Result<(), Failure> {
    let _turn = turn().await;
    println!("{}", Reads::short().run(&Site::new(&program()?)?).await?);
    Ok(())
}
