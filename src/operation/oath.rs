//! Verify a code that a device of the user's made: good once, wrong guesses counted for the device
//! and for the user.

use alloc::boxed::Box;
use alloc::string::String;

use arrayvec::ArrayVec;

use super::signing::{Answer, Signing};
use super::{Context, Decided, Decision, Loaded, Operation, Subject};
use crate::binding::BindingRef;
use crate::event::{EventKind, EventKinds};
use crate::evidence::CheckedEvidence;
use crate::meter::Meter;
use crate::oath::attempt::{Attempt, EnteredCode, Found, Fresh, KEEP, Moment};
use crate::oath::credential::Credential;
use crate::oath::{
    Acceptance, CodePair, Device, Error as OathError, MAX_DEVICES, Ocra, QuestionKind,
};
use crate::record::facts::{Device as DeviceFacts, Maker, Salts};
use crate::reveal;
use crate::seal::{LoadedCell, Writes};
use crate::store::{Class, Key, Kind, MAX_CELLS};
use crate::{
    Binding, ChallengeId, Error, Evidence, Rejection, SignatureRecord, Timestamp, Verdict,
    evidence::EvidenceFault,
};

/// Judges one entered text at the devices of a user.
pub(crate) struct VerifyOath<'a> {
    binding: &'a Binding,
    attempts: ArrayVec<Attempt<'a>, MAX_DEVICES>,
    /// What a record needs, where the engine signs.
    signed: Option<Signed<'a>>,
    /// The credentials, in the order of the attempts; the marks of those that have one; the user's
    /// meter where there are rate limits; the chain head where the engine signs, and behind it, where
    /// there is room, the first record of the target. No recipient: nothing is sent.
    asked: ArrayVec<Key, MAX_CELLS>,
    cells: usize,
    user: usize,
    began: Timestamp,
}

/// What the record of an acceptance needs.
struct Signed<'a> {
    evidence: CheckedEvidence<'a>,
    salts: Salts,
    /// Names the answer: fresh, as there is no challenge.
    id: ChallengeId,
    /// Where the chain head stands among the cells.
    chain_head: usize,
}

impl<'a> VerifyOath<'a> {
    /// One text that any of the devices may have made.
    ///
    /// # Errors
    ///
    /// As [`Context::admits`], [`BindingRef::under`] and [`question`], and where what was used would be forgotten.
    pub(crate) fn one(
        context: &Context<'_>,
        binding: BindingRef<'a>,
        devices: &[Device<'a>],
        entered: &'a [u8],
    ) -> Result<Self, Error> {
        if devices.is_empty() || devices.len() > MAX_DEVICES {
            let count = devices.len();
            return Err(Error::Oath(OathError::Devices { count }));
        }
        let attempt = |device: &Device<'a>| {
            let question = match device.as_ocra() {
                Some(ocra) => question(context, binding, ocra)?,
                None => String::new(),
            };
            Attempt::one(*device, entered, question).map_err(Error::Oath)
        };
        let attempts = devices.iter().map(attempt).collect::<Result<_, Error>>()?;
        Self::new(context, binding, attempts)
    }

    /// Two codes in a row of one device.
    ///
    /// # Errors
    ///
    /// As [`one`](Self::one).
    pub(crate) fn pair(
        context: &Context<'_>,
        binding: BindingRef<'a>,
        device: Device<'a>,
        pair: CodePair<'a>,
    ) -> Result<Self, Error> {
        let attempt = Attempt::two(device, pair).map_err(Error::Oath)?;
        Self::new(context, binding, ArrayVec::from_iter([attempt]))
    }

    fn new(
        context: &Context<'_>,
        binding: BindingRef<'a>,
        attempts: ArrayVec<Attempt<'a>, MAX_DEVICES>,
    ) -> Result<Self, Error> {
        let binding = binding.under(context.keys)?;
        context.admits(binding)?;
        let is_twice = |at: usize| {
            attempts[..at]
                .iter()
                .any(|one| reveal::equal(one.name(), attempts[at].name()))
        };
        if (0..attempts.len()).any(is_twice) {
            let count = attempts.len();
            return Err(Error::Oath(OathError::Devices { count }));
        }
        if !attempts.iter().all(|one| one.can_be_kept_in(context.class)) {
            return Err(Error::NotPermanent);
        }
        context.can_keep_locks()?;
        // A stop without end is none where cells expire.
        if context.class == Class::Expiring && context.rate_limits.device_hard_stop().is_some() {
            return Err(Error::LockWithoutEnd);
        }
        let names = context.keys.tenant(binding.tenant());
        let mut asked = ArrayVec::new();
        asked.extend(
            attempts
                .iter()
                .map(|one| names.credential(one.name(), None)),
        );
        if attempts.iter().any(Attempt::has_mark) {
            let tag = context.keys.binding_digest(binding).tag();
            let marked = attempts.iter().filter(|one| one.has_mark());
            asked.extend(marked.map(|one| names.credential(one.name(), Some(&tag))));
        }
        let user = asked.len();
        if context.rate_limits.is_limited() {
            asked.push(names.user_meter(binding.user()));
        }
        let cells = asked.len();
        Ok(Self {
            binding,
            attempts,
            signed: None,
            asked,
            cells,
            user,
            began: context.began.ok_or(Error::Clock)?,
        })
    }

