//! Two replicas want two things of one job.

use crate::support::{seed, turn};
use forge_torture::campaigns::{Failure, Races};

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_and_a_finish_at_the_same_moment_have_one_truth() -> Result<(), Failure> {
    let _turn = turn().await;
    println!("{}", Races { seed: seed(), races: 500 }.run().await?);
    Ok(())
}
