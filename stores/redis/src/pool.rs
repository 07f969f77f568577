//! A few connections, lent one at a time; who comes when all are out waits a while.

use core::time::Duration;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// At most so many connections, of which some are idle and some are lent.
pub(crate) struct Pool<C> {
    state: Mutex<State<C>>,
    freed: Condvar,
    most: usize,
    patience: Duration,
}

struct State<C> {
    idle: Vec<C>,
    lent: usize,
}

impl<C> Pool<C> {
    pub(crate) const fn new(most: usize, patience: Duration) -> Self {
        Self {
            state: Mutex::new(State {
                idle: Vec::new(),
                lent: 0,
            }),
            freed: Condvar::new(),
            most,
            patience,
        }
    }

    /// Returns a place for one connection; `None` where all stay taken for too long.
    pub(crate) fn place(&self) -> Option<Place<'_, C>> {
        let is_full = |state: &mut State<C>| state.lent >= self.most;
        let wait = self
            .freed
            .wait_timeout_while(self.state(), self.patience, is_full);
        let (mut state, timeout) = wait.unwrap_or_else(PoisonError::into_inner);
        if timeout.timed_out() {
            return None;
        }
        state.lent += 1;
        // The last one used is the first one lent: it is the least likely to have been cut.
        let idle = state.idle.pop();
        drop(state);
        Some(Place { pool: self, idle })
    }

    /// Takes all idle connections: what cut one of them may have cut all.
    pub(crate) fn take_idle(&self) -> Vec<C> {
        core::mem::take(&mut self.state().idle)
    }

    /// The state is whole at any moment, whoever panicked.
    fn state(&self) -> MutexGuard<'_, State<C>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to one connection; free again when this is dropped.
pub(crate) struct Place<'a, C> {
    pool: &'a Pool<C>,
    /// The idle connection that came with the place.
    pub(crate) idle: Option<C>,
}

impl<C> Place<'_, C> {
    /// Keeps a connection that is sound for whoever comes next.
    pub(crate) fn give_back(self, connection: C) {
        self.pool.state().idle.push(connection);
    }
}

impl<C> Drop for Place<'_, C> {
    fn drop(&mut self) {
        self.pool.state().lent -= 1;
        self.pool.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_than_the_limit_are_lent_and_who_waits_gets_the_next() {
        let pool = Pool::<u8>::new(2, Duration::from_millis(1));
        let (one, two) = (pool.place().unwrap(), pool.place().unwrap());
        assert!(one.idle.is_none() && two.idle.is_none());
        assert!(pool.place().is_none());
        drop(two);
        assert!(pool.place().unwrap().idle.is_none());

        one.give_back(7);
        let again = pool.place().unwrap();
        assert_eq!(again.idle, Some(7));
        assert_eq!(pool.place().unwrap().idle, None);
    }

    #[test]
    fn a_place_is_free_again_after_a_panic() {
        let pool = Pool::<u8>::new(1, Duration::from_millis(1));
        let thread = std::thread::scope(|scope| {
            scope
                .spawn(|| {
                    let _place = pool.place().unwrap();
                    panic!("planted");
                })
                .join()
        });
        assert!(thread.is_err());
        assert!(pool.place().is_some());
    }
}
