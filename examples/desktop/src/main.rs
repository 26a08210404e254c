//! Forge Desktop: keeps a folder's files hashed, and shows which of them are there twice. The queue does the work.
//!
//! ```text
//! page ──commands──▶ Desk ──▶ index (files.db)     what is known of the files
//! panel ─commands──▶ Local ─▶ queue (forge.db) ──▶ jobs: scan · hash · link · show the window
//! ```
//!
//! One process, no port: both pages speak to it through Tauri. A second start finds the first (`alone`), shows its
//! window, and ends. Closing the window lets running jobs end, or hands them back for the next start (`closing`).

mod alone;
mod closing;
mod desk;
mod folder;
mod home;
mod index;
mod jobs;
mod panel;
mod window;

use alone::Place;
use closing::{Closing, Signals};
use desk::Desk;
use home::Home;
use index::Index;
use std::error::Error;
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};
use tauri::{AppHandle, Manager as _};

/// Where the jobs find the window, once there is one.
type Shown = Arc<OnceLock<AppHandle>>;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("forge-desktop: {e}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    log();
    let home = Home::find()?;
    // The same runtime that Tauri runs commands in.
    let (place, storage) = tauri::async_runtime::block_on(async {
        let storage = home.open_storage().await?;
        Ok::<_, Box<dyn Error>>((alone::take_place(&home, &storage).await?, storage))
    })?;
    let Place::First(_lock) = place else {
        println!("it runs already: its window is in front now");
        return Ok(());
    };
    let index = Arc::new(Index::open(&home.index_file())?);
    let shown = Shown::default();
    // Before there is anything to hand back: what is told meanwhile is heard once there is a window.
    let signals = tauri::async_runtime::block_on(async { Signals::listen() })?;
    let desk = tauri::async_runtime::block_on(Desk::start(&home, storage, index, &shown))?;
    let closing = Closing::new(desk.handle.clone(), home.close_within());
    let app = tauri::Builder::default()
        .register_asynchronous_uri_scheme_protocol(window::SCHEME, |_, request, responder| {
            tauri::async_runtime::spawn(async move { responder.respond(window::answer(&request).await) });
        })
        .manage(desk)
        .invoke_handler(tauri::generate_handler![
            panel::panel_call,
            panel::panel_watch,
            panel::panel_hush,
            folder::folder_show,
            folder::folder_choose,
            folder::folder_scan,
            folder::folder_link,
        ])
        .setup(|app| Ok(window::open(app)?))
        .build(tauri::generate_context!())?;
    // Nobody else sets it.
    let _ = shown.set(app.handle().clone());
    closing.on_signals(signals, app.handle());
    app.run(move |app, event| match event {
        tauri::RunEvent::WindowEvent { event: tauri::WindowEvent::CloseRequested { api, .. }, .. } => {
            api.prevent_close();
            closing.begin(app);
        }
        tauri::RunEvent::ExitRequested { api, .. } if !closing.is_over() => {
            api.prevent_exit();
            closing.begin(app);
        }
        _ => {}
    });
    Ok(())
}

/// What jobs log goes with them into the queue, where the panel shows it; all else to stderr.
fn log() {
    use tracing_subscriber::filter::LevelFilter;
    use tracing_subscriber::prelude::*;
    let filter = tracing_subscriber::EnvFilter::try_from_env("FORGE_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn,forge_desktop=info"));
    tracing_subscriber::registry()
        .with(tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_filter(filter))
        .with(forge_jobs::logs::JobLogs::new().up_to(LevelFilter::INFO))
        .init();
}

/// The window, if it is there still.
fn window_of(app: &AppHandle) -> Option<tauri::WebviewWindow> {
    app.get_webview_window(window::LABEL)
}
