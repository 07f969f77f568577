//! Whose server process a connection was promised: the number in its key for cancel requests.
//!
//! A pooler makes up a key of its own for each client, as it will lend it one process after
//! another; a server hands out the number of the one process that serves the connection. The key
//! is given to nobody but the server, so the request is written to a stream that keeps it.

use core::{
    convert::Infallible,
    future::{Ready, ready},
    pin::Pin,
    task::{Context, Poll},
};
use std::io;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::{
    CancelToken,
    tls::{ChannelBinding, TlsConnect, TlsStream},
};

/// Returns the number of the process that the key is about; `None` where there is no such key.
pub(crate) async fn promised(key: &CancelToken) -> Option<i32> {
    let mut written = Vec::new();
    key.cancel_query_raw(Kept(&mut written), Plain).await.ok()?;
    // Length, code, process, secret; perhaps the wish for TLS before it.
    let process = written.last_chunk::<8>()?.first_chunk()?;
    Some(i32::from_be_bytes(*process))
}

/// A stream that keeps what is written, and agrees to TLS where that is asked first.
struct Kept<'a>(&'a mut Vec<u8>);

/// No encryption: nothing leaves this process.
struct Plain;

impl AsyncRead for Kept<'_> {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        buffer.put_slice(b"S");
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Kept<'_> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.0.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl TlsStream for Kept<'_> {
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

impl<'a> TlsConnect<Kept<'a>> for Plain {
    type Stream = Kept<'a>;
    type Error = Infallible;
    type Future = Ready<Result<Kept<'a>, Infallible>>;

    fn connect(self, stream: Kept<'a>) -> Self::Future {
        ready(Ok(stream))
    }
}
