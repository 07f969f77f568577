//! How the service is: for those who run it, and the keys for those who verify records.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::app::App;
use crate::error::chain;
use crate::failure::Failure;

/// The process runs.
pub(crate) async fn live() -> Json<Value> {
    Json(json!({"status": "live"}))
}

/// The store takes writes in time, and the service is not about to stop. What a purge that fails leaves
/// behind turns nobody away: it is shown, and stands in the log.
pub(crate) async fn ready(State(app): State<Arc<App>>) -> Response {
    let purge = app.purge.name();
    if app.is_stopping() {
        let body = Json(json!({"status": "stopping", "purge": purge}));
        return (StatusCode::SERVICE_UNAVAILABLE, body).into_response();
    }
    let check = async {
        let probe = app.probes.enter().await?;
        let service = app.service();
        let check = move || {
            let _probe = probe;
            service.check()
        };
        app.store.run(check).await?
    };
    let Ok(checked) = timeout(app.ready_timeout, check).await else {
        tracing::warn!("not ready: the store takes too long");
        let body = Json(json!({"status": "unavailable", "cause": "slow", "purge": purge}));
        return (StatusCode::SERVICE_UNAVAILABLE, body).into_response();
    };
    match checked {
        Ok(()) => Json(json!({"status": "ready", "purge": purge})).into_response(),
        Err(error) => {
            let failure = Failure::of(&error);
            app.metrics.store_failed(failure);
            let cause = failure.name();
            tracing::warn!(cause, error = chain(&*error), "not ready");
            let body = Json(json!({"status": "unavailable", "cause": cause, "purge": purge}));
            (StatusCode::SERVICE_UNAVAILABLE, body).into_response()
        }
    }
}

/// What was counted, in the text format of Prometheus.
pub(crate) async fn metrics(State(app): State<Arc<App>>) -> Response {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    let pools = [("store", &app.store), ("messages", &app.messages)];
    ([(header::CONTENT_TYPE, kind)], app.metrics.text(&pools)).into_response()
}

/// The public keys that records verify with.
pub(crate) async fn keys(State(app): State<Arc<App>>) -> Response {
    let kind = "application/jwk-set+json";
    (
        [(header::CONTENT_TYPE, kind)],
        app.service().keys.to_jwk_set(),
    )
        .into_response()
}
