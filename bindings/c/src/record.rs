//! Signature records: read from a store, and verified with public keys alone.

use otp_core::{
    ChainHead, EraseOutcome, EraseRequest, Expected, ExpectedChain, RecordCheck, RecordDetail,
    SignatureRecord, Target, VerifyingKeys, verify_chain, verify_record,
};

use crate::engine::{otp_engine, use_engine, use_store};
use crate::guard::{flag, guard};
use crate::status::{Fault, otp_status};
use crate::store::otp_store;
use crate::view::{Sized_, hand_out, lend, otp_bytes, otp_view, read_sized, writable};

/// A record field of a tenant.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct otp_field {
    /// Whose data this is.
    pub tenant: otp_view,
    /// The kind of record.
    pub model: otp_view,
    /// The field of it.
    pub field: otp_view,
    /// Which record.
    pub record: otp_view,
}

impl otp_field {
    /// # Safety
    ///
    /// The views have as many bytes as they say, for as long as the result is used.
    unsafe fn read<'a>(&self) -> Result<(&'a str, Target<'a>), Fault> {
        // SAFETY: by this function's contract.
        unsafe {
            let (model, field) = (self.model.text("model")?, self.field.text("field")?);
            let record = self.record.text("record")?;
            Ok((
                self.tenant.text("tenant")?,
                Target {
                    model,
                    field,
                    id: record,
                },
            ))
        }
    }
}

/// Returns the newest `limit` signature records of a field: UTF-8 text, newest first, each a line
/// `<JWS>~<disclosure>~…`; an empty text where nothing was signed. 1 is the latest.
///
/// Errors: `OTP_STATUS_TAMPERED` where a record is missing or not the one that was appended.
///
/// # Safety
///
/// Every pointer is NULL or valid during the call. Free the text by `otp_bytes_free`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn otp_engine_signatures(
    engine: *const otp_engine,
    store: *const otp_store,
    field: *const otp_field,
    limit: usize,
    records_out: *mut *mut otp_bytes,
) -> otp_status {
    guard(|| {
        writable(records_out, "records_out")?;
        // SAFETY: by this function's contract, here and below.
        let (engine, store) = unsafe { (use_engine(engine)?, use_store(store)?) };
        // SAFETY: as above.
        let (tenant, field) = unsafe { lend(field, "field")?.read()? };
        let records = engine.signatures(&*store.store, tenant, &field, limit)?;
        let lines: Vec<String> = records.iter().map(SignatureRecord::to_sd_jwt).collect();
        // SAFETY: asked above.
        unsafe { hand_out(records_out, otp_bytes::give(lines.join("\n"))) };
        Ok(())
    })
}

/// Returns how many records a field has, and the SHA-256 digest of the newest JWS (32 bytes, zeros
/// where there is none).
///
/// # Safety
///
/// Every pointer is NULL or valid during the call; `head_out` has room for 32 bytes.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn otp_engine_page(
    engine: *const otp_engine,
    store: *const otp_store,
    field: *const otp_field,
    count_out: *mut u64,
    head_out: *mut u8,
) -> otp_status {
    guard(|| {
        writable(count_out, "count_out")?;
        writable(head_out, "head_out")?;
        // SAFETY: by this function's contract, here and below.
        let (engine, store) = unsafe { (use_engine(engine)?, use_store(store)?) };
        // SAFETY: as above.
        let (tenant, field) = unsafe { lend(field, "field")?.read()? };
        let head = engine.chain_head(&*store.store, tenant, &field)?;
        // SAFETY: asked above; 32 bytes by this function's contract.
        unsafe {
            hand_out(count_out, head.count());
            hand_out(
                head_out.cast::<[u8; 32]>(),
                head.digest().unwrap_or_default(),
            );
        }
        Ok(())
    })
}

