//! Schedules, and when expressions fire.

use crate::http::call::Call;
use crate::http::reply::Reply;
use crate::service::ApiError;
use crate::wire::{CronQuery, Schedule, ScheduleEdit};
use http::StatusCode;

/// Fires that are shown with a schedule.
const LATEST: u32 = 20;

fn shown(schedule: &Schedule) -> Result<Reply, ApiError> {
    Ok(Reply::ok(schedule)?.version(schedule.version))
}

pub(in crate::http) async fn list(call: Call) -> Result<Reply, ApiError> {
    Reply::ok(&call.api().schedule_list().await?)
}

pub(in crate::http) async fn show(call: Call) -> Result<Reply, ApiError> {
    let detail = call.api().schedule(call.param("schedule"), Some(LATEST)).await?;
    Ok(Reply::ok(&detail)?.version(detail.schedule.version))
}

pub(in crate::http) async fn ticks(call: Call) -> Result<Reply, ApiError> {
    Reply::ok(&call.api().ticks(call.param("schedule"), &call.query()?).await?)
}

pub(in crate::http) async fn put(mut call: Call) -> Result<Reply, ApiError> {
    let version = call.if_match()?;
    let edit: ScheduleEdit = call.json().await?;
    shown(&call.api().put_schedule(call.param("schedule"), &edit, version).await?)
}

pub(in crate::http) async fn edit(mut call: Call) -> Result<Reply, ApiError> {
    let version = call.if_match()?;
    let edit: ScheduleEdit = call.json().await?;
    shown(&call.api().edit_schedule(call.param("schedule"), &edit, version).await?)
}

pub(in crate::http) async fn remove(call: Call) -> Result<Reply, ApiError> {
    Reply::ok(&call.api().remove_schedule(call.param("schedule")).await?)
}

pub(in crate::http) async fn pause(call: Call) -> Result<Reply, ApiError> {
    shown(&call.api().pause_schedule(call.param("schedule"), call.if_match()?).await?)
}

pub(in crate::http) async fn resume(call: Call) -> Result<Reply, ApiError> {
    shown(&call.api().resume_schedule(call.param("schedule"), call.if_match()?).await?)
}

pub(in crate::http) async fn reset(call: Call) -> Result<Reply, ApiError> {
    shown(&call.api().reset_schedule(call.param("schedule"), call.if_match()?).await?)
}

pub(in crate::http) async fn run(call: Call) -> Result<Reply, ApiError> {
    Reply::json(StatusCode::CREATED, &call.api().run_schedule(call.param("schedule")).await?)
}

pub(in crate::http) async fn preview(call: Call) -> Result<Reply, ApiError> {
    let query: CronQuery = call.query()?;
    Reply::ok(&call.api().cron_preview(&query)?)
}
