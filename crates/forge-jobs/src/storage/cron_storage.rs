//! `CronStorage`: schedules, and the ticks that make jobs of them.

use super::{Actor, StorageError};
use crate::schedule::{
    FireRange, NewSchedule, Overlap, Owner, ScheduleSpec, ScheduledJob, TickOutcome, decide, jitter_of,
};
use crate::{Due, JobId, Timestamp};
use async_trait::async_trait;

/// A schedule as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ScheduleRow {
    /// Its name.
    pub name: String,
    /// When it fires and what it enqueues: the values in effect.
    pub spec: ScheduleSpec,
    /// Whether it fires.
    pub enabled: bool,
    /// Whose values are in effect.
    pub owner: Owner,
    /// What a program's code wants; `None` if none ever declared it, or a newer version did and this one cannot read it.
    pub code: Option<CodeWish>,
    /// Another one after each edit, also if the schedule was removed in between; fires are no edits.
    pub version: i64,
    /// Fires up to this moment are dealt with.
    pub handled_until: Timestamp,
    /// When whoever leads looks at it next, as it was worked out at the last edit or fire; `None`: never. Zone data that
    /// has changed since may make [`next_fire_at`](Self::next_fire_at) another time.
    pub due_at: Option<Timestamp>,
    /// The latest fire that is a job; what a person ran is none.
    pub last_fire_at: Option<Timestamp>,
    /// The latest job of it, also of those that a person ran.
    pub last_job: Option<JobId>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last edited.
    pub edited_at: Timestamp,
}

impl ScheduleRow {
    /// The next fire that is not dealt with: in the past if it is overdue, `None` while the schedule is paused.
    #[must_use]
    pub fn next_fire_at(&self) -> Option<Timestamp> {
        self.enabled.then(|| self.spec.expression.next_after(self.handled_until, &self.spec.zone)).flatten()
    }

    /// Whether a person's values are in effect that the code would have otherwise.
    #[must_use]
    pub fn overrides_code(&self) -> bool {
        self.code.as_ref().is_some_and(|code| code.spec != self.spec || code.enabled != self.enabled)
    }

    /// Whether the program that once declared it no longer does.
    #[must_use]
    pub fn is_undeclared(&self) -> bool {
        self.code.as_ref().is_some_and(|code| !code.declared)
    }
}

/// What a program's code wants of a schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeWish {
    /// When it is to fire, and what to enqueue.
    pub spec: ScheduleSpec,
    /// Whether it is to fire.
    pub enabled: bool,
    /// The program that declared it last.
    pub program: String,
    /// Whether that program still does.
    pub declared: bool,
}

/// For [`CronStorage::put`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PutScheduleParams {
    /// The schedule.
    pub schedule: NewSchedule,
    /// Who wants it.
    pub by: Author,
    /// Who does it, for the audit; `None`: a program, for itself.
    pub actor: Option<Actor>,
    /// The time to act at.
    pub now: Option<Timestamp>,
}

/// Who wants a schedule to be as it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Author {
    /// A program's code, when it starts.
    Code {
        /// The program.
        program: String,
    },
    /// A person.
    Operator {
        /// Change it only if it still has this version; `None`: make it, or change whatever is there.
        expected_version: Option<i64>,
    },
}

/// For [`CronStorage::set_enabled`] and [`CronStorage::reset`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EditScheduleParams {
    /// The schedule.
    pub name: String,
    /// Change it only if it still has this version; `None`: whatever it has.
    pub expected_version: Option<i64>,
    /// Who does it, for the audit; `None`: a program, for itself.
    pub actor: Option<Actor>,
    /// The time to act at.
    pub now: Option<Timestamp>,
}

/// Whether a schedule is to fire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activity {
    /// It fires; what it would have fired while it was paused is not made up for.
    Enabled,
    /// It does not.
    Paused,
}

/// For [`CronStorage::undeclare`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UndeclareParams {
    /// The program that has just declared its schedules.
    pub program: String,
    /// Their names.
    pub declared: Vec<String>,
}

/// For [`CronStorage::due`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DueParams {
    /// At most so many schedules.
    pub limit: u32,
    /// The time to act at.
    pub now: Option<Timestamp>,
}

/// Schedules whose next fire has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueSchedules {
    /// The database's time.
    pub now: Timestamp,
    /// They, the longest due first.
    pub schedules: Vec<ScheduleRow>,
    /// Names of due ones that this program cannot read, since a newer one wrote them.
    pub unreadable: Vec<String>,
    /// When the next of the others is due; `None` if none will be. `now` if `limit` cut the list short.
    pub next_at: Option<Timestamp>,
}

