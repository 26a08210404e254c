//! What changes, as it changes.
//!
//! One poller per router looks at the storage, as long as anybody listens. What it finds is a number per topic: when it
//! last changed. A client's stream compares those with what the client has seen, so a slow client costs what a quick one
//! costs, and skips what it has missed: an event says what is out of date, never what happened in between.

use super::options::Options;
use crate::service::{Api, ApiError};
use crate::wire::{Changed, ErrorCode, Topic};
use bytes::Bytes;
use futures_util::Stream;
use serde::Serialize;
use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::convert::Infallible;
use std::hash::{Hash, Hasher};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Between two events to one client at least.
const SPACING: Duration = Duration::from_millis(500);
/// Between two looks at the storage at most, while anybody listens.
const POLL: Duration = Duration::from_secs(1);
/// Between two signs of life.
const PING: Duration = Duration::from_secs(15);
/// A stream ends after this long. Clients connect again by themselves; a token that was taken back opens nothing then.
const LASTS: Duration = Duration::from_secs(600);

const TOPICS: usize = Topic::ALL.len();

/// When each topic last changed, counted in looks that found something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Seen {
    latest: u64,
    topics: [u64; TOPICS],
}

impl Seen {
    /// What changed after this.
    fn since(&self, seen: u64) -> Vec<Topic> {
        Topic::ALL.into_iter().zip(self.topics).filter(|(_, at)| *at > seen).map(|(topic, _)| topic).collect()
    }

    /// The same after another look.
    fn after(mut self, before: [u64; TOPICS], now: [u64; TOPICS]) -> Self {
        if before != now {
            self.latest += 1;
            for ((at, before), now) in self.topics.iter_mut().zip(before).zip(now) {
                if before != now {
                    *at = self.latest;
                }
            }
        }
        self
    }
}

/// Who listens.
#[derive(Default)]
struct Listeners {
    all: usize,
    by_peer: HashMap<IpAddr, usize>,
    polling: bool,
}

/// The poller and its listeners.
pub(super) struct Hub {
    api: Api,
    seen: watch::Sender<Seen>,
    listeners: Mutex<Listeners>,
    closing: CancellationToken,
    most: usize,
    most_per_peer: usize,
    /// Tells ids of this start from those of another one.
    boot: u32,
}

impl Hub {
    pub(super) fn new(api: Api, options: &Options, boot: u32) -> Arc<Self> {
        Arc::new(Self {
            api,
            seen: watch::Sender::new(Seen::default()),
            listeners: Mutex::default(),
            closing: options.closing.clone(),
            most: options.limits.streams,
            most_per_peer: options.limits.streams_per_peer,
            boot,
        })
    }

    fn listeners(&self) -> std::sync::MutexGuard<'_, Listeners> {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place among the listeners. `last` is the id of the last event that the client got.
    pub(super) fn subscribe(
        self: &Arc<Self>,
        peer: Option<IpAddr>,
        last: Option<&str>,
    ) -> Result<Subscription, ApiError> {
        let too_many = |text: &str| Err(ApiError::new(ErrorCode::TooManyRequests, text).retry_after(5));
        let mut listeners = self.listeners();
        if listeners.all >= self.most {
            return too_many("too many clients listen already");
        }
        if peer.is_some_and(|peer| listeners.by_peer.get(&peer).is_some_and(|n| *n >= self.most_per_peer)) {
            return too_many("too many streams go to this address already");
        }
        listeners.all += 1;
        if let Some(peer) = peer {
            *listeners.by_peer.entry(peer).or_default() += 1;
        }
        if !listeners.polling {
            listeners.polling = true;
            tokio::spawn(poll(Arc::downgrade(self)));
        }
        drop(listeners);
        let seen = self.seen.subscribe();
        let now = seen.borrow().latest;
        let known = last.map(|last| self.parse(last).filter(|at| *at <= now));
        Ok(Subscription {
            hub: Arc::clone(self),
            peer,
            seen,
            // An id of another start: whatever changed since is unknown.
            position: match known {
                None => Position::New,
                Some(Some(at)) => Position::At(at),
                Some(None) => Position::Lost,
            },
            began: Instant::now(),
            last_event: None,
        })
    }

    fn id(&self, at: u64) -> String {
        format!("{:08x}-{at}", self.boot)
    }

    fn parse(&self, id: &str) -> Option<u64> {
        let (boot, at) = id.split_once('-')?;
        (u32::from_str_radix(boot, 16).ok()? == self.boot).then(|| at.parse().ok())?
    }

