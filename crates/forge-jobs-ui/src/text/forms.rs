//! What pages say that change something.

// `bulk.rs`
pub(crate) const WHAT_CAME_OF_IT: &str = "What came of it";
pub(crate) const STOPPED_BEFORE_ALL: &str = "; it was stopped before all were tried";
pub(crate) const RETRY_ALL: &str = "Retry all";
pub(crate) const CANCEL_ALL: &str = "Cancel all";
pub(crate) const RUN_ALL_NOW: &str = "Run all now";
pub(crate) const DROP_ALL: &str = "Drop all";
pub(crate) const NO_FILTER_ALL_JOBS: &str = "no filter: all jobs, of every queue";
pub(crate) const ALL_THAT_MATCH: &str = "All that match";
pub(crate) const FILTER: &str = "Filter: ";
pub(crate) const STOP: &str = "Stop";
pub(crate) const CLOSE: &str = "Close";
pub(crate) const NOT_COUNTED: &str = "not counted";
pub(crate) const THERE_IS_NO_JOB: &str = "There is no job that this can be done with.";
pub(crate) const NONE_WAS_FOUND_YET: &str =
    "None was found among the jobs that were looked through, and there are more. Take a narrower filter.";
pub(crate) const ARE_LEFT_SINCE_THEY_ARE: &str = " are left, since they are ";
pub(crate) const THEY_ARE_DELETED_FOR_GOOD_TYPE: &str = "They are deleted for good. Type ";
pub(crate) const TO_GO_ON: &str = " to go on";
pub(crate) const THERE_ARE_MORE_THIS_DOES: &str = "There are more: this does it to ";
pub(crate) const OF_THEM_DO_IT_AGAIN: &str = " of them. Do it again for the rest.";
pub(crate) const PROGRESS: &str = "Progress";
pub(crate) const OF: &str = " of ";
pub(crate) const SOME_OF_THEM: &str = ". Some of them:";

// `cron.rs`
pub(crate) const A_NEWER_VERSION_WROTE_THESE: &str =
    "A newer version wrote these, and this one cannot read them: ";
pub(crate) const A_PROGRAM_DECLARES_THEM: &str = "A program declares them, or a person does: ";
pub(crate) const FORGE_CRON_SET_NIGHTLY_EXPRESSION_0: &str =
    "forge cron set nightly --expression '0 3 * * *' --kind report";
pub(crate) const THERE_IS_NO_SCHEDULE_YET: &str = "There is no schedule yet";
pub(crate) const SCHEDULES: &str = "Schedules";
pub(crate) const SCHEDULE: &str = "Schedule";
pub(crate) const WHEN: &str = "When";
pub(crate) const ENQUEUES: &str = "Enqueues";
pub(crate) const NEXT_FIRE: &str = "Next fire";
pub(crate) const LAST_FIRE: &str = "Last fire";
pub(crate) const LATEST_FIRES: &str = "Latest fires";
pub(crate) const STATE: &str = "State";
pub(crate) const WHAT_CAN_BE_DONE: &str = "What can be done";
pub(crate) const NEW_SCHEDULE: &str = "New schedule";
pub(crate) const CRON: &str = "Cron";
pub(crate) const NO_PROGRAM_DECLARES_IT_ANY_MORE: &str = "no program declares it any more";
pub(crate) const A_PERSONS_VALUES_NOT_THE_PROGRAMS: &str = "a person's values, not the program's";
pub(crate) const MADE_BY_A_PERSON: &str = "made by a person";
pub(crate) const IT_HAS_NOT_FIRED_YET: &str = "It has not fired yet";
pub(crate) const JOB: &str = "job";
pub(crate) const PAUSE: &str = "Pause";
pub(crate) const RESUME: &str = "Resume";
pub(crate) const ENQUEUED: &str = "Enqueued";
pub(crate) const RUN_NOW: &str = "Run now";

// `enqueue.rs`
pub(crate) const A_WHOLE_NUMBER_FROM_32768: &str = "A whole number from -32768 to 32767.";
pub(crate) const A_WHOLE_NUMBER_FROM_1: &str = "A whole number from 1 to 10000.";
pub(crate) const A_MOMENT_SUCH_AS_2026_12: &str =
    "A moment such as 2026-12-01 08:00, by the clocks here, or 2026-12-01T08:00:00Z.";
pub(crate) const A_NEW_JOB_A_WORKER: &str =
    "A new job. A worker that knows its kind runs it as soon as it is due.";
pub(crate) const ENQUEUE_A_JOB: &str = "Enqueue a job";
pub(crate) const A_NEW_JOB_OF_THE_KIND: &str = "A new job of the kind ";
pub(crate) const KEYS_FOR_DEDUPE_AND_CONCURRENCY_ARE: &str =
    ". Keys for dedupe and concurrency are not copied.";
