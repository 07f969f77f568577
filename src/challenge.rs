//! The challenge: one issued code awaiting its answer, and every way in which it ends.
//!
//! A slot holds the current challenge alone, so "superseded" is no state of it: the newer one
//! stands in its place.

use alloc::vec::Vec;
use core::time::Duration;

use crate::code::Guess;
use crate::keys::{Kid, TAG};
use crate::policy::MAX_MALFORMED;
use crate::timestamp::FUTURE;
use crate::{
    ChallengeId, CodeKind, Error, Policy, Rejection, Timestamp, Verdict, evidence::EvidenceSet,
};

/// The one current challenge of a slot.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Challenge {
    pub(crate) state: ChallengeState,
    pub(crate) id: ChallengeId,
    /// The first bytes of the binding digest.
    pub(crate) tag: [u8; TAG],
    pub(crate) kid: Kid,
    pub(crate) epoch: u32,
    pub(crate) limits: Limits,
    pub(crate) issued_at: Timestamp,
    /// When the state stopped to be [`ChallengeState::Pending`]; until then `issued_at`.
    pub(crate) ended_at: Timestamp,
    /// When the latest send was admitted.
    pub(crate) sent_at: Timestamp,
    /// From when on the next send is.
    pub(crate) next_send_at: Timestamp,
    pub(crate) sends: u8,
    pub(crate) refunds: u8,
    pub(crate) delivery: DeliveryStatus,
    /// Compared wrong guesses, over resends and re-issues.
    pub(crate) attempts: u8,
    /// When the latest of them was; before `issued_at` where it was an earlier challenge's.
    pub(crate) wrong_at: Timestamp,
    /// Entered texts that were no code at all.
    pub(crate) malformed: u8,
    /// A send was for content that could be found by trying: its record must not show the digest.
    pub(crate) guessable: bool,
}

/// The limits a code was issued under.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Limits {
    pub(crate) kind: CodeKind,
    pub(crate) validity: Duration,
    pub(crate) max_attempts: u8,
    pub(crate) lockout: Duration,
    pub(crate) evidence: EvidenceSet,
}

impl Limits {
    pub(crate) const fn of(policy: &Policy) -> Self {
        Self {
            kind: policy.code(),
            validity: policy.validity(),
            max_attempts: policy.max_attempts(),
            lockout: policy.lockout(),
            evidence: policy.evidence(),
        }
    }
}

/// Where a challenge stands.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum ChallengeState {
    /// It awaits its answer.
    Pending,
    /// The right code was given.
    Verified,
    /// It was seen after its expiry; it stays so, should the clock go back.
    Expired,
    /// All attempts are used up.
    Exhausted,
    /// It was called off.
    Cancelled,
}

/// What is known of the latest send.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum DeliveryStatus {
    /// Nothing was reported yet.
    Unreported,
    /// Nothing was reported yet, and somebody
    /// [claimed](crate::Engine::claim_send) the send.
    Claimed,
    /// The gateway took it.
    Sent,
    /// The gateway refused it.
    Failed(GatewayStatus),
}

/// A gateway's own status: at most five bytes of printable ASCII.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct GatewayStatus([u8; STATUS]);

impl GatewayStatus {
    /// Takes a status as the gateway gave it; `None` where it is longer than five bytes or not
    /// printable ASCII without spaces.
    ///
    /// ```
    /// use otp_engine::challenge::GatewayStatus;
    ///
    /// assert_eq!(GatewayStatus::parse("10").unwrap().as_str(), "10");
    /// assert!(GatewayStatus::parse("no-credit").is_none());
    /// ```
    #[must_use]
    pub fn parse(status: &str) -> Option<Self> {
        if status.len() > STATUS || !status.bytes().all(|byte| byte.is_ascii_graphic()) {
            return None;
        }
        let mut bytes = [0; STATUS];
        bytes[..status.len()].copy_from_slice(status.as_bytes());
        Some(Self(bytes))
    }

