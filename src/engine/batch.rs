//! Many operations in one call: each is one of its own, and what they share is paid for once.

use arrayvec::ArrayVec;

use super::Engine;
use crate::binding::BindingRef;
use crate::operation::Operation;
use crate::store::{Key, MAX_CELLS, Store};
use crate::{Error, Issuance, Submission, Verdict};

impl Engine {
    /// Issues a code for each of `bindings`: [`issue`](Self::issue), with one draw of randomness for 256 of them.
    ///
    /// `answered` gets the place among `bindings` and the answer of each, in order, as soon as it is committed: a
    /// failure of one undoes no other.
    ///
    /// ```
    /// # use otp_engine::{Binding, Engine, KeyRing, MemoryStore, Mobile, Target};
    /// # let keys = KeyRing::builder().code("a", &[1; 32]).index(&[2; 32]).build()?;
    /// # let (engine, store) = (Engine::new(keys), MemoryStore::new());
    /// # let binding = |user: &str, number| Binding::builder().tenant("acme").purpose("sign").user(user)
    /// #     .target(Target { model: "m", field: "f", id: "1" })
    /// #     .recipient(Mobile::parse(number).unwrap()).build();
    /// let (siti, ali) = (binding("7", "60123456789")?, binding("8", "60123456788")?);
    /// let mut sent = 0;
    /// engine.issue_many(&store, &[(&siti).into(), (&ali).into()], |_, issuance| {
    ///     if let Some(issued) = issuance.ok().and_then(|issuance| issuance.issued()) {
    ///         // ... send `issued.code` to `issued.recipient`
    ///         sent += 1;
    ///     }
    /// });
    /// assert_eq!(sent, 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn issue_many(
        &self,
        store: &dyn Store,
        bindings: &[BindingRef<'_>],
        mut answered: impl FnMut(usize, Result<Issuance, Error>),
    ) {
        let class = store.class();
        for (first, bindings) in (0..).step_by(DRAWN).zip(bindings.chunks(DRAWN)) {
            let mut ids = [[0; 16]; DRAWN];
            let ids = &mut ids[..bindings.len()];
            // Where it fails, each draws for itself: the one that fails says so.
            let drawn = self.draw(ids.as_flattened_mut()).is_ok();
            let issues = bindings.iter().zip(ids).map(|(binding, id)| {
                if drawn {
                    self.issuing_as(class, *binding, *id)
                } else {
                    self.issuing(class, *binding)
                }
            });
            self.in_groups(
                store,
                issues,
                |issue| issue.as_ref().ok(),
                |at, issue| {
                    let issuance = issue.and_then(|issue| self.repeat(store, &issue));
                    answered(first + at, issuance);
                },
            );
        }
    }

    /// Judges each of `submissions`: [`verify`](Self::verify).
    ///
    /// `answered` gets the place among `submissions` and the answer of each, in order, as soon as it is committed: a
    /// failure of one undoes no other. Two submissions for one slot are two attempts.
    ///
    /// ```
    /// # use otp_engine::{Binding, Engine, KeyRing, MemoryStore, Mobile, Submission, Target};
    /// # let keys = KeyRing::builder().code("a", &[1; 32]).index(&[2; 32]).build()?;
    /// # let (engine, store) = (Engine::new(keys), MemoryStore::new());
    /// # let binding = Binding::builder().tenant("acme").purpose("sign").user("7")
    /// #     .target(Target { model: "m", field: "f", id: "1" })
    /// #     .recipient(Mobile::parse("60123456789")?).build()?;
    /// let issued = engine.issue(&store, &binding)?.issued().expect("the first send is within all rate limits");
    /// let submissions = [Submission::new(&binding, issued.code.as_str()); 2];
    /// let mut accepted = Vec::new();
    /// engine.verify_many(&store, &submissions, |at, verdict| {
    ///     if verdict.is_ok_and(|verdict| verdict.is_accepted()) {
    ///         accepted.push(at);
    ///     }
    /// });
    /// assert_eq!(accepted, [0]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn verify_many(
        &self,
        store: &dyn Store,
        submissions: &[Submission<'_>],
        mut answered: impl FnMut(usize, Result<Verdict, Error>),
    ) {
        let class = store.class();
        let verifies = submissions
            .iter()
            .map(|submission| self.verifying(class, *submission));
        self.in_groups(
            store,
            verifies,
            |verify| verify.as_ref().ok()?.as_ref().ok(),
            |at, verify| {
                let verdict = verify.and_then(|verify| match verify {
                    Ok(verify) => self.repeat(store, &verify),
                    Err(fault) => self.reject_evidence(submissions[at].binding.binding(), fault),
                });
                answered(at, verdict);
            },
        );
    }

    /// Makes operations as many at a time as have [`MAX_CELLS`] cells, and tells the store of all their keys before
    /// the first is decided: where cells lie in memory, the searches for them then wait for each other's no more.
    fn in_groups<T, O: Operation>(
        &self,
        store: &dyn Store,
        made: impl Iterator<Item = T>,
        operation: impl Fn(&T) -> Option<&O>,
        mut done: impl FnMut(usize, T),
    ) {
        let mut made = made.enumerate().peekable();
        while made.peek().is_some() {
            let mut group = ArrayVec::<_, MAX_CELLS>::new();
            let mut keys = ArrayVec::<Key, MAX_CELLS>::new();
            for (at, item) in made.by_ref() {
                let next = operation(&item).map_or(&[][..], O::keys);
                let fits = keys.try_extend_from_slice(next).is_ok();
                // Of the last one of a group the keys may be left out: it is a hint.
                group.push((at, item));
                if !fits || group.is_full() || keys.is_full() {
                    break;
                }
            }
            store.prefetch(&keys);
            for (at, item) in group {
                done(at, item);
            }
        }
    }
}

/// For how many issues randomness is drawn at once: 4 KiB, on the stack.
const DRAWN: usize = 256;
