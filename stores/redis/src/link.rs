//! A connection as the session sees it, whether it blocks or is awaited.

use core::{
    future::Future,
    pin::pin,
    task::{Context, Poll, Waker},
};

use redis::{Cmd, Connection, FromRedisValue, RedisError, Value, from_redis_value};

/// A connection that is given one command at a time; never again by itself.
pub(crate) trait Link: Send {
    fn run(&mut self, command: &Cmd) -> impl Future<Output = Result<Value, RedisError>> + Send;
}

/// Blocks within the first poll.
impl Link for Connection {
    async fn run(&mut self, command: &Cmd) -> Result<Value, RedisError> {
        command.query(self)
    }
}

#[cfg(feature = "async")]
impl Link for redis::aio::MultiplexedConnection {
    async fn run(&mut self, command: &Cmd) -> Result<Value, RedisError> {
        command.query_async(self).await
    }
}

/// Asks, and reads the answer as what it should be.
pub(crate) async fn ask<T: FromRedisValue>(
    link: &mut impl Link,
    command: &Cmd,
) -> Result<T, RedisError> {
    Ok(from_redis_value(link.run(command).await?)?)
}

/// Does work on a connection that blocks.
pub(crate) fn blocking<T>(work: impl Future<Output = T>) -> T {
    match pin!(work).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(done) => done,
        Poll::Pending => unreachable!("nothing is awaited but a connection that blocks"),
    }
}
