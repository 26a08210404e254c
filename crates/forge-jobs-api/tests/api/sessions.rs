//! Sessions of browsers.

use crate::http::{Ask, Got};
use crate::rig::{Place, Plan, Rig};
use forge_jobs_api::wire::Me;

fn cookie(got: &Got) -> String {
    got.header("set-cookie").unwrap().split(';').next().unwrap().to_owned()
}

async fn log_in(rig: &Rig, token: &str) -> Got {
    let ask = Ask::new("POST", "/api/v1/session").header("Sec-Fetch-Site", "same-origin");
    ask.json(&format!("{{\"token\":\"{token}\"}}")).send(rig.addr).await
}

#[tokio::test]
async fn a_session_begins_with_a_token_and_ends() {
    let plan =
        Plan { options: |options| options.mounted_at("/ops/").with_secure_cookies(), ..Plan::default() };
    let rig = Rig::start(Place::file(), plan).await;
    let got = log_in(&rig, &rig.keys.operator).await;
    assert_eq!(got.json::<Me>().name, "operator");
    let set = got.header("set-cookie").unwrap();
    for word in ["HttpOnly", "SameSite=Strict", "Path=/ops/api/v1", "Secure", "Max-Age=43200"] {
        assert!(set.contains(word), "{set}");
    }
    assert!(!set.contains(&rig.keys.operator), "{set}");
    let cookie = cookie(&got);
    let me = Ask::new("GET", "/api/v1/me").header("Cookie", &format!("a=b; {cookie}"));
    let by_cookie = me.send(rig.addr).await.json::<Me>();
    assert_eq!((by_cookie.name.as_str(), by_cookie.session), ("operator", true));
    let by_token = Ask::new("GET", "/api/v1/me").token(&rig.keys.operator).send(rig.addr).await;
    assert!(!by_token.json::<Me>().session, "there is none to end");
    let out = Ask::new("DELETE", "/api/v1/session").header("Cookie", &cookie);
    assert_eq!(out.send(rig.addr).await.status, 403, "a page of another site could log its visitors out");
    let got = out.header("Sec-Fetch-Site", "same-origin").send(rig.addr).await;
    assert_eq!(got.status, 204);
    assert_eq!(me.send(rig.addr).await.status, 401);
    rig.stop().await;
}

#[tokio::test]
async fn a_cookie_changes_things_for_the_servers_own_pages_alone() {
    let rig = Rig::on_file().await;
    let cookie = cookie(&log_in(&rig, &rig.keys.operator).await);
    let ask = |headers: &[(&str, &str)]| {
        let ask =
            Ask::new("POST", "/api/v1/jobs").header("Cookie", &cookie).json(r#"{"kind":"k","payload":1}"#);
        headers.iter().fold(ask, |ask, (name, value)| ask.header(name, value))
    };
    for (headers, status) in [
        (&[("Sec-Fetch-Site", "same-origin")][..], 201),
        (&[("Origin", "http://localhost")], 201),
        (&[], 403),
        (&[("Sec-Fetch-Site", "cross-site")], 403),
        (&[("Sec-Fetch-Site", "same-site"), ("Origin", "http://localhost")], 403),
        (&[("Origin", "http://evil.example")], 403),
        (&[("Origin", "null")], 403),
    ] {
        let got = ask(headers).send(rig.addr).await;
        assert_eq!(got.status, status, "{headers:?}: {got:?}");
        assert!(got.header("access-control-allow-origin").is_none());
    }
    rig.stop().await;
}

#[tokio::test]
async fn without_tokens_there_are_no_sessions_and_no_change_from_other_sites() {
    let rig = Rig::start(Place::file(), Plan { open: true, ..Plan::default() }).await;
    assert_eq!(log_in(&rig, "x").await.status, 404);
    let ask = Ask::new("POST", "/api/v1/jobs").json(r#"{"kind":"k","payload":1}"#);
    assert_eq!(ask.send(rig.addr).await.status, 201);
    for (name, value) in [("Sec-Fetch-Site", "cross-site"), ("Origin", "http://evil.example")] {
        assert_eq!(ask.clone().header(name, value).send(rig.addr).await.status, 403);
    }
    let form = Ask { body: Some("{}".into()), ..Ask::new("POST", "/api/v1/jobs") };
    assert_eq!(form.header("Content-Type", "text/plain").send(rig.addr).await.status, 415);
    rig.stop().await;
}
