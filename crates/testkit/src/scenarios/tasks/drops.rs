//! Futures that are dropped: by their polls, by time, by the end of their task.

use core::{
    future::{Future, poll_fn},
    pin::pin,
    task::Poll,
    time::Duration,
};

use tokio::{task, time::timeout};

/// Decides by chance, which a seed repeats, what becomes of each future.
pub(super) struct Whim(u64);

impl Whim {
    pub(super) const fn new(seed: u64, task: u32) -> Self {
        Self(seed ^ (task as u64) << 32)
    }

    /// Waits for an answer, half the time; otherwise drops `work` somewhere, with or without one.
    pub(super) async fn drop_or_wait<T: Send + 'static>(
        &mut self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        match self.draw(6) {
            // However slow the machine is, this far it gets.
            0 => {
                let mut left = self.draw(7);
                let mut work = pin!(work);
                poll_fn(|context| {
                    if left == 0 {
                        return Poll::Ready(None);
                    }
                    left -= 1;
                    work.as_mut().poll(context).map(Some)
                })
                .await
            }
            1 => {
                let limit = Duration::from_micros(self.draw(3_000));
                timeout(limit, work).await.ok()
            }
            2 => {
                let running = task::spawn(work);
                for _ in 0..self.draw(10) {
                    task::yield_now().await;
                }
                running.abort();
                running.await.ok()
            }
            _ => Some(work.await),
        }
    }

    /// Draws a number below `limit` (SplitMix64).
    pub(super) const fn draw(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ word >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ word >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (word ^ word >> 31) % limit
    }
}
