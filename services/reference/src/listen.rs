//! The connections: accepted up to a bound, slow heads cut off, finished before the end.

use core::future::Future;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::config::Limits;
use crate::routes::Peer;

/// The most bytes of a request's head.
const MAX_HEAD: usize = 32 * 1024;

/// Serves connections until `close`, then lets those at work finish; says whether all did in time.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    connections: u32,
    limits: Limits,
    close: impl Future<Output = ()>,
) -> bool {
    let places = Arc::new(Semaphore::new(connections as usize));
    let graceful = GracefulShutdown::new();
    let mut close = core::pin::pin!(close);
    loop {
        let accepted = async {
            let place = places.clone().acquire_owned().await;
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            () = &mut close => break,
            accepted = accepted => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Such as too many open files: others have to close theirs first.
                tracing::warn!(%error, "a connection was not accepted");
                tokio::time::sleep(core::time::Duration::from_millis(100)).await;
                continue;
            }
        };
        let _ = stream.set_nodelay(true); // it only delays
        let service = TowerToHyperService::new(router.clone());
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(Peer(peer.ip()));
            let answered = service.call(request);
            async move { answered.await as Result<Response<Body>, _> }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.head)
            .max_buf_size(MAX_HEAD)
            .serve_connection(TokioIo::new(stream), service);
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            let ended = connection.await;
            if let Err(error) = ended {
                tracing::debug!(%error, "a connection ended early");
            }
            drop(place);
        });
    }
    drop(listener);
    tokio::time::timeout(limits.shutdown, graceful.shutdown())
        .await
        .is_ok()
}
