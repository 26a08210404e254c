//! Who runs the servers: PostgreSQL and `PgBouncer` both refuse to be run by root.

use crate::Error;
use crate::programs::find_program;
use std::path::PathBuf;
use std::process::Command;

/// Who runs a server.
#[derive(Debug, Clone)]
pub(crate) enum RunAs {
    /// Whoever runs this process.
    Ourselves,
    /// Another user, by a program that root can switch with.
    Other { name: &'static str, uid: String, gid: String, switch: Switch },
}

/// A program that runs another one as another user.
#[derive(Debug, Clone)]
pub(crate) enum Switch {
    Setpriv(PathBuf),
    Runuser(PathBuf),
}

impl RunAs {
    /// Ourselves, or for root the user `postgres` or `nobody`.
    pub(crate) fn choose() -> Result<Self, Error> {
        if !rustix::process::geteuid().is_root() {
            return Ok(Self::Ourselves);
        }
        let switch = find_program("setpriv")
            .map(Switch::Setpriv)
            .or_else(|| find_program("runuser").map(Switch::Runuser))
            .ok_or_else(|| Error::Missing {
                program: "setpriv",
                remedy: "root needs it to run a server as another user: install util-linux".into(),
            })?;
        for name in ["postgres", "nobody"] {
            if let (Some(uid), Some(gid)) = (id("-u", name), id("-g", name)) {
                return Ok(Self::Other { name, uid, gid, switch });
            }
        }
        Err(Error::Missing {
            program: "the user postgres",
            remedy: "root cannot run a server itself: make that user, or run this as another user".into(),
        })
    }

    /// A command that runs `program` as this user.
    pub(crate) fn command(&self, program: &str) -> Command {
        match self {
            Self::Ourselves => Command::new(program),
            Self::Other { uid, gid, switch: Switch::Setpriv(setpriv), .. } => {
                let mut command = Command::new(setpriv);
                command
                    .args([format!("--reuid={uid}"), format!("--regid={gid}")])
                    .args(["--clear-groups", program]);
                command
            }
            Self::Other { name, switch: Switch::Runuser(runuser), .. } => {
                let mut command = Command::new(runuser);
                command.args(["-u", name, "--", program]);
                command
            }
        }
    }
}

fn id(option: &str, name: &str) -> Option<String> {
    let output = Command::new("id").args([option, name]).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_runs_no_server_itself_whichever_program_it_switches_with() {
        let RunAs::Other { name, uid, gid, .. } = RunAs::choose().unwrap() else { return };
        assert_ne!(uid, "0");
        let programs =
            [find_program("setpriv").map(Switch::Setpriv), find_program("runuser").map(Switch::Runuser)];
        for switch in programs.into_iter().flatten() {
            let other = RunAs::Other { name, uid: uid.clone(), gid: gid.clone(), switch };
            let output = other.command("id").arg("-u").output().unwrap();
            assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), uid, "{other:?}");
        }
    }
}
