//! Budgets of calls: what is set, what is counted, and what is attached.

use super::audit;
use super::error::Fault;
use super::queues::bump_settings;
use super::writer::{Cx, time};
use crate::Timestamp;
use crate::limits::{MAX_ACQUIRE_BATCH, MAX_BUDGETS, MAX_RATE_DRAIN, MAX_RATE_SCOPES};
use crate::rate_limit::{Budget, RateLimit, RateMode, Scope};
use crate::storage::audit_entry::{attach_action, limit as facts};
use crate::storage::checks::{check_batch, micros};
use crate::storage::guard::Guard;
use crate::storage::rate_limit_storage::common::{
    Seen, another_version, check_limited, no_limit, serve, still_attached, too_many_budgets, too_many_scopes,
};
use crate::storage::{
    AcquireParams, Acquired, Actor, AttachParams, DrainParams, LimitRow, Limited, SetBy, SetLimitParams,
    StorageError,
};
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::json;
use std::time::Duration;

/// The limit of a scope: its own, or that of its template.
const LIMIT_OF: &str = "SELECT scope, permits, window_us, smooth, by_operator, version FROM forge_limits \
     WHERE scope IN (?1, ?2) ORDER BY length(scope) DESC LIMIT 1";
const ALL: &str =
    "SELECT scope, permits, window_us, smooth, by_operator, version FROM forge_limits ORDER BY scope";
const COUNT: &str = "SELECT count(*) FROM forge_limits";
const SET: &str = "INSERT INTO forge_limits (scope, permits, window_us, smooth, by_operator) VALUES (?1, ?2, ?3, ?4, ?5) \
     ON CONFLICT (scope) DO UPDATE SET permits = excluded.permits, window_us = excluded.window_us, \
     smooth = excluded.smooth, by_operator = excluded.by_operator, version = version + 1";
const REMOVE: &str = "DELETE FROM forge_limits WHERE scope = ?1";
const BUDGET: &str = "SELECT slots, next_at, drained_until FROM forge_budgets WHERE scope = ?1";
const PUT_BUDGET: &str = "INSERT OR REPLACE INTO forge_budgets (scope, slots, next_at, drained_until, idle_at) \
     VALUES (?1, ?2, ?3, ?4, ?5)";
const DROP_BUDGET: &str = "DELETE FROM forge_budgets WHERE scope = ?1";
const IS_KNOWN: &str =
    "SELECT 1 FROM forge_limits WHERE scope = ?1 UNION ALL SELECT 1 FROM forge_attached WHERE scope = ?1";
const BUDGETS: &str = "SELECT count(*) FROM forge_budgets";
const IS_DRAINED: &str = "SELECT drained_until FROM forge_budgets WHERE scope = ?1";
/// Keys of a template: the character after the colon ends them.
const KEYS: &str = "SELECT count(*) FROM forge_budgets WHERE scope > ?1 || ':' AND scope < ?1 || ';'";
const SWEEP: &str = "DELETE FROM forge_budgets WHERE scope IN \
     (SELECT scope FROM forge_budgets WHERE idle_at <= ?1 LIMIT ?2)";
const ANY_IDLE: &str = "SELECT 1 FROM forge_budgets WHERE idle_at <= ?1 LIMIT 1";
const ATTACHED: &str = "SELECT a.what, coalesce(q.name, k.name), a.scope FROM forge_attached a \
     LEFT JOIN forge_queues q ON a.what = 0 AND q.no = a.no LEFT JOIN forge_kinds k ON a.what = 1 AND k.no = a.no \
     ORDER BY a.what, 2";
/// What would be left without a limit.
const STANDS_ON: &str = "SELECT a.what, coalesce(q.name, k.name) FROM forge_attached a \
     LEFT JOIN forge_queues q ON a.what = 0 AND q.no = a.no LEFT JOIN forge_kinds k ON a.what = 1 AND k.no = a.no \
     WHERE NOT EXISTS (SELECT 1 FROM forge_limits l WHERE l.scope <> ?1 AND \
         (l.scope = a.scope OR l.scope = substr(a.scope, 1, instr(a.scope, ':') - 1))) ORDER BY a.what, a.no LIMIT 1";
