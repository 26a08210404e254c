//! `WORKLOAD --dir DIR --jobs N --width W --synchronous full|normal [--unaided]`.

use crate::Failure;
use std::path::PathBuf;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Workload {
    /// One by one, from several producers that each wait for their own commit.
    Enqueue,
    /// Many at once, in the way the peer offers for many.
    Bulk,
    /// One worker empties a queue.
    Drain,
    /// From the call of an enqueue to the start of the handler, idle, in one process.
    PickUp,
}

impl Workload {
    const ALL: [Self; 4] = [Self::Enqueue, Self::Bulk, Self::Drain, Self::PickUp];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Enqueue => "enqueue",
            Self::Bulk => "bulk",
            Self::Drain => "drain",
            Self::PickUp => "pick_up",
        }
    }

    pub(crate) fn named(name: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|w| w.name() == name).ok_or(format!("unknown argument {name}"))
    }
}

/// How hard SQLite waits for the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Synchronous {
    /// Survives a power cut.
    Full,
    /// Survives a crash of the process.
    Normal,
}

impl Synchronous {
    /// As the pragma takes it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Normal => "normal",
        }
    }

    /// As the pragma answers it.
    #[must_use]
    pub const fn number(self) -> i64 {
        match self {
            Self::Full => 2,
            Self::Normal => 1,
        }
    }
}

/// What to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Args {
    /// What is measured.
    pub workload: Workload,
    /// Where the database file is made and removed.
    pub dir: PathBuf,
    /// How many jobs.
    pub jobs: u32,
    /// Producers or concurrency.
    pub width: u16,
    /// How hard SQLite waits for the disk.
    pub synchronous: Synchronous,
    /// Without the help that a peer's own settings do not offer.
    pub unaided: bool,
}

/// Shown with whatever is wrong with the arguments.
const USAGE: &str = "usage: peer-NAME enqueue|bulk|drain|pick_up --dir DIR --jobs N --width W \
     --synchronous full|normal [--unaided]";

impl Args {
    /// Every argument but the last must be there.
    pub(crate) fn parse(words: impl IntoIterator<Item = String>) -> Result<Self, Failure> {
        Self::read(words).map_err(|wrong| format!("{wrong}\n{USAGE}").into())
    }

    fn read(words: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let (mut workload, mut dir, mut jobs, mut width, mut synchronous) = (None, None, None, None, None);
        let mut unaided = false;
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or(format!("{word} needs a value"));
            match word.as_str() {
                "--dir" => dir = Some(PathBuf::from(value()?)),
                "--jobs" => jobs = Some(number(&value()?)?),
                "--width" => width = Some(number(&value()?)?),
                "--synchronous" => synchronous = Some(mode(&value()?)?),
                "--unaided" => unaided = true,
                name => workload = Some(Workload::named(name)?),
            }
        }
        Ok(Self {
            workload: workload.ok_or("no workload")?,
            dir: dir.ok_or("no --dir")?,
            jobs: jobs.ok_or("no --jobs")?,
            width: width.ok_or("no --width")?,
            synchronous: synchronous.ok_or("no --synchronous")?,
            unaided,
        })
    }
}

pub(crate) fn number<N: std::str::FromStr + PartialOrd + From<u8>>(text: &str) -> Result<N, String> {
    text.parse().ok().filter(|n| *n >= N::from(1)).ok_or(format!("not a number above 0: {text}"))
}

fn mode(text: &str) -> Result<Synchronous, String> {
    [Synchronous::Full, Synchronous::Normal]
        .into_iter()
        .find(|s| s.word() == text)
        .ok_or(format!("neither full nor normal: {text}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Args, Failure> {
        Args::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn a_whole_line_is_understood() {
        let args = parse("drain --dir /tmp --jobs 50000 --width 50 --synchronous normal").ok();
        let wanted = Args {
            workload: Workload::Drain,
            dir: "/tmp".into(),
            jobs: 50_000,
            width: 50,
            synchronous: Synchronous::Normal,
            unaided: false,
        };
        assert_eq!(args, Some(wanted));
        let args = parse("--unaided bulk --width 1 --jobs 7 --synchronous full --dir .").ok();
        assert_eq!(args.map(|a| (a.unaided, a.jobs)), Some((true, 7)));
    }

    #[test]
    fn anything_else_is_refused() {
        for line in [
            "",
            "drain",
            "drain --dir",
            "walk --dir /tmp --jobs 1 --width 1 --synchronous full",
            "drain --dir /tmp --jobs 0 --width 1 --synchronous full",
            "drain --dir /tmp --jobs 1 --width 1 --synchronous off",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
