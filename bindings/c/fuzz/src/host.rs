//! A host store that answers whatever its script says.

use core::ffi::c_void;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use abi::binding::{otp_binding, otp_binding_new, otp_binding_options};
use abi::canary::otp_engine_check_store;
use abi::challenge::{otp_challenge, otp_issued, otp_outcome, otp_rejection, otp_verdict};
use abi::engine::{otp_engine, otp_engine_new, otp_engine_options};
use abi::host::{otp_buffer, otp_host_store};
use abi::key::{otp_code_key, otp_key_ring_free, otp_key_ring_new, otp_key_ring_options};
use abi::observer::{otp_clock, otp_observer};
use abi::operation::{
    otp_engine_cancel, otp_engine_issue, otp_engine_purge_confirmed, otp_engine_status,
};
use abi::store::{otp_store, otp_store_free, otp_store_host_new};
use abi::target::otp_target;
use abi::verify::otp_engine_verify;
use abi::view::otp_view;

use crate::ends;

const NOW: i64 = 1_715_767_200;
/// Of the default policy.
const MAX_ATTEMPTS: u32 = 5;
const NULL: *mut c_void = core::ptr::null_mut();

/// How a call may end on a store that does as it should, and on one that does not.
const SOUND: &[i32] = &[0];
const ANY: &[i32] = &[0, 10, 11, 12, 13, 14, 15, 16, 17, 20, 24];

thread_local! {
    static CLOCK: Cell<i64> = const { Cell::new(NOW) };
    /// One engine for a thread, never freed.
    pub(crate) static ENGINE: *mut otp_engine = engine();
    /// The one slot; never freed either.
    static BINDING: *mut otp_binding = binding();
}

/// A host store under a script: a byte for each call of the host, which makes it one operation, and a
/// byte for each callback, which says how it misbehaves, if it does.
///
/// # Panics
///
/// Where the library panics, a code is accepted twice, or more guesses are compared than may be.
pub fn host(data: &[u8]) {
    CLOCK.set(NOW);
    let host = Host {
        script: RefCell::new(data.to_vec()),
        ..Host::default()
    };
    host.script.borrow_mut().reverse();
    let table = otp_host_store {
        struct_size: size_of::<otp_host_store>(),
        load: Some(load),
        commit: Some(commit),
        purge: Some(purge),
        store_class: 3,
        fibers: 0,
        user_data: (&raw const host).cast_mut().cast(),
        drop_user_data: None,
        has_cells: Some(has_cells),
    };
    let mut store = core::ptr::null_mut();
    // SAFETY: the host outlives its store, which is freed below, and no other thread knows it.
    ends(
        unsafe { otp_store_host_new(&raw const table, &raw mut store) },
        SOUND,
    );
    host.store.set(store);
    let mut play = Play::default();
    for _ in 0..32 {
        let Some(operation) = host.script.borrow_mut().pop() else {
            break;
        };
        play.step(operation, &host, store);
    }
    // SAFETY: made above, and no call is under way.
    unsafe { otp_store_free(store) };
}

/// What was seen of one slot.
#[derive(Default)]
struct Play {
    code: Vec<u8>,
    accepted: Vec<[u8; 27]>,
    compared: u32,
}

