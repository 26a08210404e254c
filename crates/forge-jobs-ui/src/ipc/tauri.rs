//! The way through Tauri, for the window of a desktop program: commands of the program, and a channel for changes.
//!
//! The program has three commands. `panel_call` takes `request`, JSON text of `[method, path, body, headers]`, and answers
//! with `[status, text]`. `panel_watch` takes `channel`, a channel that is sent what changed, as the events of the API say
//! it; nothing has changed yet with the first. `panel_hush` takes the number of a channel that nobody listens to any more.

use super::way::{Request, Way};
use super::{Answer, Heard, IpcError};
use crate::app::browser::whole;
use async_trait::async_trait;
use forge_jobs_api::wire::Changed;
use js_sys::{Array, Function, JSON, Object, Promise, Reflect};
use std::any::Any;
use std::rc::Rc;
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast as _, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};

/// The program around the page, reached through what Tauri puts into its window.
#[derive(Clone, Debug)]
pub struct TauriWay {
    internals: JsValue,
}

impl TauriWay {
    /// `None` where the page is in no window of Tauri.
    #[must_use]
    pub fn find() -> Option<Self> {
        let internals = Reflect::get(&web_sys::window()?.into(), &"__TAURI_INTERNALS__".into()).ok()?;
        internals.is_object().then_some(Self { internals })
    }

    fn function(&self, name: &str) -> Result<Function, JsValue> {
        Reflect::get(&self.internals, &name.into())?.dyn_into()
    }

    /// Calls a command with one argument.
    async fn invoke(&self, command: &str, name: &str, value: JsValue) -> Result<JsValue, JsValue> {
        let arguments = Object::new();
        Reflect::set(&arguments, &name.into(), &value)?;
        let called = self.function("invoke")?.call2(&self.internals, &command.into(), &arguments)?;
        JsFuture::from(called.dyn_into::<Promise>()?).await
    }
}

#[async_trait(?Send)]
impl Way for TauriWay {
    async fn send(&self, request: Request<'_>) -> Answer<(u16, String)> {
        let Request { method, path, body, headers } = request;
        let text = serde_json::to_string(&(method, path, body, headers))
            .map_err(|e| IpcError::Unreadable(e.to_string()))?;
        // A program that is closing answers no more.
        let answer =
            self.invoke("panel_call", "request", text.into()).await.map_err(|_| IpcError::Offline)?;
        let parts: Array = answer.dyn_into().map_err(|_| IpcError::Unreadable("it is no list".into()))?;
        let status = parts.get(0).as_f64().and_then(|status| u16::try_from(whole(status)).ok());
        status
            .zip(parts.get(1).as_string())
            .ok_or_else(|| IpcError::Unreadable("it has no status and no text".into()))
    }

    fn subscribe(&self, heard: Box<dyn Fn(Heard)>) -> Box<dyn Any> {
        let heard: Rc<dyn Fn(Heard)> = heard.into();
        let tell = Rc::clone(&heard);
        let told = Closure::<dyn FnMut(JsValue)>::new(move |sent: JsValue| {
            let message = Reflect::get(&sent, &"message".into()).unwrap_or_default();
            let text = JSON::stringify(&message).ok().and_then(|text| text.as_string());
            match text.and_then(|text| serde_json::from_str(&text).ok()) {
                Some(Changed { topics }) => {
                    tell(Heard::Open);
                    if !topics.is_empty() {
                        tell(Heard::Changed(topics));
                    }
                }
                // The end of the channel.
                None => tell(Heard::Lost),
            }
        });
        let id = self
            .function("transformCallback")
            .and_then(|register| register.call1(&self.internals, told.as_ref()))
            .ok()
            .and_then(|id| id.as_f64());
        let Some(id) = id else {
            heard(Heard::Lost);
            return Box::new(());
        };
        let way = self.clone();
        spawn_local(async move {
            let channel = format!("__CHANNEL__:{id}");
            if way.invoke("panel_watch", "channel", channel.into()).await.is_err() {
                heard(Heard::Lost);
            }
        });
        Box::new(Channel { way: self.clone(), id, _told: told })
    }
}

/// A channel of Tauri, until it is dropped.
struct Channel {
    way: TauriWay,
    id: f64,
    _told: Closure<dyn FnMut(JsValue)>,
}

impl Drop for Channel {
    fn drop(&mut self) {
        if let Ok(forget) = self.way.function("unregisterCallback") {
            // What is not known is forgotten already.
            let _ = forget.call1(&self.way.internals, &self.id.into());
        }
        let (way, id) = (self.way.clone(), self.id);
        spawn_local(async move {
            // A program that is gone tells nobody anyway.
            let _ = way.invoke("panel_hush", "channel", id.into()).await;
        });
    }
}
