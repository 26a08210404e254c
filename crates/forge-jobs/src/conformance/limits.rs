//! Budgets of calls.

use super::rig::{Rig, secs};
use crate::Timestamp;
use crate::limits::{MAX_ACQUIRE_BATCH, MAX_RATE_DRAIN, MAX_RATE_PERMITS, MAX_RATE_WINDOW};
use crate::rate_limit::{RateLimit, Scope};
use crate::storage::{
    AcquireParams, Acquired, AttachParams, DrainParams, Heartbeat, LimitRow, Limited, SetBy, SetLimitParams,
    StorageError,
};
use std::time::Duration;

/// The scope of rules that need but one.
const SCOPE: &str = "upstream";
const WINDOW: Duration = Duration::from_secs(10);
/// A 40th of it.
const SUB: Duration = Duration::from_millis(250);
const NEARLY: Duration = Duration::from_millis(9_750);

pub(super) fn scope(name: &str) -> Scope {
    Scope::new(name).expect("the rules' scopes are valid")
}

async fn try_set(rig: &Rig, name: &str, limit: RateLimit, by: SetBy) -> Result<LimitRow, StorageError> {
    let params =
        SetLimitParams { scope: scope(name), limit, by, expected_version: None, actor: None, now: rig.now() };
    rig.storage.rate_limits.set_limit(params).await
}

pub(super) async fn set(rig: &Rig, name: &str, limit: RateLimit) -> LimitRow {
    try_set(rig, name, limit, SetBy::Operator).await.expect("a limit can be set")
}

async fn get(rig: &Rig, name: &str) -> Option<LimitRow> {
    rig.storage.rate_limits.limit(&scope(name), rig.now()).await.expect("a limit can be read")
}

async fn try_acquire(rig: &Rig, name: &str, wants: Vec<u32>) -> Result<Vec<Acquired>, StorageError> {
    rig.storage.rate_limits.acquire(AcquireParams { scope: scope(name), wants, now: rig.now() }).await
}

async fn acquire(rig: &Rig, name: &str, wants: &[u32]) -> Vec<Acquired> {
    let answers = try_acquire(rig, name, wants.to_vec()).await.expect("a budget can be asked");
    assert_eq!(answers.len(), wants.len());
    answers
}

/// One wish: `None` if it is granted, or how long to wait.
pub(super) async fn ask(rig: &Rig, name: &str, permits: u32) -> Option<Duration> {
    match acquire(rig, name, &[permits]).await[0] {
        Acquired::Granted { at } => {
            assert_eq!(at, rig.at());
            None
        }
        Acquired::Wait { until, wait } => {
            assert_eq!(until, rig.at().saturating_add(wait));
            assert!(!wait.is_zero(), "it is worth waiting for");
            Some(wait)
        }
        Acquired::TooMany { limit } => panic!("{permits} are more than {limit}"),
    }
}

async fn drain(rig: &Rig, name: &str, wait: Duration) -> Timestamp {
    let params = DrainParams { scope: scope(name), wait, actor: None, now: rig.now() };
    rig.storage.rate_limits.drain(params).await.expect("a scope can be drained")
}

async fn lift(rig: &Rig, name: &str) -> bool {
    rig.storage.rate_limits.lift_drain(&scope(name), None, rig.now()).await.expect("a drain can be ended")
}

pub(super) async fn attach(rig: &Rig, what: Limited, to: Option<&str>) -> Result<bool, StorageError> {
    rig.storage.rate_limits.attach(AttachParams { what, scope: to.map(scope), actor: None }).await
}

pub(super) const fn per_window(permits: u32) -> RateLimit {
    RateLimit::new(permits, WINDOW)
}

