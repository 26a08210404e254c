//! Metrics and what Prometheus is told, logs while a job runs, errors by sort, and what needs a person.

use crate::http::{Ask, Got, LIMIT};
use crate::rig::{Place, Plan, Rig};
use crate::world::{claim, enqueue, kill, kill_of, log, register};
use forge_jobs::metrics::{Level, Sample};
use forge_jobs::storage::{Author, PutScheduleParams, SamplesParams};
use forge_jobs::{DefaultRouter, EnqueueRequest, ErrorCause, Schedule, Timestamp};
use forge_jobs_api::http::Scrapes;
use forge_jobs_api::wire::{
    AlertSort, Doctor, ErrorList, GroupVerb, JobDetail, JobPage, LogPage, Overview, Role, ScheduleEdit,
    Timeline, TimelineQuery, Totals,
};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

async fn put(rig: &Rig, queue: &str, jobs: u32) {
    for n in 0..jobs {
        enqueue(&rig.storage, EnqueueRequest::new("k", n).on_queue(queue)).await;
    }
}

async fn scrape(rig: &Rig, token: Option<&str>) -> Got {
    let ask = Ask::new("GET", "/metrics");
    match token {
        Some(token) => ask.token(token),
        None => ask,
    }
    .send(rig.addr)
    .await
}

