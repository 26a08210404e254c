//! When a cron expression fires.

use serde::{Deserialize, Serialize};

/// The next fires of an expression.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CronPreview {
    /// The expression in its canonical form.
    pub expression: String,
    /// The time zone, as the IANA database spells it.
    pub zone: String,
    /// What the expression means, in English.
    pub description: String,
    /// The fires asked for are later than this. RFC 3339 with the zone's offset.
    pub from: String,
    /// The fires in order, RFC 3339 with the zone's offset. Fewer than asked for only at the end of the year 9999.
    pub fires: Vec<String>,
}
