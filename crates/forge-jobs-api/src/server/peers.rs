//! How many connections there are, in all and of each address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// The connections there are.
pub(super) struct Peers {
    most: usize,
    most_per_peer: usize,
    there: Arc<Mutex<There>>,
}

#[derive(Default)]
struct There {
    all: usize,
    by_peer: HashMap<IpAddr, usize>,
}

/// A connection among the others; free again when it is dropped.
pub(super) struct Place {
    peer: IpAddr,
    there: Arc<Mutex<There>>,
}

impl Peers {
    pub(super) fn new(most: usize, most_per_peer: usize) -> Self {
        Self { most, most_per_peer, there: Arc::default() }
    }

    /// A place for a connection; `None` if there are too many.
    pub(super) fn enter(&self, peer: IpAddr) -> Option<Place> {
        let mut there = self.there.lock().unwrap_or_else(PoisonError::into_inner);
        let of_peer = there.by_peer.get(&peer).copied().unwrap_or_default();
        if there.all >= self.most || of_peer >= self.most_per_peer {
            return None;
        }
        there.all += 1;
        there.by_peer.insert(peer, of_peer + 1);
        Some(Place { peer, there: Arc::clone(&self.there) })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut there = self.there.lock().unwrap_or_else(PoisonError::into_inner);
        there.all -= 1;
        if let Some(n) = there.by_peer.get_mut(&self.peer) {
            *n -= 1;
            if *n == 0 {
                there.by_peer.remove(&self.peer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_and_all_together_have_their_bound() {
        let peers = Peers::new(3, 2);
        let (a, b) = (IpAddr::from([127, 0, 0, 1]), IpAddr::from([127, 0, 0, 2]));
        let first = peers.enter(a).unwrap();
        let _second = peers.enter(a).unwrap();
        assert!(peers.enter(a).is_none());
        let _third = peers.enter(b).unwrap();
        assert!(peers.enter(b).is_none());
        drop(first);
        assert!(peers.enter(b).is_some());
    }
}
