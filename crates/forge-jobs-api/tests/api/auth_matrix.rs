//! Every route, every caller, every trick with the path: exactly the allowed cells pass.

use crate::http::{Ask, Got};
use crate::rig::{Place, Plan, Rig};
use forge_jobs_api::http::{API_PREFIX, Access, RouteInfo, Writes, inventory};
use forge_jobs_api::wire::Role;

/// A caller: what they show, and what they may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Caller {
    Nobody,
    Wrong,
    Known(Role),
}

const CALLERS: [Caller; 5] = [
    Caller::Nobody,
    Caller::Wrong,
    Caller::Known(Role::Viewer),
    Caller::Known(Role::Operator),
    Caller::Known(Role::Admin),
];

/// What is done to a request, and whether it still means the route.
#[derive(Clone, Copy, Debug)]
enum Trick {
    /// The route as it is.
    Plain,
    /// Another path, which a careless server may take for the route.
    Path(fn(&str) -> String),
    /// Another method in a header or a query, which must count for nothing.
    Beside(&'static str, &'static str),
    Query(&'static str),
    /// The whole URL in the request line: the same route.
    Absolute,
}

fn after_prefix(path: &str, insert: &str) -> String {
    format!("{API_PREFIX}{insert}{}", &path[API_PREFIX.len()..])
}

const TRICKS: [Trick; 22] = [
    Trick::Plain,
    Trick::Absolute,
    Trick::Path(|p| format!("/{p}")),
    Trick::Path(|p| after_prefix(p, "/")),
    Trick::Path(|p| after_prefix(p, "/.")),
    Trick::Path(|p| after_prefix(p, "/%2e")),
    Trick::Path(|p| after_prefix(p, "/x/..")),
    Trick::Path(|p| after_prefix(p, "/x/%2e%2e")),
    Trick::Path(|p| after_prefix(p, "/..%2fv1")),
    Trick::Path(|p| format!("{p}/")),
    Trick::Path(|p| format!("{p}//")),
    Trick::Path(|p| format!("{p}/.")),
    Trick::Path(|p| format!("{p}%2f")),
    Trick::Path(str::to_uppercase),
    Trick::Path(|p| p.replacen("/api", "/%61pi", 1)),
    Trick::Path(|p| p.replacen("/api/v1/", "/api/v1\\", 1)),
    Trick::Path(|p| p.replacen("/api", "/api;x=1", 1)),
    Trick::Beside("X-HTTP-Method-Override", "GET"),
    Trick::Beside("X-Method-Override", "DELETE"),
    Trick::Beside("X-Original-URL", "/api/v1/me"),
    Trick::Beside("X-Forwarded-For", "127.0.0.1"),
    Trick::Query("_method=GET"),
];

/// What a cell gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cell {
    /// The handler was asked.
    Passed,
    /// 401.
    Unknown,
    /// 403.
    Forbidden,
    /// There is no such route, or not with this method.
    Nowhere,
}

fn cell(got: &Got) -> Cell {
    match got.status {
        401 => Cell::Unknown,
        403 => Cell::Forbidden,
        405 => Cell::Nowhere,
        404 if got.body.contains("there is nothing under this path") => Cell::Nowhere,
        _ => Cell::Passed,
    }
}

/// The route that a path means by the words of the table, taken as they are: what stands in braces is any text without a
/// slash.
fn meant(method: &str, target: &str) -> Option<RouteInfo> {
    let path = target.strip_prefix("http://localhost").unwrap_or(target);
    let path = path.split('?').next().unwrap_or(path).strip_prefix(API_PREFIX)?;
    let fits = |route: &RouteInfo| {
        let (mut names, mut parts) = (route.path.split('/'), path.split('/'));
        loop {
            match (names.next(), parts.next()) {
                (None, None) => return true,
                (Some(name), Some(part)) if name == part => {}
                (Some(name), Some(part)) if name.starts_with('{') => {
                    if part.is_empty() {
                        return false;
                    }
                }
                _ => return false,
            }
        }
    };
    let found: Vec<RouteInfo> = inventory().into_iter().filter(fits).collect();
    // A word goes before a name in braces.
    let exact = found.iter().any(|route| !route.path.contains('{'));
    found.into_iter().filter(|route| !exact || !route.path.contains('{')).find(|route| route.method == method)
}