const ATTACH: &str = "INSERT INTO forge_attached (what, no, scope) VALUES (?1, ?2, ?3) \
     ON CONFLICT (what, no) DO UPDATE SET scope = excluded.scope WHERE scope <> excluded.scope";
const ATTACHED_TO: &str = "SELECT scope FROM forge_attached WHERE what = ?1 AND no = ?2";
/// What the audit calls it.
const LIMIT: &str = "limit";
const DETACH: &str = "DELETE FROM forge_attached WHERE what = ?1 AND no = ?2";

/// The limit that holds for a scope.
pub(super) struct Holds {
    pub(super) limit: RateLimit,
    of: Scope,
    by_operator: bool,
    version: i64,
}

impl Holds {
    fn read(r: &Row<'_>) -> rusqlite::Result<Self> {
        let name: String = r.get(0)?;
        let of = Scope::new(&name).map_err(|e| {
            rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, Box::new(e))
        })?;
        let window = Duration::from_micros(r.get::<_, i64>(2)?.max(0).unsigned_abs());
        let mode = if r.get(3)? { RateMode::Smooth } else { RateMode::Sliding };
        Ok(Self {
            limit: RateLimit { permits: r.get(1)?, window, mode },
            of,
            by_operator: r.get(4)?,
            version: r.get(5)?,
        })
    }
}

/// The limit that holds for a scope; `None` when neither it nor its template has one.
pub(super) fn holds(conn: &Connection, scope: &Scope) -> rusqlite::Result<Option<Holds>> {
    let template = scope.template().unwrap_or_else(|| scope.as_str());
    conn.prepare_cached(LIMIT_OF)?.query_row([scope.as_str(), template], Holds::read).optional()
}

fn must_hold(conn: &Connection, scope: &Scope) -> Result<Holds, Fault> {
    Ok(holds(conn, scope)?.ok_or_else(|| no_limit(scope.as_str()))?)
}

/// What is counted of a scope, and whether there is a row of it.
fn read_budget(conn: &Connection, scope: &Scope) -> Result<(Budget, bool), Fault> {
    let read = |r: &Row<'_>| Ok((r.get::<_, String>(0)?, r.get(1)?, r.get(2)?));
    let row = conn.prepare_cached(BUDGET)?.query_row([scope.as_str()], read).optional()?;
    let Some((slots, next_at, drained_until)) = row else { return Ok((Budget::default(), false)) };
    let slots = serde_json::from_str(&slots).map_err(|e| StorageError::Corrupt {
        detail: format!("what is counted of the scope {:?} cannot be read", scope.as_str()),
        source: Some(Box::new(e)),
    })?;
    Ok((Budget { slots, next_at, drained_until }, true))
}

/// A scope's budget at a time.
pub(super) struct Account {
    pub(super) scope: Scope,
    pub(super) limit: RateLimit,
    pub(super) budget: Budget,
    /// The drain of its template, if it is under way.
    pub(super) above: Option<i64>,
    is_stored: bool,
    /// Whether something of it lay ahead: it counts from now on, and must be stored, or each who asks would move it on.
    pub(super) is_cut: bool,
}

impl Account {
    /// `None` when no limit holds for the scope.
    pub(super) fn of(cx: &Cx<'_, '_>, scope: &Scope, now: i64) -> Result<Option<Self>, Fault> {
        let Some(Holds { limit, .. }) = holds(cx.conn, scope)? else { return Ok(None) };
        let (mut budget, is_stored) = read_budget(cx.conn, scope)?;
        let is_cut = budget.settle(&limit, now);
        if !cx.guards(Guard::Budget) {
            budget.slots.clear();
        }
        let above = drain_above(cx.conn, scope)?.filter(|until| *until > now);
        Ok(Some(Self { scope: scope.clone(), limit, budget, above, is_stored, is_cut }))
    }