impl Play {
    fn step(&mut self, operation: u8, host: &Host, store: *const otp_store) {
        let (engine, binding) = (ENGINE.with(|it| *it), BINDING.with(|it| *it));
        let known = || if host.misbehaved.get() { ANY } else { SOUND };
        match operation % 8 {
            0 => {
                // SAFETY: all zeros but its size is a good output, here and below.
                let mut issued: otp_issued = unsafe { core::mem::zeroed() };
                issued.struct_size = size_of::<otp_issued>();
                // SAFETY: live handles, as many bytes as are said, an output; here and below.
                let status = unsafe { otp_engine_issue(engine, store, binding, &raw mut issued) };
                ends(status, known());
                if issued.outcome == otp_outcome::Issued as i32 {
                    assert_eq!(status as i32, 0);
                    self.code = issued.code[..6].to_vec();
                }
            }
            1..=3 => {
                let code = match operation % 8 {
                    1 => self.code.clone(),
                    _ => vec![b'0' + operation % 10; 6],
                };
                // SAFETY: as above.
                let mut verdict: otp_verdict = unsafe { core::mem::zeroed() };
                verdict.struct_size = size_of::<otp_verdict>();
                // SAFETY: as above.
                let status = unsafe {
                    otp_engine_verify(
                        engine,
                        store,
                        binding,
                        code.as_ptr(),
                        code.len(),
                        &raw mut verdict,
                    )
                };
                ends(status, known());
                self.judge(&verdict, host);
            }
            4 => {
                // SAFETY: as above.
                let mut challenge: otp_challenge = unsafe { core::mem::zeroed() };
                challenge.struct_size = size_of::<otp_challenge>();
                // SAFETY: as above.
                let status =
                    unsafe { otp_engine_status(engine, store, binding, &raw mut challenge) };
                ends(status, known());
                assert!(challenge.attempts_left <= MAX_ATTEMPTS);
            }
            5 => {
                let mut cancelled = 7;
                // SAFETY: as above.
                let status =
                    unsafe { otp_engine_cancel(engine, store, binding, &raw mut cancelled) };
                ends(status, known());
            }
            6 => {
                let mut dropped = 0;
                // SAFETY: as above.
                let status =
                    unsafe { otp_engine_purge_confirmed(engine, store, 5, &raw mut dropped) };
                ends(status, if host.misbehaved.get() { ANY } else { SOUND });
                assert!(dropped <= 5);
            }
            _ if operation < 128 => {
                let mut keys = 0;
                // SAFETY: as above.
                let status = unsafe { otp_engine_check_store(engine, store, &raw mut keys) };
                // A store that holds cells and was not begun is an answer.
                ends(status, if host.misbehaved.get() { ANY } else { &[0, 17] });
            }
            _ => {
                // The slot may open meanwhile, and then counts anew.
                CLOCK.set(CLOCK.get() + i64::from(operation - 127));
                self.compared = 0;
            }
        }
    }

    /// Holds an answer against the ones before it, where the host did not lie.
    fn judge(&mut self, verdict: &otp_verdict, host: &Host) {
        let accepted = verdict.outcome == otp_outcome::Accepted as i32;
        if accepted {
            assert!(!self.accepted.contains(&verdict.challenge_id) || host.lied.get());
            self.accepted.push(verdict.challenge_id);
            self.compared = 0;
        } else if verdict.rejection == otp_rejection::Wrong as i32 {
            self.compared += 1;
        }
        assert!(
            self.compared <= MAX_ATTEMPTS || host.lied.get(),
            "compared too often"
        );
    }
}

/// A cell as the host keeps it: version, end, body.
type Kept = (u64, Option<i64>, Vec<u8>);

/// The host's database, and what its answers will be.
#[derive(Default)]
struct Host {
    /// The next byte last; once it is empty all is well.
    script: RefCell<Vec<u8>>,
    cells: RefCell<BTreeMap<[u8; 32], Kept>>,
    store: Cell<*mut otp_store>,
    misbehaved: Cell<bool>,
    /// It said that something is so, and it is not.
    lied: Cell<bool>,
}

impl Host {
    /// Lends the host of a callback.
    ///
    /// # Safety
    ///
    /// `data` is what `host` gave to its store, and the call is within its run.
    unsafe fn of<'a>(data: *mut c_void) -> &'a Self {
        // SAFETY: by this function's contract.
        unsafe { &*data.cast::<Self>() }
    }

    fn byte(&self) -> u8 {
        self.script.borrow_mut().pop().unwrap_or(0)
    }

    /// Says how a callback misbehaves: mostly not at all.
    fn mood(&self) -> Option<u8> {
        let byte = self.byte();
        let mood = byte.checked_sub(192)?;
        self.misbehaved.set(true);
        Some(mood)
    }

    /// Calls the library from inside a callback: that is refused.
    fn reenter(&self) {
        let mut cancelled = 7;
        let (engine, binding) = (ENGINE.with(|it| *it), BINDING.with(|it| *it));
        // SAFETY: live handles, an output.
        let status =
            unsafe { otp_engine_cancel(engine, self.store.get(), binding, &raw mut cancelled) };
        ends(status, &[23]);
        assert_eq!(cancelled, 7, "an output of a call that failed");
    }

