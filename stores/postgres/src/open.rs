//! Connects, and works only with a server that does all that a store must rely on.

use core::{any::TypeId, time::Duration};
use std::sync::Arc;

use otp_engine::store::Class;
use tokio_postgres::{
    Client, Config, NoTls, Socket,
    config::SslMode,
    tls::{MakeTlsConnect, TlsConnect},
};

use crate::{
    PostgresStore, backend,
    blocking::{self, BlockingSession},
    error::{OpenError, Reason},
    hosts::{Hosts, Place},
    layout,
    link::Link,
    session::{Asks, Session, Statements},
    statements::CHECK_SERVER,
};

#[cfg(feature = "async")]
mod asynchronous;

/// How a [`PostgresStore`] works; the defaults are what [`PostgresStore::open`] takes.
///
/// ```no_run
/// use core::time::Duration;
/// use otp_engine_postgres::PostgresOptions;
///
/// let options = PostgresOptions::new().schema("bank_otp").connections(16);
/// let store = options.statement_timeout(Duration::from_secs(2)).open("host=/run/postgresql")?;
/// # Ok::<(), otp_engine_postgres::OpenError>(())
/// ```
#[derive(Clone, Debug)]
pub struct PostgresOptions {
    pub(crate) schema: String,
    connections: usize,
    connection_wait: Duration,
    lock_timeout: Duration,
    statement_timeout: Duration,
    answer_timeout: Duration,
    durability: Durability,
    /// Only tests take another one.
    pub(crate) isolation: &'static str,
}

/// When a commit is answered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Durability {
    Flushed,
    Soon,
}

impl PostgresOptions {
    /// Makes the default: schema `otp_engine`, at most 8 connections, 5 s to wait for one of them,
    /// 3 s for a lock, 5 s for a statement, 8 s for its answer.
    #[must_use]
    pub fn new() -> Self {
        Self {
            schema: String::from("otp_engine"),
            connections: 8,
            connection_wait: Duration::from_secs(5),
            lock_timeout: Duration::from_secs(3),
            statement_timeout: Duration::from_secs(5),
            answer_timeout: Duration::from_secs(8),
            durability: Durability::Flushed,
            isolation: "read committed",
        }
    }

