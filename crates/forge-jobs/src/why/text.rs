//! The answers for people: what is so, and what helps.

use super::{NotDueCause, Reason};
use crate::JobStatus;
use crate::storage::{BoundedCount, Limited};
use std::fmt;
use std::time::Duration;

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Finished { .. } | Self::Running { .. } | Self::HolderGone { .. } => standing(self, f),
            _ => waiting(self, f),
        }
    }
}

/// Of one that does not wait.
fn standing(reason: &Reason, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match reason {
        Reason::Finished { status, reason, at, error } => {
            write!(f, "it is {status}")?;
            if let Some(reason) = reason {
                write!(f, " ({reason})")?;
            }
            if let Some(at) = at {
                write!(f, " since {at}")?;
            }
            if let Some(error) = error {
                write!(f, ": {}", error.lines().next().unwrap_or_default())?;
            }
            if *status == JobStatus::Dead {
                f.write_str("; a retry makes it pending")?;
            }
            Ok(())
        }
        Reason::Running { process, since, cancel_requested_at } => {
            f.write_str("it is running")?;
            if let Some(process) = process {
                write!(f, " in process {process}")?;
            }
            if let Some(since) = since {
                write!(f, " since {since}")?;
            }
            cancel_requested_at.map_or(Ok(()), |at| write!(f, "; it was asked to stop at {at}"))
        }
        Reason::HolderGone { process, beat_at, revived_at } => {
            f.write_str("the process that claimed it ")?;
            if let Some(process) = process {
                write!(f, "({process}) ")?;
            }
            match beat_at {
                Some(at) => write!(f, "is silent since {at}")?,
                None => f.write_str("has ended")?,
            }
            write!(f, ": a live process revives it after {revived_at}")
        }
        _ => Ok(()),
    }
}

/// Of one that waits.
fn waiting(reason: &Reason, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match reason {
        Reason::NotDue { until, cause } => match cause {
            NotDueCause::Asked => write!(f, "it is due at {until}, as it was asked for"),
            NotDueCause::Backoff { attempt, max_attempts } => {
                write!(f, "attempt {attempt} of {max_attempts} failed; the next one is due at {until}")
            }
            NotDueCause::Throttled { times: 1 } => {
                write!(f, "its handler asked to wait; it is due at {until}")
            }
            NotDueCause::Throttled { times } => {
                write!(f, "its handler asked to wait, {times} times in a row; it is due at {until}")
            }
        },
        Reason::NotPromoted { since } => {
            write!(f, "it is due since {since}, and the next process that looks makes it pending")
        }
        Reason::QueuePaused { queue, by, since } => {
            write!(f, "the queue {queue} is paused")?;
            if let Some(by) = by {
                write!(f, " by {by}")?;
            }
            if let Some(since) = since {
                write!(f, " since {since}")?;
            }
            write!(f, ": `forge queue resume {queue}` lets it go on")
        }
        Reason::NoProcess { queue, kind, alive, on_queue } => match (alive, on_queue) {
            (0, _) => f.write_str("no process is alive: start the program"),
            (alive, 0) => {
                write!(f, "none of {alive} live processes works on the queue {queue}")
            }
            (_, on_queue) => write!(
                f,
                "none of {on_queue} live processes on the queue {queue} has a handler for {kind}: deploy one \
                 that does"
            ),
        },
        Reason::KeyHeld { key, by } => {
            write!(f, "job {by} has the concurrency key {key:?}; it is this one's turn when that has ended")
        }
        Reason::BudgetUsedUp { what, scope, used, permits, window, next_at } => {
            // One that is spread evenly gives nothing for a while, though there is something left.
            let how = if used < permits { "gives nothing just now" } else { "is used up" };
            write!(f, "the budget {scope} of {} {how} ({used} of {permits} in {window:?})", sort(what))?;
            next_at.map_or(Ok(()), |at| write!(f, "; the next permit comes at {at}"))
        }
        Reason::BudgetDrained { what, scope, until } => write!(
            f,
            "the budget {scope} of {} is drained until {until}: `forge limit drain {scope} --lift` ends it",
            sort(what)
        ),
        Reason::QueueFull { queue, running, max_running } => write!(
            f,
            "all processes together run {running} jobs of the queue {queue}, and may run {max_running}"
        ),
        Reason::AllBusy { queue, processes: 1, workers } => {
            write!(f, "the process that can run it has all {workers} workers of the queue {queue} at work")
        }
        Reason::AllBusy { queue, processes, workers } => write!(
            f,
            "all {processes} processes that can run it have their {workers} workers of the queue {queue} at work"
        ),
        Reason::RunsAlone { .. } => f.write_str(
            "its process died with it, so it runs alone: a process takes it once it has ended what it runs",
        ),
        Reason::InLine { ahead: BoundedCount { count: 0, .. }, .. } => {
            f.write_str("it is the first in line: the next free worker takes it")
        }
        Reason::InLine { ahead, of, takes } => {
            write!(f, "it waits in line, with {} of {} jobs before it", counted(*ahead), counted(*of))?;
            let at_least = if ahead.more { "at least " } else { "" };
            takes.map_or(Ok(()), |takes| write!(f, ", which take {at_least}{} as of late", roughly(takes)))
        }
        Reason::Finished { .. } | Reason::Running { .. } | Reason::HolderGone { .. } => Ok(()),
    }
}

fn sort(what: &Limited) -> String {
    match what {
        Limited::Queue(name) => format!("the queue {name}"),
        Limited::Kind(name) => format!("the kind {name}"),
    }
}

/// A duration that nobody takes for exact.
fn roughly(d: Duration) -> String {
    match d.as_secs() {
        0 => "less than a second".into(),
        s @ 1..90 => format!("about {s} s"),
        s @ 90..5_400 => format!("about {} min", (s + 30) / 60),
        s @ 5_400..172_800 => format!("about {} h", (s + 1_800) / 3_600),
        s => format!("about {} days", (s + 43_200) / 86_400),
    }
}

fn counted(n: BoundedCount) -> String {
    if n.more { format!("{} or more", n.count) } else { n.count.to_string() }
}
