//! Verifying the chain of a field: each fact has an answer of its own.

use alloc::collections::BTreeSet;

use super::SignatureRecord;
use super::fault::{RecordError, RecordFault};
use super::verify::{Expected, VerifiedRecord, verify_record};
use crate::signing::VerifyingKeys;

/// The answers about the records of one field; each bad one names the first record that fails it.
///
/// A record that does not verify shows nothing: every answer that would rest on it is bad.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct ChainVerdict {
    /// Every record verifies, its disclosures included.
    pub signatures: Checked,
    /// Every record is of the expected tenant.
    pub tenant: Checked,
    /// Every record is of the expected record field.
    pub field: Checked,
    /// The places are 1, 2, 3 and so on without a gap, each `prev` is the digest of the record
    /// before, and no two records have one id.
    pub chain: Checked,
    /// The newest record is the one that the page counts last, and has the digest that the page keeps.
    pub head: Checked,
}

/// The answer to one question about records.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "an answer is one of these three, for good"
)]
pub enum Checked {
    /// It is so.
    Good,
    /// It is not, or is not shown: the first record of which that is true, and why.
    Bad(RecordError),
    /// Nobody said what to expect, or there was no record to check.
    NotChecked,
}

/// Verifies the records of one field, **newest first**, as `signatures` returns them.
///
/// The chain must begin at place 1, unless [`Expected::first`] says that older records are left
/// out. That the newest are all there shows only against the page: [`Expected::page`]. Purpose, user
/// and content may differ from record to record, and are not compared here.
///
/// ```
/// # let lines = include_str!("../../tests/vectors/records/first.sd-jwt");
/// # let jwk_set = include_str!("../../tests/vectors/records/first.jwks");
/// use otp_engine::{Checked, Expected, SignatureRecord, VerifyingKeys, verify_chain};
///
/// let keys = VerifyingKeys::from_jwk_set(jwk_set)?;
/// let records = [SignatureRecord::from_sd_jwt(lines.trim_end())?];
/// let verdict = verify_chain(&records, &keys, &Expected::new().tenant("acme"));
/// assert_eq!(verdict.signatures, Checked::Good);
/// assert_eq!(verdict.chain, Checked::Good);
/// assert_eq!(verdict.head, Checked::NotChecked);
/// assert!(verdict.none_bad() && !verdict.all_good());
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[must_use]
pub fn verify_chain(
    records: &[SignatureRecord],
    keys: &VerifyingKeys,
    expected: &Expected<'_>,
) -> ChainVerdict {
    let mut chain = Chain {
        expected,
        due: expected.first.unwrap_or(1),
        previous: None,
        ids: BTreeSet::new(),
    };
    let tenant = expected.tenant.is_some();
    let field = expected.model.is_some() || expected.field.is_some() || expected.record.is_some();
    let mut verdict = ChainVerdict {
        signatures: Checked::NotChecked,
        tenant: Checked::NotChecked,
        field: Checked::NotChecked,
        chain: Checked::NotChecked,
        head: Checked::NotChecked,
    };
    let mut newest = None;
    for record in records.iter().rev() {
        let judged = verify_record(record.jws(), record.disclosures(), keys, None);
        let fails = |reason| RecordError::of(record.n(), record.id(), reason);
        let shown = judged.as_ref().map_err(|_| RecordFault::Unproven);
        if tenant {
            let answer = shown.and_then(|verified| expected.compare_tenant(verified));
            verdict.tenant.and(answer.map_err(fails));
        }
        if field {
            let answer = shown.and_then(|verified| expected.compare_field(verified));
            verdict.field.and(answer.map_err(fails));
        }
        let answer = shown.and_then(|verified| chain.link(verified));
        verdict.chain.and(answer.map_err(fails));
        newest = Some((
            record,
            shown.map(|verified| (verified.n(), verified.digest())),
        ));
        verdict.signatures.and(judged.map(drop));
    }
    if let Some((count, head)) = expected.page {
        verdict.head.and(match newest {
            Some((record, shown)) => shown
                .and_then(|(n, digest)| head_is(n, digest, count, head))
                .map_err(|reason| RecordError::of(record.n(), record.id(), reason)),
            None if count == 0 => Ok(()),
            None => Err(RecordError::nameless(RecordFault::Count { page: count })),
        });
    }
    verdict
}

impl ChainVerdict {
    /// Tells whether every question was asked, and answered well.
    #[must_use]
    pub fn all_good(&self) -> bool {
        self.answers().iter().all(|answer| *answer == Checked::Good)
    }

    /// Tells whether no answer is bad. Look at what was not checked, too.
    #[must_use]
    pub fn none_bad(&self) -> bool {
        !self
            .answers()
            .iter()
            .any(|answer| matches!(answer, Checked::Bad(_)))
    }

    const fn answers(&self) -> [Checked; 5] {
        [
            self.signatures,
            self.tenant,
            self.field,
            self.chain,
            self.head,
        ]
    }
}

impl Checked {
    /// Adds one more record's answer: the first bad one stays.
    fn and(&mut self, answer: Result<(), RecordError>) {
        match (*self, answer) {
            (Self::Bad(_), _) => {}
            (_, Ok(())) => *self = Self::Good,
            (_, Err(error)) => *self = Self::Bad(error),
        }
    }
}

/// Where a chain stands, from its oldest record on.
struct Chain<'e> {
    expected: &'e Expected<'e>,
    due: u64,
    previous: Option<[u8; 32]>,
    ids: BTreeSet<super::RecordId>,
}

impl Chain<'_> {
    fn link(&mut self, verified: &VerifiedRecord) -> Result<(), RecordFault> {
        let (due, previous) = (self.due, self.previous);
        self.due = verified.n().saturating_add(1);
        self.previous = Some(verified.digest());
        let new = self.ids.insert(verified.id());
        if verified.n() != due {
            return Err(RecordFault::Place { due });
        }
        // The oldest of a part has a record before it that was not given.
        let unseen = previous.is_none() && self.expected.first.is_some();
        if !unseen && verified.prev() != previous {
            return Err(RecordFault::Previous);
        }
        if !new {
            return Err(RecordFault::Repeated);
        }
        Ok(())
    }
}

fn head_is(
    n: u64,
    digest: [u8; 32],
    count: u64,
    head: Option<[u8; 32]>,
) -> Result<(), RecordFault> {
    if n != count {
        return Err(RecordFault::Count { page: count });
    }
    if head.is_some_and(|head| head != digest) {
        return Err(RecordFault::Head);
    }
    Ok(())
}