    /// Sets the schema that holds the tables: 1 to 63 of `a-z`, `0-9` and `_`, no digit first.
    #[must_use]
    pub fn schema(mut self, name: impl Into<String>) -> Self {
        self.schema = name.into();
        self
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

    /// Sets how long a commit waits for another one, or for a foreign transaction, that holds one
    /// of its cells; at least 1 ms.
    #[must_use]
    pub const fn lock_timeout(mut self, timeout: Duration) -> Self {
        self.lock_timeout = timeout;
        self
    }

    /// Sets how long a statement may take on the server; at least 1 ms.
    ///
    /// The wait for a synchronous standby is not counted: PostgreSQL limits it by nothing, but
    /// [`answer_timeout`](Self::answer_timeout) does, by a request to cancel it.
    #[must_use]
    pub const fn statement_timeout(mut self, timeout: Duration) -> Self {
        self.statement_timeout = timeout;
        self
    }

    /// Sets how long to wait for an answer, and for a connection to be made and checked; at least
    /// 1 ms. What is overdue is cancelled at the server, which has 2 s more to end it. A commit
    /// without an answer by then is `Unknown`, a load is asked once more. Each of several hosts has
    /// this time to let a connection in.
    ///
    /// Leave it longer than [`statement_timeout`](Self::statement_timeout): a statement that the
    /// server gives up is known not to be applied.
    #[must_use]
    pub fn answer_timeout(mut self, timeout: Duration) -> Self {
        self.answer_timeout = timeout.max(Duration::from_millis(1));
        self
    }

    /// Answers before the flush (`synchronous_commit=off`).
    ///
    /// A crash of the server may then lose the last commits, and with them a used code or a wrong
    /// guess. So the store is [`Class::Expiring`]: what must be kept for ever is refused.
    #[must_use]
    pub const fn may_lose_commits_on_crash(mut self) -> Self {
        self.durability = Durability::Soon;
        self
    }

    /// Connects as libpq's parameters or address say, by [TLS](crate#tls) or without; checks server
    /// and table.
    ///
    /// # Errors
    ///
    /// As [`PostgresStore::open`].
    pub fn open(&self, parameters: &str) -> Result<PostgresStore, OpenError> {
        let (config, tls) = parse(parameters)?;
        self.open_with(config, tls)
    }

    /// Connects with a configuration and TLS of the caller's: `NoTls`, or a connector with
    /// `SslMode::Require`. What the connector does not check is not checked.
    ///
    /// Where the configuration sets none, a connection is tried for 5 s, and one whose other end
    /// is silent, without an acknowledgement of what was sent, is given up after 10 s (Linux).
    ///
    /// # Errors
    ///
    /// As [`PostgresStore::open`].
    pub fn open_with<T>(&self, config: Config, tls: T) -> Result<PostgresStore, OpenError>
    where
        T: MakeTlsConnect<Socket> + Clone + Send + Sync + 'static,
        T::TlsConnect: Send,
        T::Stream: Send,
        <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
    {
        let (options, hosts) = (self.clone(), Hosts::new(&config));
        PostgresStore::new(
            move || BlockingSession::new(options.connect(&hosts, tls.clone())),
            self.schema.clone(),
            self.connections,
            self.connection_wait,
            self.durability.class(),
        )
    }

    /// Makes the schema and its tables, or brings them to the newest layout.
    ///
    /// # Errors
    ///
    /// As [`PostgresStore::migrate`].
    pub fn migrate(&self, parameters: &str) -> Result<(), OpenError> {
        let (config, tls) = parse(parameters)?;
        self.migrate_with(config, tls)
    }

    /// Does as [`migrate`](Self::migrate), with a configuration and TLS of the caller's.
    ///
    /// # Errors
    ///
    /// As [`PostgresStore::migrate`].
    pub fn migrate_with<T>(&self, config: Config, tls: T) -> Result<(), OpenError>
    where
        T: MakeTlsConnect<Socket> + 'static + Send,
        T::TlsConnect: Send,
        T::Stream: Send,
        <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
    {
        blocking::drive(self.migrate_on(&config, tls)).map(drop)
    }

    async fn migrate_on<T>(&self, config: &Config, tls: T) -> Result<(), OpenError>
    where
        T: MakeTlsConnect<Socket> + 'static,
        T::Stream: Send + 'static,
    {
        self.check_schema_name()?;
        check_mode::<T>(config)?;
        // No limit: it waits for other migrations, and whoever runs it may end it.
        let mut link = Link::connect(config, tls, None).await?;
        let migrated = link.wait(None, async |client| {
            layout::migrate(client, &self.schema).await
        });
        migrated.await
    }

    /// Connects to the host in use, or to the first one after it that will do.
    async fn connect<T>(&self, hosts: &Arc<Hosts>, tls: T) -> Result<Session, OpenError>
    where
        T: MakeTlsConnect<Socket> + Clone + Send + Sync + 'static,
        T::TlsConnect: Send,
        T::Stream: Send,
        <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
    {
        self.check_schema_name()?;
        let mut hosts = hosts.in_turn().peekable();
        while let Some(place) = hosts.next() {
            match self.connect_to(&place, tls.clone()).await {
                Err(error) if error.is_of_one_host() && hosts.peek().is_some() => {}
                connected => {
                    if connected.is_ok() {
                        place.take();
                    }
                    return connected;
                }
            }
        }
        Err(Reason::Silent.into()) // there is always a host
    }

    async fn connect_to<T>(&self, place: &Place, tls: T) -> Result<Session, OpenError>
    where
        T: MakeTlsConnect<Socket> + Clone + Send + Sync + 'static,
        T::TlsConnect: Send,
        T::Stream: Send,
        <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
    {
        let mut config = place.config().clone();
        check_mode::<T>(&config)?;
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(Duration::from_secs(5));
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(Duration::from_secs(10));
            config.keepalives_idle(Duration::from_secs(10));
            config.keepalives_interval(Duration::from_secs(3));
            config.keepalives_retries(3);
        }
        let limit = Some(self.answer_timeout);
        let mut link = Link::connect(&config, tls.clone(), limit).await?;
        link.cancels_by(tls);
        let promised = backend::promised(&link.key()).await;
        // Whatever somebody set in a pooler's session does not reach the checks either.
        let begin = self.begin("READ ONLY");
        let begun = link.wait(limit, async |client| {
            Ok::<_, OpenError>(client.batch_execute(&begin).await?)
        });
        begun.await.map_err(OpenError::of_transaction)?;
        // All in one transaction: settings of a session and prepared statements outlive it.
        let checked = link.wait(limit, async |client| {
            let server = self.check_server(client).await?;
            layout::check(client, &self.schema).await?;
            let statements = Statements::new(&self.schema, &server.durability);
            let (asks, end) = if promised == Some(server.process) {
                let asks = Asks::one(client, &statements).await?;
                (asks, format!("{}; COMMIT", self.session_settings()))
            } else {
                let mode = format!("ISOLATION LEVEL {} READ WRITE", self.isolation);
                (statements.any(self.begin(&mode)), String::from("COMMIT"))
            };
            client.batch_execute(&end).await?;
            Ok::<_, OpenError>(asks)
        });
        let asks = checked.await?;
        let timeout = self.answer_timeout;
        Ok(Session::new(
            link,
            place.clone(),
            &self.schema,
            asks,
            timeout,
        ))
    }

