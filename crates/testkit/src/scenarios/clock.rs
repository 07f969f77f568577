//! A clock that goes wrong in the middle of a code's life.

use core::time::Duration;
use std::sync::Arc;

use otp_engine::{
    Clock, Engine, KeyRing, ManualClock, Rejection, Store, Submission, SystemClock, Verdict,
};

use super::binding;

/// Moves the host's clock back by a day, and to its place again, and shows each time that nothing
/// is accepted that would not be, that no attempt is given back, and that no restart is needed.
pub fn clock_moves_back(store: &dyn Store) {
    let now = SystemClock::new().now().unwrap();
    let clock = Arc::new(ManualClock::new(now));
    let keys = KeyRing::builder().code("2026a", &[1; 32]).index(&[2; 32]);
    let engine = Engine::builder(keys.build().unwrap())
        .rate_limits(super::harness::rate_limits())
        .clock(Arc::clone(&clock))
        .build();
    let issue = |number| {
        let issued = engine.issue(store, &binding(number)).unwrap();
        issued.issued().unwrap().code.as_str().to_owned()
    };
    let verify =
        |number, entered: &str| engine.verify(store, Submission::new(&binding(number), entered));
    let (used, live) = (issue(9_001), issue(9_002));
    assert!(verify(9_001, &used).unwrap().is_accepted());
    let wrong = if live.ends_with('7') { "8" } else { "7" };
    let wrong = format!("{}{wrong}", &live[..live.len() - 1]);
    let attempts_left = |verdict: Verdict| match verdict.rejection() {
        Some(Rejection::Wrong { attempts_left }) => Some(attempts_left),
        _ => None,
    };
    assert_eq!(attempts_left(verify(9_002, &wrong).unwrap()), Some(4));

    clock.set(now.saturating_sub(Duration::from_secs(86_400)));
    for (number, code) in [(9_001, &used), (9_002, &live)] {
        let told = verify(number, code);
        assert!(!told.is_ok_and(|verdict| verdict.is_accepted()));
    }
    clock.set(now);
    // What was used stays used, and what was counted stays counted.
    assert_eq!(
        verify(9_001, &used).unwrap().rejection(),
        Some(Rejection::AlreadyUsed)
    );
    assert_eq!(attempts_left(verify(9_002, &wrong).unwrap()), Some(3));
    assert!(verify(9_002, &live).unwrap().is_accepted());
}
