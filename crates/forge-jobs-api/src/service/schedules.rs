//! Schedules, and when cron expressions fire.

use super::jobs::page;
use super::schedule_edit::merged;
use super::{Api, ApiError};
use crate::convert;
use crate::wire::{
    CronPreview, CronQuery, Schedule, ScheduleDetail, ScheduleEdit, ScheduleList, ScheduleRemoved, Tick,
    TickPage, TickQuery,
};
use forge_jobs::Timestamp;
use forge_jobs::cron::{CronExpr, Zone};
use forge_jobs::limits::MAX_CRON_FIRES;
use forge_jobs::storage::{Activity, EditScheduleParams, ScheduleRow, TicksParams};

/// Fires that a preview shows unless asked otherwise.
const DEFAULT_FIRES: u32 = 5;

fn at(field: &'static str, text: &str) -> Result<Timestamp, ApiError> {
    text.parse().map_err(|e: forge_jobs::TimestampParseError| ApiError::invalid(field, e.to_string()))
}

impl Api {
    fn edit_of(&self, name: &str, expected_version: Option<i64>) -> Result<EditScheduleParams, ApiError> {
        ApiError::unless_named("schedule", name)?;
        Ok(EditScheduleParams { name: name.to_owned(), expected_version, actor: self.actor(), now: None })
    }

    /// All schedules, by name.
    ///
    /// # Errors
    ///
    /// What reading the storage gave.
    pub async fn schedule_list(&self) -> Result<ScheduleList, ApiError> {
        let all = self.storage.cron.list().await?;
        let schedules = all.schedules.iter().map(|row| self.shown_schedule(row)).collect();
        Ok(ScheduleList { schedules, unreadable: all.unreadable })
    }

    fn shown_schedule(&self, row: &ScheduleRow) -> Schedule {
        self.redaction.schedule(row.into())
    }

    async fn schedule_row(&self, name: &str) -> Result<ScheduleRow, ApiError> {
        ApiError::unless_named("schedule", name)?;
        let row = self.storage.cron.get(name).await?;
        row.ok_or_else(|| ApiError::not_found("schedule", name))
    }

    /// One schedule, with what became of its latest fires.
    ///
    /// # Errors
    ///
    /// `not_found`, `invalid`, and what reading the storage gave.
    pub async fn schedule(&self, name: &str, ticks: Option<u32>) -> Result<ScheduleDetail, ApiError> {
        let limit = page(ticks)?;
        let row = self.schedule_row(name).await?;
        let params = TicksParams { name: name.to_owned(), before: None, limit };
        let ticks = self.storage.cron.ticks(params).await?;
        Ok(ScheduleDetail {
            schedule: self.shown_schedule(&row),
            ticks: ticks.iter().map(Into::into).collect(),
        })
    }

    /// What became of a schedule's fires, a page at a time, the latest first.
    ///
    /// # Errors
    ///
    /// `not_found`, `invalid`, and what reading the storage gave.
    pub async fn ticks(&self, name: &str, query: &TickQuery) -> Result<TickPage, ApiError> {
        let limit = page(query.limit)?;
        let before = query.before.as_deref().map(|text| at("before", text)).transpose()?;
        self.schedule_row(name).await?;
        let rows = self.storage.cron.ticks(TicksParams { name: name.to_owned(), before, limit }).await?;
        let full = u32::try_from(rows.len()).is_ok_and(|n| n == limit);
        let next = rows.last().filter(|_| full).map(|row| convert::time(row.fires.first));
        Ok(TickPage { ticks: rows.iter().map(Into::into).collect(), next })
    }

    /// Makes a schedule, or sets all values of the one of its name: what is left out has its default.
    ///
    /// # Errors
    ///
    /// `invalid`; with an expected version `precondition_failed` and `not_found`; and what the storage gave.
    pub async fn put_schedule(
        &self,
        name: &str,
        edit: &ScheduleEdit,
        expected_version: Option<i64>,
    ) -> Result<Schedule, ApiError> {
        let schedule = merged(name, None, edit)?;
        let row = match expected_version {
            Some(version) => self.schedules().put_if(schedule, version).await,
            None => self.schedules().put(schedule).await,
        };
        self.edited(row.map_err(ApiError::from), expected_version)
    }