    fn reply(&self, keys: &[[u8; 32]]) -> Vec<u8> {
        let cells = self.cells.borrow();
        let mut reply = Vec::new();
        for key in keys {
            let Some((version, end, body)) = cells.get(key) else {
                reply.push(0);
                continue;
            };
            reply.push(1);
            reply.extend(version.to_be_bytes());
            reply.push(end.is_some().into());
            reply.extend(end.unwrap_or(0).to_be_bytes());
            reply.extend(
                u32::try_from(body.len())
                    .expect("at most 16 KiB")
                    .to_be_bytes(),
            );
            reply.extend(body);
        }
        reply
    }

    /// Applies packed writes, or none; says whether they were.
    fn apply(&self, mut writes: &[u8]) -> bool {
        fn take<const N: usize>(from: &mut &[u8]) -> [u8; N] {
            let (taken, rest) = from.split_first_chunk().expect("whole writes");
            *from = rest;
            *taken
        }
        let mut cells = self.cells.borrow().clone();
        let count = u32::from_be_bytes(take(&mut writes));
        assert!((1..=8).contains(&count));
        for _ in 0..count {
            let key: [u8; 32] = take(&mut writes);
            let [kind] = take(&mut writes);
            assert!((1..=6).contains(&kind));
            let expected = u64::from_be_bytes(take(&mut writes));
            let [has_end] = take(&mut writes);
            let end = i64::from_be_bytes(take(&mut writes));
            let length = u32::from_be_bytes(take(&mut writes));
            let (body, rest) = writes.split_at(usize::try_from(length).expect("64 bits"));
            writes = rest;
            if cells.get(&key).map_or(0, |(version, ..)| *version) != expected {
                return false;
            }
            cells.insert(
                key,
                (expected + 1, (has_end == 1).then_some(end), body.to_vec()),
            );
        }
        assert!(writes.is_empty(), "more than was counted");
        self.cells.replace(cells);
        true
    }
}

unsafe extern "C" fn load(
    data: *mut c_void,
    keys: *const u8,
    count: usize,
    reply: *mut otp_buffer,
) -> i32 {
    // SAFETY: the library's promises: our own data, as many keys as it says, a buffer.
    let (host, keys, reply) = unsafe {
        let keys = core::slice::from_raw_parts(keys.cast::<[u8; 32]>(), count);
        (Host::of(data), keys, &mut *reply)
    };
    let mut cells = host.reply(keys);
    match host.mood() {
        None => {}
        Some(mood) if mood < 8 => {
            host.reenter();
        }
        Some(mood) if mood < 16 => return i32::from(mood) - 8, // done without a word, more room, failed
        Some(mood) if mood < 24 => {
            reply.len = [
                0,
                1,
                reply.capacity + 1,
                usize::MAX,
                1 << 20,
                1 << 40,
                300,
                16_384 * 8,
            ][usize::from(mood - 16)];
            host.lied.set(true);
            return [1, 3][usize::from(mood % 2)];
        }
        Some(mood) if mood < 32 => return i32::from(host.byte()) - 100,
        Some(mood) if mood < 48 => {
            host.lied.set(true);
            let at = usize::from(host.byte()) * cells.len() / 256;
            if let Some(byte) = cells.get_mut(at) {
                *byte ^= host.byte();
            }
        }
        Some(mood) if mood < 56 => {
            host.lied.set(true);
            cells.truncate(usize::from(host.byte()) * cells.len() / 256);
        }
        Some(_) => {
            host.lied.set(true);
            cells = (0..host.byte()).map(|_| host.byte()).collect();
        }
    }
    reply.len = cells.len();
    if cells.len() > reply.capacity {
        return 3;
    }
    // SAFETY: the buffer has as much room as it says.
    unsafe { core::ptr::copy_nonoverlapping(cells.as_ptr(), reply.data, cells.len()) };
    1
}

unsafe extern "C" fn commit(
    data: *mut c_void,
    writes: *const u8,
    length: usize,
    now: i64,
    outcome: *mut i32,
) -> i32 {
    assert_eq!(now, CLOCK.get());
    // SAFETY: the library's promises: our own data, as many bytes as it says, an outcome.
    let (host, writes, outcome) = unsafe {
        (
            Host::of(data),
            core::slice::from_raw_parts(writes, length),
            &mut *outcome,
        )
    };
    assert_eq!(*outcome, 0);
    match host.mood() {
        None => {}
        Some(mood) if mood < 8 => host.reenter(),
        // Nothing is applied, and it says so: unavailable, full, not supported.
        Some(mood) if mood < 16 => return [10, 11, 13][usize::from(mood % 3)],
        // It may have been applied.
        Some(mood) if mood < 24 => {
            host.apply(writes);
            *outcome = i32::from(mood) * 3 - 60;
            return [0, 1, 2, 3, -1, 12, 99, 1][usize::from(mood - 16)];
        }
        Some(mood) if mood < 32 => {
            *outcome = 7;
            return 0;
        }
        // A conflict that is none.
        Some(mood) if mood < 48 => {
            *outcome = 2;
            return 1;
        }
        // Done, and it is not.
        Some(_) => {
            host.lied.set(true);
            *outcome = 1;
            return 1;
        }
    }
    *outcome = if host.apply(writes) { 1 } else { 2 };
    1
}

