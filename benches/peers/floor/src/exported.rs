//! The floors for C and Python: each function does its operation `n` times.

#![expect(
    unsafe_code,
    reason = "a name that C can call: the attribute is unsafe as names could clash"
)]

use core::ffi::c_void;
use core::hint::black_box;
use std::sync::LazyLock;

use crate::hotp::Hotp;
use crate::operation::{Operation, Order};

const SECRET: &[u8; 32] = b"12345678901234567890123456789012";
const WRONG: [u8; 6] = *b"999999";
/// A counter such as the time of these years gives.
const START: u64 = 57_000_000;
/// As many as stay in the processor's cache.
const SLOTS: usize = 1_000;

static BARE: LazyLock<Operation> = LazyLock::new(|| Operation::new(false, Order::Serial, SLOTS));
static METERED: LazyLock<Operation> = LazyLock::new(|| Operation::new(true, Order::Serial, SLOTS));

fn generate(key: Hotp, n: u64) {
    for counter in START..START + n {
        black_box(key.generate(black_box(counter)));
    }
}

fn verify(key: Hotp, n: u64, window: u64) {
    for counter in START..START + n {
        black_box(key.verify(black_box(counter), black_box(&WRONG), window));
    }
}

fn operate(n: u64, operation: impl Fn(usize)) {
    (0..SLOTS)
        .cycle()
        .zip(0..n)
        .for_each(|(slot, _)| operation(slot));
}

/// Makes `n` HOTP codes with SHA-1.
#[unsafe(no_mangle)]
extern "C" fn otp_floor_hotp_sha1(n: u64) {
    generate(Hotp::sha1(SECRET), n);
}

/// Makes `n` HOTP codes with SHA-256.
#[unsafe(no_mangle)]
extern "C" fn otp_floor_hotp_sha256(n: u64) {
    generate(Hotp::sha256(SECRET), n);
}

/// Makes `n` HOTP codes with SHA-512.
#[unsafe(no_mangle)]
extern "C" fn otp_floor_hotp_sha512(n: u64) {
    generate(Hotp::sha512(SECRET), n);
}

/// Compares `n` wrong codes with that of one step, `window` steps before and after included.
#[unsafe(no_mangle)]
extern "C" fn otp_floor_verify_sha1(n: u64, window: u64) {
    verify(Hotp::sha1(SECRET), n, window);
}

/// Compares `n` wrong codes with that of one step, `window` steps before and after included.
#[unsafe(no_mangle)]
extern "C" fn otp_floor_verify_sha256(n: u64, window: u64) {
    verify(Hotp::sha256(SECRET), n, window);
}

/// Compares `n` wrong codes with that of one step, `window` steps before and after included.
#[unsafe(no_mangle)]
extern "C" fn otp_floor_verify_sha512(n: u64, window: u64) {
    verify(Hotp::sha512(SECRET), n, window);
}

/// Does the work of `n` times issue without rate limits, on 1,000 slots in turn.
#[unsafe(no_mangle)]
extern "C" fn otp_floor_issue(n: u64) {
    operate(n, |slot| BARE.issue(slot));
}

/// Does the work of `n` times verify without rate limits, on 1,000 slots in turn.
#[unsafe(no_mangle)]
extern "C" fn otp_floor_verify(n: u64) {
    operate(n, |slot| BARE.verify(slot));
}

/// Does the work of `n` times issue with the default rate limits, on 1,000 slots in turn.
#[unsafe(no_mangle)]
extern "C" fn otp_floor_issue_metered(n: u64) {
    operate(n, |slot| METERED.issue(slot));
}

/// Does the work of `n` times verify with the default rate limits, on 1,000 slots in turn.
#[unsafe(no_mangle)]
extern "C" fn otp_floor_verify_metered(n: u64) {
    operate(n, |slot| METERED.verify(slot));
}

/// Does nothing, with the signature of issue and verify: what a call alone costs.
#[unsafe(no_mangle)]
extern "C" fn otp_floor_nothing(
    engine: *const c_void,
    store: *const c_void,
    binding: *const c_void,
    out: *mut c_void,
) -> i32 {
    black_box((engine, store, binding, out));
    0
}
