//! An action as storages write it down.

use super::schedule_texts::SpecTexts;
use super::{
    Actor, AttachParams, AuditOutcome, CancelOutcome, DropOutcome, Limited, QueueSettings, RecordParams,
    Retention, RetryOutcome, RunNowOutcome,
};
use crate::JobId;
use crate::limits::{MAX_AUDIT_BYTES, MAX_AUDIT_IDS};
use crate::rate_limit::{RateLimit, RateMode};
use serde_json::{Map, Value, json};

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

/// What came of a verb for a job: a word, and whether it changed something.
pub(super) trait Came {
    fn word(&self) -> &'static str;
    fn changed(&self) -> bool;
}

impl Came for CancelOutcome {
    fn word(&self) -> &'static str {
        match self {
            Self::Cancelled => "cancelled",
            Self::Requested { .. } => "requested",
            Self::AlreadyFinished { .. } => "already_finished",
            Self::Unknown => "unknown",
        }
    }

    fn changed(&self) -> bool {
        matches!(self, Self::Cancelled | Self::Requested { .. })
    }
}

impl Came for RetryOutcome {
    fn word(&self) -> &'static str {
        match self {
            Self::Retried => "retried",
            Self::Refused { .. } => "refused",
            Self::Duplicate { .. } => "duplicate",
            Self::Unknown => "unknown",
        }
    }

    fn changed(&self) -> bool {
        *self == Self::Retried
    }
}

impl Came for RunNowOutcome {
    fn word(&self) -> &'static str {
        match self {
            Self::MadePending => "made_pending",
            Self::AlreadyPending => "already_pending",
            Self::Refused { .. } => "refused",
            Self::Unknown => "unknown",
        }
    }

    fn changed(&self) -> bool {
        *self == Self::MadePending
    }
}

impl Came for DropOutcome {
    fn word(&self) -> &'static str {
        match self {
            Self::Dropped => "dropped",
            Self::Refused { .. } => "refused",
            Self::Unknown => "unknown",
        }
    }

    fn changed(&self) -> bool {
        *self == Self::Dropped
    }
}

/// The ids that a verb names: all of a few, the first of many.
pub(super) fn ids(ids: &[JobId]) -> Value {
    let first: Vec<String> = ids.iter().take(MAX_AUDIT_IDS).map(ToString::to_string).collect();
    json!({ "ids": first, "of": ids.len() })
}

/// How many jobs were changed, and what came of which number of them.
pub(super) fn ends<O: Came>(outcomes: &[O]) -> (u64, Map<String, Value>) {
    let mut counts: Map<String, Value> = Map::new();
    for word in outcomes.iter().map(Came::word) {
        let before = counts.get(word).and_then(Value::as_u64).unwrap_or(0);
        counts.insert(word.to_owned(), (before + 1).into());
    }
    let changed = outcomes.iter().filter(|o| o.changed()).count();
    (u64::try_from(changed).unwrap_or(u64::MAX), counts)
}

pub(super) const fn outcome(count: u64) -> AuditOutcome {
    if count > 0 { AuditOutcome::Done } else { AuditOutcome::Unchanged }
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

/// A schedule, without the payload of its jobs.
pub(super) fn schedule(texts: &SpecTexts, enabled: bool) -> Value {
    let mut fields = match serde_json::from_str(&texts.rest) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    };
    fields.remove("payload");
    fields.insert("expression".into(), texts.expression.clone().into());
    fields.insert("zone".into(), texts.zone.clone().into());
    fields.insert("enabled".into(), enabled.into());
    Value::Object(fields)
}
