//! The routes of metrics, and of errors by sort.

use super::{ADMIN, OPERATOR, VIEWER, get, post};
use crate::http::call::Call;
use crate::http::handlers::{errors, metrics};
use crate::http::options::Scrapes;
use crate::http::reply::Reply;
use crate::http::route::{Access, Handler, Route};
use crate::service::ApiError;
use crate::wire::{
    ErrorGroup, ErrorList, ErrorQuery, GroupBatch, GroupVerb, ResourceQuery, Resources, Timeline,
    TimelineQuery, Totals,
};

/// The path outside the API that Prometheus knows, if there is to be one.
pub(in crate::http) fn scrape(by: Scrapes) -> Option<Route> {
    let access = match by {
        Scrapes::Nowhere => return None,
        Scrapes::ByCallers => VIEWER,
        Scrapes::ByAnybody => Access::Anybody,
    };
    Some(get("/metrics", access, ("scrape", "Metrics for Prometheus"), to!(metrics::scrape)))
}

pub(super) fn metrics() -> Vec<Route> {
    vec![
        get(
            "/metrics/timeline",
            VIEWER,
            ("get_timeline", "What happened to jobs over a range of time, in points"),
            to!(metrics::timeline),
        )
        .query::<TimelineQuery>()
        .gives::<Timeline>(200, "The lines by name"),
        get(
            "/metrics/totals",
            VIEWER,
            ("get_totals", "What happened to jobs over a range of time, all of it in one"),
            to!(metrics::totals),
        )
        .query::<TimelineQuery>()
        .gives::<Totals>(200, "The totals by name"),
        get(
            "/metrics/resources",
            VIEWER,
            ("get_resources", "What processes used of their hosts and of the database over a range of time"),
            to!(metrics::resources),
        )
        .query::<ResourceQuery>()
        .gives::<Resources>(200, "The processes, each with its host"),
    ]
}

pub(super) fn errors() -> Vec<Route> {
    let acts = |route: Route| {
        route.body::<GroupBatch>().gives::<GroupVerb>(200, "How many it was done to, and where to go on")
    };
    vec![
        get("/errors", VIEWER, ("list_errors", "What goes wrong, by sort"), to!(errors::list))
            .query::<ErrorQuery>()
            .gives::<ErrorList>(200, "The groups, as they were to be sorted"),
        get(
            "/errors/{group}",
            VIEWER,
            ("get_error_group", "One sort of errors, and where it was seen"),
            to!(errors::show),
        )
        .gives::<ErrorGroup>(200, "The group; its jobs are those of `/jobs?error_group=`"),
        acts(post(
            "/errors/{group}/retry",
            OPERATOR,
            ("retry_error_group", "Retry jobs that are dead of a sort of errors, 500 at a time"),
            to!(errors::retry),
        )),
        acts(post(
            "/errors/{group}/drop",
            ADMIN,
            ("drop_error_group", "Delete jobs for good that are dead of a sort of errors, 500 at a time"),
            to!(errors::drop_all),
        )),
    ]
}
