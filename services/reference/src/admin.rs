//! The administration: a listener of its own, for those who run the service. Its acts ask for a token;
//! health and counts do not, as they name nobody.

mod document;

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use otp_engine::binding::BindingError;
use otp_engine::{ContentDigest, Error as EngineError, Mobile, Recipient, Target};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use subtle::ConstantTimeEq;

use crate::app::App;
use crate::directory::{Denial, Fault, User};
use crate::error::chain;
use crate::failure::Failure;
use crate::json;
use crate::router;
use crate::service::{PURGE_BATCH, Service};
use crate::start::Server;

pub use document::document;

/// The largest body of an act, in bytes.
const MAX_BODY: usize = 16 * 1024;

/// What all requests to the administration share.
struct Admin {
    server: Server,
    app: Arc<App>,
}

/// Returns the routes; `server` reads its files anew where it is asked to.
pub(crate) fn router(server: Server, app: &Arc<App>) -> Router {
    let admin = Arc::new(Admin {
        server,
        app: app.clone(),
    });
    let acts = Router::new()
        .route("/unlock", post(unlock))
        .route("/reset/user", post(reset_user))
        .route("/reset/recipient", post(reset_recipient))
        .route("/reset/slot", post(reset_slot))
        .route("/status", post(status))
        .route("/purge", post(purge))
        .route("/reload", post(reload))
        .layer(middleware::from_fn_with_state(admin.clone(), admit))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(admin);
    let watched = router::watched().with_state(app.clone());
    Router::new()
        .merge(acts)
        .merge(watched)
        .route("/openapi.json", get(async || Json(document())))
        .fallback(async || refused(StatusCode::NOT_FOUND, "no such path"))
        .method_not_allowed_fallback(async || {
            refused(
                StatusCode::METHOD_NOT_ALLOWED,
                "no such method on this path",
            )
        })
        .layer(middleware::from_fn_with_state(app.clone(), router::around))
}

