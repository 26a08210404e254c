//! The queue of this program, running: handlers, queues, and the schedule that keeps the folder up to date.

use crate::Shown;
use crate::alone::{self, Show};
use crate::home::Home;
use crate::index::Index;
use crate::jobs::hash::Hash;
use crate::jobs::link::Link;
use crate::jobs::scan::{self, Scan};
use crate::jobs::{FILES, FOLDER};
use crate::panel::Watching;
use forge_jobs::{
    DefaultRouter, Enqueuer, HandlerRegistry, QueueHandle, QueueRuntime, RuntimeConfig, Schedule, Storage,
};
use forge_jobs_api::http::Local;
use forge_jobs_api::service::Api;
use forge_jobs_api::wire::Role;
use std::error::Error;
use std::sync::Arc;

/// Workers that hash, if the machine has them.
const MOST_WORKERS: usize = 8;

/// What commands of the pages work on.
pub(crate) struct Desk {
    pub(crate) index: Arc<Index>,
    pub(crate) enqueuer: Arc<Enqueuer>,
    pub(crate) handle: QueueHandle,
    pub(crate) storage: Storage,
    /// The API, for the panel.
    pub(crate) local: Local,
    pub(crate) watching: Watching,
}

impl Desk {
    /// Starts to work.
    pub(crate) async fn start(
        home: &Home,
        storage: Storage,
        index: Arc<Index>,
        shown: &Shown,
    ) -> Result<Self, Box<dyn Error>> {
        let mut handlers = HandlerRegistry::new();
        handlers
            .register_typed(Scan { index: Arc::clone(&index), home: home.dir().clone() })
            .register_typed(Hash { index: Arc::clone(&index) })
            .register_typed(Link { index: Arc::clone(&index) })
            .register_typed(Show { shown: Arc::clone(shown) });
        let mut config = RuntimeConfig::default().with_version(env!("CARGO_PKG_VERSION"));
        if let Some(heartbeat) = home.heartbeat() {
            config = config.with_heartbeat(heartbeat);
        }
        // A machine that slept finds one job when it wakes, however many fires it has missed.
        let rescan = Schedule::new("rescan", "*/5 * * * *", scan::request());
        let runtime = QueueRuntime::new(storage.clone(), handlers, Arc::new(DefaultRouter))
            .with_config(config)
            .schedule(rescan);
        let cores = std::thread::available_parallelism().map_or(2, usize::from).clamp(1, MOST_WORKERS);
        for (queue, workers) in [(FILES, u32::try_from(cores)?), (FOLDER, 1), (alone::QUEUE, 1)] {
            runtime.ensure_queue(queue, workers).await?;
        }
        let enqueuer = runtime.enqueuer();
        // Whatever happened to the folder while the program was not there.
        if index.folder()?.is_some() {
            enqueuer.enqueue(scan::wanted()).await?;
        }
        let handle = runtime.start().await?;
        let local = Local::new(Api::new(storage.clone()), &user(), Role::Admin);
        Ok(Self { index, enqueuer, handle, storage, local, watching: Watching::default() })
    }
}

/// As the audit names whoever sits in front of the window.
fn user() -> String {
    ["USER", "USERNAME"].iter().find_map(|name| std::env::var(name).ok()).unwrap_or_else(|| "desktop".into())
}