/// Protects: what an operator sets is what holds.
pub async fn a_limit_comes_back_as_it_was_set(rig: &Rig) {
    assert_eq!(get(rig, SCOPE).await, None);
    let sliding = set(rig, SCOPE, per_window(3)).await;
    assert_eq!((sliding.limit, sliding.used, sliding.free), (per_window(3), 0, 3));
    assert!(sliding.inherited_from.is_none() && sliding.next_at.is_none());
    let odd = RateLimit::new(MAX_RATE_PERMITS, MAX_RATE_WINDOW).smooth();
    let smooth = set(rig, SCOPE, odd).await;
    assert!(smooth.limit == odd && smooth.version > sliding.version);
    set(rig, "another", RateLimit::new(1, Duration::from_micros(100_001))).await;
    let all = rig.storage.rate_limits.limits(rig.now()).await.expect("limits can be read");
    let names: Vec<_> = all.iter().map(|l| l.scope.as_str()).collect();
    assert_eq!(names, ["another", SCOPE]);
    assert_eq!(Some(all[1].clone()), get(rig, SCOPE).await);
    assert_eq!(all[0].limit.window, Duration::from_micros(100_001));
}

/// Protects: bad input changes nothing.
pub async fn absurd_limits_are_refused_and_change_nothing(rig: &Rig) {
    let before = set(rig, SCOPE, per_window(3)).await;
    for bad in [
        per_window(0),
        per_window(MAX_RATE_PERMITS + 1),
        RateLimit::new(1, Duration::from_millis(99)),
        RateLimit::new(1, MAX_RATE_WINDOW + secs(1)),
    ] {
        let result = try_set(rig, SCOPE, bad, SetBy::Operator).await;
        assert!(matches!(result, Err(StorageError::Invalid(_))), "{bad:?}: {result:?}");
        assert_eq!(get(rig, SCOPE).await.as_ref(), Some(&before));
    }
}

/// Protects: a deploy does not undo what the operator did.
pub async fn a_limit_follows_the_code_until_an_operator_sets_it(rig: &Rig) {
    let code = |n| try_set(rig, SCOPE, per_window(n), SetBy::Code);
    let first = code(3).await.expect("a limit can be set");
    assert!(!first.set_by_operator);
    assert_eq!(code(3).await.expect("a limit can be set").version, first.version, "nothing changed");
    assert_eq!(code(4).await.expect("a limit can be set").limit.permits, 4);
    let edited = set(rig, SCOPE, per_window(9)).await;
    assert!(edited.set_by_operator);
    assert_eq!(code(4).await.expect("a limit can be set"), edited);
}

/// Protects: an edit that begins with what somebody saw does not overwrite what somebody else made of it since.
pub async fn an_edit_that_expects_another_version_changes_nothing(rig: &Rig) {
    let edit = async |name: &str, n, expected| {
        let (scope, limit) = (scope(name), per_window(n));
        let params = SetLimitParams {
            scope,
            limit,
            by: SetBy::Operator,
            expected_version: Some(expected),
            actor: None,
            now: rig.now(),
        };
        rig.storage.rate_limits.set_limit(params).await
    };
    let refused =
        |r: Result<LimitRow, StorageError>| assert!(matches!(r, Err(StorageError::Conflict { .. })), "{r:?}");
    refused(edit(SCOPE, 3, 1).await);
    let seen = set(rig, SCOPE, per_window(3)).await;
    let edited = edit(SCOPE, 4, seen.version).await.expect("it is as it was seen");
    assert_eq!(edited.limit.permits, 4);
    refused(edit(SCOPE, 5, seen.version).await);
    assert_eq!(get(rig, SCOPE).await.as_ref(), Some(&edited));
    // A key begins with what its template has.
    let key = format!("{SCOPE}:team");
    refused(edit(&key, 9, seen.version).await);
    let own = edit(&key, 9, edited.version).await.expect("it is as it was seen");
    assert_eq!((own.limit.permits, own.inherited_from), (9, None));
    assert_eq!(get(rig, SCOPE).await.as_ref(), Some(&edited));
}