/// Lets those in who know the token.
async fn admit(State(admin): State<Arc<Admin>>, request: Request, next: Next) -> Response {
    let said = request.headers().get(header::AUTHORIZATION);
    let said = said.map_or(&b""[..], HeaderValue::as_bytes);
    let said = match said.split_at_checked(BEARER.len()) {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case(BEARER) => token,
        _ => b"",
    };
    if admin
        .app
        .service()
        .admin_token
        .as_ref()
        .is_some_and(|token| token.is(said))
    {
        return next.run(request).await;
    }
    let mut response = refused(StatusCode::UNAUTHORIZED, "the token is missing or wrong");
    let headers = response.headers_mut();
    headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    // What was not read of the body would be taken for the next request.
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

const BEARER: &[u8] = b"Bearer ";

/// The token's digest: two of one length can be compared without telling how far they agree.
pub(crate) struct Token(ContentDigest);

impl Token {
    pub(crate) fn new(token: &str) -> Self {
        Self(ContentDigest::of(token.as_bytes()))
    }

    fn is(&self, said: &[u8]) -> bool {
        let said = ContentDigest::of(said);
        self.0.as_bytes().ct_eq(said.as_bytes()).into()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfUser {
    tenant: String,
    user: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ResetUser {
    tenant: String,
    user: String,
    reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ResetRecipient {
    tenant: String,
    mobile: String,
    reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ResetSlot {
    tenant: String,
    user: String,
    mobile: String,
    model: String,
    field: String,
    id: String,
    reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfSlot {
    tenant: String,
    user: String,
    mobile: String,
    model: String,
    field: String,
    id: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

async fn unlock(State(admin): State<Arc<Admin>>, request: Request) -> Response {
    admin
        .act(request, |service, asked: OfUser| {
            let lifted = service.unlock(&asked.tenant, &asked.user)?;
            Ok(json!({"lifted": lifted}))
        })
        .await
}

async fn reset_user(State(admin): State<Arc<Admin>>, request: Request) -> Response {
    admin
        .act(request, |service, asked: ResetUser| {
            let lifted = service.reset_user(&asked.tenant, &asked.user, &asked.reason)?;
            Ok(json!({"lifted": lifted}))
        })
        .await
}

async fn reset_recipient(State(admin): State<Arc<Admin>>, request: Request) -> Response {
    admin
        .act(request, |service, asked: ResetRecipient| {
            let number: Recipient = mobile(&asked.mobile)?.into();
            let lifted = service.reset_recipient(&asked.tenant, &number, &asked.reason)?;
            Ok(json!({"lifted": lifted}))
        })
        .await
}

async fn reset_slot(State(admin): State<Arc<Admin>>, request: Request) -> Response {
    admin
        .act(request, |service, asked: ResetSlot| {
            let number = mobile(&asked.mobile)?;
            let user = User::new(&asked.user, "", &asked.tenant, Some(number));
            let field = Target {
                model: &asked.model,
                field: &asked.field,
                id: &asked.id,
            };
            let lifted = service.reset_slot(&user, &field, &asked.reason)?;
            Ok(json!({"lifted": lifted}))
        })
        .await
}

/// Shows how the newest code of a user for a field stands, on the terms that the directory has now.
async fn status(State(admin): State<Arc<Admin>>, request: Request) -> Response {
    admin
        .act(request, |service, asked: OfSlot| {
            let number = mobile(&asked.mobile)?;
            let user = User::new(&asked.user, "", &asked.tenant, Some(number));
            let field = Target {
                model: &asked.model,
                field: &asked.field,
                id: &asked.id,
            };
            service.status(&user, &field)
        })
        .await
}

/// One batch: whoever wants all of it asks until there is no more.
async fn purge(State(admin): State<Arc<Admin>>, request: Request) -> Response {
    let app = admin.app.clone();
    admin
        .act(request, move |service, Nothing {}| {
            let dropped = service.purge_some()?;
            app.metrics.purged(dropped);
            let more = dropped == PURGE_BATCH;
            if !more {
                app.metrics.purge_is_complete(service.clock.now());
            }
            Ok(json!({"dropped": dropped, "more": more}))
        })
        .await
}

async fn reload(State(admin): State<Arc<Admin>>, request: Request) -> Response {
    let server = admin.server.clone();
    if let Err(response) = read::<Nothing>(request).await {
        return response;
    }
    // On no place at the store, and with no service in hand: it waits for those at work with the old one.
    match crate::blocking::run(move || server.reload()).await {
        Ok(Ok(())) => Json(json!({"reloaded": true})).into_response(),
        Ok(Err(error)) => {
            tracing::error!(%error, "keys and passwords are as before: they cannot be read anew");
            // It names a flag and its file, never what stands in it.
            let said = Json(json!({"error": {"code": 409, "message": error.to_string()}}));
            (StatusCode::CONFLICT, said).into_response()
        }
        Err(fault) => admin.failed(&fault),
    }
}

impl Admin {
    /// Does an act on a thread that may block, among the operations on the store.
    async fn act<T: DeserializeOwned + Send + 'static>(
        &self,
        request: Request,
        act: impl FnOnce(&Service, T) -> Result<Value, Fault> + Send + 'static,
    ) -> Response {
        let asked = match read(request).await {
            Ok(asked) => asked,
            Err(response) => return response,
        };
        let service = self.app.service();
        let done = self.app.store.run(move || act(&service, asked)).await;
        match done.and_then(|done| done) {
            Ok(answer) => Json(answer).into_response(),
            Err(fault) => self.failed(&fault),
        }
    }

    /// Answers what failed: what was asked wrongly names the argument, and anything else stands in the log.
    fn failed(&self, fault: &Fault) -> Response {
        if let Some(Bad(why)) = fault.downcast_ref() {
            return refused(StatusCode::BAD_REQUEST, why);
        }
        if let Some(why) = fault.downcast_ref::<BindingError>() {
            return refused(StatusCode::BAD_REQUEST, &why.to_string());
        }
        match fault.downcast_ref() {
            Some(EngineError::Binding(why)) => {
                return refused(StatusCode::BAD_REQUEST, &why.to_string());
            }
            Some(why @ EngineError::ResetReason) => {
                return refused(StatusCode::BAD_REQUEST, &why.to_string());
            }
            Some(why @ EngineError::ClockAhead) => {
                return refused(StatusCode::CONFLICT, &why.to_string());
            }
            _ => (),
        }
        match fault.downcast_ref() {
            None | Some(Denial::Fault(_)) => (),
            Some(denial) => return refused(StatusCode::NOT_FOUND, &denial.to_string()),
        }
        let failure = Failure::of(fault);
        self.app.metrics.store_failed(failure);
        let cause = failure.name();
        tracing::error!(
            cause,
            error = chain(&**fault),
            "an act of administration failed"
        );
        let error = json!({"code": 500, "message": failure.message(), "cause": cause});
        (
            StatusCode::INTERNAL_SERVER_ERROR,
            Json(json!({"error": error})),
        )
            .into_response()
    }
}

/// An argument is not what it must be; the text names it and its bound.
#[derive(Debug)]
struct Bad(String);

impl core::fmt::Display for Bad {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(&self.0)
    }
}

impl core::error::Error for Bad {}

fn mobile(number: &str) -> Result<Mobile, Bad> {
    Mobile::parse(number).map_err(|error| Bad(format!("mobile: {error}")))
}

/// Reads the body of an act, which is an object with these members and no other; none at all is `{}`.
async fn read<T: DeserializeOwned>(request: Request) -> Result<T, Response> {
    let body = Bytes::from_request(request, &()).await;
    let body = body.map_err(|rejection| {
        let mut response = refused(
            rejection.status(),
            "the body must be at most 16 KiB of json",
        );
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(header::CONNECTION, close);
        response
    })?;
    let body = if body.is_empty() { b"{}" } else { &body[..] };
    asked(body).map_err(|why| refused(StatusCode::BAD_REQUEST, &why))
}

/// Takes the members of a body, each of which is a string. Of an array serde would take them by position.
fn asked<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    let said = json::read(body).ok_or("the body must be json")?;
    if let Some(member) = said.twice {
        return Err(format!("{member} stands twice in the body"));
    }
    let Value::Object(mut members) = said.value else {
        return Err("the body must be an object".into());
    };
    // Serde does not name the member that is no string, but first of all one that is missing or not known.
    let mut odd = None;
    for (name, value) in members.iter_mut().filter(|(_, value)| !value.is_string()) {
        odd.get_or_insert_with(|| format!("{} must be a string", json::name(name)));
        *value = Value::from("");
    }
    let asked = serde_json::from_value(Value::Object(members));
    let asked = asked.map_err(|error| format!("the body: {error}"))?;
    odd.map_or(Ok(asked), Err)
}

fn refused(status: StatusCode, why: &str) -> Response {
    let error = json!({"error": {"code": status.as_u16(), "message": why}});
    (status, Json(error)).into_response()
}
