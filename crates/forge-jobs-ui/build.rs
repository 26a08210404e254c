//! Lists the built panel, if it is there, for what links it.

use std::fmt::Write as _;
use std::path::Path;

fn main() {
    // Only the service embeds it. The page itself would be built once more for each time that it was built.
    if std::env::var_os("CARGO_FEATURE_SERVE").is_none() {
        println!("cargo::rerun-if-changed=build.rs");
        return;
    }
    // Always there: a directory that is not would have the script run again and again.
    println!("cargo::rerun-if-changed=dist");
    let (Some(root), Some(out)) = (std::env::var_os("CARGO_MANIFEST_DIR"), std::env::var_os("OUT_DIR"))
    else {
        return;
    };
    let dist = Path::new(&root).join("dist");
    let mut names: Vec<String> = std::fs::read_dir(&dist)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| [".js", ".wasm", ".css"].iter().any(|end| name.ends_with(end)))
        .collect();
    names.sort();
    let mut text = String::from("&[\n");
    for name in names {
        let file = |end: &str| {
            let path = dist.join(format!("{name}{end}"));
            if path.exists() {
                format!("Some(include_bytes!({:?}))", path.display().to_string())
            } else {
                "None".into()
            }
        };
        let plain = dist.join(&name).display().to_string();
        // Writing to a String does not fail.
        let _ = writeln!(
            text,
            "    Asset {{ name: {name:?}, plain: include_bytes!({plain:?}), br: {}, gz: {} }},",
            file(".br"),
            file(".gz")
        );
    }
    text.push(']');
    let target = Path::new(&out).join("assets.rs");
    if let Err(e) = std::fs::write(&target, text) {
        println!("cargo::error={} cannot be written: {e}", target.display());
    }
}
