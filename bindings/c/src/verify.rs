//! Verify: what a person entered, with or without evidence, one or many.

use otp_core::{ChallengeId, Evidence, Submission};

use crate::binding::{otp_binding, use_binding, use_bound};
use crate::challenge::otp_verdict;
use crate::engine::{otp_engine, use_engine};
use crate::guard::{DEPTH, DEPTH_DEEP, FailedItems, guard_deeper, guard_secret};
use crate::status::{Fault, otp_status};
use crate::store::{otp_store, use_store};
use crate::view::{Items, Sized_, SizedOut, bytes, check_count, otp_view, read_sized};

/// Judges the code that a person entered; the attempt is committed before this returns.
///
/// A wrong or late code leaves the status OK: `outcome` tells. A fault leaves `verdict_out` as it
/// was. The binding must be made of what is true now: a changed number or content is a mismatch.
/// `code` is any bytes: what is no code is a rejection.
///
/// # Safety
///
/// Every pointer is NULL or valid during the call; `code` has `code_len` bytes; the `struct_size` of
/// `verdict_out` is set. Free `record` by `otp_bytes_free`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn otp_engine_verify(
    engine: *const otp_engine,
    store: *const otp_store,
    binding: *const otp_binding,
    code: *const u8,
    code_len: usize,
    verdict_out: *mut otp_verdict,
) -> otp_status {
    // SAFETY: by this function's contract.
    guard_deeper::<DEPTH, DEPTH_DEEP>(|signs| unsafe {
        let out = SizedOut::at(verdict_out, "verdict_out")?;
        *signs = use_engine(engine)?.signs;
        let (engine, store, binding) = use_bound(engine, store, binding)?;
        let submission = Submission::new(binding, bytes(code, code_len, "code")?);
        // Everything that can be refused has been; only now does something happen.
        out.write(&otp_verdict::of(&engine.verify(store, submission)?));
        Ok(())
    })
}

/// Evidence that is given with a code; empty views are absent.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct otp_evidence {
    /// `sizeof(otp_evidence)`.
    pub struct_size: usize,
    /// What the user is called: at most 256 bytes.
    pub user_name: otp_view,
    /// The name that the signer entered: at most 256 bytes.
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
    /// The client's address: at most 64 bytes.
    pub ip: otp_view,
    /// The client's program: at most 512 bytes.
    pub agent: otp_view,
}

// SAFETY: plain data behind its size, of which all zeros is a value.
unsafe impl Sized_ for otp_evidence {}

/// A code that a person entered, with all that came with it.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct otp_submission {
    /// `sizeof(otp_submission)`; not read where submissions lie in an array.
    pub struct_size: usize,
    /// What the code must be good for.
    pub binding: *const otp_binding,
    /// The code: any bytes.
    pub code: otp_view,
    /// The challenge's 26 characters, or empty. The client sent them: what is no id is that of no
    /// challenge, which rejects.
    pub challenge_id: otp_view,
    /// Evidence for the signature record, or NULL.
    pub evidence: *const otp_evidence,
}

// SAFETY: plain data behind its size, of which all zeros is a value.
unsafe impl Sized_ for otp_submission {
    const LEAST: usize = core::mem::offset_of!(Self, challenge_id);
}

/// Judges a code that a person entered, with the challenge that it answers and evidence for the
/// signature record: as `otp_engine_verify` otherwise.
///
/// Evidence that is missing, too large or does not fit is a rejection before anything is compared.
///
/// # Safety
///
/// As `otp_engine_verify`; `submission` is NULL or valid with its `struct_size` set, and so is its
/// evidence; views have as many bytes as they say.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn otp_engine_verify_submission(
    engine: *const otp_engine,
    store: *const otp_store,
    submission: *const otp_submission,
    verdict_out: *mut otp_verdict,
) -> otp_status {
    // SAFETY: by this function's contract.
    guard_deeper::<DEPTH, DEPTH_DEEP>(|signs| unsafe {
        let out = SizedOut::at(verdict_out, "verdict_out")?;
        let (engine, store) = (use_engine(engine)?, use_store(store)?);
        *signs = engine.signs;
        let submission = read_sized(submission, "submission")?.lend(engine)?;
        out.write(&otp_verdict::of(&engine.verify(store, submission)?));
        Ok(())
    })
}

