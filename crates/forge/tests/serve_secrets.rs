//! What is secret stays with the jobs: none of it is in the log of a server, its metrics, or what Prometheus reads.

#![allow(clippy::unwrap_used, reason = "a test may end in a panic, its helpers included")]

mod serving;
mod support;

use serving::{Serving, token};
use support::Home;

/// One for each place at which a secret can come in.
const CANARIES: [(&str, &str); 7] = [
    ("payload", "canary-1f6b"),
    ("a key of a payload", "canary-2c7d"),
    ("a path", "canary-4e11"),
    ("a query", "canary-5b0f"),
    ("a header", "canary-6d72"),
    ("a dedupe key", "canary-7c08"),
    ("a body that is no JSON", "canary-8fe3"),
];

fn canary(place: &str) -> &'static str {
    CANARIES.iter().find(|(name, _)| *name == place).unwrap().1
}

#[test]
fn no_secret_is_in_the_log_or_the_metrics_of_a_server() {
    let home = Home::new();
    let admin = token(&home, "admin");
    let serving = Serving::start(&home, &["--tokens", "tokens", "--worker"]);
    let job = |kind: &str, payload: &str| {
        let key = canary("a dedupe key");
        format!(r#"{{"kind":"{kind}","payload":{payload},"dedupe_key":"{key}-{kind}"}}"#)
    };
    let secret = format!(r#"{{"password":"{}","{}":1}}"#, canary("payload"), canary("a key of a payload"));
    for (method, path, body) in [
        ("POST", "/api/v1/jobs".to_owned(), job("noop_echo", &secret)),
        // Nobody knows this kind.
        ("POST", "/api/v1/jobs".to_owned(), job("nobody", &secret)),
        ("POST", "/api/v1/jobs".to_owned(), format!("{{\"kind\": {}", canary("a body that is no JSON"))),
        ("GET", format!("/api/v1/jobs/{}", canary("a path")), String::new()),
        ("GET", format!("/{}/..;/", canary("a path")), String::new()),
        (
            "GET",
            format!("/api/v1/jobs?tag={}&nonsense={}", canary("a query"), canary("a query")),
            String::new(),
        ),
    ] {
        serving.ask(method, &path, &admin, &body);
    }
    serving.ask("GET", "/api/v1/me", canary("a header"), "");
    serving.ask("POST", "/api/v1/jobs", canary("a header"), &job("noop_echo", &secret));
    let metrics = serving.get("/metrics", &admin);
    let timeline = serving.get("/api/v1/metrics/timeline?by=kind", &admin);
    let overview = serving.get("/api/v1/overview", &admin);
    let (ended, log) = serving.stop();
    assert_eq!(ended.code, 0, "{ended:?}\n{log}");
    assert!(metrics.contains("forge_queue_enqueued_total"), "{metrics}");
    for (what, text) in
        [("log", &log), ("metrics", &metrics), ("timeline", &timeline), ("overview", &overview)]
    {
        for (place, canary) in CANARIES {
            assert!(!text.contains(canary), "{place} is in the {what}:\n{text}");
        }
        assert!(!text.contains(&admin), "the token is in the {what}:\n{text}");
    }
}
