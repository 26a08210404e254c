//! The table of all routes. Each says whom it is for.

use super::call::Call;
use super::handlers::{events, jobs, limits, queues, schedules, server, sessions};
use super::reply::Reply;
use super::route::{Access, Content, Handler, Route};
use crate::service::ApiError;
use crate::wire::{
    Attachment, AuditPage, AuditQuery, CronPreview, CronQuery, Doctor, Drain, EnqueueBatch, EnqueueLine,
    EnqueueReport, Enqueued, JobDetail, JobIds, JobPage, JobQuery, Limit, LimitChanged, LimitEdit, LimitList,
    LogPage, LogQuery, Login, Me, Overview, Process, ProcessList, Queue, QueueEdit, QueueList, Role,
    Schedule, ScheduleDetail, ScheduleEdit, ScheduleList, ScheduleRemoved, Tick, TickPage, TickQuery,
    VerbReport, VerbResult, Why,
};
use http::Method;

/// Look.
const VIEWER: Access = Access::Needs(Role::Viewer);
/// Steer jobs.
const OPERATOR: Access = Access::Needs(Role::Operator);
/// Change settings, and delete.
const ADMIN: Access = Access::Needs(Role::Admin);

/// A handler as the table keeps it.
macro_rules! to {
    ($handler:path) => {
        (|call: Call| {
            Box::pin($handler(call)) as futures_util::future::BoxFuture<'static, Result<Reply, ApiError>>
        }) as Handler
    };
}

mod look;
mod many;

pub(super) use look::scrape;

fn get(path: &'static str, access: Access, about: (&'static str, &'static str), to: Handler) -> Route {
    Route::new(Method::GET, path, access, about, to)
}

fn post(path: &'static str, access: Access, about: (&'static str, &'static str), to: Handler) -> Route {
    Route::new(Method::POST, path, access, about, to)
}

fn put(path: &'static str, access: Access, about: (&'static str, &'static str), to: Handler) -> Route {
    Route::new(Method::PUT, path, access, about, to)
}

fn patch(path: &'static str, access: Access, about: (&'static str, &'static str), to: Handler) -> Route {
    Route::new(Method::PATCH, path, access, about, to)
}

fn delete(path: &'static str, access: Access, about: (&'static str, &'static str), to: Handler) -> Route {
    Route::new(Method::DELETE, path, access, about, to)
}

/// All routes.
pub(super) fn all() -> Vec<Route> {
    let parts = [
        of_server(),
        look::metrics(),
        of_queues(),
        of_jobs(),
        of_job_verbs(),
        many::all(),
        look::errors(),
        of_schedules(),
        of_limits(),
    ];
    parts.concat()
}

fn of_server() -> Vec<Route> {
    vec![
        get("/overview", VIEWER, ("get_overview", "The state of all queues together"), to!(server::overview))
            .gives::<Overview>(200, "The state"),
        get("/me", VIEWER, ("get_me", "Who the caller is to the server"), to!(server::me))
            .gives::<Me>(200, "The caller"),
        get("/processes", VIEWER, ("list_processes", "All registered processes"), to!(server::processes))
            .gives::<ProcessList>(200, "The processes, the oldest first"),
        get("/processes/{process}", VIEWER, ("get_process", "One process"), to!(server::process))
            .gives::<Process>(200, "The process"),
        get("/audit", OPERATOR, ("list_actions", "What people did, and who"), to!(server::audit))
            .query::<AuditQuery>()
            .gives::<AuditPage>(200, "The page, the latest first"),
        get(
            "/checkup",
            OPERATOR,
            ("check_up", "Check the database, the processes, and what waits in vain; reads everything"),
            to!(server::check_up),
        )
        .gives::<Doctor>(200, "What was found"),
        get(
            "/events",
            VIEWER,
            ("stream_events", "What changes, as it changes, twice a second at most"),
            to!(events::stream),
        )
        .answer(200, "Events `changed`, whose data name topics", Content::Events),
        get("/openapi.json", VIEWER, ("get_openapi", "This document"), to!(server::openapi))
            .gives::<serde_json::Value>(200, "An OpenAPI 3.1 document"),
        post(
            "/session",
            Access::Anybody,
            ("log_in", "Get a session cookie for a token"),
            to!(sessions::log_in),
        )
        .body::<Login>()
        .gives::<Me>(200, "The caller; the cookie is in the header `Set-Cookie`"),
        delete(
            "/session",
            Access::Anybody,
            ("log_out", "End the session of the cookie"),
            to!(sessions::log_out),
        )
        .answer(204, "There is no such session any more", Content::Nothing),
    ]
}

