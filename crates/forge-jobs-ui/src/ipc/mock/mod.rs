//! A queue in the same page: made up from a seed, and changed by what is done to it.

mod forms;
mod lines;
mod made;
mod world;

use super::{Answer, Heard, IpcError, QueueIpc, Verb};
use async_trait::async_trait;
use forge_jobs_api::wire::{
    AuditPage, AuditQuery, BoundedCount, BulkPreview, BulkQuery, BulkReport, BulkRun, BulkVerb, CronPreview,
    CronQuery, DatabaseHealth, Doctor, Drain, EnqueueLine, Enqueued, ErrorCode, ErrorList, ErrorQuery,
    JobCount, JobDetail, JobEdit, JobPage, JobQuery, JobStatus, Limit, LimitChanged, LimitEdit, LimitList,
    LogPage, LogQuery, Me, OutcomeCount, Overview, ProcessList, Queue, QueueEdit, QueueList, ResourceQuery,
    Resources, Role, Schedule, ScheduleDetail, ScheduleEdit, ScheduleList, ScheduleRemoved, Tick, TickPage,
    TickQuery, Timeline, TimelineQuery, Topic, VerbOutcome, VerbReport, Why,
};
use std::any::Any;
use std::cell::RefCell;
use std::rc::{Rc, Weak};
use world::World;

type Listener = Box<dyn Fn(Heard)>;

/// A queue that is made up. Clones are the same queue.
#[derive(Clone)]
pub struct MockIpc {
    world: Rc<RefCell<World>>,
    listeners: Rc<RefCell<Vec<Option<Listener>>>>,
}

impl std::fmt::Debug for MockIpc {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MockIpc")
    }
}

impl Default for MockIpc {
    fn default() -> Self {
        Self::new()
    }
}

/// A place among the listeners.
struct Place {
    at: usize,
    listeners: Weak<RefCell<Vec<Option<Listener>>>>,
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(listeners) = self.listeners.upgrade()
            && let Ok(mut listeners) = listeners.try_borrow_mut()
            && let Some(place) = listeners.get_mut(self.at)
        {
            *place = None;
        }
    }
}

impl MockIpc {
    /// A queue with work in every state, as of now. Works in a browser only.
    #[must_use]
    pub fn new() -> Self {
        Self::at(crate::app::browser::now())
    }

    /// The same as of a moment, in microseconds since 1970.
    #[must_use]
    pub fn at(now: i64) -> Self {
        Self { world: Rc::new(RefCell::new(made::world(now))), listeners: Rc::default() }
    }

    /// A schedule that a program declares.
    ///
    /// # Errors
    ///
    /// None that depends on what is in the queue.
    pub fn declare(&self, name: &str) -> Answer<()> {
        self.change(Topic::Schedules, ("schedule.declare", Some(name)), |world| {
            let made = made::schedule(world.now, name, "30 2 * * *", "Every day at 02:30", true)?;
            world.schedules.push(made);
            world.schedules.sort_by(|a, b| a.name.cmp(&b.name));
            Ok(())
        })
    }

    fn tell(&self, topic: Topic) {
        for listener in self.listeners.borrow().iter().flatten() {
            listener(Heard::Changed(vec![topic]));
        }
    }

    /// Changes something, writes it down, and tells of it.
    fn change<T>(
        &self,
        topic: Topic,
        (action, target): (&str, Option<&str>),
        change: impl FnOnce(&mut World) -> Answer<T>,
    ) -> Answer<T> {
        let answer = {
            let mut world = self.world.borrow_mut();
            let answer = change(&mut world);
            if answer.is_ok() {
                world.note(action, target);
            }
            answer
        };
        if answer.is_ok() {
            self.tell(topic);
        }
        answer
    }
}

fn bounded(count: usize) -> BoundedCount {
    BoundedCount { count: u64::try_from(count).unwrap_or(u64::MAX), more: false }
}