    /// Checks what is given for the record, and adds the chain head where the engine signs; `draw` fills what
    /// is random in a record.
    ///
    /// The inner `Err` is the evidence's: no store is asked then.
    ///
    /// # Errors
    ///
    /// As [`Context::can_keep_records`].
    pub(crate) fn sign(
        &mut self,
        context: &Context<'_>,
        evidence: Evidence<'a>,
        mut draw: impl FnMut(&mut [u8]) -> Result<(), Error>,
        now: impl FnOnce() -> Result<Timestamp, Error>,
    ) -> Result<Result<(), EvidenceFault>, Error> {
        let evidence = match evidence.check(context.policy, self.binding) {
            Ok(evidence) => evidence,
            Err(fault) => return Ok(Err(fault)),
        };
        if context.signer.is_some() {
            context.can_keep_records(now)?;
            let (mut salts, mut id) = (Salts::default(), [0; 16]);
            draw(salts.as_flattened_mut())?;
            draw(&mut id)?;
            let names = context.keys.tenant(self.binding.tenant());
            let chain_head = names.chain_head(&self.binding.target());
            self.asked.push(chain_head);
            self.signed = Some(Signed {
                evidence,
                salts,
                // It stands in the record: public, though it was drawn beside the salts.
                id: ChallengeId::from_bytes(reveal::publish(id)),
                chain_head: self.cells,
            });
            self.cells += 1;
            // No room beside three devices with marks: it is asked for by itself then.
            let first = context.keys.record_key(&chain_head, 1);
            let _ = self.asked.try_push(first);
        }
        Ok(Ok(()))
    }

    pub(crate) const fn binding(&self) -> &'a Binding {
        self.binding
    }

    /// Returns where the mark of the attempt `at` stands, if it has one.
    fn mark(&self, at: usize) -> Option<usize> {
        let (before, rest) = self.attempts.split_at_checked(at)?;
        let has_mark = rest.first().is_some_and(Attempt::has_mark);
        let earlier = before.iter().filter(|one| one.has_mark()).count();
        has_mark.then_some(self.attempts.len() + earlier)
    }

    /// Signs what was answered, and puts chain head and record; `failures` is what the device counted before.
    fn append_record(
        &self,
        loaded: &Loaded<'_>,
        writes: &mut Writes<'_>,
        at: usize,
        matched: Option<u64>,
        failures: u16,
    ) -> Result<Option<Box<SignatureRecord>>, Error> {
        let (Some(signed), Some(attempt)) = (&self.signed, self.attempts.get(at)) else {
            return Ok(None);
        };
        let device = attempt.device();
        let answer = Answer {
            id: signed.id,
            attempts: u32::from(failures) + 1,
            digits: device.digits().into(),
            guessable: false,
            maker: Maker::Device(DeviceFacts {
                kind: device.facts(attempt.question()),
                credential: credential_id(&loaded.cell(at)?.key()),
                counter: matched,
            }),
        };
        let signing = Signing {
            evidence: &signed.evidence,
            salts: &signed.salts,
        };
        signing.append(loaded, writes, signed.chain_head, self.binding, &answer)
    }

    /// Judges the text for each device, as if there were no locks: whether there is one takes no
    /// other time.
    fn judge_all(
        &self,
        loaded: &Loaded<'_>,
        user: &Meter,
    ) -> Result<ArrayVec<Judged, MAX_DEVICES>, Error> {
        let (context, now) = (loaded.context, loaded.now);
        let at = Moment {
            now,
            epoch: context.keys.epoch(),
            began: self.began,
        };
        let locked = user.device_lock(context.rate_limits, now);
        let judge = |(index, attempt): (usize, &Attempt<'_>)| {
            let credential = Credential::read(loaded.cell(index)?.body())?;
            let mark = match self.mark(index) {
                Some(mark) => loaded.cell(mark)?.body(),
                None => None,
            };
            Credential::read(mark)?;
            let entered = attempt.entry();
            Ok(Judged {
                found: entered
                    .map(|entered| attempt.judge(entered, &credential, mark.is_some(), at)),
                mixed_scripts: entered.is_some_and(EnteredCode::mixed_scripts),
                lock: locked.or(credential.failures.lock(context.rate_limits, now)),
                credential,
            })
        };
        self.attempts.iter().enumerate().map(judge).collect()
    }
}

