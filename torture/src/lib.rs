//! Real worker processes on a real database, killed, stopped and starved; then an audit of what they left behind.
//!
//! A *campaign* is one way of doing harm. It prints its seed, and the same seed does the same harm; what the processes
//! make of it is up to the machine. Handlers write every start and end to a *ledger* outside of the database, so that
//! the audit does not have to believe the program under test.

pub mod audit;
pub mod campaigns;
pub mod fleet;
pub mod ledger;
pub mod measured;
pub mod proxy;
pub mod shim;
pub mod stage;

/// Nanoseconds since the machine started, counting sleep: the clock of the ledger.
#[must_use]
pub fn since_boot_ns() -> u64 {
    let t = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let ns = u128::try_from(t.tv_sec).unwrap_or(0) * 1_000_000_000 + u128::try_from(t.tv_nsec).unwrap_or(0);
    u64::try_from(ns).unwrap_or(u64::MAX)
}