async fn is_scraped(place: Place) {
    let plan = Plan { options: |options| options.with_scrapes(Scrapes::ByCallers), ..Plan::default() };
    let rig = Rig::start(place, plan).await;
    put(&rig, "mail", 5).await;
    assert_eq!(scrape(&rig, None).await.status, 401);
    assert_eq!(scrape(&rig, Some("wrong")).await.status, 401);
    let asked = Instant::now();
    // There is no process that could have added this up. Who asks does not wait long for it, and the next one finds it.
    let got = loop {
        let got = scrape(&rig, Some(&rig.keys.viewer)).await;
        assert_eq!(got.status, 200, "{got:?}");
        if got.body.contains("forge_queue_enqueued_total{queue=\"mail\"} 5\n") || asked.elapsed() > LIMIT {
            break got;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    assert_eq!(got.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    for line in [
        "forge_queue_enqueued_total{queue=\"mail\"} 5\n",
        "forge_queue_jobs{queue=\"mail\",status=\"pending\"} 5\n",
        "forge_processes{state=\"alive\"} 0\n",
    ] {
        assert!(got.body.contains(line), "no {line} in {}", got.body);
    }
    assert_eq!(Ask::new("POST", "/metrics").token(&rig.keys.admin).send(rig.addr).await.status, 405);
    let evil = Ask::new("GET", "/metrics").token(&rig.keys.viewer).header("Host", "evil.example");
    assert_eq!(evil.send(rig.addr).await.status, 421);
    rig.stop().await;
}

#[tokio::test]
async fn prometheus_is_told_what_happened_without_any_worker_on_a_file() {
    is_scraped(Place::file()).await;
}

#[tokio::test]
async fn prometheus_is_told_what_happened_without_any_worker_on_a_server() {
    is_scraped(Place::server().await).await;
}

#[tokio::test]
async fn whether_and_by_whom_it_is_scraped_is_said_by_the_host() {
    let rig = Rig::on_file().await;
    assert_eq!(scrape(&rig, Some(&rig.keys.viewer)).await.status, 404);
    rig.stop().await;
    let plan = Plan { options: |options| options.with_scrapes(Scrapes::ByAnybody), ..Plan::default() };
    let rig = Rig::start(Place::file(), plan).await;
    assert_eq!(scrape(&rig, None).await.status, 200);
    rig.stop().await;
}

/// How many jobs came in, as this object tells.
async fn came_in(api: &forge_jobs_api::service::Api) -> u64 {
    api.totals(&TimelineQuery::default()).await.unwrap().totals[0].sum.enqueued
}

#[tokio::test]
async fn readers_add_up_as_often_as_they_were_told() {
    let rig = Rig::on_file().await;
    put(&rig, "mail", 2).await;
    let (never, once, always) =
        (rig.api.clone(), rig.api.clone().rolling(Duration::MAX), rig.api.clone().rolling(Duration::ZERO));
    assert_eq!(came_in(&never).await, 0, "a look changes nothing unless it was told to");
    assert_eq!(came_in(&once).await, 2);
    put(&rig, "mail", 3).await;
    assert_eq!((came_in(&once).await, came_in(&never).await), (2, 2));
    assert_eq!((came_in(&always).await, came_in(&never).await), (5, 5));
    rig.stop().await;
}

async fn lines_are_bounded(place: Place) {
    let rig = Rig::start(place, Plan::default()).await;
    for (queue, jobs) in [("a", 1), ("b", 3), ("c", 2)] {
        put(&rig, queue, jobs).await;
    }
    let timeline = async |query: &str| -> Timeline {
        rig.ask(Role::Viewer, "GET", &format!("/metrics/timeline?{query}"), None).await.json()
    };
    let all = timeline("points=70").await;
    assert_eq!((all.lines.len(), all.step_seconds.0, all.lines[0].sum.enqueued), (1, 60.0, 6));
    assert!((2..=70).contains(&all.lines[0].points.len()), "{}", all.lines[0].points.len());
    let two = timeline("by=queue&lines=2").await;
    let names: Vec<_> = two.lines.iter().map(|line| line.name.as_deref()).collect();
    assert_eq!((names, two.left_out), (vec![Some("b"), Some("c")], 1));
    // Many lines have fewer points each.
    let many = timeline("by=queue&points=10000&last_seconds=590000").await;
    assert!((100..=300).contains(&many.lines[0].points.len()), "{}", many.lines[0].points.len());
    let long = timeline("by=queue&name=b&points=10000&last_seconds=590000").await;
    assert!(long.lines[0].points.len() > 9_000, "{}", long.lines[0].points.len());
    let one = timeline("by=queue&name=b").await;
    assert_eq!((one.lines.len(), one.lines[0].sum.enqueued), (1, 3));
    let got = rig.ask(Role::Viewer, "GET", "/metrics/totals?by=kind", None).await;
    let totals: Totals = got.json();
    assert_eq!((totals.totals.len(), totals.totals[0].sum.enqueued), (1, 6));
    rig.stop().await;
}

#[tokio::test]
async fn lines_of_a_range_are_bounded_on_a_file() {
    lines_are_bounded(Place::file()).await;
}

#[tokio::test]
async fn lines_of_a_range_are_bounded_on_a_server() {
    lines_are_bounded(Place::server().await).await;
}

async fn a_log_is_followed(place: Place) {
    let rig = Rig::start(place, Plan::default()).await;
    put(&rig, "mail", 1).await;
    let process = register(&rig.storage, None).await;
    let claimed = claim(&rig.storage, process, "mail", 1).await.remove(0);
    let page = async |query: String| -> LogPage {
        rig.ask(Role::Viewer, "GET", &format!("/jobs/{}/logs?{query}", claimed.job.id), None).await.json()
    };
    let said = |page: &LogPage| page.lines.iter().map(|l| l.message.clone()).collect::<Vec<_>>();
    let nothing = page(String::new()).await;
    assert_eq!((nothing.lines.len(), nothing.next), (0, None));
    log(&rig.storage, &claimed, 1, &["one", "two", "the key is Bearer abcdefghijklmnopqrstuvwxyz0123456789"])
        .await;
    let first = page("limit=2".into()).await;
    assert_eq!((said(&first), first.more), (vec!["one".to_owned(), "two".into()], true));
    let second = page(format!("after={}", first.next.unwrap())).await;
    assert_eq!((second.lines.len(), second.more), (1, false));
    assert!(!second.lines[0].message.contains("abcdefghijklmnop"), "{second:?}");
    // Nothing new: the place stays, and what comes later comes after it.
    let place = second.next.unwrap();
    let still = page(format!("after={place}")).await;
    assert_eq!((still.lines.len(), still.next.as_deref()), (0, Some(place.as_str())));
    log(&rig.storage, &claimed, 2, &["four"]).await;
    assert_eq!(said(&page(format!("after={place}")).await), ["four"]);
    rig.stop().await;
}

#[tokio::test]
async fn a_log_is_followed_while_its_job_runs_on_a_file() {
    a_log_is_followed(Place::file()).await;
}

#[tokio::test]
async fn a_log_is_followed_while_its_job_runs_on_a_server() {
    a_log_is_followed(Place::server().await).await;
}

#[tokio::test]
async fn the_chain_of_errors_is_told_with_its_attempt() {
    let rig = Rig::on_file().await;
    put(&rig, "mail", 1).await;
    let process = register(&rig.storage, None).await;
    let claims = claim(&rig.storage, process, "mail", 1).await;
    let cause = |name: Option<&str>, text: &str| ErrorCause {
        error_type: name.map(Into::into),
        message: text.into(),
    };
    let chain = [cause(Some("SendError"), "not sent"), cause(None, "the password=hunter2 is wrong")];
    kill_of(&rig.storage, &claims, "not sent", &chain).await;
    let detail: JobDetail =
        rig.ask(Role::Viewer, "GET", &format!("/jobs/{}", claims[0].job.id), None).await.json();
    let told = &detail.attempts[0].chain;
    let told: Vec<_> = told.iter().map(|c| (c.error_type.as_deref(), c.message.as_str())).collect();
    assert_eq!(told, [(Some("SendError"), "not sent"), (None, "the password=[redacted] is wrong")]);
    rig.stop().await;
}

#[tokio::test]
async fn all_jobs_of_a_sort_of_errors_are_taken_in_batches() {
    let rig = Rig::on_file().await;
    put(&rig, "mail", 501).await;
    let process = register(&rig.storage, None).await;
    loop {
        let claims = claim(&rig.storage, process, "mail", 100).await;
        if claims.is_empty() {
            break;
        }
        kill(&rig.storage, &claims, "no").await;
    }
    let list: ErrorList = rig.ask(Role::Viewer, "GET", "/errors", None).await.json();
    let group = &list.groups[0].id;
    let of_it: JobPage =
        rig.ask(Role::Viewer, "GET", &format!("/jobs?error_group={group}&limit=500"), None).await.json();
    assert_eq!((of_it.jobs.len(), of_it.next.is_some()), (500, true));
    let (mut changed, mut after) = (Vec::new(), None::<String>);
    loop {
        let body = serde_json::json!({ "after": after }).to_string();
        let got = rig.ask(Role::Operator, "POST", &format!("/errors/{group}/retry"), Some(&body)).await;
        let GroupVerb { changed: n, left, next, .. } = got.json();
        assert_eq!(left, 0);
        changed.push(n);
        after = next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(changed, [500, 1]);
    let audit: forge_jobs_api::wire::AuditPage =
        rig.ask(Role::Operator, "GET", "/audit?action=job.retry", None).await.json();
    let told: Vec<_> = audit.actions.iter().map(|a| (a.actor.as_str(), a.count)).collect();
    assert_eq!(told, [("operator", 1), ("operator", 500)]);
    rig.stop().await;
}

async fn overview(rig: &Rig) -> Overview {
    let got = rig.ask(Role::Viewer, "GET", "/overview", None).await;
    assert_eq!(got.status, 200, "{got:?}");
    got.json()
}

/// What needs a person, by sort and name.
fn alerts(overview: &Overview) -> BTreeSet<(String, String)> {
    let word = |sort: AlertSort| serde_json::to_value(sort).unwrap().as_str().unwrap().to_owned();
    overview.alerts.iter().map(|a| (word(a.alert), a.subject.clone())).collect()
}

async fn tells_what_needs_a_person(place: Place) {
    let rig = Rig::start(place, Plan::default()).await;
    let (storage, long_ago) = (&rig.storage, Timestamp::from_micros(1_700_000_000_000_000));
    // Not by a reader that adds up what happened: the next one is to see all of it.
    assert_eq!(alerts(&rig.api.overview().await.unwrap()), BTreeSet::new());
    let expect = async |wanted: &[(&str, &str)]| {
        // A change through the API makes it look anew.
        rig.ask(Role::Admin, "POST", "/queues/mail/resume", None).await;
        let overview = overview(&rig).await;
        let wanted = wanted.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        assert_eq!(alerts(&overview), wanted, "{overview:?}");
        overview
    };
    put(&rig, "mail", 2).await;
    let seen = expect(&[("queue_without_worker", "mail")]).await;
    let glance = &seen.by_queue[0];
    assert_eq!((glance.queue.as_str(), glance.counts.pending.count, glance.processes), ("mail", 2, 0));
    assert!(glance.oldest_waiting_seconds.is_some());
    assert!(glance.recent.enqueued_per_second > 0.0 && seen.recent.enqueued_per_second > 0.0, "{seen:?}");
    // A silent process works on nothing.
    let stale = register(storage, Some(long_ago)).await.to_string();
    let seen = expect(&[("queue_without_worker", "mail"), ("stale_process", &stale)]).await;
    assert_eq!((seen.live_processes, seen.stale_processes), (0, 1));
    let process = register(storage, None).await;
    expect(&[("stale_process", &stale)]).await;
    let claims = claim(storage, process, "mail", 10).await;
    kill(storage, &claims, "no").await;

    let schedule = Schedule::new("old", "@daily", EnqueueRequest::new("report", 1)).check(&DefaultRouter);
    let by = Author::Code { program: "shop".into() };
    let old = PutScheduleParams { schedule: schedule.unwrap(), by, actor: None, now: Some(long_ago) };
    storage.cron.put(old).await.unwrap();
    let edit = ScheduleEdit {
        expression: Some("0 3 1 1 *".into()),
        kind: Some("report".into()),
        queue: Some("reports".into()),
        ..ScheduleEdit::default()
    };
    rig.api.put_schedule("fails", &edit, None).await.unwrap();
    rig.api.run_schedule("fails").await.unwrap();
    let claims = claim(storage, process, "reports", 10).await;
    assert_eq!(claims.len(), 1);
    kill(storage, &claims, "no").await;
    let mut sample = Sample::default();
    (sample.disk_free, sample.disk_size) = (Some(1 << 20), Some(1 << 30));
    let samples = vec![(Level::Minute, Level::Minute.start(Timestamp::now()), sample)];
    storage.metrics.record_samples(SamplesParams { process, samples }).await.unwrap();
    expect(&[
        ("stale_process", &stale),
        ("schedule_overdue", "old"),
        ("schedule_failing", "fails"),
        ("disk_nearly_full", "box"),
    ])
    .await;
    rig.stop().await;
}

#[tokio::test]
async fn the_overview_tells_what_needs_a_person_on_a_file() {
    tells_what_needs_a_person(Place::file()).await;
}

#[tokio::test]
async fn the_overview_tells_what_needs_a_person_on_a_server() {
    tells_what_needs_a_person(Place::server().await).await;
}

#[tokio::test]
async fn whoever_asks_for_a_checkup_while_one_runs_gets_one_too() {
    let rig = Rig::on_file().await;
    let ask = async || Ask::new("GET", "/api/v1/checkup").token(&rig.keys.operator).send(rig.addr).await;
    let answers = futures_util::future::join_all((0..8).map(|_| ask())).await;
    for answer in answers {
        assert_eq!(answer.status, 200, "{}", answer.code());
        assert!(answer.json::<Doctor>().schema_version > 0);
    }
    rig.stop().await;
}
