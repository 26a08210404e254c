//! The schema's SQL, for a schema of a given name.

use crate::Timestamp;
use crate::limits::{
    BACKOFF_BASE, BACKOFF_MAX, CLOCK_CORRECTION, DEAD_RETENTION, DEFAULT_MAX_ATTEMPTS, DEFAULT_WORKERS,
    DONE_RETENTION, MAX_ATTEMPT_RECORDS, MAX_CRASHES, MAX_DEDUPE_KEY_BYTES, MAX_DEDUPE_PERIOD,
    MAX_MAX_ATTEMPTS, MAX_NAME_BYTES, MAX_NOTES, MAX_PAYLOAD_BYTES, MAX_PAYLOAD_DEPTH, MAX_REPLACEMENTS,
    MAX_TAG_BYTES, MAX_TAGS, MAX_TICKS,
};
use crate::limits::{MAX_BUDGETS, MAX_RATE_DRAIN, MAX_RATE_SCOPES, RATE_SUB_WINDOWS};
use std::time::Duration;

/// The steps, each in parts; never edited once released.
pub(super) const STEPS: [&[&str]; 1] = [&[
    include_str!("../../../migrations/postgres/0001_tables.sql"),
    include_str!("../../../migrations/postgres/0001_metrics.sql"),
    include_str!("../../../migrations/postgres/0001_enqueue.sql"),
    include_str!("../../../migrations/postgres/0001_keys.sql"),
    include_str!("../../../migrations/postgres/0001_unique.sql"),
    include_str!("../../../migrations/postgres/0001_finish.sql"),
    include_str!("../../../migrations/postgres/0001_history.sql"),
    include_str!("../../../migrations/postgres/0001_claim.sql"),
    include_str!("../../../migrations/postgres/0001_verbs.sql"),
    include_str!("../../../migrations/postgres/0001_processes.sql"),
    include_str!("../../../migrations/postgres/0001_upkeep.sql"),
    include_str!("../../../migrations/postgres/0001_limits.sql"),
    include_str!("../../../migrations/postgres/0001_schedules.sql"),
    include_str!("../../../migrations/postgres/0001_audit.sql"),
    include_str!("../../../migrations/postgres/0001_edits.sql"),
    include_str!("../../../migrations/postgres/0001_views.sql"),
    include_str!("../../../migrations/postgres/0001_public.sql"),
]];

/// Ended registrations are kept this long at least, so that the process of an attempt can be named.
const KEEP_ENDED: Duration = Duration::from_secs(30 * 86_400);

/// Names and numbers that the SQL of one schema is made with.
#[derive(Clone, Debug)]
pub(super) struct Schema {
    name: String,
}

impl Schema {
    /// `name` was checked when the settings were read.
    pub(super) fn new(name: &str) -> Self {
        Self { name: name.to_owned() }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Where wake-ups are told.
    pub(super) fn channel(&self) -> String {
        format!("{}_jobs", self.name)
    }

    /// The class of this schema's advisory locks: those of other schemas, and of the host program, have others, but
    /// for chance, and then they wait for each other now and then.
    pub(super) fn lock(&self) -> i32 {
        self.hash("locks")
    }

    fn hash(&self, what: &str) -> i32 {
        // FNV-1a.
        let bytes = what.bytes().chain([0]).chain(self.name.bytes());
        let hash = bytes.fold(0x811c_9dc5_u32, |h, b| (h ^ u32::from(b)).wrapping_mul(0x0100_0193));
        hash.cast_signed()
    }

    /// A statement with the schema's name put in.
    pub(super) fn text(&self, template: &str) -> String {
        template.replace("{schema}", &format!("\"{}\"", self.name))
    }

    /// A part of a migration with everything put in.
    pub(super) fn render(&self, part: &str) -> String {
        let micros = |d: Duration| d.as_micros().to_string();
        let values: Vec<(&str, String)> = vec![
            ("lock", self.lock().to_string()),
            ("cap_lock", self.hash("bounds").to_string()),
            ("channel", format!("'{}'", self.channel())),
            ("backoff_base", micros(BACKOFF_BASE)),
            ("backoff_max", micros(BACKOFF_MAX)),
            ("done_retention", micros(DONE_RETENTION)),
            ("dead_retention", micros(DEAD_RETENTION)),
            ("keep_ended", micros(KEEP_ENDED)),
            ("workers", DEFAULT_WORKERS.to_string()),
            ("first_time", format!("({})", Timestamp::MIN.as_micros())),
            ("last_time", Timestamp::MAX.as_micros().to_string()),
            ("first_id", "'00000000-0000-0000-0000-000000000000'::uuid".into()),
            ("max_notes", MAX_NOTES.to_string()),
            ("max_crashes", MAX_CRASHES.to_string()),
            ("process_died", "'its process died'".into()),
            ("max_attempt_records", MAX_ATTEMPT_RECORDS.to_string()),
            ("max_name", MAX_NAME_BYTES.to_string()),
            ("max_payload", MAX_PAYLOAD_BYTES.to_string()),
            ("max_depth", MAX_PAYLOAD_DEPTH.to_string()),
            ("default_max_attempts", DEFAULT_MAX_ATTEMPTS.to_string()),
            ("max_max_attempts", MAX_MAX_ATTEMPTS.to_string()),
            ("max_key", MAX_DEDUPE_KEY_BYTES.to_string()),
            ("max_tags", MAX_TAGS.to_string()),
            ("max_tag", MAX_TAG_BYTES.to_string()),
            ("limit_lock", self.hash("limits").to_string()),
            ("sub_windows", RATE_SUB_WINDOWS.to_string()),
            ("sub_windows_kept", crate::rate_limit::KEPT.to_string()),
            ("max_drain", micros(MAX_RATE_DRAIN)),
            ("max_budgets", MAX_BUDGETS.to_string()),
            ("max_scopes", MAX_RATE_SCOPES.to_string()),
            ("max_ticks", MAX_TICKS.to_string()),
            ("max_dedupe_period", micros(MAX_DEDUPE_PERIOD)),
            ("max_replacements", MAX_REPLACEMENTS.to_string()),
            ("clock_correction", micros(CLOCK_CORRECTION)),
            ("max_audit", crate::limits::MAX_AUDIT_BYTES.to_string()),
        ];
        let mut text = self.text(part);
        for (name, value) in values {
            text = text.replace(&format!("{{{name}}}"), &value);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_blank_in_the_sql_is_filled() {
        let schema = Schema::new("forge");
        for part in STEPS.iter().flat_map(|step| step.iter()) {
            let text = schema.render(part);
            for (at, _) in text.match_indices('{') {
                // An empty array, and an empty object in a text, are no blanks.
                let after = &text[at + 1..];
                assert!(after.starts_with(['}', '1', '\'']), "{}", &text[at..(at + 40).min(text.len())]);
            }
        }
    }

    #[test]
    fn schemas_have_locks_of_their_own() {
        let (a, b) = (Schema::new("forge"), Schema::new("forge2"));
        assert_ne!(a.lock(), b.lock());
        assert_ne!(a.lock(), a.hash("bounds"));
    }
}