fn of_queues() -> Vec<Route> {
    vec![
        get("/queues", VIEWER, ("list_queues", "All queues, and the live processes"), to!(queues::list))
            .gives::<QueueList>(200, "The queues by name"),
        get("/queues/{queue}", VIEWER, ("get_queue", "One queue"), to!(queues::show))
            .gives::<Queue>(200, "The queue; the header `ETag` is the version of its settings"),
        patch("/queues/{queue}", ADMIN, ("edit_queue", "Change settings of a queue"), to!(queues::edit))
            .body::<QueueEdit>()
            .if_match()
            .gives::<Queue>(200, "The queue as it is now"),
        post(
            "/queues/{queue}/pause",
            OPERATOR,
            ("pause_queue", "Claim no more jobs of a queue; running ones go on"),
            to!(queues::pause),
        )
        .if_match()
        .gives::<Queue>(200, "The queue as it is now"),
        post(
            "/queues/{queue}/resume",
            OPERATOR,
            ("resume_queue", "Claim jobs of a queue again"),
            to!(queues::resume),
        )
        .if_match()
        .gives::<Queue>(200, "The queue as it is now"),
        put(
            "/queues/{queue}/limit",
            ADMIN,
            ("attach_queue", "Have each job of a queue take a permit of a scope"),
            to!(limits::attach_queue),
        )
        .body::<Attachment>()
        .gives::<Limit>(200, "The scope"),
        delete(
            "/queues/{queue}/limit",
            ADMIN,
            ("detach_queue", "Let the jobs of a queue go without a permit"),
            to!(limits::detach_queue),
        )
        .gives::<LimitChanged>(200, "Whether they took one"),
    ]
}

fn of_jobs() -> Vec<Route> {
    vec![
        get("/jobs", VIEWER, ("list_jobs", "A page of jobs"), to!(jobs::list))
            .query::<JobQuery>()
            .gives::<JobPage>(200, "The page; long payloads are cut"),
        post("/jobs", OPERATOR, ("enqueue_job", "Enqueue a job"), to!(jobs::enqueue))
            .body::<EnqueueLine>()
            .keyed()
            .conflicts()
            .gives::<Enqueued>(201, "It is in the queue")
            .gives::<Enqueued>(200, "Another job stands for it, or it was there before"),
        post(
            "/jobs/batch",
            OPERATOR,
            ("enqueue_jobs", "Enqueue many jobs; one that is refused stops no other"),
            to!(jobs::enqueue_many),
        )
        .body::<EnqueueBatch>()
        .keyed()
        .gives::<EnqueueReport>(200, "An answer for each"),
        get(
            "/jobs/{job}",
            VIEWER,
            ("get_job", "A job with its attempts and what happened to it"),
            to!(jobs::show),
        )
        .gives::<JobDetail>(200, "The job; the header `ETag` is its version"),
        get("/jobs/{job}/logs", VIEWER, ("get_job_log", "What a job's handler logged"), to!(jobs::log))
            .query::<LogQuery>()
            .gives::<LogPage>(200, "The lines, oldest attempt first, also while it runs"),
        get("/jobs/{job}/why", VIEWER, ("explain_job", "Why a job is not running"), to!(jobs::why))
            .gives::<Why>(200, "The reasons"),
        delete(
            "/jobs/{job}",
            ADMIN,
            ("drop_job", "Delete a job for good, unless it runs"),
            to!(jobs::drop_one),
        )
        .conflicts()
        .gives::<VerbResult>(200, "It is gone"),
    ]
}

fn of_job_verbs() -> Vec<Route> {
    let many =
        |route: Route| route.body::<JobIds>().gives::<VerbReport>(200, "An answer for each, in their order");
    let one = |route: Route| route.conflicts().gives::<VerbResult>(200, "What came of it");
    vec![
        many(post("/jobs/cancel", OPERATOR, ("cancel_jobs", "Cancel jobs"), to!(jobs::cancel))),
        many(post("/jobs/retry", OPERATOR, ("retry_jobs", "Retry dead and retrying jobs"), to!(jobs::retry))),
        many(post(
            "/jobs/run-now",
            OPERATOR,
            ("run_jobs_now", "Run scheduled and retrying jobs now"),
            to!(jobs::run_now),
        )),
        many(post(
            "/jobs/drop",
            ADMIN,
            ("drop_jobs", "Delete jobs for good; running ones are refused"),
            to!(jobs::drop_many),
        )),
        one(post("/jobs/{job}/cancel", OPERATOR, ("cancel_job", "Cancel a job"), to!(jobs::cancel_one))),
        one(post(
            "/jobs/{job}/retry",
            OPERATOR,
            ("retry_job", "Retry a dead or retrying job"),
            to!(jobs::retry_one),
        )),
        one(post(
            "/jobs/{job}/run-now",
            OPERATOR,
            ("run_job_now", "Run a scheduled or retrying job now"),
            to!(jobs::run_one_now),
        )),
    ]
}

