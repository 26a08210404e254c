//! Requests for metrics, logs and errors.

use crate::cases::{Case, ask};

pub(crate) fn all() -> Vec<Case> {
    [of_metrics(), of_logs(), of_errors()].into_iter().flatten().collect()
}

fn of_metrics() -> Vec<Case> {
    let mut all = vec![
        ask("get_timeline", "").gives(200, r#""of":"all","name":null"#),
        ask("get_timeline", "")
            .query("by=queue&name=nosuch&from=2026-11-01T00:00:00Z&to=2026-11-02T00:00:00Z&points=10")
            .gives(200, r#""step_seconds":10800"#),
        ask("get_timeline", "").query("by=kind&lines=1").gives(200, r#""left_out":"#),
        ask("get_totals", "")
            .query("by=queue&name=mail&last_seconds=600")
            .gives(200, r#""name":"mail","sum":{"enqueued":12"#),
        ask("get_totals", "").query("by=queue&host=nowhere,none").gives(200, r#""totals":[]"#),
        ask("get_resources", "").query("host=nowhere").gives(200, r#""processes":[]"#),
        ask("get_resources", "").query("process=x").gives(200, r#""processes":[]"#),
        ask("get_timeline", "").query("name=mail").gives(422, r#""field":"name""#),
        ask("get_timeline", "").query("by=queue&name=a%20b").gives(422, r#""field":"name""#),
        ask("get_timeline", "").query("by=host").gives(422, "by"),
        ask("get_totals", "").query("lines=0").gives(422, r#""field":"lines""#),
    ];
    for route in ["get_timeline", "get_totals", "get_resources"] {
        for (query, holds) in [
            ("points=1", r#""field":"points""#),
            ("points=1000000", r#""field":"points""#),
            ("from=yesterday", r#""field":"from""#),
            ("to=9999-12-31T23:59:59Z", r#""field":"to""#),
            ("from=2026-11-02T00:00:00Z&to=2026-11-01T00:00:00Z", r#""field":"from""#),
            ("from=2026-11-02T00:00:00Z&last_seconds=1", r#""field":"last_seconds""#),
            ("last_seconds=-1", r#""field":"last_seconds""#),
            ("last_seconds=1e300", r#""field":"last_seconds""#),
            ("last_seconds=NaN", r#""field":"last_seconds""#),
        ] {
            all.push(ask(route, "").query(query).gives(422, holds));
        }
    }
    all
}

fn of_logs() -> Vec<Case> {
    vec![
        ask("get_job_log", "{running-1}")
            .gives(200, r#""message":"step 1","fields":{"password":"[redacted]"}"#),
        ask("get_job_log", "{running-1}").query("limit=1").gives(200, r#""more":true"#),
        ask("get_job_log", "{running-1}").query("claim_no=999").gives(200, r#"{"lines":[],"next":null"#),
        ask("get_job_log", "{running-2}").gives(200, r#""lines":[]"#),
        ask("get_job_log", "{running-1}").query("limit=0").gives(422, r#""field":"limit""#),
        ask("get_job_log", "{running-1}").query("after=7").gives(422, r#""field":"after""#),
        ask("get_job_log", "{unknown}").gives(404, "there is no job"),
        ask("get_job_log", "x").gives(422, r#""field":"id""#),
    ]
}

fn of_errors() -> Vec<Case> {
    vec![
        ask("list_errors", "").gives(200, r#""message":"row <n> is odd","count":3"#),
        ask("list_errors", "").query("queue=even&kind=even.row&sort=frequent").gives(200, r#""count":2"#),
        ask("list_errors", "").query("limit=1&sort=new").gives(200, r#""more":true"#),
        ask("list_errors", "").query("limit=0").gives(422, r#""field":"limit""#),
        ask("list_errors", "").query("sort=worst").gives(422, "sort"),
        ask("list_errors", "").query("queue=%00").gives(422, r#""field":"queue""#),
        ask("get_error_group", "{odd}").gives(200, r#""queues":[{"queue":"odd","count":3"#),
        ask("get_error_group", "00c0ffee00c0ffee").gives(404, "there is no error group"),
        ask("get_error_group", "%00").gives(404, "there is no error group"),
        ask("retry_error_group", "{odd}").body("{}").gives(200, r#""changed":3,"left":0,"next":null"#),
        ask("list_actions", "").query("action=job.retry").gives(200, r#""count":3"#),
        ask("retry_error_group", "{odd}").body("{}").gives(200, r#""changed":0"#),
        ask("retry_error_group", "{odd}").body(r#"{"after":"1.2.3"}"#).gives(422, r#""field":"after""#),
        ask("retry_error_group", "00c0ffee00c0ffee").body("{}").gives(404, ""),
        ask("drop_error_group", "{even}").body("{}").gives(200, r#""changed":2,"left":0,"next":null"#),
        ask("drop_error_group", "{even}").body(r#"{"after":""}"#).gives(422, r#""field":"after""#),
        ask("drop_error_group", "00c0ffee00c0ffee").body("{}").gives(404, ""),
        // What was counted stays.
        ask("get_error_group", "{even}").gives(200, r#""count":2"#),
    ]
}
