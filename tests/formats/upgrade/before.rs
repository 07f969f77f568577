//! How the version before (commit 9161168) reads a cell: its readers, frozen, for tests alone.
//!
//! Whatever they refuse, it takes for tampered. Never bring them up to date: they are what a host
//! runs that is not upgraded yet.

use hmac::{Hmac, KeyInit, Mac};
use otp_engine::store::{Key, Kind};
use sha2::Sha256;

/// The index secret of the store that it filled.
const INDEX: [u8; 32] = [2; 32];

/// Says whether the version before reads a body, seal included, as a cell of this kind.
pub(crate) fn reads(kind: Kind, key: &Key, version: u64, body: &[u8]) -> bool {
    if kind == Kind::Record {
        return record(body);
    }
    let Some((body, seal)) = body.split_last_chunk::<16>() else {
        return false;
    };
    if *seal != sealed(key, version, body) {
        return false;
    }
    match kind {
        Kind::Slot => slot(body),
        Kind::Meter => meter(body),
        Kind::Credential => body.len() == 13 && body[0] == 1,
        Kind::ChainHead => body.len() == 41 && body[0] == 1 && body[1..9] != [0; 8],
        _ => true, // it never loads what it does not know
    }
}

fn slot(body: &[u8]) -> bool {
    let &[1, state, kind, symbols, ..] = body else {
        return false;
    };
    let is_kind = match kind {
        1 => (6..=10).contains(&symbols),
        2 => (4..=26).contains(&symbols),
        3 => symbols == 26,
        _ => false,
    };
    body.len() == 96 && state <= 4 && is_kind && body[9] <= 2 && body[15] & !0b1111 == 0
}

fn meter(body: &[u8]) -> bool {
    let &[1, _, _, sends, failures, refunds, ..] = body else {
        return false;
    };
    let lists = [sends, failures, refunds].map(usize::from);
    lists.iter().all(|list| *list <= 32) && body.len() == 14 + 4 * lists.iter().sum::<usize>()
}

fn record(body: &[u8]) -> bool {
    body.split_first()
        .is_some_and(|(format, text)| *format == 1 && core::str::from_utf8(text).is_ok())
}

fn sealed(key: &Key, version: u64, body: &[u8]) -> [u8; 16] {
    let seal = mac(&INDEX, &[b"otp-engine seal v1"]);
    let sealed = mac(&seal, &[key.as_bytes(), &version.to_be_bytes(), body]);
    *sealed.first_chunk().unwrap()
}

fn mac(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}
