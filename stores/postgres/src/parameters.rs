//! What a connection string says of TLS: the words of libpq that `tokio_postgres` does not know.

use core::{mem, ops::Range};

use percent_encoding::percent_decode_str;
use tokio_postgres::{
    Config,
    config::{SslMode, SslNegotiation},
};

use crate::error::{OpenError, Reason};

/// The files of TLS that a connection string names.
#[derive(Debug, Default, Eq, PartialEq)]
pub(crate) struct Files {
    /// `system`, or none, for the roots of the system.
    pub(crate) roots: Option<String>,
    pub(crate) certificate: Option<String>,
    pub(crate) key: Option<String>,
}

/// Reads a connection string; the files are those of TLS, `None` where there is to be none.
///
/// Plain text needs `sslmode=disable`, or no word of TLS at all: what is asked for is done, or refused.
pub(crate) fn parse(parameters: &str, has_tls: bool) -> Result<(Config, Option<Files>), OpenError> {
    let mut said = Said::default();
    let rest = match query(parameters) {
        Some(start) => {
            let mut rest = parameters[..start].to_owned();
            let left = |each: &&str| !each.is_empty() && !said.takes_coded(each);
            for each in parameters[start..].split('&').filter(left) {
                rest.push_str(if rest.ends_with('?') { "" } else { "&" });
                rest.push_str(each);
            }
            rest
        }
        None => said.takes_from(parameters).ok_or(Reason::Unreadable)?,
    };
    let mut config: Config = rest.parse().map_err(Reason::Parameters)?;
    // Whatever way it was written in, `tokio_postgres` found one that was not taken out.
    if config.get_ssl_mode() != SslMode::Prefer {
        return Err(Reason::SslMode.into());
    }
    let is_direct = config.get_ssl_negotiation() == SslNegotiation::Direct;
    let mode = match said.mode.as_deref() {
        Some("disable") => SslMode::Disable,
        None if said.files == Files::default() && !is_direct => SslMode::Disable,
        _ if !has_tls => return Err(Reason::WithoutTls.into()),
        Some("verify-full") => SslMode::Require,
        _ => return Err(Reason::SslMode.into()),
    };
    config.ssl_mode(mode);
    Ok((config, (mode == SslMode::Require).then_some(said.files)))
}

/// What was found; of two that say the same thing the last one counts, as in libpq.
#[derive(Default)]
struct Said {
    mode: Option<String>,
    files: Files,
}

impl Said {
    /// Takes a parameter, if it is one of these.
    fn takes(&mut self, name: &str, value: &mut String) -> bool {
        let place = match name {
            "sslmode" => &mut self.mode,
            "sslrootcert" => &mut self.files.roots,
            "sslcert" => &mut self.files.certificate,
            "sslkey" => &mut self.files.key,
            _ => return false,
        };
        *place = Some(mem::take(value));
        true
    }

    /// Takes a parameter of an address; one that is not text is left to `tokio_postgres`.
    fn takes_coded(&mut self, parameter: &str) -> bool {
        let decoded = |text| percent_decode_str(text).decode_utf8().ok();
        let both = parameter.split_once('=');
        let both = both.and_then(|(name, value)| Some((decoded(name)?, decoded(value)?)));
        both.is_some_and(|(name, value)| self.takes(&name, &mut value.into_owned()))
    }

    /// Takes from a list of parameters; returns the others as they were written, unless the list
    /// cannot be read to its end: `tokio_postgres` would leave the rest out.
    fn takes_from(&mut self, list: &str) -> Option<String> {
        let (mut rest, mut left, mut from) = (String::new(), 0, 0);
        while let Some((place, name, mut value)) = next(list, from) {
            from = place.end;
            if self.takes(name, &mut value) {
                rest.push_str(&list[left..place.start]);
                left = place.end;
            }
        }
        list[from..].trim().is_empty().then(|| rest + &list[left..])
    }
}

/// Finds where the parameters of an address begin; `None` where it is a list.
fn query(parameters: &str) -> Option<usize> {
    let mut prefixes = ["postgres://", "postgresql://"].iter();
    let start = prefixes
        .find(|prefix| parameters.starts_with(**prefix))?
        .len();
    let host = start + parameters[start..].find('@').unwrap_or(0); // a password may hold a `?`
    let end = parameters[host..].find('?');
    Some(end.map_or(parameters.len(), |end| host + end + 1))
}

/// Finds the next `name = value` of a list: where it stands, and what it says.
fn next(list: &str, from: usize) -> Option<(Range<usize>, &str, String)> {
    let found = list[from..].trim_start();
    let start = list.len() - found.len();
    let name = &found[..found.find(|c: char| c == '=' || c.is_whitespace())?];
    let text = found[name.len()..]
        .trim_start()
        .strip_prefix('=')?
        .trim_start();
    let is_quoted = text.starts_with('\'');
    let mut value = String::new();
    let mut letters = text.char_indices().skip(usize::from(is_quoted));
    let length = loop {
        match letters.next() {
            None if is_quoted => return None,
            None => break text.len(),
            Some((at, '\'')) if is_quoted => break at + 1,
            Some((at, letter)) if !is_quoted && letter.is_whitespace() => break at,
            Some((_, '\\')) => value.extend(letters.next().map(|(_, letter)| letter)),
            Some((_, letter)) => value.push(letter),
        }
    };
    let end = list.len() - text.len() + length;
    (!name.is_empty()).then_some((start..end, name, value))
}

#[cfg(test)]
mod tests;
