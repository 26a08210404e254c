//! `forge-bindgen MODULE.wasm DIRECTORY`: writes the module and the JavaScript that starts it into a directory.
//!
//! `forge-bindgen --pack MADE STEM DIRECTORY STYLE…` makes files to be served of what was written into `MADE`, each with
//! its compressed forms; with `--pack-plain` without them.

mod pack;

use std::process::ExitCode;
use wasm_bindgen_cli_support::Bindgen;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, made, stem, directory, styles @ ..] = args.as_slice()
        && (flag == "--pack" || flag == "--pack-plain")
    {
        return match pack::pack(made.as_ref(), stem, styles, directory.as_ref(), flag == "--pack") {
            Ok(()) => ExitCode::SUCCESS,
            Err(e) => {
                eprintln!("error: {e}");
                ExitCode::FAILURE
            }
        };
    }
    let [module, directory] = args.as_slice() else {
        eprintln!("usage: forge-bindgen MODULE.wasm DIRECTORY");
        return ExitCode::from(2);
    };
    let mut bindgen = Bindgen::new();
    bindgen.input_path(module).typescript(false).remove_name_section(true).remove_producers_section(true);
    match bindgen.web(true).and_then(|bindgen| bindgen.generate(directory)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("error: {module}: {e:?}");
            ExitCode::FAILURE
        }
    }
}
