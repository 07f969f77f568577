//! Work that blocks, on threads of its own, so many at one time.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task;

use crate::directory::Fault;

/// A bounded number of threads.
pub(crate) struct BlockingPool(Arc<Semaphore>);

/// The right to one of them, until it is dropped.
pub(crate) type Place = OwnedSemaphorePermit;

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
        let place = self.enter().await?;
        run(move || {
            let done = job();
            drop(place);
            done
        })
        .await
    }

    /// Waits for a place.
    pub(crate) async fn enter(&self) -> Result<Place, Fault> {
        Ok(self.0.clone().acquire_owned().await?)
    }
}

/// Runs a job on a thread that may block, to its end; its bounds are the places that it holds.
pub(crate) async fn run<T: Send + 'static>(
    job: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Fault> {
    task::spawn_blocking(job).await.map_err(|error| {
        if error.is_panic() {
            "a thread panicked"
        } else {
            "cancelled"
        }
        .into()
    })
}
