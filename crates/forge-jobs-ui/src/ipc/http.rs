//! What the panel asks, as requests of the API.

use super::way::{Request, Way};
use super::{Answer, Heard, HttpWay, IpcError, QueueIpc, TauriWay, Verb};
use crate::model::route::{encode, query_text};
use async_trait::async_trait;
use forge_jobs_api::wire::{
    AuditPage, AuditQuery, BulkPreview, BulkQuery, BulkReport, BulkRun, CronPreview, CronQuery,
    DatabaseHealth, Doctor, Drain, EnqueueLine, Enqueued, ErrorBody, ErrorCode, ErrorList, ErrorQuery,
    JobCount, JobDetail, JobEdit, JobIds, JobPage, JobQuery, Limit, LimitChanged, LimitEdit, LimitList,
    LogPage, LogQuery, Login, Me, Overview, ProcessList, Queue, QueueEdit, QueueList, ResourceQuery,
    Resources, Schedule, ScheduleDetail, ScheduleEdit, ScheduleList, ScheduleRemoved, Tick, TickPage,
    TickQuery, Timeline, TimelineQuery, VerbReport, Why,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::any::Any;
use std::rc::Rc;

/// A host that speaks the API, whatever carries it there.
#[derive(Clone)]
pub struct ApiIpc {
    way: Rc<dyn Way>,
    login_page: Option<Rc<str>>,
}

impl std::fmt::Debug for ApiIpc {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ApiIpc").finish_non_exhaustive()
    }
}

impl ApiIpc {
    /// On this way.
    #[must_use]
    pub fn over(way: impl Way + 'static) -> Self {
        Self { way: Rc::new(way), login_page: None }
    }

    /// Callers log in on this page of the host, such as `/login`, and not with a token.
    #[must_use]
    pub fn with_login_page(mut self, address: impl Into<Rc<str>>) -> Self {
        self.login_page = Some(address.into());
        self
    }

    /// Over HTTP: the API below this address, such as `/api/v1`.
    #[must_use]
    pub fn http(api: impl Into<String>) -> Self {
        Self::over(HttpWay::new(api))
    }

    /// Through Tauri; `None` where the page is in no window of it.
    #[must_use]
    pub fn tauri() -> Option<Self> {
        TauriWay::find().map(Self::over)
    }

    async fn get<T: DeserializeOwned>(&self, path: String) -> Answer<T> {
        read(&self.send("GET", &path, None, &[]).await?)
    }

    async fn ask<T: DeserializeOwned>(&self, path: &str, query: &impl Serialize) -> Answer<T> {
        self.get(format!("{path}{}", query_of(query))).await
    }

    async fn call<T: DeserializeOwned>(
        &self,
        method: &str,
        path: String,
        body: Option<String>,
        headers: &[(&str, &str)],
    ) -> Answer<T> {
        read(&self.send(method, &path, body, headers).await?)
    }

    async fn post<T: DeserializeOwned>(&self, path: String) -> Answer<T> {
        self.call("POST", path, None, &[]).await
    }

    async fn send(
        &self,
        method: &str,
        path: &str,
        body: Option<String>,
        headers: &[(&str, &str)],
    ) -> Answer<String> {
        let (status, text) = self.way.send(Request { method, path, body, headers }).await?;
        if (200..300).contains(&status) { Ok(text) } else { Err(refusal(status, &text)) }
    }
}

/// What a server, or something before it, said instead of an answer.
fn refusal(status: u16, text: &str) -> IpcError {
    match serde_json::from_str::<ErrorBody>(text) {
        Ok(body) => IpcError::Refused(Box::new(body.error)),
        Err(_) => {
            let code = match status {
                401 => ErrorCode::Unauthenticated,
                403 => ErrorCode::Forbidden,
                404 => ErrorCode::NotFound,
                502..=504 => ErrorCode::Unavailable,
                _ => ErrorCode::Failed,
            };
            IpcError::refused(
                code,
                format!("the server, or a proxy before it, answered with status {status}"),
            )
        }
    }
}

