//! Schedules: made, edited, declared, due.

use super::cron_rig::{
    FIRED, MINUTE, PERSON, all, checked, decided, declared, due, due_names, each_minute, edit_of, fire,
    fire_all, get, jobs, lead, made, program, put, switch, ticks,
};
use super::rig::{Rig, secs};
use crate::limits::{MAX_FIRE_BATCH, MAX_FIRE_TICKS, MAX_PAGE, MAX_SCHEDULES};
use crate::schedule::{MissedFires, Overlap, Owner, Schedule};
use crate::storage::{
    Activity, Author, ClaimMode, NewTick, ScheduleFire, StorageError, TicksParams, UndeclareParams,
};
use crate::{Due, EnqueueRequest, JobId, JobStatus};
use std::time::Duration;

/// Protects: what a person or a program says is what there is.
pub async fn a_new_schedule_comes_back_as_it_was_put(rig: &Rig) {
    let request = EnqueueRequest::from_json_text("mail.send", "{ \"a\":\t1.0 }")
        .on_queue("mail")
        .with_priority(-7)
        .with_max_attempts(3)
        .with_tag("ü \"x\"");
    let schedule = Schedule::new("nightly", "30 2 * * MON-FRI", request)
        .in_zone("America/New_York")
        .with_missed(MissedFires::catch_up(5).with_window(Duration::from_micros(1_000_001)))
        .with_overlap(Overlap::Allow)
        .with_jitter(Duration::from_micros(59_999_999));
    let row = made(rig, schedule.clone()).await;
    assert_eq!((&row.name, &row.spec), (&"nightly".to_owned(), &checked(schedule).spec));
    assert_eq!((row.owner, row.code.clone(), row.enabled), (Owner::Operator, None, true));
    assert_eq!((row.handled_until, row.created_at, row.edited_at), (rig.at(), rig.at(), rig.at()));
    assert_eq!((row.last_fire_at, row.last_job), (None, None));
    assert_eq!(get(rig, "nightly").await, row);
    let code = declared(rig, each_minute("a").paused()).await;
    assert_eq!((code.owner, code.enabled, code.overrides_code()), (Owner::Code, false, false));
    let wish = code.code.clone().expect("the code declared it");
    assert_eq!((wish.spec, wish.enabled, wish.declared), (code.spec.clone(), false, true));
    assert_eq!(wish.program, "billing");
    assert_eq!(all(rig).await, [code, row]);
    assert_eq!(rig.storage.cron.get("unknown").await.expect("a schedule can be read"), None);
}

/// Protects: the leader sleeps until there is something to do.
pub async fn a_schedule_is_due_when_its_time_has_come(rig: &Rig) {
    made(rig, each_minute("s")).await;
    made(rig, each_minute("paused").paused()).await;
    assert_eq!(due_names(rig).await, ["s"], "when it is due is still to be worked out");
    assert_eq!(lead(rig, "s").await, []);
    let idle = due(rig, 10).await;
    let next = rig.at().saturating_add(MINUTE);
    assert_eq!((idle.schedules.len(), idle.next_at, idle.now), (0, Some(next), rig.at()));
    rig.advance(Duration::from_micros(59_999_999));
    assert_eq!(due_names(rig).await, Vec::<String>::new());
    rig.advance(Duration::from_micros(1));
    assert_eq!(due_names(rig).await, ["s"]);
    assert_eq!(lead(rig, "s").await, [FIRED]);
    assert_eq!(due_names(rig).await, Vec::<String>::new());
    // Never again: an expression that has no fire left.
    let member = ScheduleFire { next_at: None, ..decided(&get(rig, "s").await, rig.at()) };
    fire(rig, member).await;
    rig.advance(100 * MINUTE);
    let never = due(rig, 10).await;
    assert_eq!((never.schedules.len(), never.next_at), (0, None));
}

