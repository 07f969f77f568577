//! Verify: one typed text, judged once.

use alloc::boxed::Box;
use alloc::string::ToString;

use super::{
    Decision, Ground, Operation, RECIPIENT, SLOT, Subject, Target, USER, put_meter, put_slot,
    read_meter,
};
use crate::challenge::{Challenge, State};
use crate::event::{Happening, Happenings};
use crate::evidence::Checked;
use crate::meter::Meter;
use crate::page::Page;
use crate::record::facts::{Address, Content, Facts, Guessing, Image, Otp, Salts, sign};
use crate::seal::{Place, Places, Writes};
use crate::store::{Key, Kind};
use crate::typed::Typed;
use crate::{
    Acceptance, Binding, ChallengeId, Error, Evidence, EvidenceFault, Recipient, RecordField,
    Rejection, SignatureRecord, Timestamp, Verdict,
};

/// What a person typed, for what, and if the client knows it, for which challenge.
///
/// ```
/// # use otp_engine::{Binding, Mobile, RecordField, Submission};
/// # let binding = Binding::builder().tenant("acme").purpose("sign").user("7")
/// #     .record_field(RecordField { model: "m", field: "f", record: "1" })
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
    pub(crate) binding: &'a Binding,
    pub(crate) typed: &'a [u8],
    pub(crate) id: Option<ChallengeId>,
    pub(crate) evidence: Evidence<'a>,
}

impl<'a> Submission<'a> {
    /// Submits a typed text. Any bytes are an answer: text that is no code is
    /// [`Malformed`](Rejection::Malformed).
    pub fn new(binding: &'a Binding, typed: &'a (impl AsRef<[u8]> + ?Sized)) -> Self {
        Self {
            binding,
            typed: typed.as_ref(),
            id: None,
            evidence: Evidence::new(),
        }
    }

    /// Adds what the signature record is to hold, and what the policy requires.
    pub const fn evidence(mut self, evidence: Evidence<'a>) -> Self {
        self.evidence = evidence;
        self
    }

    /// Names the challenge that the client means; another one is not compared with.
    pub const fn challenge(mut self, id: ChallengeId) -> Self {
        self.id = Some(id);
        self
    }
}

impl core::fmt::Debug for Submission<'_> {
    /// Shows all but what was typed.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Submission")
            .field("binding", &self.binding)
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// Judges a submission.
pub(crate) struct Verify<'a> {
    pub(crate) target: Target<'a>,
    pub(crate) submission: Submission<'a>,
    /// What of the evidence fits.
    pub(crate) evidence: Checked<'a>,
    /// Fresh ones, where the engine signs.
    pub(crate) salts: Salts,
}

impl Operation for Verify<'_> {
    type Answer = Verdict;

    fn keys(&self) -> &[Key] {
        self.target.keys()
    }

    fn page(&self) -> Option<usize> {
        self.target.page()
    }

    fn decide(
        &self,
        ground: &Ground<'_>,
        places: &Places<'_>,
        writes: &mut Writes<'_>,
        now: Timestamp,
    ) -> Result<Decision<Verdict>, Error> {
        if let Some(signer) = ground.signer {
            // The key may have retired since the shell asked: no answer then, right or wrong.
            signer.signs_at(now).map_err(Error::SigningKey)?;
        }
        let slot = places.at(SLOT)?;
        let mut challenge = Challenge::in_slot(slot.body(), now)?;
        let over = challenge
            .as_mut()
            .is_some_and(|challenge| challenge.expire(now));
        let (mut user, mut recipient) = (Meter::default(), Meter::default());
        read_meter(ground, places, USER, &mut user)?;
        read_meter(ground, places, RECIPIENT, &mut recipient)?;
        // An absent slot is compared with a decoy: the same work, and never an acceptance.
        let decoy;
        let current = match &challenge {
            Some(challenge) => challenge,
            None => {
                decoy = self.decoy(ground, now);
                &decoy
            }
        };
        let kind = current.limits.kind;
        let typed = Typed::parse(self.submission.typed, kind);
        let code = ground
            .keys
            .code(current.kid, current.id, &self.target.digest, kind);
        let guess = typed.as_ref().map(|typed| code.compare(typed));
        let mixed_scripts = typed.as_ref().is_some_and(Typed::mixed_scripts);

        let rejected = |rejection, id| {
            let happening = Happening::Rejected {
                rejection,
                mixed_scripts,
            };
            Ok(Decision {
                answer: Verdict::Rejected(rejection),
                happenings: happening.into(),
                id,
            })
        };
        let Some(challenge) = challenge else {
            let absent = if typed.is_none() {
                Rejection::Malformed
            } else {
                Rejection::Unknown
            };
            return rejected(absent, None);
        };
        let id = Some(challenge.id);
        let closed = self.closed(ground, &challenge, &user, now)?;
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
            (None, Some(guess)) => challenge.judge(ground.policy, now, guess),
        };

        let mut happenings = Happenings::default();
        happenings.add(match verdict {
            Verdict::Accepted(()) => Happening::Accepted { mixed_scripts },
            Verdict::Rejected(rejection) => Happening::Rejected {
                rejection,
                mixed_scripts,
            },
        });
        if next.state == State::Exhausted {
            happenings.add(Happening::Exhausted);
        }
        put_slot(writes, slot, &next);
        let answer = match verdict {
            Verdict::Accepted(()) => {
                user.consecutive = 0;
                // Written even if it was 0: the acceptance rests on the user not being locked.
                put_meter(ground, places, writes, USER, &user, now)?;
                let record = self.append_record(ground, places, writes, &challenge, now)?;
                Verdict::Accepted(Acceptance::new(next.id, now, record))
            }
            Verdict::Rejected(rejection) => {
                if matches!(rejection, Rejection::Wrong { .. }) {
                    charge(ground, &mut user, &mut recipient, &mut happenings, now);
                    put_meter(ground, places, writes, USER, &user, now)?;
                    put_meter(ground, places, writes, RECIPIENT, &recipient, now)?;
                }
                Verdict::Rejected(rejection)
            }
        };
        Ok(Decision {
            answer,
            happenings,
            id,
        })
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Binding(self.target.binding)
    }
}

