//! An engine on a memory store, with a user and a number for each slot.

use std::sync::Arc;

use otp_engine::{
    Binding, Engine, KeyRing, ManualClock, MemoryStore, Mobile, RateLimits, Target, Timestamp,
};

pub(crate) struct Harness {
    pub(crate) engine: Engine,
    pub(crate) store: MemoryStore,
    pub(crate) bindings: Vec<Binding>,
    clock: Arc<ManualClock>,
}

impl Harness {
    pub(crate) fn new(rate_limits: RateLimits, slots: usize) -> Self {
        let clock = Arc::new(ManualClock::new(TODAY));
        let keys = KeyRing::builder().code("2026a", &[1; 32]).index(&[2; 32]);
        let engine = Engine::builder(keys.build().unwrap())
            .rate_limits(rate_limits)
            .clock(clock.clone());
        Self {
            engine: engine.build(),
            store: MemoryStore::new(),
            bindings: (0..slots).map(binding).collect(),
            clock,
        }
    }

    /// Issues a code for each binding; returns them in order.
    pub(crate) fn issue_all(&self) -> Vec<String> {
        let issue = |binding| {
            let issuance = self.engine.issue(&self.store, binding).unwrap();
            issuance.issued().unwrap().code.as_str().to_owned()
        };
        self.bindings.iter().map(issue).collect()
    }

    pub(crate) fn wait_a_day(&self) {
        self.clock.set(Timestamp::from_unix(TODAY.unix() + 86_400));
    }
}

const TODAY: Timestamp = Timestamp::from_unix(1_715_767_200);

fn binding(at: usize) -> Binding {
    // As long for every slot: a longer message may be one compression more.
    let (user, number) = (format!("{at:04}"), format!("6012345{at:04}"));
    Binding::builder()
        .tenant("acme")
        .purpose("sign")
        .target(Target {
            model: "loan.application",
            field: "client_schedule_esms_otp_signature_ids",
            id: &user,
        })
        .user(&user)
        .recipient(Mobile::parse(&number).unwrap())
        .build()
        .unwrap()
}