fn expected(caller: Caller, ask: &Ask) -> Cell {
    let route = meant(&ask.method, &ask.target);
    match (caller, route.map(|route| route.access)) {
        (Caller::Nobody | Caller::Wrong, Some(Access::Anybody)) => Cell::Passed,
        (Caller::Nobody | Caller::Wrong, _) => Cell::Unknown,
        (_, None) => Cell::Nowhere,
        (Caller::Known(role), Some(Access::Needs(needed))) if role < needed => Cell::Forbidden,
        (Caller::Known(_), Some(_)) => Cell::Passed,
    }
}

fn ask(route: &RouteInfo, caller: Caller, trick: Trick, rig: &Rig) -> Ask {
    // Nothing has this name, so that nothing changes where the handler is asked.
    let name = "01890a5d-ac96-774b-bcce-b302099a8057";
    let parts: Vec<&str> =
        route.path.split('/').map(|part| if part.starts_with('{') { name } else { part }).collect();
    let path = format!("{API_PREFIX}{}", parts.join("/"));
    let target = match trick {
        Trick::Plain | Trick::Beside(..) => path,
        Trick::Path(change) => change(&path),
        Trick::Query(query) => format!("{path}?{query}"),
        Trick::Absolute => format!("http://localhost{path}"),
    };
    let mut ask = Ask::new(route.method.as_str(), &target);
    if route.changes {
        ask = ask.json("{}").header("Sec-Fetch-Site", "same-origin");
    }
    if let Trick::Beside(name, value) = trick {
        ask = ask.header(name, value);
    }
    match caller {
        Caller::Nobody => ask,
        Caller::Wrong => ask.token("forge_0000000000000000000000000000000000000000000000000000000000000000"),
        Caller::Known(role) => ask.token(rig.keys.of(role)),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exactly_the_allowed_cells_pass() {
    let rig = Rig::on_file().await;
    let mut wrong = Vec::new();
    for route in inventory() {
        for caller in CALLERS {
            for trick in TRICKS {
                let ask = ask(&route, caller, trick, &rig);
                let got = ask.send(rig.addr).await;
                let (is, should) = (cell(&got), expected(caller, &ask));
                if is != should {
                    wrong.push(format!(
                        "{} as {caller:?} by {trick:?}: {is:?}, not {should:?}: {got:?}",
                        route.id
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} cells are wrong:\n{}", wrong.len(), wrong.join("\n"));
    rig.stop().await;
}

#[tokio::test]
async fn other_methods_are_refused_with_those_there_are() {
    let rig = Rig::on_file().await;
    for route in inventory() {
        for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "get"]
        {
            let there = inventory().iter().any(|r| {
                r.path == route.path && (r.method == method || (method == "HEAD" && r.method == "GET"))
            });
            if there {
                continue;
            }
            let target = format!("{API_PREFIX}{}", route.path.replace(['{', '}'], ""));
            let got = Ask::new(method, &target).token(&rig.keys.admin).send(rig.addr).await;
            assert_eq!(got.status, 405, "{method} {target}: {got:?}");
            assert!(
                got.header("allow").is_some_and(|allow| allow.contains(route.method.as_str())),
                "{got:?}"
            );
        }
    }
    rig.stop().await;
}

#[tokio::test]
async fn a_read_only_server_has_no_route_that_changes_anything() {
    let plan = Plan { options: |options| options.with_writes(Writes::Refused), ..Plan::default() };
    let rig = Rig::start(Place::file(), plan).await;
    for route in inventory() {
        let ask = ask(&route, Caller::Known(Role::Admin), Trick::Plain, &rig);
        let got = ask.send(rig.addr).await;
        let there = !route.changes || route.path == "/session";
        assert_eq!(cell(&got) == Cell::Passed, there, "{}: {got:?}", route.id);
    }
    rig.stop().await;
}
