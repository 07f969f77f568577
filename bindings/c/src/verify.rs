//! Verify: what was typed, with or without evidence, one or many.

use otp_core::Evidence;

use crate::challenge::otp_verdict;
use crate::engine::{otp_engine, split, use_engine, use_store};
use crate::guard::guard_code;
use crate::request::Request;
use crate::status::{Fault, otp_status};
use crate::store::otp_store;
use crate::view::{Items, Sized_, bytes, checked_size, otp_view, read_sized, write_sized};

/// Judges what a person typed; the attempt is committed before this returns.
///
/// A wrong or late code leaves the status OK: `outcome` tells. A fault leaves `verdict_out` as it
/// was. Pass the binding as it is now: a changed number or content is a mismatch.
///
/// # Safety
///
/// Every pointer is NULL or valid during the call; `request` has `request_len` bytes; the
/// `struct_size` of `verdict_out` is set. Free `record` by `otp_bytes_free`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn otp_engine_verify(
    engine: *const otp_engine,
    store: *const otp_store,
    request: *const u8,
    request_len: usize,
    verdict_out: *mut otp_verdict,
) -> otp_status {
    // SAFETY: by this function's contract.
    guard_code(|| unsafe {
        verify(
            engine,
            store,
            (request, request_len),
            Evidence::new(),
            verdict_out,
        )
    })
}

/// What is given with a typed code; empty views are absent.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct otp_evidence {
    /// `sizeof(otp_evidence)`.
    pub struct_size: usize,
    /// What the user is called: at most 256 bytes.
    pub user_name: otp_view,
    /// The name that the signer typed: at most 256 bytes.
    pub signer_name: otp_view,
    /// The document: at most 64 MiB; its SHA-256 must be the bound content.
    pub document: otp_view,
    /// The captured signature: a whole PNG or JPEG of at most 1 MiB, 8 to 4,096 pixels a side, that does not
    /// say where it was taken.
    pub image: otp_view,
    /// The sentence of consent: at most 2000 bytes.
    pub consent: otp_view,
    /// The revision of the record: at most 128 bytes.
    pub revision: otp_view,
    /// From where: at most 64 bytes.
    pub ip: otp_view,
    /// With what program: at most 512 bytes.
    pub agent: otp_view,
}

impl Sized_ for otp_evidence {
    const FIRST: usize = size_of::<Self>();
}

/// Judges what a person typed, with evidence for the signature record.
///
/// Evidence that is missing, too large or does not fit is a rejection before anything is compared.
///
/// # Safety
///
/// As `otp_engine_verify`; `evidence` is NULL or valid with its `struct_size` set, its views with as
/// many bytes as they say.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn otp_engine_verify_with_evidence(
    engine: *const otp_engine,
    store: *const otp_store,
    request: *const u8,
    request_len: usize,
    evidence: *const otp_evidence,
    verdict_out: *mut otp_verdict,
) -> otp_status {
    guard_code(|| {
        const EMPTY: otp_view = otp_view {
            data: core::ptr::null(),
            len: 0,
        };
        let none = otp_evidence {
            struct_size: size_of::<otp_evidence>(),
            user_name: EMPTY,
            signer_name: EMPTY,
            document: EMPTY,
            image: EMPTY,
            consent: EMPTY,
            revision: EMPTY,
            ip: EMPTY,
            agent: EMPTY,
        };
        let given = if evidence.is_null() {
            none
        } else {
            // SAFETY: by this function's contract, here and below.
            unsafe { read_sized(evidence, none, "evidence")? }
        };
        // SAFETY: as above.
        let evidence = unsafe { read_evidence(&given)? };
        // SAFETY: as above.
        unsafe { verify(engine, store, (request, request_len), evidence, verdict_out) }
    })
}

