//! The other crates, each asked in the way that is its fastest.

use libreauth::oath::{HOTP, HOTPBuilder, TOTP, TOTPBuilder};
use otp_engine::oath::HashFunction;
use totp_rs::{Builder, Totp};

/// totp-rs knows no HOTP: with steps of one second, its time is the counter.
pub(crate) fn totp_rs(algorithm: HashFunction, secret: &[u8], step: u64, skew: u16) -> Totp {
    let algorithm = match algorithm {
        HashFunction::Sha1 => totp_rs::Algorithm::SHA1,
        HashFunction::Sha256 => totp_rs::Algorithm::SHA256,
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

pub(crate) fn libreauth_hotp(algorithm: HashFunction, secret: &[u8], counter: u64) -> HOTP {
    let made = HOTPBuilder::new()
        .key(secret)
        .counter(counter)
        .hash_function(hash(algorithm))
        .finalize();
    made.unwrap_or_else(|_| unreachable!("libreauth takes such a key"))
}

/// It reads the system's clock in each call, and knows no other way.
pub(crate) fn libreauth_totp(algorithm: HashFunction, secret: &[u8], at: i64) -> TOTP {
    let made = TOTPBuilder::new()
        .key(secret)
        .timestamp(at)
        .tolerance(1)
        .hash_function(hash(algorithm))
        .finalize();
    made.unwrap_or_else(|_| unreachable!("libreauth takes such a key"))
}

fn hash(algorithm: HashFunction) -> libreauth::hash::HashFunction {
    use libreauth::hash::HashFunction as Theirs;
    match algorithm {
        HashFunction::Sha1 => Theirs::Sha1,
        HashFunction::Sha256 => Theirs::Sha256,
        _ => Theirs::Sha512,
    }
}
