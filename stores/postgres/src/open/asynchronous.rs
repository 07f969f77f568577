//! The same for callers that await.

use std::sync::Arc;

use tokio_postgres::{
    Config, Socket,
    tls::{MakeTlsConnect, TlsConnect},
};

use super::{PostgresOptions, parse};
use crate::{AsyncPostgresStore, error::OpenError, hosts::Hosts};

impl PostgresOptions {
    /// Does as [`open`](Self::open), for callers that await.
    ///
    /// # Errors
    ///
    /// As [`PostgresStore::open`](crate::PostgresStore::open).
    pub async fn open_async(&self, parameters: &str) -> Result<AsyncPostgresStore, OpenError> {
        let (config, tls) = parse(parameters)?;
        self.open_async_with(config, tls).await
    }

    /// Does as [`open_with`](Self::open_with), for callers that await.
    ///
    /// # Errors
    ///
    /// As [`PostgresStore::open`](crate::PostgresStore::open).
    pub async fn open_async_with<T>(
        &self,
        config: Config,
        tls: T,
    ) -> Result<AsyncPostgresStore, OpenError>
    where
        T: MakeTlsConnect<Socket> + Clone + Send + Sync + 'static,
        T::TlsConnect: Send,
        T::Stream: Send,
        <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
    {
        let (options, hosts) = (self.clone(), Hosts::new(&config));
        let connect = move || {
            let (options, hosts, tls) = (options.clone(), Arc::clone(&hosts), tls.clone());
            async move { options.connect(&hosts, tls).await }
        };
        let class = self.durability.class();
        let (schema, most) = (self.schema.clone(), self.connections);
        AsyncPostgresStore::new(connect, schema, most, self.connection_wait, class).await
    }

    /// Does as [`migrate`](Self::migrate), for callers that await.
    ///
    /// # Errors
    ///
    /// As [`PostgresStore::migrate`](crate::PostgresStore::migrate).
    pub async fn migrate_async(&self, parameters: &str) -> Result<(), OpenError> {
        let (config, tls) = parse(parameters)?;
        self.migrate_async_with(config, tls).await
    }

    /// Does as [`migrate_with`](Self::migrate_with), for callers that await.
    ///
    /// # Errors
    ///
    /// As [`PostgresStore::migrate`](crate::PostgresStore::migrate). Dropped before its end, it
    /// changes nothing.
    pub async fn migrate_async_with<T>(&self, config: Config, tls: T) -> Result<(), OpenError>
    where
        T: MakeTlsConnect<Socket> + Send + 'static,
        T::TlsConnect: Send,
        T::Stream: Send,
        <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
    {
        self.migrate_on(&config, tls).await
    }
}
