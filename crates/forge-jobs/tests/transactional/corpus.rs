//! What is a payload is the same for the SQL function as for the Rust clients.

#![allow(clippy::literal_string_with_formatting_args, reason = "it is JSON")]

use crate::databases::fresh;
use forge_jobs::Payload;
use forge_jobs::limits::{MAX_PAYLOAD_BYTES, MAX_PAYLOAD_DEPTH};
use forge_test_cluster::connect;
use std::time::{Duration, Instant};

/// Enqueues a text and gives what was stored, or the error's code.
const TRY: &str = "CREATE FUNCTION pg_temp.try(p text, OUT stored text, OUT code text) LANGUAGE plpgsql AS $$
    DECLARE
        v_job uuid;
    BEGIN
        SELECT job INTO STRICT v_job FROM forge.enqueue('k', p::json);
        SELECT payload INTO STRICT stored FROM forge.jobs WHERE id = v_job;
    EXCEPTION WHEN OTHERS THEN
        code := SQLSTATE;
    END $$";

/// A generator of numbers that every run gives alike (Steele and others, `SplitMix64`).
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((z ^ (z >> 31)) % u64::try_from(n).unwrap()).unwrap()
    }
}

/// Written out, with what else a text may be that is hardly more than a scalar.
const SCALARS: &[&str] = &[
    "",
    " ",
    "\t\r\n",
    "null",
    "true",
    "false",
    "nul",
    "nullx",
    "True",
    "NULL",
    "NaN",
    "Infinity",
    "-Infinity",
    "0",
    "-0",
    "-0.0",
    "00",
    "01",
    "-01",
    "+1",
    "-",
    "--1",
    "1.",
    ".5",
    "1.0",
    "1.00",
    "1e5",
    "1E5",
    "1e+5",
    "1e-5",
    "1e",
    "1e+",
    "1.e5",
    "1e5.5",
    "1e400",
    "1e-400",
    "1e131072",
    "1e999999",
    "1e-999999",
    "1e9999999999",
    "1e-9999999999",
    "1e99999999999999999999",
    "0e0",
    "-0e-0",
    "18446744073709551616",
    "0x10",
    "1_000",
    "1,0",
    "1 2",
    "1\u{a0}",
    "\u{a0}1",
    "\u{feff}1",
    "1\u{c}",
    "\u{b}1",
    "1//c",
    "1/*c*/",
    "'a'",
    "\"a",
    "a\"",
    "\"a\"\"b\"",
    "\"a\"b",
    "\"\\\"",
    "\"\\\\\"",
    "\"\\\\\\\"",
    "\"a\tb\"",
    "\"a\nb\"",
    "\"a\u{1}b\"",
    "\"a\u{1f}b\"",
    "\"a\u{7f}b\"",
    "\"a\u{85}b\"",
    "\"\u{2028}\"",
    "\"\u{fffe}\"",
    "\"\u{10ffff}\"",
    "\"é漢😀\"",
    "[",
    "]",
    "[]",
    "[ ]",
    "[,]",
    "[1,]",
    "[,1]",
    "[1 2]",
    "[1,,2]",
    "[[]",
    "[]]",
    "[}",
    "{]",
    "{",
    "}",
    "{}",
    "{ }",
    "{,}",
    "{\"a\"}",
    "{\"a\":}",
    "{\"a\":1,}",
    "{\"a\":1 \"b\":2}",
    "{a:1}",
    "{1:1}",
    "{\"a\":1,\"a\":2}",
    "{\"\":0}",
    "{\"a\"::1}",
    "{\"a\":1}{",
    " { \"b\" : [ 1 , 2.50 ] ,\n\t\"a\":null } ",
    "[\"[\",\"]\",\"{\"]",
    "[1e999999,\"\\ud800\"]",
    "[1e999999,\"\\u0000\"]",
    "{\"\\ud800\":1}",
    "{\"\\u0000\":1}",
    "[\"\\ud83d\",\"\\ude00\"]",
    "\"\\ud83d\" ",
    "\"\\ud83d\\\\ude00\"",
    "\"\\ud83d\\\\\\ude00\"",
];