/// Judges each of `count` submissions, at most 65,536; where it is 0, arrays may be NULL.
///
/// Each is an operation of its own: a failure of one undoes no other, and is in the `status` of its
/// item; its text is that of `otp_item_detail`. On a store that is slow or away each item waits for
/// itself: take small batches there. Submissions lie `submission_size` bytes apart, which is `sizeof(otp_submission)`, and verdicts
/// `verdict_size`, which is `sizeof(otp_verdict)`: a shorter verdict is filled as far as it goes, what
/// the library does not know of a longer one is zero. The `struct_size` of each verdict is set by the
/// library.
///
/// # Safety
///
/// As `otp_engine_verify_submission` for each of the `count` submissions, which need no `struct_size`;
/// `verdicts_out` has room for `count` items. Free each `record` by `otp_bytes_free`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn otp_engine_verify_many(
    engine: *const otp_engine,
    store: *const otp_store,
    submissions: *const otp_submission,
    submission_size: usize,
    count: usize,
    verdicts_out: *mut otp_verdict,
    verdict_size: usize,
) -> otp_status {
    // SAFETY: by this function's contract; there are as many items as submissions.
    guard_secret::<DEPTH_DEEP>(|| unsafe {
        let (engine, store) = (use_engine(engine)?, use_store(store)?);
        check_count(submissions, count, "submissions")?;
        if count == 0 {
            FailedItems::default().keep();
            return Ok(());
        }
        let items = Items::lend(verdicts_out, verdict_size, ["verdicts_out", "verdict_size"])?;
        let submissions = Items::lend(
            submissions.cast_mut(),
            submission_size,
            ["submissions", "submission_size"],
        )?;
        let failure = |fault: &Fault| otp_verdict {
            status: fault.status as i32,
            ..otp_verdict::zeroed()
        };
        let mut failed = FailedItems::default();
        let (mut places, mut lent) = (Vec::with_capacity(count), Vec::with_capacity(count));
        for at in 0..count {
            match submissions.read(at).lend(engine) {
                Ok(submission) => {
                    places.push(at);
                    lent.push(submission);
                }
                Err(fault) => {
                    items.cleared(at).write(&failure(&fault));
                    failed.put(at, fault.detail);
                }
            }
        }
        engine.verify_many(store, &lent, |at, verdict| {
            let verdict = match verdict {
                Ok(verdict) => otp_verdict::of(&verdict),
                Err(error) => {
                    let fault = Fault::from(error);
                    let verdict = failure(&fault);
                    failed.put(places[at], fault.detail);
                    verdict
                }
            };
            items.cleared(places[at]).write(&verdict);
        });
        failed.keep();
        Ok(())
    })
}

impl otp_submission {
    /// # Safety
    ///
    /// The binding and the evidence are NULL or valid, the views have as many bytes as they say, all
    /// for as long as the result is used.
    unsafe fn lend<'a>(&self, engine: &otp_engine) -> Result<Submission<'a>, Fault> {
        // SAFETY: by this function's contract, here and below.
        let (binding, code, id) = unsafe {
            (
                use_binding(self.binding, engine)?,
                self.code.bytes("code")?,
                self.challenge_id.bytes("challenge_id")?,
            )
        };
        let mut submission = Submission::new(binding, code);
        if !id.is_empty() {
            submission = submission.challenge(ChallengeId::from_client(id));
        }
        // SAFETY: as above.
        Ok(submission.evidence(unsafe { given(self.evidence)? }))
    }
}

/// Reads evidence; NULL is none.
///
/// # Safety
///
/// `evidence` is NULL or valid with its `struct_size` set, its views with as many bytes as they say, for
/// as long as the result is used.
pub(crate) unsafe fn given<'a>(evidence: *const otp_evidence) -> Result<Evidence<'a>, Fault> {
    if evidence.is_null() {
        return Ok(Evidence::new());
    }
    // SAFETY: by this function's contract.
    unsafe { read_sized(evidence, "evidence")?.lend() }
}

impl otp_evidence {
    /// # Safety
    ///
    /// The views have as many bytes as they say, for as long as the result is used.
    unsafe fn lend<'a>(&self) -> Result<Evidence<'a>, Fault> {
        let mut evidence = Evidence::new();
        type Set<'a> = fn(Evidence<'a>, &'a str) -> Evidence<'a>;
        let texts: [(otp_view, &str, Set<'a>); 6] = [
            (self.user_name, "user_name", Evidence::user_name),
            (self.signer_name, "signer_name", Evidence::signer_name),
            (self.consent, "consent", Evidence::consent),
            (self.revision, "revision", Evidence::revision),
            (self.ip, "ip", Evidence::ip),
            (self.agent, "agent", Evidence::agent),
        ];
        // SAFETY: by this function's contract.
        unsafe {
            for (view, name, set) in texts {
                if let Some(text) = view.optional_text(name)? {
                    evidence = set(evidence, text);
                }
            }
            if let Some(document) = self.document.optional_bytes("document")? {
                evidence = evidence.document(document);
            }
            if let Some(image) = self.image.optional_bytes("image")? {
                evidence = evidence.image(image);
            }
        }
        Ok(evidence)
    }
}
