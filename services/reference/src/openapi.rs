//! The OpenAPI document: its bounds are the constants by which requests are read.

mod examples;
mod schemas;

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use crate::app::App;
use crate::directory::Login;
use crate::json::MAX_IDENTIFIER;
use crate::request::{MAX_ID, MAX_URL};

/// Serves the document; without what the administration has on a listener of its own.
pub(crate) async fn serve(State(app): State<Arc<App>>, with_health: bool) -> Json<Value> {
    let mut document = document(&app.service().directory.login());
    if let Some(paths) = document["paths"].as_object_mut() {
        paths.retain(|path, _| with_health || watched().get(path).is_none());
    }
    Json(document)
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
            "/.well-known/jwks.json": plain(
                "keys", "The public keys that records verify with", "application/jwk-set+json",
                &examples::keys(),
            ),
            "/openapi.json": itself(),
        },
        "webhooks": {"callback": callback()},
        "components": {"schemas": schemas::all()},
    });
    for (path, told) in watched().as_object().into_iter().flatten() {
        document["paths"][path] = told.clone();
    }
    if let Some(scheme) = scheme {
        document["components"]["securitySchemes"] = json!({LOGIN: scheme});
    }
    document
}

/// How the service is: here, or where the administration listens.
pub(crate) fn watched() -> Value {
    let mut ready = plain(
        "ready",
        "The store takes writes, and the service is not stopping",
        JSON,
        &json!({"status": "ready", "purge": "done"}),
    );
    ready["get"]["responses"]["503"] = json!({
        "description": "Not now",
        "content": {JSON: {
            "schema": {"type": "object"},
            "example": {"status": "unavailable", "cause": "full", "purge": "done"},
        }},
    });
    json!({
        "/health/live": plain("live", "The process runs", JSON, &json!({"status": "live"})),
        "/health/ready": ready,
        "/metrics": plain(
            "metrics", "What was counted, in the text format of Prometheus",
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
            &json!(concat!(
                "# HELP otp_reference_build What was built.\n# TYPE otp_reference_build info\n",
                "otp_reference_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1\n# EOF\n",
            )),
        ),
    })
}

/// The document, as one of its own paths.
pub(crate) fn itself() -> Value {
    let example = json!({"openapi": "3.1.0"});
    plain("openapi", "This document", JSON, &example)
}

const JSON: &str = "application/json";

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
                "examples": examples::callback(),
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
    let refused = |code: u16, why: &str, message: &str| {
        json!({"description": why, "content": {JSON: {
            "schema": reference("HttpError"),
            "example": {"jsonrpc": "2.0", "id": null, "error": {"code": code, "message": message}},
        }}})
    };
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
                "content": {"application/json": {
                    "schema": reference(&format!("{name}Response")),
                    "examples": examples::of(name),
                }},
            },
            "400": refused(400, "No JSON object", "the body must be json"),
            "413": refused(413, "A body of more than 2 MiB", "the body must be at most 2 MiB"),
            "415": refused(
                415, "Another type of content than JSON", "content-type must be application/json",
            ),
            "503": refused(
                503, "Too many requests at once, or one that took too long",
                "too many requests at once",
            ),
        },
    }});
    if has_scheme {
        route["post"]["security"] = json!([{LOGIN: []}]);
    }
    route
}

fn plain(id: &str, summary: &str, kind: &str, example: &Value) -> Value {
    let schema = if kind.contains("json") {
        json!({"type": "object"})
    } else {
        json!({"type": "string"})
    };
    let content = json!({kind: {"schema": schema, "example": example}});
    json!({"get": {
        "operationId": id, "summary": summary,
        "responses": {"200": {"description": summary, "content": content}},
    }})
}

fn reference(schema: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{schema}")})
}
