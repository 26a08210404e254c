//! What needs a person, found in what the pages show anyway.

use crate::model::format::sentence;
use crate::model::route::{Place, Tab};
use crate::text;
use forge_jobs_api::wire::{Alert, AlertSort, Process, Queue};

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

/// What the server says needs a person.
pub(crate) fn alerts(alerts: &[Alert]) -> Vec<Need> {
    let need = |alert: &Alert| {
        let subject = alert.subject.as_str();
        let place = match alert.alert {
            AlertSort::QueueWithoutWorker => of_queue(subject, Tab::Jobs).with("status", Some("pending")),
            AlertSort::StaleProcess => Place::of(Tab::Processes),
            AlertSort::ScheduleOverdue | AlertSort::ScheduleFailing | AlertSort::ScheduleUnreadable => {
                Place::opened(Tab::Cron, subject)
            }
            AlertSort::DiskNearlyFull => Place::of(Tab::Resources),
            AlertSort::SnapshotHeld | AlertSort::Unknown => Place::of(Tab::Database),
        };
        Need {
            urgency: Urgency::Bad,
            text: format!("{} {}", sentence(&alert.text), sentence(&alert.remedy)),
            place,
        }
    };
    alerts.iter().map(need).collect()
}

/// What is worth a look, besides.
pub(crate) fn needs(queues: &[Queue], processes: &[Process]) -> Vec<Need> {
    let mut needs = Vec::new();
    for queue in queues {
        let Some(pending) = queue.counts.map(|c| c.pending).filter(|p| p.count > 0) else { continue };
        let text = if queue.settings.paused {
            text::paused_with_jobs(&queue.name, pending)
        } else if queue.settings.workers == 0 {
            text::no_workers(&queue.name, pending)
        } else {
            continue;
        };
        needs.push(Need { urgency: Urgency::Warn, text, place: Place::opened(Tab::Queues, &queue.name) });
    }
    for process in processes.iter().filter(|p| p.late && p.live) {
        let text = text::late_process(&process.host, process.pid);
        needs.push(Need { urgency: Urgency::Warn, text, place: Place::of(Tab::Processes) });
    }
    needs
}

/// Whether a process works on a queue.
pub(crate) fn serves(process: &Process, queue: &str) -> bool {
    !process.stopping && process.queues.as_ref().is_none_or(|queues| queues.iter().any(|q| q == queue))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn queue(paused: bool, workers: u32, pending: u64) -> Queue {
        let none = json!({"count": 0, "more": false});
        let text = json!({"name": "mail", "version": 1, "workers_set_by_operator": false,
            "settings": {"workers": workers, "paused": paused, "backoff_enabled": true, "base_seconds": 15,
                "max_seconds": 60, "done_retention_seconds": 60, "dead_retention_seconds": "forever"},
            "counts": {"pending": {"count": pending, "more": false}, "scheduled": none, "running": none,
                "retrying": none, "done": none, "dead": none}});
        serde_json::from_str(&text.to_string()).unwrap()
    }

    #[test]
    fn only_what_waits_in_vain_is_worth_a_look() {
        assert_eq!(needs(&[queue(false, 4, 9), queue(true, 4, 0)], &[]), []);
        let paused = needs(&[queue(true, 4, 9)], &[]);
        assert!(paused[0].text.contains("paused, and 9 jobs"), "{paused:?}");
        let nobody = needs(&[queue(false, 0, 9)], &[]);
        assert_eq!(nobody[0].place, Place::opened(Tab::Queues, "mail"));
    }

    #[test]
    fn each_alert_leads_to_where_it_is_dealt_with() {
        let alert = |alert, subject: &str| Alert {
            alert,
            subject: subject.into(),
            text: "t".into(),
            remedy: "r".into(),
        };
        let found = alerts(&[
            alert(AlertSort::QueueWithoutWorker, "mail"),
            alert(AlertSort::ScheduleFailing, "nightly"),
            alert(AlertSort::DiskNearlyFull, "web-1"),
        ]);
        assert_eq!(found[0].text, "T. R.");
        let addresses: Vec<String> = found.iter().map(|need| need.place.address("")).collect();
        assert_eq!(addresses, ["/jobs?queue=mail&status=pending", "/cron/nightly", "/resources"]);
    }
}
