//! The wall around every exported body, built into this test: nothing that C can pass makes the
//! library panic, so that no program in C could show what happens if it did.
#![allow(
    dead_code,
    missing_docs,
    non_camel_case_types,
    unreachable_pub,
    clippy::missing_safety_doc,
    reason = "modules of the library, of which this test needs a part"
)]

#[path = "../src/guard.rs"]
mod guard;
#[path = "../src/status.rs"]
mod status;
#[path = "../src/view.rs"]
mod view;

use guard::{guard, guard_drop, otp_error_detail};
use status::{Fault, otp_status};

fn detail() -> String {
    let (mut buffer, mut needed) = ([0; 256], 0);
    // SAFETY: a buffer with room for as many bytes as are said, and a valid place for the length.
    let copied = unsafe { otp_error_detail(buffer.as_mut_ptr(), buffer.len(), &raw mut needed) };
    assert_eq!(copied as i32, otp_status::Ok as i32);
    String::from_utf8_lossy(&buffer[..needed - 1]).into_owned()
}

#[test]
fn case_73_a_panic_ends_as_a_status_whose_detail_tells_nothing_of_it() {
    let code = "483920";
    let panicked = guard(|| panic!("the code is {code}"));
    assert_eq!(panicked as i32, 31);
    assert!(detail().contains("panicked") && !detail().contains(code));
    // The control: what a fault says is in its detail, and a call that works ends well.
    let failed = guard(|| Err(Fault::argument("the bound is 5")));
    assert_eq!(failed as i32, otp_status::Argument as i32);
    assert_eq!(detail(), "the bound is 5");
    assert_eq!(guard(|| Ok(())) as i32, otp_status::Ok as i32);
}

#[test]
fn a_panic_in_a_destructor_ends_there() {
    guard_drop(|| panic!("while dropping"));
}
