//! Every route: what succeeds, what is refused and how, and that the document says so.

use crate::cases::{self, Case};
use crate::http::{Ask, Got};
use crate::rig::{Place, Plan, Rig};
use crate::world::{self, Names};
use forge_jobs_api::http::{API_PREFIX, Access, RouteInfo, document, inventory};
use forge_jobs_api::wire::{ErrorBody, Role};
use std::collections::{BTreeMap, BTreeSet};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_route_answers_as_the_document_says_on_a_file() {
    play(Place::file()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_route_answers_as_the_document_says_on_a_server() {
    play(Place::server().await).await;
}

/// Statuses that follow from the state of the server, not from a request.
const OF_THE_SERVER: [&str; 4] = ["408", "429", "500", "503"];

/// Without tokens there are no sessions, which other tests see; and two edits at the same moment are a matter of luck.
const ELSEWHERE: [(&str, &str); 2] = [("log_in", "404"), ("edit_schedule", "409")];

/// The statuses that were seen, by route.
type Seen = BTreeMap<&'static str, BTreeSet<String>>;

async fn play(place: Place) {
    let rig = Rig::start(place, Plan::default()).await;
    let mut names = world::fill(&rig).await;
    names.insert("admin".into(), rig.keys.admin.clone());
    let routes: BTreeMap<&'static str, RouteInfo> = inventory().into_iter().map(|r| (r.id, r)).collect();
    let (mut seen, mut wrong) = (Seen::new(), Vec::new());
    // Those without rights come first: nothing may have changed by them.
    for route in routes.values() {
        for (ask, status) in refused_everywhere(route, &rig) {
            let got = ask.send(rig.addr).await;
            if got.status != status {
                wrong.push(format!("{status}, not {} for {ask:?}: {}", got.status, got.body));
            }
            check(route, &ask, &got, &mut seen);
        }
    }
    for case in cases::all() {
        let route = &routes[case.route];
        let ask = ask(&case, route, &names).token(&rig.keys.admin);
        let got = ask.send(rig.addr).await;
        if got.status != case.status || !got.body.contains(case.holds) {
            let (status, holds) = (case.status, case.holds);
            wrong.push(format!("{status} {holds:?}, not {} for {ask:?}: {}", got.status, got.body));
        }
        check(route, &ask, &got, &mut seen);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    every_documented_status_was_seen(&seen);
    rig.stop().await;
}

fn filled(text: &str, names: &Names) -> String {
    names.iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
}

fn target(route: &RouteInfo, name: &str, query: &str) -> String {
    let path: Vec<&str> =
        route.path.split('/').map(|part| if part.starts_with('{') { name } else { part }).collect();
    let query = if query.is_empty() { String::new() } else { format!("?{query}") };
    format!("{API_PREFIX}{}{query}", path.join("/"))
}

fn ask(case: &Case, route: &RouteInfo, names: &Names) -> Ask {
    let target = target(route, &filled(case.name, names), case.query);
    let ask = Ask::new(route.method.as_str(), &target);
    let ask = case.headers.iter().fold(ask, |ask, (name, value)| ask.header(name, &filled(value, names)));
    match case.body {
        Some(body) => ask.json(&filled(body, names)),
        None => ask,
    }
}

/// What each route refuses in the same way.
fn refused_everywhere(route: &RouteInfo, rig: &Rig) -> Vec<(Ask, u16)> {
    let plain = || Ask::new(route.method.as_str(), &target(route, "nosuch", ""));
    let admin = || plain().token(&rig.keys.admin);
    let mut all = vec![(admin().header("Host", "evil.example"), 421)];
    let takes_body = document("")["paths"][format!("{API_PREFIX}{}", route.path)]
        [route.method.as_str().to_ascii_lowercase()]
    .get("requestBody")
    .is_some();
    if let Access::Needs(role) = route.access {
        all.push((plain(), 401));
        all.push((plain().token("wrong"), 401));
        for below in Role::ALL.into_iter().filter(|r| *r < role) {
            all.push((plain().token(rig.keys.of(below)), 403));
        }
    } else {
        all.push((plain().header("Sec-Fetch-Site", "cross-site"), 403));
    }
    if route.changes {
        all.push((admin().header("Content-Type", "text/plain"), 415));
        if !matches!(route.access, Access::Anybody) && !takes_body {
            all.push((admin().header("Idempotency-Key", "a").header("Idempotency-Key", "b"), 400));
        }
    }
    if matches!(route.access, Access::Anybody) && !takes_body {
        all.push((plain().header("If-Match", "\"1\""), 400));
    }
    if takes_body {
        all.push((admin().json("{"), 400));
        all.push((admin().json(r#"{"no_such_field":1}"#), 422));
        let mut long = admin().json("");
        long.body = None;
        all.push((long.header("Content-Length", "999999999999"), 413));
    }
    all
}

/// The document knows this status, and errors are errors.
fn check(route: &RouteInfo, ask: &Ask, got: &Got, seen: &mut Seen) {
    let document = document("");
    let operation =
        &document["paths"][format!("{API_PREFIX}{}", route.path)][route.method.as_str().to_ascii_lowercase()];
    let responses =
        operation["responses"].as_object().unwrap_or_else(|| panic!("{} is not documented", route.id));
    let status = got.status.to_string();
    assert!(responses.contains_key(&status), "{status} of {} is not documented: {ask:?}: {got:?}", route.id);
    if got.status >= 400 {
        let ErrorBody { error } = got.json();
        assert_eq!(error.request_id.as_deref(), got.header("x-request-id"), "{got:?}");
        assert!(!error.message.is_empty());
    }
    for name in [
        "content-security-policy",
        "x-content-type-options",
        "referrer-policy",
        "cache-control",
        "x-request-id",
    ] {
        assert!(got.header(name).is_some(), "no {name}: {got:?}");
    }
    seen.entry(route.id).or_default().insert(status);
}

fn every_documented_status_was_seen(seen: &Seen) {
    let document = document("");
    let mut missed = Vec::new();
    for route in inventory() {
        let operation = &document["paths"][format!("{API_PREFIX}{}", route.path)]
            [route.method.as_str().to_ascii_lowercase()];
        let empty = BTreeSet::new();
        let seen = seen.get(route.id).unwrap_or(&empty);
        for status in operation["responses"].as_object().unwrap().keys() {
            let elsewhere =
                OF_THE_SERVER.contains(&status.as_str()) || ELSEWHERE.contains(&(route.id, status.as_str()));
            if !elsewhere && !seen.contains(status) {
                missed.push(format!("{} {status}", route.id));
            }
        }
    }
    assert!(missed.is_empty(), "documented and never seen: {missed:?}");
}
