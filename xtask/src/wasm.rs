//! Code for wasm32: the set-up that it needs, then the checks of the front-end crates.
//!
//! Never skipped in silence: a panel that was not compiled was not checked.

use crate::run::{Cmd, cargo};
use crate::{debian, lints, root};
use std::path::{Path, PathBuf};
use std::time::Duration;

const TARGET: &str = "wasm32-unknown-unknown";
/// What runs in a browser. `forge-jobs-api` without its features is the wire types alone.
const CRATES: [&str; 3] = ["forge-charts", "forge-jobs-ui", "forge-jobs-api"];
/// The features with the components; without default features the wire types stay alone.
const VIEWS: &str = "forge-charts/leptos,forge-jobs-ui/mock";
/// Debian's compiler with the sources of the standard library, and its linter.
const DEBIAN_PACKAGES: [&str; 3] = ["rustc-web", "rust-web-src", "rust-web-clippy"];
/// The profile that pages are shipped with.
const PROFILE: &str = "wasm-release";
/// Has Leptos erase the types of views and of their attributes: an eighth less to load, after brotli.
const ERASED: &str = "--cfg erase_components";
/// Longest time for rustup to fetch the target; without a way to its server it should fail at once.
const DOWNLOAD_LIMIT: Duration = Duration::from_secs(180);

/// What builds for wasm32 here.
pub(crate) enum Toolchain {
    /// The compiler that builds everything else.
    Default,
    /// Debian's compiler with a standard library built from its sources, in this directory.
    Debian(PathBuf),
}

impl Toolchain {
    /// What comes after clippy's own arguments: Debian's compiler is an old one.
    fn denied(&self) -> &'static [&'static str] {
        match self {
            Self::Default => lints::denied(),
            Self::Debian(_) => lints::DENIED,
        }
    }

    /// A cargo command for wasm32.
    fn cargo(&self, subcommand: &str) -> Cmd {
        match self {
            Self::Default => cargo([subcommand]),
            Self::Debian(dir) => {
                let program = if subcommand == "clippy" {
                    dir.join("bin/cargo-clippy").into_os_string()
                } else {
                    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
                };
                // A compiler named by RUSTUP_TOOLCHAIN or RUSTFLAGS for another one would be in the way.
                Cmd::new(program)
                    .args([subcommand])
                    .env("RUSTC", dir.join("bin/rustc"))
                    .without_env("RUSTFLAGS")
            }
        }
    }
}

/// Sets a toolchain up and says how to use it.
pub(crate) fn show() -> Result<(), String> {
    match find()? {
        Toolchain::Default => println!("ready: cargo build --target {TARGET}"),
        Toolchain::Debian(dir) => {
            println!("ready: RUSTC={} cargo build --target {TARGET}", dir.join("bin/rustc").display());
        }
    }
    Ok(())
}

/// Lints and builds the front-end crates for wasm32.
pub(crate) fn check() -> Result<(), String> {
    let toolchain = find()?;
    let packages = CRATES.iter().flat_map(|name| ["--package", name]);
    let args: Vec<_> =
        packages.chain(["--no-default-features", "--features", VIEWS, "--target", TARGET]).collect();
    toolchain.cargo("clippy").args(&args).args(toolchain.denied()).run()?;
    toolchain.cargo("build").args(&args).run()
}

/// Builds examples of a front-end crate for wasm32 as pages are shipped, with the JavaScript that starts each, into a
/// directory.
pub(crate) fn build_examples(package: &str, examples: &[&str], directory: &Path) -> Result<(), String> {
    let names = examples.iter().flat_map(|name| ["--example", name]);
    let args = ["--package", package, "--profile", PROFILE, "--target", TARGET];
    find()?.cargo("build").args(args).args(names).run()?;
    let products = root::target().join(TARGET).join(PROFILE).join("examples");
    examples.iter().try_for_each(|name| bind(&products.join(format!("{name}.wasm")), directory))
}

/// The same for a program of a workspace of its own.
pub(crate) fn build_page(workspace: &Path, name: &str, directory: &Path) -> Result<(), String> {
    let target = root::target().join("pages");
    find()?
        .cargo("build")
        .args(["--release", "--locked", "--target", TARGET, "--bin", name, "--manifest-path"])
        .args([workspace.join("Cargo.toml")])
        .env("CARGO_TARGET_DIR", &target)
        .run()?;
    bind(&target.join(TARGET).join("release").join(format!("{name}.wasm")), directory)
}

/// How the panel is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Build {
    /// As it is shipped: small.
    Shipped,
    /// Quickly, for who works on it.
    Quick,
}

