//! Requests that the service makes: over TLS or to this machine, bounded in time, without redirects.

use core::fmt;
use core::time::Duration;

use ureq::http::Uri;
use ureq::{Agent, Proxy};

/// Makes a client for one URL; `timeout` bounds each call as a whole.
pub(crate) fn agent(url: &str, timeout: Duration) -> Result<Agent, NotSecure> {
    let place: Uri = url.parse().map_err(|_| NotSecure)?;
    let host = place.host().ok_or(NotSecure)?;
    let is_local = ["127.0.0.1", "localhost", "[::1]"].contains(&host);
    if place.scheme_str() != Some("https") && !(place.scheme_str() == Some("http") && is_local) {
        return Err(NotSecure);
    }
    let proxy = if is_local {
        None
    } else {
        Proxy::try_from_env()
    };
    Ok(Agent::config_builder()
        .timeout_global(Some(timeout))
        .http_status_as_error(false)
        .max_redirects(0) // they would carry secrets on to another host
        .max_redirects_will_error(false)
        .proxy(proxy)
        .max_idle_connections(0) // one that the other side has closed would swallow a message
        .user_agent("otp-engine-reference")
        .build()
        .new_agent())
}

/// The URL would show secrets to the network.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct NotSecure;

impl fmt::Display for NotSecure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("must be a url that begins with https://, or with http:// on this machine")
    }
}

impl core::error::Error for NotSecure {}