pub(crate) const A_PART_OF_THE_PAYLOAD: &str =
    "A part of the payload is hidden or cut here: complete it first.";
pub(crate) const ENQUEUE_A_COPY: &str = "Enqueue a copy";
pub(crate) const ANOTHER_JOB_STANDS: &str = "Another job stands for it";
pub(crate) const KIND: &str = "Kind";
pub(crate) const PICKS_THE_HANDLER: &str = "Picks the handler";
pub(crate) const DEDUPE_KEY: &str = "Dedupe key";
pub(crate) const ONE_UNFINISHED_JOB_OF_A_KIND: &str = "One unfinished job of a kind has it";
pub(crate) const CONCURRENCY_KEY: &str = "Concurrency key";
pub(crate) const ONE_JOB_OF_A_KIND: &str = "One job of a kind with it runs at a time";
pub(crate) const QUEUE: &str = "Queue";
pub(crate) const EMPTY_WHAT_THE_ROUTER_SAYS: &str = "Empty: what the router says for the kind";
pub(crate) const RUN_AT: &str = "Run at";
pub(crate) const EMPTY_NOW_ELSE_SUCH_AS_2026: &str =
    "Empty: now. Else such as 2026-12-01 08:00, by the clocks here";
pub(crate) const PRIORITY: &str = "Priority";
pub(crate) const LOWER_RUNS_FIRST_EMPTY_0: &str = "Lower runs first; empty: 0";
pub(crate) const ATTEMPTS: &str = "Attempts";
pub(crate) const AFTER_SO_MANY_IT_IS_DEAD: &str = "After so many it is dead; empty: 20";
pub(crate) const TAGS: &str = "Tags";
pub(crate) const TO_SEARCH_BY_WITH_COMMAS_BETWEEN: &str = "To search by, with commas between";
pub(crate) const BACK: &str = "Back";
pub(crate) const ENQUEUE: &str = "Enqueue";

// `job_edit.rs`
pub(crate) const STATUS: &str = "Status";
pub(crate) const SAVED: &str = "Saved";
pub(crate) const EDIT_THIS_JOB: &str = "Edit this job";
pub(crate) const A_PART_OF_THE_PAYLOAD_2: &str =
    "A part of the payload is hidden or cut here: an edit of it must be complete.";
pub(crate) const IT_MUST_BE_THERE: &str = "It must be there";
pub(crate) const LOWER_RUNS_FIRST: &str = "Lower runs first";
pub(crate) const A_TIME_IN_THE_PAST_MEANS: &str = "A time in the past means now";
pub(crate) const SAVE: &str = "Save";
pub(crate) const SOMETHING_HAPPENED_TO_THIS_JOB_WHILE: &str =
    "Something happened to this job while you were editing it";

// `limits.rs`
pub(crate) const GIVE_A_SCOPE: &str = "Give a scope one: ";
pub(crate) const FORGE_LIMIT_SET_SLACK_60_PER: &str = "forge limit set slack 60 --per 1m";
pub(crate) const AND_ITS_NAME_TO_WHAT: &str = ", and its name to what is limited.";
pub(crate) const THERE_IS_NO_BUDGET_YET: &str = "There is no budget yet";
pub(crate) const LIMITS: &str = "Limits";
pub(crate) const NEW_LIMIT: &str = "New limit";
pub(crate) const AS_THEY_ARE_ASKED: &str = "as they are asked for";
pub(crate) const SPREAD_EVENLY: &str = "spread evenly";
pub(crate) const AS_A_NEWER_VERSION_SAYS: &str = "as a newer version says";
pub(crate) const DRAINED_NOTHING_IS_GIVEN_UNTIL: &str = "drained: nothing is given until ";
pub(crate) const THE_NEXT_ONE_CAN_BE_GIVEN: &str = "The next one can be given ";
pub(crate) const SET_BY_A_PERSON: &str = "set by a person";
pub(crate) const FROM_THE_TEMPLATE: &str = "from the template ";
pub(crate) const USED_IN: &str = " used in ";
pub(crate) const GIVEN: &str = ", given ";
pub(crate) const FREE: &str = " free. ";
pub(crate) const LIFT_THE_DRAIN: &str = "Lift the drain";
pub(crate) const DRAIN_FOR_5_MIN: &str = "Drain for 5 min";
pub(crate) const NOTHING_IS_GIVEN: &str =
    "Nothing is given of it for five minutes: what needs a permit waits.";
pub(crate) const DRAIN: &str = "Drain";
pub(crate) const REMOVE: &str = "Remove";
pub(crate) const WHAT_ASKS_FOR_ITS_PERMITS: &str =
    "What asks for its permits is refused, or has the limit of its template.";
