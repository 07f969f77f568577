//! The routes and what stands around each: limits, counts, one line of log.

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{get, post};
use tokio::time::Instant;
use tracing::Instrument;

use crate::app::App;
use crate::envelope::{self, Refused};
use crate::proxies::{Client, REQUEST_ID};
use crate::routes::{Answered, Peer};
use crate::{health, openapi, page, routes};

/// Returns the public routes, and those of health and counts where they have no listener of their own.
pub(crate) fn router(app: &Arc<App>, with_health: bool) -> Router {
    let contract = Router::new()
        .route("/api/esms_otp/send_esms_otp", post(routes::send))
        .route("/api/esms_otp/verify_esms_otp", post(routes::verify))
        .route("/api/esms_otp/get_esms_otp_signature", post(routes::get))
        .route(
            "/api/esms_otp/get_esms_otp_disclosures",
            post(routes::disclosures),
        );
    let watched = if with_health {
        watched()
    } else {
        Router::new()
    };
    Router::new()
        .merge(contract)
        .merge(watched)
        .route("/", get(page::index))
        .route("/{file}", get(page::file))
        .route(
            "/openapi.json",
            get(move |app| openapi::serve(app, with_health)),
        )
        .route("/.well-known/jwks.json", get(health::keys))
        .fallback(no_route)
        .method_not_allowed_fallback(wrong_method)
        .layer(DefaultBodyLimit::max(envelope::MAX_BODY))
        .layer(middleware::from_fn_with_state(app.clone(), around))
        .with_state(app.clone())
}

/// Returns the routes by which the service is watched.
pub(crate) fn watched() -> Router<Arc<App>> {
    Router::new()
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
        .route("/metrics", get(health::metrics))
}

/// Names a request and its client, bounds its time, counts it, and writes its line of log.
pub(crate) async fn around(
    State(app): State<Arc<App>>,
    mut request: Request,
    next: Next,
) -> Response {
    let peer = request.extensions().get().map(|Peer(peer)| *peer);
    if let Some(peer) = peer {
        let client = app.proxies.client(peer, request.headers());
        request.extensions_mut().insert(Client(client));
    }
    let id = app.proxies.request_id(peer, request.headers());
    let span = tracing::error_span!("request", request_id = id); // on each line, whatever its level
    let mut response = bounded(&app, request, next).instrument(span).await;
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

async fn bounded(app: &App, request: Request, next: Next) -> Response {
    let route = route(request.uri().path());
    let began = Instant::now();
    let answered = tokio::time::timeout(app.request_timeout, next.run(request)).await;
    let mut response = answered.unwrap_or_else(|_| {
        let why = "the request took too long; what it asked for may have been done";
        axum::response::IntoResponse::into_response(Refused::new(
            StatusCode::SERVICE_UNAVAILABLE,
            why,
        ))
    });
    let took = began.elapsed();
    let http = response.status().as_u16();
    let status = response.extensions().get::<Answered>().map(|it| it.0);
    app.metrics.request(route, http, status, took);
    let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    tracing::info!(route, http, status, ms, "request");
    for (name, value) in HEADERS {
        let headers = response.headers_mut();
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    }
    response
}

/// Every answer is of its moment, and nothing to frame or to guess the type of.
const HEADERS: [(HeaderName, &str); 3] = [
    (header::CACHE_CONTROL, "no-store"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; frame-ancestors 'none'",
    ),
];

/// Returns the name of a route: paths that clients make up would be without number.
fn route(path: &str) -> &'static str {
    match path {
        "/api/esms_otp/send_esms_otp" => "send",
        "/api/esms_otp/verify_esms_otp" => "verify",
        "/api/esms_otp/get_esms_otp_signature" => "get",
        "/api/esms_otp/get_esms_otp_disclosures" => "disclosures",
        "/unlock" | "/reset/user" | "/reset/recipient" | "/reset/slot" | "/status" | "/purge"
        | "/reload" => "admin",
        "/health/live" | "/health/ready" => "health",
        "/metrics" => "metrics",
        "/openapi.json" => "openapi",
        "/.well-known/jwks.json" => "keys",
        path if page::has(path) => "page",
        _ => "unknown",
    }
}

async fn no_route() -> Refused {
    Refused::new(StatusCode::NOT_FOUND, "no such path")
}

async fn wrong_method() -> Refused {
    Refused::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "no such method on this path",
    )
}
