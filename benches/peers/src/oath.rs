//! HOTP and TOTP, beside the crates that make them too.

use core::hint::black_box;

use otp_engine::Timestamp;
use otp_engine::oath::{HashFunction, Hotp, Secret, Totp};
use otp_floor::hotp::Hotp as Floor;

use crate::measure::{Effort, Row, group};
use crate::peers;

/// Long enough for SHA-1 and no longer than a block.
const SECRET: &[u8; 32] = b"12345678901234567890123456789012";
/// A counter such as the time of these years gives.
const START: u64 = 57_000_000;
const PERIOD: u32 = 30;
const WRONG: &str = "999999";

pub(crate) fn rows(effort: Effort) {
    for algorithm in [
        HashFunction::Sha1,
        HashFunction::Sha256,
        HashFunction::Sha512,
    ] {
        let all = Makers::new(algorithm);
        all.agree();
        all.generate(effort);
        all.verify(effort);
    }
}

/// One key in every crate's hands.
struct Makers {
    algorithm: HashFunction,
    floor: Floor,
    hotp: Hotp,
    totp: Totp,
    /// Of counters, and of time.
    totp_rs: [totp_rs::Totp; 2],
    /// Which knows SHA-1 alone.
    otpauth: Option<(otpauth::HOTP, otpauth::TOTP)>,
}

impl Makers {
    fn new(algorithm: HashFunction) -> Self {
        let secret = Secret::new(SECRET).unwrap_or_else(|_| unreachable!("it has a good length"));
        let good = "six digits and half a minute are within bounds";
        Self {
            algorithm,
            floor: match algorithm {
                HashFunction::Sha1 => Floor::sha1(SECRET),
                HashFunction::Sha256 => Floor::sha256(SECRET),
                _ => Floor::sha512(SECRET),
            },
            hotp: Hotp::new(&secret, algorithm, 6).expect(good),
            totp: Totp::new(&secret, algorithm, 6, PERIOD).expect(good),
            totp_rs: [
                peers::totp_rs(algorithm, SECRET, 1, 0),
                peers::totp_rs(algorithm, SECRET, PERIOD.into(), 1),
            ],
            otpauth: matches!(algorithm, HashFunction::Sha1).then(|| {
                let counters = otpauth::HOTP::from_bytes(SECRET);
                (counters, otpauth::TOTP::from_bytes(SECRET))
            }),
        }
    }

    /// A peer that makes other codes does other work.
    fn agree(&self) {
        for counter in START..START + 100 {
            let (code, time) = (self.hotp.at(counter), counter * u64::from(PERIOD));
            let code = code.as_str();
            assert_eq!(self.floor.generate(counter), code.as_bytes(), "the floor");
            assert_eq!(self.totp_rs[0].generate(counter).to_string(), code);
            assert_eq!(self.totp_rs[1].generate(time).to_string(), code);
            assert!(
                self.totp_rs[1]
                    .check(code, time + u64::from(PERIOD))
                    .is_some()
            );
            let libreauth = peers::libreauth_hotp(self.algorithm, SECRET, counter);
            assert_eq!(libreauth.generate(), code);
            assert!(libreauth.is_valid(code));
            if let Some((hotp, totp)) = &self.otpauth {
                assert_eq!(format!("{:06}", hotp.generate(counter)), code);
                assert_eq!(format!("{:06}", totp.generate(PERIOD.into(), time)), code);
            }
        }
    }

