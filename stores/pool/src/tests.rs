use core::{
    cell::Cell,
    sync::atomic::{AtomicU8, Ordering},
};
use std::sync::Arc;

use super::*;

/// A connection is its number; every new one has the next.
fn pool(max_size: usize) -> Pool<u8> {
    let next = AtomicU8::new(2);
    let connect = move || Ok(next.fetch_add(1, Ordering::SeqCst));
    Pool::new(1, connect, |_| false, max_size, Duration::from_millis(1))
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Planted {
    Lost,
    Refused,
    Spoilt,
}

impl fmt::Display for Planted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl core::error::Error for Planted {}

impl Fault for Planted {
    fn is_lost(&self) -> bool {
        *self == Self::Lost
    }

    fn leaves_connection_sound(&self) -> bool {
        *self == Self::Refused
    }
}

#[test]
fn no_more_than_the_limit_are_lent_and_who_waits_gets_the_next() {
    let pool = pool(2);
    let (mut one, mut two) = (pool.acquire().unwrap(), pool.acquire().unwrap());
    assert_eq!((*one.get(), *two.get()), (1, 2));
    assert!(pool.acquire().is_err());
    drop(two);
    assert_eq!(*pool.acquire().unwrap().get(), 3);

    assert_eq!(
        one.after_write(Err(Planted::Refused)),
        Err::<(), _>(Planted::Refused)
    );
    let mut again = pool.acquire().unwrap();
    assert_eq!(*again.get(), 1);
    assert_eq!(*pool.acquire().unwrap().get(), 4);
}

#[test]
fn a_place_is_free_again_after_a_panic() {
    let pool = pool(1);
    let thread = std::thread::scope(|scope| {
        scope
            .spawn(|| {
                let _lent = pool.acquire().unwrap();
                panic!("planted");
            })
            .join()
    });
    assert!(thread.is_err());
    assert!(pool.acquire().is_ok());
}

/// What each fault leaves: how often the call was made, on which connections, and what is idle.
#[test]
fn a_question_is_repeated_once_and_a_statement_never() {
    for (fault, asked, idle_then) in [
        (Planted::Lost, &[1, 3][..], &[][..]),
        (Planted::Refused, &[1], &[2, 1]),
        (Planted::Spoilt, &[1], &[2]),
    ] {
        let pool = with_two_idle();
        let on = Cell::new(Vec::new());
        let record = |connection: &mut u8| {
            let mut all = on.take();
            all.push(*connection);
            on.set(all);
            Err::<(), _>(fault)
        };
        let told = pool.read(record);
        assert!(matches!(told, Err(Error::Unavailable(Some(_)))));
        assert_eq!((&*on.take(), &*pool.take_idle()), (asked, idle_then));
    }
    for (fault, idle_then) in [
        (Planted::Lost, &[][..]),
        (Planted::Refused, &[2, 1]),
        (Planted::Spoilt, &[]),
    ] {
        let pool = with_two_idle();
        let told = pool.write(|_| Err::<u8, _>(fault));
        assert_eq!(told.unwrap(), Err(fault));
        assert_eq!(&*pool.take_idle(), idle_then, "{fault:?}");
    }
}

fn with_two_idle() -> Pool<u8> {
    let pool = pool(2);
    let both = pool.write(|first| {
        assert_eq!(*first, 1);
        let told = pool.write(|second| Ok::<_, Planted>(*second));
        Ok::<_, Planted>(told.unwrap())
    });
    assert_eq!(both.unwrap(), Ok(Ok(2)));
    pool
}

#[test]
fn a_connection_that_is_closed_is_replaced_and_one_that_cannot_be_made_is_unavailable() {
    let connect = || Err(Error::unavailable("planted"));
    let pool = Pool::new(1, connect, |_| true, 1, Duration::from_millis(1));
    let told = pool.write(|_| Ok::<_, Planted>(()));
    assert!(matches!(told, Err(Error::Unavailable(Some(_)))), "{told:?}");
    assert!(pool.permit().is_some()); // its own is free again
}

/// To close an inherited connection would end the parent's session.
#[test]
fn in_a_forked_process_nothing_is_lent_and_nothing_is_closed() {
    for forked in [false, true] {
        let connection = Arc::new(());
        let connect = || Err(Error::unavailable("planted"));
        let first = Arc::clone(&connection);
        let mut pool = Pool::new(first, connect, |_| false, 1, Duration::ZERO);
        pool.set_process(std::process::id() + u32::from(forked));
        let told = pool.write(|_| Ok::<_, Planted>(()));
        assert_eq!(told.is_err(), forked);
        drop(pool);
        assert_eq!(Arc::strong_count(&connection), 1 + usize::from(forked));
    }
}
