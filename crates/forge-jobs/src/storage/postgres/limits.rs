//! Budgets of calls: what is set, what is counted, and what is attached.

use super::audit;
use super::changes::Effects;
use super::error::{Fault, too_many_budgets as is_too_many};
use super::hub::{Hub, Lane, only};
use crate::Timestamp;
use crate::limits::MAX_ACQUIRE_BATCH;
use crate::rate_limit::{Budget, RateLimit, RateMode, Scope};
use crate::storage::audit_entry::{attach_action, limit as facts};
use crate::storage::checks::{check_batch, micros};
use crate::storage::rate_limit_storage::common::{
    Seen, another_version, check_limited, no_limit, still_attached, too_many_budgets, too_many_scopes, wait,
};
use crate::storage::{
    AcquireParams, Acquired, Actor, AttachParams, DrainParams, LimitRow, Limited, SetBy, SetLimitParams,
    StorageError,
};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio_postgres::Row;
use tokio_postgres::types::Type;

const SET: &str = "SELECT {schema}.set_limit($1, $2, $3, $4, $5, $6, $7, $8)";
const REMOVE: &str = "SELECT removed, what, name FROM {schema}.remove_limit($1, $2)";
const NAME_KIND: &str = "INSERT INTO {schema}.kinds (name) VALUES ($1) ON CONFLICT (name) DO NOTHING";
const ATTACH: &str = "SELECT {schema}.attach($1, $2, $3, $4)";
const ACQUIRE: &str = "SELECT permits, codes, untils, now_us FROM {schema}.acquire($1, $2, $3)";
const DRAIN: &str = "SELECT {schema}.drain($1, $2, $3, $4)";
const LIFT: &str = "SELECT {schema}.lift_drain($1, $2, $3)";
const SWEEP: &str = "SELECT {schema}.sweep_budgets($1, $2)";
/// A scope and what is known of it.
const SEEN: &str = "SELECT x.scope, l.scope, l.permits, l.window_us, l.smooth, l.by_operator, l.version, b.ends, b.counts, \
     b.next_at, b.drained_until, t.drained_until, \
     (SELECT count(*)::int4 FROM {schema}.budgets k WHERE k.scope > x.scope || ':' AND k.scope < x.scope || ';'), \
     {schema}.clock($1) FROM ";
const OF_SCOPE: &str = "(SELECT $2::text COLLATE \"C\" AS scope) x CROSS JOIN LATERAL \
     (SELECT i.* FROM {schema}.limits i WHERE i.scope IN (x.scope, split_part(x.scope, ':', 1)) \
      ORDER BY length(i.scope) DESC LIMIT 1) l";
const OF_ALL: &str = "{schema}.limits x JOIN {schema}.limits l ON l.scope = x.scope";
const BUDGETS: &str = " LEFT JOIN {schema}.budgets b ON b.scope = x.scope \
     LEFT JOIN {schema}.budgets t ON t.scope = split_part(x.scope, ':', 1) AND t.scope <> x.scope ORDER BY x.scope";
const ATTACHMENTS: &str = "SELECT a.what, coalesce(q.name, k.name), a.scope FROM {schema}.attached a \
     LEFT JOIN {schema}.queues q ON a.what = 0 AND q.no = a.no \
     LEFT JOIN {schema}.kinds k ON a.what = 1 AND k.no = a.no ORDER BY 1, 2";

/// What the audit calls it.
const LIMIT: &str = "limit";
/// What came of an edit.
const CHANGED: i16 = 1;
const TOO_MANY_SCOPES: i16 = 2;
const ANOTHER_VERSION: i16 = 3;
const NO_LIMIT: i16 = 2;
const NO_QUEUE: i16 = 3;
/// What came of a wish.
const GRANTED: i16 = 0;
const TO_WAIT: i16 = 1;

