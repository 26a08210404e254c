//! The shop as its users run it: processes on a real Postgres server.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod shop;

use forge_jobs::testing::wait_until;
use forge_jobs::{AttemptResult, JobStatus};
use shop::{LIMIT, Place, Replica};
use std::collections::HashSet;

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_is_rolled_back_leaves_no_job_and_a_committed_one_leaves_exactly_one() {
    let place = Place::new().await;
    let replica = Replica::start(&place, 0);
    let (status, _, body) = replica.order("unicorn");
    assert_eq!((status, body.trim()), (409, "it is sold out"));
    assert_eq!(place.jobs("shop.").await.len(), 0, "the job went with its transaction");
    assert_eq!(place.number("SELECT count(*) FROM orders").await, 0);

    assert_eq!(replica.order("book").0, 201);
    wait_until("the mail", LIMIT, || async { place.number("SELECT count(*) FROM mails").await == 1 }).await;
    let kinds: Vec<String> = place.jobs("shop.").await.into_iter().map(|job| job.kind).collect();
    assert_eq!(kinds.iter().filter(|kind| *kind == "shop.invoice").count(), 1, "{kinds:?}");
    assert_eq!(kinds.iter().filter(|kind| *kind == "shop.mail").count(), 1, "{kinds:?}");
    assert_eq!(replica.get("/healthz", "").0, 200);
    assert_eq!(replica.get("/readyz", "").0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_job_writes_no_second_invoice_and_sends_no_second_mail() {
    let place = Place::new().await;
    let replica = Replica::start(&place, 0);
    assert_eq!(replica.order("book").0, 201);
    place.all_done(2).await;
    let order = place.number("SELECT id FROM orders").await;
    for (kind, queue) in [("shop.invoice", "invoices"), ("shop.mail", "mail")] {
        place.enqueue(kind, queue, order).await;
    }
    // The invoice enqueues a mail once more: its key was free again.
    place.all_done(5).await;
    assert_eq!(place.number("SELECT count(*) FROM invoices").await, 1);
    assert_eq!(place.number("SELECT count(*) FROM mails").await, 1);
    assert_eq!(place.number("SELECT count(*) FROM sent_mails").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_replicas_share_the_work_and_each_job_runs_once() {
    const ORDERS: usize = 30;
    let place = Place::new().await;
    let replicas = [Replica::start(&place, 100), Replica::start(&place, 100)];
    for order in 0..ORDERS {
        assert_eq!(replicas[order % 2].order("book").0, 201);
    }
    place.all_done(2 * ORDERS).await;
    let (mut processes, jobs) = (HashSet::new(), place.jobs("shop.").await);
    for job in &jobs {
        let attempts = place.storage.inspect.attempts(job.id).await.unwrap();
        assert_eq!(attempts.len(), 1, "{job:?}: {attempts:?}");
        assert_eq!(attempts[0].result, AttemptResult::Done);
        processes.extend(attempts[0].process);
    }
    assert_eq!(processes.len(), 2, "both ran some");
    assert_eq!(place.number("SELECT count(*) FROM mails").await, i64::try_from(ORDERS).unwrap());
    assert_eq!(
        place.number("SELECT count(DISTINCT message_id) FROM mails").await,
        i64::try_from(ORDERS).unwrap()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shops_login_guards_the_panel_and_the_api() {
    const API: &str = "/ops/api/v1";
    const OWN: &str = "Sec-Fetch-Site: same-origin\r\n";
    let place = Place::new().await;
    let replicas = [Replica::start(&place, 0), Replica::start(&place, 0)];
    let replica = &replicas[0];
    let queues = format!("{API}/queues");
    let pause = format!("{API}/queues/mail/pause");

    // Nobody, and somebody with a cookie that was made up.
    let (status, head, _) = replica.get("/ops/panel/jobs", "");
    assert_eq!(status, 303);
    assert!(head.contains("location: /login"), "{head}");
    assert_eq!(replica.get(&queues, "").0, 401);
    assert_eq!(replica.get("/ops/nowhere", "").0, 401, "what there is, is not told either");
    for forged in ["shop_session=", "shop_session=00ff", "shop_session=' OR true --", "forge_session=1"] {
        let cookie = format!("Cookie: {forged}\r\n");
        assert_eq!(replica.get(&queues, &cookie).0, 401, "{forged}");
        assert_eq!(replica.get("/ops/panel/", &cookie).0, 303, "{forged}");
        assert_eq!(replica.ask("POST", &pause, &format!("{cookie}{OWN}"), "").0, 401, "{forged}");
    }
    let (status, head, _) = replica.ask("POST", "/login", OWN, "code=0123");
    assert_eq!(status, 303);
    assert!(head.contains("location: /login?wrong=1") && !head.contains("set-cookie"), "{head}");

    // A viewer looks, and changes nothing.
    let viewer = replica.log_in(&place.person("vera", "viewer"));
    assert_eq!(replica.get(&queues, &viewer).0, 200);
    assert_eq!(replica.get("/ops/panel/", &viewer).0, 200);
    assert!(replica.get(&format!("{API}/me"), &viewer).2.contains("\"vera\""));
    assert_eq!(replica.ask("POST", &pause, &format!("{viewer}{OWN}"), "").0, 403);

    // An operator acts, from the shop's own pages alone; any replica knows the session.
    let operator = replica.log_in(&place.person("otto", "operator"));
    for site in ["Sec-Fetch-Site: cross-site\r\n", "Origin: https://evil.example\r\n", ""] {
        assert_eq!(replica.ask("POST", &pause, &format!("{operator}{site}"), "").0, 403, "{site:?}");
    }
    let paused = async || place.storage.queues.get("mail").await.unwrap().unwrap().settings.paused;
    assert!(!paused().await, "nothing of that did anything");
    assert_eq!(replicas[1].ask("POST", &pause, &format!("{operator}{OWN}"), "").0, 200);
    assert!(paused().await);
    let settings =
        replica.ask("PATCH", &format!("{API}/queues/mail"), &format!("{operator}{OWN}"), "{\"workers\":1}");
    assert_eq!(settings.0, 403, "settings are for admins");

    // A new code ends what was begun with the old one.
    place.person("vera", "viewer");
    assert_eq!(replica.get(&queues, &viewer).0, 401);

    // A form without a word of where it comes from is none of a browser.
    assert_eq!(replica.ask("POST", "/login", "", "code=0123").0, 403);

    // A session ends with its logout, everywhere.
    assert_eq!(
        replica.ask("POST", "/logout", &format!("{operator}Sec-Fetch-Site: cross-site\r\n"), "").0,
        403
    );
    assert_eq!(replica.get(&queues, &operator).0, 200);
    assert_eq!(replica.ask("POST", "/logout", &format!("{operator}{OWN}"), "").0, 303);
    assert_eq!(replicas[1].get(&queues, &operator).0, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sigterm_in_the_middle_loses_nothing() {
    const ORDERS: usize = 10;
    let place = Place::new().await;
    let replica = Replica::start(&place, 3_000);
    for _ in 0..ORDERS {
        assert_eq!(replica.order("book").0, 201);
    }
    wait_until("a mail under way", LIMIT, || async {
        let jobs = place.jobs("shop.mail").await;
        jobs.iter().any(|job| job.status == JobStatus::Running)
    })
    .await;
    assert_eq!(replica.terminate(), Some(0));
    let jobs = place.jobs("shop.").await;
    assert!(jobs.iter().all(|job| job.status != JobStatus::Running), "{jobs:?}");
    assert!(jobs.iter().any(|job| job.status == JobStatus::Pending), "it was in the middle");
    assert_eq!(place.storage.inspect.processes().await.unwrap().len(), 0, "it said that it leaves");

    let _second = Replica::start(&place, 0);
    place.all_done(2 * ORDERS).await;
    assert_eq!(place.number("SELECT count(*) FROM mails").await, i64::try_from(ORDERS).unwrap());
    assert_eq!(
        place.number("SELECT count(DISTINCT message_id) FROM mails").await,
        i64::try_from(ORDERS).unwrap()
    );
    for job in place.jobs("shop.").await {
        assert_eq!((job.attempt, job.crashes), (1, 0), "{job:?}");
    }
}
