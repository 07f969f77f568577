//! Verify: one entered text, judged once.

use alloc::boxed::Box;

use zeroize::Zeroizing;

use super::{
    BindingCells, Context, Decided, Decision, Loaded, Operation, RECIPIENT, SLOT, Subject, USER,
    put_slot,
    signing::{Answer, Signing},
};
use crate::binding::BindingRef;
use crate::challenge::{Challenge, ChallengeState, DeliveryStatus};
use crate::code::{Guess, MAX_LEN, compare, derive_into};
use crate::entered::EnteredCode;
use crate::event::{EventKind, EventKinds};
use crate::evidence::CheckedEvidence;
use crate::meter::Meter;
use crate::record::facts::{Address, Maker, Salts};
use crate::seal::Writes;
use crate::store::Key;
use crate::{
    Acceptance, ChallengeId, Error, Evidence, Recipient, Rejection, SignatureRecord, Timestamp,
    Verdict, evidence::EvidenceFault,
};

/// What a person entered, for what, and if the client knows it, for which challenge.
///
/// ```
/// # use otp_engine::{Binding, Mobile, Target, Submission};
/// # let binding = Binding::builder().tenant("acme").purpose("sign").user("7")
/// #     .target(Target { model: "m", field: "f", id: "1" })
/// #     .recipient(Mobile::parse("60123456789")?).build()?;
/// let submission = Submission::new(&binding, "493 072");
/// # let _ = submission;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A code is text. A number would have lost its leading zeros, and does not compile:
///
/// ```compile_fail,E0277
/// fn submit(binding: &otp_engine::Binding) {
///     let _ = otp_engine::Submission::new(binding, &123456);
/// }
/// ```
#[derive(Clone, Copy)]
#[must_use]
pub struct Submission<'a> {
    pub(crate) binding: BindingRef<'a>,
    pub(crate) entered: &'a [u8],
    pub(crate) id: Option<ChallengeId>,
    pub(crate) evidence: Evidence<'a>,
    pub(crate) delivered: Option<(ChallengeId, u8)>,
}

impl<'a> Submission<'a> {
    /// Submits an entered text. Any bytes are an answer: text that is no code is
    /// [`Malformed`](Rejection::Malformed).
    pub fn new(
        binding: impl Into<BindingRef<'a>>,
        entered: &'a (impl AsRef<[u8]> + ?Sized),
    ) -> Self {
        Self {
            binding: binding.into(),
            entered: entered.as_ref(),
            id: None,
            evidence: Evidence::new(),
            delivered: None,
        }
    }

    /// Adds what the signature record is to hold, and what the policy requires.
    pub const fn evidence(mut self, evidence: Evidence<'a>) -> Self {
        self.evidence = evidence;
        self
    }

    /// Says that the gateway took a send, `id` and `send` as [`Issued`](crate::Issued) had them: in
    /// place of a call of [`Engine::report_delivery`](crate::Engine::report_delivery) with
    /// [`Sent`](crate::operation::Delivery::Sent), and without a commit of its own. It is kept with
    /// the guess that is compared; where none is, it is not. Report a message that was refused at once: it is
    /// refunded.
    pub const fn delivered(mut self, id: ChallengeId, send: u8) -> Self {
        self.delivered = Some((id, send));
        self
    }

    /// Names the challenge that the client means; another one is not compared with.
    pub const fn challenge(mut self, id: ChallengeId) -> Self {
        self.id = Some(id);
        self
    }
}

impl core::fmt::Debug for Submission<'_> {
    /// Shows all but what was entered.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Submission")
            .field("binding", &self.binding)
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// Judges a submission.
pub(crate) struct Verify<'a> {
    pub(crate) target: BindingCells<'a>,
    pub(crate) submission: Submission<'a>,
    /// What of the evidence fits.
    pub(crate) evidence: CheckedEvidence<'a>,
    /// Fresh ones, where the engine signs.
    pub(crate) salts: Salts,
}