fn of_schedules() -> Vec<Route> {
    let edits = |route: Route| route.if_match().gives::<Schedule>(200, "The schedule as it is now");
    vec![
        get("/schedules", VIEWER, ("list_schedules", "All schedules"), to!(schedules::list))
            .gives::<ScheduleList>(200, "The schedules by name"),
        get(
            "/schedules/{schedule}",
            VIEWER,
            ("get_schedule", "A schedule with its latest fires"),
            to!(schedules::show),
        )
        .gives::<ScheduleDetail>(200, "The schedule; the header `ETag` is its version"),
        get(
            "/schedules/{schedule}/ticks",
            VIEWER,
            ("list_ticks", "What became of a schedule's fires"),
            to!(schedules::ticks),
        )
        .query::<TickQuery>()
        .gives::<TickPage>(200, "The page, the latest first"),
        edits(
            put(
                "/schedules/{schedule}",
                ADMIN,
                ("put_schedule", "Make a schedule, or set all of its values"),
                to!(schedules::put),
            )
            .body::<ScheduleEdit>(),
        ),
        edits(
            patch(
                "/schedules/{schedule}",
                ADMIN,
                ("edit_schedule", "Change values of a schedule"),
                to!(schedules::edit),
            )
            .conflicts()
            .body::<ScheduleEdit>(),
        ),
        delete(
            "/schedules/{schedule}",
            ADMIN,
            ("remove_schedule", "Delete a schedule; its jobs stay"),
            to!(schedules::remove),
        )
        .gives::<ScheduleRemoved>(200, "It is gone"),
        edits(post(
            "/schedules/{schedule}/pause",
            OPERATOR,
            ("pause_schedule", "Stop a schedule from firing"),
            to!(schedules::pause),
        )),
        edits(post(
            "/schedules/{schedule}/resume",
            OPERATOR,
            ("resume_schedule", "Let a schedule fire again"),
            to!(schedules::resume),
        )),
        edits(
            post(
                "/schedules/{schedule}/reset",
                ADMIN,
                ("reset_schedule", "Give a schedule back to the code that declared it"),
                to!(schedules::reset),
            )
            .conflicts(),
        ),
        post(
            "/schedules/{schedule}/run",
            OPERATOR,
            ("run_schedule", "Enqueue the job of a schedule now"),
            to!(schedules::run),
        )
        .gives::<Tick>(201, "The fire that stands for it, with the job"),
        get("/cron/fires", VIEWER, ("preview_cron", "When a cron expression fires"), to!(schedules::preview))
            .query::<CronQuery>()
            .gives::<CronPreview>(200, "The fires"),
    ]
}

fn of_limits() -> Vec<Route> {
    let shows = |route: Route| route.gives::<Limit>(200, "The scope as it is now");
    vec![
        get("/limits", VIEWER, ("list_limits", "All scopes with a limit of their own"), to!(limits::list))
            .gives::<LimitList>(200, "The limits by name"),
        shows(get(
            "/limits/{scope}",
            VIEWER,
            ("get_limit", "A scope with the limit that holds for it"),
            to!(limits::show),
        )),
        shows(
            put(
                "/limits/{scope}",
                ADMIN,
                ("set_limit", "Give a scope a limit, or another one"),
                to!(limits::set),
            )
            .any_name()
            .if_match()
            .body::<LimitEdit>(),
        ),
        delete(
            "/limits/{scope}",
            ADMIN,
            ("remove_limit", "Take a scope's own limit away"),
            to!(limits::remove),
        )
        .conflicts()
        .gives::<LimitChanged>(200, "It is gone"),
        shows(
            put(
                "/limits/{scope}/drain",
                OPERATOR,
                ("drain_limit", "Give nothing of a scope for a while"),
                to!(limits::drain),
            )
            .body::<Drain>(),
        ),
        shows(delete(
            "/limits/{scope}/drain",
            OPERATOR,
            ("lift_drain", "End the drain of a scope"),
            to!(limits::lift),
        )),
        put(
            "/kinds/{kind}/limit",
            ADMIN,
            ("attach_kind", "Have each job of a kind take a permit of a scope"),
            to!(limits::attach_kind),
        )
        .body::<Attachment>()
        .gives::<Limit>(200, "The scope"),
        delete(
            "/kinds/{kind}/limit",
            ADMIN,
            ("detach_kind", "Let the jobs of a kind go without a permit"),
            to!(limits::detach_kind),
        )
        .any_name()
        .gives::<LimitChanged>(200, "Whether they took one"),
    ]
}

/// A route, for those who want to know what there is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RouteInfo {
    /// The method.
    pub method: Method,
    /// The path below [`API_PREFIX`](super::API_PREFIX), with names in braces.
    pub path: &'static str,
    /// Whom it is for.
    pub access: Access,
    /// Its name in the OpenAPI document.
    pub id: &'static str,
    /// Whether it changes anything: a read-only server does not have it then.
    pub changes: bool,
}

/// All routes there are.
#[must_use]
pub fn inventory() -> Vec<RouteInfo> {
    let info = |route: Route| RouteInfo {
        changes: route.changes(),
        method: route.method,
        path: route.path,
        access: route.access,
        id: route.id,
    };
    all().into_iter().map(info).collect()
}