/// Protects: a round is bounded, and nobody is forgotten in it.
pub async fn the_longest_due_come_first_and_a_cut_list_says_so(rig: &Rig) {
    for name in ["c", "a", "b"] {
        made(rig, each_minute(name)).await;
        rig.advance(secs(1));
    }
    let cut = due(rig, 2).await;
    assert_eq!(cut.schedules.iter().map(|s| s.name.as_str()).collect::<Vec<_>>(), ["c", "a"]);
    assert_eq!(cut.next_at, Some(rig.at()));
    let whole = due(rig, 3).await;
    assert_eq!((whole.schedules.len(), whole.next_at), (3, None));
}

/// Protects: a deploy brings what the code says, and a restart changes nothing.
pub async fn a_deploy_updates_what_the_code_owns(rig: &Rig) {
    let first = declared(rig, each_minute("s")).await;
    rig.advance(secs(1));
    assert_eq!(declared(rig, each_minute("s")).await, first);
    let changed = each_minute("s").with_job(EnqueueRequest::new("other", 2)).paused();
    let after = declared(rig, changed.clone()).await;
    assert_eq!((&after.spec, after.enabled), (&checked(changed).spec, false));
    assert_eq!((after.owner, after.overrides_code()), (Owner::Code, false));
    assert!(after.version > first.version);
    assert_eq!((after.created_at, after.edited_at), (first.created_at, rig.at()));
}

/// Protects: what was corrected at three in the morning is not undone by the next deploy.
pub async fn a_deploy_does_not_undo_an_operators_edit(rig: &Rig) {
    declared(rig, each_minute("s")).await;
    let person = each_minute("s").with_expression("*/5 * * * *");
    let edited = made(rig, person.clone()).await;
    assert_eq!((edited.owner, edited.overrides_code()), (Owner::Operator, true));
    let newer = each_minute("s").with_expression("0 * * * *");
    let after = declared(rig, newer.clone()).await;
    assert_eq!((&after.spec, after.owner), (&checked(person).spec, Owner::Operator));
    assert_eq!(after.code.as_ref().map(|c| &c.spec), Some(&checked(newer).spec), "it is remembered");
    assert!(after.overrides_code());
    // What a person made first is the person's too.
    made(rig, each_minute("t")).await;
    let after = declared(rig, each_minute("t").with_expression("0 * * * *").paused()).await;
    assert_eq!((&after.spec, after.enabled), (&checked(each_minute("t")).spec, true));
    assert_eq!((after.owner, after.overrides_code()), (Owner::Operator, true));
}

/// Protects: a pause is not ended by a deploy, and keeps no deploy from the rest.
pub async fn a_pause_outlives_a_deploy(rig: &Rig) {
    declared(rig, each_minute("s")).await;
    let paused = switch(rig, "s", Activity::Paused).await;
    assert_eq!((paused.enabled, paused.owner, paused.overrides_code()), (false, Owner::Code, true));
    let newer = each_minute("s").with_expression("0 * * * *");
    let after = declared(rig, newer.clone()).await;
    assert_eq!((after.enabled, &after.spec), (false, &checked(newer.clone()).spec));
    let resumed = switch(rig, "s", Activity::Enabled).await;
    assert!(resumed.enabled && !resumed.overrides_code());
    // Back where the code has it: the code can pause it now.
    assert!(!declared(rig, newer.paused()).await.enabled);
}

/// Protects: the way back from an edit.
pub async fn a_reset_gives_a_schedule_back_to_the_code(rig: &Rig) {
    let code = declared(rig, each_minute("s")).await;
    made(rig, each_minute("s").with_expression("*/5 * * * *")).await;
    switch(rig, "s", Activity::Paused).await;
    let reset = || rig.storage.cron.reset(edit_of(rig, "s", None));
    let row = reset().await.expect("a schedule can be reset");
    assert_eq!((&row.spec, row.enabled, row.owner), (&code.spec, true, Owner::Code));
    assert!(!row.overrides_code());
    assert_eq!(reset().await.expect("twice is once"), row);
    let newer = each_minute("s").with_expression("0 * * * *");
    assert_eq!(declared(rig, newer.clone()).await.spec, checked(newer).spec, "the code has the say again");
    made(rig, each_minute("own")).await;
    let refused = rig.storage.cron.reset(edit_of(rig, "own", None)).await;
    assert!(matches!(refused, Err(StorageError::Conflict { .. })), "{refused:?}");
}