    /// A number for each topic that changes when the topic does. What cannot be read has not changed.
    async fn look(&self, before: [u64; TOPICS]) -> [u64; TOPICS] {
        let mut now = before;
        let [jobs, queues, processes, schedules, limits] = &mut now;
        let hints = *self.api.storage().jobs.changes().borrow();
        if let Ok(list) = self.api.queues().await {
            let counts: Vec<_> = list.queues.iter().map(|q| (&q.name, q.counts)).collect();
            *jobs = fingerprint(&(counts, hints.claimable, hints.deferred));
            let settings: Vec<_> = list.queues.iter().map(|q| (&q.name, q.version, &q.settings)).collect();
            *queues = fingerprint(&settings);
        }
        if let Ok(list) = self.api.processes().await {
            *processes = fingerprint(&list);
        }
        if let Ok(list) = self.api.schedule_list().await {
            *schedules = fingerprint(&list);
        }
        if let Ok(list) = self.api.limits().await {
            *limits = fingerprint(&list);
        }
        now
    }
}

fn fingerprint<T: Serialize>(value: &T) -> u64 {
    let mut hasher = DefaultHasher::new();
    serde_json::to_string(value).unwrap_or_default().hash(&mut hasher);
    hasher.finish()
}

/// Looks again and again, until nobody listens.
async fn poll(hub: Weak<Hub>) {
    let mut known = None;
    loop {
        let Some(now) = hub.upgrade() else { return };
        let mut changes = now.api.storage().jobs.changes();
        // What happens from here on wakes the next look.
        changes.mark_unchanged();
        let look = now.look(known.unwrap_or_default()).await;
        if let Some(before) = known {
            now.seen.send_if_modified(|seen| {
                let after = seen.after(before, look);
                std::mem::replace(seen, after) != after
            });
        }
        known = Some(look);
        {
            let mut listeners = now.listeners();
            if listeners.all == 0 {
                listeners.polling = false;
                return;
            }
        }
        drop(now);
        tokio::time::sleep(SPACING).await;
        let _ = tokio::time::timeout(POLL.saturating_sub(SPACING), changes.changed()).await;
    }
}

/// Where a client stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Position {
    /// It has just come, and has seen nothing.
    New,
    /// It was here before, and nothing is known of what it has missed.
    Lost,
    /// It has seen everything up to here.
    At(u64),
}

/// A place among the listeners; free again when it is dropped.
pub(super) struct Subscription {
    hub: Arc<Hub>,
    peer: Option<IpAddr>,
    seen: watch::Receiver<Seen>,
    position: Position,
    began: Instant,
    last_event: Option<Instant>,
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut listeners = self.hub.listeners();
        listeners.all -= 1;
        if let Some(peer) = self.peer
            && let Some(n) = listeners.by_peer.get_mut(&peer)
        {
            *n -= 1;
            if *n == 0 {
                listeners.by_peer.remove(&peer);
            }
        }
    }
}

impl Subscription {
    /// The next piece of the stream; `None` at its end. Asked for only when the client has taken the one before.
    async fn next(&mut self) -> Option<String> {
        if let Some(last) = self.last_event {
            tokio::time::sleep(SPACING.saturating_sub(last.elapsed())).await;
        }
        let ping = tokio::time::sleep(PING);
        tokio::pin!(ping);
        loop {
            if self.hub.closing.is_cancelled() || self.began.elapsed() >= LASTS {
                return None;
            }
            if let Some(event) = self.event() {
                self.last_event = Some(Instant::now());
                return Some(event);
            }
            tokio::select! {
                () = self.hub.closing.cancelled() => return None,
                () = &mut ping => return Some(": ping\n\n".into()),
                changed = self.seen.changed() => changed.ok()?,
            }
        }
    }

    /// What there is to tell, if there is anything.
    fn event(&mut self) -> Option<String> {
        let seen = *self.seen.borrow_and_update();
        let id = self.hub.id(seen.latest);
        let topics = match self.position {
            Position::New => {
                self.position = Position::At(seen.latest);
                return Some(format!("retry: 1000\nid: {id}\nevent: ready\ndata: {{}}\n\n"));
            }
            Position::Lost => Topic::ALL.to_vec(),
            Position::At(at) => seen.since(at),
        };
        self.position = Position::At(seen.latest);
        if topics.is_empty() {
            return None;
        }
        let data = serde_json::to_string(&Changed { topics }).ok()?;
        Some(format!("id: {id}\nevent: changed\ndata: {data}\n\n"))
    }
}

/// A subscription as the body of an answer.
pub(super) fn stream_of(subscription: Subscription) -> impl Stream<Item = Result<Bytes, Infallible>> + Send {
    futures_util::stream::unfold(subscription, |mut subscription| async move {
        let piece = subscription.next().await?;
        Some((Ok(Bytes::from(piece)), subscription))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_that_finds_nothing_is_none_and_one_that_does_marks_its_topics() {
        let seen = Seen::default();
        assert_eq!(seen.after([1; TOPICS], [1; TOPICS]), seen);
        let one = seen.after([1, 1, 1, 1, 1], [2, 1, 1, 1, 1]);
        let two = one.after([2, 1, 1, 1, 1], [2, 1, 3, 1, 1]);
        assert_eq!(two.since(0), [Topic::Jobs, Topic::Processes]);
        assert_eq!(two.since(one.latest), [Topic::Processes]);
        assert_eq!(two.since(two.latest), []);
    }
}