/// Builds a program of the panel for wasm32 and packs it, with its style sheets, into a directory.
pub(crate) fn build_panel(program: &str, build: Build, directory: &Path) -> Result<(), String> {
    let (profile, products) = match build {
        Build::Shipped => (PROFILE, PROFILE),
        Build::Quick => ("dev", "debug"),
    };
    let args = [
        "--package",
        "forge-jobs-ui",
        "--features",
        "mock",
        "--profile",
        profile,
        "--target",
        TARGET,
        "--bin",
    ];
    let mut cargo = find()?.cargo("build").args(args).args([program]);
    if build == Build::Shipped {
        cargo = cargo.env("RUSTFLAGS", ERASED);
    }
    cargo.run()?;
    let made = root::target().join("panel").join(program);
    bind(&root::target().join(TARGET).join(products).join(format!("{program}.wasm")), &made)?;
    let crates = root::workspace().join("crates");
    tool()
        .args([
            Path::new(if build == Build::Shipped { "--pack" } else { "--pack-plain" }),
            &made,
            Path::new(program),
            directory,
        ])
        .args([crates.join("forge-charts/src/style.css"), crates.join("forge-jobs-ui/src/style/panel.css")])
        .run()
}

/// Writes a module and its JavaScript into a directory. The tool for it is built in the directory of the other products.
fn bind(module: &Path, directory: &Path) -> Result<(), String> {
    tool().args([module, directory]).run()
}

fn tool() -> Cmd {
    tool_cargo("run").args(["--"])
}

/// The tool is in a workspace of its own, which no test of the workspace reaches.
pub(crate) fn test_tool() -> Result<(), String> {
    tool_cargo("test").run()
}

fn tool_cargo(command: &str) -> Cmd {
    let manifest = root::workspace().join("tools/bindgen/Cargo.toml");
    cargo([command, "--quiet", "--locked", "--manifest-path"])
        .args([manifest])
        .env("CARGO_TARGET_DIR", root::target())
}

/// The first that works: the target is there; rustup fetches it; Debian's compiler.
fn find() -> Result<Toolchain, String> {
    if make_ready() {
        return Ok(Toolchain::Default);
    }
    if !debian_is_installed() {
        install_debian()?;
    }
    debian_toolchain().map(Toolchain::Debian)
}

/// Has rustup fetch the target if it is missing, and tells whether the default compiler builds for wasm32 now. Nothing of
/// the system is changed.
pub(crate) fn make_ready() -> bool {
    if has_std() {
        println!("wasm32: the standard library for {TARGET} is installed");
        return true;
    }
    if !Cmd::new("rustup").args(["--version"]).succeeds() {
        return false;
    }
    println!("wasm32: the target {TARGET} is missing; asking rustup for it");
    match Cmd::new("rustup").args(["target", "add", TARGET]).within(DOWNLOAD_LIMIT).run() {
        Ok(()) if has_std() => return true,
        Ok(()) => println!("wasm32: rustup added it to a toolchain that is not the one in use"),
        Err(e) => println!("wasm32: {e}"),
    }
    false
}

/// What to type where there is no compiler for wasm32.
pub(crate) fn by_hand() -> String {
    format!(
        "no compiler for {TARGET} is here. Install one of:\n  rustup target add {TARGET}\n  \
         apt-get install --no-install-recommends {}",
        DEBIAN_PACKAGES.join(" ")
    )
}

/// Whether the default compiler has a standard library for the target.
fn has_std() -> bool {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let Ok(dir) = Cmd::new(rustc).args(["--print", "target-libdir", "--target", TARGET]).output() else {
        return false;
    };
    std::fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some())
}

fn debian_is_installed() -> bool {
    ["/usr/bin/rustc", "/usr/bin/clippy-driver", "/usr/bin/cargo-clippy", "/usr/lib/rustlib/src/rust/library"]
        .iter()
        .all(|path| Path::new(path).exists())
}

fn install_debian() -> Result<(), String> {
    debian::install(&DEBIAN_PACKAGES, &by_hand())?;
    if debian_is_installed() { Ok(()) } else { Err(format!("the packages lack the compiler. {}", by_hand())) }
}

/// Builds the standard library once for each version of Debian's compiler; the script prints the directory last.
fn debian_toolchain() -> Result<PathBuf, String> {
    let script = root::workspace().join("tools/wasm-toolchain.sh");
    println!("wasm32: preparing Debian's compiler (about a minute the first time)");
    let output = Cmd::new("sh").args([&script]).output()?;
    let dir = output.lines().last().map(PathBuf::from).filter(|dir| dir.join("bin/rustc").exists());
    dir.ok_or_else(|| format!("{} gave no toolchain: {output}", script.display()))
}
