//! Permits of budgets that claims take, and give back.

use super::error::Fault;
use super::limits::Account;
use super::names::Attached;
use super::state::{RunningRow, forget_permits};
use super::writer::Cx;
use crate::rate_limit::{Scope, end_of};
use crate::storage::{LimitReach, LimitedWant, StorageError};
use rusqlite::params;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

const PERMIT: &str = "INSERT INTO forge_permits (claim_no, seq, scope, ends) VALUES (?1, ?2, ?3, ?4)";
const PERMITS: &str = "SELECT scope, ends FROM forge_permits WHERE claim_no = ?1 AND seq = ?2";

/// Gives back what a claim took of budgets and never used.
pub(super) fn return_permits(cx: &mut Cx<'_, '_>, claim: &RunningRow, now: i64) -> Result<(), Fault> {
    if !claim.has_permits() {
        return Ok(());
    }
    let permits: Vec<(String, i64)> = {
        let mut statement = cx.conn.prepare_cached(PERMITS)?;
        let rows = statement.query_map([claim.claim_no, claim.seq], |r| Ok((r.get(0)?, r.get(1)?)))?;
        rows.collect::<rusqlite::Result<_>>()?
    };
    forget_permits(cx, claim)?;
    for (scope, ends) in permits {
        let scope = Scope::new(&scope).map_err(StorageError::from)?;
        if let Some(mut account) = Account::of(cx, &scope, now)? {
            account.budget.give_back(&account.limit, ends, 1);
            account.store(cx, now)?;
        }
    }
    // Whoever waits need not wait as long as it was told.
    cx.effects.budgets = true;
    Ok(())
}

/// The budgets that one claim takes permits of.
pub(super) struct Purse {
    attached: Arc<Attached>,
    now: i64,
    /// Each with what the claim has taken so far.
    accounts: BTreeMap<Scope, (Account, u32)>,
    /// The queues and kinds of the jobs that took some. None of them may be pending any more.
    took: BTreeSet<(i64, i64)>,
}

impl Purse {
    pub(super) const fn new(attached: Arc<Attached>, now: i64) -> Self {
        Self { attached, now, accounts: BTreeMap::new(), took: BTreeSet::new() }
    }

    /// The scopes that a job takes a permit of each.
    fn scopes(&self, queue: i64, kind: i64) -> impl Iterator<Item = &Scope> {
        let of_queue = self.attached.queues.get(&queue);
        let of_kind = self.attached.kinds.get(&kind).filter(|scope| Some(*scope) != of_queue);
        of_queue.into_iter().chain(of_kind)
    }

    pub(super) fn is_limited(&self, queue: i64, kind: i64) -> bool {
        self.scopes(queue, kind).next().is_some()
    }

    /// Looks the budgets of jobs up.
    pub(super) fn open(&mut self, cx: &Cx<'_, '_>, queue: i64, kinds: &[i64]) -> Result<(), Fault> {
        let queue = self.attached.queues.get(&queue);
        let kinds = kinds.iter().filter_map(|kind| self.attached.kinds.get(kind));
        for scope in queue.into_iter().chain(kinds) {
            if !self.accounts.contains_key(scope)
                && let Some(account) = Account::of(cx, scope, self.now)?
            {
                self.accounts.insert(scope.clone(), (account, 0));
            }
        }
        Ok(())
    }

    /// Whether one more job can be taken. A scope without a limit, which cannot be, gives nothing.
    pub(super) fn allows(&self, queue: i64, kind: i64) -> bool {
        self.scopes(queue, kind).all(|scope| {
            self.accounts.get(scope).is_some_and(|(account, taken)| account.free(self.now) > *taken)
        })
    }

    /// Takes the permits of a job that will be claimed.
    pub(super) fn take(&mut self, queue: i64, kind: i64) {
        let scopes: Vec<Scope> = self.scopes(queue, kind).cloned().collect();
        if !scopes.is_empty() {
            self.took.insert((queue, kind));
        }
        for scope in scopes {
            if let Some((_, taken)) = self.accounts.get_mut(&scope) {
                *taken += 1;
            }
        }
    }

    /// Keeps which permits a claimed job has.
    pub(super) fn note(&self, cx: &Cx<'_, '_>, claim_no: i64, seq: i64, of: (i64, i64)) -> Result<(), Fault> {
        for scope in self.scopes(of.0, of.1) {
            let Some((account, _)) = self.accounts.get(scope) else { continue };
            let ends = end_of(&account.limit, self.now);
            cx.conn.prepare_cached(PERMIT)?.execute(params![claim_no, seq, scope.as_str(), ends])?;
        }
        Ok(())
    }

    /// Writes what was taken.
    pub(super) fn close(&mut self, cx: &Cx<'_, '_>) -> Result<(), Fault> {
        for (account, taken) in self.accounts.values_mut() {
            if *taken > 0 {
                account.budget.count(&account.limit, std::mem::take(taken), self.now);
            } else if !account.is_cut {
                continue;
            }
            account.store(cx, self.now)?;
        }
        Ok(())
    }

    /// What a process should know of a queue: which of its jobs are limited, and when to ask again. It counts what is
    /// pending and what was just taken: of a kind whose last job was taken the next ones are limited as well.
    pub(super) fn tell(&self, name: &str, queue: i64, pending: &[i64]) -> Option<LimitedWant> {
        let until = |scope: &Scope| {
            let account = self.accounts.get(scope).map(|(account, _)| account);
            account.filter(|a| a.free(self.now) == 0).map(|a| a.next_at(self.now))
        };
        let of_queue = self.attached.queues.get(&queue);
        let took = self.took.range((queue, i64::MIN)..=(queue, i64::MAX)).map(|(_, kind)| kind);
        let of_kinds: Vec<&Scope> =
            pending.iter().chain(took).filter_map(|kind| self.attached.kinds.get(kind)).collect();
        let (reach, until) = match of_queue {
            Some(scope) if of_kinds.is_empty() || until(scope).is_some() => (LimitReach::Queue, until(scope)),
            None if of_kinds.is_empty() => return None,
            _ => (LimitReach::Kinds, of_kinds.into_iter().filter_map(until).min()),
        };
        let again_in =
            until.map(|at| Duration::from_micros(at.saturating_sub(self.now).max(0).unsigned_abs()));
        Some(LimitedWant { queue: name.to_owned(), reach, again_in })
    }
}