/// Gives a scope a limit.
pub(super) async fn set(hub: Arc<Hub>, params: SetLimitParams) -> Result<LimitRow, StorageError> {
    params.limit.validate()?;
    let RateLimit { permits, mode, .. } = params.limit;
    let (name, permits) = (params.scope.as_str(), i32::try_from(permits).unwrap_or(i32::MAX));
    let (window, smooth) = (params.limit.window_us(), mode == RateMode::Smooth);
    let operator = params.by == SetBy::Operator;
    let by = audit::does(params.actor.as_ref(), ("limit.set", LIMIT, name), Some(facts(&params.limit)));
    let now = params.now.map(Timestamp::as_micros);
    let values = [
        (&name as _, Type::TEXT),
        (&permits as _, Type::INT4),
        (&window as _, Type::INT8),
        (&smooth as _, Type::BOOL),
        (&operator as _, Type::BOOL),
        (&by as _, Type::TEXT),
        (&now as _, Type::INT8),
        (&params.expected_version as _, Type::INT8),
    ];
    match code(&hub, SET, &values).await? {
        TOO_MANY_SCOPES => return Err(too_many_scopes()),
        ANOTHER_VERSION => {
            let there = get(hub, params.scope.clone(), params.now).await?.map(|row| row.version);
            return Err(another_version(&params.scope, there, params.expected_version.unwrap_or_default()));
        }
        CHANGED => hub.announce(Effects::BUDGETS),
        _ => {}
    }
    get(hub, params.scope.clone(), params.now).await?.ok_or_else(|| no_limit(params.scope.as_str()))
}

async fn code(hub: &Hub, sql: &'static str, values: &[super::link::Param<'_>]) -> Result<i16, StorageError> {
    let answer: Result<i16, Fault> =
        async { Ok(only(hub.write(Lane::Patient, sql, values).await?)?.try_get(0)?) }.await;
    answer.map_err(|e| e.into_storage(true))
}

/// A scope with the limit that holds for it.
pub(super) async fn get(
    hub: Arc<Hub>,
    scope: Scope,
    now: Option<Timestamp>,
) -> Result<Option<LimitRow>, StorageError> {
    let (now, name) = (now.map(Timestamp::as_micros), scope.as_str());
    let sql = [SEEN, OF_SCOPE, BUDGETS].concat();
    let rows = hub.look(Lane::Read, &sql, &[(&now, Type::INT8), (&name, Type::TEXT)]).await;
    let rows = rows.map_err(|e| e.into_storage(false))?;
    rows.first().map(read).transpose().map_err(|e| e.into_storage(false))
}

/// All scopes with a limit of their own.
pub(super) async fn list(hub: Arc<Hub>, now: Option<Timestamp>) -> Result<Vec<LimitRow>, StorageError> {
    let now = now.map(Timestamp::as_micros);
    let sql = [SEEN, OF_ALL, BUDGETS].concat();
    let rows = hub.look(Lane::Read, &sql, &[(&now, Type::INT8)]).await;
    let rows = rows.map_err(|e| e.into_storage(false))?;
    rows.iter().map(read).collect::<Result<_, _>>().map_err(|e: Fault| e.into_storage(false))
}

fn read(row: &Row) -> Result<LimitRow, Fault> {
    let scope =
        |at: usize| -> Result<Scope, Fault> { Ok(Scope::new(row.try_get(at)?).map_err(StorageError::from)?) };
    let window: i64 = row.try_get(3)?;
    let limit = RateLimit {
        permits: count(row, 2)?,
        window: Duration::from_micros(window.max(0).unsigned_abs()),
        mode: if row.try_get(4)? { RateMode::Smooth } else { RateMode::Sliding },
    };
    let ends: Option<Vec<i64>> = row.try_get(7)?;
    let counts: Option<Vec<i32>> = row.try_get(8)?;
    let counts = counts.unwrap_or_default().into_iter().map(|n| u32::try_from(n).unwrap_or(0));
    let budget = Budget {
        slots: ends.unwrap_or_default().into_iter().zip(counts).collect(),
        next_at: row.try_get::<_, Option<i64>>(9)?.unwrap_or(0),
        drained_until: row.try_get(10)?,
    };
    let seen = Seen {
        scope: scope(0)?,
        limit,
        of: scope(1)?,
        set_by_operator: row.try_get(5)?,
        version: row.try_get(6)?,
        budget,
        above: row.try_get(11)?,
        keys: count(row, 12)?,
    };
    Ok(seen.row(row.try_get(13)?))
}