pub(crate) const AS_THEY_ARE_ASKED_2: &str = "As they are asked for";
pub(crate) const EVENLY: &str = "Evenly";
pub(crate) const A_WHOLE_NUMBER_FROM_1_2: &str = "A whole number from 1 to 1000000.";
pub(crate) const A_TIME_FROM_100MS_ON: &str = "A time from 100ms on, such as 1 min.";
pub(crate) const IT_HAS_A_LIMIT_ALREADY_EDIT: &str = "It has a limit already: edit that one.";
pub(crate) const SCOPE: &str = "Scope";
pub(crate) const SUCH_AS_SLACK_OR_SLACK_TEAM: &str = "Such as slack, or slack:team-7";
pub(crate) const PERMITS: &str = "Permits";
pub(crate) const IN_EACH_WINDOW: &str = "In each window";
pub(crate) const WINDOW: &str = "Window";
pub(crate) const SUCH_AS_1_MIN: &str = "Such as 1 min";
pub(crate) const GIVEN_2: &str = "Given";
pub(crate) const SOMEBODY_CHANGED_THIS_LIMIT_WHILE_YOU: &str =
    "Somebody changed this limit while you were editing it";
pub(crate) const SOMEBODY_REMOVED_THIS_LIMIT_WHILE_YOU: &str =
    "Somebody removed this limit while you were editing it";
pub(crate) const SOMEBODY_GAVE_THIS_SCOPE_A_LIMIT: &str =
    "Somebody gave this scope a limit while you were making one";

// `queue.rs`
pub(crate) const A_TIME_SUCH_AS_500MS_15S: &str = "A time such as 500ms, 15s, 2 min, 6h or 7 d.";
pub(crate) const A_TIME_SUCH_AS_12H: &str = "A time such as 12h or 7 d, or: forever.";
pub(crate) const NO_BOUND: &str = "no bound";
pub(crate) const WORKERS_OF_EACH_PROCESS: &str = "Workers of each process";
pub(crate) const RUNNING_IN_ALL_PROCESSES: &str = "Running in all processes";
pub(crate) const BACKOFF: &str = "Backoff";
pub(crate) const FIRST_DELAY: &str = "First delay";
pub(crate) const LONGEST_DELAY: &str = "Longest delay";
pub(crate) const DONE_JOBS_ARE_KEPT: &str = "Done jobs are kept";
pub(crate) const DEAD_JOBS_ARE_KEPT: &str = "Dead jobs are kept";
pub(crate) const ITS_JOBS: &str = "Its jobs";
pub(crate) const SAVED_PROCESSES_TAKE_IT_UP: &str = "Saved: processes take it up at their next tick";
pub(crate) const SETTINGS: &str = "Settings";
pub(crate) const JOBS_THAT_ONE_PROCESS_RUNS: &str = "Jobs that one process runs at a time";
pub(crate) const EMPTY_NO_BOUND_BUT_THE_WORKERS: &str = "Empty: no bound but the workers";
pub(crate) const AFTER_THEY_FINISHED: &str = "After they finished";
pub(crate) const AFTER_THEY_DIED: &str = "After they died";
pub(crate) const AFTER_THE_FIRST_FAILURE: &str = "After the first failure";
pub(crate) const THE_DELAY_DOUBLES_UP_TO_HERE: &str = "The delay doubles up to here";
pub(crate) const WAIT_BETWEEN_ATTEMPTS_BACKOFF: &str = "Wait between attempts (backoff)";
pub(crate) const UNDO: &str = "Undo";
pub(crate) const WITH_THIS_EDIT: &str = "with this edit";
pub(crate) const DELAY_BEFORE_THE_NEXT_ATTEMPT: &str = "Delay before the next attempt, by failures in a row";
pub(crate) const SOMEBODY_CHANGED_THIS_QUEUE_WHILE_YOU: &str =
    "Somebody changed this queue while you were editing it";

// `queues.rs`
pub(crate) const THE_FIRST_JOB_THAT_IS_ENQUEUED_2: &str =
    "The first job that is enqueued into a queue makes it.";
pub(crate) const WORKERS: &str = "Workers";
pub(crate) const PAUSE_OR_RESUME: &str = "Pause or resume";
pub(crate) const IN_ALL: &str = " in all";
pub(crate) const NOBODY: &str = "nobody";
pub(crate) const OPEN: &str = "open";
pub(crate) const BY_2: &str = " by ";

// `schedule.rs`
pub(crate) const NEXT_FIRES: &str = "Next fires";
pub(crate) const PAST_FIRES: &str = "Past fires";
pub(crate) const A_PERSON_OVERRIDES_WHAT: &str = "A person overrides what ";
pub(crate) const DECLARES: &str = " declares";
pub(crate) const IT_FIRES_NO_MORE_JOBS: &str =
    "It fires no more. Jobs that it has enqueued stay. A program that declares it makes it again.";