/// All schedules there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllSchedules {
    /// Those that this program can read, by name.
    pub schedules: Vec<ScheduleRow>,
    /// The names of the others: a newer program wrote them.
    pub unreadable: Vec<String>,
}

#[cfg(any(feature = "sqlite", feature = "postgres"))]
impl AllSchedules {
    /// From what reading each of them gave.
    pub(super) fn of(rows: impl IntoIterator<Item = (String, Result<ScheduleRow, StorageError>)>) -> Self {
        let mut all = Self::default();
        for (name, row) in rows {
            match row {
                Ok(row) => all.schedules.push(row),
                Err(_) => all.unreadable.push(name),
            }
        }
        all
    }
}

/// For [`CronStorage::fire`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FireParams {
    /// What is to be done, at most [`MAX_FIRE_BATCH`](crate::limits::MAX_FIRE_BATCH) schedules with at most
    /// [`MAX_FIRE_TICKS`](crate::limits::MAX_FIRE_TICKS) ticks. Each schedule once.
    pub members: Vec<ScheduleFire>,
    /// The time to act at.
    pub now: Option<Timestamp>,
}

/// What was decided about one schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduleFire {
    /// The schedule.
    pub name: String,
    /// The version that this was decided by.
    pub version: i64,
    /// What each tick enqueues.
    pub job: ScheduledJob,
    /// What becomes of a tick while a job of an earlier one is unfinished.
    pub overlap: Overlap,
    /// Fires that become jobs, in order.
    pub ticks: Vec<NewTick>,
    /// Fires that do not: coalesced and missed ones.
    pub records: Vec<(TickOutcome, FireRange)>,
    /// Fires up to this moment are dealt with.
    pub until: Timestamp,
    /// When it is due again; `None`: never.
    pub next_at: Option<Timestamp>,
}

impl ScheduleFire {
    /// What is to be done about a schedule at a moment.
    pub(crate) fn decided(row: &ScheduleRow, now: Timestamp) -> Self {
        let decision = decide(&row.spec, row.handled_until, now);
        let tick = |fire_at: Timestamp| {
            let jitter = jitter_of(&row.name, fire_at, row.spec.jitter);
            let due =
                if row.spec.jitter.is_zero() { Due::Now } else { Due::At(fire_at.saturating_add(jitter)) };
            NewTick { fire_at, job: JobId::new(), due }
        };
        let coalesced = decision.coalesced.map(|fires| (TickOutcome::Coalesced, fires));
        let missed = decision.missed.map(|fires| (TickOutcome::Missed, fires));
        Self {
            name: row.name.clone(),
            version: row.version,
            job: row.spec.job.clone(),
            overlap: row.spec.overlap,
            ticks: decision.ticks.into_iter().map(tick).collect(),
            records: coalesced.into_iter().chain(missed).collect(),
            until: decision.until,
            next_at: decision.next,
        }
    }
}

/// A fire that becomes a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewTick {
    /// The fire.
    pub fire_at: Timestamp,
    /// The job's id.
    pub job: JobId,
    /// When the job is due.
    pub due: Due,
}

/// What came of one schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FireResult {
    /// It was done.
    Done {
        /// What came of each tick; `None`: it was dealt with before, and nothing was changed for it.
        ticks: Vec<Option<TickOutcome>>,
    },
    /// It was edited meanwhile. Nothing was changed: look at it again.
    Edited,
    /// It was removed. Nothing was changed.
    Removed,
}

/// For [`CronStorage::run_now`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunScheduleParams {
    /// The schedule.
    pub name: String,
    /// The id of the job.
    pub job: JobId,
    /// Who does it, for the audit; `None`: a program, for itself.
    pub actor: Option<Actor>,
    /// The time to act at.
    pub now: Option<Timestamp>,
}

/// For [`CronStorage::ticks`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TicksParams {
    /// The schedule.
    pub name: String,
    /// Only fires earlier than this: the last of the page before. `None`: from the latest on.
    pub before: Option<Timestamp>,
    /// At most so many, 1 to [`MAX_PAGE`](crate::limits::MAX_PAGE).
    pub limit: u32,
}

/// What became of a fire, or of several one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TickRow {
    /// The fires; several only of those that are no job.
    pub fires: FireRange,
    /// What became of them.
    pub outcome: TickOutcome,
    /// The job.
    pub job: Option<JobId>,
    /// When this was written.
    pub recorded_at: Timestamp,
}

