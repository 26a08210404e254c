//! Taking guards out of the SQL, to see that a rule notices.

use super::schema::{STEPS, Schema};
use crate::storage::guard::Guard;

impl Guard {
    /// The function that holds it, and what of its text is replaced by what.
    const fn mutation(self) -> (&'static str, &'static [(&'static str, &'static str)]) {
        const CLAIM_MATCHES: &[(&str, &str)] =
            &[(" AND r.claim_no = m.claim_no AND r.process = v_process", "")];
        match self {
            Self::Claim => (
                "claim",
                &[
                    (
                        "DELETE FROM {schema}.ready r USING picked WHERE r.ctid = picked.tid\n                RETURNING r.id, r.due_at, r.priority",
                        "SELECT r.id, r.due_at, r.priority FROM {schema}.ready r JOIN picked ON r.ctid = picked.tid",
                    ),
                    (
                        "v_want.no, j.flags FROM job j",
                        "v_want.no, j.flags FROM job j ON CONFLICT ON CONSTRAINT running_pkey DO UPDATE SET claim_no = excluded.claim_no",
                    ),
                ],
            ),
            Self::Registration => ("claim", &[(" AND p.ended_at IS NULL", "")]),
            Self::Finish => ("finish", CLAIM_MATCHES),
            Self::Release => ("release", CLAIM_MATCHES),
            Self::Heartbeat => ("heartbeat", &[(" AND p.ended_at IS NULL", "")]),
            Self::Reap => ("reap", &[("v_now - p.beat_at > p_stale_after", "true")]),
            Self::Dedupe => (
                "take_key",
                &[(
                    "ON CONFLICT (kind, key) DO NOTHING",
                    "ON CONFLICT (kind, key) DO UPDATE SET id = excluded.id",
                )],
            ),
            Self::Cancel => {
                ("settle", &[("e.cancelled AND (e.what <> 3 OR e.reason = 0) AS dies", "false AS dies")])
            }
            Self::Bound => ("claim", &[("IF v_want.max_running IS NOT NULL THEN", "IF false THEN")]),
            Self::Lead => (
                "heartbeat",
                &[
                    ("l.name = 'leader' AND l.holder <> p_id AND l.until > v_now", "false"),
                    ("\n            WHERE l.holder = excluded.holder OR l.until <= v_now", ""),
                ],
            ),
            Self::Budget => ("budget_at", &[("AND u.count > 0 GROUP BY 1", "AND false GROUP BY 1")]),
            Self::Key => ("take_slots", &[("v_holder <> v_job.id", "false")]),
            Self::Pause => ("claim", &[("CONTINUE WHEN v_want.paused;", "")]),
            Self::Tick => (
                "fire",
                &[
                    ("IF v_tick.fire <= v_row.handled_until THEN", "IF false THEN"),
                    (
                        "v_outcome = 0, v_now)\n            ON CONFLICT (schedule, fire_at) DO NOTHING;",
                        "v_outcome = 0, v_now)\n            ON CONFLICT (schedule, fire_at) DO UPDATE SET job = excluded.job;",
                    ),
                ],
            ),
            Self::Roll => ("roll", &[("DELETE FROM {schema}.tape t WHERE t.no = ANY (p_pieces);", "")]),
            Self::ScheduleVersion => ("fire", &[("v_row.version <> v_member.version", "false")]),
            Self::ScheduleOwner => (
                "put_schedule",
                &[
                    ("IF v_before.owner = 0 THEN", "IF true THEN"),
                    ("IF v_before.enabled = v_before.code_enabled THEN", "IF true THEN"),
                ],
            ),
        }
    }

    /// The statement that puts the function without this guard into a database.
    ///
    /// # Panics
    ///
    /// If the SQL does not hold the guard any more: then this table is out of date.
    pub(super) fn without(self, schema: &Schema) -> String {
        let (function, replacements) = self.mutation();
        let mut text = definition(function);
        for (guard, instead) in replacements {
            assert!(text.contains(guard), "{function} does not say {guard:?}");
            text = text.replace(guard, instead);
        }
        schema.render(&text.replacen("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION", 1))
    }
}

/// The statement that creates a function.
fn definition(function: &str) -> String {
    let head = format!("CREATE FUNCTION {{schema}}.{function}(");
    // As the latest step has it.
    let mut parts = STEPS.iter().flat_map(|step| step.iter()).rev();
    let found = parts.find_map(|part| {
        let text = &part[part.find(&head)?..];
        text.find("\n$$;").map(|end| text[..end + 4].to_owned())
    });
    found.unwrap_or_else(|| panic!("there is no function {function}"))
}
