//! The panel as files to be served: named after their content, and compressed.

use std::fs;
use std::io::Write as _;
use std::path::Path;

/// What the page loads: it loads the rest. No inline script is needed, so none has to be allowed.
const START: &str =
    "import init from './PANEL.js';\ninit({ module_or_path: new URL('./PANEL.wasm', import.meta.url) });\n";

/// Packs what bindgen made of `stem`, with style sheets, into a directory that holds nothing else.
pub(crate) fn pack(
    made: &Path,
    stem: &str,
    styles: &[String],
    directory: &Path,
    small: bool,
) -> Result<(), String> {
    let read = |path: &Path| fs::read(path).map_err(|e| format!("{} cannot be read: {e}", path.display()));
    let wasm = read(&made.join(format!("{stem}_bg.wasm")))?;
    let js = read(&made.join(format!("{stem}.js")))?;
    let mut css = Vec::new();
    for style in styles {
        css.extend(read(Path::new(style))?);
    }
    clear(directory)?;
    let wasm_name = named("panel", &wasm);
    let js_name = named("panel", &js);
    let start = START.replacen("PANEL", &js_name, 1).replacen("PANEL", &wasm_name, 1);
    let files = [
        (format!("{wasm_name}.wasm"), wasm),
        (format!("{js_name}.js"), js),
        (format!("{}.css", named("panel", &css)), css.clone()),
        (format!("{}.js", named("start", start.as_bytes())), start.into_bytes()),
    ];
    let (mut raw, mut packed) = (0, 0);
    for (name, body) in &files {
        fs::write(directory.join(name), body).map_err(|e| format!("{name} cannot be written: {e}"))?;
        if !small {
            continue;
        }
        let size = compress(directory, name, body)?;
        raw += body.len();
        packed += size;
        println!("{name}: {} bytes, {size} with brotli", body.len());
    }
    if small {
        println!("in all: {raw} bytes, {packed} with brotli");
    }
    Ok(())
}

/// What was built before goes; files of the repository stay.
fn clear(directory: &Path) -> Result<(), String> {
    let said = |e: std::io::Error| format!("{}: {e}", directory.display());
    fs::create_dir_all(directory).map_err(said)?;
    for entry in fs::read_dir(directory).map_err(said)? {
        let entry = entry.map_err(said)?;
        if !entry.file_name().to_string_lossy().starts_with('.') {
            fs::remove_file(entry.path()).map_err(said)?;
        }
    }
    Ok(())
}

/// A name that another content does not have (FNV-1a: against mistakes, not against malice).
fn named(stem: &str, body: &[u8]) -> String {
    let hash = body.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{stem}-{hash:016x}")
}

/// Writes both compressed forms; gives the size of the smaller one.
fn compress(directory: &Path, name: &str, body: &[u8]) -> Result<usize, String> {
    let said = |e: std::io::Error| format!("{name} cannot be written: {e}");
    let mut br = Vec::new();
    {
        let mut out = brotli::CompressorWriter::new(&mut br, 1 << 16, 11, 22);
        out.write_all(body).map_err(said)?;
    }
    fs::write(directory.join(format!("{name}.br")), &br).map_err(said)?;
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    out.write_all(body).map_err(said)?;
    fs::write(directory.join(format!("{name}.gz")), out.finish().map_err(said)?).map_err(said)?;
    Ok(br.len())
}
