//! The keys of an issuer: from a file or a URL, kept for a while, loaded anew for a key that is not
//! known.

use core::time::Duration;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::Value;
use ureq::Agent;

use super::settings::Jwt;
use super::{said, seconds};
use crate::directory::{Fault, Outage};
use crate::{json, outgoing};

/// The largest set that is read, in bytes.
const MAX_SET: u64 = 256 * 1024;
/// The most keys of a set.
const MAX_KEYS: usize = 100;
/// How long after a load a key that is not known starts another one, in seconds.
const UNKNOWN: u64 = 60;
/// How long after a load that failed another one is tried, in seconds.
const RETRY: u64 = 5;

/// The keys, and where they come from.
pub(super) struct Keys {
    source: Source,
    algorithms: Vec<Algorithm>,
    /// Keys older than this are loaded anew.
    cache: u64,
    /// Keys older than this are not used.
    stale: u64,
    state: Mutex<State>,
    /// Held by whoever loads.
    loading: Mutex<()>,
}

enum Source {
    File(PathBuf),
    Url(Agent, String),
}

#[derive(Clone, Default)]
struct State {
    /// The keys, and when they were loaded, in Unix seconds.
    set: Option<(Arc<Set>, i64)>,
    tried_at: Option<i64>,
}

type Set = Vec<Key>;

struct Key {
    kid: String,
    algorithm: Algorithm,
    key: DecodingKey,
}

#[derive(Deserialize)]
struct Written {
    keys: Vec<Value>,
}

impl Keys {
    pub(super) fn new(
        settings: &Jwt,
        algorithms: &[Algorithm],
        folder: &Path,
    ) -> Result<Self, String> {
        let cache = seconds("jwt.cache", settings.cache, 10..=86_400)?.as_secs();
        let stale = seconds("jwt.stale", settings.stale, 10..=604_800)?.as_secs();
        if stale < cache {
            return Err(format!(
                "has jwt.stale = {stale}; it must be at least jwt.cache, which is {cache}"
            ));
        }
        let timeout = seconds("jwt.timeout", settings.timeout, 1..=30)?;
        let keys = Self {
            source: Source::new(&settings.jwks, folder, timeout)?,
            algorithms: algorithms.into(),
            cache,
            stale,
            state: Mutex::default(),
            loading: Mutex::new(()),
        };
        if !keys.are_fetched() {
            let fails = |why| format!("has jwt.jwks = {:?}, which {why}", settings.jwks);
            keys.load().map_err(fails)?;
        }
        Ok(keys)
    }

    pub(super) const fn are_fetched(&self) -> bool {
        matches!(self.source, Source::Url(..))
    }

