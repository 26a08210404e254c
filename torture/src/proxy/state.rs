//! What the controls and the connections share.
//!
//! All of it is under one lock, which is also held while bytes go into a socket. So a control is in force when its call
//! returns: no byte passes after a freeze, and what a client has heard of has been noted before.

use super::trap::{TrapId, Traps};
use super::{Connection, Direction, How, Snapshot};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Statements are counted by this many characters of their text.
const PREFIX_CHARS: usize = 80;
/// The most texts that are told apart; more are counted without their text.
const TEXTS_MOST: usize = 10_000;

/// One for each direction.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Both<T> {
    to_server: T,
    to_client: T,
}

impl<T> Both<T> {
    pub(super) const fn get(&self, direction: Direction) -> &T {
        match direction {
            Direction::ToServer => &self.to_server,
            Direction::ToClient => &self.to_client,
        }
    }

    pub(super) const fn get_mut(&mut self, direction: Direction) -> &mut T {
        match direction {
            Direction::ToServer => &mut self.to_server,
            Direction::ToClient => &mut self.to_client,
        }
    }
}

/// What a client sends up to the next point at which the server says that it is ready.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Batch {
    /// Its answer is not forwarded, for this trap.
    pub(super) withheld: Option<TrapId>,
    /// It executes LISTEN.
    pub(super) listens: bool,
    /// It is a simple query, which has no Sync.
    pub(super) simple: bool,
}

/// A connection, as the proxy knows it.
#[derive(Debug, Default)]
pub(super) struct Link {
    pub(super) application_name: String,
    pub(super) listening: bool,
    /// Requests for encryption that the server will answer by one byte.
    pub(super) negotiating: u32,
    /// The server has agreed to encrypt: nothing can be understood.
    pub(super) encrypted: bool,
    /// The server waits for the data of a COPY.
    pub(super) copying: bool,
    /// Batches that were sent in full and have not been answered in full.
    pub(super) pending: VecDeque<Batch>,
    /// The batch that the client is sending.
    pub(super) current: Batch,
    /// It is cut for this trap when all that is pending has been answered.
    pub(super) ending: Option<TrapId>,
    /// It is to be closed.
    pub(super) cut: Option<How>,
    /// Bytes that were forwarded under the limit with this number.
    counted: Both<(u64, u64)>,
}

impl Link {
    /// The batch to which what the server says now belongs.
    pub(super) fn answered_now(&self) -> &Batch {
        self.pending.front().unwrap_or(&self.current)
    }
}

/// What may be forwarded now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gate {
    /// So many bytes.
    Open(usize),
    /// Nothing, until something changes.
    Shut,
    /// Nothing, ever.
    Cut,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) frozen: bool,
    pub(super) refusing: bool,
    pub(super) blackhole_listen: bool,
    pub(super) delay: Both<Duration>,
    /// Bytes after which a connection is cut.
    limit: Both<Option<u64>>,
    /// Grows with each new limit, so that all begin to count anew.
    limit_no: u64,
    pub(super) traps: Traps,
    pub(super) links: BTreeMap<u64, Link>,
    /// The next connection's number.
    next_link: u64,
    /// Without connections, which are in `links`.
    pub(super) counts: Snapshot,
}

impl State {
    /// A new connection.
    pub(super) fn open(&mut self) -> u64 {
        self.counts.opened += 1;
        self.next_link += 1;
        self.links.insert(self.next_link, Link::default());
        self.next_link
    }

    /// Sets or lifts the bytes after which connections are cut.
    pub(super) const fn limit(&mut self, direction: Direction, bytes: Option<u64>) {
        *self.limit.get_mut(direction) = bytes;
        self.limit_no += 1;
    }