/// Protects: a schedule that was taken out of the code does not vanish, and does not go on unnoticed.
pub async fn what_the_code_no_longer_declares_says_so(rig: &Rig) {
    for name in ["kept", "dropped"] {
        declared(rig, each_minute(name)).await;
    }
    made(rig, each_minute("own")).await;
    let other = Author::Code { program: "other".into() };
    put(rig, each_minute("others"), other).await.expect("a schedule can be declared");
    let undeclare = |names: &[&str]| {
        let declared = names.iter().map(|n| (*n).to_owned()).collect();
        rig.storage.cron.undeclare(UndeclareParams { program: "billing".into(), declared })
    };
    assert_eq!(undeclare(&["kept"]).await.expect("it can be marked"), ["dropped"]);
    assert_eq!(undeclare(&["kept"]).await.expect("twice is once"), Vec::<String>::new());
    let rows = all(rig).await;
    let said: Vec<_> = rows.iter().filter(|r| r.is_undeclared()).map(|r| r.name.as_str()).collect();
    assert_eq!(said, ["dropped"]);
    rig.advance(MINUTE);
    assert_eq!(lead(rig, "dropped").await, [FIRED], "it goes on until somebody removes it");
    assert!(!declared(rig, each_minute("dropped")).await.is_undeclared());
    assert_eq!(undeclare(&[]).await.expect("it can be marked"), ["dropped", "kept"]);
}

/// Protects: two operators at once (L13), and a mistyped name.
pub async fn an_edit_of_another_version_changes_nothing(rig: &Rig) {
    let seen = made(rig, each_minute("s")).await.version;
    let hourly = || each_minute("s").with_expression("0 * * * *");
    let of = |version| Author::Operator { expected_version: Some(version) };
    let now = put(rig, hourly(), of(seen)).await.expect("a schedule can be edited");
    let cron = &rig.storage.cron;
    let late = [
        put(rig, each_minute("s"), of(seen)).await,
        cron.set_enabled(edit_of(rig, "s", Some(seen)), Activity::Paused).await,
        cron.reset(edit_of(rig, "s", Some(seen))).await,
    ];
    for result in late {
        assert!(matches!(result, Err(StorageError::Conflict { .. })), "{result:?}");
    }
    assert_eq!(get(rig, "s").await, now);
    let unknown = [
        put(rig, each_minute("unknown"), of(seen)).await,
        cron.set_enabled(edit_of(rig, "unknown", None), Activity::Paused).await,
        cron.reset(edit_of(rig, "unknown", None)).await,
    ];
    for result in unknown {
        assert!(matches!(result, Err(StorageError::NotFound { .. })), "{result:?}");
    }
    let paused = cron.set_enabled(edit_of(rig, "s", Some(now.version)), Activity::Paused).await;
    assert!(paused.is_ok_and(|row| !row.enabled));
}

/// Protects: an edit makes up for nothing, and loses nothing.
pub async fn a_schedule_fires_from_its_edit_on(rig: &Rig) {
    made(rig, each_minute("s")).await;
    let start = rig.at();
    rig.advance(10 * MINUTE);
    let other_job = made(rig, each_minute("s").with_job(EnqueueRequest::new("other", 2))).await;
    assert_eq!(other_job.handled_until, start, "its fires are the same as before");
    let other_times = made(rig, each_minute("s").with_expression("*/2 * * * *")).await;
    assert_eq!(other_times.handled_until, rig.at());
    assert_eq!(due_names(rig).await, ["s"], "when it is due is worked out anew");
    rig.advance(secs(1));
    assert_eq!(lead(rig, "s").await, []);
    let other_zone = made(rig, each_minute("s").in_zone("Asia/Kathmandu")).await;
    assert_eq!(other_zone.handled_until, rig.at());
    switch(rig, "s", Activity::Paused).await;
    rig.advance(10 * MINUTE);
    let resumed = switch(rig, "s", Activity::Enabled).await;
    assert_eq!(resumed.handled_until, rig.at(), "a pause is not made up for");
    assert_eq!(jobs(rig).await, 0);
}

