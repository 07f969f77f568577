//! The three routes: who asks, what the service answers, and the message in between.

use core::net::IpAddr;
use core::time::Duration;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, Query, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use tokio::sync::TryAcquireError;
use tokio::time::Instant;

use crate::answer;
use crate::app::App;
use crate::directory::{Access, Fault, User};
use crate::envelope::{self, Call, Refused};
use crate::error::chain;
use crate::failure::Failure;
use crate::request::{self, Bad, Query as Params, RequestTarget, Send, Verify};
use crate::service::{Admitted, Ended, Origin, Outcome, Shown};

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
    let counted = app.clone();
    // A task of its own: a client that goes away must not leave a code without its message.
    let task = tokio::spawn(async move {
        let ended = match perform(&app, route, asked).await {
            Ok(answer) => Ended::Answered(answer),
            Err(ended) => ended,
        };
        drop(place);
        ended
    });
    let ended = task.await;
    let response = match ended.unwrap_or_else(|error| Ended::Failed(error.into())) {
        Ended::LoggedOut(why) => {
            tracing::info!(why, "nobody is logged in");
            envelope::logged_out(&id, why)
        }
        Ended::Answered(answer) => enveloped(&id, &answer),
        Ended::Failed(fault) => enveloped(&id, &failed(&counted, &fault)),
    };
    let is_accepted = matches!(response.extensions().get(), Some(Answered(200)));
    if route == Route::Verify && !is_accepted {
        hold(counted.rejection_hold, came).await;
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
        origin: Origin { headers, address },
    };
    Ok((id, asked))
}

async fn perform(app: &Arc<App>, route: Route, asked: Asked) -> Outcome<Value> {
    let service = app.service();
    let user = move |asked: &Asked| -> Outcome<User> {
        let user = service.user(&asked.origin.caller())?;
        match &asked.twice {
            Some(member) => Err(request::twice(member).into()),
            None => Ok(user),
        }
    };
    let (knows, service) = (app.service(), app.service());
    match route {
        Route::Send => {
            let admit = move || {
                let user = user(&asked)?;
                let asked = Send::read(&asked.params, &asked.query)?;
                Ok((knows.admit(user, &asked.place, Access::Sign)?, asked))
            };
            let issue = move |(admitted, asked): (Admitted, Send)| service.issue(&admitted, &asked);
            let outgoing = Arc::new(in_turn(app, admit, issue).await?);
            let (service, message) = (app.service(), outgoing.clone());
            let said = app
                .messages
                .run(move || service.hand_over(&message))
                .await?;
            app.metrics.message(&said);
            let service = app.service();
            let report = move || service.report(&outgoing, &said);
            Ok(app.store.run(report).await?)
        }
        Route::Verify => {
            let admit = move || {
                let user = user(&asked)?;
                let entered = Verify::read(&asked.params, &asked.query)?;
                let admitted = knows.admit(user, &entered.place, Access::Sign)?;
                Ok((admitted, entered, asked.origin))
            };
            let verify = move |(admitted, entered, origin): (Admitted, Verify, Origin)| {
                service.verify(&admitted, &entered, &origin)
            };
            in_turn(app, admit, verify).await
        }
        Route::Get | Route::Disclosures => {
            let shown = match route {
                Route::Disclosures => Shown::Disclosures,
                _ => Shown::Signature,
            };
            let admit = move || {
                let user = user(&asked)?;
                let place = RequestTarget::of_get(&asked.params, &asked.query)?;
                Ok((knows.admit(user, &place, Access::Read)?, place))
            };
            let get = move |(admitted, place): (Admitted, RequestTarget)| {
                service.signature(&admitted, &place, shown)
            };
            in_turn(app, admit, get).await
        }
    }
}

/// Asks the directory, then does the work: on one thread, or, where the directory asks another
/// service, the first on a thread that takes no place from the store.
async fn in_turn<A, T>(
    app: &App,
    ask: impl FnOnce() -> Outcome<A> + core::marker::Send + 'static,
    work: impl FnOnce(A) -> Outcome<T> + core::marker::Send + 'static,
) -> Outcome<T>
where
    A: core::marker::Send + 'static,
    T: core::marker::Send + 'static,
{
    if !app.service().directory.is_remote() {
        return app.store.run(move || work(ask()?)).await?;
    }
    let asked = app.lookups.run(ask).await??;
    app.store.run(move || work(asked)).await?
}

impl From<Bad> for Ended {
    fn from(bad: Bad) -> Self {
        Self::Answered(answer::bad(&bad))
    }
}
