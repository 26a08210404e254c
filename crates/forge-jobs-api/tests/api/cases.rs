//! The table of requests: each route with what succeeds, and what does not.

/// A request, and what must come of it.
pub(crate) struct Case {
    /// The route's name in the document.
    pub(crate) route: &'static str,
    /// What stands in the path at the place of its name.
    pub(crate) name: &'static str,
    pub(crate) query: &'static str,
    pub(crate) headers: &'static [(&'static str, &'static str)],
    pub(crate) body: Option<&'static str>,
    pub(crate) status: u16,
    /// What the answer must hold.
    pub(crate) holds: &'static str,
}

impl Case {
    pub(crate) const fn query(mut self, query: &'static str) -> Self {
        self.query = query;
        self
    }

    pub(crate) const fn body(mut self, body: &'static str) -> Self {
        self.body = Some(body);
        self
    }

    pub(crate) const fn with(mut self, headers: &'static [(&'static str, &'static str)]) -> Self {
        self.headers = headers;
        self
    }

    pub(crate) const fn gives(mut self, status: u16, holds: &'static str) -> Self {
        self.status = status;
        self.holds = holds;
        self
    }
}

pub(crate) const fn ask(route: &'static str, name: &'static str) -> Case {
    Case { route, name, query: "", headers: &[], body: None, status: 200, holds: "" }
}

const SCHEDULE: &str =
    r#"{"expression":"*/5 * * * *","kind":"report","payload":{"a":1.50},"zone":"Europe/Berlin"}"#;

/// All cases, in order: later ones see what earlier ones did.
pub(crate) fn all() -> Vec<Case> {
    let parts = [
        of_server(),
        crate::look_cases::all(),
        of_queues(),
        of_jobs(),
        crate::bulk_cases::all(),
        of_verbs(),
        of_schedules(),
        of_limits(),
    ];
    parts.into_iter().flatten().collect()
}