    /// Takes what a gateway said, whatever it is: its first five bytes of printable ASCII.
    ///
    /// The message is out by then, and no status may undo its report.
    ///
    /// ```
    /// use otp_engine::challenge::GatewayStatus;
    ///
    /// assert_eq!(GatewayStatus::shortened("INVALID_NUMBER").as_str(), "INVAL");
    /// assert_eq!(GatewayStatus::shortened("no credit").as_str(), "nocre");
    /// assert_eq!(GatewayStatus::shortened("\u{274c} 10").as_str(), "10");
    /// ```
    #[must_use]
    pub fn shortened(status: impl AsRef<[u8]>) -> Self {
        let mut bytes = [0; STATUS];
        let shown = status
            .as_ref()
            .iter()
            .filter(|byte| byte.is_ascii_graphic());
        for (place, byte) in bytes.iter_mut().zip(shown) {
            *place = *byte;
        }
        Self(bytes)
    }

    /// Returns the status as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let end = self.0.iter().position(|byte| *byte == 0).unwrap_or(STATUS);
        core::str::from_utf8(&self.0[..end]).unwrap_or("")
    }
}

impl core::fmt::Debug for GatewayStatus {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        core::fmt::Debug::fmt(self.as_str(), f)
    }
}

impl Challenge {
    /// Makes a challenge that was sent once.
    ///
    /// `earlier` is what the slot held: its attempts go on counting, unless the last wrong guess
    /// lies `lockout` back or was followed by a success.
    pub(crate) fn new(
        policy: &Policy,
        now: Timestamp,
        id: ChallengeId,
        tag: [u8; TAG],
        (kid, epoch): (Kid, u32),
        earlier: Option<&Self>,
    ) -> Self {
        let kept = earlier.filter(|earlier| !earlier.starts_again(policy, now));
        Self {
            state: ChallengeState::Pending,
            id,
            tag,
            kid,
            epoch,
            limits: Limits::of(policy),
            issued_at: now,
            ended_at: now,
            sent_at: now,
            next_send_at: now.saturating_add(policy.cooldown()),
            sends: 1,
            refunds: 0,
            delivery: DeliveryStatus::Unreported,
            attempts: kept.map_or(0, |earlier| earlier.attempts),
            wrong_at: kept.map_or(now, |earlier| earlier.wrong_at),
            malformed: kept.map_or(0, |earlier| earlier.malformed),
            guessable: false,
        }
    }

    /// Says whether a challenge issued now counts its attempts from 0.
    fn starts_again(&self, policy: &Policy, now: Timestamp) -> bool {
        let since = || self.wrong_at.read_at(now);
        match self.closed_until(policy, now) {
            Some(closed_until) => now >= closed_until,
            None => self.attempts == 0 || now >= since().saturating_add(self.lockout(policy)),
        }
    }

    /// Returns until when no code is issued because the attempts are used up, as it is read at `now`.
    pub(crate) fn closed_until(&self, policy: &Policy, now: Timestamp) -> Option<Timestamp> {
        let since = if self.state == ChallengeState::Exhausted {
            self.ended_at.max(self.wrong_at)
        } else if self.attempts >= self.max_attempts(policy) {
            self.wrong_at
        } else {
            return None;
        };
        Some(since.read_at(now).saturating_add(self.lockout(policy)))
    }

    /// Returns until when no other send is admitted. A send that lies far ahead was admitted by a
    /// clock that was wrong, and holds up nothing: the rate limits count it all the same.
    pub(crate) fn cools_down_until(&self, now: Timestamp) -> Option<Timestamp> {
        let holds = now < self.next_send_at && !self.sent_at.is_far_ahead_of(now);
        holds.then_some(self.next_send_at)
    }

    /// The stricter of two limits: tightening a policy reaches codes that are out already, and a
    /// lax sibling opens nothing.
    fn max_attempts(&self, policy: &Policy) -> u8 {
        self.limits.max_attempts.min(policy.max_attempts())
    }

    fn lockout(&self, policy: &Policy) -> Duration {
        self.limits.lockout.max(policy.lockout())
    }

    /// Returns from when on the code is no longer accepted.
    pub(crate) const fn expires_at(&self) -> Timestamp {
        self.issued_at.saturating_add(self.limits.validity)
    }

    /// Returns how many guesses are left.
    pub(crate) fn attempts_left(&self, policy: &Policy) -> u8 {
        self.max_attempts(policy).saturating_sub(self.attempts)
    }