/// Returns the question that a device is asked for `binding`.
///
/// # Errors
///
/// As [`Context::admits`]; [`Error::Oath`] where the suite asks fewer than 16 hexadecimal digits.
pub(crate) fn question(
    context: &Context<'_>,
    binding: BindingRef<'_>,
    ocra: &Ocra,
) -> Result<String, Error> {
    let binding = binding.under(context.keys)?;
    context.admits(binding)?;
    let (suite, length) = (ocra.suite(), ocra.suite().question_max_len());
    if suite.question_kind() != QuestionKind::Hexadecimal || length < 16 {
        return Err(Error::Oath(OathError::Suite(
            "must ask QH16 or longer for the digest of a binding",
        )));
    }
    Ok(context.keys.question(binding).question(length.into()))
}

impl Operation for VerifyOath<'_> {
    type Answer = Verdict<Acceptance>;

    fn keys(&self) -> &[Key] {
        &self.asked[..self.cells]
    }

    fn asked(&self) -> &[Key] {
        &self.asked
    }

    fn chain_head(&self) -> Option<usize> {
        self.signed.as_ref().map(|signed| signed.chain_head)
    }

    fn decide(&self, loaded: &Loaded<'_>, writes: &mut Writes<'_>) -> Decided<Verdict<Acceptance>> {
        let (context, now) = (loaded.context, loaded.now);
        context.still_signs(now)?;
        let mut user = Meter::default();
        loaded.read_meter(self.user, &mut user)?;
        let mut judged = self.judge_all(loaded, &user)?;
        let mixed_scripts = judged.iter().any(|one| one.mixed_scripts);

        let mut events = EventKinds::default();
        let verdict = match choose(&judged) {
            Choice::Fresh(device, fresh) => {
                put_credential(context, writes, loaded.cell(device)?, &fresh.next, now);
                if let Some(mark) = self.mark(device) {
                    let cell = loaded.cell(mark)?;
                    writes.put(cell, Kind::Credential, None, Credential::write_mark);
                }
                // Written though it is as it was: the acceptance rests on the user not being locked.
                loaded.put_meter(writes, self.user, &user)?;
                let failures = judged[device].credential.failures.in_a_row();
                Verdict::Accepted(Acceptance {
                    matched: fresh.matched,
                    drift: fresh.drift,
                    device,
                    verified_at: now,
                    record: self.append_record(loaded, writes, device, fresh.matched, failures)?,
                })
            }
            Choice::PerhapsUsed(device, next) => {
                put_credential(context, writes, loaded.cell(device)?, next, now);
                Verdict::Rejected(Rejection::AlreadyUsed)
            }
            Choice::Wrong => {
                let attempts_left = charge(context, &mut user, &mut judged, &mut events, now);
                for (index, one) in judged.iter().enumerate() {
                    if one.is_wrong() {
                        put_credential(context, writes, loaded.cell(index)?, &one.credential, now);
                    }
                }
                loaded.put_meter(writes, self.user, &user)?;
                Verdict::Rejected(Rejection::Wrong { attempts_left })
            }
            Choice::Rejected(rejection) => Verdict::Rejected(rejection),
        };
        let what = match verdict {
            Verdict::Accepted(_) => EventKind::Accepted { mixed_scripts },
            Verdict::Rejected(rejection) => EventKind::Rejected {
                rejection,
                mixed_scripts,
            },
        };
        Ok(Decision {
            answer: verdict,
            events: events.after(what),
            id: None,
        })
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Binding(self.binding)
    }
}

/// Names a credential in a record: a part of the name of its cell, which says nothing without the index
/// secret. The credential's own name would tell two tenants that they have one device.
fn credential_id(cell: &Key) -> [u8; 20] {
    let mut id = [0; 20];
    id.copy_from_slice(&cell.as_bytes()[8..28]);
    reveal::publish(id)
}

