//! Work that blocks, on threads of its own, so many at one time.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task;

use crate::directory::Fault;

/// A bounded number of threads.
pub(crate) struct BlockingPool(Arc<Semaphore>);

impl BlockingPool {
    pub(crate) fn of(places: u32) -> Self {
        Self(Arc::new(Semaphore::new(places as usize)))
    }

    /// Runs a job when there is a place for it. The job runs to its end, also where nobody waits
    /// for it any more; the place is its own until then.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Fault> {
        let place = self.0.clone().acquire_owned().await?;
        let done = task::spawn_blocking(move || {
            let done = job();
            drop(place);
            done
        });
        done.await.map_err(|error| {
            if error.is_panic() {
                "a thread panicked"
            } else {
                "cancelled"
            }
            .into()
        })
    }
}
