//! The three routes: who asks, what the service answers, and the message in between.

use core::net::IpAddr;
use core::time::Duration;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, Query, Request, State};
use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use tokio::runtime::Handle;
use tokio::sync::TryAcquireError;
use tokio::time::Instant;

use crate::answer;
use crate::app::App;
use crate::blocking::{self, Place};
use crate::directory::{Access, Fault};
use crate::envelope::{self, Call, Refused};
use crate::error::chain;
use crate::failure::Failure;
use crate::proxies::Client;
use crate::request::{self, Bad, Query as Params, RequestTarget, Send, Verify};
use crate::service::{Admitted, Ended, Origin, Outcome, Service, Shown};

/// Where a connection comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// The status in an answer's body, for the log.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answered(pub(crate) u64);

pub(crate) async fn send(State(app): State<Arc<App>>, request: Request) -> Response {
    answer(app, request, Route::Send).await
}

pub(crate) async fn verify(State(app): State<Arc<App>>, request: Request) -> Response {
    answer(app, request, Route::Verify).await
}

pub(crate) async fn get(State(app): State<Arc<App>>, request: Request) -> Response {
    answer(app, request, Route::Get).await
}

pub(crate) async fn disclosures(State(app): State<Arc<App>>, request: Request) -> Response {
    answer(app, request, Route::Disclosures).await
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Route {
    Send,
    Verify,
    Get,
    Disclosures,
}

/// All that a request brings to a route.
struct Asked {
    params: Value,
    /// A member of the body that stands twice.
    twice: Option<String>,
    query: Params,
    origin: Origin,
}

async fn answer(app: Arc<App>, request: Request, route: Route) -> Response {
    let place = match app.requests.clone().try_acquire_owned() {
        Ok(place) => place,
        Err(TryAcquireError::NoPermits | TryAcquireError::Closed) => {
            return Refused::new(StatusCode::SERVICE_UNAVAILABLE, "too many requests at once")
                .into_response();
        }
    };
    let (id, asked) = match read(request).await {
        Ok(read) => read,
        Err(refused) => return refused.into_response(),
    };
    // Not before the body is here: a client that takes its time with it would have had the hold.
    let came = Instant::now();
    let ended = match perform(&app, route, asked, place).await {
        Ok(answer) => Ended::Answered(answer),
        Err(ended) => ended,
    };
    let response = match ended {
        Ended::LoggedOut(why) => {
            tracing::info!(why, "nobody is logged in");
            envelope::logged_out(&id, why)
        }
        Ended::Answered(answer) => enveloped(&id, &answer),
        Ended::Failed(fault) => enveloped(&id, &failed(&app, &fault)),
    };
    let is_accepted = matches!(response.extensions().get(), Some(Answered(200)));
    if route == Route::Verify && !is_accepted {
        hold(app.rejection_hold, came).await;
    }
    response
}

/// Waits until the next multiple of `hold` after a request came: where a rejection was decided in
/// time, that is the first one, and how long it took does not show. Nothing but the connection
/// waits, and a client that goes away ends it.
async fn hold(hold: Duration, came: Instant) {
    let Some(past) = came.elapsed().as_nanos().checked_rem(hold.as_nanos()) else {
        return; // zero holds none
    };
    let past = Duration::from_nanos(u64::try_from(past).unwrap_or(0));
    tokio::time::sleep(hold.saturating_sub(past)).await;
}

fn enveloped(id: &Value, answer: &Value) -> Response {
    let mut response = envelope::result(id, answer);
    let status = answer["status"].as_u64().unwrap_or(0);
    // For proxies and clients that know HTTP alone; the status of HTTP stays the contract's 200.
    if let Some(wait) = answer["retry_after"].as_u64() {
        response.headers_mut().insert(RETRY_AFTER, wait.into());
    }
    response.extensions_mut().insert(Answered(status));
    response
}

/// Answers a failure; its cause stands in the log under the same reference.
fn failed(app: &App, fault: &Fault) -> Value {
    let mut bytes = [0; 6];
    // Without randomness the line is found by its time.
    let _ = getrandom::fill(&mut bytes);
    let reference: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let failure = Failure::of(fault);
    app.metrics.failed(failure);
    let cause = failure.name();
    tracing::error!(reference, cause, error = chain(&**fault), "failed");
    answer::failed(failure, &reference)
}

async fn read(request: Request) -> Result<(Value, Asked), Refused> {
    let headers = request.headers().clone();
    envelope::check_head(&headers)?;
    let query = Query::<Params>::try_from_uri(request.uri()).map_err(|_| {
        Refused::new(
            StatusCode::BAD_REQUEST,
            "the query must be name=value pairs",
        )
    })?;
    let address = request.extensions().get::<Peer>().map(|peer| peer.0);
    let client = request.extensions().get::<Client>().map(|client| client.0);
    let body = Bytes::from_request(request, &()).await;
    let body = body.map_err(|rejection: BytesRejection| {
        if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
            envelope::too_large()
        } else {
            Refused::new(StatusCode::BAD_REQUEST, "the body cannot be read")
        }
    })?;
    let Call { id, params, twice } = envelope::open(&body)?;
    let asked = Asked {
        params,
        twice,
        query: query.0,
        origin: Origin {
            headers,
            address,
            client,
        },
    };
    Ok((id, asked))
}

