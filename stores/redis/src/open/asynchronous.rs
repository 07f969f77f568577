//! The same for callers that await.

use redis::{AsyncConnectionConfig, Client, IntoConnectionInfo, aio::MultiplexedConnection};

use super::{OpenError, Reason, RedisOptions, client};
use crate::{AsyncRedisStore, session::Session};

impl RedisOptions {
    /// Does as [`open`](Self::open), for callers that await.
    ///
    /// # Errors
    ///
    /// As [`RedisStore::open`](crate::RedisStore::open).
    pub async fn open_async(
        &self,
        address: impl IntoConnectionInfo,
    ) -> Result<AsyncRedisStore, OpenError> {
        let (client, options) = (client(address)?, self.clone());
        let connect = move || {
            let (client, options) = (client.clone(), options.clone());
            async move { options.connect_async(&client).await }
        };
        AsyncRedisStore::new(connect, self.connections, self.connection_wait).await
    }

    async fn connect_async(
        &self,
        client: &Client,
    ) -> Result<Session<MultiplexedConnection>, OpenError> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.answer_timeout))
            .set_response_timeout(Some(self.answer_timeout));
        let connecting = client.get_multiplexed_async_connection_with_config(&config);
        let mut connection = connecting.await.map_err(Reason::Connect)?;
        self.check(&mut connection).await?;
        Ok(Session(connection))
    }
}