fn count(row: &Row, at: usize) -> Result<u32, tokio_postgres::Error> {
    Ok(u32::try_from(row.try_get::<_, i32>(at)?).unwrap_or(0))
}

const fn limited(what: i16, name: String) -> Limited {
    if what == 0 { Limited::Queue(name) } else { Limited::Kind(name) }
}

/// Takes a scope's own limit away.
pub(super) async fn remove(hub: Arc<Hub>, scope: Scope, actor: Option<Actor>) -> Result<bool, StorageError> {
    let name = scope.as_str();
    let by = audit::does(actor.as_ref(), ("limit.remove", LIMIT, name), None);
    let answer: Result<_, Fault> = async {
        let row = only(
            hub.write(Lane::Patient, REMOVE, &[(&name as _, Type::TEXT), (&by as _, Type::TEXT)]).await?,
        )?;
        let (what, name): (Option<i16>, Option<String>) = (row.try_get(1)?, row.try_get(2)?);
        Ok((row.try_get::<_, bool>(0)?, what.zip(name)))
    }
    .await;
    let (removed, attached) = answer.map_err(|e| e.into_storage(true))?;
    if let Some((what, name)) = attached {
        return Err(still_attached(&limited(what, name)));
    }
    if removed {
        hub.announce(Effects::BUDGETS);
    }
    Ok(removed)
}

/// Attaches a queue or a kind, or detaches it.
pub(super) async fn attach(hub: Arc<Hub>, params: AttachParams) -> Result<bool, StorageError> {
    check_limited(&params.what)?;
    let (what, name) = match &params.what {
        Limited::Queue(name) => (0_i16, name),
        Limited::Kind(name) => (1, name),
    };
    let scope = params.scope.as_ref().map(Scope::as_str);
    if what == 1 && scope.is_some() {
        let named = hub.write(Lane::Patient, NAME_KIND, &[(name, Type::TEXT)]).await;
        named.map_err(|e| e.into_storage(true))?;
    }
    let after = scope.map(|scope| json!({ "scope": scope }));
    let by = audit::does(params.actor.as_ref(), attach_action(&params), after);
    let values = [
        (&what as _, Type::INT2),
        (name as _, Type::TEXT),
        (&scope as _, Type::TEXT),
        (&by as _, Type::TEXT),
    ];
    match code(&hub, ATTACH, &values).await? {
        NO_LIMIT => Err(no_limit(scope.unwrap_or_default())),
        NO_QUEUE => Err(StorageError::NotFound { what: "queue", name: name.clone() }),
        changed => {
            if changed == CHANGED {
                hub.announce(Effects::BUDGETS);
            }
            Ok(changed == CHANGED)
        }
    }
}

/// What is attached to which scope.
pub(super) async fn attachments(hub: Arc<Hub>) -> Result<Vec<(Limited, Scope)>, StorageError> {
    let rows = hub.look(Lane::Read, ATTACHMENTS, &[]).await.map_err(|e| e.into_storage(false))?;
    let read = |row: &Row| -> Result<_, Fault> {
        let scope = Scope::new(row.try_get(2)?).map_err(StorageError::from)?;
        Ok((limited(row.try_get(0)?, row.try_get(1)?), scope))
    };
    rows.iter().map(read).collect::<Result<_, _>>().map_err(|e: Fault| e.into_storage(false))
}

