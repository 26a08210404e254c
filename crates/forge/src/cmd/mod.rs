//! One file per command: its arguments, its work, its answer.

pub(crate) mod audit;
pub(crate) mod bench;
pub(crate) mod cron;
mod cron_list;
mod cron_next;
mod cron_set;
mod cron_show;
pub(crate) mod demo;
pub(crate) mod doctor;
pub(crate) mod enqueue;
mod enqueue_bulk;
pub(crate) mod errors;
pub(crate) mod job;
mod job_events;
mod job_list;
mod job_logs;
mod job_show;
mod job_verbs;
mod job_why;
pub(crate) mod limit;
mod limit_set;
pub(crate) mod metrics;
pub(crate) mod migrate;
mod panel;
pub(crate) mod queue;
mod queue_list;
mod queue_set;
pub(crate) mod serve;
mod serve_options;
pub(crate) mod token;
pub(crate) mod worker;

pub(crate) use panel::with_panel;
