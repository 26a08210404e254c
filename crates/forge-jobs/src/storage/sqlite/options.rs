//! How a storage is opened.

use super::guards::Guards;
use super::open::{Purpose, Synchronous};
#[cfg(feature = "conformance")]
use crate::storage::guard::Guard;

/// How to open a SQLite storage.
#[derive(Clone, Debug)]
pub struct SqliteOptions {
    pub(super) synchronous: Synchronous,
    pub(super) purpose: Purpose,
    pub(super) guards: Guards,
    pub(super) metered: bool,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self {
            synchronous: Synchronous::Full,
            purpose: Purpose::Use,
            guards: Guards::default(),
            metered: true,
        }
    }
}

impl SqliteOptions {
    /// With `synchronous = NORMAL`: an acknowledged job survives a crash of the process, but the last ones may not
    /// survive a power cut. Without this, with `FULL`, they do.
    #[must_use]
    pub const fn normal(mut self) -> Self {
        self.synchronous = Synchronous::Normal;
        self
    }

    /// Only a database that is Forge's already and of this version: a look neither makes one, nor brings one up to
    /// date, nor touches somebody else's file. For tools that people point at a file.
    #[must_use]
    pub const fn existing_only(mut self) -> Self {
        self.purpose = Purpose::Look;
        self
    }

    /// Beside the tables of the program itself, in one file: Forge's own are prefixed `forge_`. The file becomes a WAL
    /// database. Without this a database that holds other tables is refused, since the path is most likely a slip.
    #[must_use]
    pub const fn share_file(mut self) -> Self {
        self.purpose = Purpose::Share;
        self
    }

    /// Without counting what happens to jobs by this handle, for [`metrics`](crate::metrics): a few per cent of the
    /// throughput.
    #[must_use]
    pub const fn without_metrics(mut self) -> Self {
        self.metered = false;
        self
    }

    /// Without one of the guards that make the storage safe. For tests that a rule notices, and for nothing else.
    #[cfg(feature = "conformance")]
    #[must_use]
    pub fn without_guard(mut self, guard: Guard) -> Self {
        self.guards = self.guards.without(guard);
        self
    }
}