/// Protects: a mistyped scope is not taken for one without a limit.
pub async fn a_scope_without_a_limit_gives_nothing(rig: &Rig) {
    let missing =
        |r: Result<(), StorageError>| assert!(matches!(r, Err(StorageError::NotFound { .. })), "{r:?}");
    for name in [SCOPE, "slack:team"] {
        missing(try_acquire(rig, name, vec![1]).await.map(drop));
        let params = DrainParams { scope: scope(name), wait: secs(1), actor: None, now: rig.now() };
        missing(rig.storage.rate_limits.drain(params).await.map(drop));
        assert!(!lift(rig, name).await);
    }
}

/// Protects: the promise. Never more than the limit in any window.
pub async fn a_budget_gives_its_limit_and_no_more_in_a_window(rig: &Rig) {
    set(rig, SCOPE, per_window(3)).await;
    for _ in 0..3 {
        assert_eq!(ask(rig, SCOPE, 1).await, None);
    }
    let wait = ask(rig, SCOPE, 1).await.expect("it is used up");
    assert!(wait > NEARLY && wait <= WINDOW + SUB, "{wait:?}");
    let row = get(rig, SCOPE).await.expect("it is there");
    assert_eq!((row.used, row.free, row.next_at), (3, 0, Some(rig.at().saturating_add(wait))));
    rig.advance(wait.checked_sub(Duration::from_micros(1)).expect("it waits"));
    assert_eq!(ask(rig, SCOPE, 1).await, Some(Duration::from_micros(1)));
    rig.advance(Duration::from_micros(1));
    for _ in 0..3 {
        assert_eq!(ask(rig, SCOPE, 1).await, None);
    }
    assert!(ask(rig, SCOPE, 1).await.is_some());
}

/// Protects: the window slides. A budget that starts anew at fixed times gives twice the limit around them.
pub async fn no_window_holds_more_wherever_it_begins(rig: &Rig) {
    set(rig, SCOPE, per_window(4)).await;
    let mut given: Vec<Timestamp> = Vec::new();
    // Steps that meet the borders of sub-windows at all sides.
    for step in 0..120_u64 {
        rig.advance(Duration::from_micros(333_331 + 7 * step));
        let begins = rig.at().as_micros() - 10_000_000;
        while ask(rig, SCOPE, 1).await.is_none() {
            given.push(rig.at());
            assert!(given.iter().filter(|t| t.as_micros() > begins).count() <= 4);
        }
    }
    // Of 40 s, all windows but for a sub-window each.
    assert!(given.len() >= 15, "{}", given.len());
}

/// Protects: several permits are had together or not at all.
pub async fn several_permits_are_given_together_or_not_at_all(rig: &Rig) {
    set(rig, SCOPE, per_window(5)).await;
    assert_eq!(ask(rig, SCOPE, 3).await, None);
    rig.advance(secs(5));
    assert_eq!(ask(rig, SCOPE, 1).await, None);
    let four = ask(rig, SCOPE, 4).await.expect("one is left");
    assert!(four <= secs(5) + SUB, "the three are enough: {four:?}");
    let five = ask(rig, SCOPE, 5).await.expect("one is left");
    assert!(five > NEARLY, "all must be free: {five:?}");
    rig.advance(four);
    assert_eq!(ask(rig, SCOPE, 4).await, None);
}

/// Protects: who can never be served is told so, and holds nobody up.
pub async fn more_permits_than_a_window_has_are_refused_by_name(rig: &Rig) {
    set(rig, SCOPE, per_window(5)).await;
    let answers = acquire(rig, SCOPE, &[6, 2, 0, 3, u32::MAX]).await;
    let granted = Acquired::Granted { at: rig.at() };
    let too_many = Acquired::TooMany { limit: 5 };
    assert_eq!(answers, [too_many, granted, too_many, granted, too_many]);
}

