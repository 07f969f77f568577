//! Bindings, and what is entered for them.

use abi::binding::{
    otp_binding, otp_binding_check, otp_binding_free, otp_binding_new, otp_binding_options,
};
use abi::challenge::{otp_issued, otp_outcome, otp_rejection, otp_verdict};
use abi::operation::otp_engine_issue;
use abi::store::{otp_store_free, otp_store_memory_new};
use abi::target::otp_target;
use abi::verify::{otp_engine_verify_submission, otp_submission};
use abi::view::otp_view;

use crate::ends;
use crate::host::ENGINE;

/// Four numbers, then eight lengths of two bytes each; the texts lie behind.
const HEAD: usize = 20;
/// The most bytes of a member of a binding.
const LONGEST: usize = 128;

/// The members of a binding, a code and a challenge id: byte 1 is the recipient's kind, byte 2 the
/// content's (0 none, 1 a digest, 2 a digest that could be guessed), byte 3 whether there is a
/// challenge id; then the lengths of tenant, purpose, model, field, id, user, recipient and code, high
/// byte first; then these, 32 bytes of content and 26 of the challenge id, each cut where the input
/// ends.
///
/// # Panics
///
/// Where check and constructor disagree, where a binding with a text out of its bounds is taken, or
/// where anything else than a rejection comes of a code for which nothing was issued.
pub fn binding(data: &[u8]) {
    let (head, mut rest) = data.split_at_checked(HEAD).unwrap_or_default();
    let [_, kind, content_kind, id_kind, lengths @ ..] = head else {
        return;
    };
    let mut take = |length: usize| {
        let (taken, left) = rest.split_at(length.min(rest.len()));
        rest = left;
        taken
    };
    let mut lengths = lengths
        .chunks_exact(2)
        .map(|length| usize::from(u16::from_be_bytes([length[0], length[1]])));
    let texts: [&[u8]; 8] = core::array::from_fn(|_| take(lengths.next().unwrap_or(0)));
    let content = take(if *content_kind > 0 { 32 } else { 0 });
    let challenge_id = take(if *id_kind > 0 { 26 } else { 0 });
    let [tenant, purpose, model, field, id, user, recipient, code] = texts.map(view);
    let options = otp_binding_options {
        struct_size: size_of::<otp_binding_options>(),
        tenant,
        purpose,
        target: otp_target { model, field, id },
        user,
        recipient,
        recipient_kind: (*kind).into(),
        content_guessable: i32::from(*content_kind == 2),
        content: view(content),
    };
    let engine = ENGINE.with(|engine| *engine);
    let mut made = core::ptr::null_mut();
    // SAFETY: views into `data`, a live engine, an output; here and below.
    let checked = unsafe { otp_binding_check(&raw const options) } as i32;
    // SAFETY: as above.
    let status = unsafe { otp_binding_new(engine, &raw const options, &raw mut made) };
    ends(status, &[0, 1, 2]);
    assert_eq!(checked, status as i32, "check and constructor disagree");
    assert_eq!(made.is_null(), checked != 0);
    if checked == 0 {
        let bounded = |text: &&[u8]| {
            (1..=LONGEST).contains(&text.len()) && core::str::from_utf8(text).is_ok()
        };
        assert!(texts[..6].iter().all(bounded), "a member out of its bounds");
        nothing_is_accepted(made, code, view(challenge_id));
    }
    // SAFETY: made above, or NULL, and no call is under way.
    unsafe { otp_binding_free(made) };
}

/// Verifies a code before any was issued, and then issues one.
fn nothing_is_accepted(binding: *const otp_binding, code: otp_view, challenge_id: otp_view) {
    let engine = ENGINE.with(|engine| *engine);
    let submission = otp_submission {
        struct_size: size_of::<otp_submission>(),
        binding,
        code,
        challenge_id,
        evidence: core::ptr::null(),
    };
    let mut store = core::ptr::null_mut();
    // SAFETY: live handles, structures with their size, outputs of which all zeros is a value; the
    // store is freed once.
    unsafe {
        let (mut verdict, mut issued): (otp_verdict, otp_issued) = core::mem::zeroed();
        verdict.struct_size = size_of::<otp_verdict>();
        issued.struct_size = size_of::<otp_issued>();
        ends(otp_store_memory_new(0, 0, &raw mut store), &[0]);
        let status =
            otp_engine_verify_submission(engine, store, &raw const submission, &raw mut verdict);
        ends(status, &[0]);
        let expected = [otp_rejection::Unknown, otp_rejection::Malformed];
        assert!(
            expected
                .map(|reason| reason as i32)
                .contains(&verdict.rejection)
        );
        ends(
            otp_engine_issue(engine, store, binding, &raw mut issued),
            &[0],
        );
        assert_eq!(issued.outcome, otp_outcome::Issued as i32);
        assert_ne!(issued.recipient[0], 0);
        otp_store_free(store);
    }
}

fn view(bytes: &[u8]) -> otp_view {
    otp_view {
        data: bytes.as_ptr(),
        len: bytes.len(),
    }
}
