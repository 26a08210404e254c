//! The programs with the tests in them: built by cargo, run by this program, two at a time, the long ones first.
//!
//! Most of the long ones wait (for leases to run out, for killed processes to be missed), so that one alone leaves the
//! processor idle.

use crate::run::{Cmd, cargo};
use crate::{postgres, root};
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Mutex, PoisonError};

/// How many run at a time.
const LANES: usize = 2;
/// What takes longest, longest first; others follow in cargo's order.
const LONG: [&str; 8] = [
    "tests/postgres.rs",
    "tests/conformance_postgres.rs",
    "tests/short.rs",
    "tests/network/main.rs",
    "tests/scenarios_postgres/main.rs",
    "tests/guards.rs",
    "tests/cron/main.rs",
    "tests/bench.rs",
];

/// A built program.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Program {
    /// The directory of its package, where cargo would run it.
    package: PathBuf,
    /// Its source, in that directory.
    source: String,
    executable: PathBuf,
}

/// Builds them, and writes down where they are.
pub(crate) fn build() -> Result<(), String> {
    let lines =
        cargo(["test", "--workspace", "--no-run", "--message-format=json-render-diagnostics"]).lines()?;
    let mut programs: Vec<Program> = lines.iter().filter_map(|line| program(line)).collect();
    if programs.is_empty() {
        return Err("cargo has built no program with tests".into());
    }
    programs.sort_by_key(|p| LONG.iter().position(|long| p.source == *long).unwrap_or(LONG.len()));
    let text: String = programs.iter().map(Program::written).collect();
    let list = list()?;
    std::fs::write(&list, text).map_err(|e| format!("{} cannot be written: {e}", list.display()))
}

/// The command that runs what was built, beside a server and a pooler.
pub(crate) fn with_server() -> Result<Cmd, String> {
    Ok(postgres::own_with_pooler(["run-test-programs"])?.without_env("RUST_TEST_THREADS"))
}

/// Runs what was built. Each program's output is shown in one piece, when it has ended.
pub(crate) fn run() -> Result<(), String> {
    let list = list()?;
    let text = std::fs::read_to_string(&list).map_err(|e| format!("{}: {e}", list.display()))?;
    let waiting: Mutex<VecDeque<Program>> = Mutex::new(text.lines().filter_map(Program::read).collect());
    let failed = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..LANES {
            scope.spawn(|| {
                loop {
                    let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
                    let Some(program) = next else { break };
                    let ended = program.run();
                    // The lock keeps the output of two programs apart.
                    let mut failed = failed.lock().unwrap_or_else(PoisonError::into_inner);
                    failed.extend(shown(&program, ended).err());
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
    if failed.is_empty() { Ok(()) } else { Err(format!("failed: {}", failed.join(", "))) }
}

fn shown(program: &Program, ended: std::io::Result<Output>) -> Result<(), String> {
    println!("\n     Running {}", program.name());
    let output = ended.map_err(|e| format!("{} ({e})", program.name()))?;
    print!("{}", String::from_utf8_lossy(&output.stdout));
    eprint!("{}", String::from_utf8_lossy(&output.stderr));
    if output.status.success() { Ok(()) } else { Err(format!("{} ({})", program.name(), output.status)) }
}

fn list() -> Result<PathBuf, String> {
    Ok(root::debug_products()?.join("test-programs.txt"))
}

impl Program {
    fn run(&self) -> std::io::Result<Output> {
        Command::new(&self.executable)
            .current_dir(&self.package)
            .env("CARGO_MANIFEST_DIR", &self.package)
            .stdin(Stdio::null())
            .output()
    }

    fn name(&self) -> String {
        let package = self.package.file_name().unwrap_or_default().to_string_lossy();
        format!("{} of {package}", self.source)
    }

    fn written(&self) -> String {
        format!("{}\t{}\t{}\n", self.package.display(), self.source, self.executable.display())
    }

    fn read(line: &str) -> Option<Self> {
        let mut parts = line.split('\t');
        let (package, source, executable) =
            (parts.next()?.into(), parts.next()?.into(), parts.next()?.into());
        Some(Self { package, source, executable })
    }
}

/// What one of cargo's messages says of a program with tests.
fn program(message: &str) -> Option<Program> {
    let (_, profile) = message.split_once(r#""profile":{"#)?;
    if !profile.split('}').next()?.contains(r#""test":true"#) {
        return None;
    }
    let executable = text(message, "executable")?.into();
    let package = Path::new(&text(message, "manifest_path")?).parent()?.to_owned();
    let source = PathBuf::from(text(message, "src_path")?);
    let source = source.strip_prefix(&package).ok()?.to_string_lossy().into_owned();
    Some(Program { package, source, executable })
}

/// The text of a field; of the first with that name, which is unique in the fields that are asked for.
fn text(message: &str, field: &str) -> Option<String> {
    let (_, after) = message.split_once(&format!(r#""{field}":""#))?;
    let mut text = String::new();
    let mut chars = after.chars();
    loop {
        match chars.next()? {
            '"' => return Some(text),
            // Paths have no other escapes than of these two.
            '\\' => text.push(chars.next()?),
            c => text.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUILT: &str = r#"{"reason":"compiler-artifact","package_id":"path+file:///w/crates/a#0.1.0","manifest_path":"/w/crates/a/Cargo.toml","target":{"kind":["test"],"crate_types":["bin"],"name":"b","src_path":"/w/crates/a/tests/b.rs","edition":"2024","doc":false,"doctest":false,"test":true},"profile":{"opt_level":"0","debuginfo":1,"debug_assertions":true,"overflow_checks":true,"test":true},"features":[],"filenames":["/w/target/debug/deps/b-1"],"executable":"/w/target/debug/deps/b-1","fresh":true}"#;

    #[test]
    fn a_program_with_tests_is_found_among_cargos_messages() {
        let found = program(BUILT).unwrap();
        assert_eq!(found.name(), "tests/b.rs of a");
        assert_eq!(Program::read(found.written().trim_end()), Some(found));
    }

    #[test]
    fn a_program_without_tests_and_a_library_are_not() {
        // The target can be tested, which is not to say that this is its test.
        let plain =
            BUILT.replace(r#""overflow_checks":true,"test":true"#, r#""overflow_checks":true,"test":false"#);
        assert_eq!(program(&plain), None);
        let library = BUILT.replace(r#""executable":"/w/target/debug/deps/b-1""#, r#""executable":null"#);
        assert_eq!(program(&library), None);
        assert_eq!(program(r#"{"reason":"build-finished","success":true}"#), None);
    }
}
