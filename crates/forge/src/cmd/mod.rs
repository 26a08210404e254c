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
mod doctor_clocks;
pub(crate) mod enqueue;
mod enqueue_bulk;
pub(crate) mod job;
mod job_list;
mod job_show;
mod job_verbs;
mod job_why;
pub(crate) mod limit;
mod limit_set;
pub(crate) mod metrics;
pub(crate) mod migrate;
pub(crate) mod queue;
mod queue_list;
mod queue_set;
pub(crate) mod worker;
