//! The record of an acceptance: what is given and drawn for it, and how it is added to those of its field.

use alloc::boxed::Box;
use alloc::string::ToString;

use super::Loaded;
use crate::chain_head::{ChainHead, Stored as _};
use crate::evidence::CheckedEvidence;
use crate::record::facts::{Content, Facts, Guessing, Image, Maker, Otp, Salts, sign};
use crate::seal::{LoadedCell, Writes};
use crate::store::Kind;
use crate::{Binding, ChallengeId, Error, SignatureRecord, Target};

/// What the record of an answer is to hold, where it lies: moved, it would cost each verify 200 instructions.
#[derive(Clone, Copy)]
pub(super) struct Signing<'s, 'a> {
    /// What of the evidence fits.
    pub(super) evidence: &'s CheckedEvidence<'a>,
    /// Fresh ones, for this record alone.
    pub(super) salts: &'s Salts,
}

/// What was answered.
pub(super) struct Answer<'a> {
    pub(super) id: ChallengeId,
    /// How many answers were compared, this one included.
    pub(super) attempts: u32,
    pub(super) digits: usize,
    /// Whether a send said that the content can be guessed from its digest.
    pub(super) guessable: bool,
    pub(super) maker: Maker<'a>,
}

impl Signing<'_, '_> {
    /// Signs what was answered for `binding`, and puts record and chain head, which stands at `at` among the
    /// cells; an engine without a key signs nothing.
    pub(super) fn append(
        &self,
        loaded: &Loaded<'_>,
        writes: &mut Writes<'_>,
        at: usize,
        binding: &Binding,
        answer: &Answer<'_>,
    ) -> Result<Option<Box<SignatureRecord>>, Error> {
        let context = loaded.context;
        let Some(signer) = context.signer else {
            return Ok(None);
        };
        let cell = loaded.cell(at)?;
        let chain_head = ChainHead::read(cell.body())?;
        let id = answer.id.to_string();
        let facts = self.facts(loaded, binding, &chain_head, answer, &id);
        // All texts are bounded so that they fit: only a chain head that counts past 2^53 does not.
        let record = sign(&facts, self.salts, signer).map_err(|_| Error::Tampered)?;
        let next = chain_head.append(record.digest());
        writes.put(cell, Kind::ChainHead, None, |body| next.write(body));
        let key = context.keys.record_key(&cell.key(), next.count());
        writes.put(LoadedCell::absent(key), Kind::Record, None, |body| {
            body.extend(record.to_bytes());
        });
        Ok(Some(Box::new(record)))
    }

    fn facts<'f>(
        &'f self,
        loaded: &Loaded<'_>,
        binding: &'f Binding,
        chain_head: &ChainHead,
        answer: &Answer<'f>,
        id: &'f str,
    ) -> Facts<'f> {
        let evidence = self.evidence;
        let Target {
            model,
            field,
            id: record,
        } = binding.target();
        Facts {
            tenant: binding.tenant(),
            id: loaded.context.keys.record_id(answer.id),
            verified_at: loaded.now,
            purpose: binding.purpose(),
            n: chain_head.count().saturating_add(1),
            prev: chain_head.digest(),
            model,
            field,
            record,
            revision: evidence.revision,
            content: binding.content().map(|content| Content {
                digest: *content.as_bytes(),
                guessing: if content.is_guessable() || answer.guessable {
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
            ip: evidence.ip,
            agent: evidence.agent,
            otp: Otp {
                id,
                attempts: answer.attempts,
                digits: u32::try_from(answer.digits).unwrap_or(0), // at most 26
                maker: answer.maker,
            },
            image: evidence.image.map(|image| Image {
                digest: image.digest,
                size: image.size,
                media_type: image.media_type,
            }),
            consent: evidence.consent,
        }
    }
}