    /// Every connection is checked, as the next server may be another one.
    async fn check_server(&self, client: &Client) -> Result<Server, OpenError> {
        let row = client.query_typed_one(CHECK_SERVER, &[]).await?;
        if row.get("standby") {
            return Err(Reason::Standby.into());
        }
        for (setting, wanted) in [
            ("fsync", &["on"][..]),
            ("full_page_writes", &["on"]),
            ("transaction_read_only", &["off"]),
            ("synchronous_commit", self.durability.wanted()),
        ] {
            let found: String = row.get(setting);
            if !wanted.contains(&&*found) {
                return Err(Reason::Setting { setting, found }.into());
            }
        }
        Ok(Server {
            process: row.get("process"),
            durability: match self.durability {
                Durability::Flushed => row.get("synchronous_commit"),
                Durability::Soon => String::from("off"),
            },
        })
    }

    /// Set once where a session is the store's own: a change of the server's defaults does not
    /// reach it.
    fn session_settings(&self) -> String {
        let (lock, statement) = self.limits();
        format!(
            "SET default_transaction_isolation TO '{}';
             SET lock_timeout TO {lock};
             SET statement_timeout TO {statement};
             SET idle_in_transaction_session_timeout TO 0",
            self.isolation,
        )
    }

    /// Begins each transaction where a session may be anybody's: it leaves nothing behind, and
    /// takes nothing over.
    fn begin(&self, mode: &str) -> String {
        let (lock, statement) = self.limits();
        format!(
            "BEGIN {mode};
             SET LOCAL search_path TO pg_catalog;
             SET LOCAL lock_timeout TO {lock};
             SET LOCAL statement_timeout TO {statement};
             SET LOCAL idle_in_transaction_session_timeout TO {statement}",
        )
    }

    /// Returns the limits for a lock and for a statement, in milliseconds.
    fn limits(&self) -> (u128, u128) {
        let lock = milliseconds(self.lock_timeout);
        (lock, milliseconds(self.statement_timeout))
    }

    /// The name goes into statements as it is.
    fn check_schema_name(&self) -> Result<(), OpenError> {
        let name = self.schema.as_bytes();
        let fits = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'_';
        let is_name =
            (1..=63).contains(&name.len()) && name.iter().all(fits) && !name[0].is_ascii_digit();
        if is_name {
            return Ok(());
        }
        Err(Reason::SchemaName.into())
    }
}

impl Default for PostgresOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl Durability {
    const fn class(self) -> Class {
        match self {
            Self::Flushed => Class::Permanent,
            Self::Soon => Class::Expiring,
        }
    }

    /// Those that flush, here and on a synchronous standby; `local` lets it lag behind an answer,
    /// and `remote_write` lets it lose what it has not flushed.
    const fn wanted(self) -> &'static [&'static str] {
        match self {
            Self::Flushed => &["on", "remote_apply"],
            Self::Soon => &["on", "remote_write", "remote_apply", "local", "off"],
        }
    }
}

#[cfg(feature = "tls")]
fn parse(parameters: &str) -> Result<(Config, crate::Tls), OpenError> {
    crate::Tls::parse(parameters)
}

#[cfg(not(feature = "tls"))]
fn parse(parameters: &str) -> Result<(Config, NoTls), OpenError> {
    let (config, _) = crate::parameters::parse(parameters, false)?;
    Ok((config, NoTls))
}

/// Whoever gives a connector wants TLS, whatever a server, or somebody before it, says.
fn check_mode<T: 'static>(config: &Config) -> Result<(), OpenError> {
    let has_tls = TypeId::of::<T>() != TypeId::of::<NoTls>();
    if has_tls && config.get_ssl_mode() == SslMode::Prefer {
        return Err(Reason::FallsBack.into());
    }
    Ok(())
}

/// None at all would mean no limit.
fn milliseconds(timeout: Duration) -> u128 {
    timeout.as_millis().clamp(1, 2_147_483_647)
}

/// What is known of the server of a connection.
struct Server {
    /// The process that answered.
    process: i32,
    /// The `synchronous_commit` of each commit.
    durability: String,
}