/// The word of the audit for a verb.
const fn done_to(verb: Verb) -> &'static str {
    match verb {
        Verb::Retry => "job.retry",
        Verb::Cancel => "job.cancel",
        Verb::RunNow => "job.run_now",
        Verb::Drop => "job.drop",
    }
}

fn unknown<T>(what: &str) -> Answer<T> {
    Err(IpcError::refused(ErrorCode::NotFound, format!("there is no {what} of this name")))
}

#[async_trait(?Send)]
impl QueueIpc for MockIpc {
    async fn me(&self) -> Answer<Me> {
        Ok(Me {
            name: "you".into(),
            role: Role::Admin,
            read_only: false,
            session: false,
            version: "mock".into(),
        })
    }
    async fn log_in(&self, _: &str) -> Answer<Me> {
        self.me().await
    }
    async fn log_out(&self) -> Answer<()> {
        Ok(())
    }
    async fn overview(&self) -> Answer<Overview> {
        Ok(self.world.borrow().overview())
    }
    async fn timeline(&self, query: &TimelineQuery) -> Answer<Timeline> {
        lines::timeline(self.world.borrow().now, query)
    }
    async fn resources(&self, query: &ResourceQuery) -> Answer<Resources> {
        lines::resources(self.world.borrow().now, query)
    }
    async fn log(&self, _: &str, query: &LogQuery) -> Answer<LogPage> {
        lines::log(self.world.borrow().now, query)
    }
    async fn errors(&self, query: &ErrorQuery) -> Answer<ErrorList> {
        let world = self.world.borrow();
        lines::errors(world.now, &world.jobs, query)
    }
    async fn processes(&self) -> Answer<ProcessList> {
        Ok(ProcessList { processes: self.world.borrow().processes.clone() })
    }
    async fn check_up(&self) -> Answer<Doctor> {
        Ok(self.world.borrow().doctor())
    }
    async fn audit(&self, query: &AuditQuery) -> Answer<AuditPage> {
        let world = self.world.borrow();
        let fits = |want: &Option<String>, is: &str| want.as_ref().is_none_or(|want| want == is);
        let limit = usize::try_from(query.limit.unwrap_or(50)).unwrap_or(50);
        let mut found = world.audit.iter().rev().filter(|a| {
            fits(&query.actor, &a.actor)
                && fits(&query.action, &a.action)
                && fits(&query.what, &a.what)
                && query.target.as_ref().is_none_or(|target| Some(target) == a.target.as_ref())
                && query.before.is_none_or(|before| a.no < before)
        });
        let actions: Vec<_> = found.by_ref().take(limit).cloned().collect();
        let next = found.next().and_then(|_| actions.last()).map(|last| last.no);
        Ok(AuditPage { actions, next })
    }
    async fn queues(&self) -> Answer<QueueList> {
        let world = self.world.borrow();
        Ok(QueueList { queues: world.queues(), processes: world.processes.clone() })
    }
    async fn queue(&self, name: &str) -> Answer<Queue> {
        self.world.borrow().queues().into_iter().find(|q| q.name == name).map_or_else(|| unknown("queue"), Ok)
    }
    async fn edit_queue(&self, name: &str, version: i64, edit: &QueueEdit) -> Answer<Queue> {
        self.change(Topic::Queues, ("queue.set", Some(name)), |world| {
            world.edit_queue(name, Some(version), edit)
        })
    }
    async fn pause_queue(&self, name: &str) -> Answer<Queue> {
        let edit = QueueEdit { paused: Some(true), ..QueueEdit::default() };
        self.change(Topic::Queues, ("queue.pause", Some(name)), |world| world.edit_queue(name, None, &edit))
    }
    async fn resume_queue(&self, name: &str) -> Answer<Queue> {
        let edit = QueueEdit { paused: Some(false), ..QueueEdit::default() };
        self.change(Topic::Queues, ("queue.resume", Some(name)), |world| world.edit_queue(name, None, &edit))
    }
    async fn jobs(&self, query: &JobQuery) -> Answer<JobPage> {
        self.world.borrow().page(query)
    }
    async fn count_jobs(&self, query: &JobQuery) -> Answer<JobCount> {
        let all = JobQuery { limit: Some(10_000), after: None, ..query.clone() };
        let page = self.world.borrow().page(&all)?;
        Ok(JobCount { jobs: bounded(page.jobs.len()), unknown: page.unknown })
    }
    async fn preview_bulk(&self, query: &BulkQuery) -> Answer<BulkPreview> {
        let all = JobQuery { limit: Some(10_000), after: None, ..query.filter.clone().unwrap_or_default() };
        let mut page = self.world.borrow().page(&all)?;
        let fits = |status: JobStatus| match query.verb {
            BulkVerb::Retry => matches!(status, JobStatus::Dead | JobStatus::Retrying),
            BulkVerb::RunNow => matches!(status, JobStatus::Scheduled | JobStatus::Retrying),
            BulkVerb::Cancel => !matches!(status, JobStatus::Done | JobStatus::Dead),
            BulkVerb::Drop => status != JobStatus::Running,
        };
        page.jobs.retain(|job| fits(job.status));
        let jobs = bounded(page.jobs.len());
        page.jobs.truncate(5);
        Ok(BulkPreview {
            verb: query.verb,
            jobs,
            sample: page.jobs,
            refused: Vec::new(),
            unknown: Vec::new(),
        })
    }
    async fn run_bulk(&self, verb: Verb, run: &BulkRun) -> Answer<BulkReport> {
        self.change(Topic::Jobs, (done_to(verb), None), |world| {
            let all = JobQuery { limit: Some(10_000), after: None, ..run.filter.clone() };
            let ids: Vec<String> = world.page(&all)?.jobs.into_iter().map(|job| job.id).collect();
            let results: Vec<_> = ids.iter().map(|id| world.do_to(verb, id)).collect();
            let done: Vec<_> = results.iter().filter(|r| r.outcome != VerbOutcome::Refused).collect();
            let tried = bounded(done.len()).count;
            let outcomes =
                done.first().map(|r| OutcomeCount { outcome: r.outcome, jobs: tried }).into_iter().collect();
            Ok(BulkReport {
                tried,
                tried_in_all: tried,
                outcomes,
                unchanged: Vec::new(),
                next: None,
                stopped: false,
            })
        })
    }
    async fn database(&self) -> Answer<DatabaseHealth> {
        lines::database(self.world.borrow().now)
    }
    async fn job(&self, id: &str) -> Answer<JobDetail> {
        self.world.borrow().jobs.iter().find(|j| j.job.id == id).cloned().map_or_else(|| unknown("job"), Ok)
    }
    async fn why(&self, id: &str) -> Answer<Why> {
        self.world.borrow().why(id).map_or_else(|| unknown("job"), Ok)
    }
    async fn edit_job(&self, id: &str, version: i64, edit: &JobEdit) -> Answer<JobDetail> {
        self.change(Topic::Jobs, ("job.edit", Some(id)), |world| world.edit_job(id, version, edit))
    }
    async fn do_to(&self, verb: Verb, ids: &[String]) -> Answer<VerbReport> {
        let target = ids.first().filter(|_| ids.len() == 1).map(String::as_str);
        self.change(Topic::Jobs, (done_to(verb), target), |world| {
            Ok(VerbReport { results: ids.iter().map(|id| world.do_to(verb, id)).collect() })
        })
    }
    async fn enqueue(&self, job: &EnqueueLine, _: &str) -> Answer<Enqueued> {
        self.change(Topic::Jobs, ("job.enqueue", None), |world| {
            let (id, outcome) = world.enqueue(job)?;
            Ok(Enqueued { id, outcome })
        })
    }
    async fn schedules(&self) -> Answer<ScheduleList> {
        Ok(ScheduleList { schedules: self.world.borrow().schedules.clone(), unreadable: Vec::new() })
    }
    async fn schedule(&self, name: &str) -> Answer<ScheduleDetail> {
        let world = self.world.borrow();
        let found = world.schedules.iter().find(|s| s.name == name).cloned();
        found.map_or_else(
            || unknown("schedule"),
            |schedule| Ok(ScheduleDetail { schedule, ticks: world.ticks.clone() }),
        )
    }
    async fn ticks(&self, _: &str, _: &TickQuery) -> Answer<TickPage> {
        Ok(TickPage { ticks: self.world.borrow().ticks.clone(), next: None })
    }
    async fn edit_schedule(&self, name: &str, version: i64, edit: &ScheduleEdit) -> Answer<Schedule> {
        let by = ("schedule.put", Some(name));
        self.change(Topic::Schedules, by, |world| world.edit_schedule(name, Some(version), edit, None))
    }
    async fn put_schedule(&self, name: &str, edit: &ScheduleEdit) -> Answer<Schedule> {
        self.change(Topic::Schedules, ("schedule.put", Some(name)), |world| {
            world.make_schedule(name, edit)?;
            world.edit_schedule(name, None, edit, None)
        })
    }
    async fn pause_schedule(&self, name: &str) -> Answer<Schedule> {
        self.change(Topic::Schedules, ("schedule.pause", Some(name)), |world| {
            world.edit_schedule(name, None, &ScheduleEdit::default(), Some(false))
        })
    }
    async fn resume_schedule(&self, name: &str) -> Answer<Schedule> {
        self.change(Topic::Schedules, ("schedule.resume", Some(name)), |world| {
            world.edit_schedule(name, None, &ScheduleEdit::default(), Some(true))
        })
    }
    async fn reset_schedule(&self, name: &str) -> Answer<Schedule> {
        self.change(Topic::Schedules, ("schedule.reset", Some(name)), |world| world.reset_schedule(name))
    }
    async fn remove_schedule(&self, name: &str) -> Answer<ScheduleRemoved> {
        self.change(Topic::Schedules, ("schedule.remove", Some(name)), |world| {
            world.schedules.retain(|s| s.name != name);
            Ok(ScheduleRemoved { name: name.into() })
        })
    }
    async fn run_schedule(&self, name: &str) -> Answer<Tick> {
        self.change(Topic::Jobs, ("schedule.run", Some(name)), |world| world.run_schedule(name))
    }
    async fn cron_fires(&self, query: &CronQuery) -> Answer<CronPreview> {
        made::fires(query)
    }
    async fn limits(&self) -> Answer<LimitList> {
        Ok(LimitList { limits: self.world.borrow().limits.clone() })
    }
    async fn set_limit(&self, scope: &str, version: Option<i64>, edit: &LimitEdit) -> Answer<Limit> {
        self.change(Topic::Limits, ("limit.set", Some(scope)), |world| world.set_limit(scope, version, edit))
    }
    async fn remove_limit(&self, scope: &str) -> Answer<LimitChanged> {
        self.change(Topic::Limits, ("limit.remove", Some(scope)), |world| {
            let before = world.limits.len();
            world.limits.retain(|l| l.scope != scope);
            Ok(LimitChanged { changed: world.limits.len() != before })
        })
    }
    async fn drain_limit(&self, scope: &str, drain: &Drain) -> Answer<Limit> {
        self.change(Topic::Limits, ("limit.drain", Some(scope)), |world| {
            let until = world.later(drain.seconds.0);
            world.limit(scope, |limit| limit.drained_until = Some(until))
        })
    }
    async fn lift_drain(&self, scope: &str) -> Answer<Limit> {
        let by = ("limit.lift", Some(scope));
        self.change(Topic::Limits, by, |world| world.limit(scope, |limit| limit.drained_until = None))
    }

    fn subscribe(&self, heard: Box<dyn Fn(Heard)>) -> Box<dyn Any> {
        heard(Heard::Open);
        let mut listeners = self.listeners.borrow_mut();
        listeners.push(Some(heard));
        Box::new(Place { at: listeners.len() - 1, listeners: Rc::downgrade(&self.listeners) })
    }
}
