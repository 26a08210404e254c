//! Makes Tauri's permissions: the page may call the commands that are named here, and nothing else.

const COMMANDS: [&str; 7] =
    ["panel_call", "panel_watch", "panel_hush", "folder_show", "folder_choose", "folder_scan", "folder_link"];

fn main() {
    let manifest = tauri_build::AppManifest::new().commands(&COMMANDS);
    if let Err(e) = tauri_build::try_build(tauri_build::Attributes::new().app_manifest(manifest)) {
        println!("cargo::error={e:#}");
    }
}
