//! Each guard of each storage is switched off once, and the rule that it keeps must notice.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

#[cfg(feature = "postgres")]
#[path = "support/postgres.rs"]
mod databases;

use forge_jobs::Storage;
use forge_jobs::conformance::{self, Rule};
use forge_jobs::storage::sqlite::{Guard, SqliteOptions, SqliteStorage};
use std::future::Future;
use std::pin::Pin;

/// Guard → what is switched off → the rule that must go red.
const TABLE: &[(Guard, &str, &str)] = &[
    (Guard::Claim, "claimed jobs stay claimable", "a_claimed_job_is_not_claimed_again"),
    (Guard::Claim, "claimed jobs stay claimable", "claims_at_once_never_hand_one_job_to_two"),
    (Guard::Registration, "an ended process may claim", "a_process_whose_registration_ended_gets_nothing"),
    (Guard::Finish, "a finish matches the job alone", "a_finish_by_another_process_is_stale"),
    (
        Guard::Finish,
        "a finish matches the job alone",
        "a_late_finish_after_a_reclaim_elsewhere_changes_nothing",
    ),
    (
        Guard::Finish,
        "a finish matches the job alone",
        "a_late_finish_with_the_same_attempt_number_changes_nothing",
    ),
    (Guard::Release, "a release matches the job alone", "a_release_under_an_old_lease_changes_nothing"),
    (Guard::Heartbeat, "a heartbeat revives an ended process", "a_heartbeat_after_the_end_is_fenced"),
    (Guard::Reap, "everybody counts as silent", "a_beating_process_is_not_reaped_however_long_its_jobs_run"),
    (Guard::Dedupe, "keys are not looked up", "a_dedupe_key_admits_one_unfinished_job_per_kind"),
    (Guard::Cancel, "a requested cancel is forgotten", "a_requested_cancel_overrules_a_retry"),
    (Guard::Cancel, "a requested cancel is forgotten", "a_requested_cancel_outlives_the_crash"),
    (
        Guard::Pause,
        "paused queues are claimed from",
        "a_paused_queue_gives_nothing_and_a_resumed_one_everything",
    ),
    (Guard::Pause, "paused queues are claimed from", "a_paused_queue_gives_no_suspect_and_tells_of_none"),
    (
        Guard::Bound,
        "the bound of a queue is not looked at",
        "a_queue_runs_no_more_than_its_bound_in_all_processes",
    ),
    (Guard::Budget, "what was given is not counted", "a_budget_gives_its_limit_and_no_more_in_a_window"),
    (Guard::Budget, "what was given is not counted", "a_limited_queue_gives_no_more_than_its_budget"),
    (Guard::Budget, "what was given is not counted", "no_window_holds_more_wherever_it_begins"),
    (Guard::Budget, "what was given is not counted", "asked_at_once_a_budget_gives_no_more_than_its_limit"),
    (Guard::Key, "keys are not looked at", "of_one_key_one_job_at_a_time_can_be_claimed"),
    (Guard::Key, "keys are not looked at", "a_scheduled_job_waits_from_when_it_is_due"),
    (Guard::Lead, "whoever asks leads", "one_process_leads_until_its_lease_runs_out"),
    (Guard::Cancel, "a requested cancel is forgotten", "a_process_that_leaves_ends_what_was_to_be_cancelled"),
    (Guard::Tick, "a fire may become a job again", "a_tick_is_enqueued_once"),
    (Guard::Tick, "a fire may become a job again", "what_was_dealt_with_is_not_fired_again"),
    (Guard::Tick, "a fire may become a job again", "of_ticks_fired_at_once_each_is_one_job"),
    (Guard::Roll, "what was added up stays on the tape", "rolls_at_once_count_everything_once"),
    (Guard::ScheduleVersion, "an edit does not stop a tick", "an_edit_during_a_tick_wins"),
    (
        Guard::ScheduleVersion,
        "an edit does not stop a tick",
        "a_schedule_removed_during_a_tick_fires_nothing",
    ),
    (Guard::ScheduleOwner, "a deploy overrides people", "a_deploy_does_not_undo_an_operators_edit"),
    (Guard::ScheduleOwner, "a deploy overrides people", "a_pause_outlives_a_deploy"),
];

type Verdict = Pin<Box<dyn Future<Output = bool>>>;

async fn holds(rule: Rule, storage: Storage) -> bool {
    tokio::spawn(conformance::try_rule(storage, rule)).await.is_ok()
}

fn on_sqlite(rule: Rule, without: Option<Guard>) -> Verdict {
    Box::pin(async move {
        let options = SqliteOptions::default();
        let options = without.map_or_else(|| options.clone(), |guard| options.clone().without_guard(guard));
        holds(rule, SqliteStorage::open_in_memory(options).await.unwrap().into_bundle()).await
    })
}

#[cfg(feature = "postgres")]
fn on_postgres(rule: Rule, without: Option<Guard>) -> Verdict {
    Box::pin(async move {
        let database = databases::fresh().await;
        let storage = databases::open(database.url()).await;
        if let Some(guard) = without {
            storage.remove_guard(guard).await.unwrap();
        }
        holds(rule, storage.into_bundle()).await
    })
}

#[allow(clippy::future_not_send, reason = "awaited by the test itself")]
async fn each_guard_is_noticed(backend: &str, try_it: fn(Rule, Option<Guard>) -> Verdict) {
    // The panics of rules that go red are wanted.
    std::panic::set_hook(Box::new(|_| {}));
    let mut unnoticed = Vec::new();
    println!("{backend}\n{:<14}{:<40}{:<72}verdict", "guard", "mutation", "rule");
    for (guard, mutation, name) in TABLE {
        let rule = conformance::find(name).unwrap_or_else(|| panic!("there is no rule {name}"));
        let whole = try_it(rule, None).await;
        let mutated = try_it(rule, Some(*guard)).await;
        let verdict = match (whole, mutated) {
            (true, false) => "red, as it must be",
            (true, true) => "NOT NOTICED",
            (false, _) => "BROKEN WITHOUT IT",
        };
        println!("{:<14}{mutation:<40}{name:<72}{verdict}", format!("{guard:?}"));
        if (whole, mutated) != (true, false) {
            unnoticed.push((guard, name));
        }
    }
    let _ = std::panic::take_hook();
    assert!(unnoticed.is_empty(), "{backend}: {unnoticed:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_goes_red_for_every_guard_that_is_switched_off() {
    each_guard_is_noticed("SQLite", on_sqlite).await;
    #[cfg(feature = "postgres")]
    each_guard_is_noticed("Postgres", on_postgres).await;
}
