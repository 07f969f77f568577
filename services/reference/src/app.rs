//! What all requests share.

use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use tokio::sync::Semaphore;

use crate::blocking::BlockingPool;
use crate::metrics::Metrics;
use crate::proxies::Proxies;
use crate::service::Service;

/// What all requests share.
pub(crate) struct App {
    /// The one that is at work: another one takes its place when keys are read anew.
    pub(crate) service: RwLock<Arc<Service>>,
    pub(crate) metrics: Metrics,
    /// Operations on the store.
    pub(crate) store: BlockingPool,
    /// Questions to a directory that asks another service.
    pub(crate) lookups: BlockingPool,
    /// Messages on their way to the gateway.
    pub(crate) messages: BlockingPool,
    /// One permit for each request at work, also where its client has gone.
    pub(crate) requests: Arc<Semaphore>,
    pub(crate) request_timeout: Duration,
    /// Rejections leave at the multiples of it after their request; zero holds none.
    pub(crate) rejection_hold: Duration,
    pub(crate) proxies: Proxies,
    /// One question whether it is ready, at a time: those that hang must not take all places.
    pub(crate) probes: BlockingPool,
    pub(crate) ready_timeout: Duration,
    pub(crate) purge: Purge,
    /// Set when the service is told to stop: it takes requests on, and asks for no more of them.
    pub(crate) is_stopping: AtomicBool,
}

impl App {
    pub(crate) fn service(&self) -> Arc<Service> {
        let service = self.service.read().unwrap_or_else(PoisonError::into_inner);
        service.clone()
    }

    /// Puts another service in its place; returns the one before.
    pub(crate) fn replace(&self, service: Service) -> Arc<Service> {
        let mut place = self.service.write().unwrap_or_else(PoisonError::into_inner);
        core::mem::replace(&mut *place, Arc::new(service))
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.is_stopping.load(Ordering::SeqCst)
    }

    pub(crate) fn begin_to_stop(&self) {
        self.is_stopping.store(true, Ordering::SeqCst);
    }
}

/// How the newest purge went, for those who watch.
pub(crate) struct Purge(Mutex<Purged>);

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Purged {
    /// This service does not purge.
    Off,
    /// None has ended yet.
    Pending,
    Done,
    /// The store grows until one is done.
    Failed,
}

impl Purge {
    pub(crate) const fn new(is_on: bool) -> Self {
        Self(Mutex::new(if is_on {
            Purged::Pending
        } else {
            Purged::Off
        }))
    }

    pub(crate) fn set(&self, how: Purged) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = how;
    }

    pub(crate) fn name(&self) -> &'static str {
        match *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Purged::Off => "off",
            Purged::Pending => "pending",
            Purged::Done => "done",
            Purged::Failed => "failed",
        }
    }
}