    /// Changes some values of a schedule. Without an expected version it is the one that is read first, so that no other
    /// edit is lost.
    ///
    /// # Errors
    ///
    /// `not_found`, `invalid`, `precondition_failed`, `conflict` when somebody else edits at the same time, and what the
    /// storage gave.
    pub async fn edit_schedule(
        &self,
        name: &str,
        edit: &ScheduleEdit,
        expected_version: Option<i64>,
    ) -> Result<Schedule, ApiError> {
        if edit.is_empty() {
            return Err(ApiError::invalid("body", "nothing to change: give at least one value"));
        }
        let before = self.schedule_row(name).await?;
        let schedule = merged(name, Some(&before), edit)?;
        let row = self.schedules().put_if(schedule, expected_version.unwrap_or(before.version)).await;
        self.edited(row.map_err(ApiError::from), expected_version)
    }

    fn edited(
        &self,
        row: Result<ScheduleRow, ApiError>,
        expected_version: Option<i64>,
    ) -> Result<Schedule, ApiError> {
        row.map(|row| self.shown_schedule(&row)).map_err(|e| e.if_match(expected_version))
    }

    /// Stops a schedule from firing, through every deploy.
    ///
    /// # Errors
    ///
    /// `not_found`, `precondition_failed`, and what the storage gave.
    pub async fn pause_schedule(&self, name: &str, expected: Option<i64>) -> Result<Schedule, ApiError> {
        let row = self.storage.cron.set_enabled(self.edit_of(name, expected)?, Activity::Paused).await;
        self.edited(row.map_err(ApiError::from), expected)
    }

    /// Lets a schedule fire from now on. What it would have fired meanwhile is not made up for.
    ///
    /// # Errors
    ///
    /// As [`Self::pause_schedule`].
    pub async fn resume_schedule(&self, name: &str, expected: Option<i64>) -> Result<Schedule, ApiError> {
        let row = self.storage.cron.set_enabled(self.edit_of(name, expected)?, Activity::Enabled).await;
        self.edited(row.map_err(ApiError::from), expected)
    }

    /// Gives a schedule back to the code that declared it.
    ///
    /// # Errors
    ///
    /// As [`Self::pause_schedule`], and `conflict` when no code ever declared it.
    pub async fn reset_schedule(&self, name: &str, expected: Option<i64>) -> Result<Schedule, ApiError> {
        let row = self.storage.cron.reset(self.edit_of(name, expected)?).await;
        self.edited(row.map_err(ApiError::from), expected)
    }

    /// Enqueues the job of a schedule now, whether it is paused or not and whatever runs.
    ///
    /// # Errors
    ///
    /// `not_found`, and what the storage gave.
    pub async fn run_schedule(&self, name: &str) -> Result<Tick, ApiError> {
        ApiError::unless_named("schedule", name)?;
        let tick = self.schedules().run_now(name).await?;
        self.touched();
        Ok(Tick::from(&tick))
    }

    /// Deletes a schedule, with the record of its fires; its jobs stay.
    ///
    /// # Errors
    ///
    /// `not_found`, and what the storage gave.
    pub async fn remove_schedule(&self, name: &str) -> Result<ScheduleRemoved, ApiError> {
        ApiError::unless_named("schedule", name)?;
        if self.storage.cron.remove(name, self.actor()).await? {
            return Ok(ScheduleRemoved { name: name.to_owned() });
        }
        Err(ApiError::not_found("schedule", name))
    }

    /// The next fires of an expression. Asks no database.
    ///
    /// # Errors
    ///
    /// `invalid`.
    pub fn cron_preview(&self, query: &CronQuery) -> Result<CronPreview, ApiError> {
        let invalid =
            |field: &'static str, e: &dyn std::fmt::Display| ApiError::invalid(field, e.to_string());
        let expression: CronExpr = query.expression.parse().map_err(|e| invalid("expression", &e))?;
        let zone: Zone = match &query.zone {
            Some(zone) => zone.parse().map_err(|e| invalid("zone", &e))?,
            None => Zone::UTC,
        };
        let from = match &query.from {
            Some(text) => at("from", text)?,
            None => Timestamp::now(),
        };
        let count = query.count.unwrap_or(DEFAULT_FIRES);
        if !(1..=MAX_CRON_FIRES).contains(&count) {
            let text = format!("count {count} is out of range: use 1 to {MAX_CRON_FIRES}");
            return Err(ApiError::invalid("count", text));
        }
        let fires = expression.fires_after(from, &zone).take(count as usize);
        Ok(CronPreview {
            expression: expression.to_string(),
            zone: zone.to_string(),
            description: expression.describe(),
            from: zone.rfc3339(from),
            fires: fires.map(|fire| zone.rfc3339(fire)).collect(),
        })
    }
}
