//! Futures polled by hand: no runtime, and no poll that the test does not count.

use core::future::{Future, poll_fn};
use core::pin::{Pin, pin};
use core::task::{Context, Poll, Waker};
use std::sync::Arc;
use std::task::Wake;
use std::thread::{self, Thread};

/// Polls until the future is ready, and sleeps until it is woken in between.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);

    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

/// Polls once.
pub(crate) fn poll<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Polls at most so many times; what came of it, and how many polls it took.
pub(crate) fn poll_up_to<F: Future>(future: F, polls: usize) -> (Option<F::Output>, usize) {
    let mut future = pin!(future);
    for taken in 1..=polls {
        if let Poll::Ready(output) = poll(future.as_mut()) {
            return (Some(output), taken);
        }
    }
    (None, polls)
}

/// Is not ready so many times.
pub(crate) fn pending(times: usize) -> impl Future<Output = ()> + Send {
    let mut left = times;
    poll_fn(move |context| {
        if left == 0 {
            return Poll::Ready(());
        }
        left -= 1;
        context.waker().wake_by_ref();
        Poll::Pending
    })
}