/// What is to be done, once the directory has let it.
enum Work {
    Send(Send),
    Verify(Box<(Verify, Origin)>),
    Get(RequestTarget, Shown),
}

/// Asks the directory, then does what is asked in one job on one thread: each hand-over to another one costs
/// as much as the work. A directory that asks another service is asked on a thread that takes no place from
/// the store.
async fn perform(app: &Arc<App>, route: Route, asked: Asked, place: Place) -> Outcome<Value> {
    let service = app.service();
    let is_remote = service.directory.is_remote();
    let admit = move || admit(&service, route, asked);
    if is_remote {
        let admitted = app.lookups.run(admit).await??;
        work(app.clone(), route, place, move || Ok(admitted)).await
    } else {
        work(app.clone(), route, place, admit).await
    }
}

/// Finds out who asks for what, and whether the directory lets them.
fn admit(service: &Service, route: Route, asked: Asked) -> Outcome<(Admitted, Work)> {
    let user = service.user(&asked.origin.caller())?;
    if let Some(member) = &asked.twice {
        return Err(request::twice(member).into());
    }
    let shown = match route {
        Route::Send => {
            let asked = Send::read(&asked.params, &asked.query)?;
            let admitted = service.admit(user, &asked.place, Access::Sign)?;
            return Ok((admitted, Work::Send(asked)));
        }
        Route::Verify => {
            let entered = Verify::read(&asked.params, &asked.query)?;
            let admitted = service.admit(user, &entered.place, Access::Sign)?;
            return Ok((admitted, Work::Verify(Box::new((entered, asked.origin)))));
        }
        Route::Get => Shown::Signature,
        Route::Disclosures => Shown::Disclosures,
    };
    let field = RequestTarget::of_get(&asked.params, &asked.query)?;
    let admitted = service.admit(user, &field, Access::Read)?;
    Ok((admitted, Work::Get(field, shown)))
}

/// Does the work. The job holds the request's place and goes on where its client has gone away: no code is left
/// without its message. A code is made when there is a place for its message too, and the gateway is asked
/// without one at the store.
async fn work(
    app: Arc<App>,
    route: Route,
    place: Place,
    admit: impl FnOnce() -> Outcome<(Admitted, Work)> + core::marker::Send + 'static,
) -> Outcome<Value> {
    let message = match route {
        Route::Send => Some(app.messages.enter().await?),
        _ => None,
    };
    let store = app.store.enter().await?;
    let threads = Handle::current();
    let job = move || {
        let _places = (place, message);
        let service = app.service();
        let (admitted, work) = admit()?;
        let asked = match work {
            Work::Send(asked) => asked,
            Work::Verify(asked) => return service.verify(&admitted, &asked.0, &asked.1),
            Work::Get(field, shown) => return service.signature(&admitted, &field, shown),
        };
        let outgoing = service.issue(&admitted, &asked)?;
        drop(store);
        let said = service.hand_over(&outgoing);
        app.metrics.message(&said);
        // Mostly there is nothing to write: what was taken is kept for the next guess.
        let _store = match &said {
            Ok(reply) if !reply.is_ok() => Some(threads.block_on(app.store.enter())?),
            _ => None,
        };
        Ok(service.report(&outgoing, &said))
    };
    blocking::run(job).await?
}

impl From<Bad> for Ended {
    fn from(bad: Bad) -> Self {
        Self::Answered(answer::bad(&bad))
    }
}
