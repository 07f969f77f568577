//! Users by tokens: signed by a key of the issuer, for this audience, and of this time.

use std::path::Path;
use std::sync::Once;

use axum::http::{HeaderMap, header};
use jsonwebtoken::crypto::{CryptoProvider, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::signature::{Error as Forged, Verifier};
use jsonwebtoken::{Algorithm, DecodingKey, DecodingKeyKind, Validation};
use ring::signature::{self, RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm};
use serde_json::{Map, Value};

use super::jwks::Keys;
use super::settings::Jwt;
use super::{TenantFrom, seconds, tenant, text, user};
use crate::directory::{NoUser, User};

/// The longest token that is read, in bytes.
const MAX_TOKEN: usize = 8 * 1024;
/// The longest name of a claim, issuer or audience, in bytes.
const MAX_NAME: usize = 512;

/// Tells users by their tokens.
pub(super) struct Tokens {
    algorithms: Vec<Algorithm>,
    keys: Keys,
    issuer: String,
    audience: String,
    user_claim: String,
    tenant: TenantFrom,
    name_claim: Option<String>,
    mobile_claim: Option<String>,
    leeway: i64,
}

impl Tokens {
    pub(super) fn new(settings: &Jwt, folder: &Path) -> Result<Self, String> {
        install_verifiers();
        for (key, value) in [
            ("jwt.issuer", Some(&settings.issuer)),
            ("jwt.audience", Some(&settings.audience)),
            ("jwt.jwks", Some(&settings.jwks)),
            ("jwt.user_claim", Some(&settings.user_claim)),
            ("jwt.name_claim", settings.name_claim.as_ref()),
            ("jwt.mobile_claim", settings.mobile_claim.as_ref()),
        ] {
            value.map_or(Ok(""), |value| text(key, value, MAX_NAME))?;
        }
        let algorithms: Option<Vec<_>> = settings.algorithms.iter().map(|it| known(it)).collect();
        let algorithms = algorithms.filter(|all| !all.is_empty());
        let algorithms = algorithms.ok_or_else(|| {
            format!(
                "has jwt.algorithms = {:?}; they must be some of EdDSA, ES256 and RS256",
                settings.algorithms
            )
        })?;
        let leeway = seconds("jwt.leeway", settings.leeway, 0..=300)?;
        let fixed = settings.tenant.as_deref();
        Ok(Self {
            keys: Keys::new(settings, &algorithms, folder)?,
            algorithms,
            issuer: settings.issuer.clone(),
            audience: settings.audience.clone(),
            user_claim: settings.user_claim.clone(),
            tenant: tenant("jwt", "claim", fixed, settings.tenant_claim.as_deref())?,
            name_claim: settings.name_claim.clone(),
            mobile_claim: settings.mobile_claim.clone(),
            leeway: i64::try_from(leeway.as_secs()).unwrap_or(0),
        })
    }

    /// Says whether the keys come from a URL.
    pub(super) const fn are_fetched(&self) -> bool {
        self.keys.are_fetched()
    }

    /// Returns whose token stands in the headers, at a time in Unix seconds.
    pub(super) fn user(&self, headers: &HeaderMap, now: i64) -> Result<User, NoUser> {
        let token = bearer(headers).ok_or(NoUser::LoggedOut("There is no bearer token"))?;
        let no = |words| Err(NoUser::LoggedOut(words));
        let Ok(header) = jsonwebtoken::decode_header(token) else {
            return no("The header of the token cannot be read, or its algorithm is not accepted");
        };
        if !self.algorithms.contains(&header.alg) {
            return no("The algorithm of the token is not accepted");
        }
        let Some(kid) = header.kid else {
            return no("The token does not name its key");
        };
        // The key decides on the algorithm: one of another kind is another key.
        let Some(key) = self.keys.find(&kid, header.alg, now)? else {
            return no("The key of the token is not known");
        };
        let claims = match self.claims(token, &key, header.alg) {
            Ok(claims) => claims,
            Err(words) => return no(words),
        };
        if let Err(words) = times(&claims, self.leeway, now) {
            return no(words);
        }
        let id = match claims.get(&self.user_claim) {
            Some(Value::Number(number)) if number.is_u64() => Some(number.to_string()),
            other => other.and_then(Value::as_str).map(Into::into),
        };
        let claim = |name: &String| claims.get(name).and_then(Value::as_str);
        let tenant = match &self.tenant {
            TenantFrom::All(tenant) => Some(&**tenant),
            TenantFrom::Named(name) => claim(name),
        };
        let name = self.name_claim.as_ref().and_then(claim);
        let mobile = self.mobile_claim.as_ref().and_then(claim);
        match user(id.as_deref(), tenant, name, mobile) {
            Some(user) => Ok(user),
            None => no("The token does not name a user and a tenant"),
        }
    }

    /// Returns the claims of a token of this issuer for this audience, whose signature is right.
    fn claims(
        &self,
        token: &str,
        key: &DecodingKey,
        algorithm: Algorithm,
    ) -> Result<Map<String, Value>, &'static str> {
        let mut validation = Validation::new(algorithm);
        validation.set_issuer(&[&self.issuer]);
        validation.set_audience(&[&self.audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud"]);
        validation.validate_exp = false; // by the service's clock: `times`
        let decoded = jsonwebtoken::decode(token, key, &validation);
        decoded.map(|token| token.claims).map_err(words)
    }
}

fn words(error: Error) -> &'static str {
    match error.kind() {
        ErrorKind::InvalidSignature => "The signature of the token is wrong",
        ErrorKind::InvalidIssuer => "The token is of another issuer",
        ErrorKind::InvalidAudience => "The token is for another audience",
        ErrorKind::MissingRequiredClaim(_) | ErrorKind::InvalidClaimFormat(_) => {
            "The token must have the claims exp, iss and aud"
        }
        _ => "The token cannot be read",
    }
}

/// Checks when a token is good for: from `nbf`, if it has one, until before `exp`.
fn times(claims: &Map<String, Value>, leeway: i64, now: i64) -> Result<(), &'static str> {
    // Whole seconds and fractions; what is out of range saturates.
    #[expect(clippy::cast_possible_truncation, reason = "`as` saturates")]
    let read = |value: &Value| {
        value
            .as_i64()
            .or_else(|| value.as_f64().map(|it| it as i64))
    };
    let until = claims.get("exp").and_then(read);
    let until = until.ok_or("The token must have the claims exp, iss and aud")?;
    if now >= until.saturating_add(leeway) {
        return Err("The token has expired");
    }
    if let Some(from) = claims.get("nbf") {
        let from = read(from).ok_or("The claim nbf of the token is no time")?;
        if now.saturating_add(leeway) < from {
            return Err("The token is not valid yet");
        }
    }
    Ok(())
}

