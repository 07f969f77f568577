//! Users and records by configuration: a file says who logs in how, and which service knows what
//! they may sign. docs/services.md has an example of each.

mod callback;
mod jwks;
mod jwt;
mod proxy;
mod settings;

use core::fmt;
use core::ops::RangeInclusive;
use core::time::Duration;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use otp_engine::{Clock, Mobile, Target};

use self::callback::Callback;
use self::jwt::Tokens;
use self::proxy::Proxy;
use self::settings::Settings;
use super::{Access, Caller, Denial, Directory, Fault, Login, NoUser, Terms, User};
use crate::error::{Error, chain};

pub(crate) use self::callback::{MAX_CONTENT, MAX_TEXT, MAX_WORDS};

/// The longest id of a user or tenant, in bytes: the engine's own bound.
const MAX_ID: usize = 128;

/// Users by tokens or by a proxy, and records by a callback, as a file says.
pub struct ConfiguredDirectory {
    path: PathBuf,
    clock: Arc<dyn Clock>,
    parts: RwLock<Arc<Parts>>,
}

/// What the file says, ready for use.
struct Parts {
    settings: Settings,
    logins: Logins,
    callback: Callback,
}

enum Logins {
    Tokens(Arc<Tokens>),
    Proxy(Proxy),
}

impl ConfiguredDirectory {
    /// Reads the file, and all files that it names: `clock` judges tokens and the age of keys.
    ///
    /// # Errors
    ///
    /// The [`Error`] names the key and its bound.
    pub fn open(path: &Path, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        let parts = Parts::read(path, None)?;
        Ok(Self {
            path: path.into(),
            clock,
            parts: RwLock::new(Arc::new(parts)),
        })
    }

    fn parts(&self) -> Arc<Parts> {
        let parts = self.parts.read().unwrap_or_else(PoisonError::into_inner);
        parts.clone()
    }
}

impl fmt::Debug for ConfiguredDirectory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConfiguredDirectory")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl Parts {
    /// Reads the file; keys that were fetched `before` are kept where nothing about them changed.
    fn read(path: &Path, before: Option<&Self>) -> Result<Self, Error> {
        let fails = |why: String| Error::file("--users", path, &why);
        let settings = settings::read(path).map_err(fails)?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let logins = match (&settings.jwt, &settings.proxy) {
            (Some(jwt), None) => Logins::Tokens(match before {
                Some(Self {
                    settings: Settings { jwt: Some(was), .. },
                    logins: Logins::Tokens(tokens),
                    ..
                }) if was == jwt && tokens.are_fetched() => tokens.clone(),
                _ => Arc::new(Tokens::new(jwt, folder).map_err(fails)?),
            }),
            (None, Some(proxy)) => Logins::Proxy(Proxy::new(proxy).map_err(fails)?),
            _ => return Err(fails("must have one of the tables jwt and proxy".into())),
        };
        let callback = Callback::new(&settings.callback, &settings.message, folder);
        Ok(Self {
            callback: callback.map_err(fails)?,
            settings,
            logins,
        })
    }
}

impl Directory for ConfiguredDirectory {
    fn authenticate(&self, caller: &Caller<'_>) -> Result<User, NoUser> {
        match &self.parts().logins {
            Logins::Tokens(tokens) => {
                let now = self.clock.now().ok_or("the clock has no time")?;
                tokens.user(caller.headers, now.unix())
            }
            Logins::Proxy(proxy) => proxy.user(caller),
        }
    }

    fn look_up(&self, user: &User, field: &Target<'_>, to: Access) -> Result<Terms, Denial> {
        self.parts().callback.ask(user, field, to)
    }

    fn is_remote(&self) -> bool {
        true
    }

    fn reload(&self) -> Result<(), Fault> {
        let parts = Parts::read(&self.path, Some(&self.parts()))?;
        *self.parts.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(parts);
        Ok(())
    }

    fn login(&self) -> Login {
        match &self.parts().logins {
            Logins::Tokens(_) => Login::Bearer,
            Logins::Proxy(proxy) => Login::Proxy {
                header: proxy.header().into(),
            },
        }
    }
}

/// Makes a user of what a login says; an id or a tenant that no binding can name is no user.
fn user(
    id: Option<&str>,
    tenant: Option<&str>,
    name: Option<&str>,
    mobile: Option<&str>,
) -> Option<User> {
    let is_id =
        |text: &&str| (1..=MAX_ID).contains(&text.len()) && !text.contains(char::is_control);
    let id = id.filter(is_id)?;
    let tenant = tenant.filter(is_id)?;
    // A number that is none is as good as none: the user is told that there is no usable one.
    let mobile = mobile.and_then(|number| Mobile::parse(number).ok());
    Some(User::new(id, name.unwrap_or(id), tenant, mobile))
}

/// Returns seconds that are within bounds.
fn seconds(key: &str, value: u64, bounds: RangeInclusive<u64>) -> Result<Duration, String> {
    if !bounds.contains(&value) {
        let (least, most) = bounds.into_inner();
        return Err(format!(
            "has {key} = {value}; it must be {least} to {most} seconds"
        ));
    }
    Ok(Duration::from_secs(value))
}

/// Checks a text that must say something, in so many bytes and on one line.
fn text<'a>(key: &str, value: &'a str, most: usize) -> Result<&'a str, String> {
    if value.trim().is_empty() || value.len() > most || value.contains(char::is_control) {
        return Err(format!(
            "has a {key} of {} bytes; it must be 1 to {most} bytes on one line",
            value.len()
        ));
    }
    Ok(value)
}

/// Returns where a tenant comes from: the value for all users, or the name of a claim or header.
fn tenant(
    table: &str,
    kind: &str,
    fixed: Option<&str>,
    named: Option<&str>,
) -> Result<TenantFrom, String> {
    match (fixed, named) {
        (Some(tenant), None) => Ok(TenantFrom::All(
            text(&format!("{table}.tenant"), tenant, MAX_ID)?.into(),
        )),
        (None, Some(name)) => Ok(TenantFrom::Named(
            text(&format!("{table}.tenant_{kind}"), name, MAX_ID)?.into(),
        )),
        _ => Err(format!(
            "must have one of {table}.tenant, for all users, and {table}.tenant_{kind}"
        )),
    }
}

enum TenantFrom {
    All(String),
    Named(String),
}

/// Says why a request to another service failed; neither URL nor secrets are in it.
fn said(error: &ureq::Error) -> String {
    chain(error)
}
