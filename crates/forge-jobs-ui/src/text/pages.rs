//! What pages say that show something.

// `audit.rs`
pub(crate) const WHO: &str = "Who";
pub(crate) const ACTION_AS_QUEUE_PAUSE: &str = "Action, as queue.pause";
pub(crate) const SORT_OF_THING_AS_JOB: &str = "Sort of thing, as job";
pub(crate) const NAME_OR_ID: &str = "Name or id";
pub(crate) const NOTHING_WAS_DONE: &str = "Nothing was done";
pub(crate) const NO_ACTION_MATCHES: &str = "No action matches";
pub(crate) const NAMES_OF_ACTIONS_ARE_WHOLE: &str = "Names are compared whole, as queue.pause.";
pub(crate) const WHATEVER_A_PERSON_CHANGES_IS_WRITTEN: &str =
    "Whatever a person changes is written down here, with who did it.";
pub(crate) const EARLIER: &str = "Earlier";
pub(crate) const PAGES_OF_THE_LIST: &str = "Pages of the list";
pub(crate) const THE_AUDIT_IS_FOR_OPERATORS: &str = "The audit is for operators";
pub(crate) const YOUR_ROLE_LETS_YOU_LOOK: &str = "Your role lets you look at the queue, not at who did what.";
pub(crate) const AUDIT: &str = "Audit";
pub(crate) const READ_AGAIN: &str = "Read again";
pub(crate) const BEFORE: &str = "Before";
pub(crate) const AFTER: &str = "After";
pub(crate) const DETAIL: &str = "Detail";
pub(crate) const WHAT_CHANGED: &str = "What changed";

// `charts.rs`
pub(crate) const BACK_TO_LIVE: &str = "Back to live";
pub(crate) const RANGE_OF_THE_CHARTS: &str = "Range of the charts";
pub(crate) const WORK: &str = "Work";
pub(crate) const WAIT_FROM_DUE_TO_STARTED: &str = "Wait: from due to started";
pub(crate) const RUN_FROM_STARTED_TO_ENDED: &str = "Run: from started to ended";
pub(crate) const END_TO_END_FROM_ENQUEUED: &str = "End to end: from enqueued to finished";
pub(crate) const AGE_OF_THE_OLDEST_WAITING_JOB: &str = "Age of the oldest waiting job";

// `database.rs`
pub(crate) const CHECK_AGAIN: &str = "Check again";
pub(crate) const A_CHECK_READS_EVERYTHING: &str = "A check reads everything";
pub(crate) const IT_NEEDS_THE_ROLE_OPERATOR: &str = "It needs the role operator.";
pub(crate) const DB_HEALTH: &str = "DB health";
pub(crate) const CHECK: &str = "Check";
pub(crate) const ENGINE: &str = "Engine";
pub(crate) const SIZE: &str = "Size";
pub(crate) const FREE_FOR_NEW_ROWS: &str = "Free for new rows";
pub(crate) const READ: &str = "Read";
pub(crate) const SESSIONS: &str = "Sessions";
pub(crate) const WRITE_AHEAD_LOG: &str = "Write-ahead log";
pub(crate) const WAITS_FOR_A_LOCK: &str = "Waits for a lock";
pub(crate) const A_TRANSACTION_IS_OPEN: &str = "A transaction is open since ";
pub(crate) const SESSION: &str = " (session ";
pub(crate) const DEAD_ROWS_CANNOT_BE_CLEARED_AWAY: &str = "): dead rows cannot be cleared away meanwhile.";
pub(crate) const TABLES_OF_THE_QUEUE: &str = "Tables of the queue";
pub(crate) const TABLE: &str = "Table";
pub(crate) const ROWS: &str = "Rows";
pub(crate) const DEAD_ROWS: &str = "Dead rows";
pub(crate) const INDEXES: &str = "Indexes";
pub(crate) const VACUUMED: &str = "Vacuumed";
pub(crate) const NO_PROBLEM_WAS_FOUND: &str = "No problem was found.";
pub(crate) const THIS_NEEDS_A_PERSON: &str = "This needs a person";
pub(crate) const WANTED_SO: &str = "Wanted so";
pub(crate) const DATABASE: &str = "Database";
pub(crate) const VERSION: &str = "Version";
pub(crate) const SCHEMA: &str = "Schema";
pub(crate) const OF_THE_KIND: &str = " of the kind ";
pub(crate) const IN_QUEUE: &str = " in queue ";
pub(crate) const JOBS_THAT_NOBODY_CAN_RUN: &str = "Jobs that nobody can run";
pub(crate) const FACTS: &str = "Facts";

