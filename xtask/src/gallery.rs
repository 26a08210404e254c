//! The gallery of the charts: an example built for wasm32, with the JavaScript that starts it and a page around it.

use crate::{root, wasm};
use std::path::PathBuf;

const PAGE: &str = "<!doctype html>
<html lang=\"en\">
<head>
<meta charset=\"utf-8\">
<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">
<title>forge-charts</title>
<link rel=\"icon\" href=\"data:,\">
</head>
<body><script type=\"module\">import init from './gallery.js'; const { memory } = await init({ module_or_path: './gallery_bg.wasm' }); window.wasmBytes = () => memory.buffer.byteLength;</script></body>
</html>
";

/// Builds it and says where it is.
pub(crate) fn run() -> Result<(), String> {
    let directory = build()?;
    println!("ready: serve {} and open it, for example with", directory.display());
    println!("  python3 -m http.server --bind 127.0.0.1 --directory {} 8080", directory.display());
    Ok(())
}

/// The gallery, an empty page and one with every chart, to see what the charts weigh.
pub(crate) fn build() -> Result<PathBuf, String> {
    let directory = root::target().join("gallery");
    wasm::build_examples("forge-charts", &["gallery", "page_empty", "page_charts"], &directory)?;
    let page = directory.join("index.html");
    std::fs::write(&page, PAGE).map_err(|e| format!("{} cannot be written: {e}", page.display()))?;
    Ok(directory)
}
