//! `cargo xtask packages`: what `cargo package` would take along of each crate, compared with a list that is checked in, so
//! that nothing gets into a release, or stays out of it, unseen.

use crate::root;
use crate::run::cargo;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

const LIST: &str = "xtask/packages.txt";
/// What every crate must take along.
const NEEDED: [&str; 4] = ["README.md", "Cargo.toml", "LICENSE-MIT", "LICENSE-APACHE"];

/// Compares; with `--write` writes the list anew.
pub(crate) fn run(args: &[String]) -> Result<(), String> {
    let write = match args {
        [] => false,
        [option] if option == "--write" => true,
        _ => return Err(format!("cargo xtask packages takes --write or nothing, got {args:?}")),
    };
    let mut found = String::new();
    for krate in root::crates()? {
        // A working copy with changes is as good: they are what is asked about.
        let list = ["package", "--list", "--allow-dirty", "--offline", "--quiet", "--package", &krate];
        let files = cargo(list).output()?;
        if let Some(missing) = NEEDED.iter().find(|file| !files.lines().any(|line| line == **file)) {
            return Err(format!("the package of {krate} would have no {missing}"));
        }
        for shape in shapes(&files) {
            // Writing to a String does not fail.
            let _ = writeln!(found, "{krate}: {shape}");
        }
    }
    let path = root::workspace().join(LIST);
    if write {
        return std::fs::write(&path, found).map_err(|e| format!("{LIST} cannot be written: {e}"));
    }
    let expected = std::fs::read_to_string(&path).map_err(|e| format!("{LIST} cannot be read: {e}"))?;
    let (expected, found): (BTreeSet<&str>, BTreeSet<&str>) =
        (expected.lines().collect(), found.lines().collect());
    for line in found.difference(&expected) {
        println!("new in a package: {line}");
    }
    for line in expected.difference(&found) {
        println!("in no package any more: {line}");
    }
    if expected == found {
        println!("the packages take along what {LIST} says: {} lines", found.len());
        return Ok(());
    }
    Err(format!("packages differ from {LIST}; if that is meant, `cargo xtask packages --write`"))
}

/// Files by directory and ending, so that a new source file is no difference; those of the crate's root by name. What
/// Cargo adds itself is left out, and the built panel, which is there or not.
fn shapes(files: &str) -> BTreeSet<String> {
    let own = [".cargo_vcs_info.json", "Cargo.toml.orig", "Cargo.lock"];
    let shape = |file: &str| match file.split_once('/') {
        None => file.to_owned(),
        Some((dir, rest)) => {
            let ending = Path::new(rest).extension();
            ending.map_or_else(|| file.to_owned(), |e| format!("{dir}/**.{}", e.to_string_lossy()))
        }
    };
    files.lines().filter(|file| !own.contains(file) && !file.starts_with("dist/")).map(shape).collect()
}

#[cfg(test)]
mod tests {
    use super::shapes;

    #[test]
    fn a_new_source_file_is_no_difference_and_a_new_sort_of_file_is() {
        let now = shapes("Cargo.toml\nCargo.lock\nsrc/a.rs\nsrc/b/c.rs\ntests/x/LICENCE\n");
        assert_eq!(now.into_iter().collect::<Vec<_>>(), ["Cargo.toml", "src/**.rs", "tests/x/LICENCE"]);
        assert!(shapes("src/key.pem\n").contains("src/**.pem"));
    }
}
