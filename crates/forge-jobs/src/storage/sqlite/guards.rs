//! Which guards of this storage are on.

use crate::storage::guard::Guard;

/// Which guards are on. All of them, outside of mutation tests.
#[derive(Clone, Debug, Default)]
pub(super) struct Guards {
    #[cfg(feature = "conformance")]
    off: Vec<Guard>,
}

impl Guards {
    #[cfg(feature = "conformance")]
    pub(super) fn without(mut self, guard: Guard) -> Self {
        self.off.push(guard);
        self
    }

    #[cfg(feature = "conformance")]
    pub(super) fn on(&self, guard: Guard) -> bool {
        !self.off.contains(&guard)
    }

    #[cfg(not(feature = "conformance"))]
    #[expect(clippy::unused_self, reason = "one signature for both sets of features")]
    pub(super) const fn on(&self, _guard: Guard) -> bool {
        true
    }
}
