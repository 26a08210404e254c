//! What a run came to, read from the database: it counts every session of the run, also those that were killed.

use super::file::FileJob;
use super::identity::{RunId, UPSTREAM_QUEUE};
use super::manifest::Written;
use super::pages::each_job;
use super::walk::{Skipped, WalkJob, Walked};
use crate::output::{bytes, counted, pairs, short};
use forge_jobs::storage::{Inspect, JobFilter, StorageError};
use forge_jobs::{AttemptResult, JobStatus};
use forge_jobs_api::wire::Seconds;
use serde::Serialize;
use std::collections::BTreeMap;

/// Dead files that the summary names.
const MAX_NAMED: usize = 20;

/// The summary, as JSON.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Summary {
    directory: String,
    database: String,
    /// What leads other commands to the database; `None` if it ends with this program.
    #[serde(skip)]
    argument: Option<String>,
    /// Counts the runs over these directories.
    run: u32,
    /// Whether an earlier session had begun it.
    resumed: bool,
    seed: u32,
    manifest: String,
    manifest_sha256: String,
    /// Files in the manifest.
    files: u64,
    bytes: u64,
    /// What this session did, and how long it took.
    session: Session,
    skipped: Skipped,
    vanished: u64,
    vanished_paths: Vec<String>,
    /// Files by dead reason.
    dead: BTreeMap<&'static str, u64>,
    dead_files: Vec<DeadFile>,
    files_queue: String,
    upstream: Option<Calls>,
}

/// What this session did.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Session {
    pub(crate) files: u64,
    pub(crate) bytes: u64,
    pub(crate) seconds: Seconds,
}

/// A file that could not be hashed.
#[derive(Clone, Debug, Serialize)]
struct DeadFile {
    job: String,
    path: String,
    reason: &'static str,
    error: String,
}

/// What the flaky upstream came to.
#[derive(Clone, Debug, Default, Serialize)]
struct Calls {
    jobs: u64,
    done: u64,
    dead: BTreeMap<&'static str, u64>,
    retries: u64,
    throttles: u64,
}

/// What the database does not know.
pub(crate) struct Facts<'a> {
    pub(crate) walk: &'a WalkJob,
    pub(crate) walked: Walked,
    pub(crate) written: Written,
    pub(crate) database: String,
    pub(crate) argument: Option<String>,
    pub(crate) resumed: bool,
    pub(crate) upstream: bool,
    pub(crate) session: Session,
}

impl Summary {
    /// Reads what is not known yet.
    pub(crate) async fn read(inspect: &dyn Inspect, facts: Facts<'_>) -> Result<Self, StorageError> {
        let run = &facts.walk.run;
        let (dead, dead_files) = dead_files(inspect, run).await?;
        let upstream = if facts.upstream { Some(calls(inspect, run).await?) } else { None };
        Ok(Self {
            directory: facts.walk.dir.text().to_owned(),
            database: facts.database,
            argument: facts.argument,
            run: run.number,
            resumed: facts.resumed,
            seed: facts.walk.seed,
            manifest: facts.written.manifest.text().to_owned(),
            manifest_sha256: facts.written.sha256,
            files: facts.written.files,
            bytes: facts.written.bytes,
            session: facts.session,
            skipped: facts.walked.skipped,
            vanished: facts.written.vanished,
            vanished_paths: facts.written.vanished_paths,
            dead,
            dead_files,
            files_queue: run.files_queue(),
            upstream,
        })
    }

    /// For people.
    pub(crate) fn text(&self) -> String {
        let mut rows = vec![
            ("directory", self.directory.clone()),
            ("manifest", self.manifest.clone()),
            ("files", format!("{} ({})", self.files, bytes(self.bytes))),
            ("this session", self.session.text()),
            ("left out", self.skipped.text()),
        ];
        if self.vanished > 0 {
            let some = short(&self.vanished_paths.join(", "), 80);
            rows.push(("vanished", format!("{}: {some}", self.vanished)));
        }
        if !self.dead.is_empty() {
            rows.push(("dead", by_reason(&self.dead)));
        }
        if let Some(calls) = &self.upstream {
            rows.push(("upstream", calls.text(self.seed)));
        }
        rows.push(("run", format!("{}{}", self.run, if self.resumed { ", resumed" } else { "" })));
        let mut out = pairs(&rows);
        for file in &self.dead_files {
            out.extend([
                "  dead: ",
                &short(&file.path, 80),
                ": ",
                &short(&file.error, 80),
                "
",
            ]);
        }
        out.push_str(&self.further());
        out
    }