    /// Says whether the challenge awaits its answer, and `now` is earlier than its issue by more
    /// than clocks may differ.
    pub(crate) fn is_ahead_of(&self, now: Timestamp) -> bool {
        self.state == ChallengeState::Pending && now < self.issued_at.saturating_sub(SKEW)
    }

    /// Says whether the issue lies so far ahead that a clock was wrong then, or is now.
    pub(crate) fn is_far_ahead_of(&self, now: Timestamp) -> bool {
        self.issued_at.is_far_ahead_of(now)
    }

    /// Ends a challenge that awaits its answer past its expiry; says whether it did. Whoever writes
    /// at all writes this, so that it stays so should the clock go back.
    pub(crate) fn expire(&mut self, now: Timestamp) -> bool {
        let over = self.state == ChallengeState::Pending && now >= self.expires_at();
        if over {
            self.end(ChallengeState::Expired, now);
        }
        over
    }

    /// Says whether the challenge still awaits its answer.
    pub(crate) fn is_live(&self, now: Timestamp) -> bool {
        self.state == ChallengeState::Pending && now < self.expires_at()
    }

    /// Returns why no guess at this challenge may be compared, if so.
    ///
    /// The order of the arms is the policy: what is final comes before what passes.
    pub(crate) fn closed(&self, policy: &Policy, now: Timestamp) -> Option<Rejection> {
        let exhausted = |retry_at| Rejection::Exhausted { retry_at };
        match self.state {
            ChallengeState::Verified => Some(Rejection::AlreadyUsed),
            ChallengeState::Cancelled => Some(Rejection::Cancelled),
            ChallengeState::Expired => Some(Rejection::Expired),
            ChallengeState::Exhausted => self.closed_until(policy, now).map(exhausted),
            ChallengeState::Pending if now >= self.expires_at() => Some(Rejection::Expired),
            ChallengeState::Pending
                if self.limits.kind.entropy_bits() < policy.code().entropy_bits() =>
            {
                Some(Rejection::Superseded)
            }
            ChallengeState::Pending => self.closed_until(policy, now).map(exhausted),
        }
    }

    /// Judges one compared guess; returns the challenge to commit, and the verdict.
    ///
    /// Only for a challenge that is not [`closed`](Self::closed). Commit before the verdict
    /// leaves: an attempt is spent only once it is committed.
    pub(crate) fn judge(
        &self,
        policy: &Policy,
        now: Timestamp,
        guess: Guess,
    ) -> (Self, Verdict<()>) {
        let mut next = self.clone();
        if guess == Guess::Right {
            next.end(ChallengeState::Verified, now);
            (next.attempts, next.malformed) = (0, 0);
            return (next, Verdict::Accepted(()));
        }
        // Not earlier than the one before, should the clock have gone back: the slot would open
        // before its time.
        next.wrong_at = if self.attempts == 0 {
            now
        } else {
            now.max(self.wrong_at)
        };
        next.attempts = self.attempts.saturating_add(1);
        let attempts_left = next.attempts_left(policy);
        if attempts_left == 0 {
            next.end(ChallengeState::Exhausted, now);
        }
        (next, Verdict::Rejected(Rejection::Wrong { attempts_left }))
    }

    /// Counts an entered text that was no code; too many of them close the slot like wrong guesses.
    pub(crate) fn count_malformed(&self, now: Timestamp) -> Self {
        let mut next = self.clone();
        next.malformed = self.malformed.saturating_add(1);
        if next.malformed >= MAX_MALFORMED {
            next.end(ChallengeState::Exhausted, now);
        }
        next
    }

    /// Ends the challenge for good.
    pub(crate) fn end(&mut self, state: ChallengeState, now: Timestamp) {
        self.state = state;
        self.ended_at = now;
    }

    /// Sends the same code once more: same id, same code, same expiry.
    pub(crate) fn send_again(&self, policy: &Policy, now: Timestamp) -> Self {
        let mut next = self.clone();
        next.sends = self.sends.saturating_add(1);
        next.sent_at = now;
        next.next_send_at = now.saturating_add(policy.cooldown());
        next.delivery = DeliveryStatus::Unreported;
        next
    }