/// Strings of two and three pieces, each of which may change what the next one means.
fn strings(random: &mut Random) -> Vec<String> {
    const PIECES: [&str; 24] = [
        "\\\\", "\\\"", "\\/", "\\n", "\\u", "\\u0000", "\\u0001", "\\u0022", "\\u005c", "\\uD83D",
        "\\ude00", "\\ud800", "\\uDBff", "\\udC00", "\\uDFFF", "\\ue000", "\\uFfFf", "\\ud8", "\\x41",
        "u0000", "d800", "é", "[", "\"",
    ];
    let mut all = Vec::new();
    for a in PIECES {
        all.extend(PIECES.map(|b| format!("\"{a}{b}\"")));
    }
    for _ in 0..300 {
        let pick = [(); 4].map(|()| PIECES[random.below(PIECES.len())]).concat();
        all.push(format!("[\"{pick}\"]"));
    }
    all
}

/// Around the deepest nesting that is allowed.
fn nested() -> Vec<String> {
    let mut all = Vec::new();
    for depth in [2, MAX_PAYLOAD_DEPTH - 1, MAX_PAYLOAD_DEPTH, MAX_PAYLOAD_DEPTH + 1, 2 * MAX_PAYLOAD_DEPTH] {
        let pairs = [
            ("[", "]"),
            ("{\"a\":", "}"),
            ("[{\"a\":", "}]"),
            ("{\"]\\\"\":[", "]}"),
            (" [\n1.5e+3 ,", "\t]"),
        ];
        for (open, close) in pairs {
            let times = depth / open.matches(['[', '{']).count();
            let inner = if open.ends_with(',') { "[]" } else { "null" };
            let deep = format!("{}{inner}{}", open.repeat(times), close.repeat(times));
            all.push(format!("[{}1]", "[],{\"a\":[]},".repeat(200)));
            all.push(format!("[\"{}\",{deep}]", "[{".repeat(200)));
            all.push(format!("[\"\\\\\",{deep},\"\\\"[\"]"));
            all.push(deep);
        }
    }
    all
}

/// Texts that are JSON but for a slip, mostly.
fn slips(random: &mut Random) -> Vec<String> {
    const GOOD: [&str; 4] = [
        r#"{"a":[1,-2.5e+3,true,null,"x\"y\\"],"b":{"c":"\u00e9\ud83d\ude00"}}"#,
        r#" [ "\\\"", {"":{}}, [[],[{}]], 0.10 , false ] "#,
        r#"["\\ud800","\\\\u0000","\ud83d\ude00\\"]"#,
        r#"{"k":"[{\"]}","l":-0,"m":[[["z"]]]}"#,
    ];
    const CHARS: [&str; 20] = [
        "\"", "\\", "[", "]", "{", "}", ",", ":", "0", "-", ".", "e", "u", "d", "8", " ", "\n", "t", "é",
        "\u{1}",
    ];
    let mut all = GOOD.map(str::to_owned).to_vec();
    for _ in 0..400 {
        let mut text: Vec<String> = GOOD[random.below(GOOD.len())].chars().map(String::from).collect();
        for _ in 0..=random.below(2) {
            let (at, new) = (random.below(text.len()), CHARS[random.below(CHARS.len())]);
            match random.below(3) {
                0 => drop(text.remove(at)),
                1 => text.insert(at, new.into()),
                _ => text[at] = new.into(),
            }
        }
        all.push(text.concat());
    }
    all
}