unsafe extern "C" fn purge(data: *mut c_void, _: i64, limit: u64, dropped: *mut u64) -> i32 {
    // SAFETY: the library's promises: our own data, an output.
    let (host, dropped) = unsafe { (Host::of(data), &mut *dropped) };
    match host.mood() {
        None => 1,
        Some(mood) => {
            *dropped = limit + u64::from(mood % 2);
            [1, 10, 11, 13, 0, -1, 3, 1][usize::from(mood / 8)]
        }
    }
}

unsafe extern "C" fn has_cells(data: *mut c_void, told: *mut i32) -> i32 {
    // SAFETY: the library's promises: our own data, an output.
    let (host, told) = unsafe { (Host::of(data), &mut *told) };
    *told = i32::from(!host.cells.borrow().is_empty());
    match host.mood() {
        None => 1,
        Some(mood) => {
            host.lied.set(true);
            *told = i32::from(mood % 5) - 1;
            i32::from(mood / 5)
        }
    }
}

unsafe extern "C" fn now(_: *mut c_void, seconds: *mut i64) -> i32 {
    // SAFETY: the library's promise: a place for the time.
    unsafe { *seconds = CLOCK.get() };
    1
}

fn view(bytes: &[u8]) -> otp_view {
    otp_view {
        data: bytes.as_ptr(),
        len: bytes.len(),
    }
}

/// Binds the one slot.
fn binding() -> *mut otp_binding {
    let options = otp_binding_options {
        struct_size: size_of::<otp_binding_options>(),
        tenant: view(b"acme"),
        purpose: view(b"sign"),
        target: otp_target {
            model: view(b"loan.offer"),
            field: view(b"signature"),
            id: view(b"15"),
        },
        user: view(b"7"),
        recipient: view(b"60123456789"),
        recipient_kind: 1,
        content_guessable: 0,
        content: view(b""),
    };
    let (engine, mut binding) = (ENGINE.with(|it| *it), core::ptr::null_mut());
    // SAFETY: a live engine, views of static texts, an output.
    let status = unsafe { otp_binding_new(engine, &raw const options, &raw mut binding) };
    ends(status, SOUND);
    binding
}

fn engine() -> *mut otp_engine {
    let code = otp_code_key {
        kid: view(b"2026a"),
        secret: view(&[1; 32]),
        is_retired: 0,
        retired_at: 0,
    };
    let options = otp_key_ring_options {
        struct_size: size_of::<otp_key_ring_options>(),
        codes: &raw const code,
        code_count: 1,
        code_size: size_of::<otp_code_key>(),
        current: view(b""),
        index: view(&[2; 32]),
        epoch: 0,
    };
    let (mut ring, mut engine) = (core::ptr::null_mut(), core::ptr::null_mut());
    // SAFETY: structures with their size set, and outputs.
    ends(
        unsafe { otp_key_ring_new(&raw const options, &raw mut ring) },
        SOUND,
    );
    let options = otp_engine_options {
        struct_size: size_of::<otp_engine_options>(),
        policy: core::ptr::null(),
        rate_limits: core::ptr::null(),
        signing_key: core::ptr::null(),
        clock: otp_clock {
            now: Some(now),
            user_data: NULL,
            drop_user_data: None,
        },
        observer: otp_observer {
            observe: None,
            user_data: NULL,
            drop_user_data: None,
        },
        fibers: 0,
    };
    // SAFETY: as above; the ring is freed once, after its only use.
    unsafe {
        ends(
            otp_engine_new(ring, &raw const options, &raw mut engine),
            SOUND,
        );
        otp_key_ring_free(ring);
    }
    engine
}
