//! How often an operation of the engine asks a server.

use otp_engine::{Store, Submission, Timestamp, store::Commit};

use super::{binding, engine};
use crate::{Proxy, cells::write};

/// Shows that a load is one round trip and so is a commit, done or not; and that none is made where
/// nothing is asked.
pub fn one_round_trip_each(proxy: &Proxy, store: &dyn Store) {
    let four = [1, 2, 3, 4].map(|number| write(number, 0));
    let keys = four.map(|write| write.key);
    let now = Timestamp::from_unix(1_715_767_200);
    let mut before = proxy.round_trips();
    let mut count = || {
        let now = proxy.round_trips();
        core::mem::replace(&mut before, now).abs_diff(now)
    };
    store.load(&keys, &mut Vec::new()).unwrap();
    assert_eq!(count(), 1);
    assert_eq!(store.commit(&four, now).unwrap(), Commit::Done);
    assert_eq!(count(), 1);
    assert_eq!(store.commit(&four, now).unwrap(), Commit::Conflict);
    assert_eq!(count(), 1);
    store.load(&[], &mut Vec::new()).unwrap();
    assert_eq!(store.commit(&[], now).unwrap(), Commit::Done);
    assert_eq!(count(), 0);
}

/// Shows that each operation makes exactly one load and one commit, each one round trip; and one
/// load alone where nothing is to be written.
pub fn one_load_and_one_commit(proxy: &Proxy, store: &dyn Store) {
    let engine = engine();
    let trips = |what: &str, expected: usize, operation: &mut dyn FnMut()| {
        let before = proxy.round_trips();
        operation();
        assert_eq!(proxy.round_trips() - before, expected, "{what}");
    };
    let warm = binding(1);
    drop(engine.issue(store, &warm).unwrap()); // a new connection may be made, a script be sent
    let binding = binding(2);
    let mut code = String::new();
    trips("issue", 2, &mut || {
        let issued = engine.issue(store, &binding).unwrap().issued().unwrap();
        issued.code.as_str().clone_into(&mut code);
    });
    trips("issue within the cooldown", 1, &mut || {
        assert!(engine.issue(store, &binding).unwrap().issued().is_none());
    });
    let verify = |what, expected, entered: &str| {
        trips(what, expected, &mut || {
            drop(
                engine
                    .verify(store, Submission::new(&binding, entered))
                    .unwrap(),
            );
        });
    };
    let wrong = if code == "000000" { "000001" } else { "000000" };
    verify("wrong code", 2, wrong);
    verify("right code", 2, &code);
    verify("used code", 1, &code);
    trips("status", 1, &mut || {
        let _ = engine.status(store, &binding).unwrap();
    });
    trips("cancel of nothing", 1, &mut || {
        let _ = engine.cancel(store, &binding).unwrap();
    });
}