fn read<T: DeserializeOwned>(text: &str) -> Answer<T> {
    // Nothing at all stands for null: an answer 204.
    let text = if text.is_empty() { "null" } else { text };
    serde_json::from_str(text).map_err(|e| IpcError::Unreadable(e.to_string()))
}

fn json(value: &impl Serialize) -> Answer<Option<String>> {
    serde_json::to_string(value).map(Some).map_err(|e| IpcError::Unreadable(e.to_string()))
}

/// The fields of a query that have a value.
fn query_of(query: &impl Serialize) -> String {
    // By text: what writes a type into a value is code for each type once more, and this is loaded by a page.
    let text = serde_json::to_string(query).unwrap_or_default();
    let fields: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&text).unwrap_or_default();
    let pairs = fields.into_iter().filter_map(|(name, value)| {
        let text = match value {
            serde_json::Value::Null => return None,
            serde_json::Value::String(text) => text,
            other => other.to_string(),
        };
        Some((name, text))
    });
    query_text(&pairs.collect::<Vec<_>>())
}

fn if_match(version: i64) -> String {
    format!("\"{version}\"")
}

#[async_trait(?Send)]
impl QueueIpc for ApiIpc {
    fn login_page(&self) -> Option<&str> {
        self.login_page.as_deref()
    }

