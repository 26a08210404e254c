//! What a program's own tests can do with the kit: a handler alone, what was enqueued, and a day in a moment.

use forge_jobs::testing::{FakeHandler, TestSetup, assert_enqueued, perform, refute_enqueued};
use forge_jobs::{EnqueueRequest, Enqueuer, HandlerRegistry, JobContext, JobHandler, JobOutcome, Schedule};
use serde_json::json;
use std::error::Error;
use std::time::Duration;

/// The program: an order makes an invoice, and the invoice a mail.
struct Invoice;

impl JobHandler for Invoice {
    fn kind(&self) -> &'static str {
        "invoice"
    }

    async fn run(&self, ctx: JobContext) -> JobOutcome {
        let mail = EnqueueRequest::new("mail.send", json!({ "invoice": ctx.payload().as_str() }));
        JobOutcome::from_result(ctx.enqueue(mail.on_queue("mail")).await)
    }
}

async fn order(jobs: &Enqueuer, number: u32) -> Result<(), Box<dyn Error>> {
    jobs.enqueue(EnqueueRequest::new("invoice", json!({ "order": number, "copies": 2 }))).await?;
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // A handler alone, without a storage.
    let performed = perform(&Invoice, json!({ "order": 1 })).await;
    assert_eq!(performed.outcome, JobOutcome::Done);
    println!("alone, the invoice enqueues {}", performed.enqueued[0].kind);

    // A real queue on a temporary file. The mail is a fake that fails once.
    let mail = FakeHandler::new("mail.send").fail_times(1, "no route to host");
    let mut handlers = HandlerRegistry::new();
    handlers.register(Invoice).register(mail.clone()).register(FakeHandler::new("report"));
    let nightly = Schedule::new("nightly", "0 3 * * *", EnqueueRequest::new("report", 1));
    let queue = TestSetup::new(handlers).with_schedule(nightly).sqlite().await?;

    order(&queue.enqueuer(), 7).await?;
    assert_enqueued!(queue, kind: "invoice", payload: json!({ "order": 7 }), count: 1);
    refute_enqueued!(queue, kind: "mail.send");

    println!("now: {}", queue.drain().await?);
    println!("in a day: {}", queue.run_for(Duration::from_secs(86_400)).await?);
    println!("the mail was tried {} times", mail.calls().len());
    Ok(())
}
