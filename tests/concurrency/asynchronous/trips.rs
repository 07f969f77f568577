//! What either driver asks of its store, call by call.

use otp_engine::store::{Class, Kind};

use super::by_hand::{block_on, poll_up_to};
use super::calls::{Call, Device, EnteredCode, Gateway, World};
use super::ledger::{Failure, Flaw, Ledger};
use crate::support::fixture::at;

/// One load and one commit for what changes something; what changes nothing has no commit, and
/// what is refused before has no load. Both drivers answer the same.
#[test]
fn each_call_is_one_load_and_at_most_one_commit_with_both_drivers() {
    for (call, trips) in SCRIPT {
        let [blocking, awaiting] = [false, true].map(|awaits| asked(*call, awaits, false));
        assert_eq!(blocking.1, *trips, "{call:?}: {}", blocking.0);
        assert_eq!(awaiting, blocking, "{call:?}");
    }
}

/// The count is one that can fail: a lost race is a second load and a second commit.
#[test]
fn a_lost_race_is_one_more_load_and_one_more_commit_with_both_drivers() {
    let wrong = Call::Verify(EnteredCode::Wrong);
    for awaits in [false, true] {
        assert_eq!(asked(wrong, awaits, true).1, (2, 2));
    }
}

/// After each lost race others are polled, so that a store that is ready at once starves nobody.
#[test]
fn a_store_that_refuses_for_ever_is_given_up_and_others_are_let_in_between() {
    let mut world = World::new(false, true);
    let ledger = Ledger::new(Class::Permanent).with(Flaw::Refuses);
    let (answer, polls) = poll_up_to(world.ask_awaiting(&ledger, Call::Issue), 1_000);
    assert_eq!(answer.as_deref(), Some("Contended"));
    assert_eq!((ledger.trips(), polls), ((200, 200), 201));
    assert_eq!(world.events(), [""; 0]);
}

/// The answer and the trips are those of a right guess and a wrong one alike.
#[test]
fn case_170_a_page_that_is_gone_is_found_before_anything_is_compared_with_both_drivers() {
    for awaits in [false, true] {
        for entered in [EnteredCode::Right, EnteredCode::Wrong] {
            let mut world = World::new(true, true);
            let ledger = Ledger::new(Class::Permanent);
            world.ask(&ledger, Call::Issue);
            world.ask(&ledger, Call::Verify(EnteredCode::Right));
            world.clock.set(at(86_400));
            world.ask(&ledger, Call::Issue);
            let mut rows = ledger.rows();
            rows.retain(|_, (kind, _)| *kind != Kind::ChainHead);
            ledger.restore(&rows);
            ledger.trips();
            let answer = if awaits {
                block_on(world.ask_awaiting(&ledger, Call::Verify(entered)))
            } else {
                world.ask(&ledger, Call::Verify(entered))
            };
            // Twice, as another signer may have committed amid one load.
            assert_eq!((&*answer, ledger.trips()), ("Tampered", (2, 0)));
        }
    }
}

/// The first record of a field is looked for in the load of the chain head: most fields are signed once.
#[test]
fn case_580_the_first_signature_of_a_field_is_one_load_and_one_commit_with_both_drivers() {
    for awaits in [false, true] {
        for entered in [EnteredCode::Right, EnteredCode::Wrong] {
            let mut world = World::new(true, true);
            let ledger = Ledger::new(Class::Permanent);
            world.ask(&ledger, Call::Issue);
            ledger.trips();
            if awaits {
                block_on(world.ask_awaiting(&ledger, Call::Verify(entered)));
            } else {
                world.ask(&ledger, Call::Verify(entered));
            }
            assert_eq!(ledger.trips(), (1, 1));
        }
    }
}

/// Signs ten records, one a day, issues once more, then asks; returns the answer and the trips.
fn asked(call: Call, awaits: bool, raced: bool) -> (String, (usize, usize)) {
    let mut world = World::new(true, true);
    let ledger = Ledger::new(Class::Permanent);
    for day in 0..10 {
        world.clock.set(at(day * 86_400));
        world.ask(&ledger, Call::Issue);
        let signed = world.ask(&ledger, Call::Verify(EnteredCode::Right));
        assert!(signed.contains("Accepted"), "{signed}");
    }
    world.clock.set(at(10 * 86_400));
    if call != Call::Issue {
        world.ask(&ledger, Call::Issue);
    }
    ledger.trips();
    if raced {
        ledger.fail(2, Failure::Conflict);
    }
    let answer = if awaits {
        block_on(world.ask_awaiting(&ledger, call))
    } else {
        world.ask(&ledger, call)
    };
    (answer, ledger.trips())
}

const SCRIPT: &[(Call, (usize, usize))] = &[
    (Call::Issue, (1, 1)),
    (Call::Verify(EnteredCode::Right), (1, 1)),
    (Call::Verify(EnteredCode::Wrong), (1, 1)),
    (Call::Verify(EnteredCode::Malformed), (1, 1)),
    (Call::Verify(EnteredCode::Unfit), (0, 0)),
    (Call::Cancel, (1, 1)),
    (Call::Claim, (1, 1)),
    (Call::Report(Gateway::Took), (1, 1)),
    (Call::Report(Gateway::Refused), (1, 1)),
    (Call::Status, (1, 0)),
    (Call::Unlock, (1, 0)), // nothing to unlock
    (Call::Latest, (2, 0)), // the chain head, then the record
    (Call::Signatures(0), (1, 0)),
    (Call::Signatures(8), (2, 0)),
    (Call::Signatures(9), (3, 0)), // as many at a time as one load takes
    (Call::Signatures(99), (3, 0)),
    (Call::ChainHead, (1, 0)),
    (Call::Erase(1), (1, 1)),
    (Call::Erase(99), (1, 0)), // there is none
    (Call::ResetSlot, (1, 1)),
    (Call::ResetRecipient, (1, 1)),
    (Call::ResetUser, (1, 1)),
    (Call::ResetDevice, (1, 0)), // a device that nobody guessed at
    (Call::Devices(Device::Wrong), (1, 1)),
    // No mark of a purge yet, and cells: looked for once more, and left.
    (Call::Purge(5), (2, 1)),
    (Call::PurgeConfirmed(5), (2, 1)),
    (Call::Check, (2, 0)), // no canary, and cells: looked for once more
    (Call::Adopt, (1, 1)),
    (Call::Begin, (1, 1)),
    (Call::Hotp(Device::Right), (1, 1)),
    (Call::ResynchroniseHotp, (1, 1)),
    (Call::Totp(Device::Wrong), (1, 1)),
    (Call::ResynchroniseTotp, (1, 1)),
    (Call::Ocra(Device::Right), (1, 1)),
];
