//! `RateLimitStorage`: budgets of calls that all processes share.

use super::{Actor, InvalidValue, StorageError};
use crate::Timestamp;
use crate::rate_limit::{RateLimit, RateLimitError, Scope};
use async_trait::async_trait;
use std::time::Duration;

/// Budgets of calls that all processes share.
///
/// A scope has a limit of its own, or that of its template if it is keyed (`slack:team-7` of `slack`). Never more
/// permits than the limit are given in any window, by the database's clock and whoever asks; edits hold from their
/// answer on. One call is one transaction.
#[async_trait]
pub trait RateLimitStorage: Send + Sync + 'static {
    /// Gives a scope a limit, or another one. What was given counts against the new one, as far as it is known: of a
    /// window that gets longer, the old length.
    ///
    /// # Errors
    ///
    /// [`StorageError::Invalid`] for a limit out of its bounds, or one scope more than
    /// [`MAX_RATE_SCOPES`](crate::limits::MAX_RATE_SCOPES). Nothing was changed then.
    async fn set_limit(&self, params: SetLimitParams) -> Result<LimitRow, StorageError>;

    /// A scope with the limit that holds for it; `None` when neither it nor its template has one.
    async fn limit(&self, scope: &Scope, now: Option<Timestamp>) -> Result<Option<LimitRow>, StorageError>;

    /// All scopes with a limit of their own, by name.
    async fn limits(&self, now: Option<Timestamp>) -> Result<Vec<LimitRow>, StorageError>;

    /// Takes a scope's own limit away. What was given stays counted for as long as it matters. Says whether there was
    /// one. Idempotent.
    ///
    /// # Errors
    ///
    /// [`StorageError::Conflict`] while a queue or a kind that is attached would be left without a limit.
    async fn remove_limit(&self, scope: &Scope, actor: Option<Actor>) -> Result<bool, StorageError>;

    /// Attaches a queue or a kind to a scope: each of its jobs takes one permit when it is claimed. `None` detaches it.
    /// Says whether anything changed. Idempotent.
    ///
    /// # Errors
    ///
    /// [`StorageError::NotFound`] when no limit holds for the scope, or there is no such queue; a kind may be new.
    async fn attach(&self, params: AttachParams) -> Result<bool, StorageError>;

    /// What is attached to which scope, by sort and name.
    async fn attachments(&self) -> Result<Vec<(Limited, Scope)>, StorageError>;

    /// Takes permits for callers, in their order: nobody is served before one that came first. Not idempotent: what was
    /// given to a caller that went away is used up.
    ///
    /// # Errors
    ///
    /// [`StorageError::NotFound`] when no limit holds for the scope; [`StorageError::Invalid`] when more than
    /// [`MAX_BUDGETS`](crate::limits::MAX_BUDGETS) scopes have something counted.
    async fn acquire(&self, params: AcquireParams) -> Result<Vec<Acquired>, StorageError>;

    /// Gives nothing of a scope before a time: its upstream said so. A template's drain holds for all of its keys. A
    /// drain is never made shorter by another one. Gives the time that holds now.
    ///
    /// # Errors
    ///
    /// [`StorageError::NotFound`] when no limit holds for the scope.
    async fn drain(&self, params: DrainParams) -> Result<Timestamp, StorageError>;

    /// Ends the drain of a scope. Says whether there was one. Idempotent.
    async fn lift_drain(
        &self,
        scope: &Scope,
        actor: Option<Actor>,
        now: Option<Timestamp>,
    ) -> Result<bool, StorageError>;

    /// Forgets scopes of which nothing counts any more, at most so many. Gives how many. Idempotent.
    async fn sweep_budgets(&self, limit: u32, now: Option<Timestamp>) -> Result<u32, StorageError>;
}

/// Who wants a limit to be so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetBy {
    /// A program's code: changes nothing once an operator has set the limit.
    Code,
    /// A person.
    Operator,
}

