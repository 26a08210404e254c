//! What the loops of a runtime share.

use super::RuntimeConfig;
use super::boot_clock::BootInstant;
use super::finish::Outbox;
use super::lane::{Held, Lane};
use super::session::{Session, Sessions};
use crate::handler::AttemptState;
use crate::limits::LEASE_HEARTBEATS;
#[cfg(feature = "logs")]
use crate::logs::Outgoing;
use crate::storage::{Begun, Claimed, KindFilter, Lease, RegisterParams, Storage, StorageError};
use crate::{CancelCause, Clock, Enqueuer, HandlerRegistry, JobId, RateLimits};
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, watch};

/// The way of what handlers log.
#[cfg(feature = "logs")]
pub(crate) type LogWay = Arc<Outgoing>;
/// Lines of handlers go nowhere.
#[cfg(not(feature = "logs"))]
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LogWay(());

/// How long a cancel waits for its claim to start.
const EARLY_CANCEL_KEPT: Duration = Duration::from_secs(60);

/// Which claim of which job: a zombie of an earlier claim may still run beside it.
pub(crate) type ClaimKey = (JobId, i64);

pub(crate) const fn key(lease: &Lease) -> ClaimKey {
    (lease.job, lease.claim_no)
}

/// What the loops of a runtime share.
pub(crate) struct Core {
    pub(crate) storage: Storage,
    pub(crate) handlers: Arc<HandlerRegistry>,
    pub(crate) kinds: KindFilter,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) config: RuntimeConfig,
    pub(crate) enqueuer: Arc<Enqueuer>,
    pub(crate) rate_limits: RateLimits,
    /// Where handlers run: the host program's runtime. The loops run on threads of their own, so that a handler that
    /// never yields cannot starve them.
    pub(crate) host: tokio::runtime::Handle,
    pub(crate) sessions: Sessions,
    pub(crate) outbox: Outbox,
    /// Lines that handlers log, on their way to the storage.
    pub(crate) logs: LogWay,
    /// Tells the fetcher to look again.
    pub(crate) fetch: Notify,
    /// Tells the scheduler that it leads now, or that a schedule may have changed.
    pub(crate) schedules: Notify,
    /// Tells the heartbeat that a registration is to be made or ended, before its next beat is due.
    pub(crate) registrations: Notify,
    /// No more claims, and runners end after their present job: a shutdown.
    pub(crate) stopping: AtomicBool,
    /// Runners end after their present job, because a suspect is to run alone.
    pub(crate) alone: AtomicBool,
    /// Read by services while they are at it, written by the end, which so waits for them.
    rounds: tokio::sync::RwLock<()>,
    /// Held by the fetcher while it is at it.
    fetching: tokio::sync::Mutex<()>,
    /// Becomes true when everything has ended.
    pub(crate) ended: watch::Sender<bool>,
    /// When the heartbeat was sent that brought this process the lead; `None`: it does not lead.
    leads_since: Mutex<Option<BootInstant>>,
    /// The version of all queue settings, as last heard of.
    pub(crate) settings_heard: AtomicI64,
    /// Attempts whose end was accepted.
    pub(crate) finished: AtomicU64,
    /// Claims that were given back.
    pub(crate) handed_back: AtomicU64,
    lanes: RwLock<BTreeMap<String, Arc<Lane>>>,
    running: Mutex<HashMap<ClaimKey, Arc<AttemptState>>>,
    /// Cancels of claims that were neither buffered nor running when the request came: on their way in between.
    early_cancels: Mutex<HashMap<ClaimKey, Instant>>,
    /// Active runners.
    active: AtomicUsize,
    quiet: Notify,
}

impl Core {
    pub(crate) fn new(
        storage: Storage,
        handlers: Arc<HandlerRegistry>,
        clock: Arc<dyn Clock>,
        config: RuntimeConfig,
        enqueuer: Arc<Enqueuer>,
        rate_limits: RateLimits,
        host: tokio::runtime::Handle,
    ) -> Self {
        let kinds = KindFilter::Only(Arc::new(handlers.kinds().into_iter().collect()));
        Self {
            storage,
            handlers,
            kinds,
            clock,
            config,
            enqueuer,
            rate_limits,
            host,
            sessions: Sessions::default(),
            outbox: Outbox::default(),
            logs: LogWay::default(),
            fetch: Notify::new(),
            schedules: Notify::new(),
            registrations: Notify::new(),
            stopping: AtomicBool::new(false),
            alone: AtomicBool::new(false),
            rounds: tokio::sync::RwLock::default(),
            fetching: tokio::sync::Mutex::default(),
            ended: watch::Sender::new(false),
            leads_since: Mutex::default(),
            settings_heard: AtomicI64::new(-1),
            finished: AtomicU64::new(0),
            handed_back: AtomicU64::new(0),
            lanes: RwLock::default(),
            running: Mutex::default(),
            early_cancels: Mutex::default(),
            active: AtomicUsize::new(0),
            quiet: Notify::new(),
        }
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// Begins a round of a service, which lasts until the guard is dropped. `None`: the runtime is stopping.
    pub(crate) async fn begin_round(&self) -> Option<tokio::sync::RwLockReadGuard<'_, ()>> {
        let round = self.rounds.read().await;
        (!self.is_stopping()).then_some(round)
    }