    /// Permits that can be given now.
    pub(super) fn free(&self, now: i64) -> u32 {
        if self.above.is_some() { 0 } else { self.budget.free(&self.limit, now) }
    }

    /// When the next one can be given.
    pub(super) fn next_at(&self, now: i64) -> i64 {
        self.budget.when(&self.limit, 1, now).max(self.above.unwrap_or(now))
    }

    /// Writes what was counted.
    pub(super) fn store(&self, cx: &Cx<'_, '_>, now: i64) -> Result<(), Fault> {
        let name = self.scope.as_str();
        if self.budget.is_idle() {
            cx.conn.prepare_cached(DROP_BUDGET)?.execute([name])?;
            return Ok(());
        }
        if !self.is_stored {
            make_room(cx, name, now)?;
        }
        let Budget { slots, next_at, drained_until } = &self.budget;
        let counted = slots.last().map_or(now, |(ends, _)| ends.saturating_add(self.limit.window_us()));
        let idle_at = counted.max(drained_until.unwrap_or(now));
        let text = serde_json::to_string(slots).map_err(|e| StorageError::Internal {
            detail: "a budget could not be written".into(),
            source: Some(Box::new(e)),
        })?;
        cx.conn.prepare_cached(PUT_BUDGET)?.execute(params![name, text, next_at, drained_until, idle_at])?;
        Ok(())
    }
}

/// For one more scope of which something is counted. One that has a limit of its own, or that something is attached to,
/// has room in any case: of those there are few, and claims and drains need them.
fn make_room(cx: &Cx<'_, '_>, scope: &str, now: i64) -> Result<(), Fault> {
    let count = || cx.conn.prepare_cached(BUDGETS)?.query_row([], |r| r.get::<_, u32>(0));
    if count()? >= MAX_BUDGETS && !cx.conn.prepare_cached(IS_KNOWN)?.exists([scope])? {
        cx.conn.prepare_cached(SWEEP)?.execute(params![now, MAX_BUDGETS])?;
        if count()? >= MAX_BUDGETS {
            return Err(too_many_budgets().into());
        }
    }
    Ok(())
}

fn drain_above(conn: &Connection, scope: &Scope) -> rusqlite::Result<Option<i64>> {
    let Some(template) = scope.template() else { return Ok(None) };
    let until = conn.prepare_cached(IS_DRAINED)?.query_row([template], |r| r.get(0)).optional()?;
    Ok(until.flatten())
}

fn row(conn: &Connection, scope: &Scope, holds: Holds, now: i64) -> Result<LimitRow, Fault> {
    let seen = Seen {
        scope: scope.clone(),
        limit: holds.limit,
        of: holds.of,
        set_by_operator: holds.by_operator,
        version: holds.version,
        budget: read_budget(conn, scope)?.0,
        above: drain_above(conn, scope)?,
        keys: conn.prepare_cached(KEYS)?.query_row([scope.as_str()], |r| r.get(0))?,
    };
    Ok(seen.row(now))
}

/// A limit was changed: waiting callers and claims look again.
fn edited(cx: &mut Cx<'_, '_>) -> rusqlite::Result<()> {
    cx.effects.budgets = true;
    bump_settings(cx)
}

