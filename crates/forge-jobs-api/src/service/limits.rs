//! Budgets of calls.

use super::queues::duration;
use super::{Api, ApiError};
use crate::wire::{Drain, ErrorCode, Limit, LimitChanged, LimitEdit, LimitList, LimitMode};
use forge_jobs::rate_limit::{RateLimit, Scope};
use forge_jobs::storage::{AttachParams, DrainParams, Limited, SetBy, SetLimitParams};

fn scope(name: &str) -> Result<Scope, ApiError> {
    Ok(Scope::new(name)?)
}

/// A scope in a path: one that is no name is not there.
fn existing(name: &str) -> Result<Scope, ApiError> {
    Scope::new(name).map_err(|_| no_limit(name))
}

fn no_limit(name: &str) -> ApiError {
    let name: String = name.chars().take(64).collect();
    ApiError::new(ErrorCode::NotFound, format!("no limit holds for {name:?}"))
        .with_remedy("give it a limit, or look at the list of limits")
}

impl Api {
    /// All scopes with a limit of their own, by name.
    ///
    /// # Errors
    ///
    /// What reading the storage gave.
    pub async fn limits(&self) -> Result<LimitList, ApiError> {
        let attachments = self.storage.rate_limits.attachments().await?;
        let rows = self.storage.rate_limits.limits(None).await?;
        Ok(LimitList { limits: rows.iter().map(|row| Limit::of(row, &attachments)).collect() })
    }

    /// A scope with the limit that holds for it.
    ///
    /// # Errors
    ///
    /// `not_found` when none holds, and what reading the storage gave.
    pub async fn limit(&self, name: &str) -> Result<Limit, ApiError> {
        self.shown(&existing(name)?).await
    }

    async fn shown(&self, scope: &Scope) -> Result<Limit, ApiError> {
        let row = self.storage.rate_limits.limit(scope, None).await?;
        let row = row.ok_or_else(|| no_limit(scope.as_str()))?;
        let attachments = self.storage.rate_limits.attachments().await?;
        Ok(Limit::of(&row, &attachments))
    }

    /// Gives a scope a limit, or another one; it holds at once. If `expected_version` is given, only if the limit that
    /// holds for it, its own or its template's, has that version.
    ///
    /// # Errors
    ///
    /// `invalid`, `precondition_failed`, and what the storage gave. Nothing is changed then.
    pub async fn set_limit(
        &self,
        name: &str,
        edit: LimitEdit,
        expected_version: Option<i64>,
    ) -> Result<Limit, ApiError> {
        let scope = scope(name)?;
        let limit = RateLimit::new(edit.permits, duration("window_seconds", edit.window_seconds)?);
        let limit = match edit.mode {
            None | Some(LimitMode::Sliding) => limit,
            Some(LimitMode::Smooth) => limit.smooth(),
            Some(LimitMode::Unknown) => {
                return Err(ApiError::invalid("mode", "mode is none of sliding and smooth"));
            }
        };
        let params = SetLimitParams {
            scope: scope.clone(),
            limit,
            by: SetBy::Operator,
            expected_version,
            actor: self.actor(),
            now: None,
        };
        let set = self.storage.rate_limits.set_limit(params).await;
        set.map_err(|e| ApiError::from(e).if_match(expected_version))?;
        self.shown(&scope).await
    }

    /// Takes a scope's own limit away; what it gave stays counted.
    ///
    /// # Errors
    ///
    /// `not_found` when it has none of its own, `conflict` while something attached would be left without a limit, and
    /// what the storage gave.
    pub async fn remove_limit(&self, name: &str) -> Result<LimitChanged, ApiError> {
        if self.storage.rate_limits.remove_limit(&existing(name)?, self.actor()).await? {
            return Ok(LimitChanged { changed: true });
        }
        let text = format!("the scope {name:?} has no limit of its own");
        Err(ApiError::new(ErrorCode::NotFound, text))
    }

    /// Gives nothing of a scope for a while. A drain is never made shorter by another one.
    ///
    /// # Errors
    ///
    /// `not_found`, `invalid`, and what the storage gave.
    pub async fn drain_limit(&self, name: &str, drain: Drain) -> Result<Limit, ApiError> {
        let scope = existing(name)?;
        let wait = duration("seconds", drain.seconds)?;
        self.storage
            .rate_limits
            .drain(DrainParams { scope: scope.clone(), wait, actor: self.actor(), now: None })
            .await?;
        self.shown(&scope).await
    }

    /// Ends the drain of a scope; without one, nothing changes.
    ///
    /// # Errors
    ///
    /// `not_found`, and what the storage gave.
    pub async fn lift_drain(&self, name: &str) -> Result<Limit, ApiError> {
        let scope = existing(name)?;
        self.storage.rate_limits.lift_drain(&scope, self.actor(), None).await?;
        self.shown(&scope).await
    }

    /// Has each job of a queue take a permit of a scope when it is claimed.
    ///
    /// # Errors
    ///
    /// `not_found` for an unknown queue, or a scope for which no limit holds; and what the storage gave.
    pub async fn attach_queue(&self, queue: &str, to: &str) -> Result<Limit, ApiError> {
        ApiError::unless_named("queue", queue)?;
        self.attach(Limited::Queue(queue.to_owned()), to).await
    }

    /// Has each job of a kind take a permit of a scope when it is claimed, in whatever queue.
    ///
    /// # Errors
    ///
    /// `not_found` for a scope for which no limit holds, `invalid` for a bad name, and what the storage gave.
    pub async fn attach_kind(&self, kind: &str, to: &str) -> Result<Limit, ApiError> {
        forge_jobs::check_name("kind", kind)?;
        self.attach(Limited::Kind(kind.to_owned()), to).await
    }

    async fn attach(&self, what: Limited, to: &str) -> Result<Limit, ApiError> {
        let scope = scope(to)?;
        self.storage
            .rate_limits
            .attach(AttachParams { what, scope: Some(scope.clone()), actor: self.actor() })
            .await?;
        self.shown(&scope).await
    }

    /// Lets the jobs of a queue go without a permit. Says whether they took one.
    ///
    /// # Errors
    ///
    /// `not_found` for an unknown queue, and what the storage gave.
    pub async fn detach_queue(&self, queue: &str) -> Result<LimitChanged, ApiError> {
        ApiError::unless_named("queue", queue)?;
        if self.storage.queues.get(queue).await?.is_none() {
            return Err(ApiError::not_found("queue", queue));
        }
        self.detach(Limited::Queue(queue.to_owned())).await
    }

    /// Lets the jobs of a kind go without a permit. Says whether they took one.
    ///
    /// # Errors
    ///
    /// `invalid` for a bad name, and what the storage gave.
    pub async fn detach_kind(&self, kind: &str) -> Result<LimitChanged, ApiError> {
        forge_jobs::check_name("kind", kind)?;
        self.detach(Limited::Kind(kind.to_owned())).await
    }

    async fn detach(&self, what: Limited) -> Result<LimitChanged, ApiError> {
        let changed =
            self.storage.rate_limits.attach(AttachParams { what, scope: None, actor: self.actor() }).await?;
        Ok(LimitChanged { changed })
    }
}
