//! A storm of devices' codes: many hosts at the same time, each with its own connection.

use std::collections::BTreeSet;
use std::{sync::Barrier, thread};

use otp_engine::{Error, RateLimits, Rejection, Store};

use super::{Host, Kind, Token, now, wrong};

/// Gives the same right code from all hosts at once, and then 40 wrong ones, in each of some rounds.
///
/// # Errors
///
/// What was heard, where a code was not accepted once, or where of the wrong ones not exactly thirty were compared,
/// each counted apart.
pub fn devices_in_a_storm(open: &dyn Fn() -> Box<dyn Store>) -> Result<(), String> {
    let now = now();
    let hosts = [(); HOSTS].map(|()| Host::new(open(), now, RateLimits::unlimited()));
    for round in 0..ROUNDS {
        let token = Token::new(Kind::Steps);
        let right = hosts[0].reads(&token, 0);
        let heard = all_at_once(&hosts, &token, &[&right]);
        let accepted = heard.iter().filter(|heard| heard.is_none()).count();
        let used = Some(Rejection::AlreadyUsed);
        let used = heard.iter().filter(|heard| **heard == used).count();
        if (accepted, used) != (1, HOSTS - 1) {
            return Err(format!("round {round}: {heard:?}"));
        }
        let wrong = wrong(&right);
        let heard = all_at_once(&hosts, &token, &[&*wrong; 5]);
        let left = |heard: &Option<Rejection>| match heard {
            Some(Rejection::Wrong { attempts_left }) => Some(*attempts_left),
            _ => None,
        };
        let compared: Vec<_> = heard.iter().filter_map(left).collect();
        let apart: BTreeSet<_> = compared.iter().copied().collect();
        let is_locked =
            |heard: &&Option<Rejection>| matches!(heard, Some(Rejection::Locked { .. }));
        let locked = heard.iter().filter(is_locked).count();
        let is_right = apart == (0..30).collect() && compared.len() == 30;
        if !is_right || locked != 5 * HOSTS - 30 {
            return Err(format!("round {round}: {heard:?}"));
        }
    }
    Ok(())
}

/// Shows that the storm finds a fault in a store that compares nothing, or compares and then writes: in one of
/// some storms, as it takes two that meet.
pub fn storms_of_devices_catch(open: &dyn Fn() -> Box<dyn Store>) {
    let is_caught = (0..STORMS).any(|_| devices_in_a_storm(open).is_err());
    assert!(is_caught, "{STORMS} storms passed");
}

/// Lets each host type these texts at the same time; returns what all of them heard.
fn all_at_once(hosts: &[Host; HOSTS], token: &Token, entered: &[&str]) -> Vec<Option<Rejection>> {
    let barrier = Barrier::new(HOSTS);
    let play = |host: &Host| -> Vec<_> {
        barrier.wait();
        let hears = |entered: &&str| loop {
            match host.asks(token, 0, entered) {
                Ok(verdict) => return verdict.rejection(),
                Err(Error::Contended) => {} // nothing was counted
                Err(error) => panic!("{error}"),
            }
        };
        entered.iter().map(hears).collect()
    };
    thread::scope(|scope| {
        let players: Vec<_> = hosts
            .iter()
            .map(|host| scope.spawn(|| play(host)))
            .collect();
        let heard = players.into_iter().map(|player| player.join().unwrap());
        heard.flatten().collect()
    })
}

const HOSTS: usize = 8;
const ROUNDS: u32 = 10;
/// In how many storms a fault must be found.
const STORMS: u32 = 30;