impl<'a> Verify<'a> {
    /// `draw` fills the salts of the record, where there will be one.
    ///
    /// The inner `Err` is the evidence's: no store is asked then.
    ///
    /// # Errors
    ///
    /// As [`Context::admits`] and [`Context::can_keep_records`].
    pub(crate) fn new(
        context: &Context<'a>,
        submission: Submission<'a>,
        draw: impl FnOnce(&mut [u8]) -> Result<(), Error>,
        now: impl FnOnce() -> Result<Timestamp, Error>,
    ) -> Result<Result<Self, EvidenceFault>, Error> {
        let binding = submission.binding;
        context.admits(binding.binding())?;
        let target = BindingCells::signed(context, binding)?;
        let evidence = match submission.evidence.check(context.policy, binding.binding()) {
            Ok(evidence) => evidence,
            Err(fault) => return Ok(Err(fault)),
        };
        let mut salts = Salts::default();
        if context.signer.is_some() {
            context.can_keep_records(now)?;
            draw(salts.as_flattened_mut())?;
        }
        Ok(Ok(Self {
            target,
            submission,
            evidence,
            salts,
        }))
    }
}

impl Operation for Verify<'_> {
    type Answer = Verdict;

    fn keys(&self) -> &[Key] {
        self.target.keys()
    }

    fn asked(&self) -> &[Key] {
        self.target.asked()
    }

    fn chain_head(&self) -> Option<usize> {
        self.target.chain_head()
    }

    fn decide(&self, loaded: &Loaded<'_>, writes: &mut Writes<'_>) -> Decided<Verdict> {
        let (context, now) = (loaded.context, loaded.now);
        context.still_signs(now)?;
        let slot = loaded.cell(SLOT)?;
        let mut challenge = Challenge::in_slot(slot.body(), now)?;
        let over = challenge
            .as_mut()
            .is_some_and(|challenge| challenge.expire(now));
        let (mut user, mut recipient) = (Meter::default(), Meter::default());
        loaded.read_meter(USER, &mut user)?;
        loaded.read_meter(RECIPIENT, &mut recipient)?;
        let (guess, mixed_scripts) = self.compare(context, challenge.as_ref(), now);
        let rejected = |rejection, id| {
            let event = EventKind::Rejected {
                rejection,
                mixed_scripts,
            };
            Ok(Decision {
                answer: Verdict::Rejected(rejection),
                events: event.into(),
                id,
            })
        };
        let Some(mut challenge) = challenge else {
            let absent = if guess.is_none() {
                Rejection::Malformed
            } else {
                Rejection::Unknown
            };
            return rejected(absent, None);
        };
        let id = Some(challenge.id);
        let closed = self.closed(context, &challenge, &user, now)?;
        let delivered = closed.is_none() && self.is_delivered(&challenge);
        if delivered {
            challenge.delivery = DeliveryStatus::Sent;
        }
        let (next, verdict) = match (closed, guess) {
            // Text that is no code says so, whatever the slot holds; it is counted where it could
            // have been a guess.
            (Some(rejection), guess) => {
                if over {
                    put_slot(writes, slot, &challenge);
                }
                let malformed = guess.is_none();
                let told = if malformed {
                    Rejection::Malformed
                } else {
                    rejection
                };
                return rejected(told, id);
            }
            (None, None) => {
                let next = challenge.count_malformed(now);
                (next, Verdict::Rejected(Rejection::Malformed))
            }
            (None, Some(guess)) => challenge.judge(context.policy, now, guess),
        };

        let mut events = EventKinds::default();
        if delivered {
            events.add(EventKind::Delivered);
        }
        events.add(match verdict {
            Verdict::Accepted(()) => EventKind::Accepted { mixed_scripts },
            Verdict::Rejected(rejection) => EventKind::Rejected {
                rejection,
                mixed_scripts,
            },
        });
        if next.state == ChallengeState::Exhausted {
            events.add(EventKind::Exhausted);
        }
        put_slot(writes, slot, &next);
        let answer = match verdict {
            Verdict::Accepted(()) => {
                user.consecutive = 0;
                // Written even if it was 0: the acceptance rests on the user not being locked.
                loaded.put_meter(writes, USER, &user)?;
                let record = self.append_record(loaded, writes, &challenge)?;
                Verdict::Accepted(Acceptance::new(next.id, now, record))
            }
            Verdict::Rejected(rejection) => {
                if matches!(rejection, Rejection::Wrong { .. }) {
                    charge(context, &mut user, &mut recipient, &mut events, now);
                    loaded.put_meter(writes, USER, &user)?;
                    loaded.put_meter(writes, RECIPIENT, &recipient)?;
                }
                Verdict::Rejected(rejection)
            }
        };
        Ok(Decision { answer, events, id })
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Binding(self.target.binding)
    }
}