    fn generate(&self, effort: Effort) {
        let [counters, times] = &self.totp_rs;
        let mut libreauth = peers::libreauth_hotp(self.algorithm, SECRET, START);
        let floor = |name| {
            Row::counted(effort, name, |at| {
                black_box(self.floor.generate(black_box(START + at)));
            })
        };
        let mut rows = vec![
            floor("floor"),
            floor("floor again"),
            Row::counted(effort, "otp-engine", |at| {
                black_box(self.hotp.at(black_box(START + at)));
            }),
            Row::counted(effort, "totp-rs", |at| {
                black_box(counters.generate(black_box(START + at)));
            }),
            Row::counted(effort, "totp-rs, as text", |at| {
                black_box(counters.generate(black_box(START + at)).to_string());
            }),
            Row::counted(effort, "libreauth", move |_| {
                black_box(black_box(&mut libreauth).increment_counter().generate());
            }),
        ];
        if let Some((hotp, _)) = &self.otpauth {
            rows.push(Row::counted(effort, "otpauth", |at| {
                black_box(hotp.generate(black_box(START + at)));
            }));
        }
        group(effort, &self.named("hotp generate"), rows);

        let libreauth = peers::libreauth_totp(self.algorithm, SECRET, now(START).unix());
        let mut rows = vec![
            floor("floor"),
            floor("floor again"),
            Row::counted(effort, "otp-engine", |at| {
                black_box(self.totp.at(black_box(now(START + at))));
            }),
            Row::counted(effort, "totp-rs", |at| {
                black_box(times.generate(black_box(seconds(START + at))));
            }),
            Row::counted(effort, "totp-rs, as text", |at| {
                black_box(times.generate(black_box(seconds(START + at))).to_string());
            }),
            Row::counted(effort, "libreauth", move |_| {
                black_box(black_box(&libreauth).generate());
            }),
        ];
        if let Some((_, totp)) = &self.otpauth {
            rows.push(Row::counted(effort, "otpauth", |at| {
                black_box(totp.generate(PERIOD.into(), black_box(seconds(START + at))));
            }));
        }
        group(effort, &self.named("totp generate"), rows);
    }

    fn verify(&self, effort: Effort) {
        let [counters, times] = &self.totp_rs;
        let libreauth = peers::libreauth_hotp(self.algorithm, SECRET, START);
        let floor = |name, window| {
            let wrong: [u8; 6] = *b"999999";
            Row::counted(effort, name, move |at| {
                let at = black_box(START + at);
                black_box(self.floor.verify(at, black_box(&wrong), window));
            })
        };
        let mut rows = vec![
            floor("floor", 0),
            floor("floor again", 0),
            Row::counted(effort, "otp-engine", |at| {
                black_box(self.hotp.verify(black_box(WRONG), black_box(START + at), 0));
            }),
            Row::counted(effort, "totp-rs", |at| {
                black_box(counters.check(black_box(WRONG), black_box(START + at)));
            }),
            Row::counted(effort, "libreauth", move |_| {
                black_box(black_box(&libreauth).is_valid(black_box(WRONG)));
            }),
        ];
        if let Some((hotp, _)) = &self.otpauth {
            rows.push(Row::counted(effort, "otpauth", |at| {
                black_box(hotp.verify(black_box(999_999), black_box(START + at), 1));
            }));
        }
        group(effort, &self.named("hotp verify"), rows);

        // otpauth has no window.
        let libreauth = peers::libreauth_totp(self.algorithm, SECRET, now(START).unix());
        let rows = vec![
            floor("floor", 1),
            floor("floor again", 1),
            Row::counted(effort, "otp-engine", |at| {
                black_box(
                    self.totp
                        .verify(black_box(WRONG), black_box(now(START + at)), 1),
                );
            }),
            Row::counted(effort, "totp-rs", |at| {
                black_box(times.check(black_box(WRONG), black_box(seconds(START + at))));
            }),
            Row::counted(effort, "libreauth", move |_| {
                black_box(black_box(&libreauth).is_valid(black_box(WRONG)));
            }),
        ];
        group(effort, &self.named("totp verify"), rows);
    }

    fn named(&self, group: &str) -> String {
        format!("{group} {}", self.algorithm.name().to_lowercase())
    }
}

const fn seconds(step: u64) -> u64 {
    step * PERIOD as u64
}

fn now(step: u64) -> Timestamp {
    Timestamp::from_unix(seconds(step).cast_signed())
}
