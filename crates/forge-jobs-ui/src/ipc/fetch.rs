//! The way over HTTP: `fetch`, and a stream of events.

use super::way::{Request, Way};
use super::{Answer, Heard, IpcError};
use crate::app::browser;
use async_trait::async_trait;
use forge_jobs_api::wire::Changed;
use std::any::Any;
use std::cell::Cell;
use std::rc::Rc;
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast as _, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{EventSource, MessageEvent, RequestInit, Response};

/// How long a stream whose server ended it in good order may take to be open again, in milliseconds. The browser waits a
/// second before it asks.
const BETWEEN: i32 = 5_000;

/// A server, over HTTP.
#[derive(Clone, Debug)]
pub struct HttpWay {
    api: String,
}

impl HttpWay {
    /// The API below this address, such as `/api/v1`: of the same origin, whose session cookie goes along.
    #[must_use]
    pub fn new(api: impl Into<String>) -> Self {
        let mut api = api.into();
        api.truncate(api.trim_end_matches('/').len());
        Self { api }
    }
}

#[async_trait(?Send)]
impl Way for HttpWay {
    async fn send(&self, request: Request<'_>) -> Answer<(u16, String)> {
        let Request { method, path, body, headers } = request;
        let init = RequestInit::new();
        init.set_method(method);
        let window = web_sys::window().ok_or(IpcError::Offline)?;
        let with_body = body.is_some();
        if let Some(body) = body {
            init.set_body(&JsValue::from_str(&body));
        }
        let address = format!("{}{path}", self.api);
        let request =
            web_sys::Request::new_with_str_and_init(&address, &init).map_err(|_| IpcError::Offline)?;
        let all = request.headers();
        // Names and values are ours, and are such.
        if with_body {
            let _ = all.set("Content-Type", "application/json");
        }
        for (name, value) in headers {
            let _ = all.set(name, value);
        }
        let answer =
            JsFuture::from(window.fetch_with_request(&request)).await.map_err(|_| IpcError::Offline)?;
        let answer: Response = answer.dyn_into().map_err(|_| IpcError::Offline)?;
        let text = JsFuture::from(answer.text().map_err(|_| IpcError::Offline)?).await;
        let text = text.ok().and_then(|text| text.as_string()).ok_or(IpcError::Offline)?;
        Ok((answer.status(), text))
    }

    fn subscribe(&self, heard: Box<dyn Fn(Heard)>) -> Box<dyn Any> {
        match EventSource::new(&format!("{}/events", self.api)) {
            Ok(source) => Box::new(Stream::new(source, heard)),
            Err(_) => {
                heard(Heard::Lost);
                Box::new(())
            }
        }
    }
}

/// A stream of events, until it is dropped. The browser connects again by itself.
struct Stream {
    source: EventSource,
    _told: [Closure<dyn FnMut(MessageEvent)>; 3],
    _state: [Closure<dyn FnMut()>; 2],
}

/// Who hears a stream.
struct Ear {
    heard: Box<dyn Fn(Heard)>,
    /// The server has ended the stream in good order, and the next one is not open yet.
    between: Cell<bool>,
}

impl Ear {
    fn open(&self) {
        self.between.set(false);
        (self.heard)(Heard::Open);
    }

    fn ended(self: &Rc<Self>) {
        self.between.set(true);
        let ear = Rc::clone(self);
        spawn_local(async move {
            browser::sleep(BETWEEN).await;
            if ear.between.get() {
                (ear.heard)(Heard::Lost);
            }
        });
    }

    fn broke(&self) {
        if !self.between.get() {
            (self.heard)(Heard::Lost);
        }
    }
}

impl Stream {
    fn new(source: EventSource, heard: Box<dyn Fn(Heard)>) -> Self {
        let ear = Rc::new(Ear { heard, between: Cell::new(false) });
        let told = |name: &str, hears: fn(&Rc<Ear>, &MessageEvent)| {
            let ear = Rc::clone(&ear);
            let told = Closure::<dyn FnMut(MessageEvent)>::new(move |event| hears(&ear, &event));
            // Names of events are accepted whatever they are.
            let _ = source.add_event_listener_with_callback(name, told.as_ref().unchecked_ref());
            told
        };
        let ready = told("ready", |ear, _| ear.open());
        let changed = told("changed", |ear, event| {
            // After a break the first event may be this one: the stream is open either way.
            ear.open();
            let text = event.data().as_string().unwrap_or_default();
            if let Ok(Changed { topics }) = serde_json::from_str(&text) {
                (ear.heard)(Heard::Changed(topics));
            }
        });
        let end = told("end", |ear, _| ear.ended());
        let again = Rc::clone(&ear);
        let opened = Closure::<dyn FnMut()>::new(move || again.open());
        let broke = Closure::<dyn FnMut()>::new(move || ear.broke());
        source.set_onopen(Some(opened.as_ref().unchecked_ref()));
        source.set_onerror(Some(broke.as_ref().unchecked_ref()));
        Self { source, _told: [ready, changed, end], _state: [opened, broke] }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.source.close();
    }
}
