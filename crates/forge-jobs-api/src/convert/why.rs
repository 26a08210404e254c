//! Why a job is not running.

use super::time;
use crate::wire;
use forge_jobs::why::{Reason, Why};

impl From<&Why> for wire::Why {
    fn from(why: &Why) -> Self {
        Self {
            id: why.job.id.to_string(),
            status: why.job.status.into(),
            at: time(why.at),
            claimable: why.is_claimable(),
            reasons: why.reasons.iter().map(Into::into).collect(),
        }
    }
}

impl From<&Reason> for wire::WhyReason {
    fn from(reason: &Reason) -> Self {
        let mut this = Self {
            reason: reason.name().to_owned(),
            text: reason.to_string(),
            holds: reason.holds(),
            until: reason.until().map(time),
            ..Self::default()
        };
        match reason {
            Reason::Running { process, .. } | Reason::HolderGone { process, .. } => {
                this.process = process.map(|p| p.to_string());
            }
            Reason::QueuePaused { queue, by, since } => {
                this.queue = Some(queue.clone());
                (this.by, this.since) = (by.clone(), since.map(time));
            }
            Reason::AllBusy { queue, .. } => this.queue = Some(queue.clone()),
            Reason::NoProcess { queue, kind, .. } => {
                (this.queue, this.kind) = (Some(queue.clone()), Some(kind.clone()));
            }
            Reason::KeyHeld { by, .. } => this.job = Some(by.to_string()),
            Reason::BudgetUsedUp { scope, used, permits, .. } => {
                this.scope = Some(scope.clone());
                (this.used, this.limit) = (Some((*used).into()), Some((*permits).into()));
            }
            Reason::BudgetDrained { scope, .. } => this.scope = Some(scope.clone()),
            Reason::QueueFull { queue, running, max_running } => {
                this.queue = Some(queue.clone());
                (this.used, this.limit) = (Some(*running), Some((*max_running).into()));
            }
            Reason::InLine { ahead, of, takes } => {
                this.takes_seconds = takes.map(|d| d.as_secs_f64());
                (this.ahead, this.of) = (Some((*ahead).into()), Some((*of).into()));
            }
            _ => {}
        }
        this
    }
}
