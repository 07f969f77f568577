//! The OpenAPI document: its bounds are the constants by which requests are read.

mod schemas;

use axum::Json;
use serde_json::{Value, json};

use crate::json::MAX_IDENTIFIER;
use crate::request::{MAX_ID, MAX_URL};

pub(crate) async fn serve() -> Json<Value> {
    Json(document())
}

/// Returns the document.
#[must_use]
pub fn document() -> Value {
    json!({
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
        "components": {"schemas": schemas::all()},
    })
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

fn route(id: &str, summary: &str, name: &str, more: &[Parameter]) -> Value {
    let own: [Parameter; 3] = [
        ("model", identifier),
        ("field", identifier),
        ("id", record_id),
    ];
    let mut parameters = vec![json!({
        "name": "X-Demo-User", "in": "header", "required": false,
        "description": "Who asks, with --demo: an id from 1 to 1,000,000. A host has logins of its own.",
        "schema": {"type": "string", "pattern": "^[1-9][0-9]{0,5}$"},
        "example": "7",
    })];
    parameters.extend(own.iter().chain(more).map(|(name, schema)| {
        json!({
            "name": name, "in": "query", "required": false, "schema": schema(),
            "description": "In place of the member of params, or the same as it.",
        })
    }));
    let refused = |why: &str| json!({"description": why, "content": {"application/json": {"schema": reference("HttpError")}}});
    json!({"post": {
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
    }})
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
