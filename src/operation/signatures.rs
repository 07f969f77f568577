//! Signatures: the chain head and the records of a target, read; and details of a record, erased.

use alloc::vec::Vec;

use super::{Context, Decided, Decision, Loaded, Operation};
use crate::binding::check_target;
use crate::chain_head::{ChainHead, Stored as _};
use crate::seal::Writes;
use crate::store::{Key, Kind};
use crate::{Error, SignatureRecord, Target, record::RecordDetail};

/// Reads the chain head of a target.
pub(crate) struct ReadChainHead {
    pub(crate) key: Key,
}

impl ReadChainHead {
    /// # Errors
    ///
    /// [`Error::Binding`].
    pub(crate) fn new(
        context: &Context<'_>,
        tenant: &str,
        target: &Target<'_>,
    ) -> Result<Self, Error> {
        check_target(tenant, target)?;
        let key = context.keys.tenant(tenant).chain_head(target);
        Ok(Self { key })
    }
}

impl Operation for ReadChainHead {
    type Answer = ChainHead;

    fn keys(&self) -> &[Key] {
        core::slice::from_ref(&self.key)
    }

    fn chain_head(&self) -> Option<usize> {
        Some(0)
    }

    fn decide(&self, loaded: &Loaded<'_>, _: &mut Writes<'_>) -> Decided<ChainHead> {
        let answer = ChainHead::read(loaded.cell(0)?.body())?;
        Ok(Decision::quiet(answer))
    }
}

/// Reads records that must be there: newest first, the newest of them with the digest `head`.
pub(crate) struct ReadRecords {
    pub(crate) keys: Vec<Key>,
    pub(crate) head: [u8; 32],
}

impl Operation for ReadRecords {
    type Answer = Vec<SignatureRecord>;

    const RAW: bool = true;

    fn keys(&self) -> &[Key] {
        &self.keys
    }

    /// Follows the digests from the head: what is not the record that was appended is found here,
    /// without a key.
    fn decide(&self, loaded: &Loaded<'_>, _: &mut Writes<'_>) -> Decided<Vec<SignatureRecord>> {
        let mut answer = Vec::with_capacity(self.keys.len());
        let mut due = Some(self.head);
        for at in 0..self.keys.len() {
            let body = loaded.cell(at)?.body().ok_or(Error::Tampered)?;
            let record = SignatureRecord::from_bytes(body).map_err(|_| Error::Tampered)?;
            if due != Some(record.digest()) {
                return Err(Error::Tampered);
            }
            due = record.previous_digest();
            answer.push(record);
        }
        Ok(Decision::quiet(answer))
    }
}

/// Which signature record loses which personal details.
///
/// ```
/// use otp_engine::{Target, operation::EraseRequest, record::RecordDetail};
///
/// let request = EraseRequest {
///     tenant: "acme",
///     target: Target { model: "loan.application", field: "client_signature", id: "15" },
///     sequence: 1,
///     details: &[RecordDetail::Number, RecordDetail::Ip],
/// };
/// # let _ = request;
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "a record has one name, and details are one list"
)]
pub struct EraseRequest<'a> {
    /// The tenant of the record.
    pub tenant: &'a str,
    /// What was signed.
    pub target: Target<'a>,
    /// Which record of the target, from 1: [`SignatureRecord::sequence`].
    pub sequence: u64,
    /// The details to erase; those that are erased already stay so, and one that the record does not have
    /// erases nothing: a `name` is not the `typed` name. See
    /// [`disclosures`](SignatureRecord::disclosures) for what it has.
    pub details: &'a [RecordDetail],
}

/// The answer of [`Engine::erase`](crate::Engine::erase).
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "there was such a record, or not")]
pub enum EraseOutcome {
    /// The record as it is kept now: its signature and the chain still verify. The last of its
    /// [erasures](SignatureRecord::erasures) says what was there to erase; where nothing was, there is no new one.
    Record(SignatureRecord),
    /// There is no such record.
    NoRecord,
}

/// Erases details of one record.
pub(crate) struct Erase<'a> {
    pub(crate) key: Key,
    pub(crate) details: &'a [RecordDetail],
}

impl<'a> Erase<'a> {
    /// # Errors
    ///
    /// [`Error::Binding`].
    pub(crate) fn new(context: &Context<'_>, request: &EraseRequest<'a>) -> Result<Self, Error> {
        check_target(request.tenant, &request.target)?;
        let head = context
            .keys
            .tenant(request.tenant)
            .chain_head(&request.target);
        Ok(Self {
            key: context.keys.record_key(&head, request.sequence),
            details: request.details,
        })
    }
}

impl Operation for Erase<'_> {
    type Answer = EraseOutcome;

    const RAW: bool = true;

    fn keys(&self) -> &[Key] {
        core::slice::from_ref(&self.key)
    }

    fn decide(&self, loaded: &Loaded<'_>, writes: &mut Writes<'_>) -> Decided<EraseOutcome> {
        let now = loaded.now;
        let cell = loaded.cell(0)?;
        let answer = match cell.body() {
            None => EraseOutcome::NoRecord,
            Some(body) => {
                let record = SignatureRecord::from_bytes(body).map_err(|_| Error::Tampered)?;
                let left = record.erase(self.details, now);
                if left != record {
                    writes.put(cell, Kind::Record, None, |body| {
                        body.extend(left.to_bytes());
                    });
                }
                EraseOutcome::Record(left)
            }
        };
        Ok(Decision::quiet(answer))
    }
}
