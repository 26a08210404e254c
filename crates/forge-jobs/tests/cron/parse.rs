//! What is no cron expression, and what is said of it.

use forge_jobs::cron::{CronError, CronExpr};

#[track_caller]
fn refused(text: &str) -> CronError {
    match text.parse::<CronExpr>() {
        Err(e) => e,
        Ok(expr) => panic!("{text:?} was read as {expr}"),
    }
}

#[test]
fn a_refusal_names_field_value_range_and_remedy() {
    for (text, words) in [
        ("61 * * * *", "minute 61 does not exist: use 0 to 59"),
        ("* 24 * * *", "hour 24 does not exist: use 0 to 23"),
        ("* * 0 * *", "day-of-month 0 does not exist: use 1 to 31"),
        ("* * * 13 *", "month 13 does not exist: use 1 to 12"),
        ("* * * * 8", "day-of-week 8 does not exist: use 0 to 7"),
        ("60 * * * * *", "second 60 does not exist: use 0 to 59"),
        ("99999999999999999999 * * * *", "minute 99999999999999999999 does not exist"),
        ("0 22-2 * * *", "hour range \"22-2\" runs backwards: write 22-23,0-2"),
        ("0 23-0 * * *", "write 23,0"),
        ("0 0 * * FRI-MON", "day-of-week range \"FRI-MON\" runs backwards: write 5-6,0-1"),
        ("0 0 * NOV-FEB *", "write 11-12,1-2"),
        ("50-10/5 * * * *", "write the values as a list"),
        ("*/0 * * * *", "minute \"*/0\" has no usable step: use /1 to /59"),
        (
            "*/90 * * * *",
            "minute \"*/90\" has no usable step: use /1 to /59, and mind that a step begins anew in each hour",
        ),
        ("0 */24 * * *", "use /1 to /23"),
        ("0 0 * * MONDAY", "day-of-week \"MONDAY\" is not understood: use numbers 0 to 7"),
        ("0 0 * * L", "5L (last Friday)"),
        ("0 0 * * 5#6", "5#2 (second Friday)"),
        ("0 0 ?,1 * *", "? alone"),
        ("? 0 * * *", "minute \"?\" is not understood: use numbers 0 to 59"),
        ("L 0 * * *", "minute \"L\""),
        ("1W 0 * * *", "minute \"1W\""),
        ("0 0 32W * *", "day-of-month 32 does not exist"),
        ("0 0 5L * *", "day-of-month \"5L\" is not understood"),
        ("1,,2 * * * *", "minute \"\" is not understood"),
        ("+5 * * * *", "minute \"+5\""),
        ("-5 * * * *", "minute \"-5\""),
        ("1- * * * *", "minute \"1-\""),
        ("1/ * * * *", "minute \"1/\""),
        ("*/x * * * *", "minute \"*/x\""),
        ("1-2-3 * * * *", "minute \"1-2-3\""),
        ("1/2/3 * * * *", "minute \"1/2/3\""),
        ("٣ * * * *", "minute \"٣\""),
        ("", "has 0 fields: write 5"),
        (
            "* * * *",
            "has 4 fields: write 5 (minute hour day-of-month month day-of-week), or 6 with seconds first",
        ),
        ("0 0 0 1 1 ? 2027", "there is no field for the year"),
        ("@reboot", "enqueue the job when your program starts"),
        ("@Every 5m", "*/5 * * * *"),
        ("@fortnightly", "\"@fortnightly\" is no macro: use @yearly"),
        ("@daily 5", "\"@daily 5\" is no macro"),
        ("30 2 30 2 *", "\"30 2 30 2 *\" would never fire"),
        ("0 0 31 FEB,APR,JUN,SEP,NOV ?", "\"0 0 31 2,4,6,9,11 *\" would never fire"),
        ("0 0 31W 4 *", "would never fire"),
        ("0 0 */2 2 0#5,1", ""),
    ] {
        if words.is_empty() {
            assert!(text.parse::<CronExpr>().is_ok(), "{text}");
            continue;
        }
        let said = refused(text).to_string();
        assert!(said.contains(words), "{text:?}: {said}");
    }
}

#[test]
fn a_refusal_of_a_huge_text_is_short() {
    let many = "1,".repeat(400) + " * * * *";
    for text in ["*".repeat(10_000), "é".repeat(500), "1 ".repeat(500), "@".repeat(1_000), many] {
        let said = refused(&text).to_string();
        assert!(said.len() < 600, "{said}");
    }
    assert!(matches!(refused(&"*".repeat(1_025)), CronError::TooLong { bytes: 1_025 }));
}
