//! The rows of the table for counts of jobs, for verbs on many of them, and for edits; and for the health of the
//! database.

use super::{ADMIN, OPERATOR, VIEWER, get, patch, post};
use crate::http::call::Call;
use crate::http::handlers::{bulk, server};
use crate::http::reply::Reply;
use crate::http::route::{Handler, Route};
use crate::service::ApiError;
use crate::wire::{
    BulkPreview, BulkQuery, BulkReport, BulkRun, DatabaseHealth, JobCount, JobDetail, JobEdit, JobQuery,
};

pub(super) fn all() -> Vec<Route> {
    let run = |route: Route| {
        let route = route.body::<BulkRun>().names_in_body();
        route.gives::<BulkReport>(200, "What came of a part of them, and where to go on")
    };
    vec![
        get("/jobs/count", VIEWER, ("count_jobs", "How many jobs a filter lets through"), to!(bulk::count))
            .query::<JobQuery>()
            .gives::<JobCount>(200, "The count, up to 10,000"),
        post(
            "/jobs/bulk/preview",
            OPERATOR,
            ("preview_bulk", "What a verb on many jobs would come to"),
            to!(bulk::preview),
        )
        .body::<BulkQuery>()
        .names_in_body()
        .gives::<BulkPreview>(200, "How many, some of them, and those that it is refused for"),
        run(post(
            "/jobs/bulk/cancel",
            OPERATOR,
            ("bulk_cancel", "Cancel the jobs of a filter, up to 1,000 per request"),
            to!(bulk::cancel),
        )),
        run(post(
            "/jobs/bulk/retry",
            OPERATOR,
            ("bulk_retry", "Retry the dead and retrying jobs of a filter, up to 1,000 per request"),
            to!(bulk::retry),
        )),
        run(post(
            "/jobs/bulk/run-now",
            OPERATOR,
            ("bulk_run_now", "Run the scheduled and retrying jobs of a filter now, up to 1,000 per request"),
            to!(bulk::run_now),
        )),
        run(post(
            "/jobs/bulk/drop",
            ADMIN,
            ("bulk_drop", "Delete the jobs of a filter for good but running ones, up to 1,000 per request"),
            to!(bulk::drop_jobs),
        )),
        patch("/jobs/{job}", OPERATOR, ("edit_job", "Change a job that waits"), to!(bulk::edit))
            .body::<JobEdit>()
            .if_match()
            .conflicts()
            .gives::<JobDetail>(200, "The job as it is now; the header `ETag` is its version"),
        get("/database", VIEWER, ("get_database", "How the database is"), to!(server::database))
            .gives::<DatabaseHealth>(200, "Sizes, rows, who holds it up, and how long calls take"),
    ]
}
