//! Where a client wants to go on after a code: kept from Send to Verify, beside the engine's cells.

use core::time::Duration;

use otp_engine::store::{Error, Key, Kind, Version, Write};
use otp_engine::{ChallengeId, ContentDigest, Store, Timestamp};

/// As long as the engine keeps a challenge after its end.
const KEPT: Duration = Duration::from_secs(24 * 60 * 60);

/// Keeps the path for a challenge; the newest counts.
pub(crate) fn keep(
    store: &dyn Store,
    challenge: ChallengeId,
    path: &str,
    expires_at: Timestamp,
    now: Timestamp,
) -> Result<(), Error> {
    let key = key(challenge);
    let mut cells = Vec::new();
    store.load(&[key], &mut cells)?;
    let known = cells.pop().flatten();
    let write = Write {
        key,
        kind: Kind::Slot, // of the kinds that end, the one that ends with a challenge
        expected: known.map_or(Version::ABSENT, |cell| cell.version()),
        discard_after: Some(expires_at.saturating_add(KEPT)),
        body: path.as_bytes(),
    };
    // Whoever was first asked for the same code: either path is one that its user wants.
    store.commit(&[write], now).map(drop)
}

/// Returns the path for a challenge, if there is one.
pub(crate) fn find(store: &dyn Store, challenge: ChallengeId) -> Result<Option<String>, Error> {
    let mut cells = Vec::new();
    store.load(&[key(challenge)], &mut cells)?;
    let body = cells.pop().flatten().map(|cell| cell.body().to_vec());
    Ok(body.and_then(|body| String::from_utf8(body).ok()))
}

/// The engine's own keys are 256 bits of a keyed hash: these equal none of them.
fn key(challenge: ChallengeId) -> Key {
    let name = ["otp-engine-reference redirect", &challenge.to_string()];
    Key::from_bytes(*ContentDigest::of_fields(&name).as_bytes())
}