/// For [`RateLimitStorage::set_limit`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetLimitParams {
    /// The scope.
    pub scope: Scope,
    /// Its limit.
    pub limit: RateLimit,
    /// Who wants it.
    pub by: SetBy,
    /// Only if the limit that holds for the scope, its own or its template's, has this version; `None`: whatever it has.
    pub expected_version: Option<i64>,
    /// Who does it, for the audit; `None`: a program, for itself.
    pub actor: Option<Actor>,
    /// The time to act at.
    pub now: Option<Timestamp>,
}

/// A scope with its limit, and how much of it is used.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LimitRow {
    /// The scope.
    pub scope: Scope,
    /// The limit that holds for it.
    pub limit: RateLimit,
    /// The template that it has the limit of; `None` if it has its own.
    pub inherited_from: Option<Scope>,
    /// Whether an operator set it; from then on programs do not.
    pub set_by_operator: bool,
    /// Grows with each edit.
    pub version: i64,
    /// Permits that count in the window that ends now.
    pub used: u32,
    /// Permits that could be given now.
    pub free: u32,
    /// When the next permit could be given, if none can now.
    pub next_at: Option<Timestamp>,
    /// Nothing is given before this, because of a drain of the scope or of its template.
    pub drained_until: Option<Timestamp>,
    /// Keyed scopes of this template of which something is counted.
    pub keys: u32,
}

/// What a limit can be attached to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Limited {
    /// Jobs of this queue.
    Queue(String),
    /// Jobs of this kind, in whatever queue.
    Kind(String),
}

/// For [`RateLimitStorage::attach`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttachParams {
    /// What to attach.
    pub what: Limited,
    /// To which scope; `None` detaches it.
    pub scope: Option<Scope>,
    /// Who does it, for the audit; `None`: a program, for itself.
    pub actor: Option<Actor>,
}

/// For [`RateLimitStorage::acquire`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcquireParams {
    /// The scope.
    pub scope: Scope,
    /// How many permits each caller wants, at most [`MAX_ACQUIRE_BATCH`](crate::limits::MAX_ACQUIRE_BATCH) callers.
    pub wants: Vec<u32>,
    /// The time to act at.
    pub now: Option<Timestamp>,
}

/// What a caller got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Acquired {
    /// All that it wanted.
    Granted {
        /// When, by the database's clock.
        at: Timestamp,
    },
    /// Nothing yet.
    Wait {
        /// When it is worth asking again, by the database's clock, if nobody else takes anything.
        until: Timestamp,
        /// Until then.
        wait: Duration,
    },
    /// It wants none, or more than there ever are at a time.
    TooMany {
        /// The permits of a window.
        limit: u32,
    },
}

/// For [`RateLimitStorage::drain`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DrainParams {
    /// The scope.
    pub scope: Scope,
    /// For so long from now on; more than [`MAX_RATE_DRAIN`](crate::limits::MAX_RATE_DRAIN) is cut to it.
    pub wait: Duration,
    /// Who does it, for the audit; `None`: a program, for itself.
    pub actor: Option<Actor>,
    /// The time to act at.
    pub now: Option<Timestamp>,
}

impl From<RateLimitError> for StorageError {
    fn from(e: RateLimitError) -> Self {
        let (field, value, remedy) = e.parts();
        InvalidValue { field, value, remedy }.into()
    }
}

