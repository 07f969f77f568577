//! The suite that every store must pass, as functions that return a report.
//!
//! A new store proves itself by [`check`]; nothing in here panics because a store is bad, so that
//! hosts in other languages can run it on the stores that they bring. A single check says in its
//! [`catches`](Line::catches) which naive store it is there for; the project's own tests run that
//! naive store too, and it must fail.
//!
//! What one process cannot see has parts of its own, to be played in several processes that are
//! started and killed by the store's own tests: [`Storm`] and [`CrashTrial`].
//!
//! A store that is awaited takes part through `Blocking` (feature `async`).
//!
//! Give it an empty store of its own: it writes thousands of cells, some of them for ever, and
//! purges with a clock that stands in the year 2100.
//!
//! ```
//! use otp_engine::MemoryStore;
//! use otp_store_tests::{Options, check};
//!
//! let options = Options::new().threads(4).slots(20).cells(100);
//! let report = check(&|| Box::new(MemoryStore::new()), &options);
//! assert!(report.passed(), "{report}");
//! ```

extern crate alloc;

use alloc::{boxed::Box, format, string::String, sync::Arc, vec::Vec};
use core::{any::Any, time::Duration};
use std::{
    sync::mpsc::{self, RecvTimeoutError},
    thread,
};

use otp_engine::Store;

#[cfg(feature = "async")]
mod blocking;
mod capacity;
mod conflicts;
mod contents;
mod crash;
mod options;
mod probe;
mod purge;
mod report;
mod storm;
mod transfers;

#[cfg(feature = "async")]
pub use blocking::Blocking;
pub use crash::CrashTrial;
pub use options::Options;
use probe::{Finding, Probe};
pub use report::{Fault, Line, Outcome, Report};
pub use storm::{Storm, Tally};

/// Runs every check, each on what `make` returns for it.
///
/// `make` may return a new store each time, or a new handle to the same one.
///
/// A check that has no outcome within the [patience](Options::patience) has failed; its threads,
/// which cannot be stopped, are left behind together with their store.
#[must_use = "a report may tell of failures"]
pub fn check(make: &dyn Fn() -> Box<dyn Store>, options: &Options) -> Report {
    check_and_tell(make, options, &mut |_| {})
}

/// Does as [`check`], and tells each line as soon as it is known.
#[must_use = "a report may tell of failures"]
pub fn check_and_tell(
    make: &dyn Fn() -> Box<dyn Store>,
    options: &Options,
    tell: &mut dyn FnMut(&Line),
) -> Report {
    let mut lines = Vec::with_capacity(CHECKS.len());
    for check in CHECKS {
        let outcome = check.outcome(Arc::from(make()), options);
        let line = Line::new(check.name, check.catches, outcome);
        tell(&line);
        lines.push(line);
    }
    Report::new(options.seed, lines)
}

struct Check {
    name: &'static str,
    catches: &'static str,
    run: fn(&Probe) -> Result<(), Finding>,
}

impl Check {
    /// Runs on a thread of its own, for a store may hang or panic.
    fn outcome(&self, store: Arc<dyn Store>, options: &Options) -> Outcome {
        let (run, name, patience) = (self.run, self.name, options.patience);
        let options = options.clone();
        let (send, receive) = mpsc::channel();
        let spawned = thread::Builder::new().spawn(move || {
            let found = run(&Probe::new(store, options, name));
            send.send(found).ok(); // nobody listens any more once the patience is over
        });
        let thread = match spawned {
            Ok(thread) => thread,
            Err(error) => return Outcome::Failed(format!("no thread to run on: {error}")),
        };
        match receive.recv_timeout(patience) {
            Ok(Ok(())) => Outcome::Passed,
            Ok(Err(Finding::Failed(why))) => Outcome::Failed(why),
            Ok(Err(Finding::NotApplicable(why))) => Outcome::NotApplicable(why),
            Err(RecvTimeoutError::Timeout) => Outcome::Failed(hung(patience)),
            Err(RecvTimeoutError::Disconnected) => Outcome::Failed(match thread.join() {
                Ok(()) => String::from("ended without an outcome"),
                Err(panic) => format!("panicked: {}", message(&*panic)),
            }),
        }
    }
}

fn hung(patience: Duration) -> String {
    format!(
        "no outcome within {} s: does the store hang?",
        patience.as_secs_f32()
    )
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}

/// In this order: what a later check relies on is checked before; the last ones fill the store.
const CHECKS: &[Check] = &[
    Check {
        name: "cells come back in the order of their keys",
        catches: "a store that answers in an order of its own",
        run: contents::order,
    },
    Check {
        name: "keys are told apart to the last bit",
        catches: "a store that cuts keys at a NUL",
        run: contents::keys,
    },
    Check {
        name: "bodies come back byte for byte",
        catches: "a store that drops NUL",
        run: contents::bodies,
    },
    Check {
        name: "discard_after comes back as it was written",
        catches: "a store that keeps times in 32 bits",
        run: contents::times,
    },
    Check {
        name: "versions count from one",
        catches: "a store that numbers versions in its own way",
        run: contents::versions,
    },
    Check {
        name: "a commit is seen at once by every thread",
        catches: "a store that loads from a copy that lags",
        run: contents::seen_at_once,
    },
    Check {
        name: "a store that holds cells never says that it holds none",
        catches: "a store that says that it is empty",
        run: contents::tells_of_cells,
    },
    Check {
        name: "a write that cannot be kept is refused whole",
        catches: "a store that drops it silently",
        run: contents::refused_whole,
    },
    Check {
        name: "a conflict at any position changes nothing",
        catches: "cellwise: a store that compares and writes cell by cell",
        run: conflicts::every_position,
    },
    Check {
        name: "an update of a missing cell never inserts",
        catches: "a store that upserts",
        run: conflicts::update_of_missing,
    },
    Check {
        name: "two writes to one key are refused",
        catches: "a store in which the last write wins",
        run: conflicts::twice_one_key,
    },
    Check {
        name: "a storm of guesses is counted exactly",
        catches: "blind: a store that compares no versions; read, then write",
        run: storm::with_threads,
    },
    Check {
        name: "transfers in opposite orders keep their sum",
        catches: "a store that locks in the order of the writes",
        run: transfers::in_opposite_orders,
    },
    Check {
        name: "a purge drops only what is past its time",
        catches: "a store that purges by age",
        run: purge::only_what_is_past,
    },
    Check {
        name: "a purge keeps to its limit",
        catches: "a store that purges all at once",
        run: purge::within_its_limit,
    },
    Check {
        name: "a purge makes room",
        catches: "a store that never drops a cell",
        run: purge::makes_room,
    },
    Check {
        name: "a purge never undoes a commit that extends",
        catches: "a store that purges in two steps",
        run: purge::racing_an_extension,
    },
    Check {
        name: "every cell is kept however many follow",
        catches: "a store that evicts",
        run: capacity::kept,
    },
    Check {
        name: "a full store refuses whole commits and keeps what it has",
        catches: "a store that writes until it is full",
        run: capacity::full,
    },
];

#[cfg(doctest)]
mod documents {
    #[doc = include_str!("../README.md")]
    struct Readme;
}
