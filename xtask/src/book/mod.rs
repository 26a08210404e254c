//! `cargo xtask book`: does what the pages of the book say that a reader should do, and compares what is printed.

mod page;
mod shell;

use crate::run::{Cmd, cargo};
use crate::serving::Scratch;
use crate::{postgres, root};
use page::What;
use shell::Shell;
use std::path::PathBuf;
use std::time::Instant;

/// The pages, each done in an empty directory of its own.
const PAGES: [&str; 2] = ["docs/tutorial.md", "docs/on-call.md"];
/// The programs of the tutorial: examples, so that they are built with the tests.
const PROGRAMS: [&str; 2] = ["tutorial_first", "tutorial"];

/// Does all pages. With `--real` Cargo builds the tutorial's program as it does for a reader, which takes minutes;
/// without, `cargo run` runs the example of the same text.
pub(crate) fn run(args: &[String]) -> Result<(), String> {
    let real = match args {
        [] => false,
        [option] if option == "--real" => true,
        _ => return Err(format!("cargo xtask book takes --real or nothing, got {args:?}")),
    };
    let Some(server) = std::env::var(postgres::URL).ok().filter(|url| !url.is_empty()) else {
        // Once more, with a server beside it.
        let again: Vec<&str> = std::iter::once("book").chain(args.iter().map(String::as_str)).collect();
        return postgres::own_with_server(again)?.run();
    };
    // With the features that the tests have built them with, or all would be built once more.
    cargo([
        "build",
        "--quiet",
        "--workspace",
        "--bin",
        "forge",
        "--example",
        PROGRAMS[0],
        "--example",
        PROGRAMS[1],
    ])
    .run()?;
    for page in PAGES {
        let sign = if server.contains('?') { '&' } else { '?' };
        let stem = page.rsplit('/').next().and_then(|name| name.split('.').next()).unwrap_or(page);
        let database = format!("{server}{sign}schema={}_{}", stem.replace('-', "_"), std::process::id());
        let began = Instant::now();
        let count = follow(page, &database, real)?;
        println!("{page}: {count} steps as it says, in {:.1} s", began.elapsed().as_secs_f64());
    }
    Ok(())
}

/// Does one page; says how many steps it had.
fn follow(page: &str, database: &str, real: bool) -> Result<usize, String> {
    let path = root::workspace().join(page);
    let text = std::fs::read_to_string(&path).map_err(|e| format!("{page} cannot be read: {e}"))?;
    let steps = page::steps(&text).map_err(|e| format!("{page}: {e}"))?;
    let scratch = Scratch::new(&format!("book-{}", page.replace(['/', '.'], "-")))?;
    let mut shell = Shell::start(&scratch.0, &environment(&scratch, database, real)?)?;
    for step in &steps {
        let done = match step.what {
            What::Run { text, prints, status } => shell.run(text, prints, status),
            What::Start { text, prints } => shell.begin(text, prints),
            What::Stop => shell.interrupt(),
            What::Write { path, text } => shell.write(path, text),
        };
        done.map_err(|e| format!("{page}:{}: {e}", step.line))?;
    }
    Ok(steps.len())
}

/// What commands find: `forge` and `cargo` on the path, the checkout beside them, a server, and nobody's configuration.
fn environment(scratch: &Scratch, database: &str, real: bool) -> Result<Vec<(&'static str, String)>, String> {
    let products = root::debug_products()?;
    let tools = scratch.0.join("tools");
    let cannot = |e: std::io::Error| format!("{}: {e}", tools.display());
    std::fs::create_dir_all(&tools).map_err(cannot)?;
    // The readers' `cargo` stands first in their PATH, so the real one has to be known by its place.
    let cargo =
        std::env::var("CARGO").map_err(|_| "run it as `cargo xtask book`, which says where Cargo is")?;
    let script = tools.join("cargo");
    std::fs::write(&script, if real { real_cargo(&cargo) } else { stand_in(&cargo, &products) })
        .map_err(cannot)?;
    Cmd::new("chmod").args(["+x"]).args([&script]).run()?;
    std::os::unix::fs::symlink(root::workspace(), scratch.0.join("forge")).map_err(cannot)?;
    let path = std::env::var("PATH").unwrap_or_default();
    let configuration = scratch.0.join("configuration").display().to_string();
    Ok(vec![
        ("PATH", format!("{}:{}:{path}", tools.display(), products.display())),
        ("DATABASE", database.to_owned()),
        ("XDG_CONFIG_HOME", configuration.clone()),
        ("XDG_DATA_HOME", configuration),
        ("CARGO_NET_OFFLINE", "true".into()),
        ("CARGO_TARGET_DIR", root::target().join("tutorial").display().to_string()),
    ])
}

fn real_cargo(cargo: &str) -> String {
    format!(
        "#!/bin/sh\ncase \"$1\" in run) shift; set -- run --quiet \"$@\" ;; esac\nexec '{cargo}' \"$@\"\n"
    )
}

/// A `cargo` whose `run` runs the example of the same text, which the tests have built, and nothing if there is none.
fn stand_in(cargo: &str, products: &std::path::Path) -> String {
    let examples = root::workspace().join("crates/forge-jobs/examples");
    let one = |name: &&str| {
        let source: PathBuf = examples.join(name).join("main.rs");
        let built = products.join("examples").join(name);
        format!("cmp -s src/main.rs '{}' && exec '{}' \"$@\"\n", source.display(), built.display())
    };
    let each: String = PROGRAMS.iter().map(one).collect();
    format!(
        "#!/bin/sh\nif [ \"$1\" != run ]; then exec '{cargo}' \"$@\"; fi\nshift\n[ \"${{1:-}}\" != -- ] || shift\n\
         {each}echo 'src/main.rs is the text of no example' >&2\nexit 1\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pages_are_understood_and_have_commands() {
        for page in PAGES {
            let text = std::fs::read_to_string(root::workspace().join(page)).unwrap();
            let steps = page::steps(&text).unwrap();
            assert!(steps.iter().any(|s| matches!(s.what, What::Run { prints: Some(_), .. })), "{page}");
        }
    }
}
