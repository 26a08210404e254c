//! Requests for filters, counts and verbs on many jobs.

use crate::cases::{Case, ask};

pub(crate) fn all() -> Vec<Case> {
    let mut all = vec![
        ask("list_jobs", "").query("queue=mail,nosuch&limit=1").gives(200, r#""unknown":["queue"]"#),
        ask("list_jobs", "").query("queue=mail&payload=no+such+text").gives(200, r#""jobs":[]"#),
        ask("list_jobs", "").query("kind=mail.*&statuses=dead,done&limit=1").gives(200, r#""tags":["t"]"#),
        ask("list_jobs", "").query("kind=%2A").gives(422, r#""field":"kind""#),
        ask("list_jobs", "").query("statuses=dead,frozen").gives(422, r#""field":"statuses""#),
        ask("list_jobs", "").query("status=dead&statuses=dead").gives(422, r#""field":"statuses""#),
        ask("list_jobs", "").query("created_from=yesterday").gives(422, r#""field":"created_from""#),
        ask("list_jobs", "")
            .query("due_from=2026-01-02T00:00:00Z&due_until=2026-01-01T00:00:00Z")
            .gives(422, r#""field":"due_until""#),
        ask("list_jobs", "").query("payload=a%00").gives(422, r#""field":"payload""#),
        ask("count_jobs", "").query("queue=mail&status=scheduled").gives(200, r#""count":4,"more":false"#),
        ask("count_jobs", "").query("kind=nosuch").gives(200, r#""unknown":["kind"]"#),
        ask("count_jobs", "").query("limit=5").gives(422, r#""field":"limit""#),
        ask("preview_bulk", "")
            .body(r#"{"verb":"retry","filter":{"queue":"mail"}}"#)
            .gives(200, r#""status":"pending""#),
        ask("preview_bulk", "")
            .body(r#"{"verb":"cancel","ids":["{dead-2}","{unknown}","{pending-3}"]}"#)
            .gives(200, r#""status":"dead""#),
        ask("preview_bulk", "").body(r#"{"verb":"drop"}"#).gives(422, r#""field":"filter""#),
        ask("preview_bulk", "")
            .body(r#"{"verb":"drop","filter":{"queue":"nosuch"}}"#)
            .gives(404, r#"there is no queue \"nosuch\""#),
        ask("bulk_run_now", "")
            .body(r#"{"filter":{"queue":"mail","kind":"mail.*","payload":"4"},"at_most":10}"#)
            .gives(200, r#"{"outcome":"made_pending","jobs":1}"#),
        ask("bulk_cancel", "")
            .body(r#"{"filter":{"queue":"mail","status":"pending","payload":"4"},"at_most":1}"#)
            .gives(200, r#""stopped":true"#),
        ask("bulk_retry", "")
            .body(r#"{"filter":{"queue":"mail","status":"dead","payload":"3"},"at_most":10}"#)
            .gives(200, r#"{"outcome":"retried","jobs":1}"#),
        ask("bulk_drop", "")
            .body(r#"{"filter":{"queue":"mail","status":"dead","payload":"4"},"at_most":10}"#)
            .gives(200, r#""next":null,"stopped":false"#),
        ask("bulk_retry", "")
            .body(r#"{"filter":{"queue":"held","status":"running"},"at_most":10}"#)
            .gives(422, "cannot be retried"),
    ];
    all.extend(of_edits());
    all.push(ask("get_database", "").gives(200, r#""rows":{"count":"#));
    for route in ["bulk_cancel", "bulk_retry", "bulk_run_now", "bulk_drop"] {
        all.push(
            ask(route, "")
                .body(r#"{"filter":{"queue":"nosuch"},"at_most":1}"#)
                .gives(404, "there is no queue"),
        );
        all.push(
            ask(route, "")
                .body(r#"{"filter":{"kind":"nosuch*"},"at_most":1}"#)
                .gives(404, "there is no kind"),
        );
        all.push(ask(route, "").body(r#"{"filter":{},"at_most":0}"#).gives(422, r#""field":"at_most""#));
        all.push(
            ask(route, "").body(r#"{"filter":{},"at_most":1,"after":"x"}"#).gives(422, r#""field":"after""#),
        );
    }
    all
}

fn of_edits() -> Vec<Case> {
    vec![
        ask("edit_job", "{scheduled-2}")
            .body(r#"{"payload":{ "to":"ada" },"priority":-3,"tags":["x"]}"#)
            .gives(200, r#""payload":{ "to":"ada" }"#),
        ask("edit_job", "{scheduled-2}")
            .body(r#"{"run_at":"2099-01-01T00:00:00Z"}"#)
            .with(&[("If-Match", "\"1\"")])
            .gives(412, "precondition_failed"),
        ask("edit_job", "{scheduled-2}").body(r#"{"run_at":"tomorrow"}"#).gives(422, r#""field":"run_at""#),
        ask("edit_job", "{scheduled-2}").body(r#"{"payload":"\u0000"}"#).gives(422, r#""field":"payload""#),
        ask("edit_job", "{scheduled-2}").body(r#"{"tags":["\n"]}"#).gives(422, r#""field":"tags""#),
        ask("edit_job", "{scheduled-2}").body(r#"{"queue":"nosuch"}"#).gives(404, "there is no queue"),
        ask("edit_job", "{scheduled-2}").body("{}").gives(422, "nothing to change"),
        ask("edit_job", "{running-1}").body(r#"{"priority":1}"#).gives(409, "is running"),
        ask("edit_job", "{unknown}").body(r#"{"priority":1}"#).gives(404, "there is no job"),
        ask("list_actions", "").query("action=job.edit").gives(200, r#""hash":"#),
    ]
}