    /// What a connection may forward now.
    pub(super) fn gate(&self, id: u64, direction: Direction) -> Gate {
        let Some(link) = self.links.get(&id).filter(|l| l.cut.is_none()) else { return Gate::Cut };
        if self.frozen || (self.blackhole_listen && link.listening) {
            return Gate::Shut;
        }
        let Some(limit) = self.limit.get(direction) else { return Gate::Open(usize::MAX) };
        let (no, counted) = link.counted.get(direction);
        let counted = if *no == self.limit_no { *counted } else { 0 };
        match usize::try_from(limit.saturating_sub(counted)).unwrap_or(usize::MAX) {
            0 => Gate::Cut,
            bytes => Gate::Open(bytes),
        }
    }

    /// Bytes have been forwarded.
    pub(super) fn forwarded(&mut self, id: u64, direction: Direction, bytes: usize) {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        match direction {
            Direction::ToServer => self.counts.bytes_to_server += bytes,
            Direction::ToClient => self.counts.bytes_to_client += bytes,
        }
        let no = self.limit_no;
        if let Some(link) = self.links.get_mut(&id) {
            let counted = link.counted.get_mut(direction);
            *counted = (no, bytes + if counted.0 == no { counted.1 } else { 0 });
        }
        if self.gate(id, direction) == Gate::Cut {
            self.cut(id, How::Close);
        }
    }

    /// A statement is executed.
    pub(super) fn count(&mut self, text: &str) {
        self.counts.statements += 1;
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let mut prefix: String = words.chars().take(PREFIX_CHARS).collect();
        if self.counts.by_text.len() >= TEXTS_MOST && !self.counts.by_text.contains_key(&prefix) {
            prefix.clear();
        }
        *self.counts.by_text.entry(prefix).or_default() += 1;
    }

    /// The client has heard all of the answer to its oldest batch, or would have.
    pub(super) fn answered(&mut self, id: u64) {
        let Some(link) = self.links.get_mut(&id) else { return };
        let Some(batch) = link.pending.pop_front() else { return };
        link.listening |= batch.listens;
        if let Some(trap) = batch.withheld.or_else(|| link.ending.filter(|_| link.pending.is_empty())) {
            self.spring(id, trap);
        }
    }

    /// Cuts a connection for a trap.
    pub(super) fn spring(&mut self, id: u64, trap: TrapId) {
        self.traps.sprung(trap);
        self.cut(id, How::Close);
    }

    /// Cuts a connection. The first cut decides how.
    pub(super) fn cut(&mut self, id: u64, how: How) {
        if let Some(link) = self.links.get_mut(&id) {
            link.cut = link.cut.or(Some(how));
        }
    }

    /// Connections that are not about to be closed.
    pub(super) fn connections(&self) -> impl Iterator<Item = Connection> {
        self.links.iter().filter(|(_, l)| l.cut.is_none()).map(|(id, l)| Connection {
            id: *id,
            application_name: l.application_name.clone(),
            listening: l.listening,
        })
    }

    pub(super) fn snapshot(&self) -> Snapshot {
        Snapshot { connections: self.connections().collect(), ..self.counts.clone() }
    }
}

/// The state, and word of its changes.
#[derive(Debug, Default)]
pub(super) struct Shared {
    state: Mutex<State>,
    /// For those who wait in a thread of their own.
    heard: Condvar,
    /// For connections: a gate may have opened, or one may have been cut.
    changed: watch::Sender<()>,
}

impl Shared {
    /// The state. A matcher that panicked under the lock has changed nothing.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state, and wakes whoever may go by it.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let result = change(&mut self.state());
        self.changed.send_replace(());
        self.heard.notify_all();
        result
    }

    /// Something has been counted, and a connection may have been cut.
    pub(super) fn tell(&self, cut: bool) {
        self.heard.notify_all();
        if cut {
            self.changed.send_replace(());
        }
    }

    /// Hears of changes from now on.
    pub(super) fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Waits for something to be so. Says whether it is.
    pub(super) fn wait_until(&self, limit: Duration, mut so: impl FnMut(&State) -> bool) -> bool {
        let deadline = Instant::now() + limit;
        let mut state = self.state();
        loop {
            if so(&state) {
                return true;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            state = self.heard.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}