#[tokio::test]
async fn the_function_takes_what_the_clients_take_and_nothing_else() {
    let database = fresh().await;
    let client = connect(database.url()).await.unwrap();
    client.batch_execute(TRY).await.unwrap();
    let mut random = Random(12);
    let mut texts: Vec<String> = SCALARS.iter().copied().map(str::to_owned).collect();
    texts.extend(strings(&mut random));
    texts.extend(nested());
    texts.extend(slips(&mut random));
    texts.push(format!("\"{}\"", "é".repeat(MAX_PAYLOAD_BYTES / 2 - 1)));
    texts.push(format!("\"{}\" ", "é".repeat(MAX_PAYLOAD_BYTES / 2 - 1)));
    texts.push("[".repeat(MAX_PAYLOAD_BYTES));
    let sql = "SELECT r.stored, r.code FROM unnest($1::text[]) WITH ORDINALITY AS u(t, at), pg_temp.try(u.t) r ORDER BY u.at";
    let rows = client.query(sql, &[&texts]).await.unwrap();
    assert_eq!(rows.len(), texts.len());
    let (mut differ, mut accepted) = (Vec::new(), 0);
    for (text, row) in texts.iter().zip(rows) {
        let (stored, code): (Option<String>, Option<String>) = (row.get(0), row.get(1));
        let rust = Payload::from_json_text(text.as_str());
        accepted += usize::from(rust.is_ok());
        // What is no JSON, not allowed, or far too deep.
        let known = code.as_deref().is_none_or(|c| ["22P02", "22P05", "22023", "54001"].contains(&c));
        if stored.as_ref() != rust.is_ok().then_some(text) || !known {
            let text: String = text.chars().take(120).collect();
            differ
                .push(format!("{text:?}: SQL {}, Rust {rust:?}", code.unwrap_or_else(|| "takes it".into())));
        }
    }
    assert!(differ.is_empty(), "{} of {} differ:\n{}", differ.len(), texts.len(), differ.join("\n"));
    assert!(accepted > 300 && texts.len() - accepted > 300, "{accepted} of {} are taken", texts.len());
}

#[tokio::test]
async fn the_largest_payloads_are_checked_fast_whatever_they_are_made_of() {
    let database = fresh().await;
    let client = connect(database.url()).await.unwrap();
    let fill = |piece: &str| {
        let times = (MAX_PAYLOAD_BYTES - 8) / piece.len();
        format!("[{}]", vec![piece.trim_end_matches(','); times].join(","))
    };
    let deep = format!("{}{}", "[".repeat(MAX_PAYLOAD_DEPTH - 1), "]".repeat(MAX_PAYLOAD_DEPTH - 1));
    let deep_mixed = format!("{}1{}", "[{\"a\":".repeat(63), "}]".repeat(63));
    let pieces = [
        "[],",
        "{},",
        "1,",
        "\"\",",
        "\"\\\\\",",
        "\"\\\"\",",
        "\"[\",",
        "\"\\u0001\",",
        "\"\\ud83d\\ude00\",",
        "[\"\"],",
        "{\"\":[]},",
        "[[\"[\",1]],",
        &format!("{deep},"),
        &format!("{deep_mixed},"),
    ];
    let mut texts: Vec<String> = pieces.iter().map(|p| fill(p)).collect();
    texts.push(format!("\"{}\"", "\\".repeat(MAX_PAYLOAD_BYTES - 2)));
    texts.push(format!("\"{}\"", "[".repeat(MAX_PAYLOAD_BYTES - 2)));
    texts.push(format!("[{}]", " ".repeat(MAX_PAYLOAD_BYTES - 2)));
    let mut slow = Vec::new();
    for text in texts {
        assert!(Payload::from_json_text(text.as_str()).is_ok(), "{}", &text[..40]);
        let begun = Instant::now();
        client.query("SELECT forge.check_payload($1::text::json)", &[&text]).await.unwrap();
        // A fraction of a second each; more on a machine that is busy.
        if begun.elapsed() > Duration::from_secs(10) {
            slow.push(format!("{:?}: {}", begun.elapsed(), &text[..40]));
        }
    }
    assert!(slow.is_empty(), "{}", slow.join("\n"));
}
