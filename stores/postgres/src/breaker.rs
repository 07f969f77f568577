//! While answers to commits are overdue, one connection asks whether they come again.
//!
//! Without it, each call would wait for its own answer, on all connections, for as long as a
//! synchronous standby is away.

use std::sync::{Mutex, MutexGuard, PoisonError};

use otp_engine::store::Error;

use crate::{fault::Fault, session::Made};

/// Whether commits may be told to the server.
#[derive(Debug, Default)]
pub(crate) struct Breaker(Mutex<State>);

#[derive(Clone, Copy, Debug, Default)]
struct State {
    /// The last answer was overdue.
    is_open: bool,
    /// A commit is finding out whether answers come again.
    is_probing: bool,
}

/// The leave to tell the server one commit.
#[derive(Debug)]
pub(crate) struct Pass<'a> {
    breaker: &'a Breaker,
    is_probe: bool,
}

impl Breaker {
    /// Lets a commit through; while answers are overdue, one at a time.
    pub(crate) fn enter(&self) -> Result<Pass<'_>, Error> {
        let mut state = self.state();
        if state.is_open && state.is_probing {
            return Err(Error::unavailable(
                "PostgreSQL's answers to commits are overdue; one connection asks whether they \
                 come again",
            ));
        }
        let is_probe = state.is_open;
        state.is_probing |= is_probe;
        drop(state);
        Ok(Pass {
            breaker: self,
            is_probe,
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pass<'_> {
    /// Ends with what came of the commit: whether its answer was overdue, and whether one came.
    pub(crate) fn end(self, told: &Result<Made, Fault>) {
        let mut state = self.breaker.state();
        match told {
            Ok(Made::WithWarning) | Err(Fault::Silent | Fault::Cancelled) => state.is_open = true,
            Ok(Made::Plainly) => state.is_open = false,
            // A conflict flushes nothing and waits for no standby: it says nothing.
            Ok(Made::Conflict) | Err(_) => {}
        }
    }
}

impl Drop for Pass<'_> {
    /// Leaves it to the next one to find out, whatever this one found.
    fn drop(&mut self) {
        if self.is_probe {
            self.breaker.state().is_probing = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened() -> Breaker {
        let breaker = Breaker::default();
        let (one, two) = (breaker.enter().unwrap(), breaker.enter().unwrap());
        one.end(&Err(Fault::Silent));
        drop(two); // one that was let in before ends without an answer
        breaker
    }

    #[test]
    fn one_at_a_time_asks_until_an_answer_comes() {
        for overdue in [
            Err(Fault::Silent),
            Err(Fault::Cancelled),
            Ok(Made::WithWarning),
        ] {
            let breaker = opened();
            let probe = breaker.enter().unwrap();
            assert!(matches!(breaker.enter(), Err(Error::Unavailable(Some(_)))));
            probe.end(&overdue);
            let probe = breaker.enter().unwrap();
            assert!(breaker.enter().is_err());
            probe.end(&Ok(Made::Plainly));
            let all = [(); 3].map(|()| breaker.enter().unwrap());
            drop(all);
        }
    }

    /// Those that were let in before answers were overdue say so late, and let in nobody else.
    #[test]
    fn one_that_was_let_in_before_is_no_probe() {
        let breaker = Breaker::default();
        let [one, two, three] = [(); 3].map(|()| breaker.enter().unwrap());
        one.end(&Err(Fault::Silent));
        let probe = breaker.enter().unwrap();
        two.end(&Err(Fault::Silent));
        assert!(breaker.enter().is_err());
        three.end(&Ok(Made::Plainly));
        assert!(breaker.enter().is_ok());
        drop(probe);
    }

    #[test]
    fn what_says_nothing_of_answers_lets_the_next_one_ask() {
        let breaker = opened();
        for nothing in [Ok(Made::Conflict), Err(Fault::Malformed)] {
            breaker.enter().unwrap().end(&nothing);
            let probe = breaker.enter().unwrap();
            assert!(breaker.enter().is_err());
            drop(probe); // a future that is dropped
        }
        assert!(breaker.enter().is_ok());
    }
}