/// Protects: fairness. One that wants much is not overtaken for ever by those that want little.
pub async fn callers_are_served_in_their_order(rig: &Rig) {
    set(rig, SCOPE, per_window(5)).await;
    let answers = acquire(rig, SCOPE, &[2, 4, 1]).await;
    assert_eq!(answers[0], Acquired::Granted { at: rig.at() });
    assert!(matches!(answers[1], Acquired::Wait { .. }), "{answers:?}");
    assert!(matches!(answers[2], Acquired::Wait { .. }), "it came after: {answers:?}");
    assert_eq!(get(rig, SCOPE).await.expect("it is there").used, 2);
    assert_eq!(acquire(rig, SCOPE, &[]).await, []);
}

/// Protects: memory and time of one call.
pub async fn too_many_callers_at_once_are_refused(rig: &Rig) {
    set(rig, SCOPE, per_window(MAX_RATE_PERMITS)).await;
    let result = try_acquire(rig, SCOPE, vec![1; MAX_ACQUIRE_BATCH + 1]).await;
    assert!(matches!(result, Err(StorageError::Invalid(_))), "{result:?}");
    assert_eq!(get(rig, SCOPE).await.expect("it is there").used, 0);
    let all = acquire(rig, SCOPE, &vec![1; MAX_ACQUIRE_BATCH]).await;
    assert!(all.iter().all(|a| matches!(a, Acquired::Granted { .. })));
}

/// Protects: the option `smooth`: no burst.
pub async fn smooth_permits_come_evenly(rig: &Rig) {
    set(rig, SCOPE, per_window(20).smooth()).await;
    let mut given = 0;
    for _ in 0..5 {
        while ask(rig, SCOPE, 1).await.is_none() {
            given += 1;
            assert!(given <= 20, "the limit itself");
        }
        let wait = ask(rig, SCOPE, 1).await.expect("it has paused");
        assert!(wait <= Duration::from_millis(500), "one each half second: {wait:?}");
        rig.advance(wait);
    }
    assert_eq!(given, 5, "one at a time");
    assert_eq!(ask(rig, SCOPE, 4).await, None);
    assert_eq!(ask(rig, SCOPE, 1).await, Some(secs(2)), "as long as four take");
}

/// Protects: what came late is made up for, or a smooth budget loses what its callers take to come back.
pub async fn a_late_caller_of_a_smooth_budget_catches_up(rig: &Rig) {
    set(rig, SCOPE, per_window(100).smooth()).await;
    while get(rig, SCOPE).await.is_some_and(|l| l.free > 0) && ask(rig, SCOPE, 1).await.is_none() {}
    let mut given = 0;
    for _ in 0..20 {
        // Three are due meanwhile, nearly.
        rig.advance(Duration::from_millis(280));
        while ask(rig, SCOPE, 1).await.is_none() {
            given += 1;
            assert!(given <= 100, "the limit itself");
        }
    }
    assert!((52..=56).contains(&given), "5.6 s at ten a second: {given}");
}

/// Protects: each customer has a budget of its own, and one setting serves all.
pub async fn keyed_scopes_have_their_templates_limit_and_budgets_of_their_own(rig: &Rig) {
    set(rig, "slack", per_window(2)).await;
    for key in ["slack:a", "slack:b", "slack"] {
        assert_eq!(ask(rig, key, 2).await, None, "{key}");
        assert!(ask(rig, key, 1).await.is_some(), "{key}");
    }
    let row = get(rig, "slack:a").await.expect("it has a limit");
    assert_eq!((row.inherited_from, row.used), (Some(scope("slack")), 2));
    assert_eq!(get(rig, "slack").await.expect("it is there").keys, 2);
    set(rig, "slack:a", per_window(5)).await;
    assert_eq!(ask(rig, "slack:a", 3).await, None, "its own limit counts what was given");
    assert_eq!(get(rig, "slack:a").await.expect("it is there").inherited_from, None);
    let own = rig.storage.rate_limits.limits(rig.now()).await.expect("limits can be read");
    assert_eq!(own.iter().map(|l| l.scope.as_str()).collect::<Vec<_>>(), ["slack", "slack:a"]);
    assert_eq!(get(rig, "slackers").await, None, "no key of it");
}