pub(crate) const DELETE: &str = "Delete";
pub(crate) const DELETED: &str = "Deleted";
pub(crate) const GIVE_IT_BACK_TO_THE_CODE: &str = "Give it back to the code";
pub(crate) const FIRES: &str = "Fires";
pub(crate) const NEXT: &str = "Next";
pub(crate) const LAST_2: &str = "Last";
pub(crate) const MISSED_FIRES: &str = "Missed fires";
pub(crate) const WHILE_ONE_IS_UNFINISHED: &str = "While one is unfinished";
pub(crate) const EDITED: &str = "Edited";
pub(crate) const NOTHING_IS_MADE_UP: &str = "nothing is made up for";
pub(crate) const IT_FIRES_ALL_THE_SAME: &str = "it fires all the same";
pub(crate) const IT_DOES_NOT_FIRE: &str = "it does not fire";
pub(crate) const EXPRESSION: &str = "Expression";
pub(crate) const ZONE: &str = "Zone";
pub(crate) const JITTER: &str = "Jitter";
pub(crate) const CLOCKS_WENT: &str = "clocks went ";
pub(crate) const MIN_BEFORE: &str = " min before";
pub(crate) const IT_NEVER_FIRES_AGAIN: &str = "It never fires again";
pub(crate) const THE_EXPRESSION_HAS_NO_FIRE_BEFORE: &str =
    "The expression has no fire before the end of the year 9999.";
pub(crate) const RUN_BY_A_PERSON: &str = "run by a person";
pub(crate) const A_LATER_ONE_STANDS: &str = "a later one stands for it";
pub(crate) const AN_EARLIER_JOB_WAS_UNFINISHED: &str = "an earlier job was unfinished";
pub(crate) const EACH_FIRE_IS_LISTED_HERE: &str = "Each fire is listed here with what became of it.";
pub(crate) const THE_FIRST: &str = ", the first ";
pub(crate) const ITS_JOB: &str = "its job";

// `schedule_edit.rs`
pub(crate) const ONE_JOB_FOR_ALL: &str = "One job for all";
pub(crate) const NONE: &str = "None";
pub(crate) const THE_LATEST: &str = "The latest";
pub(crate) const IT_DOES_NOT_FIRE_2: &str = "It does not fire";
pub(crate) const IT_FIRES_ALL_THE_SAME_2: &str = "It fires all the same";
pub(crate) const A_TIME_SUCH_AS_30S_5: &str = "A time such as 30s, 5 min or 1h.";
pub(crate) const MINUTE_HOUR_DAY_MONTH_WEEKDAY: &str = "Minute hour day month weekday, or @daily";
pub(crate) const TIME_ZONE: &str = "Time zone";
pub(crate) const AS_EUROPE_BERLIN: &str = "As Europe/Berlin";
pub(crate) const WHAT_IS_ENQUEUED: &str = "What is enqueued";
pub(crate) const MISSED_WITHIN: &str = "Missed within";
pub(crate) const OLDER_FIRES_ARE_LEFT_OUT: &str = "Older fires are left out";
pub(crate) const JOBS_ARE_SPREAD_OVER_SO_MUCH: &str = "Jobs are spread over so much time";
pub(crate) const WITH_THIS_IT_FIRES: &str = "With this it fires";
pub(crate) const SOMEBODY_CHANGED_THIS_SCHEDULE_WHILE_YOU: &str =
    "Somebody changed this schedule while you were editing it";

// `schedule_new.rs`
pub(crate) const THERE_IS_A_SCHEDULE: &str = "There is a schedule of this name: edit that one.";
pub(crate) const MADE: &str = "Made";
pub(crate) const NAME: &str = "Name";
pub(crate) const SUCH_AS_REPORTS_NIGHTLY: &str = "Such as reports/nightly";
pub(crate) const MAKE_IT: &str = "Make it";

// `verbs.rs`
pub(crate) const THEY_ARE_DELETED_WITH_THEIR_HISTORY: &str =
    "They are deleted with their history. This cannot be undone.";
pub(crate) const WHAT_WAITS_IS_DEAD_AS_CANCELLED: &str =
    "What waits is dead as cancelled; what runs is asked to stop.";
pub(crate) const THEY_MAY_RUN_AT_ONCE: &str = "They may run at once.";
pub(crate) const ASKED_TO_STOP: &str = "asked to stop";
pub(crate) const FINISHED_BEFORE: &str = "finished before";
pub(crate) const MADE_PENDING: &str = "made pending";
pub(crate) const PENDING_ALREADY: &str = "pending already";
pub(crate) const REFUSED_WHERE_THEY_STAND: &str = "refused where they stand";
pub(crate) const LEFT_SINCE_ANOTHER_JOB: &str = "left, since another job has their dedupe key";
pub(crate) const GONE_ALREADY: &str = "gone already";
