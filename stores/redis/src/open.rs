//! Connects, and works only with a server that does all that a store must rely on.

use core::time::Duration;
use std::collections::HashMap;

use otp_engine::{Clock, SystemClock, Timestamp};
use redis::{Client, Connection, ConnectionInfo, IntoConnectionInfo, RedisError, cmd};

use crate::{
    RedisStore,
    link::{self, Link, blocking},
    session::Session,
};

#[cfg(feature = "async")]
mod asynchronous;
mod error;

pub use error::OpenError;
use error::Reason;

/// How a [`RedisStore`] works; the defaults are what [`RedisStore::open`] takes.
///
/// ```no_run
/// use core::time::Duration;
/// use otp_engine_redis::RedisOptions;
///
/// let options = RedisOptions::new().connections(16).answer_timeout(Duration::from_secs(1));
/// let store = options.open("redis+unix:///run/redis/redis-server.sock")?;
/// # Ok::<(), otp_engine_redis::OpenError>(())
/// ```
#[derive(Clone, Debug)]
pub struct RedisOptions {
    connections: usize,
    connection_wait: Duration,
    answer_timeout: Duration,
    eviction: Risk,
    crash: Risk,
    flush: Known,
    /// Only tests take another one.
    pub(crate) clock: fn() -> Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Risk {
    Refused,
    Taken,
}

/// How it is known that the server flushes each write.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Known {
    Asked,
    Stated,
}

impl RedisOptions {
    /// Makes the default: at most 8 connections, 5 s to wait for one of them, 5 s for an answer,
    /// and no risk is taken.
    #[must_use]
    pub fn new() -> Self {
        Self {
            connections: 8,
            connection_wait: Duration::from_secs(5),
            answer_timeout: Duration::from_secs(5),
            eviction: Risk::Refused,
            crash: Risk::Refused,
            flush: Known::Asked,
            clock: || SystemClock::new().now(),
        }
    }

    /// Sets how many connections there are at most; at least 1.
    #[must_use]
    pub fn connections(mut self, most: usize) -> Self {
        self.connections = most.max(1);
        self
    }

    /// Sets how long a call waits for a connection while others use them all.
    #[must_use]
    pub const fn connection_wait(mut self, wait: Duration) -> Self {
        self.connection_wait = wait;
        self
    }

    /// Sets how long to wait for an answer, and for a connection to be made; at least 1 ms. A
    /// commit without an answer by then is `Unknown`.
    #[must_use]
    pub fn answer_timeout(mut self, timeout: Duration) -> Self {
        self.answer_timeout = timeout.max(Duration::from_millis(1));
        self
    }

    /// Takes a server whose `maxmemory-policy` is not `noeviction`.
    ///
    /// When memory is short it drops live counters, and whoever guesses has fresh attempts.
    #[must_use]
    pub const fn may_evict_counted_attempts(mut self) -> Self {
        self.eviction = Risk::Taken;
        self
    }

    /// Takes a server without `appendonly yes`, without `appendfsync always`, or with
    /// `no-appendfsync-on-rewrite yes`.
    ///
    /// A crash of the server loses commits: with `everysec` a used code is good again and wrong
    /// guesses are not counted; without an append-only file every rate limit starts anew.
    #[must_use]
    pub const fn may_lose_commits_on_crash(mut self) -> Self {
        self.crash = Risk::Taken;
        self
    }

    /// States that the server has `appendfsync always`, and always flushes, where it lets nobody ask (`CONFIG` is
    /// forbidden); where it does answer, the answer counts.
    #[must_use]
    pub const fn stating_appendfsync_always(mut self) -> Self {
        self.flush = Known::Stated;
        self
    }

    /// Connects to `address`, such as `redis://host/` or `redis+unix:///path`; checks the server.
    ///
    /// # Errors
    ///
    /// As [`RedisStore::open`].
    pub fn open(&self, address: impl IntoConnectionInfo) -> Result<RedisStore, OpenError> {
        let client = client(address)?;
        let options = self.clone();
        RedisStore::new(
            move || options.connect(&client),
            self.connections,
            self.connection_wait,
        )
    }

    /// Every connection is checked, as the next server may be another one.
    fn connect(&self, client: &Client) -> Result<Session<Connection>, OpenError> {
        let timeout = Some(self.answer_timeout);
        let mut connection = client
            .get_connection_with_timeout(self.answer_timeout)
            .map_err(Reason::Connect)?;
        connection
            .set_read_timeout(timeout)
            .and_then(|()| connection.set_write_timeout(timeout))
            .map_err(Reason::Connect)?;
        blocking(self.check(&mut connection))?;
        Ok(Session(connection))
    }

