//! What the scenarios share.

use tokio::sync::{Mutex, MutexGuard};

/// A seed of the day, printed with what comes of it.
pub(crate) fn seed() -> u64 {
    let seed = fastrand::u64(0..1_000_000);
    println!("seed {seed}");
    seed
}

/// One scenario at a time: each measures, or keeps the machine busy.
pub(crate) async fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::const_new(());
    TURN.lock().await
}
