//! Fork: children of a process with an engine of the Rust crate make no id and no code twice.
//!
//! The engine itself, not a handle of the C ABI, which would refuse: randomness comes from the
//! operating system for each issue, so there is nothing that a fork could copy.
#![allow(
    clippy::unwrap_used,
    reason = "a test's own tools: what fails there fails the test"
)]

use std::collections::HashSet;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::FromRawFd;

use otp_core::{Binding, Engine, KeyRing, MemoryStore, Mobile, Policy, Target};

const CHILDREN: usize = 64;

#[test]
fn case_82_children_that_inherit_an_engine_make_distinct_ids_and_tokens() {
    let keys = KeyRing::builder()
        .code("a", &[1; 32])
        .index(&[2; 32])
        .build()
        .unwrap();
    let policy = Policy::builder().token().build().unwrap();
    let engine = Engine::builder(keys).policy(policy).build();
    let binding = Binding::builder()
        .tenant("acme")
        .purpose("sign")
        .target(Target {
            model: "m",
            field: "f",
            id: "1",
        })
        .user("7")
        .recipient(Mobile::parse("60123456789").unwrap())
        .build()
        .unwrap();
    let mut pipe = [0; 2];
    // SAFETY: room for two descriptors.
    assert_eq!(unsafe { libc::pipe(pipe.as_mut_ptr()) }, 0);
    let mut children = Vec::new();
    for _ in 0..CHILDREN {
        // SAFETY: the child calls no other test and leaves by `_exit`.
        let child = unsafe { libc::fork() };
        assert!(child >= 0);
        if child == 0 {
            // Each child has the same engine, the same binding and a store of its own.
            let issued = engine.issue(&MemoryStore::new(), &binding).ok();
            let line = issued.and_then(otp_core::Issuance::issued).map_or_else(
                || "failed\n".to_owned(),
                |issued| format!("{} {}\n", issued.id, issued.code.as_str()),
            );
            // SAFETY: the descriptor is this child's own copy, and used here alone.
            let sent = unsafe { File::from_raw_fd(pipe[1]) }.write_all(line.as_bytes());
            // SAFETY: ends the child without running the parent's destructors.
            unsafe { libc::_exit(i32::from(sent.is_err())) };
        }
        children.push(child);
    }
    // SAFETY: the parent writes nothing, so that reading ends with the last child.
    unsafe { libc::close(pipe[1]) };
    let mut text = String::new();
    // SAFETY: the parent's own end, used here alone.
    unsafe { File::from_raw_fd(pipe[0]) }
        .read_to_string(&mut text)
        .unwrap();
    for child in children {
        let mut status = 0;
        // SAFETY: a child of this process, and a valid place for its status.
        assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
        assert_eq!(status, 0);
    }
    assert!(!text.contains("failed"));
    let (ids, tokens): (HashSet<_>, HashSet<_>) =
        text.lines().filter_map(|line| line.split_once(' ')).unzip();
    assert_eq!((ids.len(), tokens.len()), (CHILDREN, CHILDREN));
}
