//! Budgets of calls: limits, what is used of them, and what is attached.

use super::Seconds;
use serde::{Deserialize, Serialize};

/// All scopes with a limit of their own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LimitList {
    /// By name.
    pub limits: Vec<Limit>,
}

/// A scope, its limit, and how much of it is used.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Limit {
    /// The scope; `slack:team-7` is a key of the template `slack`.
    pub scope: String,
    /// Permits per window.
    pub permits: u32,
    /// The window.
    pub window_seconds: Seconds,
    /// How permits are spread over a window.
    pub mode: LimitMode,
    /// The template that it has its limit from; `null` if it has its own.
    pub inherited_from: Option<String>,
    /// Whether a person set it, so that the limit in the program's code does not undo it.
    pub set_by_operator: bool,
    /// Grows with each edit.
    pub version: i64,
    /// Permits that count in the window that ends now.
    pub used: u32,
    /// Permits that could be given now.
    pub free: u32,
    /// When the next permit could be given; `null` if one can now.
    pub next_at: Option<String>,
    /// Nothing is given before; `null` if it is not drained.
    pub drained_until: Option<String>,
    /// Keyed scopes of this template of which something is counted.
    pub keys: u32,
    /// Queues and kinds each of whose jobs takes a permit when it is claimed.
    pub attached: Vec<Attached>,
}

/// How permits are spread over a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum LimitMode {
    /// As they are asked for.
    Sliding,
    /// Evenly.
    Smooth,
    /// A mode that this version does not know.
    #[serde(other)]
    Unknown,
}

/// What a scope is attached to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Attached {
    /// This queue.
    Queue(String),
    /// This kind.
    Kind(String),
}

/// What came of a removal or a detachment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LimitChanged {
    /// Whether there was anything to change.
    pub changed: bool,
}
