//! Verifying the chain of a field: each fact has an answer of its own.

use alloc::collections::BTreeSet;

use super::SignatureRecord;
use super::fault::{RecordError, RecordFact, RecordFault};
use super::verify::{VerifiedRecord, first_unexpected, verify_record};
use crate::ChainHead;
use crate::signing::VerifyingKeys;

/// What a verifier expects of the records of a field together; what is not set is not checked.
///
/// Purpose, user and content may differ from record to record: expect them of each,
/// by [`Expected`](crate::Expected).
///
/// ```
/// use otp_record::{ChainHead, ExpectedChain};
///
/// let expected = ExpectedChain::new()
///     .tenant("acme")
///     .model("loan.offer")
///     .field("borrower_signature")
///     .target_id("4711")
///     .chain_head(ChainHead::new(5, Some([7; 32])));
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct ExpectedChain<'a> {
    tenant: Option<&'a str>,
    model: Option<&'a str>,
    field: Option<&'a str>,
    record: Option<&'a str>,
    first: Option<u64>,
    head: Option<ChainHead>,
}

impl<'a> ExpectedChain<'a> {
    /// Expects nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            tenant: None,
            model: None,
            field: None,
            record: None,
            first: None,
            head: None,
        }
    }

    /// Expects the tenant (`iss`).
    #[must_use]
    pub const fn tenant(mut self, tenant: &'a str) -> Self {
        self.tenant = Some(tenant);
        self
    }

    /// Expects the model (`ref.model`): of the record field, of which all three parts must be given.
    #[must_use]
    pub const fn model(mut self, model: &'a str) -> Self {
        self.model = Some(model);
        self
    }

    /// Expects the field (`ref.field`).
    #[must_use]
    pub const fn field(mut self, field: &'a str) -> Self {
        self.field = Some(field);
        self
    }

    /// Expects the id of the host's record (`ref.record`).
    #[must_use]
    pub const fn target_id(mut self, id: &'a str) -> Self {
        self.record = Some(id);
        self
    }

    /// Expects the chain to begin with record number `sequence`, because older records are left out on purpose.
    ///
    /// Without this it must begin at 1. What comes before it is then not shown by the chain.
    #[must_use]
    pub const fn first_sequence(mut self, sequence: u64) -> Self {
        self.first = Some(sequence);
        self
    }

    /// Expects the chain to end at `head`: with record number `count`, whose digest it names.
    ///
    /// Without this nobody notices that the newest records were dropped; with a count and no digest,
    /// nobody notices that the newest one was replaced.
    #[must_use]
    pub const fn chain_head(mut self, head: ChainHead) -> Self {
        self.head = Some(head);
        self
    }

    /// Compares the tenant; whether there was one to compare with.
    fn compare_tenant(&self, verified: &VerifiedRecord) -> Result<bool, RecordFault> {
        first_unexpected(&[(self.tenant, verified.tenant(), RecordFact::Tenant)])?;
        Ok(self.tenant.is_some())
    }

    /// Whether any part of the record field is expected.
    const fn names_field(&self) -> bool {
        self.model.is_some() || self.field.is_some() || self.record.is_some()
    }

    /// Compares what is given of the record field; whether all of it was.
    fn compare_field(&self, verified: &VerifiedRecord) -> Result<bool, RecordFault> {
        first_unexpected(&[
            (self.model, verified.model(), RecordFact::Model),
            (self.field, verified.field(), RecordFact::Field),
            (self.record, verified.target_id(), RecordFact::Record),
        ])?;
        Ok(self.model.is_some() && self.field.is_some() && self.record.is_some())
    }

    /// Compares the newest record with the chain head; whether the chain head's digest was given.
    fn compare_head(&self, newest: &VerifiedRecord) -> Result<bool, RecordFault> {
        let Some(head) = self.head else {
            return Ok(false);
        };
        if newest.sequence() != head.count() {
            return Err(RecordFault::Count {
                chain_head: head.count(),
            });
        }
        match head.digest() {
            Some(head) if head != newest.digest() => Err(RecordFault::Head),
            head => Ok(head.is_some()),
        }
    }
}

/// The answers about the records of one field; each bad one names the first record that fails it.
///
/// A record that does not verify shows nothing: every answer that would rest on it is bad.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct ChainVerdict {
    /// Every record verifies, its disclosures included.
    pub signatures: RecordCheck,
    /// Every record is of the expected tenant.
    pub tenant: RecordCheck,
    /// Every record is of the expected record field.
    pub field: RecordCheck,
    /// The places are 1, 2, 3 and so on without a gap, each `prev` is the digest of the record
    /// before, and no two records have one id.
    pub chain: RecordCheck,
    /// The newest record is the one that the chain head counts last, and has the digest that the chain head keeps.
    pub head: RecordCheck,
}

/// The answer to one question about records.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "an answer is one of these three, for good"
)]
pub enum RecordCheck {
    /// It is so.
    Good,
    /// It is not, or is not shown: the first record of which that is true, and why.
    Bad(RecordError),
    /// Nobody said what to expect, or not all of it, or there was no record to check.
    NotChecked,
}

