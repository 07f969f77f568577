//! The file of `--users` as it is written.

use std::path::Path;

use serde::Deserialize;

#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    pub(super) jwt: Option<Jwt>,
    pub(super) proxy: Option<Proxy>,
    pub(super) callback: Callback,
    #[serde(default)]
    pub(super) message: Message,
}

/// Users by tokens of an issuer.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub(super) struct Jwt {
    pub(super) issuer: String,
    pub(super) audience: String,
    pub(super) jwks: String,
    #[serde(default = "algorithms")]
    pub(super) algorithms: Vec<String>,
    #[serde(default = "subject")]
    pub(super) user_claim: String,
    pub(super) tenant: Option<String>,
    pub(super) tenant_claim: Option<String>,
    pub(super) name_claim: Option<String>,
    pub(super) mobile_claim: Option<String>,
    #[serde(default = "seconds::<30>")]
    pub(super) leeway: u64,
    #[serde(default = "seconds::<300>")]
    pub(super) cache: u64,
    #[serde(default = "seconds::<3600>")]
    pub(super) stale: u64,
    #[serde(default = "seconds::<5>")]
    pub(super) timeout: u64,
}

/// Users by the headers of a proxy.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub(super) struct Proxy {
    pub(super) addresses: Vec<String>,
    pub(super) user_header: String,
    pub(super) tenant: Option<String>,
    pub(super) tenant_header: Option<String>,
    pub(super) name_header: Option<String>,
    pub(super) mobile_header: Option<String>,
}

/// Who knows what may be signed.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub(super) struct Callback {
    pub(super) url: String,
    pub(super) token_file: Option<String>,
    #[serde(default = "seconds::<5>")]
    pub(super) timeout: u64,
}

/// What messages say unless the callback says otherwise.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Message {
    pub(super) text: String,
    pub(super) prefix: String,
}

impl Default for Message {
    fn default() -> Self {
        Self {
            text: "Your code is #otp#, valid for #duration# minutes. Tell it to nobody.".into(),
            prefix: String::new(),
        }
    }
}

fn algorithms() -> Vec<String> {
    ["EdDSA", "ES256", "RS256"].map(Into::into).into()
}

fn subject() -> String {
    "sub".into()
}

const fn seconds<const N: u64>() -> u64 {
    N
}

/// Reads the file; the error goes after its name.
pub(super) fn read(path: &Path) -> Result<Settings, String> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| format!("cannot be read: {}", error.kind()))?;
    // No secret stands in this file: the error may quote the line.
    toml::from_str(&text).map_err(|error| format!("is not as it must be: {error}"))
}
