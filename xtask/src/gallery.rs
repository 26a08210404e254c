//! The gallery of the charts: an example built for wasm32, with the JavaScript that starts it and a page around it.

use crate::root;
use crate::run::cargo;
use crate::wasm;
use std::path::PathBuf;

const PAGE: &str = "<!doctype html>
<html lang=\"en\">
<head>
<meta charset=\"utf-8\">
<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">
<title>forge-charts</title>
<link rel=\"icon\" href=\"data:,\">
</head>
<body><script type=\"module\">import init from './gallery.js'; init({ module_or_path: './gallery_bg.wasm' });</script></body>
</html>
";

/// Builds it and says where it is.
pub(crate) fn run() -> Result<(), String> {
    let directory = build()?;
    println!("ready: serve {} and open it, for example with", directory.display());
    println!("  python3 -m http.server --bind 127.0.0.1 --directory {} 8080", directory.display());
    Ok(())
}

fn build() -> Result<PathBuf, String> {
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| root::workspace().join("target"), |dir| root::workspace().join(dir));
    let directory = target.join("gallery");
    wasm::build_example("forge-charts", "gallery")?;
    let module = target.join("wasm32-unknown-unknown/release/examples/gallery.wasm");
    let manifest = root::workspace().join("tools/bindgen/Cargo.toml");
    cargo(["run", "--quiet", "--manifest-path"])
        .args([&manifest])
        .args(["--"])
        .args([&module, &directory])
        .run()?;
    let page = directory.join("index.html");
    std::fs::write(&page, PAGE).map_err(|e| format!("{} cannot be written: {e}", page.display()))?;
    Ok(directory)
}
