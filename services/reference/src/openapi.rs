//! The OpenAPI document: its bounds are the constants by which requests are read.

mod schemas;

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use crate::app::App;
use crate::directory::Login;
use crate::json::MAX_IDENTIFIER;
use crate::request::{MAX_ID, MAX_URL};

pub(crate) async fn serve(State(app): State<Arc<App>>) -> Json<Value> {
    Json(document(&app.service().directory.login()))
}

/// Returns the document for clients that log in in this way.
#[must_use]
pub fn document(login: &Login) -> Value {
    let scheme = scheme(login);
    let route =
        |id, summary, name, more: &[Parameter]| route(id, summary, name, more, scheme.is_some());
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "OTP contract",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "One-time codes on record fields, and the signatures they leave. The three \
                            routes answer with HTTP 200 and say in `result.status` what came of it.",
            "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"},
        },
        "paths": {
            "/api/esms_otp/send_esms_otp": route(
                "send", "Sends a code to the registered number of the user",
                "Send", &[REDIRECT],
            ),
            "/api/esms_otp/verify_esms_otp": route(
                "verify", "Judges a code, and signs the field with it", "Verify", &[],
            ),
            "/api/esms_otp/get_esms_otp_signature": route(
                "get", "Returns the newest signature of a field", "Get", &[],
            ),
            "/api/esms_otp/get_esms_otp_disclosures": route(
                "disclosures",
                "Returns the newest record of a field and its disclosures, these to its own signer alone",
                "Disclosures", &[],
            ),
            "/health/live": plain("live", "The process runs", "application/json", &[]),
            "/health/ready": plain("ready", "The store takes writes, and the service is not stopping", "application/json", &["503"]),
            "/metrics": plain(
                "metrics", "What was counted, in the text format of Prometheus",
                "application/openmetrics-text; version=1.0.0; charset=utf-8", &[],
            ),
            "/.well-known/jwks.json": plain(
                "keys", "The public keys that records verify with", "application/jwk-set+json", &[],
            ),
            "/openapi.json": plain("openapi", "This document", "application/json", &[]),
        },
        "webhooks": {"callback": callback()},
        "components": {"schemas": schemas::all()},
    });
    if let Some(scheme) = scheme {
        document["components"]["securitySchemes"] = json!({LOGIN: scheme});
    }
    document
}

/// The name of the one security scheme.
const LOGIN: &str = "login";

/// Says how clients log in.
fn scheme(login: &Login) -> Option<Value> {
    match login {
        Login::Demo => Some(json!({
            "type": "apiKey", "in": "header", "name": "X-Demo-User",
            "description": "Who asks, with --demo: an id from 1 to 1,000,000.",
        })),
        Login::Bearer => Some(json!({
            "type": "http", "scheme": "bearer", "bearerFormat": "JWT",
            "description": "A token of the issuer that the service trusts.",
        })),
        Login::Proxy { header } => Some(json!({
            "type": "apiKey", "in": "header", "name": header,
            "description": "Set by the proxy that logs users in; from any other address it is ignored.",
        })),
        Login::Other => None,
    }
}

/// What the service asks who knows the records: a server that others write.
fn callback() -> Value {
    json!({"post": {
        "operationId": "callback",
        "summary": "Says what may be signed, by whom, to which number, with which content",
        "description": "The service asks before it sends a code, before it judges one and before it shows a \
                        signature. An `Authorization: Bearer` header has the token of `callback.token_file`. \
                        A status from 500 on, no answer or a late one is answered to the client as 503; any \
                        other answer than these two forms as 502. In each of these cases nothing is sent, \
                        judged or shown.",
        "requestBody": {
            "required": true,
            "content": {"application/json": {"schema": reference("CallbackQuestion")}},
        },
        "responses": {"200": {
            "description": "Allowed or refused, in at most 16 KiB",
            "content": {"application/json": {
                "schema": {"oneOf": [reference("CallbackAllowed"), reference("CallbackRefused")]},
            }},
        }},
    }})
}

/// A parameter that may stand in the query as well.
type Parameter = (&'static str, fn() -> Value);

const REDIRECT: Parameter = ("redirect_url", path);

fn identifier() -> Value {
    json!({"type": "string", "pattern": "^[A-Za-z0-9_.]+$", "minLength": 1, "maxLength": MAX_IDENTIFIER})
}

fn record_id() -> Value {
    json!({"type": "integer", "minimum": 1, "maximum": MAX_ID})
}

fn path() -> Value {
    json!({
        "type": "string", "maxLength": MAX_URL,
        "pattern": r"^/([!-.0-\[\]-~][!-\[\]-~]*)?$",
    })
}

fn route(id: &str, summary: &str, name: &str, more: &[Parameter], has_scheme: bool) -> Value {
    let own: [Parameter; 3] = [
        ("model", identifier),
        ("field", identifier),
        ("id", record_id),
    ];
    let parameters = own.iter().chain(more).map(|(name, schema)| {
        json!({
            "name": name, "in": "query", "required": false, "schema": schema(),
            "description": "In place of the member of params, or the same as it.",
        })
    });
    let parameters: Vec<_> = parameters.collect();
    let refused = |why: &str| json!({"description": why, "content": {"application/json": {"schema": reference("HttpError")}}});
    let mut route = json!({"post": {
        "operationId": id,
        "summary": summary,
        "parameters": parameters,
        "requestBody": {
            "required": true,
            "content": {"application/json": {"schema": reference(&format!("{name}Request"))}},
        },
        "responses": {
            "200": {
                "description": "Answered: `result.status` says how; or an `error` of code 100: nobody is logged in",
                "content": {"application/json": {"schema": reference(&format!("{name}Response"))}},
            },
            "400": refused("No JSON object"),
            "413": refused("A body of more than 2 MiB"),
            "415": refused("Another type of content than JSON"),
            "503": refused("Too many requests at once, or one that took too long"),
        },
    }});
    if has_scheme {
        route["post"]["security"] = json!([{LOGIN: []}]);
    }
    route
}

fn plain(id: &str, summary: &str, kind: &str, failures: &[&str]) -> Value {
    let schema = if kind.contains("json") {
        json!({"type": "object"})
    } else {
        json!({"type": "string"})
    };
    let answer = json!({"description": summary, "content": {kind: {"schema": schema}}});
    let mut responses = json!({"200": answer});
    for failure in failures {
        responses[*failure] = json!({
            "description": "Not now",
            "content": {"application/json": {"schema": {"type": "object"}}},
        });
    }
    json!({"get": {"operationId": id, "summary": summary, "responses": responses}})
}

fn reference(schema: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{schema}")})
}
