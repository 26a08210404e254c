//! The rules that define what a storage is.
//!
//! Each rule is a plain async function whose name is what it demands. [`conformance_tests!`](crate::conformance_tests)
//! turns all of them into tests of your backend, one each:
//!
//! ```ignore
//! struct Mine { storage: forge_jobs::Storage }
//!
//! #[forge_jobs::conformance::async_trait]
//! impl forge_jobs::conformance::Harness for Mine {
//!     async fn fresh() -> Self { /* a new, empty database */ }
//!     fn storage(&self) -> forge_jobs::Storage { self.storage.clone() }
//! }
//!
//! forge_jobs::conformance_tests!(Mine);
//! ```
//!
//! The crate under test needs `tokio` with `macros` and `rt-multi-thread`. A backend is done when every rule passes; no
//! rule is skipped for one of them. After each rule the harness audits the database.

#![allow(clippy::missing_panics_doc, reason = "a rule that does not hold panics: that is its verdict")]

mod cron_rig;
mod rig;

pub mod audit;
pub mod batches;
pub mod cancel;
pub mod claim;
pub mod cron;
pub mod edits;
pub mod enqueue;
pub mod exact;
pub mod filters;
pub mod finish;
pub mod health;
pub mod history;
pub mod inspect;
pub mod keys;
pub mod limited;
pub mod limits;
pub mod logs;
pub mod metrics;
pub mod operators;
pub mod processes;
pub mod promote;
pub mod queues;
pub mod races;
pub mod reap;
pub mod suspects;
pub mod sweep;
pub mod ticks;
pub mod unique;
pub mod why;

pub use async_trait::async_trait;
pub use rig::Rig;

use crate::Storage;
use std::future::Future;
use std::pin::Pin;

/// A database to try the rules on.
#[async_trait]
pub trait Harness: Send + Sync + Sized + 'static {
    /// A new, empty database.
    async fn fresh() -> Self;

    /// The storage on it.
    fn storage(&self) -> Storage;

    /// Checks the database after a rule. Default: no problem is found by
    /// [`Inspect::checkup`](crate::storage::Inspect::checkup).
    async fn audit(&self) {
        match self.storage().inspect.checkup().await {
            Ok(checkup) => assert_eq!(checkup.problems, Vec::<String>::new(), "the audit found problems"),
            Err(e) => panic!("the audit failed: {e}"),
        }
    }
}

/// A rule, boxed.
pub type Rule = for<'a> fn(&'a Rig) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// Tries one rule on a new database of a harness.
///
/// # Panics
///
/// If the rule does not hold, or the audit afterwards finds a problem.
pub async fn run<H: Harness>(rule: Rule) {
    let harness = H::fresh().await;
    try_rule(harness.storage(), rule).await;
    harness.audit().await;
}

/// Tries one rule on a storage whose database is new and empty.
///
/// # Panics
///
/// If the rule does not hold.
pub async fn try_rule(storage: Storage, rule: Rule) {
    rule(&Rig::new(storage)).await;
}

/// The rule of this name.
#[must_use]
pub fn find(name: &str) -> Option<Rule> {
    RULES.iter().find(|(n, _)| *n == name).map(|(_, rule)| *rule)
}