    /// Resolves when no round is under way. Once the runtime is stopping no other one begins.
    pub(crate) async fn between_rounds(&self) {
        drop(self.rounds.write().await);
    }

    /// Begins a round of the fetcher, which lasts until the guard is dropped. `None`: the runtime is stopping.
    pub(crate) async fn begin_fetching(&self) -> Option<tokio::sync::MutexGuard<'_, ()>> {
        let round = self.fetching.lock().await;
        (!self.is_stopping()).then_some(round)
    }

    /// Resolves when no claim is under way. Once the runtime is stopping no other one begins.
    pub(crate) async fn no_more_claims(&self) {
        drop(self.fetching.lock().await);
    }

    /// Whether runners should end after their present job.
    pub(crate) fn holds(&self) -> bool {
        self.is_stopping() || self.alone.load(Ordering::Acquire)
    }

    /// Registers this process under a new identity.
    pub(crate) async fn register(&self) -> Result<Arc<Session>, StorageError> {
        let session = Session::new();
        let queues = &self.config.queues;
        let params = RegisterParams {
            process: session.process,
            host: crate::host::name().to_owned(),
            pid: std::process::id(),
            version: self.config.version.clone(),
            kinds: Some(self.handlers.kinds()),
            heartbeat_interval: self.config.heartbeat_interval,
            stale_after: self.config.stale_after,
            queues: (!queues.is_empty()).then(|| queues.keys().cloned().collect()),
            now: self.clock.storage_now(),
        };
        self.storage.processes.register(params).await?;
        Ok(session)
    }

    // The lead: what one process should do for all of them. It saves work; nothing depends on there being one only.

    /// How long the lead lasts unless it is renewed.
    pub(crate) fn lease(&self) -> Duration {
        self.config.heartbeat_interval.mul_f64(LEASE_HEARTBEATS)
    }

    /// Whether this session's heartbeats ask for the lead.
    pub(crate) fn may_lead(&self, session: &Arc<Session>) -> bool {
        !self.is_stopping() && self.sessions.current().is_some_and(|c| Arc::ptr_eq(&c, session))
    }

    /// The answer to a heartbeat of the session in use.
    pub(crate) fn set_leader(&self, session: &Arc<Session>, since: Option<BootInstant>) {
        if !self.sessions.current().is_some_and(|c| Arc::ptr_eq(&c, session)) {
            return;
        }
        let led = self.is_leader();
        *self.leads_since.lock().unwrap_or_else(PoisonError::into_inner) = since;
        if since.is_some() && !led {
            self.schedules.notify_one();
        }
    }

    /// Whether this process leads now, by a clock that counts on while the machine sleeps.
    pub(crate) fn is_leader(&self) -> bool {
        let since = *self.leads_since.lock().unwrap_or_else(PoisonError::into_inner);
        since.is_some_and(|since| since.elapsed() < self.lease())
    }

    /// Takes note of the version of all settings; says whether it is news.
    pub(crate) fn hear_settings(&self, version: i64) -> bool {
        let news = self.settings_heard.fetch_max(version, Ordering::AcqRel) < version;
        if news {
            // Schedules are settings too.
            self.schedules.notify_one();
        }
        news
    }

    // Lanes.

    pub(crate) fn lanes(&self) -> Vec<Arc<Lane>> {
        self.lanes.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    pub(crate) fn lane(&self, queue: &str) -> Arc<Lane> {
        if let Some(lane) = self.lanes.read().unwrap_or_else(PoisonError::into_inner).get(queue) {
            return lane.clone();
        }
        let mut lanes = self.lanes.write().unwrap_or_else(PoisonError::into_inner);
        lanes.entry(queue.to_owned()).or_insert_with(|| Arc::new(Lane::new(queue.to_owned()))).clone()
    }

    /// What has ended makes room in queues with a bound.
    pub(crate) fn make_use_of_room(&self) {
        let mut any = false;
        for lane in self.lanes() {
            if lane.is_bounded() {
                lane.hint_more();
                any = true;
            }
        }
        if any {
            self.fetch.notify_one();
        }
    }

    /// Gives claims back that were not started.
    pub(crate) fn hand_back(&self, held: Vec<Held>) {
        for Held { claimed, session, .. } in held {
            self.outbox.release(session, claimed.lease, Begun::No);
        }
    }

    pub(crate) fn hand_back_buffers(&self) {
        for lane in self.lanes() {
            self.hand_back(lane.take_buffer());
        }
    }

    // Runners.

    pub(crate) fn runner_starts(&self) {
        self.active.fetch_add(1, Ordering::AcqRel);
    }

    pub(crate) fn runner_ends(&self) {
        if self.active.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.quiet.notify_waiters();
        }
    }

    pub(crate) fn active(&self) -> usize {
        self.active.load(Ordering::Acquire)
    }

    /// Resolves when no runner is active. Cancel safe.
    pub(crate) async fn quiet(&self) {
        loop {
            let quiet = self.quiet.notified();
            tokio::pin!(quiet);
            quiet.as_mut().enable();
            if self.active() == 0 {
                return;
            }
            quiet.await;
        }
    }

    // Running attempts.

    fn running_map(&self) -> MutexGuard<'_, HashMap<ClaimKey, Arc<AttemptState>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Enlists an attempt, before its handler starts. A cancel that came too early for it fires now.
    pub(crate) fn enter(&self, state: &Arc<AttemptState>) {
        let key = key(&state.lease);
        self.running_map().insert(key, state.clone());
        if self.early().remove(&key).is_some() {
            state.cancel.cancel(CancelCause::Requested);
        }
    }

    pub(crate) fn leave(&self, state: &AttemptState) {
        self.running_map().remove(&key(&state.lease));
    }

    pub(crate) fn running(&self) -> Vec<Arc<AttemptState>> {
        self.running_map().values().cloned().collect()
    }

    /// Tells the handler of a claim to stop, or takes the claim out of its buffer: a person cancelled it.
    pub(crate) fn cancel_claim(&self, claim: ClaimKey) {
        let is = |c: &Claimed| key(&c.lease) == claim;
        for lane in self.lanes() {
            if let Some(held) = lane.take_one(is) {
                self.outbox.cancelled_before_start(held);
                return;
            }
        }
        if self.signal(claim, CancelCause::Requested) {
            return;
        }
        // Neither buffered nor running: it has ended, or it is on its way from the one to the other. Leave word, then
        // look once more, so that one of the two sides sees the other.
        self.early().insert(claim, Instant::now());
        if self.signal(claim, CancelCause::Requested) {
            self.early().remove(&claim);
        }
    }

    /// Tells the handlers here of a job to stop, whatever the database knows of it.
    pub(crate) fn cancel_running(&self, id: JobId) {
        for state in self.running().into_iter().filter(|state| state.job.id == id) {
            state.cancel.cancel(CancelCause::Requested);
        }
    }

    fn signal(&self, claim: ClaimKey, cause: CancelCause) -> bool {
        let state = self.running_map().get(&claim).cloned();
        state.inspect(|s| _ = s.cancel.cancel(cause)).is_some()
    }

    fn early(&self) -> MutexGuard<'_, HashMap<ClaimKey, Instant>> {
        self.early_cancels.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets a cancel that found nothing, once its claim has ended for good.
    pub(crate) fn forget_early_cancel(&self, claim: ClaimKey) {
        self.early().remove(&claim);
    }

    /// Forgets cancels that came after the end of their claim: the way from a buffer to a handler takes microseconds.
    pub(crate) fn forget_old_early_cancels(&self) {
        self.early().retain(|_, since| since.elapsed() < EARLY_CANCEL_KEPT);
    }

    /// Takes a session out of use for new claims; the heartbeat makes another.
    pub(crate) fn retire(&self, session: &Arc<Session>) {
        self.sessions.retire(session);
        self.registrations.notify_one();
    }

    /// This process can no longer prove that the claims of a session are its own: stops their handlers and drops
    /// what was claimed ahead.
    pub(crate) fn lose(&self, session: &Arc<Session>) {
        if !session.lose() {
            return;
        }
        self.retire(session);
        for lane in self.lanes() {
            session.gave_back(lane.take_of(session).len());
        }
        for state in self.running() {
            if state.lease.process == session.process {
                state.cancel.cancel(CancelCause::LeaseLost);
            }
        }
        self.fetch.notify_one();
    }
}
