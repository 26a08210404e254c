//! `forge limit`: the sub-commands.

use super::limit_set;
use crate::desk::{Desk, Lane, Where};
use crate::duration::parse_duration;
use crate::exit::{Exit, Failure};
use crate::output::{Align, Output, pairs, table, when};
use forge_jobs::rate_limit::Scope;
use forge_jobs_api::convert::seconds;
use forge_jobs_api::wire::{self, Attached, ErrorCode, Limit, LimitChanged, LimitMode};
use std::time::Duration;

/// See and steer budgets of calls that all processes share.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// List limits, and how much of each is used
    #[command(after_help = "Example:\n  forge limit list --json")]
    List,
    /// Give a scope a limit, or another one; it holds at once
    Set(limit_set::Args),
    /// Show a scope: its limit, what is used, what is attached
    #[command(after_help = "Example:\n  forge limit show slack:team-7")]
    Show(Name),
    /// Give nothing of a scope for a while, or end that
    Drain(Drain),
    /// Have each job of a queue or a kind take a permit when it is claimed
    Attach(Attach),
    /// Let the jobs of a queue or a kind go without a permit
    #[command(after_help = "Example:\n  forge limit detach --queue mail")]
    Detach(Target),
    /// Take a scope's limit away; what it gave stays counted
    #[command(after_help = "Example:\n  forge limit remove slack")]
    Remove(Name),
}

/// A scope.
#[derive(Debug, clap::Args)]
pub(crate) struct Name {
    /// The scope
    #[arg(value_parser = scope)]
    scope: Scope,
}

const AFTER_DRAIN: &str = "\
While a template is drained, all of its keys are. A drain is never made shorter by another one.

Examples:
  forge limit drain slack 10m
  forge limit drain slack --lift       give permits again";

/// Give nothing of a scope for a while, or end that.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_DRAIN)]
pub(crate) struct Drain {
    /// The scope
    #[arg(value_parser = scope)]
    scope: Scope,

    /// For how long, such as 90s or 10m; at most a day
    #[arg(value_name = "DURATION", value_parser = parse_duration, required_unless_present = "lift")]
    wait: Option<Duration>,

    /// End the drain instead
    #[arg(long, conflicts_with = "wait")]
    lift: bool,
}

const AFTER_ATTACH: &str = "\
A job that finds no permit stays pending and holds no worker. A queue and a kind have one scope each; a job of both takes
a permit of both.

Examples:
  forge limit attach slack --queue mail
  forge limit attach github --kind repo.sync";

/// Have each job of a queue or a kind take a permit when it is claimed.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_ATTACH)]
pub(crate) struct Attach {
    /// The scope
    #[arg(value_parser = scope)]
    scope: Scope,
    #[command(flatten)]
    target: Target,
}

/// A queue or a kind.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Target {
    /// Jobs of this queue
    #[arg(long, value_name = "NAME")]
    queue: Option<String>,
    /// Jobs of this kind, in whatever queue
    #[arg(long, value_name = "NAME")]
    kind: Option<String>,
}

impl Target {
    fn lane(self) -> Result<Lane, Failure> {
        let nothing = || Failure::new(ErrorCode::Invalid, "name a queue or a kind: --queue or --kind");
        let queue = self.queue.map(Lane::Queue);
        queue.or_else(|| self.kind.map(Lane::Kind)).ok_or_else(nothing)
    }
}

pub(super) fn scope(text: &str) -> Result<Scope, String> {
    Scope::new(text).map_err(|e| e.to_string())
}

pub(crate) async fn run(command: Command, at: &Where, out: &mut Output) -> Result<Exit, Failure> {
    let desk = at.existing().await?;
    match command {
        Command::List => {
            out.answer(&desk.limits().await?, |list| text(&list.limits))?;
            Ok(Exit::Ok)
        }
        Command::Set(args) => limit_set::run(args, &desk, out).await,
        Command::Show(Name { scope }) => show(&desk.limit(scope.as_str()).await?, out),
        Command::Drain(args) => drain(&desk, args, out).await,
        Command::Attach(Attach { scope, target }) => {
            show(&desk.attach(&target.lane()?, scope.as_str()).await?, out)
        }
        Command::Detach(target) => {
            let LimitChanged { changed: done } = desk.detach(&target.lane()?).await?;
            changed(done, "detached", "it was not attached", out)
        }
        Command::Remove(Name { scope }) => {
            let LimitChanged { changed: done } = desk.remove_limit(scope.as_str()).await?;
            changed(done, "removed", "it had no limit of its own", out)
        }
    }
}

fn changed(changed: bool, done: &str, nothing: &str, out: &mut Output) -> Result<Exit, Failure> {
    let text = if changed { done } else { nothing };
    out.answer(&LimitChanged { changed }, |_| format!("{text}\n"))?;
    Ok(Exit::Ok)
}

/// Shows a scope, as after each change of it.
pub(super) fn show(limit: &Limit, out: &mut Output) -> Result<Exit, Failure> {
    out.answer(limit, details)?;
    Ok(Exit::Ok)
}

async fn drain(desk: &Desk, args: Drain, out: &mut Output) -> Result<Exit, Failure> {
    let scope = args.scope.as_str();
    let limit = match args.wait {
        Some(wait) => desk.drain_limit(scope, wire::Drain { seconds: seconds(wait) }).await?,
        None => desk.lift_drain(scope).await?,
    };
    show(&limit, out)
}

fn text(limits: &[Limit]) -> String {
    if limits.is_empty() {
        return "no limits\n".into();
    }
    let head = [
        ("scope", Align::Left),
        ("limit", Align::Left),
        ("used", Align::Right),
        ("free", Align::Right),
        ("keys", Align::Right),
        ("state", Align::Left),
        ("attached to", Align::Left),
        ("version", Align::Right),
    ];
    let row = |l: &Limit| {
        vec![
            l.scope.clone(),
            rate(l),
            l.used.to_string(),
            l.free.to_string(),
            l.keys.to_string(),
            state(l),
            attached(l),
            l.version.to_string(),
        ]
    };
    table(&head, &limits.iter().map(row).collect::<Vec<_>>())
}

fn details(l: &Limit) -> String {
    let mut rows = vec![
        ("scope", l.scope.clone()),
        ("limit", rate(l)),
        ("used", l.used.to_string()),
        ("free", l.free.to_string()),
        ("state", state(l)),
        ("attached to", attached(l)),
        ("version", l.version.to_string()),
    ];
    if let Some(template) = &l.inherited_from {
        rows.push(("limit of", template.clone()));
    }
    if l.keys > 0 {
        rows.push(("keys", l.keys.to_string()));
    }
    pairs(&rows)
}

/// `100 per 10s, smooth`.
fn rate(l: &Limit) -> String {
    let window = Duration::try_from_secs_f64(l.window_seconds.0).unwrap_or_default();
    let smooth = if l.mode == LimitMode::Smooth { ", smooth" } else { "" };
    format!("{} per {}{smooth}", l.permits, humantime::format_duration(window))
}

fn state(l: &Limit) -> String {
    match (&l.drained_until, &l.next_at) {
        (Some(until), _) => format!("drained until {}", when(until)),
        (None, Some(at)) => format!("used up until {}", when(at)),
        (None, None) => "open".into(),
    }
}

fn attached(l: &Limit) -> String {
    let name = |a: &Attached| match a {
        Attached::Queue(name) => format!("queue {name}"),
        Attached::Kind(name) => format!("kind {name}"),
    };
    let names: Vec<_> = l.attached.iter().map(name).collect();
    if names.is_empty() { "-".into() } else { names.join(", ") }
}
