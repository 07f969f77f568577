//! What an OATH code costs, as ratios to a floor in the same run.
//!
//! The floor makes the two compressions that a prepared key leaves, cuts the number out and writes
//! six digits, or compares them in constant time: no key types, no windows, no wiping. Rows take
//! turns in rounds of about a millisecond, the order reversed every second round, on the thread's
//! own CPU time; a ratio is the median of the rounds' ratios. The floor runs twice: what the second
//! differs by is the noise.
//!
//! `cargo bench --bench oath`
#![allow(missing_docs, reason = "a bench")]
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a program for the terminal"
)]

#[expect(unreachable_pub, reason = "other members of the workspace share it")]
#[path = "floor/hotp.rs"]
mod hotp;

use core::hint::black_box;

use cpu_time::ThreadTime;
use otp_engine::Timestamp;
use otp_engine::oath::{HashFunction, Hotp, Inputs, Ocra, Reach, Secret, Suite, Totp};

use hotp::Hotp as Floor;

const ROUNDS: usize = 151;
const OPERATIONS: u64 = 5_000;
const SECRET: &[u8; 32] = b"12345678901234567890123456789012";
const START: u64 = 57_000_000;

fn main() {
    // `cargo test --benches` runs them without this argument: one short round shows that they work.
    let short = !std::env::args().any(|argument| argument == "--bench");
    let rounds = if short { 1 } else { ROUNDS };
    println!(
        "{:<38} {:>8} {:>8} {:>9}",
        "row (1 thread, CPU ns)", "median", "min", "to floor"
    );
    for algorithm in [
        HashFunction::Sha1,
        HashFunction::Sha256,
        HashFunction::Sha512,
    ] {
        println!("{}: generate 6 digits, prepared key", algorithm.name());
        let secret = Secret::new(SECRET).unwrap();
        let hotp = Hotp::new(&secret, algorithm, 6).unwrap();
        let totp = Totp::new(&secret, algorithm, 6, 30).unwrap();
        let floor = || floor(algorithm);
        let (one, other, check) = (floor(), floor(), floor());
        assert_eq!(one.generate(7), hotp.at(7).as_str().as_bytes());
        let (row_hotp, row_totp) = (hotp.clone(), totp.clone());
        group(
            rounds,
            &mut [
                row("floor: two compressions", move |at| {
                    black_box(one.generate(black_box(at)));
                }),
                row("floor again", move |at| {
                    black_box(other.generate(black_box(at)));
                }),
                row("hotp.at", move |at| {
                    black_box(row_hotp.at(black_box(at)));
                }),
                row("totp.at", move |at| {
                    let now = Timestamp::from_unix((30 * black_box(at)).cast_signed());
                    black_box(row_totp.at(now));
                }),
            ],
        );
        println!("{}: verify 6 digits, wrong code", algorithm.name());
        let again = floor();
        let (three, hotp, totp) = (floor(), hotp.clone(), totp.clone());
        let wrong = *b"999999";
        group(
            rounds,
            &mut [
                row("floor: one step", move |at| {
                    black_box(check.verify(black_box(at), black_box(&wrong), 0));
                }),
                row("floor again", move |at| {
                    black_box(again.verify(black_box(at), black_box(&wrong), 0));
                }),
                row("floor: window 1", move |at| {
                    black_box(three.verify(black_box(at), black_box(&wrong), 1));
                }),
                row("hotp.verify, look ahead 0", move |at| {
                    black_box(hotp.verify(black_box(&wrong), black_box(at), 0));
                }),
                row("totp.verify, window 1", move |at| {
                    let now = Timestamp::from_unix((30 * black_box(at)).cast_signed());
                    black_box(totp.verify(black_box(&wrong), now, 1));
                }),
            ],
        );
    }
    println!("OCRA-1:HOTP-SHA256-8:QH32 (compressions for 156 bytes)");
    let suite = Suite::parse("OCRA-1:HOTP-SHA256-8:QH32").unwrap();
    let ocra = Ocra::new(&Secret::new(SECRET).unwrap(), suite);
    let checking = ocra.clone();
    let question = "00112233445566778899aabbccddeeff";
    group(
        rounds,
        &mut [
            row("generate", move |_| {
                black_box(ocra.generate(&Inputs::new(black_box(question))).unwrap());
            }),
            row("verify, wrong code", move |_| {
                let inputs = Inputs::new(black_box(question));
                let wrong = black_box("99999999");
                black_box(checking.verify(wrong, &inputs, Reach::default()).unwrap());
            }),
        ],
    );
}

/// One thing to measure: `run` does one operation.
struct Row {
    name: &'static str,
    run: Box<dyn FnMut(core::ops::Range<u64>)>,
}

/// Makes a row whose loop is compiled with the operation in it.
fn row(name: &'static str, mut run: impl FnMut(u64) + 'static) -> Row {
    Row {
        name,
        run: Box::new(move |range| {
            for at in range {
                run(at);
            }
        }),
    }
}

/// Measures rows in turns; the first is the floor.
fn group(rounds: usize, rows: &mut [Row]) {
    let mut samples = vec![Vec::new(); rows.len()];
    for round in 0..rounds {
        let mut order: Vec<usize> = (0..rows.len()).collect();
        if round % 2 == 1 {
            order.reverse();
        }
        for at in order {
            let start = ThreadTime::now();
            (rows[at].run)(START..START + OPERATIONS);
            let spent = start.elapsed().as_secs_f64() * 1e9;
            samples[at].push(spent / OPERATIONS as f64);
        }
    }
    for (row, sample) in rows.iter().zip(&samples) {
        let ratio = |(row, floor): (&f64, &f64)| row / floor;
        let mut ratios: Vec<f64> = sample.iter().zip(&samples[0]).map(ratio).collect();
        let mut sorted = sample.clone();
        let (median, ratio) = (middle(&mut sorted), middle(&mut ratios));
        println!(
            "  {:<36} {median:>8.1} {:>8.1} {ratio:>8.3}x",
            row.name, sorted[0]
        );
    }
}

fn middle(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn floor(algorithm: HashFunction) -> Floor {
    match algorithm {
        HashFunction::Sha1 => Floor::sha1(SECRET),
        HashFunction::Sha256 => Floor::sha256(SECRET),
        _ => Floor::sha512(SECRET),
    }
}
