//! An action as storages write it down.

#[cfg(feature = "postgres")]
use super::AuditOutcome;
use super::{Actor, AttachParams, Limited, QueueSettings, RecordParams, Retention};
use crate::JobId;
use crate::limits::{MAX_AUDIT_BYTES, MAX_AUDIT_IDS};
use crate::rate_limit::{RateLimit, RateMode};
use serde_json::{Value, json};

/// An action, before it is known what comes of it.
#[derive(Clone, Debug)]
pub(super) struct Entry<'a> {
    pub(super) actor: &'a Actor,
    pub(super) action: &'a str,
    pub(super) what: &'a str,
    pub(super) target: Option<&'a str>,
    pub(super) before: Option<String>,
    pub(super) after: Option<String>,
    pub(super) detail: Option<String>,
}

impl<'a> Entry<'a> {
    pub(super) const fn new(
        actor: &'a Actor,
        action: &'a str,
        what: &'a str,
        target: Option<&'a str>,
    ) -> Self {
        Self { actor, action, what, target, before: None, after: None, detail: None }
    }

    pub(super) fn of(params: &'a RecordParams) -> Self {
        Self::new(&params.actor, &params.action, &params.what, params.target.as_deref())
    }

    /// With settings before and after.
    pub(super) fn with_change(mut self, before: Option<Value>, after: Option<Value>) -> Self {
        (self.before, self.after) = (before.map(|b| text(&b)), after.map(|a| text(&a)));
        self
    }

    /// With those settings of both that differ.
    pub(super) fn changing(self, before: &Value, after: &Value) -> Self {
        self.with_change(Some(differs(before, after)), Some(differs(after, before)))
    }

    pub(super) fn with_detail(mut self, detail: &Value) -> Self {
        self.detail = Some(text(detail));
        self
    }

    /// As the schema's functions take it.
    #[cfg(feature = "postgres")]
    pub(super) fn to_json(&self) -> String {
        self.json().to_string()
    }

    /// The same, of an action whose end is known.
    #[cfg(feature = "postgres")]
    pub(super) fn ending(&self, outcome: AuditOutcome) -> String {
        let mut json = self.json();
        json["outcome"] = outcome.as_str().into();
        json.to_string()
    }

    #[cfg(feature = "postgres")]
    fn json(&self) -> Value {
        json!({
            "actor": self.actor.name(),
            "role": self.actor.role().map(super::Role::as_str),
            "source": self.actor.source().as_str(),
            "address": self.actor.address(),
            "action": self.action,
            "what": self.what,
            "target": self.target,
            "before": self.before,
            "after": self.after,
            "detail": self.detail,
        })
    }
}

/// The fields of an object that another one has not, or has otherwise.
fn differs(of: &Value, from: &Value) -> Value {
    let fields = of.as_object().into_iter().flatten();
    Value::Object(
        fields.filter(|(k, v)| from.get(*k) != Some(v)).map(|(k, v)| (k.clone(), v.clone())).collect(),
    )
}

/// A value as text, within the bound.
fn text(value: &Value) -> String {
    let text = value.to_string();
    if text.len() <= MAX_AUDIT_BYTES { text } else { json!({ "cut": text.len() }).to_string() }
}

/// The ids that a verb names: all of a few, the first of many.
pub(super) fn ids(ids: &[JobId]) -> Value {
    let first: Vec<String> = ids.iter().take(MAX_AUDIT_IDS).map(ToString::to_string).collect();
    json!({ "ids": first, "of": ids.len() })
}

/// A queue's settings.
pub(super) fn settings(s: &QueueSettings) -> Value {
    let kept = |r: Retention| match r {
        Retention::For(d) => json!(d.as_secs_f64()),
        Retention::Forever => json!("forever"),
    };
    json!({
        "workers": s.workers,
        "paused": s.paused,
        "backoff_enabled": s.backoff.enabled,
        "base_seconds": s.backoff.base.as_secs_f64(),
        "max_seconds": s.backoff.max.as_secs_f64(),
        "done_retention_seconds": kept(s.done_retention),
        "dead_retention_seconds": kept(s.dead_retention),
        "max_running": s.max_running,
    })
}

/// What an edit of a queue is called.
pub(super) const fn queue_action(before: &QueueSettings, after: &QueueSettings) -> &'static str {
    match (before.paused, after.paused) {
        (false, true) => "queue.pause",
        (true, false) => "queue.resume",
        _ => "queue.set",
    }
}

/// A limit.
pub(super) fn limit(limit: &RateLimit) -> Value {
    let mode = if limit.mode == RateMode::Smooth { "smooth" } else { "sliding" };
    json!({ "permits": limit.permits, "window_seconds": limit.window.as_secs_f64(), "mode": mode })
}

/// What an attachment is called, and what is attached.
pub(super) const fn attach_action(params: &AttachParams) -> (&'static str, &'static str, &str) {
    let action = if params.scope.is_some() { "limit.attach" } else { "limit.detach" };
    match &params.what {
        Limited::Queue(name) => (action, "queue", name.as_str()),
        Limited::Kind(name) => (action, "kind", name.as_str()),
    }
}
