//! What changes, as it changes.
//!
//! One poller per router looks at the storage, as long as anybody listens. What it finds is a number per topic: when it
//! last changed. A client's stream compares those with what the client has seen, so a slow client costs what a quick one
//! costs, and skips what it has missed: an event says what is out of date, never what happened in between.

use super::look::{Look, TOPICS};
use super::options::Options;
use crate::service::{Api, ApiError};
use crate::wire::{Changed, ErrorCode, Topic};
use bytes::Bytes;
use futures_util::Stream;
use std::collections::HashMap;
use std::convert::Infallible;
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
/// A stream ends after this long, and says so. Clients connect again by themselves; a token that was taken back opens
/// nothing then.
const LASTS: Duration = Duration::from_secs(600);

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

    /// Takes in what a look found. Whether it found anything.
    fn add(&mut self, changed: [bool; TOPICS]) -> bool {
        let any = changed.contains(&true);
        self.latest += u64::from(any);
        for (at, _) in self.topics.iter_mut().zip(changed).filter(|(_, changed)| *changed) {
            *at = self.latest;
        }
        any
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
    /// The last look outlives its poller: what changes while nobody listens differs from it.
    look: tokio::sync::Mutex<Look>,
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
            look: tokio::sync::Mutex::default(),
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
                None => Position::New(now),
                Some(Some(at)) => Position::At(at),
                Some(None) => Position::Lost,
            },
            ends: Instant::now() + LASTS,
            last_event: None,
            is_over: false,
        })
    }

    fn id(&self, at: u64) -> String {
        format!("{:08x}-{at}", self.boot)
    }

    fn parse(&self, id: &str) -> Option<u64> {
        let (boot, at) = id.split_once('-')?;
        (u32::from_str_radix(boot, 16).ok()? == self.boot).then(|| at.parse().ok())?
    }
}

/// Of a poller that is there; without it another one begins.
struct Polling(Option<Weak<Hub>>);

impl Drop for Polling {
    fn drop(&mut self) {
        if let Some(hub) = self.0.take().and_then(|hub| hub.upgrade()) {
            hub.listeners().polling = false;
        }
    }
}

/// Looks again and again, until nobody listens.
async fn poll(hub: Weak<Hub>) {
    // A look that panics ends this poller, and no other one.
    let mut polling = Polling(Some(hub.clone()));
    loop {
        let Some(now) = hub.upgrade() else { return };
        let mut changes = now.api.storage().jobs.changes();
        // What happens from here on wakes the next look.
        changes.mark_unchanged();
        let found = now.look.lock().await.again(&now.api).await;
        now.seen.send_if_modified(|seen| seen.add(found));
        {
            let mut listeners = now.listeners();
            if listeners.all == 0 {
                listeners.polling = false;
                polling.0 = None;
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
    /// It has just come: it asks for what it shows from now on, and has still to hear that it may.
    New(u64),
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
    ends: Instant,
    last_event: Option<Instant>,
    /// Its time is over, and the client knows.
    is_over: bool,
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
        if self.is_over {
            return None;
        }
        if let Some(last) = self.last_event {
            tokio::time::sleep(SPACING.saturating_sub(last.elapsed())).await;
        }
        let ping = tokio::time::sleep(PING);
        tokio::pin!(ping);
        loop {
            if self.hub.closing.is_cancelled() {
                return None;
            }
            if Instant::now() >= self.ends {
                self.is_over = true;
                return Some("event: end\ndata: {}\n\n".into());
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
            Position::New(at) => {
                self.position = Position::At(at);
                let id = self.hub.id(at);
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
    use crate::http::{Hosts, Open};
    use crate::wire::{LimitEdit, Seconds};
    use forge_jobs::storage::sqlite::{SqliteOptions, SqliteStorage};
    use forge_jobs::storage::{Actor, Source};

    #[test]
    fn a_look_that_finds_nothing_is_none_and_one_that_does_marks_its_topics() {
        let mut seen = Seen::default();
        assert!(!seen.add([false; TOPICS]));
        assert_eq!(seen, Seen::default());
        assert!(seen.add([true; TOPICS]));
        assert_eq!(seen.since(0), Topic::ALL);
        let first = seen.latest;
        assert!(seen.add([true, false, false, false, false]));
        let one = seen.latest;
        assert!(seen.add([false, false, true, false, false]));
        assert_eq!(seen.since(first), [Topic::Jobs, Topic::Processes]);
        assert_eq!(seen.since(one), [Topic::Processes]);
        assert_eq!(seen.since(seen.latest), []);
    }

    async fn hub() -> Arc<Hub> {
        let queue = SqliteStorage::open_in_memory(SqliteOptions::default()).await.unwrap();
        let person = Actor::new("ada", Source::Code).unwrap();
        let api = Api::new(queue.into_bundle()).acting_as(person);
        Hub::new(api, &Options::new(Arc::new(Open), Hosts::loopback()), 1)
    }

    /// The topics of the next event.
    async fn told(subscription: &mut Subscription) -> Vec<Topic> {
        let event = subscription.next().await.unwrap();
        let (_, data) = event.split_once("data: ").unwrap();
        serde_json::from_str::<Changed>(data.trim()).unwrap().topics
    }

    #[tokio::test]
    async fn a_stream_whose_time_is_over_says_so_and_one_whose_server_stops_just_ends() {
        let hub = hub().await;
        let mut over = hub.subscribe(None, None).unwrap();
        assert!(over.next().await.unwrap().contains("event: ready"));
        let mut stopped = hub.subscribe(None, None).unwrap();
        over.ends = Instant::now();
        assert_eq!(over.next().await.as_deref(), Some("event: end\ndata: {}\n\n"));
        assert_eq!(over.next().await, None);
        hub.closing.cancel();
        assert_eq!(stopped.next().await, None);
    }

    #[tokio::test]
    async fn what_changes_while_nobody_listens_is_told_to_who_comes_back() {
        let hub = hub().await;
        let mut first = hub.subscribe(None, None).unwrap();
        assert!(first.next().await.unwrap().contains("event: ready"));
        // Asked for by the client before the first look.
        assert_eq!(told(&mut first).await, Topic::ALL);
        drop(first);
        while hub.listeners().polling {
            tokio::task::yield_now().await;
        }
        let last = hub.id(hub.seen.borrow().latest);
        let edit = LimitEdit { permits: 1, window_seconds: Seconds(1.0), mode: None };
        hub.api.set_limit("mail", edit, None).await.unwrap();
        let mut back = hub.subscribe(None, Some(&last)).unwrap();
        assert!(told(&mut back).await.contains(&Topic::Limits));
    }
}
