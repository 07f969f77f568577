//! The engines that are asked, and how their builders are spelt.

use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;

use otp_engine::{Binding, ContentDigest, KeyRing, Mobile, Policy, Target, policy::Resend};

use crate::steps::{RINGS, SIBLINGS};
use crate::terms::{Limits, Ring, Who};

/// The siblings: the default; stricter in attempts; rotating; more digits; lax and short; the
/// default again with another cooldown and number of sends, which no challenge remembers.
pub(crate) const LIMITS: [Limits; SIBLINGS] = {
    let default = Limits {
        digits: 6,
        max_attempts: 5,
        validity: 180,
        lockout: 900,
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
            lockout: 1_800,
            cooldown: 15,
            ..default
        },
        Limits {
            max_attempts: 10,
            validity: 60,
            lockout: 600,
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
        .lockout(seconds(limits.lockout))
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
        .target(Target {
            model: "loan.application",
            field: "signature",
            id: &record,
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

/// Fills `bytes` with a draw that is another one each time, and the same in every run.
pub(crate) fn counted(draws: &AtomicU64, bytes: &mut [u8]) {
    let draw = draws.fetch_add(1, Ordering::Relaxed) + 1;
    bytes.fill(0);
    for (byte, of_draw) in bytes.iter_mut().rev().zip(draw.to_le_bytes()) {
        *byte = of_draw;
    }
}
