//! Commands for the panel: what it asks of the API, and what changes. See `forge_jobs_ui::ipc::TauriWay`.

#![allow(clippy::needless_pass_by_value, reason = "a command is given what it needs")]

use crate::desk::Desk;
use forge_jobs_api::http::{LocalAnswer, LocalRequest};
use forge_jobs_api::wire::Changed;
use std::ops::ControlFlow;
use std::sync::{Mutex, PoisonError};
use tauri::State;
use tauri::async_runtime::{JoinHandle, spawn};
use tauri::ipc::Channel;

/// Longest request of the page, in bytes: a payload, as JSON in JSON.
const MAX_REQUEST: usize = 4 << 20;

/// Who is told of changes: one page at a time, since there is one window.
#[derive(Default)]
pub(crate) struct Watching(Mutex<Option<(u32, JoinHandle<()>)>>);

impl Watching {
    fn replace(&self, by: Option<(u32, JoinHandle<()>)>) {
        let mut now = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, before)) = std::mem::replace(&mut *now, by) {
            before.abort();
        }
    }

    fn is(&self, channel: u32) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).as_ref().is_some_and(|(id, _)| *id == channel)
    }
}

/// Answers a request of the API: JSON text of `[method, path, body, headers]`, answered with `[status, text]`.
#[tauri::command]
pub(crate) async fn panel_call(desk: State<'_, Desk>, request: String) -> Result<(u16, String), String> {
    if request.len() > MAX_REQUEST {
        return Err(format!("the request has more than {MAX_REQUEST} bytes"));
    }
    let (method, path, body, headers) = serde_json::from_str(&request).map_err(|e| e.to_string())?;
    let LocalAnswer { status, text } = desk.local.call(LocalRequest { method, path, body, headers }).await;
    Ok((status, text))
}

/// Tells a channel what changes, until it is hushed or another one takes its place.
#[tauri::command]
pub(crate) async fn panel_watch(desk: State<'_, Desk>, channel: Channel<Changed>) -> Result<(), String> {
    let (local, id) = (desk.local.clone(), channel.id());
    let telling = spawn(async move {
        local
            .watch(|changed| {
                // A page that is gone hears nothing.
                if channel.send(changed).is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            })
            .await;
    });
    desk.watching.replace(Some((id, telling)));
    Ok(())
}

/// Nobody listens to this channel any more.
#[tauri::command]
pub(crate) fn panel_hush(desk: State<'_, Desk>, channel: u32) {
    if desk.watching.is(channel) {
        desk.watching.replace(None);
    }
}
