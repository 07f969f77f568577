//! Privacy: what is stored, shown and heard tells neither the code nor the number.

use std::sync::{Arc, Mutex};
use std::thread;

use crate::support::fixture::{self, Harness, at, binding, parts, record, wrong};
use otp_engine::store::{Cell, Class, Commit, Error, Key, Write};
use otp_engine::{
    Code, Engine, Event, KeyRing, ManualClock, MemoryStore, RateLimits, Store, Submission,
    Timestamp,
    operation::{Delivery, DeliveryReport},
};

/// Keeps all bytes that were ever written, and claims to be outside of the process: cells are sealed.
#[derive(Default)]
struct Recorder {
    inner: MemoryStore,
    written: Mutex<Vec<Vec<u8>>>,
}

impl Store for Recorder {
    fn load(&self, keys: &[Key], cells: &mut Vec<Option<Cell>>) -> Result<(), Error> {
        self.inner.load(keys, cells)
    }

    fn commit(&self, writes: &[Write<'_>], now: Timestamp) -> Result<Commit, Error> {
        for write in writes {
            let cell = [write.key.as_bytes().as_slice(), write.body].concat();
            self.written
                .lock()
                .expect("no test panics in here")
                .push(cell);
        }
        self.inner.commit(writes, now)
    }

    fn purge(&self, now: Timestamp, limit: usize) -> Result<usize, Error> {
        self.inner.purge(now, limit)
    }

    fn class(&self) -> Class {
        Class::Expiring
    }
}

/// Plays one whole life of a code; returns every byte that was written, every text that was shown,
/// and the code.
fn play(code_secret: &[u8]) -> (Vec<Vec<u8>>, String, Code) {
    let keys = KeyRing::builder()
        .code("2026a", code_secret)
        .index(&[2; 32])
        .build()
        .unwrap();
    let shown = Arc::new(Mutex::new(String::new()));
    let host = Harness::on(keys, |builder| {
        let shown = Arc::clone(&shown);
        let days_30 = core::time::Duration::from_secs(30 * 86_400);
        let rate_limits = RateLimits::builder().lock_ends_after(days_30);
        let builder = builder.rate_limits(rate_limits.build().unwrap());
        builder.observer(move |event: &Event<'_>| {
            shown
                .lock()
                .expect("no test panics in here")
                .push_str(&format!("{event:?}\n"));
        })
    });
    let (store, binding) = (Recorder::default(), binding());
    let mut show = String::new();
    let issued = host
        .engine
        .issue(&store, &binding)
        .unwrap()
        .issued()
        .unwrap();
    let entered = wrong(&issued);
    for text in [
        entered.as_str(),
        "12345",
        issued.code.as_str(),
        issued.code.as_str(),
    ] {
        let submission = Submission::new(&binding, text);
        let verdict = host.engine.verify(&store, submission).unwrap();
        show += &format!("{submission:?} {verdict:?}\n");
    }
    let other = parts().target(record("16")).build().unwrap();
    let queued = host.engine.issue(&store, &other).unwrap();
    let queued = queued.issued().unwrap();
    let claim = host
        .engine
        .claim_send(&store, &other, queued.id, queued.send)
        .unwrap();
    assert!(claim.claimed().is_some());
    let report = host.engine.report_delivery(
        &store,
        &binding,
        DeliveryReport {
            id: issued.id,
            send: issued.send,
            delivery: Delivery::Sent,
        },
    );
    show += &format!(
        "{report:?} {:?} {:?}\n",
        host.engine,
        host.engine.status(&store, &binding)
    );
    host.clock.set(at(-100));
    show += &format!(
        "{:?} {}\n",
        binding,
        host.engine.issue(&store, &other).err().unwrap()
    );
    show += &shown.lock().unwrap();
    (store.written.into_inner().unwrap(), show, issued.code)
}

