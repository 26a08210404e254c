//! What `forge worker` runs: test handlers, and a ledger that tells a test outside what they did.

pub(crate) mod handlers;
pub(crate) mod ledger;