impl Verify<'_> {
    /// Says whether the submission reports on the latest send, which nothing was said of.
    fn is_delivered(&self, challenge: &Challenge) -> bool {
        self.submission.delivered == Some((challenge.id, challenge.sends))
            && challenge.delivery == DeliveryStatus::Unreported
    }

    /// Compares what was entered with the code of the slot; `None` for what is no code. Says too whether
    /// it mixes scripts. An empty slot is compared with a decoy: the same work, and never an acceptance.
    fn compare(
        &self,
        context: &Context<'_>,
        challenge: Option<&Challenge>,
        now: Timestamp,
    ) -> (Option<Guess>, bool) {
        let decoy;
        let current = match challenge {
            Some(challenge) => challenge,
            None => {
                decoy = self.decoy(context, now);
                &decoy
            }
        };
        let (digest, kind) = (self.target.digest(), current.limits.kind);
        // Neither leaves this frame: what is moved leaves copies that nobody wipes.
        let mut code = Zeroizing::new([0; MAX_LEN]);
        let mut symbols = Zeroizing::new([0; MAX_LEN]);
        let mac = context.keys.code_mac(current.kid, current.id, digest);
        derive_into(kind, &mac, &mut code);
        let Some(entered) = EnteredCode::parse(self.submission.entered, kind, &mut symbols) else {
            return (None, false);
        };
        (
            Some(compare(&code, entered.symbols())),
            entered.mixed_scripts(),
        )
    }

    /// A challenge that nobody was sent.
    fn decoy(&self, context: &Context<'_>, now: Timestamp) -> Challenge {
        let key = (context.keys.current(), context.keys.epoch());
        let id = ChallengeId::from_bytes(self.target.digest().tag());
        Challenge::new(
            context.policy,
            now,
            id,
            self.target.digest().tag(),
            key,
            None,
        )
    }

    /// Signs what was answered, and puts chain head and record beside the slot; `challenge` is as it was
    /// before this guess.
    fn append_record(
        &self,
        loaded: &Loaded<'_>,
        writes: &mut Writes<'_>,
        challenge: &Challenge,
    ) -> Result<Option<Box<SignatureRecord>>, Error> {
        let Some(at) = self.target.chain_head() else {
            return Ok(None);
        };
        let binding = self.target.binding;
        let answer = Answer {
            id: challenge.id,
            attempts: u32::from(challenge.attempts) + 1,
            digits: challenge.limits.kind.len(),
            guessable: challenge.guessable,
            maker: Maker::Engine {
                address: match binding.recipient() {
                    Recipient::Mobile(mobile) => Address::Number(mobile.as_str()),
                    Recipient::Email(email) => Address::Email(email.as_str()),
                },
                sent_at: challenge.sent_at,
                sends: challenge.sends.into(),
            },
        };
        let signing = Signing {
            evidence: &self.evidence,
            salts: &self.salts,
        };
        signing.append(loaded, writes, at, binding, &answer)
    }

    /// Returns why this guess may not be compared with the slot's challenge, if so.
    fn closed(
        &self,
        context: &Context<'_>,
        challenge: &Challenge,
        user: &Meter,
        now: Timestamp,
    ) -> Result<Option<Rejection>, Error> {
        let id = self.submission.id;
        if let Some(rejection) = self.target.closed(context, challenge, id, user, now)? {
            return Ok(Some(rejection));
        }
        // What was required when the code was issued, on top of what this policy requires.
        let missing = challenge.limits.evidence.missing_from(self.evidence.pieces);
        Ok(missing.map(|piece| Rejection::Evidence(EvidenceFault::Missing(piece))))
    }
}

/// Charges one compared wrong guess to the user and to the recipient.
pub(super) fn charge(
    context: &Context<'_>,
    user: &mut Meter,
    recipient: &mut Meter,
    events: &mut EventKinds,
    now: Timestamp,
) {
    let rate_limits = context.rate_limits;
    if !rate_limits.is_limited() {
        return;
    }
    user.count_failure(rate_limits, now);
    recipient.failures.record(now);
    if let Some(retry_at) = user.lock(rate_limits, now) {
        events.add(EventKind::Locked { retry_at });
    } else if rate_limits.is_nearly_locked(user.consecutive) {
        events.add(EventKind::NearlyLocked {
            consecutive: user.consecutive,
        });
    }
}