    async fn me(&self) -> Answer<Me> {
        self.get("/me".into()).await
    }
    async fn log_in(&self, token: &str) -> Answer<Me> {
        self.call("POST", "/session".into(), json(&Login { token: token.into() })?, &[]).await
    }
    async fn log_out(&self) -> Answer<()> {
        self.send("DELETE", "/session", None, &[]).await.map(|_| ())
    }
    async fn overview(&self) -> Answer<Overview> {
        self.get("/overview".into()).await
    }
    async fn timeline(&self, query: &TimelineQuery) -> Answer<Timeline> {
        self.ask("/metrics/timeline", query).await
    }
    async fn resources(&self, query: &ResourceQuery) -> Answer<Resources> {
        self.ask("/metrics/resources", query).await
    }
    async fn log(&self, id: &str, query: &LogQuery) -> Answer<LogPage> {
        self.ask(&format!("/jobs/{}/logs", encode(id)), query).await
    }
    async fn errors(&self, query: &ErrorQuery) -> Answer<ErrorList> {
        self.ask("/errors", query).await
    }
    async fn processes(&self) -> Answer<ProcessList> {
        self.get("/processes".into()).await
    }
    async fn check_up(&self) -> Answer<Doctor> {
        self.get("/checkup".into()).await
    }
    async fn audit(&self, query: &AuditQuery) -> Answer<AuditPage> {
        self.ask("/audit", query).await
    }
    async fn queues(&self) -> Answer<QueueList> {
        self.get("/queues".into()).await
    }
    async fn queue(&self, name: &str) -> Answer<Queue> {
        self.get(format!("/queues/{}", encode(name))).await
    }
    async fn edit_queue(&self, name: &str, version: i64, edit: &QueueEdit) -> Answer<Queue> {
        let path = format!("/queues/{}", encode(name));
        self.call("PATCH", path, json(edit)?, &[("If-Match", &if_match(version))]).await
    }
    async fn pause_queue(&self, name: &str) -> Answer<Queue> {
        self.post(format!("/queues/{}/pause", encode(name))).await
    }
    async fn resume_queue(&self, name: &str) -> Answer<Queue> {
        self.post(format!("/queues/{}/resume", encode(name))).await
    }
    async fn jobs(&self, query: &JobQuery) -> Answer<JobPage> {
        self.ask("/jobs", query).await
    }
    async fn count_jobs(&self, query: &JobQuery) -> Answer<JobCount> {
        self.ask("/jobs/count", query).await
    }
    async fn preview_bulk(&self, query: &BulkQuery) -> Answer<BulkPreview> {
        self.call("POST", "/jobs/bulk/preview".into(), json(query)?, &[]).await
    }
    async fn run_bulk(&self, verb: Verb, run: &BulkRun) -> Answer<BulkReport> {
        self.call("POST", format!("/jobs/bulk/{}", verb.slug()), json(run)?, &[]).await
    }
    async fn database(&self) -> Answer<DatabaseHealth> {
        self.get("/database".into()).await
    }
    async fn job(&self, id: &str) -> Answer<JobDetail> {
        self.get(format!("/jobs/{}", encode(id))).await
    }
    async fn why(&self, id: &str) -> Answer<Why> {
        self.get(format!("/jobs/{}/why", encode(id))).await
    }
    async fn edit_job(&self, id: &str, version: i64, edit: &JobEdit) -> Answer<JobDetail> {
        let path = format!("/jobs/{}", encode(id));
        self.call("PATCH", path, json(edit)?, &[("If-Match", &if_match(version))]).await
    }
    async fn do_to(&self, verb: Verb, ids: &[String]) -> Answer<VerbReport> {
        let body = json(&JobIds { ids: ids.to_vec() })?;
        self.call("POST", format!("/jobs/{}", verb.slug()), body, &[]).await
    }
    async fn enqueue(&self, job: &EnqueueLine, key: &str) -> Answer<Enqueued> {
        self.call("POST", "/jobs".into(), json(job)?, &[("Idempotency-Key", key)]).await
    }
    async fn schedules(&self) -> Answer<ScheduleList> {
        self.get("/schedules".into()).await
    }
    async fn schedule(&self, name: &str) -> Answer<ScheduleDetail> {
        self.get(format!("/schedules/{}", encode(name))).await
    }
    async fn ticks(&self, name: &str, query: &TickQuery) -> Answer<TickPage> {
        self.ask(&format!("/schedules/{}/ticks", encode(name)), query).await
    }
    async fn edit_schedule(&self, name: &str, version: i64, edit: &ScheduleEdit) -> Answer<Schedule> {
        let path = format!("/schedules/{}", encode(name));
        self.call("PATCH", path, json(edit)?, &[("If-Match", &if_match(version))]).await
    }
    async fn put_schedule(&self, name: &str, edit: &ScheduleEdit) -> Answer<Schedule> {
        self.call("PUT", format!("/schedules/{}", encode(name)), json(edit)?, &[]).await
    }
    async fn pause_schedule(&self, name: &str) -> Answer<Schedule> {
        self.post(format!("/schedules/{}/pause", encode(name))).await
    }
    async fn resume_schedule(&self, name: &str) -> Answer<Schedule> {
        self.post(format!("/schedules/{}/resume", encode(name))).await
    }
    async fn reset_schedule(&self, name: &str) -> Answer<Schedule> {
        self.post(format!("/schedules/{}/reset", encode(name))).await
    }
    async fn remove_schedule(&self, name: &str) -> Answer<ScheduleRemoved> {
        self.call("DELETE", format!("/schedules/{}", encode(name)), None, &[]).await
    }
    async fn run_schedule(&self, name: &str) -> Answer<Tick> {
        self.post(format!("/schedules/{}/run", encode(name))).await
    }
    async fn cron_fires(&self, query: &CronQuery) -> Answer<CronPreview> {
        self.ask("/cron/fires", query).await
    }
    async fn limits(&self) -> Answer<LimitList> {
        self.get("/limits".into()).await
    }
    async fn set_limit(&self, scope: &str, version: Option<i64>, edit: &LimitEdit) -> Answer<Limit> {
        let seen = version.map(if_match);
        let headers: Vec<_> = seen.iter().map(|seen| ("If-Match", seen.as_str())).collect();
        self.call("PUT", format!("/limits/{}", encode(scope)), json(edit)?, &headers).await
    }
    async fn remove_limit(&self, scope: &str) -> Answer<LimitChanged> {
        self.call("DELETE", format!("/limits/{}", encode(scope)), None, &[]).await
    }
    async fn drain_limit(&self, scope: &str, drain: &Drain) -> Answer<Limit> {
        self.call("PUT", format!("/limits/{}/drain", encode(scope)), json(drain)?, &[]).await
    }
    async fn lift_drain(&self, scope: &str) -> Answer<Limit> {
        self.call("DELETE", format!("/limits/{}/drain", encode(scope)), None, &[]).await
    }

    fn subscribe(&self, heard: Box<dyn Fn(Heard)>) -> Box<dyn Any> {
        self.way.subscribe(heard)
    }
}