    /// Returns when the slot may be dropped. It is later than any answer that depends on it: a day
    /// after the expiry, as no slot is closed longer, and as long again as a purge believes a clock
    /// that is ahead. It is fixed for the life of a challenge, but where the clock went back since a
    /// wrong guess.
    pub(crate) fn discard_after(&self) -> Timestamp {
        self.expires_at().max(self.wrong_at).saturating_add(KEEP)
    }

    /// Reads the challenge of a slot; one whose time is over is none, whether or not a purge ran.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub(crate) fn in_slot(body: Option<&[u8]>, now: Timestamp) -> Result<Option<Self>, Error> {
        let challenge = body.map(Self::read).transpose()?;
        Ok(challenge.filter(|challenge| now <= challenge.discard_after()))
    }

    /// Lifts what holds the slot up: attempts and lockout, cooldown, and instants ahead of
    /// `now`. A code that was out is called off; one that was used stays so. Returns whether there
    /// was anything to lift.
    pub(crate) fn reset(&mut self, now: Timestamp) -> bool {
        let before = self.clone();
        if matches!(
            self.state,
            ChallengeState::Pending | ChallengeState::Exhausted
        ) {
            self.end(ChallengeState::Cancelled, now);
        }
        (self.attempts, self.malformed) = (0, 0);
        for instant in [
            &mut self.issued_at,
            &mut self.ended_at,
            &mut self.sent_at,
            &mut self.next_send_at,
            &mut self.wrong_at,
        ] {
            *instant = (*instant).min(now);
        }
        *self != before
    }

    /// Appends the challenge's bytes, format 1; see docs/formats.md.
    pub(crate) fn write(&self, body: &mut Vec<u8>) {
        // The other instants are kept as distances: a wrong guess may be an earlier challenge's, and
        // a clock may have gone back within the skew, so they have a sign.
        let from_issue = |at: Timestamp| offset(self.issued_at, at).to_be_bytes();
        let (delivery, mut status) = match self.delivery {
            DeliveryStatus::Unreported => (0, [0; STATUS]),
            DeliveryStatus::Claimed => (0, CLAIMED),
            DeliveryStatus::Sent => (1, [0; STATUS]),
            DeliveryStatus::Failed(GatewayStatus(status)) => (2, status),
        };
        if self.guessable {
            status[STATUS - 1] |= GUESSABLE;
        }
        let mut bytes = [0; BYTES];
        let mut rest = &mut bytes[..];
        let mut put = |part: &[u8]| {
            let (place, behind) = core::mem::take(&mut rest).split_at_mut(part.len());
            place.copy_from_slice(part);
            rest = behind;
        };
        put(&[FORMAT, self.state as u8]);
        put(&self.limits.kind.to_bytes());
        put(&[self.limits.max_attempts, self.attempts, self.malformed]);
        put(&[self.sends, self.refunds, delivery]);
        put(&status);
        put(&[self.limits.evidence.to_byte()]);
        put(self.id.as_bytes());
        put(&self.tag);
        put(self.kid.as_bytes());
        put(&self.epoch.to_be_bytes());
        put(&self.issued_at.unix().to_be_bytes());
        put(&seconds(self.limits.validity).to_be_bytes());
        put(&seconds(self.limits.lockout).to_be_bytes());
        put(&from_issue(self.sent_at));
        put(&from_issue(self.next_send_at));
        put(&from_issue(self.ended_at));
        put(&from_issue(self.wrong_at));
        body.extend_from_slice(&bytes);
    }

    /// Reads a challenge.
    ///
    /// # Errors
    ///
    /// [`Error::Tampered`] for whatever [`write`](Self::write) does not write.
    pub(crate) fn read(body: &[u8]) -> Result<Self, Error> {
        let mut fields = Fields(body);
        fields
            .challenge()
            .filter(|_| fields.0.is_empty())
            .ok_or(Error::Tampered)
    }
}

