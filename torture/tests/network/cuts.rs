//! Connections that are cut around single statements.

use crate::support::{seed, turn};
use forge_torture::campaigns::{Cuts, Failure};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_cut_off_is_not_lost_and_not_done_twice() -> Result<(), Failure> {
    let _turn = turn().await;
    println!("{}", Cuts { seed: seed(), cuts: 96 }.run().await?);
    Ok(())
}