/// Protects: an edit holds from its answer on, for what was given too.
pub async fn an_edited_limit_holds_at_once_and_counts_what_was_given(rig: &Rig) {
    set(rig, SCOPE, per_window(10)).await;
    assert_eq!(ask(rig, SCOPE, 8).await, None);
    set(rig, SCOPE, per_window(4)).await;
    let wait = ask(rig, SCOPE, 1).await.expect("eight are more than four");
    assert!(wait > NEARLY, "{wait:?}");
    assert_eq!(acquire(rig, SCOPE, &[5]).await, [Acquired::TooMany { limit: 4 }]);
    set(rig, SCOPE, per_window(12)).await;
    assert_eq!(ask(rig, SCOPE, 4).await, None);
    assert!(ask(rig, SCOPE, 1).await.is_some());
    set(rig, SCOPE, RateLimit::new(12, secs(1))).await;
    rig.advance(secs(1) + SUB);
    assert_eq!(ask(rig, SCOPE, 12).await, None, "in a window of a second nothing was given");
}

/// Protects: nothing is held up longer than a window, however often it is asked meanwhile.
pub async fn after_the_clock_went_back_a_full_budget_is_full_for_one_window(rig: &Rig) {
    for limit in [per_window(4), per_window(4).smooth()] {
        set(rig, SCOPE, limit).await;
        rig.advance(secs(60));
        for _ in 0..4 {
            assert_eq!(ask(rig, SCOPE, 1).await, None);
            rig.advance(if limit == per_window(4) { Duration::ZERO } else { secs(3) });
        }
        rig.set_back(secs(60));
        for _ in 0..3 {
            let wait = ask(rig, SCOPE, 4).await.expect("what was given counts from now on");
            assert!(wait <= WINDOW + SUB, "{wait:?}");
            rig.advance(secs(3));
        }
        rig.advance(secs(1) + SUB);
        assert_eq!(ask(rig, SCOPE, 1).await, None);
        rig.advance(secs(60));
    }
}

/// Protects: an edit takes effect within a window of its own.
pub async fn a_window_made_shorter_holds_what_was_given_no_longer(rig: &Rig) {
    set(rig, SCOPE, RateLimit::new(10, secs(86_400))).await;
    assert_eq!(ask(rig, SCOPE, 10).await, None);
    rig.advance(secs(60));
    set(rig, SCOPE, per_window(10)).await;
    for _ in 0..3 {
        let wait = ask(rig, SCOPE, 1).await.expect("it may have been given in this window");
        assert!(wait <= WINDOW + SUB, "{wait:?}");
        rig.advance(secs(3));
    }
    rig.advance(secs(1) + SUB);
    assert_eq!(ask(rig, SCOPE, 10).await, None);
}

/// Protects: whoever waits hears of an edit.
pub async fn an_edit_of_a_limit_tells_those_that_wait(rig: &Rig) {
    let process = rig.process().await;
    let version = || async {
        let Heartbeat::Alive { settings_version, .. } = rig.heartbeat(process).await else {
            panic!("it is alive")
        };
        settings_version
    };
    let mut changes = rig.storage.jobs.changes();
    let mut told = changes.borrow_and_update().budgets;
    let mut last = version().await;
    let mut is_told = |now: i64| {
        let budgets = changes.borrow_and_update().budgets;
        let grown = budgets > told && now > last;
        (told, last) = (budgets, now);
        grown
    };
    set(rig, SCOPE, per_window(1)).await;
    assert!(is_told(version().await), "set");
    set(rig, SCOPE, per_window(2)).await;
    assert!(is_told(version().await), "edited");
    drain(rig, SCOPE, secs(60)).await;
    lift(rig, SCOPE).await;
    assert!(is_told(version().await), "the drain was ended");
    attach(rig, Limited::Kind("k".into()), Some(SCOPE)).await.expect("a kind can be attached");
    assert!(is_told(version().await), "attached");
    attach(rig, Limited::Kind("k".into()), None).await.expect("a kind can be detached");
    rig.storage.rate_limits.remove_limit(&scope(SCOPE), None).await.expect("a limit can be removed");
    assert!(is_told(version().await), "removed");
}

