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
    AsyncMessage, CancelToken, Client, Config, Error, Socket,
    error::Severity,
    tls::{MakeTlsConnect, TlsConnect},
};

use crate::error::{OpenError, Reason};

/// A connection, driven by whoever waits for an answer; no thread is started.
pub(crate) struct Link {
    /// `None` once the connection has ended.
    driver: Option<Driver>,
    client: Client,
    is_warned: Arc<AtomicBool>,
    cancel: Option<Cancel>,
}

type Driver = Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;
type Cancel = Box<dyn Fn() -> Cancelling + Send + Sync>;
type Cancelling = Pin<Box<dyn Future<Output = ()> + Send>>;

/// No answer came in time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Silent {
    /// The server was asked to end the wait for a standby, and said that it did.
    pub(crate) has_ended: bool,
}

impl From<Silent> for Reason {
    fn from(_: Silent) -> Self {
        Self::Silent
    }
}

impl From<Silent> for OpenError {
    fn from(silent: Silent) -> Self {
        Reason::from(silent).into()
    }
}

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
            cancel: None,
        })
    }

    /// Has what is overdue cancelled at the server, over connections with this TLS.
    pub(crate) fn cancels_by<T>(&mut self, tls: T)
    where
        T: MakeTlsConnect<Socket> + Clone + Send + Sync + 'static,
        T::TlsConnect: Send,
        T::Stream: Send,
        <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
    {
        let key = self.key();
        self.cancel = Some(Box::new(move || {
            let (key, tls) = (key.clone(), tls.clone());
            Box::pin(async move { key.cancel_query(tls).await.unwrap_or_default() })
        }));
    }

    /// Returns the key by which the server can be asked to cancel.
    pub(crate) fn key(&self) -> CancelToken {
        self.client.cancel_token()
    }

    /// Says whether a warning came since this was last asked.
    pub(crate) fn was_warned(&self) -> bool {
        self.is_warned.swap(false, Ordering::SeqCst)
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Waits for what `work` asks of the server, for `limit` where there is one; what is overdue
    /// then is cancelled at the server, which is given [`LAST_WORDS`] to end it. Its outcome is
    /// not known even so.
    ///
    /// A link whose wait was dropped, or is silent still, is in the middle of something, and must be
    /// [retired](Self::retire) or dropped.
    pub(crate) async fn wait<T, E: From<Error> + From<Silent>>(
        &mut self,
        limit: Option<Duration>,
        work: impl AsyncFnOnce(&mut Client) -> Result<T, E>,
    ) -> Result<T, E> {
        let Self {
            driver,
            client,
            cancel,
            is_warned,
        } = self;
        let mut work = pin!(work(client));
        let mut answer = pin!(poll_fn(|cx| {
            if let Some(running) = driver
                && let Poll::Ready(ended) = running.as_mut().poll(cx)
            {
                *driver = None;
                ended?;
            }
            work.as_mut().poll(cx)
        }));
        if let Ok(answer) = within(limit, answer.as_mut()).await {
            return answer;
        }
        let mut silent = Silent { has_ended: false };
        if let Some(cancel) = cancel {
            let end = async {
                cancel().await;
                answer.await.is_ok()
            };
            let has_ended = within(Some(LAST_WORDS), end).await.unwrap_or(false);
            // The warning shows that no cancel is on its way still, to what is asked next.
            silent.has_ended = has_ended && is_warned.load(Ordering::SeqCst);
        }
        Err(silent.into())
    }

    /// Ends what a dropped wait was about, and then the connection: cancels at the server, and
    /// waits until its process has nothing left to do here.
    #[cfg(feature = "async")]
    pub(crate) async fn retire(self) {
        let Self {
            driver,
            client,
            cancel,
            ..
        } = self;
        drop(client); // then the driver ends with the last answer
        let end = async {
            if let Some(cancel) = cancel {
                cancel().await;
            }
            if let Some(driver) = driver {
                driver.await.ok();
            }
        };
        within(Some(LAST_WORDS), end).await.ok();
    }
}

/// How long a server may take to end what was cancelled.
const LAST_WORDS: Duration = Duration::from_secs(2);

async fn within<F: Future>(limit: Option<Duration>, work: F) -> Result<F::Output, Silent> {
    match limit {
        Some(limit) => timeout(limit, work)
            .await
            .map_err(|_| Silent { has_ended: false }),
        None => Ok(work.await),
    }
}
