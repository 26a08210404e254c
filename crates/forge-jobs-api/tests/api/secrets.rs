//! Secrets that went in come out nowhere: in no log line, and in no error.

use crate::http::Ask;
use crate::rig::Rig;
use crate::world::enqueue;
use forge_jobs::EnqueueRequest;
use serde_json::json;
use std::io::Write;
use std::sync::{Arc, Mutex};
use tracing_subscriber::fmt::MakeWriter;

/// Everything that is logged, by all tests of this program.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// A word that stands nowhere else.
const CANARY: &str = "c4n4ry-7731";

#[tokio::test]
async fn no_log_line_and_no_error_holds_a_secret() {
    let log = Log::default();
    tracing_subscriber::fmt().json().with_max_level(tracing::Level::TRACE).with_writer(log.clone()).init();
    let rig = Rig::on_file().await;
    let admin = rig.keys.admin.clone();
    let post = |body: String| Ask::new("POST", "/api/v1/jobs").token(&admin).json(&body);
    for ask in [
        post(format!(r#"{{"kind":"k","payload":{{"note":"{CANARY}"}}}}"#)),
        post(format!(r#"{{"kind":"k","payload":{{"note":"{CANARY}"}},"priority":"{CANARY}"}}"#)),
        post(format!(r#"{{"kind":"k","payload":{{"note":"{CANARY}\u0000"}}}}"#)),
        post(format!(r#"{{"kind":"k","payload":{{"note":"{CANARY}"}}"#)),
        post(CANARY.into()),
        post("{}".into()).header("Idempotency-Key", &format!("é{CANARY}")),
        Ask::new("GET", &format!("/api/v1/{CANARY}")).token(&admin),
        Ask::new("GET", &format!("/api/v1/me?token={CANARY}")).token(&admin),
        Ask::new("GET", "/api/v1/me").token(CANARY),
        Ask::new("GET", "/api/v1/me").header("Cookie", &format!("forge_session={CANARY}")),
        Ask::new("GET", "/api/v1/me").header("X-Secret", CANARY).token(&admin),
        Ask::new("POST", "/api/v1/session").json(&format!(r#"{{"token":"{CANARY}"}}"#)),
        Ask::new("POST", "/api/v1/session").json(&format!(r#"{{"token":["{CANARY}"]}}"#)),
    ] {
        let got = ask.send(rig.addr).await;
        assert!(!got.body.contains(CANARY), "{ask:?}: {got:?}");
    }
    let id =
        enqueue(&rig.storage, EnqueueRequest::new("k", json!({"a": [{"api_key": CANARY}], "b": 1}))).await;
    for target in [format!("/api/v1/jobs/{id}"), "/api/v1/jobs".into()] {
        let got = Ask::new("GET", &target).token(&admin).send(rig.addr).await;
        assert!(got.body.contains(r#"{"api_key":"[redacted]"}"#), "{got:?}");
    }
    rig.stop().await;
    let text = String::from_utf8_lossy(&log.0.lock().unwrap()).into_owned();
    assert!(text.contains("enqueue_job"), "nothing was logged");
    for secret in [CANARY, &admin] {
        let line = text.lines().find(|line| line.contains(secret));
        assert_eq!(line, None);
    }
}