// `errors.rs`
pub(crate) const THERE_ARE_MORE_SORTS_OF_ERRORS: &str = "There are more sorts of errors than these.";
pub(crate) const ERRORS_BY_SORT: &str = "Errors by sort";
pub(crate) const THE_LATEST_FIRST_COUNTS_ARE: &str = " the latest first; a count is of all attempts that failed so, also of jobs that are done, dead or gone by now";
pub(crate) const IN: &str = " in ";
pub(crate) const LAST: &str = " · last ";
pub(crate) const FIRST: &str = " · first ";
pub(crate) const IN_VERSION: &str = " in version ";
pub(crate) const RETRY_ITS_DEAD: &str = "Retry its dead";
pub(crate) const DROP_ITS_DEAD: &str = "Drop its dead";

// `filter_bar.rs`
pub(crate) const IS_NO_FILTER_THERE_ARE: &str = "” is no filter here. There are ";
pub(crate) const FILTER_2: &str = "Filter";
pub(crate) const FILTER_QUEUE_MAIL_KIND_SEND_STATUS: &str =
    "Filter: queue:mail kind:send status:dead   ( / )";
pub(crate) const FILTER_QUEUE_MAIL_KIND_SEND: &str = "Filter: queue:mail kind:send   ( / )";
pub(crate) const SUGGESTIONS: &str = "Suggestions";
pub(crate) const APPLY: &str = "Apply";
pub(crate) const CLEAR: &str = "Clear";

// `job.rs`
pub(crate) const PAYLOAD: &str = "Payload";
pub(crate) const RESULT: &str = "Result";
pub(crate) const A_PART_IS_HIDDEN: &str =
    "A part is hidden, since it may be secret, or cut, since it is long.";
pub(crate) const ATTEMPT: &str = "Attempt";
pub(crate) const DUE: &str = "Due";
pub(crate) const STARTED: &str = "Started";
pub(crate) const FINISHED: &str = "Finished";
pub(crate) const PROCESS: &str = "Process";
pub(crate) const CANCEL_ASKED: &str = "Cancel asked for";
pub(crate) const WAITS_FOR: &str = "Waits for";
pub(crate) const THROTTLES_IN_A_ROW: &str = "Throttles in a row";
pub(crate) const CRASHES: &str = "Crashes";
pub(crate) const EDIT: &str = "Edit";
pub(crate) const NOTHING_WAS_DONE_2: &str = "Nothing was done: ";
pub(crate) const UNTIL: &str = "until ";
pub(crate) const SINCE: &str = "since ";
pub(crate) const TO_THE_QUEUE: &str = "to the queue";
pub(crate) const TO_THAT_JOB: &str = "to that job";
pub(crate) const TO_THE_LIMITS: &str = "to the limits";
pub(crate) const THE_NEXT_FREE_WORKER_TAKES: &str = "The next free worker takes it";
pub(crate) const WHY_IT_IS_WHERE: &str = "Why it is where it is";

// `job_history.rs`
pub(crate) const WHAT_HAPPENED: &str = "What happened";
pub(crate) const ATTEMPT_2: &str = "attempt ";
pub(crate) const RAN: &str = "ran ";
pub(crate) const BY: &str = "by ";
pub(crate) const IN_2: &str = "in ";
pub(crate) const NO_ATTEMPT_HAS_ENDED_YET: &str = "No attempt has ended yet";
pub(crate) const EACH_ONE_IS_LISTED_HERE: &str = "Each one is listed here with its error.";
pub(crate) const CAUSED_BY_THE_OUTERMOST_FIRST: &str = "Caused by, the outermost first";
pub(crate) const PANICKED_AT: &str = "Panicked at ";
pub(crate) const OTHER_JOBS_WITH_THIS_ERROR: &str = "Other jobs with this error";
pub(crate) const IN_3: &str = "In ";
pub(crate) const TO_COME_BACK: &str = "To come back ";
pub(crate) const ATTEMPT_3: &str = "Attempt ";
pub(crate) const RAN_2: &str = ", ran ";
pub(crate) const ENDED_BY: &str = ", ended by ";
pub(crate) const CLAIM: &str = ", claim ";

