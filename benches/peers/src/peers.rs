//! The other crates, each asked in the way that is its fastest.

use libreauth::hash::HashFunction;
use libreauth::oath::{HOTP, HOTPBuilder, TOTP, TOTPBuilder};
use otp_engine::oath::Algorithm;
use totp_rs::{Builder, Totp};

/// totp-rs knows no HOTP: with steps of one second, its time is the counter.
pub(crate) fn totp_rs(algorithm: Algorithm, secret: &[u8], step: u64, skew: u16) -> Totp {
    let algorithm = match algorithm {
        Algorithm::Sha1 => totp_rs::Algorithm::SHA1,
        Algorithm::Sha256 => totp_rs::Algorithm::SHA256,
        _ => totp_rs::Algorithm::SHA512,
    };
    Builder::new()
        .with_algorithm(algorithm)
        .with_secret(secret.to_vec())
        .with_digits(6)
        .with_step_duration(step)
        .with_skew(skew)
        .build_noncompliant()
}

pub(crate) fn libreauth_hotp(algorithm: Algorithm, secret: &[u8], counter: u64) -> HOTP {
    let made = HOTPBuilder::new()
        .key(secret)
        .counter(counter)
        .hash_function(hash(algorithm))
        .finalize();
    made.unwrap_or_else(|_| unreachable!("libreauth takes such a key"))
}

/// It reads the system's clock in each call, and knows no other way.
pub(crate) fn libreauth_totp(algorithm: Algorithm, secret: &[u8], at: i64) -> TOTP {
    let made = TOTPBuilder::new()
        .key(secret)
        .timestamp(at)
        .tolerance(1)
        .hash_function(hash(algorithm))
        .finalize();
    made.unwrap_or_else(|_| unreachable!("libreauth takes such a key"))
}

fn hash(algorithm: Algorithm) -> HashFunction {
    match algorithm {
        Algorithm::Sha1 => HashFunction::Sha1,
        Algorithm::Sha256 => HashFunction::Sha256,
        _ => HashFunction::Sha512,
    }
}
