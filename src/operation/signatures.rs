//! Signatures: the page and the records of a field, read; and details of a record, erased.

use alloc::vec::Vec;

use super::{Decision, Ground, Operation, Subject};
use crate::event::Happenings;
use crate::page::Page;
use crate::seal::{Places, Writes};
use crate::store::{Key, Kind};
use crate::{Detail, Error, SignatureRecord, Timestamp};

/// Reads the page of a field.
pub(crate) struct ReadPage<'a> {
    pub(crate) key: Key,
    pub(crate) tenant: &'a str,
}

impl Operation for ReadPage<'_> {
    type Answer = Page;

    fn keys(&self) -> &[Key] {
        core::slice::from_ref(&self.key)
    }

    fn page(&self) -> Option<usize> {
        Some(0)
    }

    fn decide(
        &self,
        _: &Ground<'_>,
        places: &Places<'_>,
        _: &mut Writes<'_>,
        _: Timestamp,
    ) -> Result<Decision<Page>, Error> {
        let answer = Page::read(places.at(0)?.body())?;
        Ok(Decision {
            answer,
            happenings: Happenings::default(),
            id: None,
        })
    }

    fn subject(&self) -> Subject<'_> {
        Subject::User {
            tenant: self.tenant,
            user: "",
        }
    }
}

/// Reads records that must be there: newest first, the newest of them with the digest `head`.
pub(crate) struct ReadRecords<'a> {
    pub(crate) keys: Vec<Key>,
    pub(crate) tenant: &'a str,
    pub(crate) head: [u8; 32],
}

impl Operation for ReadRecords<'_> {
    type Answer = Vec<SignatureRecord>;

    const RAW: bool = true;

    fn keys(&self) -> &[Key] {
        &self.keys
    }

    /// Follows the digests from the head: what is not the record that was appended is found here,
    /// without a key.
    fn decide(
        &self,
        _: &Ground<'_>,
        places: &Places<'_>,
        _: &mut Writes<'_>,
        _: Timestamp,
    ) -> Result<Decision<Vec<SignatureRecord>>, Error> {
        let mut answer = Vec::with_capacity(self.keys.len());
        let mut due = Some(self.head);
        for at in 0..self.keys.len() {
            let body = places.at(at)?.body().ok_or(Error::Tampered)?;
            let record = SignatureRecord::from_bytes(body).map_err(|_| Error::Tampered)?;
            if due != Some(record.digest()) {
                return Err(Error::Tampered);
            }
            due = record.prev();
            answer.push(record);
        }
        Ok(Decision {
            answer,
            happenings: Happenings::default(),
            id: None,
        })
    }

    fn subject(&self) -> Subject<'_> {
        Subject::User {
            tenant: self.tenant,
            user: "",
        }
    }
}

/// The answer of [`Engine::erase`](crate::Engine::erase).
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "there was such a record, or not")]
pub enum Erased {
    /// The record as it is kept now: its signature and the chain still verify.
    Record(SignatureRecord),
    /// There is no such record.
    NoRecord,
}

/// Erases details of one record.
pub(crate) struct Erase<'a> {
    pub(crate) key: Key,
    pub(crate) tenant: &'a str,
    pub(crate) details: &'a [Detail],
}

impl Operation for Erase<'_> {
    type Answer = Erased;

    const RAW: bool = true;

    fn keys(&self) -> &[Key] {
        core::slice::from_ref(&self.key)
    }

    fn decide(
        &self,
        _: &Ground<'_>,
        places: &Places<'_>,
        writes: &mut Writes<'_>,
        now: Timestamp,
    ) -> Result<Decision<Erased>, Error> {
        let place = places.at(0)?;
        let answer = match place.body() {
            None => Erased::NoRecord,
            Some(body) => {
                let record = SignatureRecord::from_bytes(body).map_err(|_| Error::Tampered)?;
                let (left, erasure) = record.erase(self.details, now);
                if !erasure.details().is_empty() {
                    writes.put(place, Kind::Record, None, |body| {
                        body.extend(left.to_bytes());
                    });
                }
                Erased::Record(left)
            }
        };
        Ok(Decision {
            answer,
            happenings: Happenings::default(),
            id: None,
        })
    }

    fn subject(&self) -> Subject<'_> {
        Subject::User {
            tenant: self.tenant,
            user: "",
        }
    }
}
