//! The short forms of the campaigns. They need the program: `cargo test --workspace` builds it, `cargo build -p forge`
//! does too.

use forge_torture::campaigns::{Failure, Freeze, Kill, Poison};
use forge_torture::fleet::Site;
use std::path::PathBuf;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(120);

/// A seed of the day, printed with what comes of it.
fn seed() -> u64 {
    let seed = fastrand::u64(0..1_000_000);
    println!("seed {seed}");
    seed
}

fn program() -> Result<PathBuf, Failure> {
    Ok(Site::built_program()?)
}

#[tokio::test]
async fn processes_killed_under_load_lose_nothing_and_run_nothing_twice_at_once() -> Result<(), Failure> {
    let (harm, every) = (Duration::from_secs(4), Duration::from_millis(500));
    let report = Kill { seed: seed(), jobs: 1_000, harm, every, limit: LIMIT }.run(&program()?).await?;
    println!("{report}");
    Ok(())
}

#[tokio::test]
async fn jobs_that_abort_end_as_poison_and_the_good_ones_are_done() -> Result<(), Failure> {
    let report = Poison { seed: seed(), bad: 2, good: 100, limit: LIMIT }.run(&program()?).await?;
    println!("{report}");
    Ok(())
}

#[tokio::test]
async fn a_frozen_process_gets_no_late_finish_accepted_and_hears_that_it_is_late() -> Result<(), Failure> {
    let report = Freeze { rounds: 1 }.run(&program()?).await?;
    println!("{report}");
    Ok(())
}