/// Erases personal details of the `n`th record of a field. `details` are their names with commas
/// between: `name`, `typed`, `number`, `email`, `ip`, `agent`, `dig`. The record that is left is
/// handed out, empty if there is none such.
///
/// # Safety
///
/// Every pointer is NULL or valid during the call. Free the text by `otp_bytes_free`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn otp_engine_erase(
    engine: *const otp_engine,
    store: *const otp_store,
    field: *const otp_field,
    n: u64,
    details: otp_view,
    record_out: *mut *mut otp_bytes,
) -> otp_status {
    guard(|| {
        writable(record_out, "record_out")?;
        // SAFETY: by this function's contract, here and below.
        let (engine, store) = unsafe { (use_engine(engine)?, use_store(store)?) };
        // SAFETY: as above.
        let (tenant, field) = unsafe { lend(field, "field")?.read()? };
        // SAFETY: as above.
        let names = unsafe { details.text("details")? };
        let detail = |name| {
            RecordDetail::parse(name)
                .ok_or_else(|| Fault::argument("details names an unknown detail"))
        };
        let details = names
            .split(',')
            .map(detail)
            .collect::<Result<Vec<_>, _>>()?;
        let left = match engine.erase(
            &*store.store,
            &EraseRequest {
                tenant,
                target: field,
                sequence: n,
                details: &details,
            },
        )? {
            EraseOutcome::Record(record) => record.to_sd_jwt(),
            EraseOutcome::NoRecord => String::new(),
        };
        // SAFETY: asked above.
        unsafe { hand_out(record_out, otp_bytes::give(left)) };
        Ok(())
    })
}

/// What a verifier expects; empty views are not checked. A page is expected of a chain alone.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct otp_expected {
    /// `sizeof(otp_expected)`.
    pub struct_size: usize,
    /// Whose data.
    pub tenant: otp_view,
    /// The kind of record.
    pub model: otp_view,
    /// The field.
    pub field: otp_view,
    /// The record.
    pub record: otp_view,
    /// SHA-256 of the newest JWS, as `otp_engine_page` tells it: 32 bytes, or empty.
    pub head: otp_view,
    /// How many records there are; read if `has_page` is 1.
    pub count: u64,
    /// 1 if `count` and `head` are to be compared, else 0; 0 for one record.
    pub has_page: i32,
}

impl Sized_ for otp_expected {
    const FIRST: usize = size_of::<Self>();
}

/// What is expected, read; each function takes what it compares.
#[derive(Default)]
struct Given<'a> {
    tenant: Option<&'a str>,
    model: Option<&'a str>,
    field: Option<&'a str>,
    record: Option<&'a str>,
    page: Option<(u64, Option<[u8; 32]>)>,
}

impl<'a> Given<'a> {
    fn of_record(&self) -> Result<Expected<'a>, Fault> {
        if self.page.is_some() {
            return Err(Fault::argument(
                "expected.has_page is 1; it must be 0 for one record, as a page is of a chain",
            ));
        }
        let mut expected = Expected::new();
        for (text, set) in [
            (self.tenant, Expected::tenant as fn(_, _) -> _),
            (self.model, Expected::model),
            (self.field, Expected::field),
            (self.record, Expected::target_id),
        ] {
            expected = text.map_or(expected, |text| set(expected, text));
        }
        Ok(expected)
    }

    fn of_chain(&self) -> ExpectedChain<'a> {
        let mut expected = ExpectedChain::new();
        for (text, set) in [
            (self.tenant, ExpectedChain::tenant as fn(_, _) -> _),
            (self.model, ExpectedChain::model),
            (self.field, ExpectedChain::field),
            (self.record, ExpectedChain::target_id),
        ] {
            expected = text.map_or(expected, |text| set(expected, text));
        }
        match self.page {
            Some((count, head)) => expected.chain_head(ChainHead::new(count, head)),
            None => expected,
        }
    }
}

/// # Safety
///
/// `expected` is NULL or valid, its views with as many bytes as they say, for as long as the result
/// is used.
unsafe fn read_expected<'a>(expected: *const otp_expected) -> Result<Given<'a>, Fault> {
    const EMPTY: otp_view = otp_view {
        data: core::ptr::null(),
        len: 0,
    };
    let none = otp_expected {
        struct_size: size_of::<otp_expected>(),
        tenant: EMPTY,
        model: EMPTY,
        field: EMPTY,
        record: EMPTY,
        head: EMPTY,
        count: 0,
        has_page: 0,
    };
    let mut read = Given::default();
    if expected.is_null() {
        return Ok(read);
    }
    // SAFETY: by this function's contract, here and below.
    unsafe {
        let given = read_sized(expected, none, "expected")?;
        read.tenant = given.tenant.optional_text("tenant")?;
        read.model = given.model.optional_text("model")?;
        read.field = given.field.optional_text("field")?;
        read.record = given.record.optional_text("record")?;
        if !matches!(given.has_page, 0 | 1) {
            return Err(Fault::argument(format!(
                "expected.has_page is {}; it must be 0 or 1",
                given.has_page
            )));
        }
        if flag(given.has_page, "has_page")? {
            let head = match given.head.bytes("head")? {
                [] => None,
                head => Some(<[u8; 32]>::try_from(head).map_err(|_| {
                    Fault::argument(format!(
                        "head is {} bytes; it must be 32 bytes or none",
                        head.len()
                    ))
                })?),
            };
            read.page = Some((given.count, head));
        }
    }
    Ok(read)
}

