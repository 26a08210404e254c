//! What a queue of a test is made of.

use super::place::Place;
use super::{ManualClock, TestError, TestQueue};
use crate::schedule::Schedule;
use crate::{DefaultRouter, HandlerRegistry, QueueRuntime, Router, RuntimeConfig, Storage, Timestamp};
use std::sync::Arc;

/// A Monday, 2030-01-07T00:00:00Z: any time will do, and the same one each time.
const START: Timestamp = Timestamp::from_micros(1_893_974_400_000_000);

/// What a [`TestQueue`] is made of, if handlers alone are not enough.
///
/// ```
/// use forge_jobs::testing::{FakeHandler, TestSetup};
/// use forge_jobs::{EnqueueRequest, HandlerRegistry, Schedule};
/// use std::time::Duration;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut handlers = HandlerRegistry::new();
/// handlers.register(FakeHandler::new("report"));
/// let nightly = Schedule::new("nightly", "0 3 * * *", EnqueueRequest::new("report", 1));
/// let queue = TestSetup::new(handlers).with_schedule(nightly).sqlite().await?;
/// assert_eq!(queue.run_for(Duration::from_secs(2 * 86_400)).await?.done(), 2);
/// # Ok(())
/// # }
/// ```
#[must_use]
pub struct TestSetup {
    handlers: HandlerRegistry,
    router: Arc<dyn Router>,
    schedules: Vec<Schedule>,
    config: RuntimeConfig,
    clock: ManualClock,
}

impl TestSetup {
    /// These handlers, the default router and settings, no schedules, and a clock that stands at
    /// 2030-01-07T00:00:00Z, a Monday.
    pub fn new(handlers: HandlerRegistry) -> Self {
        Self {
            handlers,
            router: Arc::new(DefaultRouter),
            schedules: Vec::new(),
            config: RuntimeConfig::default(),
            clock: ManualClock::at(START),
        }
    }

    /// With this router.
    pub fn with_router(mut self, router: Arc<dyn Router>) -> Self {
        self.router = router;
        self
    }

    /// With this schedule, as the program would declare it.
    pub fn with_schedule(mut self, schedule: Schedule) -> Self {
        self.schedules.push(schedule);
        self
    }

    /// With these settings. The queues, the stale window and the grace after a cancel are what a test sees of them.
    pub fn with_config(mut self, config: RuntimeConfig) -> Self {
        self.config = config;
        self
    }

    /// With this clock, which may be shared with the program under test.
    pub fn with_clock(mut self, clock: ManualClock) -> Self {
        self.clock = clock;
        self
    }

    /// On an SQLite file in a new temporary directory, which goes away with the queue.
    ///
    /// # Errors
    ///
    /// [`TestError`]; without the feature `sqlite` too.
    pub async fn sqlite(self) -> Result<TestQueue, TestError> {
        let (place, storage) = Place::file().await?;
        self.on_place(place, storage).await
    }

    /// On SQLite in memory: quicker, and seen by nobody else.
    ///
    /// # Errors
    ///
    /// As [`Self::sqlite`].
    pub async fn in_memory(self) -> Result<TestQueue, TestError> {
        let (place, storage) = Place::memory().await?;
        self.on_place(place, storage).await
    }

    /// In a new schema, named `forge_test_…`, of this Postgres database; it is dropped with the queue. A test that is
    /// killed leaves it behind.
    ///
    /// # Errors
    ///
    /// [`TestError`]; without the feature `postgres` too.
    pub async fn postgres(self, url: &str) -> Result<TestQueue, TestError> {
        let (place, storage) = Place::schema(url).await?;
        self.on_place(place, storage).await
    }

    /// On a storage that is there. Jobs of others in it run too, and processes of others that do not beat by this clock
    /// are taken for dead.
    ///
    /// # Errors
    ///
    /// [`TestError::Start`].
    pub async fn on(self, storage: Storage) -> Result<TestQueue, TestError> {
        self.on_place(Place::default(), storage).await
    }

    async fn on_place(self, place: Place, storage: Storage) -> Result<TestQueue, TestError> {
        let Self { handlers, router, schedules, config, clock } = self;
        let runtime = QueueRuntime::new(storage, handlers, router.clone())
            .with_config(config)
            .with_clock(Arc::new(clock.clone()));
        let runtime = schedules.into_iter().fold(runtime, QueueRuntime::schedule);
        TestQueue::new(runtime, router, clock, place).await
    }
}
