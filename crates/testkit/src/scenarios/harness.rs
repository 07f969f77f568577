//! The engine that all processes of a trial have, and what its codes are for.

use core::cell::{Cell, RefCell};
use core::time::Duration;

use otp_engine::{
    Binding, Engine, KeyRing, ManualClock, Mobile, RateLimits, Store, Submission, Target, Timestamp,
};

/// Makes an engine with keys that are no secret.
#[must_use]
pub fn engine() -> Engine {
    let keys = KeyRing::builder().code("2026a", &[1; 32]).index(&[2; 32]);
    Engine::builder(keys.build().unwrap())
        .rate_limits(rate_limits())
        .build()
}

/// The default rate limits, with a lock that ends by itself: what a store that expires asks for.
pub(super) fn rate_limits() -> RateLimits {
    let days_400 = Duration::from_secs(400 * 86_400);
    let rate_limits = RateLimits::builder().lock_ends_after(days_400);
    rate_limits.build().unwrap()
}

/// Makes an engine for which it stays this instant: codes do not expire however long a trial takes.
#[must_use]
pub fn engine_at(now: Timestamp) -> Engine {
    let keys = KeyRing::builder().code("2026a", &[1; 32]).index(&[2; 32]);
    let builder = Engine::builder(keys.build().unwrap()).rate_limits(rate_limits());
    builder.clock(ManualClock::new(now)).build()
}

/// What went wrong at a harness.
pub type DeskError = Box<dyn core::error::Error>;

/// Issues a code or judges one, as the words of a command line ask, and returns what to print:
/// `ADDRESS issue NUMBER` gives a code, `ADDRESS verify NUMBER CODE` whether it was accepted.
///
/// # Errors
///
/// How the words must be, or why there is no answer.
pub fn at_desk<S: Store>(
    words: impl IntoIterator<Item = String>,
    open: impl FnOnce(&str) -> Result<S, DeskError>,
) -> Result<String, DeskError> {
    let words: Vec<_> = words.into_iter().collect();
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    match words[..] {
        [address, "issue", number] => {
            let answer = engine().issue(&open(address)?, &binding(number.parse()?))?;
            let issued = answer.issued().ok_or("refused")?;
            Ok(issued.code.as_str().to_owned())
        }
        [address, "verify", number, entered] => {
            let binding = binding(number.parse()?);
            let verdict = engine().verify(&open(address)?, Submission::new(&binding, entered))?;
            Ok(["rejected", "accepted"][usize::from(verdict.is_accepted())].to_owned())
        }
        _ => Err("usage: ADDRESS issue NUMBER, or ADDRESS verify NUMBER CODE".into()),
    }
}

/// Returns what the code with this number is for.
///
/// Each code has a user and a recipient of its own: shared ones would be locked by the failures.
#[must_use]
pub fn binding(slot: u32) -> Binding {
    Binding::builder()
        .tenant("acme")
        .purpose("sign")
        .target(Target {
            model: "loan.application",
            field: "client_signature",
            id: &slot.to_string(),
        })
        .user(&format!("user-{slot}"))
        .recipient(Mobile::parse(&format!("6012345{slot:04}")).unwrap())
        .build()
        .unwrap()
}

/// Codes that are out, to be guessed wrong: each guess is one load and one commit of three cells.
#[derive(Debug, Default)]
pub struct Guesses {
    next: Cell<u32>,
    open: RefCell<Vec<(Binding, String)>>,
}

impl Guesses {
    /// Makes codes with other numbers than those of others on the same store.
    #[must_use]
    pub fn starting_at(number: u32) -> Self {
        let guesses = Self::default();
        guesses.next.set(number);
        guesses
    }

    /// Issues some codes more; of earlier ones nobody guesses any more.
    pub fn prepare(&self, engine: &Engine, store: &dyn Store) {
        let issue = |_| {
            let binding = binding(self.next.replace(self.next.get() + 1));
            let issued = engine.issue(store, &binding).unwrap().issued().unwrap();
            let wrong = if issued.code.as_str() == "000000" {
                "000001"
            } else {
                "000000"
            };
            (binding, wrong.to_owned())
        };
        *self.open.borrow_mut() = (0..5).map(issue).collect();
    }

    /// Guesses at each code so often that it stays open; says how many guesses that were.
    pub fn run(&self, engine: &Engine, store: &dyn Store) -> u32 {
        let mut guesses = 0;
        for _ in 0..4 {
            for (binding, wrong) in &*self.open.borrow() {
                let verdict = engine.verify(store, Submission::new(binding, wrong));
                assert!(!verdict.unwrap().is_accepted());
                guesses += 1;
            }
        }
        guesses
    }
}
