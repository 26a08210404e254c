//! One window for one user: a second start has the first show its window, and ends.
//!
//! The lock says who is first, and the queue carries the message: a job that the first one runs. No socket is needed.

use crate::home::Home;
use crate::{Shown, window_of};
use forge_jobs::{
    DefaultRouter, EnqueueRequest, Enqueuer, JobContext, JobOutcome, JobPayload, JobStatus, Storage,
    Timestamp, TypedHandler,
};
use serde::{Deserialize, Serialize};
use std::error::Error;
use std::fs::{File, TryLockError};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The queue of these messages: nothing stands in line before them.
pub(crate) const QUEUE: &str = "window";
/// A message that is older says nothing any more: whoever sent it is gone.
const FRESH: Duration = Duration::from_secs(20);
/// How long a second start waits for the first to show its window, or to end.
const PATIENCE: Duration = Duration::from_secs(15);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// What a start turned out to be.
pub(crate) enum Place {
    /// The first: it holds the lock as long as it lives.
    First(File),
    /// There was one already, and its window is in front now.
    Shown,
}

/// The message.
#[derive(Serialize, Deserialize)]
pub(crate) struct ShowWindow {}

impl JobPayload for ShowWindow {
    const KIND: &'static str = "window.show";
}

/// Becomes the first, or reaches the first.
pub(crate) async fn take_place(home: &Home, storage: &Storage) -> Result<Place, Box<dyn Error>> {
    let lock = File::options().create(true).truncate(false).write(true).open(home.lock_file())?;
    let began = Instant::now();
    let mut message = None;
    loop {
        match lock.try_lock() {
            // The one before may have ended without reading what it was sent.
            Ok(()) => return Ok(Place::First(lock)),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(e)) => return Err(e.into()),
        }
        let id = if let Some(id) = message {
            id
        } else {
            let enqueuer = Enqueuer::new(storage.clone(), Arc::new(DefaultRouter));
            let sent = enqueuer.enqueue(EnqueueRequest::of(&ShowWindow {}).on_queue(QUEUE)).await?;
            *message.insert(sent.id)
        };
        if storage.inspect.job(id).await?.is_some_and(|job| job.status == JobStatus::Done) {
            return Ok(Place::Shown);
        }
        if began.elapsed() > PATIENCE {
            return Err("it runs already, and does not show its window".into());
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Shows the window.
pub(crate) struct Show {
    pub(crate) shown: Shown,
}

impl TypedHandler for Show {
    type Payload = ShowWindow;

    async fn run(&self, ctx: JobContext, _: ShowWindow) -> JobOutcome {
        if Timestamp::now().saturating_since(ctx.created_at()) > FRESH {
            return JobOutcome::Done;
        }
        let Some(window) = self.shown.get().and_then(window_of) else {
            return JobOutcome::throttled(Duration::from_millis(200));
        };
        let shown = window.unminimize().and_then(|()| window.show()).and_then(|()| window.set_focus());
        tracing::info!("a second start: the window is in front");
        JobOutcome::from_result(shown)
    }
}
