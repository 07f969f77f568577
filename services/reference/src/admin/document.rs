//! The OpenAPI document of the administration.

use serde_json::{Value, json};

/// Returns the document.
#[must_use]
pub fn document() -> Value {
    let lifted = || object(&[("lifted", json!({"type": "boolean"}))]);
    json!({
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
                object(&[("code", json!({"type": ["object", "null"]}))]),
            ),
            "/purge": act(
                "purge", "Drops at most 500 cells that are over, and says whether there may be more",
                &[],
                object(&[
                    ("dropped", json!({"type": "integer", "minimum": 0, "maximum": 500})),
                    ("more", json!({"type": "boolean"})),
                ]),
            ),
            "/reload": act(
                "reload", "Reads keys and passwords anew, as SIGHUP does; on 409 all is as before",
                &[], object(&[("reloaded", json!({"type": "boolean"}))]),
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
    })
}

fn act(id: &str, summary: &str, members: &[&str], answer: Value) -> Value {
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
    let refused = |why: &str| {
        json!({
            "description": why,
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
        })
    };
    json!({"post": {
        "operationId": id,
        "summary": summary,
        "security": [{"token": []}],
        "requestBody": {"required": true, "content": {"application/json": {"schema": body}}},
        "responses": {
            "200": {
                "description": "Done",
                "content": {"application/json": {"schema": answer}},
            },
            "400": refused("No such body, or an argument that is named"),
            "401": refused("The token is missing or wrong"),
            "404": refused("The directory knows no such field or record"),
            "409": refused("A file that cannot be read, or a clock that is far ahead"),
            "413": refused("A body of more than 16 KiB"),
            "500": refused("The store or the directory failed: `cause` says how"),
            "503": refused("It took too long"),
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