/// Protects: what is removed is gone, and takes nothing with it that others need.
pub async fn a_removed_schedule_is_gone_and_its_jobs_stay(rig: &Rig) {
    declared(rig, each_minute("s")).await;
    rig.advance(MINUTE);
    lead(rig, "s").await;
    let job = get(rig, "s").await.last_job.expect("it fired");
    let remove = || rig.storage.cron.remove("s", None);
    assert!(remove().await.expect("a schedule can be removed"));
    assert!(!remove().await.expect("twice is once"));
    assert_eq!(all(rig).await, []);
    assert_eq!((ticks(rig, "s").await.len(), due_names(rig).await.len()), (0, 0));
    assert_eq!(rig.status(job).await, JobStatus::Pending);
    let anew = declared(rig, each_minute("s")).await;
    assert_eq!((anew.handled_until, anew.last_job), (rig.at(), None));
    assert_eq!(ticks(rig, "s").await.len(), 0);
}

/// Protects: every process hears of an edit at once, and of a fire like of any job.
pub async fn edits_and_fires_of_schedules_tell_waiting_runtimes(rig: &Rig) {
    let process = rig.process().await;
    let mut changes = rig.storage.jobs.changes();
    let mut version = -1;
    let mut told = async |what: &str| {
        let claim = rig.claim_params(process, 1, ClaimMode::Ordinary);
        let now = rig.claim_batch(claim).await.settings_version;
        assert!(now > version, "{what}");
        version = now;
        assert!(changes.has_changed().expect("the storage is there"), "{what}");
        changes.mark_unchanged();
    };
    made(rig, each_minute("s")).await;
    told("made").await;
    made(rig, each_minute("s").with_jitter(secs(1))).await;
    told("edited").await;
    switch(rig, "s", Activity::Paused).await;
    told("paused").await;
    rig.storage.cron.remove("s", None).await.expect("a schedule can be removed");
    told("removed").await;
    made(rig, each_minute("s")).await;
    told("made again").await;
    rig.advance(MINUTE);
    let before = changes.borrow_and_update().claimable;
    lead(rig, "s").await;
    assert!(changes.borrow().claimable > before, "a job is there");
}

/// Protects: bounds.
pub async fn too_much_at_once_is_refused_and_changes_nothing(rig: &Rig) {
    let row = made(rig, each_minute("s").with_overlap(Overlap::Allow)).await;
    rig.advance(MINUTE);
    let member = decided(&row, rig.at());
    let tick = |n| NewTick { fire_at: rig.at().saturating_add(secs(n)), job: JobId::new(), due: Due::Now };
    let crowded = ScheduleFire { ticks: (0..=MAX_FIRE_TICKS as u64).map(tick).collect(), ..member.clone() };
    for members in [vec![member; MAX_FIRE_BATCH as usize + 1], vec![crowded]] {
        let refused = fire_all(rig, members).await;
        assert!(matches!(refused, Err(StorageError::Invalid(_))), "{refused:?}");
    }
    assert_eq!((jobs(rig).await, get(rig, "s").await), (0, row));
    for limit in [0, MAX_PAGE + 1] {
        let refused = rig.storage.cron.ticks(TicksParams { name: "s".into(), before: None, limit }).await;
        assert!(matches!(refused, Err(StorageError::Invalid(_))), "{refused:?}");
    }
}

/// Protects: a program that makes a schedule for each of its users finds out in time.
pub async fn more_schedules_than_may_be_are_refused(rig: &Rig) {
    for n in 0..MAX_SCHEDULES {
        made(rig, each_minute(&format!("s{n}"))).await;
    }
    for by in [PERSON, program()] {
        let refused = put(rig, each_minute("one.more"), by).await;
        let Err(StorageError::Invalid(e)) = refused else { panic!("{refused:?}") };
        assert!(e.to_string().contains("remove some"), "{e}");
    }
    made(rig, each_minute("s7").with_jitter(secs(1))).await;
    assert!(rig.storage.cron.remove("s0", None).await.expect("a schedule can be removed"));
    made(rig, each_minute("one.more")).await;
}
