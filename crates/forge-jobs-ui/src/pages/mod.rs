//! The pages, a file each.

pub(crate) mod attention;
pub(crate) mod audit;
pub(crate) mod bulk;
pub(crate) mod charts;
pub(crate) mod cron;
pub(crate) mod database;
pub(crate) mod enqueue;
pub(crate) mod errors;
pub(crate) mod filter_bar;
pub(crate) mod job;
pub(crate) mod job_edit;
pub(crate) mod job_history;
pub(crate) mod jobs;
pub(crate) mod jobs_table;
pub(crate) mod limit_edit;
pub(crate) mod limits;
pub(crate) mod login;
pub(crate) mod logs;
#[cfg(test)]
mod measured;
pub(crate) mod metrics;
pub(crate) mod overview;
pub(crate) mod processes;
pub(crate) mod queue;
pub(crate) mod queues;
pub(crate) mod resources;
pub(crate) mod schedule;
pub(crate) mod schedule_edit;
pub(crate) mod schedule_new;
pub(crate) mod verbs;
pub(crate) mod zoom;