/// Protects: an upstream that said 429 is left alone by everybody.
pub async fn a_drained_scope_gives_nothing_before_its_time(rig: &Rig) {
    set(rig, SCOPE, per_window(10)).await;
    assert_eq!(ask(rig, SCOPE, 1).await, None);
    let until = drain(rig, SCOPE, secs(30)).await;
    assert_eq!(until, rig.at().saturating_add(secs(30)));
    assert_eq!(ask(rig, SCOPE, 1).await, Some(secs(30)));
    let row = get(rig, SCOPE).await.expect("it is there");
    assert_eq!((row.free, row.drained_until, row.next_at), (0, Some(until), Some(until)));
    // A later answer of the upstream does not make it shorter.
    assert_eq!(drain(rig, SCOPE, secs(5)).await, until);
    rig.advance(secs(30));
    assert_eq!(get(rig, SCOPE).await.expect("it is there").drained_until, None);
    assert_eq!(ask(rig, SCOPE, 10).await, None);
}

/// Protects: an absurd Retry-After stops nothing for ever.
pub async fn a_drain_is_bounded_and_can_be_ended(rig: &Rig) {
    set(rig, SCOPE, per_window(10)).await;
    assert_eq!(drain(rig, SCOPE, Duration::MAX).await, rig.at().saturating_add(MAX_RATE_DRAIN));
    assert!(ask(rig, SCOPE, 1).await.is_some());
    assert!(lift(rig, SCOPE).await && !lift(rig, SCOPE).await, "once");
    assert_eq!(ask(rig, SCOPE, 1).await, None);
}

/// Protects: one order stops all keys of an upstream that is down.
pub async fn a_drained_template_holds_its_keys_up(rig: &Rig) {
    set(rig, "slack", per_window(10)).await;
    set(rig, "slack:own", per_window(10)).await;
    drain(rig, "slack:a", secs(5)).await;
    assert_eq!(ask(rig, "slack:b", 1).await, None, "a key's drain is its own");
    drain(rig, "slack", secs(60)).await;
    for key in ["slack", "slack:a", "slack:b", "slack:new", "slack:own"] {
        assert_eq!(ask(rig, key, 1).await, Some(secs(60)), "{key}");
        assert!(get(rig, key).await.expect("it has a limit").drained_until.is_some(), "{key}");
    }
    assert!(lift(rig, "slack").await);
    assert_eq!(ask(rig, "slack:b", 1).await, None);
    assert_eq!(ask(rig, "slack:a", 1).await, Some(secs(5)));
}

/// Protects: keys that nobody uses any more take no room.
pub async fn idle_keys_are_forgotten_and_busy_ones_are_not(rig: &Rig) {
    set(rig, "slack", per_window(2)).await;
    for key in ["slack:a", "slack:b"] {
        assert_eq!(ask(rig, key, 2).await, None);
    }
    drain(rig, "slack:d", secs(60)).await;
    let sweep = || rig.storage.rate_limits.sweep_budgets(10, rig.now());
    assert_eq!(sweep().await.expect("a sweep succeeds"), 0, "all count");
    rig.advance(WINDOW + SUB);
    assert_eq!(ask(rig, "slack:b", 1).await, None);
    assert_eq!(sweep().await.expect("a sweep succeeds"), 1, "a");
    assert_eq!(get(rig, "slack").await.expect("it is there").keys, 2);
    assert_eq!(ask(rig, "slack:b", 1).await, None);
    assert!(ask(rig, "slack:b", 1).await.is_some(), "what counts was not forgotten");
    rig.advance(secs(120));
    let one = rig.storage.rate_limits.sweep_budgets(1, rig.now()).await.expect("a sweep succeeds");
    assert_eq!((one, sweep().await.expect("a sweep succeeds")), (1, 1), "it is bounded");
}

