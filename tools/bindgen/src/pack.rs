//! The panel as files to be served: named after their content, and compressed.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

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
    let wasm_name = named("panel", &wasm);
    let js_name = named("panel", &js);
    let start = START.replacen("PANEL", &js_name, 1).replacen("PANEL", &wasm_name, 1);
    let files = [
        (format!("{wasm_name}.wasm"), wasm),
        (format!("{js_name}.js"), js),
        (format!("{}.css", named("panel", &css)), css.clone()),
        (format!("{}.js", named("start", start.as_bytes())), start.into_bytes()),
    ];
    clear(directory, &files, small)?;
    let (mut raw, mut packed) = (0, 0);
    for (name, body) in &files {
        let size = put(directory, name, body, small)?;
        if small {
            raw += body.len() as u64;
            packed += size;
            println!("{name}: {} bytes, {size} with brotli", body.len());
        }
    }
    if small {
        println!("in all: {raw} bytes, {packed} with brotli");
    }
    Ok(())
}

/// What was built before goes; files of the repository stay, and so do those that would be written anew.
fn clear(directory: &Path, files: &[(String, Vec<u8>)], small: bool) -> Result<(), String> {
    let said = |e: std::io::Error| format!("{}: {e}", directory.display());
    fs::create_dir_all(directory).map_err(said)?;
    for entry in fs::read_dir(directory).map_err(said)? {
        let entry = entry.map_err(said)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let plain = name.strip_suffix(".br").or_else(|| name.strip_suffix(".gz"));
        let stays = (small || plain.is_none())
            && files.iter().any(|(wanted, _)| wanted.as_str() == plain.unwrap_or(&name));
        if !name.starts_with('.') && !stays {
            fs::remove_file(entry.path()).map_err(said)?;
        }
    }
    Ok(())
}

/// Writes a file, unless it is there: whatever embeds it would be built anew. Gives how long it is in its smallest form.
fn put(directory: &Path, name: &str, body: &[u8], small: bool) -> Result<u64, String> {
    let said = |e: std::io::Error| format!("{name} cannot be written: {e}");
    let plain = directory.join(name);
    let forms = ["br", "gz"].map(|form| directory.join(format!("{name}.{form}")));
    // The plain form is written last, so that beside it the others are whole.
    let is_there = fs::read(&plain).is_ok_and(|there| there == body);
    if is_there && !small {
        return Ok(body.len() as u64);
    }
    if is_there && forms.iter().all(|form| form.exists()) {
        return Ok(fs::metadata(&forms[0]).map_err(said)?.len());
    }
    if plain.exists() {
        fs::remove_file(&plain).map_err(said)?;
    }
    let size = if small { compress(&forms, body).map_err(said)? } else { body.len() };
    fs::write(&plain, body).map_err(said)?;
    Ok(size as u64)
}

/// A name that another content does not have (FNV-1a: against mistakes, not against malice).
fn named(stem: &str, body: &[u8]) -> String {
    let hash = body.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{stem}-{hash:016x}")
}

/// Writes both compressed forms, brotli's first; gives the size of that one.
fn compress([br_path, gz_path]: &[PathBuf; 2], body: &[u8]) -> std::io::Result<usize> {
    let mut br = Vec::new();
    {
        let mut out = brotli::CompressorWriter::new(&mut br, 1 << 16, 11, 22);
        out.write_all(body)?;
    }
    fs::write(br_path, &br)?;
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    out.write_all(body)?;
    fs::write(gz_path, out.finish()?)?;
    Ok(br.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_not_written_anew_and_what_is_not_whole_is() {
        let dir = std::env::temp_dir().join(format!("forge-pack-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let files = [("page.js".to_owned(), b"let a = 1;".to_vec())];
        let pack = |small| {
            clear(&dir, &files, small).unwrap();
            put(&dir, &files[0].0, &files[0].1, small).unwrap()
        };
        let names = || {
            let mut names: Vec<String> = fs::read_dir(&dir)
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            names.sort();
            names
        };
        fs::write(dir.join("older.js"), "").unwrap();
        fs::write(dir.join(".gitignore"), "").unwrap();
        let size = pack(true);
        assert_eq!(names(), [".gitignore", "page.js", "page.js.br", "page.js.gz"]);
        // Whoever finds the mark finds what was there before.
        fs::write(dir.join("page.js.gz"), "mark").unwrap();
        assert_eq!(pack(true), size);
        assert_eq!(fs::read_to_string(dir.join("page.js.gz")).unwrap(), "mark");
        fs::write(dir.join("page.js"), "half").unwrap();
        pack(true);
        assert_ne!(fs::read(dir.join("page.js.gz")).unwrap(), b"mark");
        pack(false);
        assert_eq!(names(), [".gitignore", "page.js"]);
        pack(true);
        assert_eq!(names(), [".gitignore", "page.js", "page.js.br", "page.js.gz"]);
        fs::remove_dir_all(&dir).unwrap();
    }
}