/// All rules: turned into a list, or into tests.
#[doc(hidden)]
#[macro_export]
macro_rules! __conformance_rules {
    ($($how:tt)*) => {
        $crate::__conformance_expand! { ($($how)*)
            enqueue {
                a_new_job_is_pending_and_comes_back_as_it_was_sent
                payloads_come_back_byte_for_byte
                a_payload_of_the_largest_size_is_kept
                a_job_for_later_is_scheduled
                a_delay_counts_from_the_databases_clock
                a_time_in_the_past_means_now
                without_a_given_time_the_databases_clock_is_used
                an_unknown_queue_is_created_with_defaults
                the_same_job_sent_twice_is_there_once
                another_job_under_a_taken_id_is_refused_and_changes_nothing
                a_trace_context_is_handed_to_the_claim
                an_id_is_taken_as_long_as_its_finished_job_is_kept
                results_come_in_the_order_of_the_members
                a_twin_within_one_batch_is_seen
                an_empty_batch_is_fine
                a_batch_over_the_limit_is_refused_and_changes_nothing
                a_dedupe_key_admits_one_unfinished_job_per_kind
                a_dedupe_key_is_of_its_kind_alone
                a_dedupe_key_holds_while_scheduled_running_and_retrying
                a_dedupe_key_is_free_once_done
                a_dedupe_key_is_free_once_dead_cancelled_or_dropped
                keys_within_one_batch_are_seen
                enqueued_jobs_tell_waiting_runtimes
                a_wake_tells_waiting_runtimes
            }
            claim {
                a_claim_takes_due_jobs_and_shows_their_data
                claims_come_by_priority_then_due_time_then_id
                kinds_do_not_matter_to_the_order
                a_claim_takes_no_more_than_was_wanted
                a_claimed_job_is_not_claimed_again
                claim_numbers_only_grow
                a_claim_serves_several_queues_at_once
                a_queue_not_wanted_is_left_alone
                an_unknown_queue_gives_nothing
                scheduled_jobs_are_not_claimed
                only_the_kinds_asked_for_are_claimed
                foreign_kinds_in_front_hold_nothing_up
                a_paused_queue_gives_nothing_and_a_resumed_one_everything
                a_process_that_never_registered_gets_nothing
                a_process_whose_registration_ended_gets_nothing
                a_claim_charges_no_attempt
                an_empty_claim_is_fine
                a_claim_is_bounded
                a_queue_runs_no_more_than_its_bound_in_all_processes
                a_bound_counts_what_runs_already_and_is_lifted_at_once
                suspects_count_against_the_bound
            }
            finish {
                done_ends_the_job_with_its_output_and_times
                a_lease_without_the_storages_memo_finishes_the_same
                a_retry_comes_back_after_its_delay_with_the_attempt_charged
                a_retry_without_delay_is_pending_at_once
                a_retry_keeps_its_priority
                a_throttle_comes_back_uncharged
                throttles_in_a_row_are_counted_and_a_failure_ends_the_row
                dead_is_final_with_its_reason_and_error
                every_dead_reason_is_kept
                a_second_finish_of_the_same_claim_is_stale
                a_finish_under_another_claim_number_is_stale
                a_finish_by_another_process_is_stale
                a_finish_of_a_job_that_never_was_is_stale
                a_late_finish_after_a_reclaim_elsewhere_changes_nothing
                a_late_finish_after_a_reclaim_by_the_same_process_changes_nothing
                a_late_finish_with_the_same_attempt_number_changes_nothing
                a_late_finish_after_an_operators_retry_changes_nothing
                a_stale_member_does_not_touch_the_others
                error_text_that_no_database_takes_is_cleaned
                an_attempt_record_is_kept_for_each_failure
                old_attempt_records_go_first
                a_released_job_is_back_in_its_place_uncharged
                a_release_under_an_old_lease_changes_nothing
                progress_is_kept_while_the_claim_is_valid
            }
            keys {
                of_one_key_one_job_at_a_time_can_be_claimed
                keys_are_of_their_kind_and_jobs_without_one_do_not_wait
                who_waits_goes_on_in_claim_order_when_the_job_is_done
                who_waits_goes_on_when_the_job_is_dead
                a_job_that_is_put_off_lets_others_go_ahead
                a_job_that_comes_back_at_once_keeps_its_key
                a_scheduled_job_waits_from_when_it_is_due
                a_cancelled_or_dropped_job_gives_its_key_on
                who_waits_can_be_cancelled_and_dropped
                a_retried_job_waits_for_its_key
                a_released_job_keeps_its_key
                a_crashed_job_keeps_its_key_until_it_has_run
                a_poisoned_job_gives_its_key_on
                who_waits_is_pending_and_tells_for_whom
                the_same_job_sent_twice_does_not_wait_for_itself
                jobs_of_one_batch_wait_for_each_other
                claims_at_once_never_run_two_of_a_key
            }
            promote {
                what_is_due_becomes_pending_and_the_rest_stays
                a_promotion_tells_when_the_next_job_is_due
                a_bounded_promotion_takes_the_earliest_whatever_they_wait_for
                a_promotion_is_bounded_and_says_so
                a_promoted_retry_runs_as_the_next_attempt
                a_promotion_of_nothing_changes_nothing
                promoted_jobs_are_claimed_by_when_they_became_due
            }
            cancel {
                a_pending_job_is_dead_as_cancelled_at_once
                scheduled_and_retrying_jobs_are_dead_as_cancelled_at_once
                a_running_job_is_asked_and_its_process_hears_of_it
                a_request_is_news_to_the_storage_of_its_process
                asking_twice_is_asking_once
                a_requested_cancel_overrules_a_retry
                a_requested_cancel_overrules_a_throttle
                a_requested_cancel_overrules_a_failure_of_the_last_attempt
                a_done_that_comes_first_wins
                a_requested_cancel_overrules_a_release
                a_cancel_of_a_finished_job_says_so
                a_cancel_of_an_unknown_job_says_so
                another_process_does_not_hear_of_it
            }
            operators {
                a_retried_dead_job_has_a_fresh_budget
                a_retrying_job_can_be_retried_at_once
                other_jobs_are_not_retried
                a_retry_that_meets_a_twin_changes_nothing
                a_retried_job_forgets_the_cancel
                run_now_makes_deferred_jobs_pending_and_keeps_attempts
                run_now_refuses_what_runs_or_is_finished
                a_dropped_job_is_gone_with_its_history
                a_running_job_is_not_dropped
                verbs_on_unknown_jobs_say_so
                a_verb_on_too_many_jobs_is_refused
            }
            edits {
                an_edit_changes_what_it_names
                an_edit_moves_a_job_in_time
                an_edited_time_tells_those_that_wait_for_due_jobs
                what_runs_or_is_finished_is_not_edited
                an_edit_of_a_job_that_was_changed_since_changes_nothing
                an_edited_job_keeps_its_keys
                the_request_of_an_edited_job_is_known
                an_edit_is_written_down_without_the_payload
                an_edit_out_of_bounds_is_refused
                an_edit_and_a_claim_at_once_agree
            }
            processes {
                an_identity_registers_once
                a_heartbeat_is_seen
                a_heartbeat_after_the_end_is_fenced
                a_process_that_leaves_hands_its_jobs_back_uncharged
                leaving_twice_is_leaving_once
                registered_processes_are_listed_with_what_they_hold
                one_process_leads_until_its_lease_runs_out
                the_lead_of_a_reaped_process_is_free
                a_leader_that_leaves_gives_the_lead_back
                a_process_that_was_ended_does_not_lead
            }
            reap {
                a_silent_process_is_reaped_and_its_jobs_revived
                a_beating_process_is_not_reaped_however_long_its_jobs_run
                the_reaper_does_not_reap_itself
                a_reaping_twice_is_a_reaping_once
                waiting_jobs_are_no_business_of_the_reaper
                a_revived_job_is_a_suspect_and_charged_nothing
                a_suspect_is_claimed_only_alone
                suspects_are_claimed_one_at_a_time
                a_crash_after_a_written_start_is_charged
                the_third_such_crash_is_poison
                plain_crashes_make_no_poison
                a_crash_that_uses_up_the_attempts_is_exhausted
                a_suspect_that_comes_back_is_trusted_again
                a_crash_after_the_time_alone_is_not_counted
                a_requested_cancel_outlives_the_crash
                a_dedupe_key_outlives_the_crash
                a_reaping_is_bounded_and_goes_on
            }
            sweep {
                finished_jobs_go_after_their_queues_window
                done_and_dead_have_windows_of_their_own
                a_window_of_zero_keeps_nothing
                for_ever_keeps_everything
                unfinished_jobs_are_never_swept
                a_sweep_is_bounded_and_says_so
            }
            queues {
                a_queue_is_created_once_and_keeps_its_settings
                ensure_follows_the_code_until_an_operator_sets_the_workers
                an_update_changes_what_it_names_and_makes_a_new_version
                an_update_that_changes_nothing_makes_no_new_version
                two_edits_in_a_row_both_stick
                an_edit_of_an_old_version_is_a_conflict_and_changes_nothing
                an_update_of_an_unknown_queue_is_refused
                absurd_settings_are_refused_and_change_nothing
                a_bad_queue_name_is_refused
                each_edit_grows_the_version_of_all_settings
                every_setting_comes_back_exactly
            }
            inspect {
                an_unknown_job_is_none
                a_cursor_of_another_list_is_refused
                a_list_names_what_no_job_ever_had
                due_kinds_are_counted_per_queue
                lists_filter_by_each_field
                pages_show_every_job_once_in_order
                pages_of_each_status_show_every_job_once
                a_page_is_not_disturbed_by_new_jobs
                counts_are_exact_below_their_bound
                unfinished_tells_the_truth_per_queue
                events_tell_a_jobs_story_in_order
                a_page_without_rows_or_too_many_is_refused
            }
            filters {
                fields_of_a_filter_all_count
                pages_of_several_statuses_show_every_job_once
                pending_jobs_of_any_kind_and_priority_are_listed_by_due_time
                a_look_that_goes_far_stops_and_says_so
                a_filter_out_of_bounds_is_refused
                a_count_names_what_no_job_ever_had
            }
            health {
                health_names_every_table_with_its_rows
                health_is_the_same_when_nothing_happens
            }
            history {
                each_attempt_tells_its_worker_its_time_and_its_cause
                a_chain_of_errors_is_kept_with_its_attempt
                each_event_tells_its_worker_and_its_cause
                errors_of_one_sort_are_counted_together
                only_attempts_that_failed_are_counted
                crashes_are_a_sort_of_their_own
                a_batch_of_failures_is_counted_member_by_member
                counts_outlive_jobs_and_are_forgotten_long_after
                groups_that_are_too_many_are_forgotten_the_oldest_first
                groups_are_listed_in_order_and_by_filter
                jobs_are_listed_by_the_sort_of_their_latest_error
                a_job_dead_of_its_crashes_is_listed_with_them
            }
            logs {
                lines_are_there_while_the_job_runs_and_after
                pages_of_lines_follow_one_another
                a_long_log_is_read_to_its_end
                a_chunk_that_is_sent_again_is_there_once
                lines_that_were_left_out_are_counted_where_they_would_be
                lines_go_with_their_job
                lines_go_with_the_record_of_their_attempt
                lines_stay_though_another_job_has_too_many_attempts
            }
            batches {
                a_large_enqueue_answers_for_each_as_if_it_came_alone
                a_lease_twice_in_a_finish_counts_once
                a_lease_twice_in_a_release_counts_once
                a_job_twice_in_a_cancel_is_cancelled_once
                a_job_twice_in_a_retry_is_retried_once
                a_job_twice_in_a_run_now_is_pending_once
                a_job_twice_in_a_drop_is_dropped_once
                a_queue_wanted_twice_gives_no_job_twice
                an_empty_finish_release_or_report_is_fine
                a_finish_over_the_limit_is_refused_and_changes_nothing
                a_release_over_the_limit_is_refused_and_changes_nothing
                a_report_over_the_limit_is_refused_and_changes_nothing
                batches_of_exactly_the_limit_are_taken
            }
            suspects {
                a_lone_claim_gives_no_ordinary_job
                a_paused_queue_gives_no_suspect_and_tells_of_none
                a_suspect_of_a_foreign_kind_is_not_handed_out
                a_suspect_of_a_queue_not_wanted_is_left_alone
                a_want_of_none_gives_no_suspect
                suspects_come_in_claim_order
                an_operators_retry_clears_suspicion_crashes_and_throttles
                a_suspect_that_is_throttled_is_trusted_again
                a_late_finish_of_a_crashed_suspect_changes_nothing
                after_its_time_alone_a_suspect_can_finish_as_any_job
            }
            exact {
                a_job_is_due_to_the_microsecond
                a_bounded_promotion_takes_the_longest_due_first
                a_late_write_keeps_the_times_of_the_work
                no_attempt_begins_before_its_claim
                a_window_ends_to_the_microsecond
                a_window_is_of_its_queue_alone
                the_oldest_are_swept_first
                a_swept_job_leaves_nothing_behind
                the_longest_delay_ends_at_the_last_moment_that_there_is
                the_extremes_of_priority_keep_their_order
                outputs_come_back_byte_for_byte
                tags_and_keys_come_back_as_sent
                a_dedupe_key_is_compared_exactly
                waiting_jobs_are_listed_by_due_time
                finished_jobs_are_listed_by_finish_newest_first
                counts_stop_at_their_bound_and_say_so
                a_process_that_leaves_ends_what_was_to_be_cancelled
                what_makes_jobs_claimable_tells_waiting_runtimes
            }
            limited {
                a_limited_queue_gives_no_more_than_its_budget
                a_queue_without_a_limit_is_not_held_up
                a_limited_kind_holds_up_no_other_kind
                a_claim_of_all_jobs_of_a_limited_kind_tells_of_the_limit
                a_scope_shared_by_kinds_and_queue_is_one_budget
                kinds_that_share_a_budget_are_served_in_claim_order
                a_window_made_shorter_holds_jobs_up_no_longer
                a_job_of_a_limited_kind_in_a_limited_queue_takes_both_permits
                a_claim_given_back_unstarted_gives_its_permit_back_once
                what_has_begun_keeps_its_permit
                a_crash_gives_no_permit_back_and_suspects_take_theirs
                a_detached_queue_has_no_limit_at_once
                a_drained_budget_gives_no_jobs
                claims_at_once_take_no_more_than_the_budget
            }
            limits {
                a_limit_comes_back_as_it_was_set
                absurd_limits_are_refused_and_change_nothing
                an_edit_that_expects_another_version_changes_nothing
                a_limit_follows_the_code_until_an_operator_sets_it
                a_scope_without_a_limit_gives_nothing
                a_budget_gives_its_limit_and_no_more_in_a_window
                no_window_holds_more_wherever_it_begins
                several_permits_are_given_together_or_not_at_all
                more_permits_than_a_window_has_are_refused_by_name
                callers_are_served_in_their_order
                too_many_callers_at_once_are_refused
                smooth_permits_come_evenly
                a_late_caller_of_a_smooth_budget_catches_up
                keyed_scopes_have_their_templates_limit_and_budgets_of_their_own
                an_edited_limit_holds_at_once_and_counts_what_was_given
                after_the_clock_went_back_a_full_budget_is_full_for_one_window
                a_window_made_shorter_holds_what_was_given_no_longer
                an_edit_of_a_limit_tells_those_that_wait
                a_drained_scope_gives_nothing_before_its_time
                a_drain_is_bounded_and_can_be_ended
                a_drained_template_holds_its_keys_up
                idle_keys_are_forgotten_and_busy_ones_are_not
                a_removed_limit_is_gone_and_what_it_gave_is_remembered
                what_is_attached_keeps_its_limit
                asked_at_once_a_budget_gives_no_more_than_its_limit
            }
            cron {
                a_new_schedule_comes_back_as_it_was_put
                a_schedule_is_due_when_its_time_has_come
                the_longest_due_come_first_and_a_cut_list_says_so
                a_deploy_updates_what_the_code_owns
                a_deploy_does_not_undo_an_operators_edit
                a_pause_outlives_a_deploy
                a_reset_gives_a_schedule_back_to_the_code
                what_the_code_no_longer_declares_says_so
                an_edit_of_another_version_changes_nothing
                a_schedule_fires_from_its_edit_on
                a_removed_schedule_is_gone_and_its_jobs_stay
                edits_and_fires_of_schedules_tell_waiting_runtimes
                too_much_at_once_is_refused_and_changes_nothing
                more_schedules_than_may_be_are_refused
            }
            ticks {
                a_tick_is_a_job_as_the_schedule_says
                a_tick_is_enqueued_once
                what_was_dealt_with_is_not_fired_again
                of_ticks_fired_at_once_each_is_one_job
                a_clock_that_goes_back_fires_nothing_again
                an_edit_during_a_tick_wins
                a_schedule_removed_during_a_tick_fires_nothing
                members_of_a_fire_are_served_each_for_itself
                an_unfinished_job_keeps_the_next_tick_from_firing
                a_revived_job_keeps_the_next_tick_from_firing
                after_a_clock_was_set_right_a_schedule_goes_on
                ticks_that_may_overlap_all_fire
                fires_that_are_no_jobs_are_recorded
                a_tick_may_be_due_later_than_its_fire
                a_run_now_is_a_job_beside_the_expressions_own
                old_runs_by_hand_go
                old_ticks_go_first_and_those_of_unfinished_jobs_stay
            }
            why {
                a_finished_job_says_how_it_ended
                a_running_job_says_where
                a_job_of_a_silent_process_says_when_it_is_revived
                a_job_that_is_not_due_says_when_and_why
                a_job_that_is_due_waits_to_be_made_pending
                a_paused_queue_is_named
                a_job_that_nobody_can_run_says_what_is_missing
                the_job_that_has_the_key_is_named
                a_budget_that_is_used_up_or_drained_is_named
                a_bound_that_is_reached_is_named
                workers_that_are_all_busy_are_told_of
                a_suspect_runs_alone
                a_job_in_line_knows_its_place
                a_job_in_line_is_told_how_long_that_takes
                an_unknown_job_has_no_answer
                reasons_come_in_the_order_in_which_they_are_dealt_with
                what_is_said_agrees_with_the_claim
            }
            unique {
                the_terms_of_a_key_come_back_as_sent
                the_terms_of_a_key_are_a_part_of_the_job
                a_key_of_jobs_that_wait_is_free_once_its_job_has_started
                a_job_that_comes_back_takes_its_key_again
                a_job_that_ends_takes_its_key_again
                a_job_that_dies_of_a_crash_takes_its_key_again
                a_job_that_comes_back_and_meets_a_twin_goes_on_without_its_key
                twins_that_come_back_in_one_batch_both_go_on
                a_done_job_holds_its_key_until_its_period_is_over
                a_key_is_free_in_the_states_that_were_not_chosen
                a_key_outlives_its_job_until_its_period_is_over
                a_period_ends_though_its_job_still_waits
                a_dropped_job_frees_its_key_within_its_period
                a_retried_job_takes_its_key_or_names_who_has_it
                a_job_that_waits_is_replaced_in_its_place
                a_replacement_may_put_the_job_off
                what_runs_or_is_finished_is_not_replaced
                a_replacement_sent_twice_is_made_once
                a_replacement_sent_again_late_undoes_nothing
                another_request_under_the_id_of_a_replacement_is_refused
                a_job_made_and_replaced_in_one_batch_is_one_job
                a_suspect_that_is_replaced_stays_one
                dropping_a_job_that_is_gone_frees_its_key
                a_key_taken_by_a_clock_that_was_wrong_is_free
                a_replaced_request_sent_again_is_known_and_changes_nothing
                of_replacements_in_one_batch_the_last_wins
                a_replaced_job_gives_its_concurrency_key_on
                replacements_at_once_leave_one_job
                a_replacement_tells_waiting_runtimes
            }
            metrics {
                what_happens_to_jobs_is_counted_as_what_it_is
                a_cancel_counts_as_a_death_by_cancel
                crashes_and_the_deaths_by_them_are_counted
                what_was_not_inserted_is_not_counted
                a_finish_that_is_refused_is_not_counted
                durations_are_those_of_the_jobs_own_times
                percentiles_are_within_two_per_cent_on_any_hosts_and_at_any_level
                rolls_at_once_count_everything_once
                kinds_beyond_the_limit_are_counted_together
                a_lease_without_the_storages_memo_is_counted_the_same
                tallies_past_their_time_go
                samples_are_kept_per_process_and_stretch
                the_oldest_waiting_job_of_each_queue_is_told
                calls_are_counted_as_what_they_are
            }
            audit {
                an_edit_of_a_queue_is_written_down
                a_paused_queue_tells_by_whom_and_since_when
                an_action_that_fails_leaves_no_row
                what_nobody_did_is_not_written_down
                a_key_that_a_drop_frees_is_written_down
                verbs_are_written_down_with_their_ends
                a_jobs_history_names_who_acted
                edits_of_limits_are_written_down
                edits_of_schedules_are_written_down_without_payloads
                the_audit_is_filtered_and_read_by_pages
                what_was_denied_can_be_written_down
                old_rows_of_the_audit_are_swept
            }
            races {
                claims_at_once_never_hand_one_job_to_two
                enqueues_at_once_lose_nothing
                of_finishes_at_once_one_is_accepted
                a_cancel_and_a_finish_at_once_agree_on_who_was_first
                a_reap_and_a_finish_at_once_agree
                one_key_sent_at_once_is_one_job
                a_pause_stops_claims_from_its_answer_on
                reapers_at_once_revive_each_job_once
                retries_at_once_bring_a_job_back_once
                one_id_sent_at_once_is_one_job
                a_cancel_and_a_release_at_once_agree
                a_drop_and_a_claim_at_once_agree
                promotions_at_once_count_each_job_once
                of_edits_of_one_version_at_once_one_is_made
                claims_at_once_keep_the_bound_of_a_queue
                of_many_at_once_one_leads
            }
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __conformance_expand {
    ((list) $($family:ident { $($rule:ident)* })*) => {
        /// Every rule, by name.
        pub const RULES: &[(&str, $crate::conformance::Rule)] = &[
            $($((stringify!($rule), |rig| Box::pin($family::$rule(rig))),)*)*
        ];
    };
    ((tests $harness:ty) $($family:ident { $($rule:ident)* })*) => {
        $(mod $family {
            #[allow(unused_imports, reason = "the harness may be named by a path")]
            use super::*;
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $rule() {
                    $crate::conformance::run::<$harness>(|rig| {
                        Box::pin($crate::conformance::$family::$rule(rig))
                    })
                    .await;
                }
            )*
        })*
    };
}

/// Turns every rule into a test of a [`Harness`], in a module per family.
#[macro_export]
macro_rules! conformance_tests {
    ($harness:ty) => {
        $crate::__conformance_rules! { tests $harness }
    };
}

crate::__conformance_rules! { list }

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_has_a_name_of_its_own_and_there_are_many() {
        let mut names: Vec<_> = RULES.iter().map(|(name, _)| *name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), RULES.len());
        assert!(RULES.len() >= 80, "{}", RULES.len());
        assert!(find("no_such_rule").is_none());
    }

    #[test]
    fn no_rule_is_written_and_then_not_run() {
        let families = [
            include_str!("audit.rs"),
            include_str!("batches.rs"),
            include_str!("cancel.rs"),
            include_str!("claim.rs"),
            include_str!("cron.rs"),
            include_str!("edits.rs"),
            include_str!("enqueue.rs"),
            include_str!("exact.rs"),
            include_str!("filters.rs"),
            include_str!("finish.rs"),
            include_str!("health.rs"),
            include_str!("history.rs"),
            include_str!("inspect.rs"),
            include_str!("keys.rs"),
            include_str!("limited.rs"),
            include_str!("limits.rs"),
            include_str!("logs.rs"),
            include_str!("metrics.rs"),
            include_str!("operators.rs"),
            include_str!("processes.rs"),
            include_str!("promote.rs"),
            include_str!("queues.rs"),
            include_str!("races.rs"),
            include_str!("reap.rs"),
            include_str!("suspects.rs"),
            include_str!("sweep.rs"),
            include_str!("ticks.rs"),
            include_str!("unique.rs"),
            include_str!("why.rs"),
        ];
        let written: Vec<_> = families
            .iter()
            .flat_map(|text| text.lines())
            .filter_map(|line| line.strip_prefix("pub async fn ")?.split('(').next())
            .collect();
        let unlisted: Vec<_> = written.iter().filter(|name| find(name).is_none()).collect();
        assert!(unlisted.is_empty(), "not in the list of rules: {unlisted:?}");
        assert_eq!(written.len(), RULES.len(), "a family is missing from this test");
    }
}