/// Verifies the records of one field, **newest first**, as `signatures` returns them.
///
/// The chain must begin at place 1, unless [`ExpectedChain::first_sequence`] says that older records are left
/// out. That the newest are all there shows only against the chain head: [`ExpectedChain::chain_head`]. Purpose,
/// user and content may differ from record to record, and are not compared here.
///
/// ```
/// # let lines = include_str!("../../tests/vectors/records/first.sd-jwt");
/// # let jwk_set = include_str!("../../tests/vectors/records/first.jwks");
/// use otp_record::{RecordCheck, ExpectedChain, SignatureRecord, VerifyingKeys, verify_chain};
///
/// let keys = VerifyingKeys::from_jwk_set(jwk_set)?;
/// let records = [SignatureRecord::from_sd_jwt(lines.trim_end())?];
/// let verdict = verify_chain(&records, &keys, &ExpectedChain::new().tenant("acme"));
/// assert_eq!(verdict.signatures, RecordCheck::Good);
/// assert_eq!(verdict.chain, RecordCheck::Good);
/// assert_eq!(verdict.head, RecordCheck::NotChecked);
/// assert!(verdict.none_bad() && !verdict.all_good());
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[must_use]
pub fn verify_chain(
    records: &[SignatureRecord],
    keys: &VerifyingKeys,
    expected: &ExpectedChain<'_>,
) -> ChainVerdict {
    let mut chain = Chain {
        expected,
        due: expected.first.unwrap_or(1),
        previous: None,
        ids: BTreeSet::new(),
    };
    let mut verdict = ChainVerdict {
        signatures: RecordCheck::NotChecked,
        tenant: RecordCheck::NotChecked,
        field: RecordCheck::NotChecked,
        chain: RecordCheck::NotChecked,
        head: RecordCheck::NotChecked,
    };
    for (at, record) in records.iter().enumerate().rev() {
        let judged = verify_record(record.jws(), record.disclosures(), keys, None);
        let fails = |reason| RecordError::of(record.sequence(), record.id(), reason);
        let shown = judged.as_ref().map_err(|_| RecordFault::Unproven);
        let ask = |asked: bool, compare: &dyn Fn(&VerifiedRecord) -> Result<bool, RecordFault>| {
            match asked {
                true => shown.and_then(compare).map_err(fails),
                false => Ok(false),
            }
        };
        let tenant = |verified: &_| expected.compare_tenant(verified);
        verdict.tenant.and(ask(expected.tenant.is_some(), &tenant));
        let field = |verified: &_| expected.compare_field(verified);
        verdict.field.and(ask(expected.names_field(), &field));
        if at == 0 {
            let head = |verified: &_| expected.compare_head(verified);
            verdict.head.and(ask(expected.head.is_some(), &head));
        }
        let linked = shown.and_then(|verified| chain.link(verified));
        verdict.chain.and(linked.map(|()| true).map_err(fails));
        verdict.signatures.and(judged.map(|_| true));
    }
    let due = expected.head.map_or(0, |head| head.count());
    if records.is_empty() && due > 0 {
        let missing = RecordFault::Count { chain_head: due };
        verdict.head = RecordCheck::Bad(RecordError::nameless(missing));
    }
    verdict
}

impl ChainVerdict {
    /// Tells whether every question was asked in full, and answered well.
    #[must_use]
    pub fn all_good(&self) -> bool {
        self.answers()
            .iter()
            .all(|answer| *answer == RecordCheck::Good)
    }

    /// Tells whether no answer is bad. Look at what was not checked, too.
    #[must_use]
    pub fn none_bad(&self) -> bool {
        !self
            .answers()
            .iter()
            .any(|answer| matches!(answer, RecordCheck::Bad(_)))
    }

    const fn answers(&self) -> [RecordCheck; 5] {
        [
            self.signatures,
            self.tenant,
            self.field,
            self.chain,
            self.head,
        ]
    }
}

impl RecordCheck {
    /// Adds one more record's answer: good, or not compared. The first bad one stays.
    fn and(&mut self, answer: Result<bool, RecordError>) {
        match (*self, answer) {
            (Self::Bad(_), _) | (_, Ok(false)) => {}
            (_, Ok(true)) => *self = Self::Good,
            (_, Err(error)) => *self = Self::Bad(error),
        }
    }
}

/// Where a chain stands, from its oldest record on.
struct Chain<'e> {
    expected: &'e ExpectedChain<'e>,
    due: u64,
    previous: Option<[u8; 32]>,
    ids: BTreeSet<super::RecordId>,
}

impl Chain<'_> {
    fn link(&mut self, verified: &VerifiedRecord) -> Result<(), RecordFault> {
        let (due, previous) = (self.due, self.previous);
        self.due = verified.sequence().saturating_add(1);
        self.previous = Some(verified.digest());
        let new = self.ids.insert(verified.id());
        if verified.sequence() != due {
            return Err(RecordFault::Place { due });
        }
        // The oldest of a part has a record before it that was not given.
        let unseen = previous.is_none() && self.expected.first.is_some();
        if !unseen && verified.previous_digest() != previous {
            return Err(RecordFault::Previous);
        }
        if !new {
            return Err(RecordFault::Repeated);
        }
        Ok(())
    }
}