fn of_server() -> Vec<Case> {
    vec![
        ask("get_overview", "").gives(200, r#""live_processes":1"#),
        ask("get_me", "").gives(200, r#""role":"admin""#),
        ask("list_processes", "").gives(200, r#""host":"box""#),
        ask("get_process", "{process}").gives(200, r#""pid":7"#),
        ask("get_process", "{unknown}").gives(404, "there is no process"),
        ask("list_actions", "").gives(200, r#""actions":["#),
        ask("list_actions", "").query("since=yesterday").gives(422, r#""field":"since""#),
        ask("list_actions", "").query("limit=0").gives(422, r#""field":"limit""#),
        ask("check_up", "").gives(200, r#""healthy":"#),
        ask("stream_events", ""),
        ask("get_openapi", "").gives(200, r#""openapi":"3.1.0""#),
        ask("log_in", "").body(r#"{"token":"{admin}"}"#).gives(200, r#""name":"admin""#),
        ask("log_in", "").body(r#"{"token":"no such token"}"#).gives(401, "unauthenticated"),
        ask("log_in", "").body(r#"{"token":1}"#).gives(422, r#""field":"token""#),
        ask("log_out", "").gives(204, ""),
    ]
}

fn of_queues() -> Vec<Case> {
    vec![
        ask("list_queues", "").gives(200, r#""name":"mail""#),
        ask("get_queue", "mail").gives(200, r#""workers":3"#),
        ask("get_queue", "nosuch").gives(404, r#"there is no queue \"nosuch\""#),
        ask("get_queue", "n%00l").gives(404, "there is no queue"),
        ask("edit_queue", "mail")
            .body(r#"{"max_running":5}"#)
            .with(&[("If-Match", "\"{mail-version}\"")])
            .gives(200, r#""max_running":5"#),
        ask("edit_queue", "mail")
            .body(r#"{"max_running":null}"#)
            .with(&[("If-Match", "\"{mail-version}\"")])
            .gives(412, "precondition_failed"),
        ask("edit_queue", "mail")
            .body(r#"{"max_running":null}"#)
            .with(&[("If-Match", "W/x")])
            .gives(400, "If-Match"),
        ask("edit_queue", "mail")
            .body(r#"{"max_running":null,"done_retention_seconds":"forever"}"#)
            .gives(200, r#""max_running":null"#),
        ask("edit_queue", "mail").body(r#"{"workers":9999}"#).gives(422, r#""field":"workers""#),
        ask("edit_queue", "mail").body(r#"{"base_seconds":-1}"#).gives(422, r#""field":"base_seconds""#),
        ask("edit_queue", "mail").body("{}").gives(422, "nothing to change"),
        ask("edit_queue", "mail").body(r#"{"wokers":1}"#).gives(422, "wokers"),
        ask("edit_queue", "nosuch").body(r#"{"workers":1}"#).gives(404, "not_found"),
        ask("pause_queue", "mail").gives(200, r#""paused":true"#),
        ask("list_actions", "")
            .query("action=queue.pause&target=mail")
            .gives(200, r#""actor":"admin","role":"admin","source":"api","address":"127.0.0.1""#),
        ask("pause_queue", "mail").with(&[("If-Match", "\"1\"")]).gives(412, ""),
        ask("pause_queue", "nosuch").gives(404, ""),
        ask("resume_queue", "mail").gives(200, r#""paused":false"#),
        ask("resume_queue", "mail").with(&[("If-Match", "\"1\"")]).gives(412, ""),
        ask("resume_queue", "nosuch").gives(404, ""),
        ask("attach_queue", "mail")
            .body(r#"{"scope":"slack"}"#)
            .gives(200, r#""attached":[{"queue":"mail"}]"#),
        ask("attach_queue", "mail").body(r#"{"scope":"sl ack"}"#).gives(422, r#""field":"scope""#),
        ask("attach_queue", "mail").body(r#"{"scope":"nosuch"}"#).gives(404, r#""remedy":"give it a limit"#),
        ask("attach_queue", "nosuch").body(r#"{"scope":"slack"}"#).gives(404, ""),
        ask("detach_queue", "mail").gives(200, r#"{"changed":true}"#),
        ask("detach_queue", "mail").gives(200, r#"{"changed":false}"#),
        ask("detach_queue", "nosuch").gives(404, ""),
    ]
}

fn of_jobs() -> Vec<Case> {
    vec![
        ask("list_jobs", "").query("queue=mail&status=dead&tag=t&limit=2").gives(200, r#""next":""#),
        ask("list_jobs", "").query("queue=nosuch&kind=mail.send").gives(200, r#""unknown":["queue"]"#),
        ask("list_jobs", "").query("limit=0").gives(422, r#""field":"limit""#),
        ask("list_jobs", "").query("limit=1000000000").gives(422, r#""field":"limit""#),
        ask("list_jobs", "").query("limit=-1").gives(422, ""),
        ask("list_jobs", "").query("status=frozen").gives(422, r#""field":"status""#),
        ask("list_jobs", "").query("status=done&dead_reason=poison").gives(422, r#""field":"dead_reason""#),
        ask("list_jobs", "").query("queue=%00").gives(422, r#""field":"queue""#),
        ask("list_jobs", "").query("kind=%27%20OR%201").gives(422, r#""field":"kind""#),
        ask("list_jobs", "").query("tag=a%00").gives(422, r#""field":"tag""#),
        ask("list_jobs", "").query("tag=%25%27%3B--").gives(200, r#""jobs":[]"#),
        ask("pause_queue", "%00").gives(404, ""),
        ask("attach_queue", "%00").body(r#"{"scope":"slack"}"#).gives(404, ""),
        ask("detach_queue", "%00").gives(404, ""),
        ask("get_schedule", "%00").gives(404, ""),
        ask("list_ticks", "%00").gives(404, ""),
        ask("pause_schedule", "%00").gives(404, ""),
        ask("run_schedule", "%00").gives(404, ""),
        ask("remove_schedule", "%00").gives(404, ""),
        ask("edit_schedule", "%00").body(r#"{"priority":5}"#).gives(404, ""),
        ask("get_limit", "%00").gives(404, ""),
        ask("lift_drain", "%00").gives(404, ""),
        ask("get_process", "%00").gives(404, ""),
        ask("get_queue", "%FF").gives(404, ""),
        ask("list_jobs", "").query("after=1.2.3").gives(422, r#""field":"after""#),
        ask("list_jobs", "").query("statsu=dead").gives(422, "statsu"),
        ask("list_jobs", "").query("queue=a&queue=b").gives(422, "duplicate"),
        ask("enqueue_job", "")
            .body(r#"{"kind":"mail.send","payload":{ "b":1.50 },"queue":"mail"}"#)
            .gives(201, r#""outcome":"inserted""#),
        ask("enqueue_job", "")
            .body(r#"{"kind":"mail.send","payload":1,"id":"{dead-4}"}"#)
            .gives(409, r#""field":"id""#),
        ask("enqueue_job", "")
            .body(r#"{"kind":"k","payload":7,"id":"01890a5d-ac96-774b-bcce-b302099a8057"}"#)
            .gives(201, ""),
        ask("enqueue_job", "")
            .body(r#"{"kind":"k","payload":7,"id":"01890a5d-ac96-774b-bcce-b302099a8057"}"#)
            .gives(200, r#""outcome":"already_there""#),
        ask("enqueue_job", "").body(r#"{"kind":"mail send","payload":1}"#).gives(422, r#""field":"kind""#),
        ask("enqueue_job", "").body(r#"{"kind":"k","payload":"\u0000"}"#).gives(422, r#""field":"payload""#),
        ask("enqueue_job", "").body(r#"{"kind":"k","payload":"\ud800"}"#).gives(422, r#""field":"payload""#),
        ask("enqueue_job", "")
            .body(r#"{"kind":"k","payload":1,"run_at":"tomorrow"}"#)
            .gives(422, r#""field":"run_at""#),
        ask("enqueue_job", "")
            .body(r#"{"kind":"k","payload":1,"priority":70000}"#)
            .gives(422, r#""field":"priority""#),
        ask("enqueue_job", "").body(r#"{"kind":"k"}"#).gives(422, "payload"),
        ask("enqueue_jobs", "")
            .body(r#"{"jobs":[{"kind":"k","payload":1},{"kind":"k"},{"kind":"k k","payload":1}]}"#)
            .gives(200, r#""error":{"code":"invalid""#),
        ask("enqueue_jobs", "")
            .body(r#"{"jobs":[{"kind":"k","payload":1},["k",1]]}"#)
            .gives(422, r#""field":"jobs[1]""#),
        ask("enqueue_jobs", "").body(r#"{"jobs":[]}"#).gives(422, r#""field":"jobs""#),
        ask("get_job", "{pending-1}").gives(200, r#""status":"pending""#),
        ask("get_job", "{unknown}").gives(404, "there is no job"),
        ask("get_job", "12").gives(422, r#""field":"id""#),
        ask("explain_job", "{scheduled-1}").gives(200, r#""reason":"not_due""#),
        ask("explain_job", "{unknown}").gives(404, ""),
        ask("explain_job", "x").gives(422, ""),
        ask("drop_job", "{dead-1}").gives(200, r#""outcome":"dropped""#),
        ask("drop_job", "{dead-1}").gives(404, ""),
        ask("drop_job", "{running-1}").gives(409, "cancel it first"),
        ask("drop_job", "x").gives(422, ""),
    ]
}

fn of_verbs() -> Vec<Case> {
    let mut all = Vec::new();
    for route in ["cancel_jobs", "retry_jobs", "run_jobs_now", "drop_jobs"] {
        all.push(ask(route, "").body(r#"{"ids":["{unknown}"]}"#).gives(200, r#""outcome":"unknown""#));
        all.push(ask(route, "").body(r#"{"ids":[]}"#).gives(422, r#""field":"ids""#));
        all.push(ask(route, "").body(r#"{"ids":["x"]}"#).gives(422, r#""field":"ids""#));
    }
    for route in ["cancel_job", "retry_job", "run_job_now"] {
        all.push(ask(route, "{unknown}").gives(404, "there is no job"));
        all.push(ask(route, "x").gives(422, r#""field":"id""#));
    }
    all.extend([
        ask("cancel_jobs", "")
            .body(r#"{"ids":["{pending-2}","{dead-2}"]}"#)
            .gives(200, r#""outcome":"already_finished""#),
        ask("cancel_job", "{pending-1}").gives(200, r#""outcome":"cancelled""#),
        ask("cancel_job", "{running-2}").gives(200, r#""outcome":"requested""#),
        ask("cancel_job", "{dead-2}").gives(409, "nothing to cancel"),
        ask("retry_job", "{dead-2}").gives(200, r#""outcome":"retried""#),
        ask("retry_job", "{dead-2}").gives(409, "only dead and retrying jobs"),
        ask("run_job_now", "{scheduled-1}").gives(200, r#""outcome":"made_pending""#),
        ask("run_job_now", "{running-1}").gives(409, "only scheduled and retrying jobs"),
    ]);
    all
}

fn of_schedules() -> Vec<Case> {
    let mut all = vec![
        ask("list_schedules", "").gives(200, r#""name":"nightly""#),
        ask("get_schedule", "nightly").gives(200, r#""kind":"report""#),
        ask("get_schedule", "a%2Fb").gives(200, r#""name":"a/b""#),
        ask("get_schedule", "nosuch").gives(404, "there is no schedule"),
        ask("list_ticks", "nightly").query("limit=1").gives(200, r#"{"ticks":[],"next":null}"#),
        ask("list_ticks", "nightly").query("before=never").gives(422, r#""field":"before""#),
        ask("list_ticks", "nosuch").gives(404, ""),
        ask("put_schedule", "new").body(SCHEDULE).gives(200, r#""payload":{"a":1.50}"#),
        ask("put_schedule", "new").body(r#"{"expression":"* * * * *"}"#).gives(422, r#""field":"kind""#),
        ask("put_schedule", "n!w").body(SCHEDULE).gives(422, r#""field":"name""#),
        ask("put_schedule", "new")
            .body(r#"{"expression":"99 * * * *","kind":"k"}"#)
            .gives(422, r#""field":"expression""#),
        ask("put_schedule", "nosuch").body(SCHEDULE).with(&[("If-Match", "\"1\"")]).gives(404, ""),
        ask("edit_schedule", "nightly").body(r#"{"zone":"Mars/Base"}"#).gives(422, r#""field":"zone""#),
        ask("edit_schedule", "nightly")
            .body(r#"{"priority":5}"#)
            .with(&[("If-Match", "\"{nightly-version}\"")])
            .gives(200, r#""priority":5"#),
        ask("edit_schedule", "nightly")
            .body(r#"{"priority":6}"#)
            .with(&[("If-Match", "\"{nightly-version}\"")])
            .gives(412, ""),
        ask("edit_schedule", "nightly").body(r#"{"missed":"catch_up"}"#).gives(422, r#""field":"catch_up""#),
        ask("edit_schedule", "nosuch").body(r#"{"priority":5}"#).gives(404, ""),
        ask("pause_schedule", "nightly").gives(200, r#""enabled":false"#),
        ask("resume_schedule", "nightly").gives(200, r#""enabled":true"#),
        ask("reset_schedule", "coded").gives(200, r#""owner":"code""#),
        ask("reset_schedule", "nightly").gives(409, ""),
        ask("run_schedule", "nightly").gives(201, r#""outcome":"run_now""#),
        ask("run_schedule", "nosuch").gives(404, ""),
        ask("remove_schedule", "old").gives(200, r#"{"name":"old"}"#),
        ask("remove_schedule", "old").gives(404, ""),
        ask("preview_cron", "")
            .query("expression=0+3+*+*+*&zone=Europe/Berlin&count=2")
            .gives(200, r#""zone":"Europe/Berlin""#),
        ask("preview_cron", "").query("expression=x").gives(422, r#""field":"expression""#),
        ask("preview_cron", "").query("expression=@daily&count=0").gives(422, r#""field":"count""#),
    ];
    for route in ["pause_schedule", "resume_schedule", "reset_schedule"] {
        all.push(ask(route, "nosuch").gives(404, ""));
        all.push(ask(route, "nightly").with(&[("If-Match", "\"1\"")]).gives(412, ""));
    }
    all.push(ask("put_schedule", "nightly").body(SCHEDULE).with(&[("If-Match", "\"1\"")]).gives(412, ""));
    all
}

fn of_limits() -> Vec<Case> {
    vec![
        ask("list_limits", "").gives(200, r#""scope":"slack""#),
        ask("get_limit", "slack").gives(200, r#""permits":10"#),
        ask("get_limit", "slack:team-7").gives(200, r#""inherited_from":"slack""#),
        ask("get_limit", "nosuch").gives(404, "no limit holds"),
        ask("set_limit", "sms")
            .body(r#"{"permits":600,"window_seconds":60,"mode":"smooth"}"#)
            .gives(200, r#""mode":"smooth""#),
        ask("set_limit", "sms")
            .body(r#"{"permits":0,"window_seconds":60}"#)
            .gives(422, r#""field":"permits""#),
        ask("set_limit", "sms")
            .body(r#"{"permits":1,"window_seconds":0.001}"#)
            .gives(422, r#""field":"window_seconds""#),
        ask("set_limit", "s%20ms")
            .body(r#"{"permits":1,"window_seconds":1}"#)
            .gives(422, r#""field":"scope""#),
        ask("set_limit", "sms")
            .body(r#"{"permits":1,"window_seconds":1}"#)
            .with(&[("If-Match", "\"9\"")])
            .gives(412, r#""field":"If-Match""#),
        ask("set_limit", "sms")
            .body(r#"{"permits":601,"window_seconds":60}"#)
            .with(&[("If-Match", "\"1\"")])
            .gives(200, r#""permits":601"#),
        ask("drain_limit", "slack")
            .body(r#"{"seconds":60}"#)
            .with(&[("If-Match", "\"1\"")])
            .gives(400, "if-match"),
        ask("drain_limit", "slack").body(r#"{"seconds":60}"#).gives(200, r#""drained_until":"2"#),
        ask("drain_limit", "slack").body(r#"{"seconds":-1}"#).gives(422, r#""field":"seconds""#),
        ask("drain_limit", "nosuch").body(r#"{"seconds":60}"#).gives(404, r#""remedy":"give it a limit"#),
        ask("lift_drain", "slack").gives(200, r#""drained_until":null"#),
        ask("lift_drain", "nosuch").gives(404, ""),
        ask("attach_kind", "repo.sync")
            .body(r#"{"scope":"github"}"#)
            .gives(200, r#""attached":[{"kind":"repo.sync"}]"#),
        ask("attach_kind", "repo%20sync").body(r#"{"scope":"github"}"#).gives(422, r#""field":"kind""#),
        ask("attach_kind", "repo.sync").body(r#"{"scope":"nosuch"}"#).gives(404, ""),
        ask("remove_limit", "github").gives(409, ""),
        ask("detach_kind", "repo.sync").gives(200, r#"{"changed":true}"#),
        ask("detach_kind", "repo%20sync").gives(422, ""),
        ask("remove_limit", "github").gives(200, r#"{"changed":true}"#),
        ask("remove_limit", "github").gives(404, ""),
    ]
}