/// Gives a scope a limit.
pub(super) fn set(cx: &mut Cx<'_, '_>, params: &SetLimitParams) -> Result<LimitRow, Fault> {
    params.limit.validate().map_err(StorageError::from)?;
    let now = time(params.now);
    let (scope, limit) = (&params.scope, params.limit);
    let there = holds(cx.conn, scope)?;
    let version = there.as_ref().map(|there| there.version);
    if let Some(expected) = params.expected_version.filter(|expected| version != Some(*expected)) {
        return Err(another_version(scope, version, expected).into());
    }
    let own = there.filter(|h| h.of == *scope);
    let by_operator = params.by == SetBy::Operator || own.as_ref().is_some_and(|h| h.by_operator);
    let unchanged = own.as_ref().is_some_and(|own| {
        let is_theirs = params.by == SetBy::Code && own.by_operator;
        is_theirs || (own.limit == limit && own.by_operator == by_operator)
    });
    let before = own.as_ref().map(|own| facts(&own.limit));
    if !unchanged {
        let count: usize = cx.conn.prepare_cached(COUNT)?.query_row([], |r| r.get(0))?;
        if own.is_none() && count >= MAX_RATE_SCOPES {
            return Err(too_many_scopes().into());
        }
        let smooth = limit.mode == RateMode::Smooth;
        let values = params![scope.as_str(), limit.permits, limit.window_us(), smooth, by_operator];
        cx.conn.prepare_cached(SET)?.execute(values)?;
        edited(cx)?;
    }
    let change = (before, Some(facts(&limit)));
    audit::did(cx, params.actor.as_ref(), ("limit.set", LIMIT, scope.as_str()), change, !unchanged, now)?;
    let holds = must_hold(cx.conn, scope)?;
    row(cx.conn, scope, holds, now)
}

/// A scope with the limit that holds for it.
pub(super) fn get(conn: &Connection, scope: &Scope, now: i64) -> Result<Option<LimitRow>, Fault> {
    holds(conn, scope)?.map(|holds| row(conn, scope, holds, now)).transpose()
}

/// All scopes with a limit of their own.
pub(super) fn list(conn: &Connection, now: i64) -> Result<Vec<LimitRow>, Fault> {
    let all: Vec<Holds> = {
        let mut statement = conn.prepare_cached(ALL)?;
        let rows = statement.query_map([], Holds::read)?;
        rows.collect::<rusqlite::Result<_>>()?
    };
    all.into_iter().map(|holds| row(conn, &holds.of.clone(), holds, now)).collect()
}

/// Takes a scope's own limit away.
pub(super) fn remove(cx: &mut Cx<'_, '_>, scope: &Scope, actor: Option<&Actor>) -> Result<bool, Fault> {
    let own = holds(cx.conn, scope)?.filter(|h| h.of == *scope);
    let before = own.as_ref().map(|own| facts(&own.limit));
    let action = ("limit.remove", LIMIT, scope.as_str());
    if own.is_none() {
        audit::did(cx, actor, action, (None, None), false, time(None))?;
        return Ok(false);
    }
    let read = |r: &Row<'_>| Ok((r.get::<_, i64>(0)?, r.get(1)?));
    if let Some((what, name)) =
        cx.conn.prepare_cached(STANDS_ON)?.query_row([scope.as_str()], read).optional()?
    {
        return Err(still_attached(&limited(what, name)).into());
    }
    cx.conn.prepare_cached(REMOVE)?.execute([scope.as_str()])?;
    edited(cx)?;
    audit::did(cx, actor, action, (before, None), true, time(None))?;
    Ok(true)
}

/// What is attached to which scope.
pub(super) fn attachments(conn: &Connection) -> Result<Vec<(Limited, Scope)>, Fault> {
    let mut statement = conn.prepare_cached(ATTACHED)?;
    let rows = statement.query_map([], |r| Ok((r.get::<_, i64>(0)?, r.get(1)?, r.get::<_, String>(2)?)))?;
    rows.map(|row| {
        let (what, name, scope) = row?;
        Ok((limited(what, name), Scope::new(&scope).map_err(StorageError::from)?))
    })
    .collect()
}

const fn limited(what: i64, name: String) -> Limited {
    if what == QUEUE { Limited::Queue(name) } else { Limited::Kind(name) }
}

/// What is attached, by number.
pub(super) const QUEUE: i64 = 0;
pub(super) const KIND: i64 = 1;

