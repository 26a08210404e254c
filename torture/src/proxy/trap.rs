//! Cutting a connection at a statement: before the server hears it, or after the server has done it.

use super::state::Shared;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Says whether a trap is meant, by the text of a statement.
pub(super) type Matcher = Box<dyn FnMut(&str) -> bool + Send>;

/// When a trap cuts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    /// Before anything of the batch has been forwarded.
    BeforeRequest,
    /// After the server has answered in full, before the client has heard.
    BeforeReply,
}

/// Which trap, in [`Traps`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TrapId(usize);

struct Entry {
    moment: Moment,
    left: u64,
    sprung: u64,
    matcher: Matcher,
}

/// All that have been armed.
#[derive(Default)]
pub(super) struct Traps(Vec<Entry>);

impl Traps {
    /// A trap for the next `left` batches that match.
    pub(super) fn arm(&mut self, moment: Moment, left: u64, matcher: Matcher) -> TrapId {
        self.0.push(Entry { moment, left, sprung: 0, matcher });
        TrapId(self.0.len() - 1)
    }

    /// Whether any waits for a statement.
    pub(super) fn any(&self) -> bool {
        self.0.iter().any(|t| t.left > 0)
    }

    /// The trap into which this statement runs.
    pub(super) fn catch(&mut self, text: &str) -> Option<(TrapId, Moment)> {
        let at = self.0.iter_mut().position(|t| t.left > 0 && (t.matcher)(text))?;
        self.0[at].left -= 1;
        Some((TrapId(at), self.0[at].moment))
    }

    /// It has cut a connection.
    pub(super) fn sprung(&mut self, id: TrapId) {
        self.0[id.0].sprung += 1;
    }
}

impl fmt::Debug for Traps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|t| (t.moment, t.left, t.sprung))).finish()
    }
}

/// A trap that was armed. It stays armed when this is dropped.
#[derive(Debug)]
pub struct Trap {
    pub(super) shared: Arc<Shared>,
    pub(super) id: TrapId,
}

impl Trap {
    /// How many connections it has cut. One that closes before the server has answered is not counted.
    #[must_use]
    pub fn sprung(&self) -> u64 {
        self.shared.state().traps.0[self.id.0].sprung
    }

    /// Waits until it has cut that many connections. Says whether it has.
    #[must_use]
    pub fn sprung_within(&self, times: u64, limit: Duration) -> bool {
        self.shared.wait_until(limit, |state| state.traps.0[self.id.0].sprung >= times)
    }

    /// Catches nothing any more. What it has caught already is still cut.
    pub fn disarm(&self) {
        self.shared.state().traps.0[self.id.0].left = 0;
    }
}
