//! The reader of cron expressions is fed with texts that were made, and texts that were mangled.

use super::{Failure, verdict};
use forge_jobs::Timestamp;
use forge_jobs::cron::{CronExpr, Zone};
use std::panic::catch_unwind;
use std::time::{Duration, Instant};

/// No text may take longer to read, to describe and to ask for fires: it would be a hang.
const LIMIT: Duration = Duration::from_secs(2);
/// What mangled texts begin as.
const SEEDS: [&str; 8] = [
    "30 2 * * *",
    "*/5 1-3 L * 5#2",
    "0 0 15W,LW * ?",
    "@daily",
    "1,2,3-9/2 * ? JAN MON-FRI",
    "*/10 0 0 1 1 5L",
    "0 0 29 2 1#5",
    "59 59 23 31 12 SUN-SAT",
];
const SIGNS: &[u8] = b"0123456789*/,-?LW#@ JANMOSUFRItx\t\xc3\xa9";

/// Random texts, most of them nearly cron expressions.
#[derive(Clone, Copy, Debug)]
pub struct CronTexts {
    /// For the texts.
    pub seed: u64,
    /// How many texts.
    pub texts: u32,
}

impl CronTexts {
    /// Runs the campaign; gives its report.
    ///
    /// # Errors
    ///
    /// When a text makes the reader panic or hang, or an expression does not keep what it promises.
    pub fn run(self) -> Result<String, Failure> {
        let mut random = fastrand::Rng::with_seed(self.seed);
        let zones = Zone::names();
        let (mut problems, mut accepted, mut slowest) = (Vec::new(), 0_u32, Duration::ZERO);
        for n in 0..self.texts {
            let text = if n % 2 == 0 { mangled(&mut random) } else { made(&mut random) };
            let zone: Zone = zones[random.usize(..zones.len())].parse()?;
            let from = Timestamp::from_micros(random.i64(-4_000_000_000_000_000..8_000_000_000_000_000));
            let began = Instant::now();
            match catch_unwind(|| examined(&text, &zone, from)) {
                Ok(Ok(fine)) => accepted += u32::from(fine),
                Ok(Err(why)) => problems.push(format!("{text:?} in {zone} from {from}: {why}")),
                Err(_) => problems.push(format!("{text:?} in {zone} from {from}: panics")),
            }
            let took = began.elapsed();
            slowest = slowest.max(took);
            if took > LIMIT {
                problems.push(format!("{text:?} in {zone} from {from}: takes {took:?}"));
            }
        }
        verdict(&problems)?;
        Ok(format!("{} texts, {accepted} of them expressions, the slowest in {slowest:?}", self.texts))
    }
}

/// Whether the text is an expression; why it is a bad one.
fn examined(text: &str, zone: &Zone, from: Timestamp) -> Result<bool, String> {
    let expr = match text.parse::<CronExpr>() {
        Ok(expr) => expr,
        Err(e) if e.to_string().len() > 700 => return Err("a refusal without end".into()),
        Err(_) => return Ok(false),
    };
    let printed = expr.to_string();
    if printed.parse::<CronExpr>().as_ref() != Ok(&expr) || expr.describe().is_empty() {
        return Err(format!("{printed:?} is not the same, or has no words"));
    }
    let next = expr.next_after(from, zone).ok_or("it never fires")?;
    let just_before = Timestamp::from_micros(next.as_micros() - 1);
    let before = expr.previous_or_at(just_before, zone);
    if next <= from || expr.previous_or_at(next, zone) != Some(next) || before.is_some_and(|b| b > from) {
        return Err(format!("{next} comes next, and {before:?} before it"));
    }
    Ok(true)
}

fn mangled(random: &mut fastrand::Rng) -> String {
    let mut bytes = SEEDS[random.usize(..SEEDS.len())].as_bytes().to_vec();
    for _ in 0..random.usize(1..=4) {
        let (at, sign) = (random.usize(..bytes.len()), SIGNS[random.usize(..SIGNS.len())]);
        match random.u8(..3) {
            0 => bytes[at] = sign,
            1 => bytes.insert(at, sign),
            _ if bytes.len() > 1 => drop(bytes.remove(at)),
            _ => {}
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn made(random: &mut fastrand::Rng) -> String {
    let ranges = [(0, 59), (0, 59), (0, 23), (1, 31), (1, 12), (0, 7)];
    let fields: Vec<String> = ranges[random.usize(..2)..]
        .iter()
        .map(|(low, high)| {
            let entries = (0..random.usize(1..4)).map(|_| {
                let (a, b) = (random.u8(*low..=*high), random.u8(*low..=*high));
                match random.u8(..6) {
                    0 => "*".to_owned(),
                    1 => format!("*/{}", random.u8(1..=*high)),
                    2 => format!("{}-{}", a.min(b), a.max(b)),
                    3 => format!("{}-{}/{}", a.min(b), a.max(b), random.u8(1..=*high)),
                    4 if *high == 31 => format!("{a}W"),
                    4 if *high == 7 => format!("{a}#{}", random.u8(1..=5)),
                    5 if *high == 7 => format!("{a}L"),
                    _ => a.to_string(),
                }
            });
            entries.collect::<Vec<_>>().join(",")
        })
        .collect();
    fields.join(" ")
}