/// Verifies one record, a JWS or `<JWS>~<disclosure>~…`, with a JWK set of public keys; white space
/// behind it is left out. `expected` may not have a page.
///
/// `valid_out` is 1 if all of it holds, else 0. `text_out` is UTF-8 text: the payload as it was
/// signed, or the reason why it does not hold.
///
/// # Safety
///
/// Every pointer is NULL or valid during the call, views with as many bytes as they say. Free the
/// text by `otp_bytes_free`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn otp_verify_record(
    record: otp_view,
    jwks: otp_view,
    expected: *const otp_expected,
    valid_out: *mut i32,
    text_out: *mut *mut otp_bytes,
) -> otp_status {
    guard(|| {
        writable(valid_out, "valid_out")?;
        writable(text_out, "text_out")?;
        // SAFETY: by this function's contract.
        let (record, jwks, expected) = unsafe {
            (
                record.text("record")?,
                jwks.text("jwks")?,
                read_expected(expected)?,
            )
        };
        let (keys, expected) = (read_keys(jwks)?, expected.of_record()?);
        let verified = SignatureRecord::from_sd_jwt(record).and_then(|record| {
            verify_record(record.jws(), record.disclosures(), &keys, Some(&expected))
        });
        let (valid, text) = match verified {
            Ok(verified) => (1, verified.payload().to_owned()),
            Err(error) => (0, error.to_string()),
        };
        // SAFETY: asked above.
        unsafe {
            hand_out(valid_out, valid);
            hand_out(text_out, otp_bytes::give(text));
        }
        Ok(())
    })
}

/// Verifies the records of a field, newest first, a line each.
///
/// `valid_out` is 1 if nothing that was checked is bad and there is a record or an empty page, else
/// 0. `text_out` has a line for each question, `signatures`, `tenant`, `field`, `chain` and `head`:
/// `name<TAB>good`, `name<TAB>not checked`, or `name<TAB>bad<TAB>reason`. What was not compared is
/// not checked: a field of which a part is expected, a page without its digest, an empty chain.
///
/// # Safety
///
/// As `otp_verify_record`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn otp_verify_chain(
    records: otp_view,
    jwks: otp_view,
    expected: *const otp_expected,
    valid_out: *mut i32,
    text_out: *mut *mut otp_bytes,
) -> otp_status {
    guard(|| {
        writable(valid_out, "valid_out")?;
        writable(text_out, "text_out")?;
        // SAFETY: by this function's contract.
        let (records, jwks, expected) = unsafe {
            (
                records.text("records")?,
                jwks.text("jwks")?,
                read_expected(expected)?,
            )
        };
        let keys = read_keys(jwks)?;
        let lines = records.lines().filter(|line| !line.is_empty());
        let (valid, text) = match lines
            .map(SignatureRecord::from_sd_jwt)
            .collect::<Result<Vec<_>, _>>()
        {
            Err(error) => (0, format!("signatures\tbad\t{error}")),
            Ok(records) => {
                let verdict = verify_chain(&records, &keys, &expected.of_chain());
                let answers = [
                    ("signatures", verdict.signatures),
                    ("tenant", verdict.tenant),
                    ("field", verdict.field),
                    ("chain", verdict.chain),
                    ("head", verdict.head),
                ];
                let said = answers.map(|(name, answer)| match answer {
                    RecordCheck::Good => format!("{name}\tgood"),
                    RecordCheck::NotChecked => format!("{name}\tnot checked"),
                    RecordCheck::Bad(error) => format!("{name}\tbad\t{error}"),
                });
                let empty_page = expected.page.is_some_and(|(count, _)| count == 0);
                let shown = !records.is_empty() || empty_page;
                (i32::from(verdict.none_bad() && shown), said.join("\n"))
            }
        };
        // SAFETY: asked above.
        unsafe {
            hand_out(valid_out, valid);
            hand_out(text_out, otp_bytes::give(text));
        }
        Ok(())
    })
}

fn read_keys(jwks: &str) -> Result<VerifyingKeys, Fault> {
    VerifyingKeys::from_jwk_set(jwks)
        .map_err(|error| Fault::new(otp_status::Key, format!("jwks: {error}")))
}
