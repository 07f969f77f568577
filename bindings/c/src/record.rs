//! Signature records: read from a store, and verified with public keys alone.

use otp_core::{
    SignatureRecord,
    operation::{EraseOutcome, EraseRequest},
    record::{
        ChainHead, Expected, ExpectedChain, RecordCheck, RecordDetail, VerifyingKeys, verify_chain,
        verify_record,
    },
};

use crate::engine::{otp_engine, use_engine};
use crate::guard::{flag, guard, guard_out, guard_sized_out};
use crate::status::{Fault, otp_status};
use crate::store::{otp_store, use_store};
use crate::target::otp_target;
use crate::view::{Out, Sized_, lend, otp_bytes, otp_view, read_sized};

/// Returns the newest `limit` signature records of a target: UTF-8 text, newest first, each a line
/// `<JWS>~<disclosure>~…`; an empty text where nothing was signed. A `limit` of 1 gives the latest.
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
    tenant: otp_view,
    target: *const otp_target,
    limit: usize,
    records_out: *mut *mut otp_bytes,
) -> otp_status {
    // SAFETY: by this function's contract.
    unsafe {
        guard_out(records_out, "records_out", || {
            let (engine, store) = (use_engine(engine)?, use_store(store)?);
            let (tenant, target) = (tenant.member("tenant")?, lend(target, "target")?.read()?);
            let records = engine.signatures(store, tenant, &target, limit)?;
            let lines: Vec<String> = records.iter().map(SignatureRecord::to_sd_jwt).collect();
            Ok(otp_bytes::give(lines.join("\n")))
        })
    }
}

/// How many signature records a target has, and the newest of them.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct otp_chain_head {
    /// `sizeof(otp_chain_head)`.
    pub struct_size: usize,
    /// How many records there are.
    pub count: u64,
    /// SHA-256 of the newest JWS; read if `has_digest` is 1.
    pub digest: [u8; 32],
    /// 0 if there is no record, or if its digest is not known and so not compared; else 1.
    pub has_digest: i32,
}

// SAFETY: plain data behind its size, of which all zeros is a value.
unsafe impl Sized_ for otp_chain_head {}

/// Tells how many signature records a target has, and the digest of the newest: what an auditor
/// keeps, to compare it later by `otp_verify_chain`.
///
/// # Safety
///
/// Every pointer is NULL or valid during the call; the `struct_size` of `head_out` is set.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn otp_engine_chain_head(
    engine: *const otp_engine,
    store: *const otp_store,
    tenant: otp_view,
    target: *const otp_target,
    head_out: *mut otp_chain_head,
) -> otp_status {
    // SAFETY: by this function's contract.
    unsafe {
        guard_sized_out(head_out, "head_out", || {
            let (engine, store) = (use_engine(engine)?, use_store(store)?);
            let (tenant, target) = (tenant.member("tenant")?, lend(target, "target")?.read()?);
            let head = engine.chain_head(store, tenant, &target)?;
            Ok(otp_chain_head {
                struct_size: size_of::<otp_chain_head>(),
                count: head.count(),
                digest: head.digest().unwrap_or_default(),
                has_digest: i32::from(head.digest().is_some()),
            })
        })
    }
}

/// Which personal details of which signature record are erased.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct otp_erase_request {
    /// `sizeof(otp_erase_request)`.
    pub struct_size: usize,
    /// Whose data this is.
    pub tenant: otp_view,
    /// What was approved.
    pub target: otp_target,
    /// The record's place among those of its target, from 1.
    pub sequence: u64,
    /// The names of the details with commas between: `name`, `typed`, `number`, `email`, `ip`,
    /// `agent`, `dig`.
    pub details: otp_view,
}

// SAFETY: plain data behind its size, of which all zeros is a value.
unsafe impl Sized_ for otp_erase_request {}

