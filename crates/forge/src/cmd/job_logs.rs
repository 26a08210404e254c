//! `forge job logs`.

use crate::database::Database;
use crate::exit::{Exit, Failure};
use crate::output::{Output, plain, to_json};
use forge_jobs::limits::MAX_LOG_PAGE;
use forge_jobs::logs::{LogCursor, LoggedLine};
use forge_jobs::storage::{LogsParams, Storage, StorageError};
use forge_jobs::{Job, JobId, JobStatus};
use forge_jobs_api::wire::{LogLine, LogPage};
use std::collections::BTreeSet;
use std::time::Duration;

const AFTER_HELP: &str = "\
Programs keep what their handlers log when they use the layer forge_jobs::logs::JobLogs. Of each attempt at most 1,000 \
lines or 256 KiB are kept. Times are those of the host that it ran on.

With --json one document without --follow; with it one line of JSON for each line of the log.

Examples:
  forge job logs 01890a5d-ac96-774b-bcce-b302099a8057 --follow
  forge job logs 01890a5d-ac96-774b-bcce-b302099a8057 --attempt 2";

/// How often --follow looks for more.
const LOOK: Duration = Duration::from_millis(500);
/// The last lines of an attempt come shortly after its end.
const LAST_LOOK: Duration = Duration::from_millis(1_500);

/// Show what a job's handler logged.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// The job's id
    id: JobId,

    /// Only of this attempt
    #[arg(long, value_name = "N")]
    attempt: Option<u32>,

    /// Go on until the job is finished
    #[arg(long, short)]
    follow: bool,
}

pub(crate) async fn run(args: &Args, database: &Database, out: &mut Output) -> Result<Exit, Failure> {
    let storage = database.open_existing().await?;
    let mut log = Log {
        storage: &storage,
        args,
        after: None,
        page: LogPage { lines: vec![], next: None, more: false },
    };
    loop {
        // Asked first: what it logged before its end is there when the end is seen, or shortly after.
        let job = job(&storage, args.id).await?;
        let finished = matches!(job.status, JobStatus::Done | JobStatus::Dead);
        if finished && args.follow {
            tokio::time::sleep(LAST_LOOK).await;
        }
        let claims = claims(&storage, &job, args.attempt).await?;
        log.read(claims.as_ref(), out).await?;
        if finished || !args.follow {
            break;
        }
        tokio::time::sleep(LOOK).await;
    }
    if !args.follow && out.is_json() {
        out.json(&log.page)?;
    }
    Ok(Exit::Ok)
}

async fn job(storage: &Storage, id: JobId) -> Result<Job, StorageError> {
    let job = storage.inspect.job(id).await?;
    job.ok_or_else(|| StorageError::NotFound { what: "job", name: id.to_string() })
}

/// The claims under which an attempt of this number ran: a throttle makes another one of the same number.
async fn claims(
    storage: &Storage,
    job: &Job,
    attempt: Option<u32>,
) -> Result<Option<BTreeSet<i64>>, StorageError> {
    let Some(attempt) = attempt else { return Ok(None) };
    let ended = storage.inspect.attempts(job.id).await?;
    let running = (job.status == JobStatus::Running && job.attempt == attempt).then_some(job.claim_no);
    let ended = ended.iter().filter(|a| a.attempt == attempt).map(|a| a.claim_no);
    Ok(Some(ended.chain(running).collect()))
}

/// A log, as far as it was shown.
struct Log<'a> {
    storage: &'a Storage,
    args: &'a Args,
    after: Option<LogCursor>,
    /// What the one document holds.
    page: LogPage,
}

impl Log<'_> {
    /// Shows what there is after what was shown.
    async fn read(&mut self, claims: Option<&BTreeSet<i64>>, out: &mut Output) -> Result<(), Failure> {
        loop {
            let params =
                LogsParams { job: self.args.id, claim_no: None, after: self.after, limit: MAX_LOG_PAGE };
            let page = self.storage.history.logs(params).await?;
            let wanted = |l: &&LoggedLine| claims.is_none_or(|claims| claims.contains(&l.at.claim_no));
            for line in page.lines.iter().filter(wanted) {
                self.show(line, out)?;
            }
            self.after = page.lines.last().map(|line| line.at).or(self.after);
            self.page.next = self.after.map(forge_jobs_api::convert::log_cursor);
            if !page.more {
                return Ok(());
            }
        }
    }

    fn show(&mut self, logged: &LoggedLine, out: &mut Output) -> Result<(), Failure> {
        let line = LogLine::from(logged);
        if !out.is_json() {
            return out.text(&text(logged, &line)?);
        }
        if self.args.follow {
            return out.json(&line);
        }
        self.page.lines.push(line);
        Ok(())
    }
}

fn text(logged: &LoggedLine, line: &LogLine) -> Result<String, Failure> {
    if logged.left_out {
        return Ok(format!("… {}\n", line.message));
    }
    let mut text = format!(
        "{} {:5} {}: {}",
        line.at,
        logged.line.level.as_str().to_uppercase(),
        line.target,
        line.message
    );
    for (name, value) in &line.fields {
        let value = match value.as_str() {
            Some(text) => text.to_owned(),
            None => to_json(value)?,
        };
        text.extend([" ", name, "=", &value]);
    }
    Ok(plain(&text) + "\n")
}