/// Puts a credential. A store that keeps for ever does: a clock that jumps for one guess must not make
/// it forget what was used. Process memory ends before its latest instant.
pub(super) fn put_credential(
    context: &Context<'_>,
    writes: &mut Writes<'_>,
    cell: LoadedCell<'_>,
    credential: &Credential,
    now: Timestamp,
) {
    let until = match context.class {
        Class::Permanent => None,
        Class::Process => Some(Timestamp::from_unix(i64::MAX)),
        Class::Expiring => Some(now.saturating_add(KEEP)),
    };
    writes.put(cell, Kind::Credential, until, |body| {
        credential.write(body);
    });
}

/// What one device makes of the text.
struct Judged {
    credential: Credential,
    /// `None`: no code of this device.
    found: Option<Found>,
    mixed_scripts: bool,
    /// Until when nothing is compared, if so: as [`Failures::lock`](crate::oath::credential::Failures).
    lock: Option<Option<Timestamp>>,
}

impl Judged {
    /// Says whether the text was compared, and is no code that the device makes.
    const fn is_wrong(&self) -> bool {
        self.lock.is_none() && matches!(self.found, Some(Found::Wrong))
    }
}

/// What follows from all devices together.
enum Choice<'a> {
    Fresh(usize, &'a Fresh),
    PerhapsUsed(usize, &'a Credential),
    Wrong,
    Rejected(Rejection),
}

/// Takes the first device whose code it is. One that could have been meant and was compared makes a
/// wrong guess; what cannot be compared says so where nothing else was.
fn choose(judged: &[Judged]) -> Choice<'_> {
    let codes = || judged.iter().filter(|one| one.found.is_some());
    if codes().next().is_none() {
        return Choice::Rejected(Rejection::Malformed);
    }
    if codes().all(|one| one.lock.is_some()) {
        let locks = codes().filter_map(|one| one.lock);
        // The earliest end; a lock without one ends last.
        let first = locks.min_by_key(|until| until.map_or(i64::MAX, Timestamp::unix));
        return Choice::Rejected(Rejection::Locked {
            retry_at: first.flatten(),
        });
    }
    let open = || {
        let open = judged
            .iter()
            .enumerate()
            .filter(|(_, one)| one.lock.is_none());
        open.filter_map(|(index, one)| Some((index, one.found.as_ref()?)))
    };
    let fresh = open().find_map(|(index, found)| match found {
        Found::Fresh(fresh) => Some(Choice::Fresh(index, fresh)),
        _ => None,
    });
    let perhaps = || {
        open().find_map(|(index, found)| match found {
            Found::PerhapsUsed(next) => Some(Choice::PerhapsUsed(index, next)),
            _ => None,
        })
    };
    let any = |wanted: &Found| open().any(|(_, found)| found == wanted);
    fresh.or_else(perhaps).unwrap_or_else(|| {
        if any(&Found::Used) {
            Choice::Rejected(Rejection::AlreadyUsed)
        } else if any(&Found::Wrong) {
            Choice::Wrong
        } else if any(&Found::Resynchronise) {
            Choice::Rejected(Rejection::Resynchronise)
        } else {
            Choice::Rejected(Rejection::Unknown)
        }
    })
}

/// Charges one wrong guess: to each device that it was compared with, and once to the user. Returns
/// how many are left.
fn charge(
    context: &Context<'_>,
    user: &mut Meter,
    judged: &mut [Judged],
    events: &mut EventKinds,
    now: Timestamp,
) -> u8 {
    let rate_limits = context.rate_limits;
    user.device_failures().record(now);
    let (mut left, mut near) = (0, None);
    let mut locks: ArrayVec<_, MAX_DEVICES> = ArrayVec::new();
    for one in judged.iter_mut().filter(|one| one.is_wrong()) {
        one.credential.failures.charge(now);
        let failures = &one.credential.failures;
        left = left.max(failures.left(rate_limits, now));
        near = near.max(failures.near_stop(rate_limits));
        locks.push(failures.lock(rate_limits, now));
    }
    // All of them are locked, or none counts: then the text may be a code of one that is not.
    let devices = locks
        .into_iter()
        .min_by_key(|lock| lock.map(|until| until.map_or(i64::MAX, Timestamp::unix)));
    if let Some(retry_at) = user.device_lock(rate_limits, now).or(devices.flatten()) {
        events.add(EventKind::Locked { retry_at });
    } else if let Some(consecutive) = near {
        events.add(EventKind::NearlyLocked { consecutive });
    }
    left.min(user.device_guesses_left(rate_limits, now))
}