/// Attaches a queue or a kind, or detaches it.
pub(super) fn attach(cx: &mut Cx<'_, '_>, params: &AttachParams) -> Result<bool, Fault> {
    check_limited(&params.what)?;
    if let Some(scope) = &params.scope {
        must_hold(cx.conn, scope)?;
    }
    let (what, no) = match &params.what {
        Limited::Queue(name) => {
            let no = cx.names.queue(cx.conn, name)?;
            (QUEUE, no.ok_or_else(|| StorageError::NotFound { what: "queue", name: name.clone() })?)
        }
        Limited::Kind(name) => (KIND, cx.names.kind(cx.conn, name)?),
    };
    let before: Option<String> =
        cx.conn.prepare_cached(ATTACHED_TO)?.query_row([what, no], |r| r.get(0)).optional()?;
    let changed = match &params.scope {
        Some(scope) => cx.conn.prepare_cached(ATTACH)?.execute(params![what, no, scope.as_str()])?,
        None => cx.conn.prepare_cached(DETACH)?.execute([what, no])?,
    };
    if changed > 0 {
        edited(cx)?;
    }
    let action = attach_action(params);
    let to = |scope: &str| json!({ "scope": scope });
    let change = (before.as_deref().map(to), params.scope.as_ref().map(|scope| to(scope.as_str())));
    audit::did(cx, params.actor.as_ref(), action, change, changed > 0, time(None))?;
    Ok(changed > 0)
}

/// Takes permits for callers, in their order.
pub(super) fn acquire(cx: &Cx<'_, '_>, params: &AcquireParams) -> Result<Vec<Acquired>, Fault> {
    check_batch("wants", params.wants.len(), MAX_ACQUIRE_BATCH)?;
    let now = time(params.now);
    let open = Account::of(cx, &params.scope, now)?;
    let mut open = open.ok_or_else(|| no_limit(params.scope.as_str()))?;
    let answers = serve(&mut open.budget, &open.limit, &params.wants, open.above, now);
    if open.is_cut || answers.iter().any(|a| matches!(a, Acquired::Granted { .. })) {
        open.store(cx, now)?;
    }
    Ok(answers)
}

/// Gives nothing of a scope before a time.
pub(super) fn drain(cx: &Cx<'_, '_>, params: &DrainParams) -> Result<Timestamp, Fault> {
    let now = time(params.now);
    let open = Account::of(cx, &params.scope, now)?;
    let mut open = open.ok_or_else(|| no_limit(params.scope.as_str()))?;
    let until = now.saturating_add(micros(params.wait.min(MAX_RATE_DRAIN)));
    let until = open.budget.drained_until.map_or(until, |before| before.max(until));
    open.budget.drained_until = Some(until).filter(|until| *until > now);
    open.store(cx, now)?;
    let action = ("limit.drain", LIMIT, params.scope.as_str());
    let after = Some(json!({ "wait_seconds": params.wait.as_secs_f64() }));
    audit::did(cx, params.actor.as_ref(), action, (None, after), true, now)?;
    Ok(Timestamp::from_micros(until.max(open.above.unwrap_or(until))))
}

/// Ends the drain of a scope.
pub(super) fn lift_drain(
    cx: &mut Cx<'_, '_>,
    scope: &Scope,
    actor: Option<&Actor>,
    now: Option<Timestamp>,
) -> Result<bool, Fault> {
    let now = time(now);
    let mut open = Account::of(cx, scope, now)?;
    let lifted = open.as_mut().is_some_and(|open| open.budget.drained_until.take().is_some());
    if let Some(open) = open.filter(|_| lifted) {
        open.store(cx, now)?;
        edited(cx)?;
    }
    audit::did(cx, actor, ("limit.lift", LIMIT, scope.as_str()), (None, None), lifted, now)?;
    Ok(lifted)
}

/// The answer to a sweep when there is nothing idle.
pub(super) fn none_idle(cx: &Cx<'_, '_>, now: Option<Timestamp>) -> Result<Option<u32>, Fault> {
    Ok((!cx.conn.prepare_cached(ANY_IDLE)?.exists([time(now)])?).then_some(0))
}

/// Forgets scopes of which nothing counts any more.
pub(super) fn sweep(cx: &Cx<'_, '_>, limit: u32, now: Option<Timestamp>) -> Result<u32, Fault> {
    let gone = cx.conn.prepare_cached(SWEEP)?.execute(params![time(now), limit])?;
    Ok(u32::try_from(gone).unwrap_or(u32::MAX))
}
