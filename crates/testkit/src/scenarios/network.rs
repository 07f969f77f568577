//! A network that loses what it carries.

use core::time::Duration;

use otp_engine::{
    Store, Timestamp,
    store::{Commit, Error},
};

use super::Mortal;
use crate::{
    Fate, Proxy,
    cells::{text, version, write},
    timed,
};

/// Shows that a commit whose answer is lost, or which is lost itself, is unknown, that it is never
/// repeated, and that the next call finds the truth.
pub fn answers_are_lost(proxy: &Proxy, store: &dyn Store) {
    let commit = |number| store.commit(&[write(number, 0)], NOW);
    assert_eq!(commit(9).unwrap(), Commit::Done);
    for (number, fate) in [(1, Fate::ReplyIsCut), (2, Fate::ReplyIsSwallowed)] {
        proxy.next(fate);
        let told = commit(number);
        assert!(matches!(told, Err(Error::Unknown(Some(_)))), "{told:?}");
        assert_eq!(version(store, number), 1);
    }
    proxy.next(Fate::RequestIsCut);
    let told = commit(3);
    assert!(matches!(told, Err(Error::Unknown(_))), "{told:?}");
    assert_eq!(version(store, 3), 0);
    assert_eq!(commit(3).unwrap(), Commit::Done);

    // A load is asked once more, on another connection.
    for fate in [Fate::ReplyIsCut, Fate::ReplyIsSwallowed] {
        proxy.next(fate);
        assert_eq!(version(store, 3), 1);
    }
}

/// A network that takes all and gives nothing back: shows that every call ends, a few times
/// `limit` later, that only what was sent is unknown, and that the store works again by itself.
pub fn everything_is_swallowed(proxy: &Proxy, store: &dyn Store, limit: Duration) {
    let unavailable = |told: Result<(), Error>| {
        assert!(matches!(told, Err(Error::Unavailable(Some(_)))), "{told:?}");
    };
    let commit = |expected| store.commit(&[write(1, expected)], NOW);
    let load = || store.load(&[write(1, 0).key], &mut Vec::new());
    assert_eq!(commit(0).unwrap(), Commit::Done);
    proxy.set_silent(true);
    let ((), spent) = timed(|| {
        let told = commit(1).unwrap_err();
        assert!(matches!(told, Error::Unknown(Some(_))), "{told:?}");
        assert!(text(&told).contains("did not answer"), "{told:?}");
        // No new connection gets an answer either, and nothing is sent.
        unavailable(commit(2).map(drop));
        unavailable(load());
    });
    assert!(spent < 20 * limit, "{spent:?}");

    proxy.set_silent(false);
    assert_eq!(version(store, 1), 2); // it had been made
    assert_eq!(commit(2).unwrap(), Commit::Done);
    // A load on a connection that falls silent while it is idle.
    proxy.set_silent(true);
    unavailable(load());
    proxy.set_silent(false);
    assert_eq!(version(store, 1), 3);
}

/// Shows that a store outlives its server, stopped or killed: what was answered is there, and a commit
/// on a connection that was cut is unknown. `leave_idle` makes connections that are to be cut.
pub fn outlives_its_server(server: &mut dyn Mortal, store: &dyn Store, leave_idle: &dyn Fn()) {
    let commit = |expected| store.commit(&[write(1, expected)], NOW);
    assert_eq!(commit(0).unwrap(), Commit::Done);
    leave_idle();
    for kills in [false, true] {
        if kills {
            server.kill();
        } else {
            server.stop();
        }
        let load = store.load(&[write(1, 0).key], &mut Vec::new());
        assert!(matches!(load, Err(Error::Unavailable(Some(_)))), "{load:?}");
        let told = commit(1);
        assert!(matches!(told, Err(Error::Unavailable(_))), "{told:?}");
        server.resume();
        assert_eq!(version(store, 1), 1);
    }
    // A server that has forgotten a script is told it again.
    assert_eq!(commit(1).unwrap(), Commit::Done);
    // And without a load in between: the connection is cut while it is idle.
    server.stop();
    server.resume();
    let told = commit(2);
    assert!(matches!(told, Err(Error::Unknown(_))), "{told:?}");
    assert_eq!(commit(2).unwrap(), Commit::Done);
}

const NOW: Timestamp = Timestamp::from_unix(1_715_767_200);
