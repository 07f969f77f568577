//! What is counted: requests, answers, messages and the engine's events. No label names a user.

use core::time::Duration;

use otp_engine::{Event, Rejection, Timestamp, event::EventKind, verdict::RefusalReason};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use crate::blocking::BlockingPool;
use crate::failure::Failure;
use crate::gateway::{Reply, Unanswered};

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct Request {
    route: &'static str,
    code: u16,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct Answer {
    route: &'static str,
    status: u64,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct Route {
    route: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct Kind {
    event: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct Message {
    outcome: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct Cause {
    cause: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct Places {
    pool: &'static str,
    state: &'static str,
}

/// The counts of one service.
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<Request, Counter>,
    answers: Family<Answer, Counter>,
    seconds: Family<Route, Histogram>,
    messages: Family<Message, Counter>,
    failures: Family<Cause, Counter>,
    store_errors: Family<Cause, Counter>,
    purged: Counter,
    purge_failures: Counter,
    purge_done: Gauge,
    places: Family<Places, Gauge>,
}

/// Counts the engine's events.
#[derive(Clone, Default)]
pub(crate) struct Events(Family<Kind, Counter>);

impl Metrics {
    pub(crate) fn new(events: Events) -> Self {
        let mut registry = Registry::with_prefix("otp_reference");
        let seconds =
            Family::new_with_constructor((|| Histogram::new(BUCKETS)) as fn() -> Histogram);
        let (requests, answers, messages) =
            (Family::default(), Family::default(), Family::default());
        registry.register("http_requests", "Requests by HTTP status", requests.clone());
        registry.register(
            "answers",
            "Answers by the status in their body",
            answers.clone(),
        );
        registry.register(
            "http_request_duration_seconds",
            "Time to answer a request",
            seconds.clone(),
        );
        registry.register(
            "messages",
            "Messages by what the gateway said",
            messages.clone(),
        );
        let failures = Family::<Cause, Counter>::default();
        registry.register(
            "failures",
            "Answers of status 500, 502 and 503 by their cause, but for those of the gateway",
            failures.clone(),
        );
        let store_errors = Family::<Cause, Counter>::default();
        // From the start: what asks for a rate must find a first value.
        for failure in Failure::ALL {
            let cause = failure.name();
            drop(failures.get_or_create(&Cause { cause }));
            if failure.is_of_the_store() {
                drop(store_errors.get_or_create(&Cause { cause }));
            }
        }
        registry.register(
            "store_errors",
            "Failures of the store by their cause, whoever met them",
            store_errors.clone(),
        );
        let purge_failures = Counter::default();
        registry.register(
            "purge_failures",
            "Purges that failed",
            purge_failures.clone(),
        );
        let purged = Counter::default();
        registry.register(
            "purged_cells",
            "Cells that were dropped as over",
            purged.clone(),
        );
        let purge_done = Gauge::default();
        registry.register(
            "purge_last_success_timestamp_seconds",
            "When a purge last left nothing that is over, in Unix time; 0 not yet",
            purge_done.clone(),
        );
        let places = Family::default();
        registry.register(
            "pool_places",
            "Places for operations on the store and for messages, and what waits for one",
            places.clone(),
        );
        let version = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "What runs", version);
        registry.register("events", "Events of the engine", events.0.clone());
        Self {
            registry,
            requests,
            answers,
            seconds,
            messages,
            failures,
            store_errors,
            purged,
            purge_failures,
            purge_done,
            places,
        }
    }

    pub(crate) fn request(
        &self,
        route: &'static str,
        code: u16,
        status: Option<u64>,
        took: Duration,
    ) {
        self.requests.get_or_create(&Request { route, code }).inc();
        let seconds = self.seconds.get_or_create(&Route { route });
        seconds.observe(took.as_secs_f64());
        if let Some(status) = status {
            self.answers.get_or_create(&Answer { route, status }).inc();
        }
    }

    pub(crate) fn message(&self, said: &Result<Reply, Unanswered>) {
        let outcome = match said {
            Ok(reply) if reply.is_ok() => "sent",
            Ok(_) => "refused",
            Err(_) => "unanswered",
        };
        self.messages.get_or_create(&Message { outcome }).inc();
    }

    pub(crate) fn failed(&self, failure: Failure) {
        let cause = failure.name();
        self.failures.get_or_create(&Cause { cause }).inc();
        self.store_failed(failure);
    }

    /// Counts a failure where it is the store's, whoever met it.
    pub(crate) fn store_failed(&self, failure: Failure) {
        if failure.is_of_the_store() {
            let cause = failure.name();
            self.store_errors.get_or_create(&Cause { cause }).inc();
        }
    }

    pub(crate) fn purge_failed(&self) {
        self.purge_failures.inc();
    }

    pub(crate) fn purged(&self, cells: usize) {
        self.purged.inc_by(cells as u64);
    }

    /// Takes note that nothing which is over is left.
    pub(crate) fn purge_is_complete(&self, now: Option<Timestamp>) {
        if let Some(now) = now {
            self.purge_done.set(now.unix());
        }
    }

    /// Writes all of it, with the pools as they are now.
    pub(crate) fn text(&self, pools: &[(&'static str, &BlockingPool)]) -> String {
        for (pool, places) in pools {
            for (state, number) in places.states() {
                let places = self.places.get_or_create(&Places { pool, state });
                places.set(i64::try_from(number).unwrap_or(i64::MAX));
            }
        }
        let mut text = String::new();
        // A String takes whatever is written to it.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

impl core::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Events {
    pub(crate) fn count(&self, event: &Event<'_>) -> &'static str {
        let event = name(event.kind);
        self.0.get_or_create(&Kind { event }).inc();
        event
    }
}

fn name(what: EventKind) -> &'static str {
    match what {
        EventKind::Issued => "issued",
        EventKind::SentAgain { .. } => "sent_again",
        EventKind::Claimed { .. } => "claimed",
        EventKind::Refused { reason } => match reason {
            RefusalReason::Cooldown => "refused_cooldown",
            RefusalReason::SendLimit => "refused_send_limit",
            RefusalReason::Exhausted => "refused_exhausted",
            RefusalReason::Locked => "refused_locked",
            _ => "refused",
        },
        EventKind::Accepted { .. } => "accepted",
        EventKind::Rejected { rejection, .. } => match rejection {
            Rejection::Wrong { .. } => "rejected_wrong",
            Rejection::Expired => "rejected_expired",
            Rejection::Exhausted { .. } => "rejected_exhausted",
            Rejection::AlreadyUsed => "rejected_already_used",
            Rejection::Superseded => "rejected_superseded",
            Rejection::Cancelled => "rejected_cancelled",
            Rejection::Mismatch => "rejected_mismatch",
            Rejection::Unknown => "rejected_unknown",
            Rejection::Malformed => "rejected_malformed",
            Rejection::Locked { .. } => "rejected_locked",
            Rejection::Evidence(_) => "rejected_evidence",
            _ => "rejected",
        },
        EventKind::Exhausted => "exhausted",
        EventKind::Locked { .. } => "locked",
        EventKind::NearlyLocked { .. } => "nearly_locked",
        EventKind::Cancelled => "cancelled",
        EventKind::Delivered => "delivered",
        EventKind::DeliveryFailed { refunded: true } => "delivery_failed_refunded",
        EventKind::DeliveryFailed { refunded: false } => "delivery_failed",
        EventKind::Unlocked => "unlocked",
        EventKind::SlotReset => "slot_reset",
        EventKind::RecipientReset => "recipient_reset",
        EventKind::UserReset => "user_reset",
        EventKind::DeviceReset => "device_reset",
        _ => "other",
    }
}

/// Upper bounds in seconds: a flushed commit takes milliseconds, a gateway up to its time-out.
const BUCKETS: [f64; 12] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 15.0,
];
