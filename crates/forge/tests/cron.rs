//! `forge cron next` as scripts see it.

#![allow(clippy::unwrap_used, reason = "a test may end in a panic, its helpers included")]

mod support;

use forge_jobs_api::wire::{CronPreview, ErrorBody, ErrorCode};
use support::Home;

#[test]
fn the_next_fires_are_printed_with_the_offset_of_the_zone_and_no_database_is_made() {
    let home = Home::new();
    let expr = ["cron", "next", "30 2 * * SUN", "--zone", "america/new_york"];
    let options = ["--from", "2027-03-13T12:00:00Z", "--count", "2"];
    let args: Vec<&str> = expr.into_iter().chain(options).collect();
    let preview: CronPreview = home.run(args.iter().chain(&["--json"])).json();
    let expected = CronPreview {
        expression: "30 2 * * 0".into(),
        zone: "America/New_York".into(),
        description: "At 02:30 on Sunday".into(),
        from: "2027-03-13T07:00:00-05:00".into(),
        fires: vec!["2027-03-14T03:00:00-04:00".into(), "2027-03-21T02:30:00-04:00".into()],
    };
    assert_eq!(preview, expected);
    let ended = home.run(args);
    assert_eq!(ended.code, 0, "{ended:?}");
    let expected = "\
expression  30 2 * * 0
meaning     At 02:30 on Sunday
zone        America/New_York
after       2027-03-13T07:00:00-05:00

fires at                   day     in UTC
2027-03-14T03:00:00-04:00  Sunday  2027-03-14T07:00:00Z
2027-03-21T02:30:00-04:00  Sunday  2027-03-21T06:30:00Z
";
    assert_eq!(ended.stdout, expected);
    assert!(!home.database().exists());
}

#[test]
fn without_options_it_is_utc_now_and_five_fires() {
    let preview: CronPreview = Home::new().run(["cron", "next", "@hourly", "--json"]).json();
    assert_eq!((preview.zone.as_str(), preview.fires.len()), ("UTC", 5));
    assert!(preview.fires.is_sorted() && preview.fires[0] > preview.from, "{preview:?}");
}

#[test]
fn what_is_not_understood_is_a_usage_error_with_its_remedy() {
    let home = Home::new();
    let cases: [(&[&str], &str); 7] = [
        (&["61 * * * *"], "minute 61 does not exist: use 0 to 59"),
        (&["-5 * * * *"], "is not understood"),
        (&["@reboot"], "enqueue the job when your program starts"),
        (&["* * * * *", "--zone", "Berlin"], "perhaps Europe/Berlin is meant"),
        (&["* * * * *", "--from", "tomorrow"], "RFC 3339"),
        (&["* * * * *", "--count", "0"], "1..=1000"),
        (&["* * * *"], "has 4 fields"),
    ];
    for (args, words) in cases {
        home.run(["cron", "next"].iter().chain(args)).check(2, &[words]);
    }
    let body: ErrorBody = home.run(["cron", "next", "61 * * * *", "--json"]).json();
    assert_eq!(body.error.code, ErrorCode::Invalid);
    assert!(body.error.message.contains("minute 61"), "{}", body.error.message);
}