    /// How to look further.
    fn further(&self) -> String {
        let forge = program();
        let mut lines =
            vec![format!("cd {} && sha256sum -c {}", quoted(&self.directory), quoted(&self.manifest))];
        if let Some(database) = self.argument.as_deref().map(quoted) {
            lines.push(format!("{forge} queue list --database {database}"));
            let mut dead_of = |queue: &str| {
                let list = format!("job list --database {database} --queue {queue} --status dead");
                lines.push(format!("{forge} {list}"));
            };
            if !self.dead.is_empty() {
                dead_of(&self.files_queue);
            }
            if self.upstream.is_some() {
                dead_of(UPSTREAM_QUEUE);
            }
        }
        format!("\nlook further:\n  {}\n", lines.join("\n  "))
    }
}

/// How this program was called, to be pasted into a shell: it need not be on the search path.
fn program() -> String {
    let name = std::env::args_os().next().and_then(|name| name.into_string().ok());
    quoted(name.as_deref().filter(|name| !name.is_empty()).unwrap_or("forge"))
}

impl Session {
    fn text(self) -> String {
        let seconds = self.seconds.0.max(0.001);
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rate for people"
        )]
        let (files, rate) = ((self.files as f64 / seconds) as u64, (self.bytes as f64 / seconds) as u64);
        let hashed = counted(self.files, "file", "files");
        format!("{hashed} in {:.1} s: {files} files/s, {}/s", self.seconds.0, bytes(rate))
    }
}

impl Skipped {
    fn text(self) -> String {
        format!(
            "{} links, {} special files, {} .git or target, {} of the demo's own",
            self.links, self.special, self.named, self.own
        )
    }
}

impl Calls {
    fn text(&self, seed: u32) -> String {
        let dead = by_reason(&self.dead);
        format!(
            "{} calls (seed {seed}): {} done, {} retries, {} throttles, {dead}",
            self.jobs, self.done, self.retries, self.throttles
        )
    }
}

/// `3 dead (2 discarded, 1 exhausted)`.
fn by_reason(dead: &BTreeMap<&'static str, u64>) -> String {
    let each: Vec<_> = dead.iter().map(|(reason, n)| format!("{n} {reason}")).collect();
    let sum: u64 = dead.values().sum();
    if each.is_empty() { "0 dead".into() } else { format!("{sum} dead ({})", each.join(", ")) }
}

/// A word for a shell.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-:+@%".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

async fn dead_files(
    inspect: &dyn Inspect,
    run: &RunId,
) -> Result<(BTreeMap<&'static str, u64>, Vec<DeadFile>), StorageError> {
    let filter = JobFilter {
        queues: vec![run.files_queue()],
        statuses: vec![JobStatus::Dead],
        tag: Some(run.tag()),
        ..JobFilter::default()
    };
    let (mut by_reason, mut named) = (BTreeMap::new(), Vec::new());
    each_job(inspect, filter, |job| {
        let reason = job.dead_reason.map_or("unknown", forge_jobs::DeadReason::as_str);
        *by_reason.entry(reason).or_default() += 1;
        if named.len() < MAX_NAMED {
            let path = job.payload.decode::<FileJob>().map(|p| p.file.text().to_owned());
            named.push(DeadFile {
                job: job.id.to_string(),
                path: path.unwrap_or_default(),
                reason,
                error: job.error.clone().unwrap_or_default(),
            });
        }
    })
    .await?;
    named.sort_by(|a, b| a.path.cmp(&b.path));
    Ok((by_reason, named))
}

async fn calls(inspect: &dyn Inspect, run: &RunId) -> Result<Calls, StorageError> {
    let filter =
        JobFilter { queues: vec![UPSTREAM_QUEUE.into()], tag: Some(run.tag()), ..JobFilter::default() };
    let mut calls = Calls::default();
    let mut ids = Vec::new();
    each_job(inspect, filter, |job| {
        calls.jobs += 1;
        ids.push(job.id);
        match job.dead_reason {
            Some(reason) => *calls.dead.entry(reason.as_str()).or_default() += 1,
            None if job.status == JobStatus::Done => calls.done += 1,
            None => {}
        }
    })
    .await?;
    for id in ids {
        for attempt in inspect.attempts(id).await? {
            match attempt.result {
                AttemptResult::Throttled => calls.throttles += 1,
                AttemptResult::Failed if attempt.next_due_at.is_some() => calls.retries += 1,
                _ => {}
            }
        }
    }
    Ok(calls)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_shell_would_take_apart_is_quoted() {
        assert_eq!(quoted("sqlite:/a/b.db"), "sqlite:/a/b.db");
        assert_eq!(quoted("/a b"), "'/a b'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted(""), "''");
    }
}
