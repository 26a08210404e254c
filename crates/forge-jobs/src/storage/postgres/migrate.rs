//! Bringing a schema to the version that this program knows. Forward only.

use super::Purpose;
use super::connect::{Server, answered};
use super::error::Fault;
use super::link::Live;
use super::schema::{STEPS, Schema};
use crate::storage::StorageError;
use std::time::Duration;
use tokio_postgres::types::Type;

/// The newest schema version that this program knows.
#[expect(clippy::cast_possible_wrap, reason = "a handful")]
pub(super) const KNOWN: i64 = STEPS.len() as i64;

const META: &str = "CREATE TABLE {schema}.meta (key text PRIMARY KEY, value bigint NOT NULL)";
/// What the schema holds: whether it is there, whether it is ours, and the names of some tables.
const HOLDS: &str = "SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1), \
     count(*) FILTER (WHERE c.relname IN ('meta', 'jobs')) = 2, \
     coalesce((array_agg(c.relname::text ORDER BY c.relname))[1:3], '{}') \
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relkind = 'r'";
const VERSION: &str = "SELECT value FROM {schema}.meta WHERE key = 'schema_version'";
const SET_VERSION: &str = "INSERT INTO {schema}.meta (key, value) VALUES ('schema_version', $1) \
     ON CONFLICT (key) DO UPDATE SET value = excluded.value";

/// What was found.
enum Found {
    /// No schema of that name.
    Nothing,
    /// A schema without tables.
    Empty,
    /// Ours, of this version.
    Ours(i64),
}

async fn look(live: &Live, schema: &Schema, server: &Server) -> Result<Found, Fault> {
    let name = schema.name();
    let rows = live.client().query_typed(HOLDS, &[(&name, Type::TEXT)]).await?;
    let row = rows.first().ok_or_else(|| StorageError::unavailable("the catalogue gave no answer"))?;
    let (there, ours): (bool, bool) = (row.try_get(0)?, row.try_get(1)?);
    let tables: Vec<String> = row.try_get(2)?;
    if !there {
        return Ok(Found::Nothing);
    }
    if ours {
        let rows = live.client().query_typed(&schema.text(VERSION), &[]).await?;
        let version = rows.first().map(|r| r.try_get(0)).transpose()?;
        return Ok(Found::Ours(version.unwrap_or(0)));
    }
    if tables.is_empty() {
        return Ok(Found::Empty);
    }
    let detail = format!(
        "the schema {name:?} of {} is not Forge's: it holds {}; choose another with `schema` in forge.toml",
        server.name(),
        tables.join(", ")
    );
    Err(StorageError::NotForge { detail }.into())
}

/// What may be done about a database that does not fit, and how long another migration, or a look, is waited for.
#[derive(Clone, Copy, Debug)]
pub(super) struct May {
    pub(super) purpose: Purpose,
    pub(super) auto_migrate: bool,
    pub(super) limit: Duration,
}

impl May {
    const fn migrate(self) -> bool {
        match self.purpose {
            Purpose::Migrate => true,
            Purpose::Use => self.auto_migrate,
            Purpose::Look => false,
        }
    }
}

/// Refuses a database that this program cannot work with as it is, or makes it fit.
pub(super) async fn prepare(live: &Live, schema: &Schema, server: &Server, may: May) -> Result<(), Fault> {
    let found = answered(may.limit, look(live, schema, server)).await?;
    match found {
        Found::Ours(KNOWN) => Ok(()),
        Found::Ours(version) if version > KNOWN => Err(too_new(server, version)),
        _ if may.migrate() => migrate(live, schema, server, may.limit).await,
        Found::Ours(found) => {
            let database = server.name().to_owned();
            Err(StorageError::SchemaTooOld { database, found, known: KNOWN }.into())
        }
        Found::Nothing | Found::Empty => {
            let detail = format!(
                "{} has no Forge tables yet: run `forge migrate` on it, or set `postgres.auto_migrate = true` in \
                 forge.toml",
                server.name()
            );
            Err(StorageError::NotForge { detail }.into())
        }
    }
}

fn too_new(server: &Server, found: i64) -> Fault {
    StorageError::SchemaTooNew { database: server.name().to_owned(), found, known: KNOWN }.into()
}

/// Carries out what is missing, in one transaction under a lock that ends with it: whoever is killed or cut off in
/// the middle has done nothing, and holds up nobody. One that is frozen does, and is not waited for without end; the
/// steps themselves may take as long as they like.
async fn migrate(live: &Live, schema: &Schema, server: &Server, limit: Duration) -> Result<(), Fault> {
    let client = live.client();
    let begin = format!(
        "BEGIN; SET LOCAL lock_timeout = '{}ms'; SELECT pg_advisory_xact_lock({}, 0); \
         SET LOCAL lock_timeout TO DEFAULT",
        limit.as_millis().max(1),
        schema.lock()
    );
    client.batch_execute(&begin).await.map_err(|e| under_way(e.into(), server, limit))?;
    let done = steps(live, schema, server).await;
    client.batch_execute(if done.is_ok() { "COMMIT" } else { "ROLLBACK" }).await?;
    done
}

/// What is said to whom another migration keeps waiting.
fn under_way(fault: Fault, server: &Server, limit: Duration) -> Fault {
    if !fault.is_in_the_way() {
        return fault;
    }
    let detail = format!(
        "{}: another process is migrating, which was waited for {limit:?}: try again when it has ended, or look in \
         pg_stat_activity for one that hangs",
        server.name()
    );
    StorageError::unavailable(detail).into()
}

async fn steps(live: &Live, schema: &Schema, server: &Server) -> Result<(), Fault> {
    let client = live.client();
    // Another process may have been first.
    let found = look(live, schema, server).await?;
    if matches!(found, Found::Nothing) {
        client.batch_execute(&format!("CREATE SCHEMA \"{}\"", schema.name())).await?;
    }
    let mut version = match found {
        Found::Ours(version) if version > KNOWN => return Err(too_new(server, version)),
        Found::Ours(version) => version,
        Found::Nothing | Found::Empty => {
            client.batch_execute(&schema.text(META)).await?;
            0
        }
    };
    while let Some(step) = usize::try_from(version).ok().and_then(|at| STEPS.get(at)) {
        for part in *step {
            client.batch_execute(&schema.render(part)).await?;
        }
        version += 1;
        client.query_typed(&schema.text(SET_VERSION), &[(&version, Type::INT8)]).await?;
    }
    Ok(())
}
