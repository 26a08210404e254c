//! `WORKLOAD --database URL --jobs N --width W [--settings NAME] [--unaided]`, for peers on a server.

use crate::args::number;
use crate::{Failure, Peer, Workload};

/// A way to run a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// As the arguments and the line have it.
    pub name: &'static str,
    /// Whether finished jobs stay in the database.
    pub keeps: bool,
}

/// Who is measured on a server.
#[derive(Clone, Copy, Debug)]
pub struct ServerPeer {
    /// The crate and its version.
    pub peer: Peer,
    /// The ways to run it; the first is taken unless another is named.
    pub settings: &'static [Settings],
}

/// What to run on a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerArgs {
    /// What is measured.
    pub workload: Workload,
    /// Leads to a server, and to a database of it from which others can be made.
    pub url: String,
    /// How many jobs.
    pub jobs: u32,
    /// Producers or concurrency.
    pub width: u16,
    /// In which way.
    pub settings: Settings,
    /// Without the help that a peer's own settings do not offer.
    pub unaided: bool,
}

/// Shown with whatever is wrong with the arguments.
const USAGE: &str = "usage: peer-NAME enqueue|bulk|drain|pick_up --database URL --jobs N --width W \
     [--settings NAME] [--unaided]";

impl ServerArgs {
    /// Every argument without brackets must be there.
    pub(crate) fn parse(
        words: impl IntoIterator<Item = String>,
        known: &'static [Settings],
    ) -> Result<Self, Failure> {
        Self::read(words, known).map_err(|wrong| {
            let names: Vec<_> = known.iter().map(|s| s.name).collect();
            format!("{wrong}\n{USAGE}\nsettings: {}", names.join(", ")).into()
        })
    }

    fn read(words: impl IntoIterator<Item = String>, known: &'static [Settings]) -> Result<Self, String> {
        let (mut workload, mut url, mut jobs, mut width) = (None, None, None, None);
        let (mut settings, mut unaided) = (known.first().copied(), false);
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or(format!("{word} needs a value"));
            match word.as_str() {
                "--database" => url = Some(value()?),
                "--jobs" => jobs = Some(number(&value()?)?),
                "--width" => width = Some(number(&value()?)?),
                "--settings" => {
                    let name = value()?;
                    let found = known.iter().find(|s| s.name == name);
                    settings = Some(*found.ok_or(format!("unknown settings {name}"))?);
                }
                "--unaided" => unaided = true,
                name => workload = Some(Workload::named(name)?),
            }
        }
        Ok(Self {
            workload: workload.ok_or("no workload")?,
            url: url.ok_or("no --database")?,
            jobs: jobs.ok_or("no --jobs")?,
            width: width.ok_or("no --width")?,
            settings: settings.ok_or("no --settings")?,
            unaided,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &[Settings] =
        &[Settings { name: "tuned", keeps: false }, Settings { name: "defaults", keeps: true }];

    fn parse(line: &str) -> Result<ServerArgs, Failure> {
        ServerArgs::parse(line.split_whitespace().map(str::to_owned), KNOWN)
    }

    #[test]
    fn a_whole_line_is_understood() {
        let args = parse("drain --database postgres://localhost/postgres --jobs 50000 --width 50").ok();
        let wanted = ServerArgs {
            workload: Workload::Drain,
            url: "postgres://localhost/postgres".into(),
            jobs: 50_000,
            width: 50,
            settings: KNOWN[0],
            unaided: false,
        };
        assert_eq!(args, Some(wanted));
        let args = parse("--unaided bulk --settings defaults --width 1 --jobs 7 --database x").ok();
        assert_eq!(args.map(|a| (a.unaided, a.settings)), Some((true, KNOWN[1])));
    }

    #[test]
    fn anything_else_is_refused() {
        for line in [
            "",
            "drain",
            "drain --database x --jobs 1",
            "walk --database x --jobs 1 --width 1",
            "drain --database x --jobs 0 --width 1",
            "drain --database x --jobs 1 --width 1 --settings odd",
            "drain --database x --jobs 1 --width 1 --synchronous full",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
