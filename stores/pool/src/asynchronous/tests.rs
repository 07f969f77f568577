use core::{
    future::ready,
    pin::pin,
    sync::atomic::{AtomicU8, Ordering},
    task::{Context, Poll, Waker},
};
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    task::Wake,
};

use tokio::runtime::Builder;

use super::*;
use crate::tests::Planted;

/// A connection is its number; every new one has the next.
fn pool(max_size: usize) -> AsyncPool<u8> {
    let next = AtomicU8::new(2);
    let connect = move || ready(Ok(next.fetch_add(1, Ordering::SeqCst)));
    AsyncPool::new(1, connect, |_| false, max_size, Duration::from_millis(1))
}

fn wait<T>(work: impl Future<Output = T>) -> T {
    let runtime = Builder::new_current_thread().enable_time().build();
    runtime.unwrap().block_on(work)
}

/// Runs `work` up to where it first waits, and drops it there.
fn drop_where_it_waits<T>(work: impl Future<Output = T>) {
    let polled = pin!(work).poll(&mut Context::from_waker(Waker::noop()));
    assert!(polled.is_pending());
}

#[test]
fn no_more_than_the_limit_are_lent_and_who_waits_gets_the_next() {
    wait(async {
        let pool = pool(2);
        let (mut one, two) = (pool.acquire().await.unwrap(), pool.acquire().await.unwrap());
        assert_eq!((*one.get(), pool.free_permits()), (1, 0));
        let told = pool.write(async |_| Ok::<_, Planted>(())).await;
        assert!(matches!(told, Err(Error::Unavailable(Some(_)))), "{told:?}");

        struct Woken(AtomicU8);
        impl Wake for Woken {
            fn wake(self: Arc<Self>) {
                self.0.fetch_add(1, Ordering::SeqCst);
            }
        }
        let woken = Arc::new(Woken(AtomicU8::new(0)));
        let waker = Waker::from(Arc::clone(&woken));
        let mut waiting = pin!(pool.acquire());
        let mut poll = || waiting.as_mut().poll(&mut Context::from_waker(&waker));
        assert!(poll().is_pending());
        assert_eq!(one.after_write(Ok::<_, Planted>(())), Ok(()));
        assert_eq!(woken.0.load(Ordering::SeqCst), 1);
        let Poll::Ready(Ok(mut next)) = poll() else {
            panic!("it waits still");
        };
        assert_eq!(*next.get(), 1);
        drop((next, two));
        assert_eq!(pool.free_permits(), 2);
    });
}

/// What each fault leaves: how often the call was made, on which connections, and what is idle.
#[test]
fn a_question_is_repeated_once_and_a_statement_never() {
    for (fault, asked, idle_then) in [
        (Planted::Lost, &[1, 3][..], &[][..]),
        (Planted::Refused, &[1], &[2, 1]),
        (Planted::Spoilt, &[1], &[2]),
    ] {
        let (pool, on) = (with_two_idle(), Mutex::new(Vec::new()));
        let answer = wait(pool.read(async |connection: &mut u8| {
            on.lock().unwrap().push(*connection);
            Err::<(), _>(fault)
        }));
        assert!(matches!(answer, Err(Error::Unavailable(Some(_)))));
        let on = on.into_inner().unwrap();
        assert_eq!((&*on, &*pool.take_idle()), (asked, idle_then));
    }
    for (fault, idle_then) in [
        (Planted::Lost, &[][..]),
        (Planted::Refused, &[2, 1]),
        (Planted::Spoilt, &[]),
    ] {
        let pool = with_two_idle();
        let told = wait(pool.write(async |_| Err::<u8, _>(fault)));
        assert_eq!(told.unwrap(), Err(fault));
        assert_eq!(&*pool.take_idle(), idle_then, "{fault:?}");
        assert_eq!(pool.free_permits(), 2);
    }
}

fn with_two_idle() -> AsyncPool<u8> {
    let pool = pool(2);
    wait(async {
        let (one, two) = (pool.acquire().await.unwrap(), pool.acquire().await.unwrap());
        assert_eq!(two.after_write(Ok::<_, Planted>(())), Ok(()));
        assert_eq!(one.after_write(Ok::<_, Planted>(())), Ok(()));
    });
    assert_eq!(pool.take_idle(), [2, 1]);
    for connection in [2, 1] {
        pool.idle.give_back(connection);
    }
    pool
}

/// Answers in the order in which it was asked, a moment later: what is left unread by one caller
/// is read by the next.
#[derive(Default)]
struct Line(VecDeque<u32>);

impl Line {
    async fn ask(&mut self, question: u32) -> Result<u32, Planted> {
        self.0.push_back(question);
        let mut has_waited = false;
        core::future::poll_fn(|context| {
            if core::mem::replace(&mut has_waited, true) {
                return Poll::Ready(());
            }
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
        self.0.pop_front().ok_or(Planted::Lost)
    }
}

#[test]
fn the_answer_to_a_dropped_question_is_nobody_elses() {
    let mut line = Line::default();
    drop_where_it_waits(line.ask(1));
    assert_eq!(wait(line.ask(2)), Ok(1), "such a line mixes answers up");

    let connect = || ready(Ok(Line::default()));
    let pool = AsyncPool::new(Line::default(), connect, |_| false, 1, Duration::MAX);
    let runtime = Builder::new_current_thread().enable_time().build().unwrap();
    let _within = runtime.enter();
    for question in 1..20 {
        drop_where_it_waits(pool.read(async |line: &mut Line| line.ask(question).await));
        drop_where_it_waits(pool.write(async |line: &mut Line| line.ask(question).await));
        let answer = pool.read(async |line: &mut Line| line.ask(100 + question).await);
        assert_eq!(wait(answer).unwrap(), 100 + question);
    }
}

/// Wherever a future is dropped: while it waits for a place, for a connection, or for an answer.
#[test]
fn a_dropped_future_gives_its_place_back() {
    let runtime = Builder::new_current_thread().enable_time().build().unwrap();
    let _within = runtime.enter();
    let pool = AsyncPool::new(1, core::future::pending, |_| false, 2, Duration::MAX);
    let never = async |_: &mut i32| core::future::pending::<Result<(), Planted>>().await;
    for _ in 0..5 {
        drop_where_it_waits(pool.write(never)); // at first for an answer, then for a connection
        assert_eq!(pool.free_permits(), 2);
    }
    pool.idle.give_back(1);
    let mut both = (pin!(pool.write(never)), pin!(pool.write(never)));
    let mut context = Context::from_waker(Waker::noop());
    assert!(both.0.as_mut().poll(&mut context).is_pending());
    assert!(both.1.as_mut().poll(&mut context).is_pending());
    drop_where_it_waits(pool.write(never)); // for a place
    assert_eq!(pool.free_permits(), 0);

    let pool = self::pool(2);
    core::mem::forget(wait(pool.acquire()).unwrap());
    assert_eq!(pool.free_permits(), 1, "a leak is seen");
}

#[test]
fn in_a_forked_process_nothing_is_lent_and_nothing_is_closed() {
    for forked in [false, true] {
        let connection = Arc::new(());
        let connect = || ready(Err(Error::unavailable("planted")));
        let first = Arc::clone(&connection);
        let mut pool = AsyncPool::new(first, connect, |_| false, 1, Duration::ZERO);
        pool.set_process(std::process::id() + u32::from(forked));
        let told = wait(pool.write(async |_| Ok::<_, Planted>(())));
        assert_eq!(told.is_err(), forked);
        drop(pool);
        assert_eq!(Arc::strong_count(&connection), 1 + usize::from(forked));
    }
}
