//! How often an operation of the engine asks a server.

use otp_engine::{Store, Submission};

use super::{binding, engine};
use crate::Proxy;

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
