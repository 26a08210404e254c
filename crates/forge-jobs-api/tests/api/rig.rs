//! A server on a real port, on each of the two storages.

use crate::http::Ask;
use forge_jobs::Storage;
use forge_jobs::storage::{DatabaseConfig, PathsError, QueuePaths};
use forge_jobs_api::http::{Authenticator, Hosts, HttpLimits, NewToken, Open, Options, Tokens, router};
use forge_jobs_api::server::{Exposure, Server, ServerLimits};
use forge_jobs_api::service::Api;
use forge_jobs_api::wire::Role;
use forge_test_cluster::{Databases, TestDatabase};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

struct NoPaths;

impl QueuePaths for NoPaths {
    fn config_dir(&self) -> Result<PathBuf, PathsError> {
        Err(PathsError::new("config", "a test has none"))
    }

    fn data_dir(&self) -> Result<PathBuf, PathsError> {
        Err(PathsError::new("data", "a test has none"))
    }
}

/// A database, gone with this.
pub(crate) enum Place {
    File(TempDir),
    Server(TestDatabase<'static>),
}

impl Place {
    pub(crate) fn file() -> Self {
        Self::File(tempfile::tempdir().unwrap())
    }

    pub(crate) async fn server() -> Self {
        let databases = tokio::task::spawn_blocking(Databases::shared).await.unwrap().unwrap();
        Self::Server(databases.fresh(None).await.unwrap())
    }

    fn url(&self) -> String {
        match self {
            Self::File(dir) => format!("sqlite:{}", dir.path().join("jobs.db").display()),
            Self::Server(database) => database.url().to_owned(),
        }
    }

    pub(crate) async fn open(&self) -> Storage {
        DatabaseConfig::from_url(&self.url()).unwrap().open_migrated(&NoPaths).await.unwrap()
    }
}

/// Tokens of each role.
#[derive(Clone)]
pub(crate) struct Keys {
    pub(crate) viewer: String,
    pub(crate) operator: String,
    pub(crate) admin: String,
}

impl Keys {
    pub(crate) fn of(&self, role: Role) -> &str {
        match role {
            Role::Viewer => &self.viewer,
            Role::Operator => &self.operator,
            Role::Admin => &self.admin,
        }
    }
}

/// How a server is to be.
pub(crate) struct Plan {
    pub(crate) options: fn(Options) -> Options,
    pub(crate) limits: ServerLimits,
    pub(crate) open: bool,
}

impl Default for Plan {
    fn default() -> Self {
        Self { options: |options| options, limits: ServerLimits::default(), open: false }
    }
}

/// A running server.
pub(crate) struct Rig {
    pub(crate) addr: SocketAddr,
    pub(crate) keys: Keys,
    pub(crate) storage: Storage,
    pub(crate) api: Api,
    closing: CancellationToken,
    running: Option<JoinHandle<usize>>,
    _place: Place,
}

/// Bounds that do not get in the way of many requests from one address.
pub(crate) fn generous() -> HttpLimits {
    let mut limits = HttpLimits::default();
    limits.wrong_tokens = u32::MAX;
    limits
}

impl Rig {
    pub(crate) async fn start(place: Place, plan: Plan) -> Self {
        let storage = place.open().await;
        Self::start_on(place, storage, plan).await
    }

    /// On a storage of this place.
    pub(crate) async fn start_on(place: Place, storage: Storage, plan: Plan) -> Self {
        let make = |role: Role| NewToken::make(role.as_str(), role, None).unwrap();
        let [viewer, operator, admin] = Role::ALL.map(make);
        let file = [&viewer.line, &operator.line, &admin.line].map(|line| format!("{line}\n")).concat();
        let tokens: Arc<dyn Authenticator> =
            if plan.open { Arc::new(Open) } else { Arc::new(Tokens::parse(&file).unwrap()) };
        let closing = CancellationToken::new();
        let options =
            Options::new(tokens, Hosts::loopback()).with_limits(generous()).closing_with(closing.clone());
        let options = (plan.options)(options);
        let api = Api::new(storage.clone());
        let server =
            Server::bind(SocketAddr::from(([127, 0, 0, 1], 0)), &options, Exposure::Closed).await.unwrap();
        let server = server.with_limits(plan.limits);
        let addr = server.addr();
        let running = server.run(router(api.clone(), options), closing.clone(), Duration::from_secs(10));
        Self {
            addr,
            keys: Keys { viewer: viewer.token, operator: operator.token, admin: admin.token },
            storage,
            api,
            closing,
            running: Some(tokio::spawn(running)),
            _place: place,
        }
    }

    pub(crate) async fn on_file() -> Self {
        Self::start(Place::file(), Plan::default()).await
    }

    /// Asks as somebody with this role.
    pub(crate) async fn ask(
        &self,
        role: Role,
        method: &str,
        target: &str,
        body: Option<&str>,
    ) -> crate::http::Got {
        let ask = Ask::new(method, &format!("/api/v1{target}")).token(self.keys.of(role));
        match body {
            Some(body) => ask.json(body),
            None => ask,
        }
        .send(self.addr)
        .await
    }

    /// Stops in good order; gives how many connections were cut off.
    pub(crate) async fn stop(mut self) -> usize {
        self.closing.cancel();
        self.running.take().unwrap().await.unwrap()
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.closing.cancel();
    }
}
