//! Erasure: the personal details of a signature and its captured image go, its record verifies on.

use otp_engine::{Detail, Erased, Expected, RecordField, verify_record};

use super::{Desk, PURPOSE};
use crate::directory::Fault;
use crate::images::Image;

/// All that can be erased of a record.
const ALL: [Detail; 7] = [
    Detail::UserName,
    Detail::SignerName,
    Detail::Number,
    Detail::Email,
    Detail::Ip,
    Detail::Agent,
    Detail::ContentDigest,
];

impl Desk {
    /// Erases signature `n` of a field; says whether there is one.
    pub(crate) fn erase(
        &self,
        tenant: &str,
        field: &RecordField<'_>,
        n: u64,
    ) -> Result<bool, Fault> {
        // The image first: it is found by the record, and a second try finds the rest.
        let erased = self.engine.erase(&*self.store, tenant, field, n, &[])?;
        let Erased::Record(record) = erased else {
            return Ok(false);
        };
        let expected = Expected::new()
            .tenant(tenant)
            .model(field.model)
            .field(field.field)
            .record(field.record)
            .purpose(PURPOSE);
        let read = verify_record(
            record.jws(),
            record.disclosures(),
            &self.keys,
            Some(&expected),
        )?;
        if let Some(facts) = read.image() {
            Image::new(tenant, field, &facts.digest).erase(&*self.store, self.now()?)?;
        }
        self.engine.erase(&*self.store, tenant, field, n, &ALL)?;
        Ok(true)
    }
}