#[test]
fn stored_bytes_do_not_depend_on_the_code_key() {
    let (one, _, code) = play(&[1; 32]);
    let (other, _, other_code) = play(&[3; 32]);
    assert_ne!(code.as_str(), other_code.as_str());
    assert_eq!(one, other);
    // The control: one byte that depends on the code is seen.
    let leak = |cells: &[Vec<u8>], code: &Code| {
        let mut cells = cells.to_vec();
        cells[0].push(code.as_str().as_bytes()[5]);
        cells[0].push(code.as_str().as_bytes()[4]);
        cells
    };
    assert_ne!(leak(&one, &code), leak(&other, &other_code));
}

#[test]
fn the_store_holds_neither_the_code_nor_the_number_nor_their_digests() {
    use sha2::{Digest, Sha256};
    let (cells, _, code) = play(&[1; 32]);
    let stored: Vec<u8> = cells.concat();
    let holds =
        |stored: &[u8], needle: &[u8]| stored.windows(needle.len()).any(|window| window == needle);
    let number: u32 = code.as_str().parse().unwrap();
    let digest = Sha256::digest(b"60123456789");
    let needles: [&[u8]; 5] = [
        code.as_str().as_bytes(),
        &number.to_be_bytes(),
        &number.to_le_bytes(),
        b"60123456789",
        &digest[..8],
    ];
    for needle in needles {
        assert!(!holds(&stored, needle), "{needle:?}");
        // The control: planted, each is found.
        assert!(holds(
            &[&stored[..100], needle, &stored[100..]].concat(),
            needle
        ));
    }
}

#[test]
fn case_72_what_is_shown_tells_neither_code_nor_key_nor_number() {
    let (_, shown, code) = play(&[0xAB; 32]);
    assert!(
        shown.contains("Accepted")
            && shown.contains("AlreadyUsed")
            && shown.contains("*******6789")
    );
    for secret in [
        code.as_str(),
        "60123456789",
        "123456789",
        "171, 171",
        "abab",
    ] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
}

#[test]
fn case_73_a_panic_in_the_hosts_code_shows_no_code() {
    let (host, binding) = (Harness::new(), binding());
    let issued = host.issue(&binding);
    let heard = Arc::new(Mutex::new(String::new()));
    let sink = Arc::clone(&heard);
    // The hook is the process's: what other tests panic of is theirs.
    let (hook, thread) = (Arc::new(std::panic::take_hook()), thread::current().id());
    let earlier = Arc::clone(&hook);
    std::panic::set_hook(Box::new(move |panic| {
        if thread::current().id() != thread {
            return earlier(panic);
        }
        sink.lock()
            .expect("nothing panics in here")
            .push_str(&panic.to_string());
    }));
    let engine = Engine::builder_on(fixture::keys(), ManualClock::new(at(0)), |bytes| {
        Ok(getrandom::fill(bytes)?)
    })
    .observer(|event: &Event<'_>| panic!("the log is full: {event:?}"))
    .build();
    let outcome = std::panic::catch_unwind(core::panic::AssertUnwindSafe(|| {
        engine.verify(&host.store, Submission::new(&binding, issued.code.as_str()))
    }));
    std::panic::set_hook(Box::new(move |panic| hook(panic)));
    assert!(outcome.is_err());
    let heard = heard.lock().unwrap();
    assert!(heard.contains("the log is full"));
    assert!(
        !heard.contains(issued.code.as_str()) && !heard.contains("60123456789"),
        "{heard}"
    );
    // The commit came before the event: the code is used, whatever the host's log did.
    assert_eq!(
        host.rejection(&binding, issued.code.as_str()),
        otp_engine::Rejection::AlreadyUsed
    );
}

#[test]
fn case_75_events_show_at_most_four_digits_of_a_number() {
    let shown = format!("{:?}", parts().build().unwrap());
    let digits = |text: &str| {
        let runs = text.split(|symbol: char| !symbol.is_ascii_digit());
        runs.map(str::len).max().unwrap_or(0)
    };
    let recipient = shown.split("recipient").nth(1).unwrap();
    assert_eq!(digits(recipient), 4, "{recipient}");
}

#[test]
fn a_submission_is_shown_without_what_was_entered() {
    let binding = binding();
    let shown = format!("{:?}", Submission::new(&binding, "483920"));
    assert!(
        shown.contains("binding") && !shown.contains("483920"),
        "{shown}"
    );
}