/// What is left to read of a body.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    fn duration(&mut self) -> Option<Duration> {
        Some(Duration::from_secs(u32::from_be_bytes(self.take()?).into()))
    }

    fn instant(&mut self, start: Timestamp) -> Option<Timestamp> {
        let offset = i32::from_be_bytes(self.take()?);
        Some(Timestamp::from_unix(
            start.unix().saturating_add(offset.into()),
        ))
    }

    fn challenge(&mut self) -> Option<Challenge> {
        let [FORMAT, state] = self.take()? else {
            return None;
        };
        let kind = CodeKind::from_bytes(self.take()?)?;
        let [max_attempts, attempts, malformed] = self.take()?;
        let [sends, refunds, delivery] = self.take()?;
        let mut status: [u8; STATUS] = self.take()?;
        let guessable = status[STATUS - 1] & GUESSABLE != 0;
        status[STATUS - 1] &= !GUESSABLE;
        let [evidence] = self.take()?;
        let id = ChallengeId::from_bytes(self.take()?);
        let (tag, kid) = (self.take()?, Kid::from_bytes(self.take()?));
        let epoch = u32::from_be_bytes(self.take()?);
        let issued_at = Timestamp::from_unix(i64::from_be_bytes(self.take()?));
        let (validity, lockout) = (self.duration()?, self.duration()?);
        let (sent_at, next_send_at) = (self.instant(issued_at)?, self.instant(issued_at)?);
        let (ended_at, wrong_at) = (self.instant(issued_at)?, self.instant(issued_at)?);
        Some(Challenge {
            state: match state {
                0 => ChallengeState::Pending,
                1 => ChallengeState::Verified,
                2 => ChallengeState::Expired,
                3 => ChallengeState::Exhausted,
                4 => ChallengeState::Cancelled,
                _ => return None,
            },
            id,
            tag,
            kid,
            epoch,
            limits: Limits {
                kind,
                validity,
                max_attempts,
                lockout,
                evidence: EvidenceSet::from_byte(evidence)?,
            },
            issued_at,
            ended_at,
            sent_at,
            next_send_at,
            sends,
            refunds,
            delivery: match delivery {
                0 if status[0] & CLAIMED[0] != 0 => DeliveryStatus::Claimed,
                0 => DeliveryStatus::Unreported,
                1 => DeliveryStatus::Sent,
                2 => DeliveryStatus::Failed(GatewayStatus(status)),
                _ => return None,
            },
            attempts,
            wrong_at,
            malformed,
            guessable,
        })
    }
}

/// The seconds from `start` to `at`, cut at 68 years either way.
fn offset(start: Timestamp, at: Timestamp) -> i32 {
    let seconds = at.unix().saturating_sub(start.unix());
    i32::try_from(seconds).unwrap_or(if seconds < 0 { i32::MIN } else { i32::MAX })
}

/// The seconds of a policy's duration, which is at most seven days.
fn seconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_secs()).unwrap_or(u32::MAX)
}

/// How far the clocks of two hosts may differ.
const SKEW: Duration = Duration::from_secs(30);

/// How long a slot is kept after the code's time is over: the longest lockout, and as far as a
/// purge believes a clock that is ahead.
const KEEP: Duration = Duration::from_secs(86_400 + FUTURE.as_secs());

/// The longest gateway status in bytes.
const STATUS: usize = 5;

/// Set in the last byte of a gateway status, which is ASCII: the content is guessable. Readers that
/// came before this mark take no notice of it.
const GUESSABLE: u8 = 0x80;

/// Stands for the status where nothing was reported and the send is claimed. Readers that came before
/// this mark take no notice of it, and write no mark.
const CLAIMED: [u8; STATUS] = [0x80, 0, 0, 0, 0];

/// The bytes of a challenge.
const BYTES: usize = 96;

