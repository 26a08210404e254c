//! `forge limit set`.

use super::limit::{scope, show};
use crate::desk::Desk;
use crate::duration::parse_duration;
use crate::exit::{Exit, Failure};
use crate::output::Output;
use forge_jobs::rate_limit::Scope;
use forge_jobs_api::convert::seconds;
use forge_jobs_api::wire::{LimitEdit, LimitMode};
use std::time::Duration;

const AFTER_HELP: &str = "\
Never more permits than this are given in any window, wherever it begins, by all processes together. An edit counts what \
was given before. A scope with a colon is a key: slack:team-7 has the limit of slack unless it has its own.

Examples:
  forge limit set slack 100 --per 10s
  forge limit set slack:team-7 500 --per 10s      a key with more
  forge limit set sms 600 --per 1m --smooth       ten a second, evenly";

/// Give a scope a limit, or another one; it holds at once.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// The scope
    #[arg(value_parser = scope)]
    scope: Scope,

    /// Permits per window, 1 to 1000000
    #[arg(allow_negative_numbers = true)]
    permits: u32,

    /// The window, 100ms to 366d
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, allow_negative_numbers = true)]
    per: Duration,

    /// Spread the permits evenly over the window
    #[arg(long)]
    smooth: bool,
}

pub(super) async fn run(args: Args, desk: &Desk, out: &mut Output) -> Result<Exit, Failure> {
    let mode = args.smooth.then_some(LimitMode::Smooth);
    let edit = LimitEdit { permits: args.permits, window_seconds: seconds(args.per), mode };
    show(&desk.set_limit(args.scope.as_str(), edit).await?, out)
}
