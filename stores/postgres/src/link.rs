//! A connection whose every answer is waited for a limited time.

use core::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::atomic::{AtomicBool, Ordering},
    task::Poll,
    time::Duration,
};
use std::sync::Arc;

use tokio::time::timeout;
use tokio_postgres::{
    AsyncMessage, Client, Config, Error, Socket, error::Severity, tls::MakeTlsConnect,
};

use crate::open::Reason;

/// A connection, driven by whoever waits for an answer; no thread is started.
pub(crate) struct Link {
    /// `None` once the connection has ended.
    driver: Option<Driver>,
    client: Client,
    is_warned: Arc<AtomicBool>,
}

type Driver = Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;

/// No answer came in time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Silent;

impl Link {
    /// Connects, in `limit` where there is one.
    pub(crate) async fn connect<T>(
        config: &Config,
        tls: T,
        limit: Option<Duration>,
    ) -> Result<Self, Reason>
    where
        T: MakeTlsConnect<Socket>,
        T::Stream: Send + 'static,
    {
        let connected = within(limit, config.connect(tls)).await;
        let (client, mut connection) = connected?.map_err(Reason::Connect)?;
        let is_warned = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&is_warned);
        let driver = async move {
            while let Some(message) = poll_fn(|cx| connection.poll_message(cx)).await {
                if let AsyncMessage::Notice(notice) = message?
                    && notice.parsed_severity() == Some(Severity::Warning)
                {
                    flag.store(true, Ordering::SeqCst);
                }
            }
            Ok(())
        };
        Ok(Self {
            driver: Some(Box::pin(driver)),
            client,
            is_warned,
        })
    }

    /// Says whether a warning came since this was last asked.
    pub(crate) fn was_warned(&self) -> bool {
        self.is_warned.swap(false, Ordering::SeqCst)
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Waits for what `work` asks of the server, for `limit` where there is one.
    ///
    /// A link whose wait was dropped is in the middle of something, and must be dropped too.
    pub(crate) async fn wait<T, E: From<Error> + From<Silent>>(
        &mut self,
        limit: Option<Duration>,
        work: impl AsyncFnOnce(&mut Client) -> Result<T, E>,
    ) -> Result<T, E> {
        let driver = &mut self.driver;
        let mut work = pin!(work(&mut self.client));
        let answer = poll_fn(|cx| {
            if let Some(running) = driver
                && let Poll::Ready(ended) = running.as_mut().poll(cx)
            {
                *driver = None;
                ended?;
            }
            work.as_mut().poll(cx)
        });
        within(limit, answer).await?
    }
}

async fn within<F: Future>(limit: Option<Duration>, work: F) -> Result<F::Output, Silent> {
    match limit {
        Some(limit) => timeout(limit, work).await.map_err(|_| Silent),
        None => Ok(work.await),
    }
}