    async fn check(&self, link: &mut impl Link) -> Result<(), OpenError> {
        let info: String = link::ask(link, &cmd("INFO"))
            .await
            .map_err(Reason::Server)?;
        let info = |name: &'static str| {
            let value = info
                .lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            value.ok_or(Reason::Untold(name)).map(str::trim)
        };
        let version = info("redis_version")?;
        if !is_new_enough(version) {
            return Err(Reason::Version(version.to_owned()).into());
        }
        // Redis and Valkey name it differently.
        let modes = ["redis_mode", "server_mode"].map(info);
        if modes.iter().any(|mode| matches!(mode, Ok("sentinel"))) {
            return Err(Reason::Sentinel.into());
        }
        if info("cluster_enabled").is_ok_and(|is| is == "1") {
            let nodes = cmd("CLUSTER").arg("NODES").to_owned();
            let nodes: String = link::ask(link, &nodes).await.map_err(Reason::Server)?;
            if !has_all_slots(&nodes) {
                return Err(Reason::Cluster.into());
            }
        }
        check("role", info("role")?, "master")?;
        if self.eviction == Risk::Refused {
            check("maxmemory-policy", info("maxmemory_policy")?, "noeviction")?;
        }
        if self.crash == Risk::Refused {
            check("aof_enabled", info("aof_enabled")?, "1")?;
            for (setting, wanted) in [
                ("appendfsync", "always"),
                ("no-appendfsync-on-rewrite", "no"),
            ] {
                match ask(link, setting).await {
                    Ok(found) => check(setting, &found, wanted)?,
                    Err(_) if self.flush == Known::Stated => {}
                    Err(error) => return Err(Reason::Flush(error).into()),
                }
            }
        }
        let time = link::ask(link, &cmd("TIME")).await;
        let (seconds, _): (i64, i64) = time.map_err(Reason::Server)?;
        let own = (self.clock)().ok_or(Reason::Clock(None))?;
        let off = own.unix().abs_diff(seconds);
        if off > MOST_OFF {
            return Err(Reason::Clock(Some(off)).into());
        }
        Ok(())
    }
}

impl Default for RedisOptions {
    fn default() -> Self {
        Self::new()
    }
}

fn check(setting: &'static str, found: &str, wanted: &'static str) -> Result<(), Reason> {
    if found == wanted {
        return Ok(());
    }
    Err(Reason::Setting {
        setting,
        found: found.to_owned(),
        wanted,
    })
}

fn client(address: impl IntoConnectionInfo) -> Result<Client, OpenError> {
    let address: ConnectionInfo = address.into_connection_info().map_err(Reason::Address)?;
    Ok(Client::open(address).map_err(Reason::Address)?)
}

async fn ask(link: &mut impl Link, setting: &str) -> Result<String, RedisError> {
    let ask = cmd("CONFIG").arg("GET").arg(setting).to_owned();
    let mut told: HashMap<String, String> = link::ask(link, &ask).await?;
    Ok(told.remove(setting).unwrap_or_default())
}

/// Says whether the node that was asked serves every slot of its cluster: then it names no other.
fn has_all_slots(nodes: &str) -> bool {
    let mut words = nodes.lines().map(|line| line.split(' ').map(str::trim));
    let own = words.find(|line| {
        let flags = line.clone().nth(2).unwrap_or_default();
        flags.split(',').any(|flag| flag == "myself")
    });
    own.is_some_and(|mut own| own.nth(8).is_some_and(|slots| slots == "0-16383"))
}

/// `PXAT` came with 6.2.
fn is_new_enough(version: &str) -> bool {
    let mut numbers = version
        .split('.')
        .map_while(|number| number.parse::<u32>().ok());
    Option::zip(numbers.next(), numbers.next()).is_some_and(|version| version >= (6, 2))
}

/// How many seconds the server's clock may be off: as many as the engine bears itself.
const MOST_OFF: u64 = 30;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_255_a_node_names_no_other_where_it_serves_every_slot() {
        let node = |flags: &str, slots: &str| {
            format!(
                "07c3 127.0.0.1:30004@31004,host {flags} - 0 1426238317239 4 connected{slots}\n"
            )
        };
        let others = node("master", " 0-5460") + &node("slave", "");
        for (own, has) in [
            (node("myself,master", " 0-16383"), true),
            (node("myself,master", " 5461-16383"), false),
            (node("myself,master", " 0-1 3-16383"), false),
            (node("myself,master", ""), false),
            (node("master", " 0-16383"), false),
        ] {
            assert_eq!(has_all_slots(&own), has, "{own}");
            assert_eq!(has_all_slots(&(others.clone() + &own)), has, "{own}");
        }
        assert!(!has_all_slots(""));
    }

    #[test]
    fn versions_from_6_2_on_are_new_enough() {
        for (version, is) in [
            ("6.2.0", true),
            ("6.1.9", false),
            ("5.9.9", false),
            ("7.0.15", true),
            ("10.0", true),
            ("7", false),
            ("", false),
            ("x.2", false),
        ] {
            assert_eq!(is_new_enough(version), is, "{version}");
        }
    }
}