/// Erases personal details of a signature record. The record that is left, which verifies as before,
/// is handed out; the text is empty if there is no such record. A name that the record does not have erases
/// nothing, and is no error: list its details first.
///
/// # Safety
///
/// Every pointer is NULL or valid during the call. Free the text by `otp_bytes_free`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn otp_engine_erase(
    engine: *const otp_engine,
    store: *const otp_store,
    request: *const otp_erase_request,
    record_out: *mut *mut otp_bytes,
) -> otp_status {
    // SAFETY: by this function's contract.
    unsafe {
        guard_out(record_out, "record_out", || {
            let (engine, store) = (use_engine(engine)?, use_store(store)?);
            let request = read_sized(request, "request")?;
            let detail = |name| {
                RecordDetail::parse(name)
                    .ok_or_else(|| Fault::argument("details must be one or more of name, typed, number, email, ip, agent and dig"))
            };
            let names = request.details.text("details")?.split(',');
            let details = names.map(detail).collect::<Result<Vec<_>, _>>()?;
            let request = EraseRequest {
                tenant: request.tenant.member("tenant")?,
                target: request.target.read()?,
                sequence: request.sequence,
                details: &details,
            };
            let left = match engine.erase(store, &request)? {
                EraseOutcome::Record(record) => record.to_sd_jwt(),
                EraseOutcome::NoRecord => String::new(),
            };
            Ok(otp_bytes::give(left))
        })
    }
}

/// What a verifier expects; empty views are not checked, and neither is a NULL chain head.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct otp_expected {
    /// `sizeof(otp_expected)`.
    pub struct_size: usize,
    /// Whose data.
    pub tenant: otp_view,
    /// What was approved.
    pub target: otp_target,
    /// As `otp_engine_chain_head` told it; NULL for one record.
    pub chain_head: *const otp_chain_head,
}

// SAFETY: plain data behind its size, of which all zeros is a value.
unsafe impl Sized_ for otp_expected {}

/// What is expected, read; each function takes what it compares.
#[derive(Default)]
struct Given<'a> {
    /// Tenant, model, field and id.
    texts: [Option<&'a str>; 4],
    head: Option<ChainHead>,
}

/// Writes whether a signature or chain holds, and what it says or why it does not hold.
///
/// # Safety
///
/// `valid_out` and `text_out` are NULL or valid during the call.
unsafe fn guard_checked(
    valid_out: *mut i32,
    text_out: *mut *mut otp_bytes,
    check: impl FnOnce() -> Result<(bool, String), Fault>,
) -> otp_status {
    // SAFETY: by this function's contract.
    guard(|| unsafe {
        let valid_out = Out::at(valid_out, "valid_out")?;
        let text_out = Out::at(text_out, "text_out")?;
        let (valid, text) = check()?;
        valid_out.write(i32::from(valid));
        text_out.write(otp_bytes::give(text));
        Ok(())
    })
}