/// Schedules, and the ticks that make jobs of them.
///
/// A tick is a job once: the row that says so, under the key (schedule, fire), is written in the transaction that inserts
/// the job. So any number of processes may fire at the same time, with whatever they believe of who leads.
///
/// **Who has the say.** What a program's code declares is in effect until a person edits it; from then on the person's
/// values are, and what the code wants is remembered beside them. Pausing and enabling count by themselves: a pause stays
/// through each deploy, and the other values go on following the code.
///
/// Every call is one transaction. At most [`MAX_SCHEDULES`](crate::limits::MAX_SCHEDULES) schedules are kept.
#[async_trait]
pub trait CronStorage: Send + Sync + 'static {
    /// Makes a schedule, or changes the one of its name, and returns it. A new one fires from now on, and so does one
    /// whose expression or zone was changed. By [`Author::Code`] idempotent, and without effect on what a person edited.
    /// A person says what is in effect; whether it fires only for a new one.
    ///
    /// # Errors
    ///
    /// [`StorageError::Conflict`] when it has not the version that was expected, [`StorageError::NotFound`] when there
    /// is none with a version, [`StorageError::Invalid`] when there are too many. Nothing is changed then.
    async fn put(&self, params: PutScheduleParams) -> Result<ScheduleRow, StorageError>;

    /// Lets a schedule fire from now on, or pauses it, and returns it. Idempotent.
    ///
    /// # Errors
    ///
    /// [`StorageError::NotFound`], [`StorageError::Conflict`] when it has not the version that was expected.
    async fn set_enabled(
        &self,
        params: EditScheduleParams,
        activity: Activity,
    ) -> Result<ScheduleRow, StorageError>;

    /// Gives a schedule back to the code: what that wants is in effect from now on. Returns it. Idempotent.
    ///
    /// # Errors
    ///
    /// [`StorageError::NotFound`], [`StorageError::Conflict`] when it has not the version that was expected, or no code
    /// ever declared it.
    async fn reset(&self, params: EditScheduleParams) -> Result<ScheduleRow, StorageError>;

    /// Deletes a schedule and its ticks; its jobs stay. Says whether it was there. Idempotent. A program that declares
    /// it makes it anew at its next start.
    async fn remove(&self, name: &str, actor: Option<Actor>) -> Result<bool, StorageError>;

    /// Marks what a program declared before and does not any more. It goes on firing until somebody removes it. Returns
    /// the names of those that were not marked before. Idempotent.
    async fn undeclare(&self, params: UndeclareParams) -> Result<Vec<String>, StorageError>;

    /// One schedule; `None` if there is none of that name.
    ///
    /// # Errors
    ///
    /// [`StorageError::Corrupt`] when this program cannot read it.
    async fn get(&self, name: &str) -> Result<Option<ScheduleRow>, StorageError>;

    /// All schedules, by name.
    async fn list(&self) -> Result<AllSchedules, StorageError>;

    /// The enabled schedules that are to be looked at: their next fire has come, or they are dealt with up to a moment
    /// more than [`CLOCK_CORRECTION`](crate::limits::CLOCK_CORRECTION) ahead. Changes nothing.
    async fn due(&self, params: DueParams) -> Result<DueSchedules, StorageError>;

    /// Writes what was decided, guarded by the version of each schedule: its ticks with their jobs, what became of the
    /// other fires, and when it is due again. Up to when fires are dealt with only grows, unless that is more than
    /// [`CLOCK_CORRECTION`](crate::limits::CLOCK_CORRECTION) ahead. Idempotent by (schedule, fire). One member that cannot be served fails
    /// alone.
    ///
    /// # Errors
    ///
    /// For the call as a whole; nothing was done then, unless [`outcome_unknown`](StorageError::outcome_unknown).
    async fn fire(&self, params: FireParams) -> Result<Vec<FireResult>, StorageError>;

    /// Enqueues the job of a schedule now, whether it is enabled or not and whatever runs, and returns the fire that
    /// stands for it. The expression's own fires are not touched. Idempotent by the job's id as long as the fire is kept.
    ///
    /// # Errors
    ///
    /// [`StorageError::NotFound`].
    async fn run_now(&self, params: RunScheduleParams) -> Result<TickRow, StorageError>;

    /// What became of the latest fires of a schedule, the latest first. An unknown one has none.
    ///
    /// # Errors
    ///
    /// [`StorageError::Invalid`] for a limit out of range.
    async fn ticks(&self, params: TicksParams) -> Result<Vec<TickRow>, StorageError>;
}