// `jobs.rs`
pub(crate) const JOBS_WHOSE_TIME_HAS_NOT_COME: &str =
    "Jobs whose time has not come: a run-at in the future, or a throttle. The soonest first.";
pub(crate) const JOBS_THAT_FAILED_AND_WAIT: &str =
    "Jobs that failed and wait for their next attempt. The soonest first.";
pub(crate) const JOBS_THAT_DO_NOT_COME_BACK: &str =
    "Jobs that do not come back by themselves. Retry gives one a fresh budget of attempts.";
pub(crate) const NO_JOB_EVER_HAD: &str = "No job ever had this ";
pub(crate) const IS_IT_SPELLED_RIGHT: &str = ". Is it spelled right?";
pub(crate) const THE_LIST_HAS_CHANGED: &str = "The list has changed since. ";
pub(crate) const SHOW_IT_N: &str = "Show it (n)";
pub(crate) const NO_JOB_MATCHES: &str = "No job matches";
pub(crate) const TAKE_A_PART_OF_THE_FILTER: &str = "Take a part of the filter away, or clear it.";
pub(crate) const THE_NEWEST: &str = "newest";
pub(crate) const THE_SOONEST: &str = "soonest";
pub(crate) const THE_NEXT: &str = "next";
pub(crate) const SEARCH_ON: &str = "Search on";
pub(crate) const NOTHING_IS_SCHEDULED: &str = "Nothing is scheduled";
pub(crate) const JOBS_WITH_A_RUN: &str = "Jobs with a run-at in the future wait here.";
pub(crate) const NOTHING_WAITS_FOR_ANOTHER_ATTEMPT: &str = "Nothing waits for another attempt";
pub(crate) const A_JOB_THAT_FAILS_IS_HERE: &str = "A job that fails is here until it is due again.";
pub(crate) const NOBODY_DIED: &str = "Nobody died";
pub(crate) const JOBS_THAT_USED_UP_THEIR_ATTEMPTS: &str =
    "Jobs that used up their attempts, were given up or cancelled are listed here.";
pub(crate) const THERE_IS_NO_JOB_YET: &str = "There is no job yet";
pub(crate) const ENQUEUE_ONE: &str = "Enqueue one: ";
pub(crate) const FORGE_ENQUEUE_NOOP_ECHO_HELLO_WORLD: &str =
    "forge enqueue noop_echo '{\"hello\":\"world\"}'";
pub(crate) const FIRST_PAGE: &str = "First page";
pub(crate) const NEXT_PAGE: &str = "Next page";
pub(crate) const CHOSEN_JOBS: &str = "Chosen jobs";
pub(crate) const CHOSEN: &str = " chosen";
pub(crate) const CHOOSE_NONE: &str = "Choose none";

// `jobs_table.rs`
pub(crate) const NEXT_ATTEMPT: &str = "Next attempt";
pub(crate) const DIED: &str = "Died";
pub(crate) const CHOOSE_ALL_OF_THIS_PAGE: &str = "Choose all of this page";
pub(crate) const JOB_2: &str = "Job";
pub(crate) const LATEST_ERROR: &str = "Latest error";
pub(crate) const LOOK_INSIDE: &str = "Look inside";
pub(crate) const LOOK: &str = "Look";
pub(crate) const CUT_OR_HIDDEN_HERE: &str = "Cut or hidden here: ";

// `login.rs`
pub(crate) const LOG_IN: &str = "Log in";
pub(crate) const THIS_SERVER_WANTS_TO_KNOW: &str =
    "This server wants to know who you are. Your token was made with ";
pub(crate) const NOBODY_IS_LOGGED_IN: &str = "Nobody is logged in here, or the session has ended.";
pub(crate) const FORGE_TOKEN: &str = "forge token";
pub(crate) const TOKEN: &str = "Token";

// `logs.rs`
pub(crate) const IT_HAS_LOGGED_NOTHING: &str = "It has logged nothing";
pub(crate) const LINES_OF_TRACING_THAT_A_HANDLER: &str =
    "Lines of tracing that a handler writes are kept with its job.";
pub(crate) const CLAIM_2: &str = "claim ";
pub(crate) const LINES_OF_THE_LOG: &str = "Lines of the log";
pub(crate) const LOG: &str = "Log";

// `metrics.rs`
pub(crate) const NOTHING_HAPPENED_IN_THIS_RANGE: &str = "Nothing happened in this range";
pub(crate) const TAKE_A_LONGER_ONE_WHAT_WAS: &str =
    "Take a longer one. What was counted is kept for 90 days.";