/// Protects: a limit that was taken away and given back does not start anew.
pub async fn a_removed_limit_is_gone_and_what_it_gave_is_remembered(rig: &Rig) {
    let remove = || async { rig.storage.rate_limits.remove_limit(&scope(SCOPE), None).await };
    set(rig, SCOPE, per_window(2)).await;
    assert_eq!(ask(rig, SCOPE, 2).await, None);
    assert!(remove().await.expect("a limit can be removed"));
    assert!(!remove().await.expect("twice is once"));
    assert_eq!(get(rig, SCOPE).await, None);
    assert!(matches!(try_acquire(rig, SCOPE, vec![1]).await, Err(StorageError::NotFound { .. })));
    set(rig, SCOPE, per_window(2)).await;
    assert!(ask(rig, SCOPE, 1).await.is_some());
}

/// Protects: a queue that was attached never runs without a limit by accident.
pub async fn what_is_attached_keeps_its_limit(rig: &Rig) {
    rig.ensure("q", 1).await;
    let queue = || Limited::Queue("q".into());
    let kind = || Limited::Kind("new".into());
    let none = attach(rig, queue(), Some("slack")).await;
    assert!(matches!(none, Err(StorageError::NotFound { .. })), "{none:?}");
    set(rig, "slack", per_window(2)).await;
    set(rig, "slack:a", per_window(2)).await;
    let unknown = attach(rig, Limited::Queue("unknown".into()), Some("slack")).await;
    assert!(matches!(unknown, Err(StorageError::NotFound { .. })), "{unknown:?}");
    for bad in [Limited::Queue("a b".into()), Limited::Kind(String::new())] {
        assert!(matches!(attach(rig, bad, Some("slack")).await, Err(StorageError::Invalid(_))));
    }
    assert!(attach(rig, queue(), Some("slack:a")).await.expect("a queue can be attached"));
    assert!(!attach(rig, queue(), Some("slack:a")).await.expect("twice is once"));
    assert!(attach(rig, kind(), Some("slack:b")).await.expect("a kind may be new"));
    let all = rig.storage.rate_limits.attachments().await.expect("they can be read");
    assert_eq!(all, [(queue(), scope("slack:a")), (kind(), scope("slack:b"))]);
    let remove =
        |name: &'static str| async move { rig.storage.rate_limits.remove_limit(&scope(name), None).await };
    assert!(remove("slack:a").await.expect("its template has one too"));
    for _ in 0..2 {
        let refused = remove("slack").await;
        assert!(matches!(refused, Err(StorageError::Conflict { .. })), "{refused:?}");
        attach(rig, queue(), None).await.expect("a queue can be detached");
    }
    assert!(attach(rig, kind(), None).await.expect("a kind can be detached"));
    assert!(remove("slack").await.expect("nothing stands on it"));
}

/// Protects: the budget is one for all, however many ask at once.
pub async fn asked_at_once_a_budget_gives_no_more_than_its_limit(rig: &Rig) {
    set(rig, SCOPE, per_window(50)).await;
    let calls = (0..40).map(|i| {
        let (storage, now) = (rig.storage.clone(), rig.now());
        tokio::spawn(async move {
            let params = AcquireParams { scope: scope(SCOPE), wants: vec![1; 1 + i % 4], now };
            storage.rate_limits.acquire(params).await.expect("a budget can be asked")
        })
    });
    let answers = futures_util::future::join_all(calls).await;
    let granted = |a: &&Acquired| matches!(a, Acquired::Granted { .. });
    let given: usize =
        answers.iter().map(|a| a.as_ref().expect("no call panics").iter().filter(granted).count()).sum();
    assert_eq!(given, 50);
    assert_eq!(get(rig, SCOPE).await.expect("it is there").used, 50);
}
