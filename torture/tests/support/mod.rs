//! What the short forms share.

use forge_torture::campaigns::Failure;
use forge_torture::fleet::Site;
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::{Mutex, MutexGuard};

/// A campaign whose jobs are not done by then hangs.
pub(crate) const LIMIT: Duration = Duration::from_secs(120);

/// A seed of the day, printed with what comes of it.
pub(crate) fn seed() -> u64 {
    let seed = fastrand::u64(0..1_000_000);
    println!("seed {seed}");
    seed
}

pub(crate) fn program() -> Result<PathBuf, Failure> {
    Ok(Site::built_program()?)
}

/// One campaign at a time: each keeps the machine busy in its own way.
pub(crate) async fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::const_new(());
    TURN.lock().await
}
