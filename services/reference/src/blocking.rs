//! Work that blocks, on threads of its own, so many at one time.

use core::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task;

use crate::directory::Fault;

/// A bounded number of threads.
pub(crate) struct BlockingPool {
    places: Arc<Semaphore>,
    size: usize,
    waiting: AtomicUsize,
}

/// The right to one of them, until it is dropped.
pub(crate) type Place = OwnedSemaphorePermit;

impl BlockingPool {
    pub(crate) fn of(places: u32) -> Self {
        let size = places as usize;
        Self {
            places: Arc::new(Semaphore::new(size)),
            size,
            waiting: AtomicUsize::new(0),
        }
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
        if let Ok(place) = self.places.clone().try_acquire_owned() {
            return Ok(place);
        }
        let _waits = Waits::begin(&self.waiting);
        Ok(self.places.clone().acquire_owned().await?)
    }

    /// Counts its places, and what waits for one.
    pub(crate) fn states(&self) -> [(&'static str, usize); 3] {
        let idle = self.places.available_permits();
        let waiting = self.waiting.load(Ordering::Relaxed);
        [
            ("in_use", self.size.saturating_sub(idle)),
            ("idle", idle),
            ("waiting", waiting),
        ]
    }
}

/// Counts one that waits, until it does no more or is given up.
struct Waits<'a>(&'a AtomicUsize);

impl<'a> Waits<'a> {
    fn begin(waiting: &'a AtomicUsize) -> Self {
        waiting.fetch_add(1, Ordering::Relaxed);
        Self(waiting)
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Runs a job on a thread that may block, to its end; its bounds are the places that it holds.
pub(crate) async fn run<T: Send + 'static>(
    job: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Fault> {
    // Its lines of the log are those of the request.
    let span = tracing::Span::current();
    let job = move || span.in_scope(job);
    task::spawn_blocking(job).await.map_err(|error| {
        if error.is_panic() {
            "a thread panicked"
        } else {
            "cancelled"
        }
        .into()
    })
}
