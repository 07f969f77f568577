//! The envelope around a request and its answer: that of the existing back end's JSON routes.

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::json::{self, Said};

/// The largest body of a request: an image in base64 with its line breaks, and margin.
pub(crate) const MAX_BODY: usize = 2 << 20;
/// The longest text that a client may number its requests with, in bytes.
pub(crate) const MAX_ID: usize = 256;

/// What a request brings: what its answer repeats, and what it asks.
pub(crate) struct Call {
    pub(crate) id: Value,
    pub(crate) params: Value,
    /// A member that stands twice: then it is about two things.
    pub(crate) twice: Option<String>,
}

/// A request that no route was asked with: the HTTP status says what is wrong with it.
#[derive(Debug)]
pub(crate) struct Refused {
    status: StatusCode,
    why: &'static str,
}

impl Refused {
    pub(crate) const fn new(status: StatusCode, why: &'static str) -> Self {
        Self { status, why }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let code = self.status.as_u16();
        let body = json!({
            "jsonrpc": "2.0",
            "id": null,
            "error": {"code": code, "message": self.why},
        });
        let mut response = (self.status, axum::Json(body)).into_response();
        let headers = response.headers_mut();
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        // What was not read of the body would be taken for the next request.
        if matches!(code, 408 | 413 | 503) {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

/// Refuses a body that is announced as too large, or as something else than JSON.
pub(crate) fn check_head(headers: &HeaderMap) -> Result<(), Refused> {
    let text = |name| {
        headers
            .get(name)
            .and_then(|value: &HeaderValue| value.to_str().ok())
    };
    let kind = text(header::CONTENT_TYPE).unwrap_or("");
    let kind = kind.split(';').next().unwrap_or("").trim();
    if !["application/json", "application/json-rpc"]
        .iter()
        .any(|json| kind.eq_ignore_ascii_case(json))
    {
        return Err(Refused::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "content-type must be application/json",
        ));
    }
    let length = text(header::CONTENT_LENGTH).and_then(|length| length.parse::<u64>().ok());
    if length.is_some_and(|length| length > MAX_BODY as u64) {
        return Err(too_large());
    }
    Ok(())
}

pub(crate) const fn too_large() -> Refused {
    Refused::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "the body must be at most 2 MiB",
    )
}

/// Opens the envelope.
pub(crate) fn open(body: &Bytes) -> Result<Call, Refused> {
    let bad = |why| Refused::new(StatusCode::BAD_REQUEST, why);
    let Said { value, twice } = json::read(body).ok_or_else(|| bad("the body must be json"))?;
    let Value::Object(mut body) = value else {
        return Err(bad("the body must be an object"));
    };
    let id = body.remove("id").unwrap_or(Value::Null);
    let is_id = match &id {
        Value::Null | Value::Number(_) => true,
        Value::String(text) => text.len() <= MAX_ID,
        _ => false,
    };
    if !is_id {
        return Err(bad(
            "id must be a number, a text of at most 256 bytes, or null",
        ));
    }
    // No params at all is an empty object: they may all stand in the query.
    let params = body.remove("params");
    let params = params.unwrap_or_else(|| Value::Object(serde_json::Map::new()));
    Ok(Call { id, params, twice })
}

/// Puts a result into its envelope.
pub(crate) fn result(id: &Value, result: &Value) -> Response {
    axum::Json(json!({"jsonrpc": "2.0", "id": id, "result": result})).into_response()
}

/// Tells a client that nobody is logged in, as the existing back end does: clients know the code.
/// `why` says what is missing or wrong.
pub(crate) fn logged_out(id: &Value, why: &str) -> Response {
    axum::Json(json!({
        "jsonrpc": "2.0",
        "id": id,
        "error": {
            "code": 100,
            "message": "Odoo Session Expired",
            "data": {"name": "odoo.http.SessionExpiredException", "message": why},
        },
    }))
    .into_response()
}
