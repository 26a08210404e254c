//! What is done after the answer to a customer: invoices and mails.
//!
//! A job may run more than once. An invoice is safe to repeat: it is written once, by its key. So is a mail, as far as that
//! can be had: what was sent is noted, and what is noted is not sent again. But no transaction holds both the mail server and
//! the shop's tables. A process that is killed after the one and before the other sends the mail twice, and so may two that
//! run the job at the same time, if one of them was taken for dead. To note it first would lose mails instead. What closes
//! the gap is a mail server that knows a repetition: it is given a message id that is the same in each attempt.

use crate::database::Database;
use forge_jobs::{
    DefaultRouter, EnqueueRequest, Enqueuer, HandlerRegistry, JobContext, JobHandler, JobOutcome, JobPayload,
    Schedule, TypedHandler,
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

/// An invoice to be written.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Invoice {
    /// Of this order.
    pub(crate) order: i64,
}

impl JobPayload for Invoice {
    const KIND: &'static str = "shop.invoice";
}

/// A mail to be sent.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Mail {
    /// About this order.
    pub(crate) order: i64,
}

impl JobPayload for Mail {
    const KIND: &'static str = "shop.mail";
}

const CLEAN: &str = "shop.clean_sessions";

/// What this program can run.
pub(crate) fn handlers(database: &Database, mail_takes: Duration) -> HandlerRegistry {
    let enqueuer = Arc::new(Enqueuer::new(database.queue.clone().into_bundle(), Arc::new(DefaultRouter)));
    let mut handlers = HandlerRegistry::new();
    handlers.register_typed(WriteInvoice { database: database.clone(), enqueuer });
    handlers.register_typed(SendMail { database: database.clone(), takes: mail_takes });
    handlers.register(CleanSessions { database: database.clone() });
    handlers
}

/// Once an hour, on one of the replicas.
pub(crate) fn housekeeping() -> Schedule {
    Schedule::new("clean-sessions", "@hourly", EnqueueRequest::new(CLEAN, ()))
}

struct WriteInvoice {
    database: Database,
    enqueuer: Arc<Enqueuer>,
}

impl WriteInvoice {
    /// The invoice and the mail about it: both, or neither. What fails is tried again after the queue's backoff.
    async fn write(&self, order: i64) -> Result<(), JobOutcome> {
        let mut tx = self.database.shop.begin().await?;
        let text = format!("Invoice for order {order}");
        sqlx::query("INSERT INTO invoices VALUES ($1, $2) ON CONFLICT DO NOTHING")
            .bind(order)
            .bind(text)
            .execute(&mut *tx)
            .await?;
        let mail = EnqueueRequest::of(&Mail { order }).on_queue("mail");
        let mail = mail.with_dedupe_key(format!("order-{order}"));
        self.enqueuer.enqueue_in(self.database.queue.within_sqlx(&mut tx), mail).await?;
        tx.commit().await?;
        Ok(())
    }
}

impl TypedHandler for WriteInvoice {
    type Payload = Invoice;

    async fn run(&self, _: JobContext, payload: Invoice) -> JobOutcome {
        JobOutcome::of(self.write(payload.order).await)
    }
}

struct SendMail {
    database: Database,
    takes: Duration,
}

impl SendMail {
    /// Looks, sends, and notes that it was sent: in this order, so that no mail is lost.
    async fn send(&self, order: i64) -> Result<(), JobOutcome> {
        let shop = &self.database.shop;
        let sent = sqlx::query("SELECT 1 FROM sent_mails WHERE order_id = $1").bind(order);
        if sent.fetch_optional(shop).await?.is_some() {
            return Ok(());
        }
        self.hand_over(order).await?;
        let note = sqlx::query("INSERT INTO sent_mails (order_id) VALUES ($1) ON CONFLICT DO NOTHING");
        note.bind(order).execute(shop).await?;
        Ok(())
    }

    /// What would be a call of a mail server.
    async fn hand_over(&self, order: i64) -> Result<(), JobOutcome> {
        tokio::time::sleep(self.takes).await;
        let mail =
            "INSERT INTO mails (message_id, email) SELECT 'order-' || id, email FROM orders WHERE id = $1";
        sqlx::query(mail).bind(order).execute(&self.database.shop).await?;
        Ok(())
    }
}

impl TypedHandler for SendMail {
    type Payload = Mail;

    async fn run(&self, _: JobContext, payload: Mail) -> JobOutcome {
        JobOutcome::of(self.send(payload.order).await)
    }
}

struct CleanSessions {
    database: Database,
}

impl JobHandler for CleanSessions {
    fn kind(&self) -> &str {
        CLEAN
    }

    async fn run(&self, _: JobContext) -> JobOutcome {
        let clean = sqlx::query("DELETE FROM sessions WHERE ends_at < now()");
        JobOutcome::from_result(clean.execute(&self.database.shop).await)
    }
}
