//! What needs a person, found in what the pages show anyway.

use crate::model::format;
use crate::model::route::{Place, Tab};
use forge_jobs_api::wire::{Process, Queue};

/// How urgent it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Urgency {
    Bad,
    Warn,
}

/// One thing, and where to deal with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Need {
    pub(crate) urgency: Urgency,
    pub(crate) text: String,
    pub(crate) place: Place,
}

fn of_queue(name: &str, tab: Tab) -> Place {
    Place::of(tab).with("queue", Some(name))
}

/// Everything, the most urgent first.
pub(crate) fn needs(queues: &[Queue], processes: &[Process]) -> Vec<Need> {
    let mut needs = Vec::new();
    let live: Vec<&Process> = processes.iter().filter(|p| p.live).collect();
    let mut waiting_in_vain = 0;
    for queue in queues {
        let pending = queue.counts.map_or(0, |c| c.pending.count);
        let count =
            queue.counts.map_or_else(String::new, |c| format::bounded_count(c.pending.count, c.pending.more));
        if pending == 0 {
            continue;
        }
        let place = of_queue(&queue.name, Tab::Jobs).with("status", Some("pending"));
        if queue.settings.paused {
            let text = format!("Queue {} is paused, and {count} jobs wait in it.", queue.name);
            needs.push(Need { urgency: Urgency::Warn, text, place: Place::opened(Tab::Queues, &queue.name) });
        } else if !live.is_empty() && !live.iter().any(|p| serves(p, &queue.name)) {
            let text = format!("No process works on queue {}: {count} jobs wait in vain.", queue.name);
            needs.push(Need { urgency: Urgency::Bad, text, place });
        } else if queue.settings.workers == 0 {
            let text = format!("Queue {} has no workers: {count} jobs wait in vain.", queue.name);
            needs.push(Need { urgency: Urgency::Bad, text, place: Place::opened(Tab::Queues, &queue.name) });
        }
        waiting_in_vain += pending;
    }
    if live.is_empty() && waiting_in_vain > 0 {
        let text = format!("No worker process is alive, and {} jobs wait.", format::count(waiting_in_vain));
        needs.push(Need { urgency: Urgency::Bad, text, place: Place::of(Tab::Processes) });
    }
    for process in processes {
        let name = format!("{}:{}", process.host, process.pid);
        let place = Place::of(Tab::Processes);
        if !process.live && process.holds.count > 0 {
            let text = format!("Process {name} is dead and still holds {} jobs.", process.holds.count);
            needs.push(Need { urgency: Urgency::Bad, text, place });
        } else if process.late {
            let text = format!("Process {name} was not heard of for more than two heartbeats.");
            needs.push(Need { urgency: Urgency::Warn, text, place });
        }
    }
    needs.sort_by_key(|need| need.urgency);
    needs
}

/// Whether a process works on a queue.
pub(crate) fn serves(process: &Process, queue: &str) -> bool {
    !process.stopping && process.queues.as_ref().is_none_or(|queues| queues.iter().any(|q| q == queue))
}
