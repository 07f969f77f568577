//! The OpenAPI document of the administration.

use serde_json::{Value, json};

use crate::failure::Failure;
use crate::openapi::{itself, watched};

/// Returns the document.
#[must_use]
pub fn document() -> Value {
    let lifted = || {
        let schema = object(&[("lifted", json!({"type": "boolean"}))]);
        (schema, json!({"lifted": true}))
    };
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "OTP contract, administration",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "For those who run the service, on a listener of its own.",
            "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"},
        },
        "paths": {
            "/unlock": act(
                "unlock", "Ends the lock of a user, and forgets the wrong guesses of the day",
                &["tenant", "user"], lifted(),
            ),
            "/reset/user": act(
                "reset_user", "Lifts a user's locks, and the limit of their sends with them",
                &["tenant", "user", "reason"], lifted(),
            ),
            "/reset/recipient": act(
                "reset_recipient", "Forgets what was sent to a number and failed against it",
                &["tenant", "mobile", "reason"], lifted(),
            ),
            "/reset/slot": act(
                "reset_slot", "Lifts what holds a user's codes for a field up; calls a pending one off",
                &["tenant", "user", "mobile", "model", "field", "id", "reason"], lifted(),
            ),
            "/status": act(
                "status", "Shows how the newest code of a user for a field stands, as the field is now",
                &["tenant", "user", "mobile", "model", "field", "id"],
                (object(&[("code", json!({"type": ["object", "null"]}))]), json!({"code": {
                    "esms_otp_generation_id": "gen_1E00S88RV001XQAEAC0000Q2KG",
                    "state": "pending",
                    "issued_at": "2024-05-15 10:00:00", "expires_at": "2024-05-15 10:03:00",
                    "attempts_left": 4, "sends": 1,
                    "delivery": "sent", "gateway_status": null,
                    "next_send_at": "2024-05-15 10:01:00",
                    "lock": "free", "locked_until": null,
                }})),
            ),
            "/purge": act(
                "purge", "Drops at most 500 cells that are over, and says whether there may be more",
                &[],
                (object(&[
                    ("dropped", json!({"type": "integer", "minimum": 0, "maximum": 500})),
                    ("more", json!({"type": "boolean"})),
                ]), json!({"dropped": 12, "more": false})),
            ),
            "/reload": act(
                "reload", "Reads keys and passwords anew, as SIGHUP does; on 409 all is as before",
                &[],
                (object(&[("reloaded", json!({"type": "boolean"}))]), json!({"reloaded": true})),
            ),
        },
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {"Error": object(&[("error", json!({
                "type": "object",
                "required": ["code", "message"],
                "properties": {
                    "code": {"type": "integer"},
                    "message": {"type": "string"},
                    "cause": {"type": "string"},
                },
            }))])},
        },
    });
    document["paths"]["/openapi.json"] = itself();
    for (path, told) in watched().as_object().into_iter().flatten() {
        document["paths"][path] = told.clone();
    }
    document
}

/// An act; `answer` is the schema of its answer, and an example.
fn act(id: &str, summary: &str, members: &[&str], answer: (Value, Value)) -> Value {
    let properties: serde_json::Map<String, Value> = members
        .iter()
        .map(|name| {
            let longest = if *name == "reason" { 256 } else { 128 };
            let schema = json!({"type": "string", "minLength": 1, "maxLength": longest});
            ((*name).into(), schema)
        })
        .collect();
    let body = json!({
        "type": "object", "required": members, "properties": properties,
        "additionalProperties": false,
    });
    let refused = |why: &str, example: Value| {
        json!({
            "description": why,
            "content": {"application/json": {
                "schema": {"$ref": "#/components/schemas/Error"},
                "example": {"error": example},
            }},
        })
    };
    let said = |code: u16, message: &str| json!({"code": code, "message": message});
    let failure = Failure::Full;
    let failed = json!({"code": 500, "message": failure.message(), "cause": failure.name()});
    let (schema, example) = answer;
    json!({"post": {
        "operationId": id,
        "summary": summary,
        "security": [{"token": []}],
        "requestBody": {"required": true, "content": {"application/json": {"schema": body}}},
        "responses": {
            "200": {
                "description": "Done",
                "content": {"application/json": {"schema": schema, "example": example}},
            },
            "400": refused(
                "No such body, or an argument that is named",
                said(400, "the body must be an object"),
            ),
            "401": refused(
                "The token is missing or wrong", said(401, "the token is missing or wrong"),
            ),
            "404": refused(
                "The directory knows no such field or record", said(404, "No such record"),
            ),
            "409": refused(
                "A file that cannot be read, or a clock that is far ahead",
                said(409, "--admin-token: the file token must hold 32 to 512 visible characters"),
            ),
            "413": refused(
                "A body of more than 16 KiB", said(413, "the body must be at most 16 KiB of json"),
            ),
            "500": refused("The store or the directory failed: `cause` says how", failed),
            "503": refused(
                "It took too long",
                said(503, "the request took too long; what it asked for may have been done"),
            ),
        },
    }})
}

fn object(members: &[(&str, Value)]) -> Value {
    let names: Vec<&str> = members.iter().map(|(name, _)| *name).collect();
    let properties: serde_json::Map<String, Value> = members
        .iter()
        .map(|(name, schema)| ((*name).into(), schema.clone()))
        .collect();
    json!({"type": "object", "required": names, "properties": properties})
}