impl Verify<'_> {
    /// A challenge that nobody was sent.
    fn decoy(&self, ground: &Ground<'_>, now: Timestamp) -> Challenge {
        let key = (ground.keys.current(), ground.keys.epoch());
        let id = ChallengeId::from_bytes(self.target.digest.tag());
        Challenge::new(ground.policy, now, id, self.target.digest.tag(), key, None)
    }

    /// Signs what was answered, and puts page and record beside the slot; `challenge` is as it was
    /// before this guess.
    fn append_record(
        &self,
        ground: &Ground<'_>,
        places: &Places<'_>,
        writes: &mut Writes<'_>,
        challenge: &Challenge,
        now: Timestamp,
    ) -> Result<Option<Box<SignatureRecord>>, Error> {
        let (Some(signer), Some(at)) = (ground.signer, self.target.page()) else {
            return Ok(None);
        };
        let place = places.at(at)?;
        let page = Page::read(place.body())?;
        let id = challenge.id.to_string();
        let facts = self.facts(ground, challenge, &id, &page, now);
        // All texts are bounded so that they fit: only a page that counts past 2^53 does not.
        let record = sign(&facts, &self.salts, signer).map_err(|_| Error::Tampered)?;
        let next = page.append(record.digest());
        writes.put(place, Kind::Page, None, |body| next.write(body));
        let key = ground.keys.record_key(&place.key(), next.count());
        writes.put(Place::absent(key), Kind::Record, None, |body| {
            body.extend(record.to_bytes());
        });
        Ok(Some(Box::new(record)))
    }

    fn facts<'f>(
        &'f self,
        ground: &Ground<'_>,
        challenge: &Challenge,
        id: &'f str,
        page: &Page,
        now: Timestamp,
    ) -> Facts<'f> {
        let Self {
            submission: Submission { binding, .. },
            evidence,
            ..
        } = self;
        let RecordField {
            model,
            field,
            record,
        } = binding.record_field();
        Facts {
            tenant: binding.tenant(),
            id: ground.keys.record_id(challenge.id),
            verified_at: now,
            purpose: binding.purpose(),
            n: page.count().saturating_add(1),
            prev: page.head(),
            model,
            field,
            record,
            revision: evidence.revision,
            content: binding.content().map(|content| Content {
                digest: *content.as_bytes(),
                guessing: if content.is_guessable() || challenge.guessable {
                    Guessing::Feasible
                } else {
                    Guessing::Hopeless
                },
                size: evidence.document_size,
                media_type: None,
            }),
            user: binding.user(),
            user_name: evidence.user_name,
            signer_name: evidence.signer_name,
            address: match binding.recipient() {
                Recipient::Mobile(mobile) => Address::Number(mobile.as_str()),
                Recipient::Email(email) => Address::Email(email.as_str()),
            },
            ip: evidence.ip,
            agent: evidence.agent,
            otp: Otp {
                id,
                sent_at: challenge.sent_at,
                attempts: u32::from(challenge.attempts) + 1,
                sends: challenge.sends.into(),
                digits: u32::try_from(challenge.limits.kind.len()).unwrap_or(0), // at most 26
            },
            image: evidence.image.map(|image| Image {
                digest: image.digest,
                size: image.size,
                media_type: image.media_type,
            }),
            consent: evidence.consent,
        }
    }

    /// Returns why no guess may be compared with the slot's challenge, if so.
    fn closed(
        &self,
        ground: &Ground<'_>,
        challenge: &Challenge,
        user: &Meter,
        now: Timestamp,
    ) -> Result<Option<Rejection>, Error> {
        if !self.target.digest.has_tag(&challenge.tag) {
            return Ok(Some(Rejection::Mismatch));
        }
        if self.submission.id.is_some_and(|id| id != challenge.id) {
            return Ok(Some(Rejection::Superseded));
        }
        if challenge.is_ahead_of(now) {
            return Err(Error::Clock);
        }
        if let Some(rejection) = challenge.closed(ground.policy, now) {
            return Ok(Some(rejection));
        }
        if challenge.epoch != ground.keys.epoch() {
            return Ok(Some(Rejection::Unknown));
        }
        if !ground.keys.holds(challenge.kid, challenge.issued_at) {
            return Err(Error::UnknownKey);
        }
        if let Some(retry_at) = user.lock(ground.budgets, now) {
            return Ok(Some(Rejection::Locked { retry_at }));
        }
        // What was required when the code was issued, on top of what this policy requires.
        let missing = challenge.limits.evidence.missing_from(self.evidence.pieces);
        Ok(missing.map(|piece| Rejection::Evidence(EvidenceFault::Missing(piece))))
    }
}

/// Charges one compared wrong guess to the user and to the recipient.
pub(super) fn charge(
    ground: &Ground<'_>,
    user: &mut Meter,
    recipient: &mut Meter,
    happenings: &mut Happenings,
    now: Timestamp,
) {
    let budgets = ground.budgets;
    if !budgets.is_metered() {
        return;
    }
    user.count_failure(budgets, now);
    recipient.failures.record(now);
    if let Some(retry_at) = user.lock(budgets, now) {
        happenings.add(Happening::Locked { retry_at });
    } else if budgets.is_nearly_locked(user.consecutive) {
        happenings.add(Happening::NearlyLocked {
            consecutive: user.consecutive,
        });
    }
}