/// Takes permits for callers, in their order.
pub(super) async fn acquire(hub: Arc<Hub>, params: AcquireParams) -> Result<Vec<Acquired>, StorageError> {
    check_batch("wants", params.wants.len(), MAX_ACQUIRE_BATCH)?;
    let (name, now) = (params.scope.as_str(), params.now.map(Timestamp::as_micros));
    let wants: Vec<i32> = params.wants.iter().map(|n| i32::try_from(*n).unwrap_or(i32::MAX)).collect();
    let values = [(&name as _, Type::TEXT), (&wants as _, Type::INT4_ARRAY), (&now as _, Type::INT8)];
    let answer: Result<_, Fault> = async { only(hub.write(Lane::Work, ACQUIRE, &values).await?) }.await;
    let row = match answer {
        Ok(row) => row,
        Err(e) if is_too_many(&e) => return Err(too_many_budgets()),
        Err(e) => return Err(e.into_storage(true)),
    };
    let answers = answers(&row).map_err(|e| Fault::from(e).into_storage(true))?;
    answers.ok_or_else(|| no_limit(name))
}

fn answers(row: &Row) -> Result<Option<Vec<Acquired>>, tokio_postgres::Error> {
    let Some(permits) = row.try_get::<_, Option<i32>>(0)? else { return Ok(None) };
    let (codes, untils): (Vec<i16>, Vec<Option<i64>>) = (row.try_get(1)?, row.try_get(2)?);
    let now: i64 = row.try_get(3)?;
    let answer = |(code, until): (i16, Option<i64>)| match code {
        GRANTED => Acquired::Granted { at: Timestamp::from_micros(now) },
        TO_WAIT => wait(until.unwrap_or(now), now),
        _ => Acquired::TooMany { limit: u32::try_from(permits).unwrap_or(0) },
    };
    Ok(Some(codes.into_iter().zip(untils).map(answer).collect()))
}

/// Gives nothing of a scope before a time.
pub(super) async fn drain(hub: Arc<Hub>, params: DrainParams) -> Result<Timestamp, StorageError> {
    let (name, now) = (params.scope.as_str(), params.now.map(Timestamp::as_micros));
    let wait = micros(params.wait);
    let after = Some(json!({ "wait_seconds": params.wait.as_secs_f64() }));
    let by = audit::does(params.actor.as_ref(), ("limit.drain", LIMIT, name), after);
    let values =
        [(&name as _, Type::TEXT), (&wait as _, Type::INT8), (&now as _, Type::INT8), (&by as _, Type::TEXT)];
    let answer: Result<Option<i64>, Fault> =
        async { Ok(only(hub.write(Lane::Work, DRAIN, &values).await?)?.try_get(0)?) }.await;
    match answer {
        Ok(until) => until.map(Timestamp::from_micros).ok_or_else(|| no_limit(name)),
        Err(e) if is_too_many(&e) => Err(too_many_budgets()),
        Err(e) => Err(e.into_storage(true)),
    }
}

/// Ends the drain of a scope.
pub(super) async fn lift_drain(
    hub: Arc<Hub>,
    scope: Scope,
    actor: Option<Actor>,
    now: Option<Timestamp>,
) -> Result<bool, StorageError> {
    let (name, now) = (scope.as_str(), now.map(Timestamp::as_micros));
    let by = audit::does(actor.as_ref(), ("limit.lift", LIMIT, name), None);
    let values = [(&name as _, Type::TEXT), (&now as _, Type::INT8), (&by as _, Type::TEXT)];
    let answer: Result<bool, Fault> =
        async { Ok(only(hub.write(Lane::Patient, LIFT, &values).await?)?.try_get(0)?) }.await;
    let lifted = answer.map_err(|e| e.into_storage(true))?;
    if lifted {
        hub.announce(Effects::BUDGETS);
    }
    Ok(lifted)
}

/// Forgets scopes of which nothing counts any more.
pub(super) async fn sweep(hub: Arc<Hub>, limit: u32, now: Option<Timestamp>) -> Result<u32, StorageError> {
    let (limit, now) = (i32::try_from(limit).unwrap_or(i32::MAX), now.map(Timestamp::as_micros));
    let values = [(&limit as _, Type::INT4), (&now as _, Type::INT8)];
    let answer: Result<u32, Fault> =
        async { Ok(count(&only(hub.write(Lane::Work, SWEEP, &values).await?)?, 0)?) }.await;
    answer.map_err(|e| e.into_storage(true))
}