    /// Returns a key by its id; `now` is in Unix seconds.
    ///
    /// # Errors
    ///
    /// The [`Outage`] where no keys are here that may be used.
    pub(super) fn find(
        &self,
        kid: &str,
        algorithm: Algorithm,
        now: i64,
    ) -> Result<Option<DecodingKey>, Fault> {
        let state = self.state().clone();
        if !self.is_due(&state, kid, algorithm, now) {
            return self.answer(&state, kid, algorithm, now);
        }
        // Whoever has a key goes on with it while somebody else loads.
        let alone = if self.has(&state, kid, algorithm, now) {
            let Ok(alone) = self.loading.try_lock() else {
                return self.answer(&state, kid, algorithm, now);
            };
            alone
        } else {
            self.loading.lock().unwrap_or_else(PoisonError::into_inner)
        };
        let mut state = self.state().clone();
        if self.is_due(&state, kid, algorithm, now) {
            state.tried_at = Some(now);
            match self.load() {
                Ok(set) => state.set = Some((Arc::new(set), now)),
                Err(error) => tracing::warn!(error, "the keys of the issuer were not loaded"),
            }
            *self.state() = state.clone();
        }
        drop(alone);
        self.answer(&state, kid, algorithm, now)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_due(&self, state: &State, kid: &str, algorithm: Algorithm, now: i64) -> bool {
        let rest = if !self.is_usable(state, now) {
            RETRY
        } else if !self.has(state, kid, algorithm, now) {
            UNKNOWN
        } else if age(state, now) > self.cache {
            RETRY
        } else {
            return false;
        };
        state.tried_at.is_none_or(|at| now.abs_diff(at) >= rest)
    }

    fn is_usable(&self, state: &State, now: i64) -> bool {
        age(state, now) <= self.stale
    }

    fn has(&self, state: &State, kid: &str, algorithm: Algorithm, now: i64) -> bool {
        self.is_usable(state, now) && find(state, kid, algorithm).is_some()
    }

    fn answer(
        &self,
        state: &State,
        kid: &str,
        algorithm: Algorithm,
        now: i64,
    ) -> Result<Option<DecodingKey>, Fault> {
        if !self.is_usable(state, now) {
            let why = "there are no keys of the issuer, or they are older than jwt.stale";
            return Err(Outage::Unavailable(why.into()).into());
        }
        Ok(find(state, kid, algorithm).cloned())
    }

    fn load(&self) -> Result<Set, String> {
        let text = match &self.source {
            Source::File(path) => std::fs::read_to_string(path)
                .map_err(|error| format!("cannot be read: {}", error.kind()))?,
            Source::Url(agent, url) => fetch(agent, url)?,
        };
        self.read(&text)
    }

    /// Reads a set: of its keys, those that can verify a token by an algorithm that is allowed.
    fn read(&self, text: &str) -> Result<Set, String> {
        let read = serde_json::from_str(text).ok();
        let read = read.filter(|_| json::is_object(text.as_bytes()));
        let Written { keys } = read.ok_or("is no JWK set in JSON")?;
        if keys.len() > MAX_KEYS {
            return Err(format!(
                "holds {} keys; they must be at most {MAX_KEYS}",
                keys.len()
            ));
        }
        let mut set = Set::new();
        let usable = keys.into_iter().filter_map(usable);
        for key in usable.filter(|key| self.algorithms.contains(&key.algorithm)) {
            let is_twice = |known: &Key| known.kid == key.kid && known.algorithm == key.algorithm;
            if set.iter().any(is_twice) {
                return Err("holds a key id twice".into());
            }
            set.push(key);
        }
        if set.is_empty() {
            return Err("holds no key with an id for an algorithm that is allowed".into());
        }
        Ok(set)
    }
}

impl Source {
    fn new(jwks: &str, folder: &Path, timeout: Duration) -> Result<Self, String> {
        if !jwks.contains("://") {
            return Ok(Self::File(folder.join(jwks)));
        }
        let agent = outgoing::agent(jwks, timeout);
        let agent = agent.map_err(|error| {
            format!("has jwt.jwks = {jwks:?}; it must be the name of a file, or it {error}")
        })?;
        Ok(Self::Url(agent, jwks.into()))
    }
}

fn age(state: &State, now: i64) -> u64 {
    // A clock that went back makes keys old, too: nobody knows how old they are.
    let loaded = state.set.as_ref().map(|(_, at)| now.abs_diff(*at));
    loaded.unwrap_or(u64::MAX)
}

fn find<'a>(state: &'a State, kid: &str, algorithm: Algorithm) -> Option<&'a DecodingKey> {
    let (set, _) = state.set.as_ref()?;
    let found = set
        .iter()
        .find(|key| key.kid == kid && key.algorithm == algorithm);
    found.map(|found| &found.key)
}

fn fetch(agent: &Agent, url: &str) -> Result<String, String> {
    let mut answer = agent.get(url).call().map_err(|error| said(&error))?;
    if answer.status() != 200 {
        return Err(format!("answers with HTTP status {}", answer.status()));
    }
    let body = answer.body_mut().with_config().limit(MAX_SET);
    body.read_to_string().map_err(|error| said(&error))
}

/// Returns a key if it is one to verify tokens with. Its type decides on the algorithm.
fn usable(key: Value) -> Option<Key> {
    let key: Jwk = serde_json::from_value(key).ok()?;
    let (algorithm, point) = match &key.algorithm {
        AlgorithmParameters::OctetKeyPair(it) if it.curve == EllipticCurve::Ed25519 => {
            (Algorithm::EdDSA, Some(32))
        }
        AlgorithmParameters::EllipticCurve(it) if it.curve == EllipticCurve::P256 => {
            (Algorithm::ES256, Some(65))
        }
        AlgorithmParameters::RSA(_) => (Algorithm::RS256, None),
        _ => return None,
    };
    let common = key.common.clone();
    let is_to_sign = matches!(common.public_key_use, None | Some(PublicKeyUse::Signature));
    let said = common.key_algorithm.map(|said| said.to_string());
    let agrees = said.is_none_or(|said| said == format!("{algorithm:?}"));
    let kid = common.key_id.filter(|kid| !kid.is_empty())?;
    let decoded = DecodingKey::from_jwk(&key).ok()?;
    let fits = point.is_none_or(|length| {
        decoded
            .try_get_as_bytes()
            .is_ok_and(|bytes| bytes.len() == length)
    });
    (is_to_sign && agrees && fits).then_some(Key {
        kid,
        algorithm,
        key: decoded,
    })
}
