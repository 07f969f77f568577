//! Devices under an engine.

mod devices;
mod engine;

use otp_engine::oath::{Acceptance, Device, HashFunction, Hotp, Ocra, Secret, Suite, Totp};
use otp_engine::{Binding, Evidence, MemoryStore, Store, Verdict};

use crate::support::fixture::{Harness, binding_of};

pub(crate) fn secret() -> Secret {
    Secret::new(b"abcdefghijklmnopqrst").unwrap()
}

pub(crate) fn hotp() -> Hotp {
    Hotp::new(&secret(), HashFunction::Sha1, 6).unwrap()
}

fn totp() -> Totp {
    Totp::new(&secret(), HashFunction::Sha1, 6, 30).unwrap()
}

pub(crate) fn ocra(suite: &str) -> Ocra {
    Ocra::new(&secret(), Suite::parse(suite).unwrap())
}

fn permanent() -> MemoryStore {
    MemoryStore::keeping_records_until_exit()
}

fn here() -> Binding {
    binding_of(0, 0, 0)
}

impl Harness {
    fn totp(&self, store: &dyn Store, entered: &str) -> Verdict<Acceptance> {
        self.engine
            .verify_devices(
                store,
                &here(),
                &[Device::totp(&totp(), 1)],
                entered,
                Evidence::new(),
            )
            .unwrap()
    }

    fn hotp(&self, store: &dyn Store, entered: &str) -> Verdict<Acceptance> {
        self.engine
            .verify_devices(
                store,
                &here(),
                &[Device::hotp(&hotp(), 5)],
                entered,
                Evidence::new(),
            )
            .unwrap()
    }
}