/// Returns the token of the one `Authorization` header.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return None;
    };
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    let token = token.trim();
    let is_token = scheme.eq_ignore_ascii_case("bearer") && (1..=MAX_TOKEN).contains(&token.len());
    is_token.then_some(token)
}

/// Returns an algorithm that can be allowed: none whose key is a shared secret.
fn known(name: &str) -> Option<Algorithm> {
    match name {
        "EdDSA" => Some(Algorithm::EdDSA),
        "ES256" => Some(Algorithm::ES256),
        "RS256" => Some(Algorithm::RS256),
        _ => None,
    }
}

/// Lets tokens be verified by ring, which TLS draws in as well; one that the program has installed
/// before stays.
fn install_verifiers() {
    static PROVIDER: CryptoProvider = CryptoProvider {
        signer_factory: |_, _| Err(ErrorKind::UnsupportedAlgorithm.into()),
        verifier_factory: verifier,
        key_utils: KeyUtils::new_unimplemented(),
    };
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let _ = PROVIDER.install_default();
    });
}

fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>, Error> {
    if algorithm.family() != key.family() {
        return Err(ErrorKind::InvalidAlgorithm.into());
    }
    Ok(Box::new(match (algorithm, key.kind()) {
        (Algorithm::EdDSA, DecodingKeyKind::SecretOrDer(point)) => {
            ByKey::point(*algorithm, &signature::ED25519, point)
        }
        (Algorithm::ES256, DecodingKeyKind::SecretOrDer(point)) => {
            ByKey::point(*algorithm, &signature::ECDSA_P256_SHA256_FIXED, point)
        }
        (Algorithm::RS256, DecodingKeyKind::RsaModulusExponent { n, e }) => ByKey {
            algorithm: *algorithm,
            key: PublicKey::Rsa(RsaPublicKeyComponents {
                n: n.clone(),
                e: e.clone(),
            }),
        },
        _ => return Err(ErrorKind::UnsupportedAlgorithm.into()),
    }))
}

/// A public key and the algorithm that it is for.
struct ByKey {
    algorithm: Algorithm,
    key: PublicKey,
}

enum PublicKey {
    Point(UnparsedPublicKey<Vec<u8>>),
    Rsa(RsaPublicKeyComponents<Vec<u8>>),
}

impl ByKey {
    fn point(algorithm: Algorithm, how: &'static dyn VerificationAlgorithm, point: &[u8]) -> Self {
        Self {
            algorithm,
            key: PublicKey::Point(UnparsedPublicKey::new(how, point.into())),
        }
    }
}

impl JwtVerifier for ByKey {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

impl Verifier<Vec<u8>> for ByKey {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), Forged> {
        let judged = match &self.key {
            PublicKey::Point(key) => key.verify(message, signature),
            // From 2048 bits on.
            PublicKey::Rsa(key) => {
                key.verify(&signature::RSA_PKCS1_2048_8192_SHA256, message, signature)
            }
        };
        judged.map_err(|_| Forged::new())
    }
}