impl<'a> Given<'a> {
    fn of_record(&self) -> Result<Expected<'a>, Fault> {
        if self.head.is_some() {
            return Err(Fault::argument(
                "expected.chain_head must be NULL for one record; otp_verify_chain compares it",
            ));
        }
        type Set<'a> = fn(Expected<'a>, &'a str) -> Expected<'a>;
        let sets: [Set<'a>; 4] = [
            Expected::tenant,
            Expected::model,
            Expected::field,
            Expected::target_id,
        ];
        Ok(self.set(Expected::new(), sets))
    }

    fn of_chain(&self) -> ExpectedChain<'a> {
        type Set<'a> = fn(ExpectedChain<'a>, &'a str) -> ExpectedChain<'a>;
        let sets: [Set<'a>; 4] = [
            ExpectedChain::tenant,
            ExpectedChain::model,
            ExpectedChain::field,
            ExpectedChain::target_id,
        ];
        let expected = self.set(ExpectedChain::new(), sets);
        match self.head {
            Some(head) => expected.chain_head(head),
            None => expected,
        }
    }

    fn set<T>(&self, expected: T, sets: [fn(T, &'a str) -> T; 4]) -> T {
        let texts = self.texts.iter().zip(sets);
        texts.fold(expected, |expected, (text, set)| match text {
            Some(text) => set(expected, text),
            None => expected,
        })
    }
}

/// # Safety
///
/// `expected` is NULL or valid, its views with as many bytes as they say, for as long as the result
/// is used.
unsafe fn read_expected<'a>(expected: *const otp_expected) -> Result<Given<'a>, Fault> {
    let mut read = Given::default();
    if expected.is_null() {
        return Ok(read);
    }
    // SAFETY: by this function's contract.
    unsafe {
        let given = read_sized(expected, "expected")?;
        read.texts = [
            given.tenant.optional_text("tenant")?,
            given.target.model.optional_text("model")?,
            given.target.field.optional_text("field")?,
            given.target.id.optional_text("id")?,
        ];
        if !given.chain_head.is_null() {
            let head = read_sized(given.chain_head, "chain_head")?;
            let digest = flag(head.has_digest, "has_digest")?.then_some(head.digest);
            read.head = Some(ChainHead::new(head.count, digest));
        }
    }
    Ok(read)
}

/// Verifies one record, a JWS or `<JWS>~<disclosure>~…`, with a JWK set of public keys; white space
/// behind it is left out. `expected` may not have a chain head.
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
    // SAFETY: by this function's contract.
    unsafe {
        guard_checked(valid_out, text_out, || {
            let (record, jwks) = (record.text("record")?, jwks.text("jwks")?);
            let expected = read_expected(expected)?.of_record()?;
            let keys = read_keys(jwks)?;
            let verified = SignatureRecord::from_sd_jwt(record).and_then(|record| {
                verify_record(record.jws(), record.disclosures(), &keys, Some(&expected))
            });
            Ok(match verified {
                Ok(verified) => (true, verified.payload().to_owned()),
                Err(error) => (false, error.to_string()),
            })
        })
    }
}

/// Verifies the records of a target, newest first, a line each.
///
/// `valid_out` is 1 if nothing that was checked is bad and there is a record, or a chain head of no
/// records; else 0. `text_out` has a line for each question, `signatures`, `tenant`, `field`, `chain`
/// and `head`: `name<TAB>good`, `name<TAB>not checked`, or `name<TAB>bad<TAB>reason`. What was not
/// compared is not checked: a target of which a part is expected, a chain head without its digest, an
/// empty chain.
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
    // SAFETY: by this function's contract.
    unsafe {
        guard_checked(valid_out, text_out, || {
            let (records, jwks) = (records.text("records")?, jwks.text("jwks")?);
            let (expected, keys) = (read_expected(expected)?, read_keys(jwks)?);
            let lines = records.lines().filter(|line| !line.is_empty());
            let read: Result<Vec<_>, _> = lines.map(SignatureRecord::from_sd_jwt).collect();
            let records = match read {
                Ok(records) => records,
                Err(error) => return Ok((false, format!("signatures\tbad\t{error}"))),
            };
            let verdict = verify_chain(&records, &keys, &expected.of_chain());
            let answers = [
                ("signatures", &verdict.signatures),
                ("tenant", &verdict.tenant),
                ("field", &verdict.field),
                ("chain", &verdict.chain),
                ("head", &verdict.head),
            ];
            let said = answers.map(|(name, answer)| match answer {
                RecordCheck::Good => format!("{name}\tgood"),
                RecordCheck::NotChecked => format!("{name}\tnot checked"),
                RecordCheck::Bad(error) => format!("{name}\tbad\t{error}"),
            });
            let empty = expected.head.is_some_and(|head| head.count() == 0);
            let shown = !records.is_empty() || empty;
            Ok((verdict.none_bad() && shown, said.join("\n")))
        })
    }
}

fn read_keys(jwks: &str) -> Result<VerifyingKeys, Fault> {
    VerifyingKeys::from_jwk_set(jwks)
        .map_err(|error| Fault::new(otp_status::Key, format!("jwks: {error}")))
}
