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

use core::hint::black_box;

use cpu_time::ThreadTime;
use otp_engine::Timestamp;
use otp_engine::oath::{Algorithm, Hotp, Inputs, Ocra, Reach, Secret, Suite, Totp};

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
    for algorithm in [Algorithm::Sha1, Algorithm::Sha256] {
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

fn floor(algorithm: Algorithm) -> Floor {
    let block = |pad: u8| {
        let mut block = [pad; 64];
        for (byte, secret) in block.iter_mut().zip(SECRET) {
            *byte ^= secret;
        }
        block
    };
    let (inner, outer) = ([block(0x36)], [block(0x5C)]);
    match algorithm {
        Algorithm::Sha1 => {
            let mut states = [SHA1; 2];
            sha1::block_api::compress(&mut states[0], &inner);
            sha1::block_api::compress(&mut states[1], &outer);
            Floor::Sha1(states)
        }
        _ => {
            let mut states = [SHA256; 2];
            sha2::block_api::compress256(&mut states[0], &inner);
            sha2::block_api::compress256(&mut states[1], &outer);
            Floor::Sha256(states)
        }
    }
}

/// A prepared key and nothing else.
enum Floor {
    Sha1([[u32; 5]; 2]),
    Sha256([[u32; 8]; 2]),
}

impl Floor {
    fn truncated(&self, counter: u64) -> u32 {
        let mut block = [0; 64];
        block[..8].copy_from_slice(&counter.to_be_bytes());
        block[8] = 0x80;
        block[62..].copy_from_slice(&576_u16.to_be_bytes());
        let mut mac = [0; 32];
        let last = match *self {
            Self::Sha1([mut inner, mut outer]) => {
                sha1::block_api::compress(&mut inner, &[block]);
                let block = second(&inner);
                sha1::block_api::compress(&mut outer, &[block]);
                put(&outer, &mut mac);
                mac[19]
            }
            Self::Sha256([mut inner, mut outer]) => {
                sha2::block_api::compress256(&mut inner, &[block]);
                let block = second(&inner);
                sha2::block_api::compress256(&mut outer, &[block]);
                put(&outer, &mut mac);
                mac[31]
            }
        };
        let at = usize::from(last & 15);
        u32::from_be_bytes(mac[at..at + 4].try_into().unwrap()) & 0x7FFF_FFFF
    }

    fn generate(&self, counter: u64) -> [u8; 6] {
        let mut rest = self.truncated(counter);
        let mut code = [0; 6];
        for place in code.iter_mut().rev() {
            *place = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
        code
    }

    fn verify(&self, counter: u64, typed: &[u8; 6], window: u64) -> bool {
        let mut found = 0;
        for step in counter - window..=counter + window {
            let code = self.generate(step);
            let differs = code.iter().zip(typed).fold(0, |sum, (a, b)| sum | (a ^ b));
            found |= u8::from(black_box(differs) == 0);
        }
        found != 0
    }
}

/// The outer block: the inner digest with its padding.
fn second(inner: &[u32]) -> [u8; 64] {
    let mut block = [0; 64];
    put(inner, &mut block);
    let length = 4 * inner.len();
    block[length] = 0x80;
    let bits = u16::try_from(8 * (64 + length)).unwrap();
    block[62..].copy_from_slice(&bits.to_be_bytes());
    block
}

fn put(state: &[u32], out: &mut [u8]) {
    for (bytes, word) in out.chunks_exact_mut(4).zip(state) {
        bytes.copy_from_slice(&word.to_be_bytes());
    }
}

const SHA1: [u32; 5] = [
    0x6745_2301,
    0xEFCD_AB89,
    0x98BA_DCFE,
    0x1032_5476,
    0xC3D2_E1F0,
];
const SHA256: [u32; 8] = [
    0x6A09_E667,
    0xBB67_AE85,
    0x3C6E_F372,
    0xA54F_F53A,
    0x510E_527F,
    0x9B05_688C,
    0x1F83_D9AB,
    0x5BE0_CD19,
];
