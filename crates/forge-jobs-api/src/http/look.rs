//! What differs from one look at the storage to the next, by topic.

use crate::service::Api;
use crate::wire::{AuditAction, AuditQuery, Topic};
use serde::Serialize;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

pub(super) const TOPICS: usize = Topic::ALL.len();

/// People's actions that a look considers, the latest ones.
const ACTIONS: usize = 50;

/// The last look. Before the first one nothing is known, and that differs in each topic: a client that came before it
/// is told of what happened meanwhile.
#[derive(Default)]
pub(super) struct Look {
    prints: [Option<u64>; TOPICS],
    /// The numbers of people's latest actions.
    actions: Option<Vec<i64>>,
}

impl Look {
    /// Looks again, and says which topics have changed. What cannot be read has not changed.
    ///
    /// People's actions count beside what they left behind: what was done and undone between two looks leaves all as it
    /// was, and whoever heard of the first half by another way has to hear of the second. They are read first: an action
    /// that comes while this looks is told twice rather than not at all.
    pub(super) async fn again(&mut self, api: &Api) -> [bool; TOPICS] {
        let mut changed = [false; TOPICS];
        let query = AuditQuery { limit: u32::try_from(ACTIONS).ok(), ..AuditQuery::default() };
        if let Ok(page) = api.audit(query).await {
            if let Some(known) = &self.actions {
                changed = acted(known, &page.actions);
            }
            self.actions = Some(page.actions.iter().map(|action| action.no).collect());
        }
        let mut found = [None; TOPICS];
        let [jobs, queues, processes, schedules, limits] = &mut found;
        let hints = *api.storage().jobs.changes().borrow();
        if let Ok(list) = api.queues().await {
            let counts: Vec<_> = list.queues.iter().map(|q| (&q.name, q.counts)).collect();
            *jobs = Some(fingerprint(&(counts, hints.claimable, hints.deferred)));
            let settings: Vec<_> = list.queues.iter().map(|q| (&q.name, q.version, &q.settings)).collect();
            *queues = Some(fingerprint(&settings));
        }
        *processes = api.processes().await.ok().map(|list| fingerprint(&list));
        *schedules = api.schedule_list().await.ok().map(|list| fingerprint(&list));
        *limits = api.limits().await.ok().map(|list| fingerprint(&list));
        for ((changed, before), now) in changed.iter_mut().zip(&mut self.prints).zip(found) {
            if now.is_some() && *before != now {
                (*changed, *before) = (true, now);
            }
        }
        changed
    }
}

/// The topics that people have changed, by their latest actions and the numbers of those that were the latest before.
/// Numbers need not come in their order: a transaction takes its number before it is committed.
fn acted(known: &[i64], latest: &[AuditAction]) -> [bool; TOPICS] {
    // Below that it was out of sight before.
    let least =
        if known.len() < ACTIONS { i64::MIN } else { known.iter().copied().min().unwrap_or(i64::MIN) };
    let fresh = || latest.iter().filter(|action| action.no > least && !known.contains(&action.no));
    // There may be more of them than can be seen.
    if fresh().count() >= ACTIONS {
        return [true; TOPICS];
    }
    let is_of = |topic: Topic| {
        let came_to_something = fresh().filter(|action| action.count > 0);
        came_to_something.map(|action| topic_of(&action.what)).any(|of| of.is_none_or(|of| of == topic))
    };
    Topic::ALL.map(is_of)
}

/// What an action on such a thing changes; `None`: anything.
fn topic_of(what: &str) -> Option<Topic> {
    match what {
        "job" => Some(Topic::Jobs),
        "queue" => Some(Topic::Queues),
        "schedule" => Some(Topic::Schedules),
        // Kinds are attached to limits.
        "limit" | "kind" => Some(Topic::Limits),
        _ => None,
    }
}

fn fingerprint<T: Serialize>(value: &T) -> u64 {
    let mut hasher = DefaultHasher::new();
    serde_json::to_string(value).unwrap_or_default().hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Drain, LimitEdit, Seconds};
    use forge_jobs::storage::sqlite::{SqliteOptions, SqliteStorage};
    use forge_jobs::storage::{Actor, Source};

    const LIMITS: usize = 4;

    async fn api() -> Api {
        let queue = SqliteStorage::open_in_memory(SqliteOptions::default()).await.unwrap();
        let api = Api::new(queue.into_bundle()).acting_as(Actor::new("ada", Source::Code).unwrap());
        let edit = LimitEdit { permits: 1, window_seconds: Seconds(1.0), mode: None };
        api.set_limit("mail", edit, None).await.unwrap();
        api
    }

    #[tokio::test]
    async fn what_is_done_and_undone_between_two_looks_is_told() {
        let api = api().await;
        let mut look = Look::default();
        assert_eq!(look.again(&api).await, [true; TOPICS]);
        api.drain_limit("mail", Drain { seconds: Seconds(60.0) }).await.unwrap();
        api.lift_drain("mail").await.unwrap();
        assert!(look.again(&api).await[LIMITS]);
        // What comes to nothing is no change, even where there is no room for it.
        for _ in 0..2 {
            for _ in 0..ACTIONS - 1 {
                api.lift_drain("mail").await.unwrap();
            }
            assert!(!look.again(&api).await[LIMITS]);
        }
        // What is behind more of it than can be seen is told with all that may have been.
        api.drain_limit("mail", Drain { seconds: Seconds(60.0) }).await.unwrap();
        for _ in 0..=ACTIONS {
            api.lift_drain("mail").await.unwrap();
        }
        assert_eq!(look.again(&api).await, [true; TOPICS]);
    }

    #[test]
    fn an_action_that_is_committed_late_is_found_and_one_that_leaves_is_none() {
        let action = |no: i64, what: &str| AuditAction {
            no,
            at: String::new(),
            actor: "ada".into(),
            role: None,
            source: "cli".into(),
            address: None,
            action: String::new(),
            what: what.into(),
            target: None,
            count: 1,
            before: None,
            after: None,
            detail: None,
            outcome: "done".into(),
        };
        let (known, late) = ([5, 3], [action(5, "limit"), action(4, "queue"), action(3, "limit")]);
        assert_eq!(acted(&known, &late), [false, true, false, false, false]);
        assert_eq!(acted(&known, &late[..1]), [false; TOPICS]);
        let full: Vec<i64> = (11..61).rev().collect();
        let next: Vec<_> = (12..62).rev().map(|no| action(no, "job")).collect();
        assert_eq!(acted(&full, &next), [true, false, false, false, false]);
        // A sweep lets older ones into sight.
        let older: Vec<_> = (1..30).rev().map(|no| action(no, "job")).collect();
        assert_eq!(acted(&full, &older), [false; TOPICS]);
    }
}
