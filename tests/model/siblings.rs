//! The engines that are asked, and how their builders are spelt.

use core::convert::Infallible;
use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::sync::Arc;

use otp_engine::{Binding, ContentDigest, KeyRing, Mobile, Policy, RecordField, Resend};
use rand_core::{TryCryptoRng, TryRng};

use crate::steps::{RINGS, SIBLINGS};
use crate::terms::{Limits, Ring, Who};

/// The siblings: the default; stricter in attempts; rotating; more digits; lax and short; the
/// default again with another cooldown and number of sends, which no challenge remembers.
pub(crate) const LIMITS: [Limits; SIBLINGS] = {
    let default = Limits {
        digits: 6,
        max_attempts: 5,
        validity: 180,
        closed_for: 900,
        cooldown: 60,
        rotate: false,
        max_sends: 3,
    };
    [
        default,
        Limits {
            max_attempts: 3,
            ..default
        },
        Limits {
            rotate: true,
            cooldown: 30,
            ..default
        },
        Limits {
            digits: 8,
            validity: 600,
            closed_for: 1_800,
            cooldown: 15,
            ..default
        },
        Limits {
            max_attempts: 10,
            validity: 60,
            closed_for: 600,
            cooldown: 15,
            max_sends: 2,
            ..default
        },
        Limits {
            cooldown: 15,
            max_sends: 5,
            ..default
        },
    ]
};

/// The key ring as time goes on: one key, a second one, the first one gone, then a raised epoch.
pub(crate) const KEY_RINGS: [Ring; RINGS] = [
    Ring {
        kids: &["a"],
        current: "a",
        epoch: 0,
    },
    Ring {
        kids: &["a", "b"],
        current: "b",
        epoch: 0,
    },
    Ring {
        kids: &["b"],
        current: "b",
        epoch: 0,
    },
    Ring {
        kids: &["a", "b"],
        current: "b",
        epoch: 1,
    },
];

/// The only place that knows how the engine's builders are spelt.
pub(crate) fn policy(limits: &Limits) -> Policy {
    let seconds = |seconds: i64| Duration::from_secs(seconds.unsigned_abs());
    Policy::builder()
        .digits(limits.digits)
        .max_attempts(limits.max_attempts)
        .validity(seconds(limits.validity))
        .closed_for(seconds(limits.closed_for))
        .cooldown(seconds(limits.cooldown))
        .resend(if limits.rotate {
            Resend::Rotate
        } else {
            Resend::Same
        })
        .max_sends(limits.max_sends)
        .build()
        .unwrap()
}

pub(crate) fn key_ring(ring: &Ring) -> KeyRing {
    let (a, b) = ([1; 32], [3; 32]);
    let mut builder = KeyRing::builder()
        .index(&[2; 32])
        .current(ring.current)
        .epoch(ring.epoch);
    for kid in ring.kids {
        builder = builder.code(kid, if *kid == "a" { &a } else { &b });
    }
    builder.build().unwrap()
}

pub(crate) fn bind(who: Who) -> Binding {
    let (user, record) = (who.user.to_string(), who.record.to_string());
    let number = Mobile::parse(&format!("6012345678{}", who.recipient)).unwrap();
    let builder = Binding::builder()
        .tenant(if who.tenant == 0 { "acme" } else { "zenith" })
        .purpose("sign")
        .record_field(RecordField {
            model: "loan.application",
            field: "signature",
            record: &record,
        })
        .user(&user)
        .recipient(number);
    match who.content {
        0 => builder.build().unwrap(),
        content => builder
            .content(ContentDigest::of(&[content]))
            .build()
            .unwrap(),
    }
}

/// Draws that are all different, and the same in every run.
pub(crate) struct Counted(pub(crate) Arc<AtomicU64>);

impl TryRng for Counted {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)
            .map(|()| u32::from_be_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)
            .map(|()| u64::from_be_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        let draw = self.0.fetch_add(1, Ordering::Relaxed) + 1;
        bytes.fill(0);
        for (byte, of_draw) in bytes.iter_mut().rev().zip(draw.to_le_bytes()) {
            *byte = of_draw;
        }
        Ok(())
    }
}

impl TryCryptoRng for Counted {}
