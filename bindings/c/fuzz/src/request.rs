//! Packed requests.

use abi::request::{otp_binding, otp_binding_pack, otp_request_check};
use abi::view::otp_view;

use crate::ends;

/// Where the lengths end, and the texts begin.
const HEAD: usize = 20;
/// The longest text that is packed as it is.
const LONGEST: usize = 300;

/// A packed request of the C library.
///
/// # Panics
///
/// Where a request is taken that is not what its own members are packed to.
pub fn request(data: &[u8]) {
    // SAFETY: as many bytes as are said.
    let status = unsafe { otp_request_check(data.as_ptr(), data.len()) };
    ends(status, &[0, 1, 2]);
    if status as i32 == 0 {
        assert_eq!(packed(data), data, "packed to something else");
    }
}

/// Takes a request apart by the header's description, and packs it again.
fn packed(data: &[u8]) -> Vec<u8> {
    let (head, mut rest) = data.split_at(HEAD);
    let mut take = |length: usize| {
        let (taken, left) = rest.split_at(length);
        rest = left;
        otp_view {
            data: taken.as_ptr(),
            len: taken.len(),
        }
    };
    let texts: [otp_view; 8] = core::array::from_fn(|at| {
        let length = [head[4 + 2 * at], head[5 + 2 * at]];
        take(u16::from_be_bytes(length).into())
    });
    let [
        tenant,
        purpose,
        model,
        field,
        record,
        user,
        recipient,
        typed,
    ] = texts;
    let content = take(if head[2] > 0 { 32 } else { 0 });
    let challenge_id = take(if head[3] > 0 { 26 } else { 0 });
    if typed.len > LONGEST {
        return data.to_vec(); // cut where it is packed: still too long for any code
    }
    let binding = otp_binding {
        struct_size: size_of::<otp_binding>(),
        tenant,
        purpose,
        model,
        field,
        record,
        user,
        recipient,
        recipient_kind: head[1].into(),
        content_guessable: i32::from(head[2] == 2),
        content,
        typed,
        challenge_id,
    };
    let mut needed = 0;
    // SAFETY: views into `data`; no room, and a valid place for what is needed.
    let status = unsafe {
        otp_binding_pack(
            &raw const binding,
            core::ptr::null_mut(),
            0,
            &raw mut needed,
        )
    };
    ends(status, &[4]);
    let mut buffer = vec![0; needed];
    // SAFETY: as above, with as much room as is said.
    let status = unsafe {
        otp_binding_pack(
            &raw const binding,
            buffer.as_mut_ptr(),
            needed,
            &raw mut needed,
        )
    };
    ends(status, &[0]);
    buffer
}
