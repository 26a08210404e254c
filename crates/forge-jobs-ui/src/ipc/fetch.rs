//! The way over HTTP: `fetch`, and a stream of events.

use super::way::{Request, Way};
use super::{Answer, Heard, IpcError};
use async_trait::async_trait;
use forge_jobs_api::wire::Changed;
use std::any::Any;
use std::rc::Rc;
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast as _, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{EventSource, MessageEvent, RequestInit, Response};

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
            Ok(source) => Box::new(Stream::new(source, heard.into())),
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
    _told: [Closure<dyn FnMut(MessageEvent)>; 2],
    _state: [Closure<dyn FnMut()>; 2],
}

impl Stream {
    fn new(source: EventSource, heard: Rc<dyn Fn(Heard)>) -> Self {
        let open = Rc::clone(&heard);
        let ready = Closure::<dyn FnMut(MessageEvent)>::new(move |_| open(Heard::Open));
        let tell = Rc::clone(&heard);
        let changed = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
            // After a break the first event may be this one: the stream is open either way.
            tell(Heard::Open);
            let text = event.data().as_string().unwrap_or_default();
            if let Ok(Changed { topics }) = serde_json::from_str(&text) {
                tell(Heard::Changed(topics));
            }
        });
        let again = Rc::clone(&heard);
        let opened = Closure::<dyn FnMut()>::new(move || again(Heard::Open));
        let broke = Closure::<dyn FnMut()>::new(move || heard(Heard::Lost));
        // Names of events are accepted whatever they are.
        let _ = source.add_event_listener_with_callback("ready", ready.as_ref().unchecked_ref());
        let _ = source.add_event_listener_with_callback("changed", changed.as_ref().unchecked_ref());
        source.set_onopen(Some(opened.as_ref().unchecked_ref()));
        source.set_onerror(Some(broke.as_ref().unchecked_ref()));
        Self { source, _told: [ready, changed], _state: [opened, broke] }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.source.close();
    }
}
