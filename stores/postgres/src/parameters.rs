//! What a connection string says of TLS: the words of libpq that `tokio_postgres` does not know.

use core::{mem, ops::Range};

use percent_encoding::percent_decode_str;
use tokio_postgres::{
    Config,
    config::{ChannelBinding, Host, SslMode, SslNegotiation},
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
    let rest = match query(parameters)? {
        Some(start) => {
            let mut rest = parameters[..start].to_owned();
            for each in parameters[start..].split('&') {
                if !each.is_empty() && !said.takes_coded(each)? {
                    rest.push_str(if rest.len() == start { "" } else { "&" });
                    rest.push_str(each);
                }
            }
            rest
        }
        None => said.takes_from(parameters).ok_or(Reason::Unreadable)?,
    };
    let mut config: Config = rest.parse().map_err(Reason::Parameters)?;
    // Whatever way it was written in, `tokio_postgres` found one that was not taken out, or took it for a part of
    // something else.
    if config.get_ssl_mode() != SslMode::Prefer || is_hidden(&config) {
        return Err(Reason::SslMode.into());
    }
    let is_tls_meant = said.files != Files::default()
        || config.get_ssl_negotiation() == SslNegotiation::Direct
        || config.get_channel_binding() == ChannelBinding::Require;
    let mode = match said.mode.as_deref() {
        Some("disable") => SslMode::Disable,
        None if !is_tls_meant => SslMode::Disable,
        _ if !has_tls => return Err(Reason::WithoutTls.into()),
        Some("verify-full") => SslMode::Require,
        _ => return Err(Reason::SslMode.into()),
    };
    config.ssl_mode(mode);
    Ok((config, (mode == SslMode::Require).then_some(said.files)))
}

const MODE: &str = "sslmode";
const FILES: [&str; 3] = ["sslrootcert", "sslcert", "sslkey"];

/// Says whether the mode stands in a name, as after a comma in `host=db,sslmode=verify-full`.
fn is_hidden(config: &Config) -> bool {
    let names = [
        config.get_user(),
        config.get_dbname(),
        config.get_application_name(),
    ];
    let hosts = config.get_hosts().iter().filter_map(|host| match host {
        Host::Tcp(name) => Some(name.as_str()),
        Host::Unix(path) => path.to_str(),
    });
    let mut names = names.into_iter().flatten().chain(hosts);
    names.any(|name| name.to_ascii_lowercase().contains(MODE))
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
            MODE => &mut self.mode,
            "sslrootcert" => &mut self.files.roots,
            "sslcert" => &mut self.files.certificate,
            "sslkey" => &mut self.files.key,
            _ => return false,
        };
        *place = Some(mem::take(value));
        true
    }

    /// Takes a parameter of an address; one that is not text is left to `tokio_postgres`. A second `=` would be that of
    /// another parameter, such as a password, which no error may tell as the name of a file.
    fn takes_coded(&mut self, parameter: &str) -> Result<bool, OpenError> {
        let decoded = |text| percent_decode_str(text).decode_utf8().ok();
        let Some((name, written)) = parameter.split_once('=') else {
            return Ok(false);
        };
        let (Some(name), Some(value)) = (decoded(name), decoded(written)) else {
            return Ok(false);
        };
        let is_taken = self.takes(&name, &mut value.into_owned());
        if is_taken && written.contains('=') {
            return Err(Reason::Unreadable.into());
        }
        Ok(is_taken)
    }

    /// Takes from a list of parameters; returns the others as they were written, unless the list
    /// cannot be read to its end: `tokio_postgres` would leave the rest out.
    fn takes_from(&mut self, list: &str) -> Option<String> {
        let (mut rest, mut left, mut from) = (String::new(), 0, 0);
        while let Some((place, name, mut value)) = next(list, from) {
            from = place.end;
            // As in an address; here the value was forgotten, and what follows would be told.
            let is_quoted = list[place.clone()].ends_with('\'');
            if FILES.contains(&name) && value.contains('=') && !is_quoted {
                return None;
            }
            if self.takes(name, &mut value) {
                rest.push_str(&list[left..place.start]);
                left = place.end;
            }
        }
        list[from..].trim().is_empty().then(|| rest + &list[left..])
    }
}

/// Finds where the parameters of an address begin; `None` where it is a list. An address of which `tokio_postgres`
/// would read parameters as a user and a password, since one of them holds an `@`, is refused.
fn query(parameters: &str) -> Result<Option<usize>, OpenError> {
    let mut prefixes = ["postgres://", "postgresql://"].iter();
    let Some(prefix) = prefixes.find(|prefix| parameters.starts_with(**prefix)) else {
        return Ok(None);
    };
    let (start, rest) = (prefix.len(), &parameters[prefix.len()..]);
    let host = rest.find('@').unwrap_or(0); // a password may hold a `?`
    let (credentials, rest) = rest.split_at(host);
    let user = credentials.split(':').next().unwrap_or_default();
    let mut names = FILES.iter().chain([&MODE]);
    let holds = |name: &&str| credentials.contains(&format!("{name}="));
    if credentials.contains('/') || user.contains('?') || names.any(holds) {
        return Err(Reason::Unreadable.into());
    }
    let end = rest.find('?');
    Ok(Some(
        end.map_or(parameters.len(), |end| start + host + end + 1),
    ))
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