pub(crate) const COMPLETED: &str = "Completed";
pub(crate) const COMPLETED_OVER_TIME: &str = "Completed over time";
pub(crate) const CAME_BACK: &str = "Came back";
pub(crate) const DEAD: &str = "Dead";
pub(crate) const WAIT_P95: &str = "Wait p95";
pub(crate) const RUN_P95: &str = "Run p95";
pub(crate) const QUEUE_METRICS: &str = "Queue metrics";
pub(crate) const OTHER_QUEUES: &str = "other queues";
pub(crate) const ITS_SETTINGS: &str = "Its settings";

// `overview.rs`
pub(crate) const OVERVIEW: &str = "Overview";
pub(crate) const PROCESSES: &str = "Processes";
pub(crate) const WORTH_A_LOOK: &str = "Worth a look";
pub(crate) const DUE_WAITING_FOR_A_WORKER: &str = "due, waiting for a worker";
pub(crate) const NOT_DUE_YET: &str = "not due yet";
pub(crate) const CLAIMED_BY_A_PROCESS: &str = "claimed by a process";
pub(crate) const FAILED_AND_COME_BACK: &str = "failed, and come back";
pub(crate) const FINISHED_WELL: &str = "finished well";
pub(crate) const DO_NOT_COME_BACK: &str = "do not come back";
pub(crate) const JOBS_BY_STATUS: &str = "Jobs by status";
pub(crate) const THERE_IS_NO_QUEUE_YET: &str = "There is no queue yet";
pub(crate) const THE_FIRST_JOB_THAT_IS_ENQUEUED: &str =
    "The first job that is enqueued makes one: forge enqueue noop_echo '{}'.";
pub(crate) const PAUSED: &str = "paused";
pub(crate) const PENDING: &str = "Pending";
pub(crate) const RUNNING: &str = "Running";
pub(crate) const SCHEDULED: &str = "Scheduled";
pub(crate) const RETRYING: &str = "Retrying";
pub(crate) const QUEUES: &str = "Queues";

// `processes.rs`
pub(crate) const REGISTERED: &str = "Registered";
pub(crate) const NO_PROCESS_HAS_REGISTERED: &str = "No process has registered";
pub(crate) const START_ONE: &str = "Start one: ";
pub(crate) const FORGE_WORKER: &str = "forge worker";
pub(crate) const OR: &str = ", or ";
pub(crate) const FORGE_SERVE_WORKER: &str = "forge serve --worker";
pub(crate) const ALL_QUEUES: &str = "all queues";
pub(crate) const ANY_KIND: &str = "any kind";
pub(crate) const BEAT: &str = "beat ";
pub(crate) const VERSION_2: &str = "version ";
pub(crate) const HOLDS: &str = "holds ";
pub(crate) const STARTED_2: &str = "started ";

// `resources.rs`
pub(crate) const PROCESSORS_100_IS_ONE_OF_THEM: &str = "Processors: 100 % is one of them";
pub(crate) const MEMORY: &str = "Memory";
pub(crate) const READ_FROM_DISKS_PER_SECOND: &str = "Read from disks, per second";
pub(crate) const WRITTEN_TO_DISKS_PER_SECOND: &str = "Written to disks, per second";
pub(crate) const FREE_ON_THE_VOLUME: &str = "Free on the volume";
pub(crate) const READS_P95: &str = "Reads, p95";
pub(crate) const WRITES_P95: &str = "Writes, p95";
pub(crate) const OPERATIONS_PER_MINUTE: &str = "Operations per minute";
pub(crate) const CONNECTIONS_IN_USE_OF_THOSE: &str = "Connections in use, of those that may be open";
pub(crate) const CALLS_THAT_WAITED_FOR_A_CONNECTION: &str = "Calls that waited for a connection";
pub(crate) const WAITS_FOR_ANOTHER_PROCESSS_LOCK: &str = "Waits for another process's lock";
pub(crate) const THE_CHARTS_SHOW: &str = "The charts show ";
pub(crate) const PROCESSES_THERE_WERE_MORE: &str = " processes; there were more in this range.";
pub(crate) const RESOURCES: &str = "Resources";
pub(crate) const WHAT_EACH_WORKER_PROCESS_USED: &str =
    "What each worker process used, as it measured itself.";