/// The version of the bytes of a challenge.
const FORMAT: u8 = 1;

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_unix(1_715_767_200 + second)
    }

    fn policy(max_attempts: u8) -> Policy {
        Policy::builder()
            .max_attempts(max_attempts)
            .build()
            .unwrap()
    }

    fn pending() -> Challenge {
        let kid = Kid::from_bytes(*b"2026a\0\0\0\0\0\0\0");
        let id = ChallengeId::from_bytes([7; 16]);
        Challenge::new(&policy(5), at(0), id, [9; TAG], (kid, 3), None)
    }

    #[test]
    fn case_27_no_guess_is_compared_from_the_expiry_on() {
        let closed = |second| pending().closed(&policy(5), at(second));
        assert_eq!(closed(179), None);
        assert_eq!(closed(180), Some(Rejection::Expired));
    }

    #[test]
    fn case_23_counters_saturate() {
        let mut challenge = pending();
        (challenge.attempts, challenge.malformed, challenge.sends) = (u8::MAX, u8::MAX, u8::MAX);
        let (next, verdict) = challenge.judge(&policy(5), at(1), Guess::Wrong);
        assert_eq!(next.attempts, u8::MAX);
        assert_eq!(
            verdict,
            Verdict::Rejected(Rejection::Wrong { attempts_left: 0 })
        );
        assert_eq!(challenge.count_malformed(at(1)).malformed, u8::MAX);
        assert_eq!(challenge.send_again(&policy(5), at(1)).sends, u8::MAX);
    }

    #[test]
    fn each_final_state_says_why_and_goes_on_saying_it() {
        for (state, rejection) in [
            (ChallengeState::Verified, Rejection::AlreadyUsed),
            (ChallengeState::Cancelled, Rejection::Cancelled),
            (ChallengeState::Expired, Rejection::Expired),
            (
                ChallengeState::Exhausted,
                Rejection::Exhausted { retry_at: at(901) },
            ),
        ] {
            let mut challenge = pending();
            challenge.end(state, at(1));
            for second in [-1_000_000, -80_000, 0, 1, 179, 180, 1_000_000] {
                let told = match rejection {
                    // More than a day ahead: read as the present.
                    Rejection::Exhausted { .. } if second < -86_400 => Rejection::Exhausted {
                        retry_at: at(second + 900),
                    },
                    other => other,
                };
                assert_eq!(challenge.closed(&policy(5), at(second)), Some(told));
                assert!(!challenge.is_live(at(second)));
            }
        }
    }

    #[test]
    fn the_skew_is_half_a_minute() {
        assert!(!pending().is_ahead_of(at(-30)) && pending().is_ahead_of(at(-31)));
    }

    #[test]
    fn a_slot_is_kept_for_two_days_after_the_expiry_whatever_happens_to_it() {
        let (wrong, _) = pending().judge(&policy(1), at(100), Guess::Wrong);
        for challenge in [pending(), wrong, pending().send_again(&policy(5), at(60))] {
            assert_eq!(challenge.discard_after(), at(180 + 2 * 86_400));
        }
    }

    #[test]
    fn a_gateway_status_is_short_printable_ascii() {
        for status in ["", "0", "10", "12345", "-1"] {
            assert_eq!(GatewayStatus::parse(status).unwrap().as_str(), status);
        }
        for status in ["123456", "a b", "\n", "\u{e9}", "\0"] {
            assert_eq!(GatewayStatus::parse(status), None, "{status:?}");
        }
        assert_eq!(
            format!("{:?}", GatewayStatus::parse("10").unwrap()),
            "\"10\""
        );
    }

    fn written(challenge: &Challenge) -> Vec<u8> {
        let mut body = Vec::new();
        challenge.write(&mut body);
        body
    }

    /// One challenge of each state and each kind of delivery, with instants on both sides.
    fn samples() -> Vec<Challenge> {
        let mut failed = pending().send_again(&policy(5), at(60));
        failed.delivery = DeliveryStatus::Failed(GatewayStatus::parse("10").unwrap());
        failed.refunds = 1;
        let mut sent = pending();
        (sent.delivery, sent.attempts, sent.wrong_at) = (DeliveryStatus::Sent, 3, at(-500));
        let mut samples = alloc::vec![pending(), failed, sent];
        for state in [
            ChallengeState::Verified,
            ChallengeState::Expired,
            ChallengeState::Exhausted,
            ChallengeState::Cancelled,
        ] {
            let mut ended = pending();
            ended.end(state, at(-20)); // within the skew
            samples.push(ended);
        }
        let token = Policy::builder()
            .token()
            .validity(Duration::from_secs(604_800))
            .build()
            .unwrap();
        samples.push(Challenge {
            limits: Limits::of(&token),
            ..pending()
        });
        let letters = Policy::builder()
            .letters(8)
            .require(crate::evidence::EvidenceKind::Image)
            .build()
            .unwrap();
        samples.push(Challenge {
            limits: Limits::of(&letters),
            ..pending()
        });
        samples
    }

    #[test]
    fn case_176_the_mark_of_guessable_content_stands_beside_any_status() {
        let mut full = pending();
        full.delivery = DeliveryStatus::Failed(GatewayStatus::parse("abcde").unwrap());
        for plain in samples().into_iter().chain([full]) {
            let marked = Challenge {
                guessable: true,
                ..plain.clone()
            };
            let (body, before) = (written(&marked), written(&plain));
            assert_eq!(Challenge::read(&body).unwrap(), marked);
            // One bit of the last byte of the status; no reader looks at it for anything else.
            let differing: Vec<_> = (0..BYTES).filter(|at| body[*at] != before[*at]).collect();
            assert_eq!(differing, [14]);
            assert_eq!(body[14] ^ before[14], 0x80);
        }
    }

    #[test]
    fn case_511_the_mark_of_a_claim_is_one_bit_that_no_earlier_reader_looks_at() {
        for guessable in [false, true] {
            let plain = Challenge {
                guessable,
                ..pending()
            };
            let claimed = Challenge {
                delivery: DeliveryStatus::Claimed,
                ..plain.clone()
            };
            let (body, before) = (written(&claimed), written(&plain));
            assert_eq!(Challenge::read(&body).unwrap(), claimed);
            let differing: Vec<_> = (0..BYTES).filter(|at| body[*at] != before[*at]).collect();
            assert_eq!(differing, [10]);
            // Of a send that is not reported, the version before reads no status.
            assert_eq!((body[9], before[10], body[10]), (0, 0, 0x80));
        }
        // Once reported it says nothing more, and a status of the gateway's is ASCII.
        let mut sent = written(&pending());
        (sent[9], sent[10]) = (1, 0x80);
        assert_eq!(
            Challenge::read(&sent).unwrap().delivery,
            DeliveryStatus::Sent
        );
    }

    #[test]
    fn what_is_written_is_96_bytes_and_reads_as_it_was() {
        for challenge in samples() {
            let body = written(&challenge);
            assert_eq!(body.len(), 96);
            assert_eq!(Challenge::read(&body).unwrap(), challenge);
        }
    }

    #[test]
    fn distances_are_cut_and_not_wrapped_at_68_years() {
        let mut challenge = pending();
        challenge.wrong_at = Timestamp::from_unix(i64::MIN);
        challenge.ended_at = Timestamp::from_unix(i64::MAX);
        let read = Challenge::read(&written(&challenge)).unwrap();
        assert_eq!(read.wrong_at, at(i32::MIN.into()));
        assert_eq!(read.ended_at, at(i32::MAX.into()));
        assert_eq!(seconds(Duration::MAX), u32::MAX);
    }

    #[test]
    fn case_22_what_was_not_written_so_is_not_read() {
        let body = written(&pending());
        for length in 0..body.len() {
            assert!(
                matches!(Challenge::read(&body[..length]), Err(Error::Tampered)),
                "{length}"
            );
        }
        let with = |at: usize, byte: u8| {
            let mut changed = body.clone();
            changed[at] = byte;
            Challenge::read(&changed).is_ok()
        };
        assert!(with(0, FORMAT) && !with(0, 0) && !with(0, 2));
        assert!(with(1, 4) && !with(1, 5));
        assert!(with(3, 10) && !with(3, 5) && !with(2, 4));
        assert!(with(9, 2) && !with(9, 3));
        assert!(with(15, 15) && !with(15, 16));
        let mut long = body.clone();
        long.push(0);
        assert!(Challenge::read(&long).is_err());
    }

    #[test]
    fn golden_slots_read_and_write_back() {
        let golden = crate::golden::cells("slots");
        assert_eq!(golden.len(), samples().len());
        for ((body, reads), sample) in golden.into_iter().zip(samples()) {
            let read = Challenge::read(&body).unwrap();
            assert_eq!((Some(format!("{read:?}")), &read), (reads, &sample));
            assert_eq!(written(&read), body);
        }
    }
}
