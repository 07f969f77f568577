//! Erasure: the personal details of a signature and its captured image go, its record verifies on.

use otp_engine::{
    Target,
    operation::{EraseOutcome, EraseRequest},
    record::RecordDetail,
};

use super::Service;
use crate::directory::Fault;
use crate::images::Image;

/// All that can be erased of a record.
const ALL: [RecordDetail; 7] = [
    RecordDetail::UserName,
    RecordDetail::SignerName,
    RecordDetail::Number,
    RecordDetail::Email,
    RecordDetail::Ip,
    RecordDetail::Agent,
    RecordDetail::ContentDigest,
];

impl Service {
    /// Erases signature `n` of a field; says whether there is one.
    pub(crate) fn erase(&self, tenant: &str, field: &Target<'_>, n: u64) -> Result<bool, Fault> {
        // The image first: it is found by the record, and a second try finds the rest.
        let erased = self.engine.erase(
            &*self.store,
            &EraseRequest {
                tenant,
                target: *field,
                sequence: n,
                details: &[],
            },
        )?;
        let EraseOutcome::Record(record) = erased else {
            return Ok(false);
        };
        let read = self.verified(tenant, field, &record)?;
        if let Some(facts) = read.image() {
            Image::new(tenant, field, &facts.digest).erase(&*self.store, self.now()?)?;
        }
        self.engine.erase(
            &*self.store,
            &EraseRequest {
                tenant,
                target: *field,
                sequence: n,
                details: &ALL,
            },
        )?;
        Ok(true)
    }
}
