//! What expressions mean, in words.

use forge_jobs::cron::CronExpr;

#[test]
fn expressions_are_described_in_plain_english() {
    for (expr, words) in [
        ("* * * * *", "Every minute"),
        ("*/5 * * * *", "Every 5 minutes"),
        ("*/7 * * * *", "Every 7 minutes from the start of each hour"),
        ("0 * * * *", "Every hour"),
        ("0-59 * * * *", "At minutes 0 to 59 of every hour"),
        ("30 * * * *", "At minute 30 of every hour"),
        ("0,15,30 * * * *", "At minutes 0, 15 and 30 of every hour"),
        ("*/20,5 * * * *", "At minutes 0, 5, 20 and 40 of every hour"),
        ("0 */2 * * *", "Every 2 hours"),
        ("0 */5 * * *", "Every 5 hours from midnight"),
        ("15 */2 * * *", "At minute 15 of every 2nd hour from midnight"),
        ("*/5 9-17 * * 1-5", "Every 5 minutes of the hours 9 to 17 on weekdays"),
        ("* 2 * * *", "Every minute of hour 2"),
        ("30 2 * * *", "At 02:30 every day"),
        ("30 2 * * MON-FRI", "At 02:30 on weekdays"),
        ("0 9,17 * * SAT,SUN", "At 09:00 and 17:00 on weekends"),
        ("0,30 9,17 * * *", "At 09:00, 09:30, 17:00 and 17:30 every day"),
        ("0 8-18 * * *", "At minute 0 of the hours 8 to 18"),
        ("0 9 * * 1,3", "At 09:00 on Monday and Wednesday"),
        ("0 9 * * 1-4", "At 09:00 on Monday to Thursday"),
        ("0 9 * * 5L", "At 09:00 on the last Friday of the month"),
        ("0 9 * * 2#2", "At 09:00 on the second Tuesday of the month"),
        ("0 9 * * 1,5L", "At 09:00 on Monday and the last Friday of the month"),
        ("0 9 * 10 0L", "At 09:00 on the last Sunday of October"),
        ("0 0 1 * *", "At 00:00 on the 1st of the month"),
        ("0 0 1,15 * *", "At 00:00 on the 1st and 15th of the month"),
        ("0 0 1-7 1,7 *", "At 00:00 on the 1st to 7th of January and July"),
        ("0 0 */2 * *", "At 00:00 on every 2nd day from the 1st of the month"),
        ("0 0 L * *", "At 00:00 on the last day of the month"),
        ("0 0 LW * *", "At 00:00 on the last weekday of the month"),
        ("0 0 15W * *", "At 00:00 on the weekday nearest the 15th of the month"),
        ("@yearly", "At 00:00 on the 1st of January"),
        ("@weekly", "At 00:00 on Sunday"),
        ("0 0 * 4-6 *", "At 00:00 every day in April to June"),
        ("0 0 * 4 1", "At 00:00 on Monday in April"),
        ("*/5 * * 4 *", "Every 5 minutes in April"),
        ("0 0 13 * 5", "At 00:00 on the 13th of the month or on Friday (either is enough)"),
        ("0 0 13 1 5", "At 00:00 on the 13th of the month or on Friday (either is enough) in January"),
        ("0 0 */2 * MON", "At 00:00 on every 2nd day from the 1st of the month, and only on Monday"),
        ("* * * * * *", "Every second"),
        ("*/10 * * * * *", "Every 10 seconds"),
        ("*/25 * * * * *", "Every 25 seconds from the start of each minute"),
        ("15 * * * * *", "At second 15 of every minute"),
        ("15 30 2 * * *", "At 02:30:15 every day"),
        ("*/10 30 2 * * *", "Every 10 seconds of minute 30 of hour 2"),
        (
            "0,30 */5 * * * *",
            "At seconds 0 and 30 of every 5th minute from the start of each hour of every hour",
        ),
    ] {
        assert_eq!(expr.parse::<CronExpr>().unwrap().describe(), words, "{expr}");
    }
}