/// What both storages answer to it.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(super) mod common {
    use super::{Acquired, LimitRow, Limited};
    use crate::Timestamp;
    use crate::job::check_name;
    use crate::limits::{MAX_BUDGETS, MAX_RATE_SCOPES};
    #[cfg(feature = "sqlite")]
    use crate::rate_limit::Asked;
    use crate::rate_limit::{Budget, RateLimit, Scope};
    use crate::storage::{InvalidValue, StorageError};
    use std::time::Duration;

    /// The limit that holds for a scope has another version by now, or there is none.
    pub(in crate::storage) fn another_version(
        scope: &Scope,
        there: Option<i64>,
        expected: i64,
    ) -> StorageError {
        let detail = there.map_or_else(
            || format!("no limit holds for {scope} now: look at it again"),
            |there| format!("the limit of {scope} has version {there} now, not {expected}: look at it again"),
        );
        StorageError::Conflict { what: "limit", detail }
    }

    pub(in crate::storage) fn no_limit(scope: &str) -> StorageError {
        StorageError::NotFound { what: "limit for the scope", name: scope.to_owned() }
    }

    pub(in crate::storage) fn too_many_scopes() -> StorageError {
        let remedy = format!("use at most {MAX_RATE_SCOPES} limits; keyed scopes need none of their own");
        InvalidValue { field: "scopes", value: (MAX_RATE_SCOPES + 1).to_string(), remedy }.into()
    }

    pub(in crate::storage) fn too_many_budgets() -> StorageError {
        let remedy =
            format!("use at most {MAX_BUDGETS} keys at a time; idle ones go when their window is over");
        InvalidValue { field: "keyed scopes", value: (MAX_BUDGETS + 1).to_string(), remedy }.into()
    }

    pub(in crate::storage) fn still_attached(what: &Limited) -> StorageError {
        let (sort, name) = match what {
            Limited::Queue(name) => ("queue", name),
            Limited::Kind(name) => ("kind", name),
        };
        let detail =
            format!("the {sort} {name:?} is attached to it and would have no limit: detach it first");
        StorageError::Conflict { what: "limit", detail }
    }

    pub(in crate::storage) fn check_limited(what: &Limited) -> Result<(), StorageError> {
        let (field, name) = match what {
            Limited::Queue(name) => ("queue", name),
            Limited::Kind(name) => ("kind", name),
        };
        check_name(field, name)
            .map_err(|e| InvalidValue { field, value: format!("{name:?}"), remedy: e.to_string() }.into())
    }

    pub(in crate::storage) fn wait(until: i64, now: i64) -> Acquired {
        let wait = Duration::from_micros(until.saturating_sub(now).max(0).unsigned_abs());
        Acquired::Wait { until: Timestamp::from_micros(until), wait }
    }

    /// Serves callers in their order out of a settled budget.
    #[cfg(feature = "sqlite")]
    pub(in crate::storage) fn serve(
        budget: &mut Budget,
        limit: &RateLimit,
        wants: &[u32],
        above: Option<i64>,
        now: i64,
    ) -> Vec<Acquired> {
        let mut until = above.filter(|until| *until > now);
        let mut serve = |want: u32| {
            if !(1..=limit.permits).contains(&want) {
                return Acquired::TooMany { limit: limit.permits };
            }
            if let Some(until) = until {
                return wait(until.max(budget.when(limit, want, now)), now);
            }
            match budget.ask(limit, want, now) {
                Asked::Granted(_) => Acquired::Granted { at: Timestamp::from_micros(now) },
                Asked::Wait(at) => {
                    until = Some(at);
                    wait(at, now)
                }
            }
        };
        wants.iter().map(|want| serve(*want)).collect()
    }

    /// What people are shown of a scope.
    pub(in crate::storage) struct Seen {
        pub(in crate::storage) scope: Scope,
        pub(in crate::storage) limit: RateLimit,
        /// The scope whose limit it is.
        pub(in crate::storage) of: Scope,
        pub(in crate::storage) set_by_operator: bool,
        pub(in crate::storage) version: i64,
        pub(in crate::storage) budget: Budget,
        /// The drain of the template.
        pub(in crate::storage) above: Option<i64>,
        pub(in crate::storage) keys: u32,
    }

    impl Seen {
        pub(in crate::storage) fn row(mut self, now: i64) -> LimitRow {
            self.budget.settle(&self.limit, now);
            let above = self.above.filter(|until| *until > now);
            let free = if above.is_some() { 0 } else { self.budget.free(&self.limit, now) };
            let next = self.budget.when(&self.limit, 1, now).max(above.unwrap_or(now));
            LimitRow {
                inherited_from: (self.of != self.scope).then_some(self.of),
                scope: self.scope,
                limit: self.limit,
                set_by_operator: self.set_by_operator,
                version: self.version,
                used: self.budget.used(),
                free,
                next_at: (next > now).then(|| Timestamp::from_micros(next)),
                drained_until: self.budget.drained_until.max(above).map(Timestamp::from_micros),
                keys: self.keys,
            }
        }
    }
}