/// # Safety
///
/// The views have as many bytes as they say, for as long as the result is used.
unsafe fn read_evidence<'a>(given: &otp_evidence) -> Result<Evidence<'a>, Fault> {
    let mut evidence = Evidence::new();
    // SAFETY: by this function's contract, here and below.
    unsafe {
        if let Some(name) = given.user_name.optional_text("user_name")? {
            evidence = evidence.user_name(name);
        }
        if let Some(name) = given.signer_name.optional_text("signer_name")? {
            evidence = evidence.signer_name(name);
        }
        if let Some(consent) = given.consent.optional_text("consent")? {
            evidence = evidence.consent(consent);
        }
        if let Some(revision) = given.revision.optional_text("revision")? {
            evidence = evidence.revision(revision);
        }
        if let Some(ip) = given.ip.optional_text("ip")? {
            evidence = evidence.ip(ip);
        }
        if let Some(agent) = given.agent.optional_text("agent")? {
            evidence = evidence.agent(agent);
        }
        if !given.document.data.is_null() {
            evidence = evidence.document(given.document.bytes("document")?);
        }
        if !given.image.data.is_null() {
            evidence = evidence.image(given.image.bytes("image")?);
        }
    }
    Ok(evidence)
}

/// # Safety
///
/// As `otp_engine_verify`.
unsafe fn verify(
    engine: *const otp_engine,
    store: *const otp_store,
    (request, request_len): (*const u8, usize),
    evidence: Evidence<'_>,
    verdict_out: *mut otp_verdict,
) -> Result<(), Fault> {
    // SAFETY: by this function's contract, here and below.
    let (engine, store) = unsafe { (use_engine(engine)?, use_store(store)?) };
    // SAFETY: as above; reads `struct_size` alone, the rest may be uninitialised.
    let size = unsafe { checked_size(verdict_out, "verdict_out")? };
    // SAFETY: as above.
    let request = unsafe { Request::lend(request, request_len)? };
    // Everything that can be refused has been; only now does something happen.
    let verdict = engine.verify(&*store.store, request.submission().evidence(evidence))?;
    // SAFETY: as above; writes no more than the `size` bytes that the caller owns.
    unsafe { write_sized(&otp_verdict::of(&verdict), verdict_out, size) };
    Ok(())
}

/// Judges `count` typed codes: `requests` is, for each, its length (4 bytes, big-endian) and the
/// request. Each is an operation of its own: a fault of one undoes no other, and stands in its
/// `status`. The items of `verdicts_out` lie `item_size` bytes apart, which is `sizeof(otp_verdict)`:
/// what of it this library does not know is zero. The `struct_size` of each is set by the library.
///
/// # Safety
///
/// Every pointer is NULL or valid during the call; `verdicts_out` has room for `count` items. Free
/// each `record` by `otp_bytes_free`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn otp_verify_many(
    engine: *const otp_engine,
    store: *const otp_store,
    requests: *const u8,
    requests_len: usize,
    count: usize,
    verdicts_out: *mut otp_verdict,
    item_size: usize,
) -> otp_status {
    guard_code(|| {
        let items = Items::lend(verdicts_out, item_size, "verdicts_out")?;
        // SAFETY: by this function's contract, here and below.
        let (engine, store) = unsafe { (use_engine(engine)?, use_store(store)?) };
        // SAFETY: as above.
        let requests = split(unsafe { bytes(requests, requests_len, "requests")? }, count)?;
        for (at, request) in requests.into_iter().enumerate() {
            let judge = || -> Result<otp_verdict, Fault> {
                let request = Request::read(request)?;
                Ok(otp_verdict::of(
                    &engine.verify(&*store.store, request.submission())?,
                ))
            };
            let item = judge().unwrap_or_else(|fault| otp_verdict {
                status: fault.status as i32,
                ..otp_verdict::NONE
            });
            // SAFETY: as above; there are as many items as requests, each of `item_size` bytes.
            unsafe { write_sized(&item, items.cleared(at), item_size) };
        }
        Ok(())
    })
}
