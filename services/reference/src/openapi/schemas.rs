//! What requests and answers look like.

use serde_json::{Map, Value, json};

use super::{identifier, path, record_id, reference};
use crate::directory::configured::{MAX_CONTENT, MAX_TEXT, MAX_WORDS};
use crate::envelope;
use crate::request::{MAX_BASE64, MAX_NAME};

pub(super) fn all() -> Value {
    let id = json!({"type": ["string", "number", "null"], "maxLength": envelope::MAX_ID});
    let mut schemas = Map::new();
    let mut add = |name: &str, schema: Value| schemas.insert(name.into(), schema);
    for (name, params, answers) in [
        (
            "Send",
            send(),
            &["Sent", "Locked", "Limited", "GatewayFailed"][..],
        ),
        ("Verify", verify(), &["Verified", "Wrong", "Locked"]),
        ("Get", place(&[]), &["Signature"]),
        ("Disclosures", place(&[]), &["Disclosed"]),
    ] {
        add(&format!("{name}Request"), request(&id, &params));
        add(&format!("{name}Response"), response(&id, answers));
    }
    add("Refused", answer(&[400, 403, 404], &[]));
    add(
        "Failed",
        answer(&[500, 502, 503], &[("reference", text("^[0-9a-f]{12}$"))]),
    );
    add("Limited", answer(&[429], &[("retry_after", seconds())]));
    add("Locked", answer(&[423], &[("retry_after", seconds())]));
    let left = json!({"type": "integer", "minimum": 0, "maximum": 10});
    add("Wrong", answer(&[400], &[("attempts_left", left)]));
    let status = ("esms_otp_response_status", text("^[!-~]{0,5}$"));
    add(
        "GatewayFailed",
        answer(&[502], core::slice::from_ref(&status)),
    );
    let mut sent = answer(
        &[200],
        &[
            ("esms_otp_generation_id", generation()),
            status,
            (
                "duration",
                json!({"type": "integer", "minimum": 1, "maximum": 9}),
            ),
            ("expiration_time", instant()),
            ("recipient_mobile", text("^[0-9*]{8,15}$")),
        ],
    );
    // Within the cooldown alone.
    sent["properties"]["retry_after"] = seconds();
    add("Sent", sent);
    add(
        "Verified",
        answer(
            &[200],
            &[
                ("esms_otp_generation_id", generation()),
                ("verified_at", instant()),
                ("signature_id", whole()),
                ("redirect_url", or_false(path())),
            ],
        ),
    );
    add(
        "Signature",
        answer(
            &[200],
            &[
                ("esms_otp_generation_id", generation()),
                ("verified_at", instant()),
                ("signature_id", whole()),
                ("signer_name", or_false(json!({"type": "string"}))),
                (
                    "signature",
                    or_false(json!({"type": "string", "contentEncoding": "base64"})),
                ),
                ("recipient_mobile", or_false(text("^[0-9*]{8,15}$"))),
                ("signature_record", jws()),
            ],
        ),
    );
    let disclosures = json!({"type": "array", "items": {"type": "string"}});
    add(
        "Disclosed",
        answer(
            &[200],
            &[
                ("signature_record", jws()),
                ("signature_disclosures", disclosures),
            ],
        ),
    );
    let error = |code: Value| {
        json!({
            "type": "object",
            "required": ["code", "message"],
            "properties": {
                "code": code, "message": {"type": "string"}, "data": {"type": "object"},
            },
            "additionalProperties": false,
        })
    };
    let failure = |code: Value| {
        json!({
            "type": "object",
            "required": ["jsonrpc", "id", "error"],
            "properties": {"jsonrpc": {"const": "2.0"}, "id": id.clone(), "error": error(code)},
            "additionalProperties": false,
        })
    };
    add("LoggedOut", failure(json!({"const": 100})));
    add(
        "HttpError",
        failure(json!({"type": "integer", "minimum": 400, "maximum": 503})),
    );
    for (name, schema) in callback() {
        add(name, schema);
    }
    Value::Object(schemas)
}

/// What the service asks who knows the records, and what it takes for an answer.
fn callback() -> [(&'static str, Value); 3] {
    let object = |required: &[&str], properties: Value| {
        json!({
            "type": "object", "required": required, "properties": properties,
            "additionalProperties": false,
        })
    };
    let name = json!({"type": "string", "minLength": 1, "maxLength": 128});
    let question = json!({
        "action": {
            "enum": ["sign", "read"],
            "description": "sign: to be sent a code, or to answer one; read: to see who signed",
        },
        "user": name, "tenant": name,
        "model": identifier(), "field": identifier(),
        "record": text("^[1-9][0-9]{0,9}$"),
    });
    let allowed = json!({
        "allow": {"const": true},
        "mobile": {
            "type": "string", "examples": ["+60123456789"],
            "description": "Where the code goes, with country code; without it the number of the login",
        },
        "content": {
            "type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": MAX_CONTENT,
            "examples": [["loan", "15", "MYR", "15000.00"]],
            "description": "What exactly is approved, the amount among it: a code is void as soon as it changes",
        },
        "document_sha256": {
            "type": "string", "pattern": "^[0-9A-Fa-f]{64}$",
            "description": "In place of content: the digest of the document that is approved",
        },
        "text": {
            "type": "string", "maxLength": MAX_TEXT,
            "description": "The message, with #otp# and perhaps #duration# and #subject#; without it that of the file",
        },
        "subject": {
            "type": "string", "examples": ["RM 15,000"],
            "description": "What the message names as approved, in the place of #subject#",
        },
        "require_image": {"type": "boolean", "description": "Whether a captured signature is required"},
    });
    let refused = json!({
        "allow": {"const": false},
        "status": {
            "enum": [403, 404], "default": 403,
            "description": "404: there is no such record that the user could see",
        },
        "reason": {
            "type": "string", "minLength": 1, "maxLength": MAX_WORDS,
            "description": "What the user is told, with status 403; in bytes of UTF-8, on one line",
        },
    });
    let question_of = ["action", "user", "tenant", "model", "record", "field"];
    let mut allowed = object(&["allow"], allowed);
    allowed["not"] = json!({"required": ["content", "document_sha256"]});
    [
        ("CallbackQuestion", object(&question_of, question)),
        ("CallbackAllowed", allowed),
        ("CallbackRefused", object(&["allow"], refused)),
    ]
}

fn jws() -> Value {
    text(r"^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$")
}

fn send() -> Value {
    place(&[("redirect_url", nothing_or(path()))])
}

fn verify() -> Value {
    // 6 digits, and what people put between them; some scripts take more than a byte.
    let otp = json!({"type": "string", "minLength": 1, "maxLength": 64, "examples": ["040057"]});
    let name = json!({"type": "string", "maxLength": MAX_NAME, "description": "in bytes of UTF-8"});
    let image = json!({
        "type": "string", "contentEncoding": "base64", "maxLength": MAX_BASE64,
        "description": "a PNG or JPEG image of at most 1 MiB; data:image/png;base64, may stand before it",
    });
    let mut params = place(&[
        ("otp", otp),
        ("esms_otp_generation_id", nothing_or(generation())),
        ("signature", nothing_or(image)),
        ("signer_name", nothing_or(name)),
    ]);
    params["required"] = json!(["otp"]);
    params
}

/// The members that name a field, and more.
fn place(more: &[(&str, Value)]) -> Value {
    let digits = text("^0{0,9}[1-9][0-9]{0,9}$");
    let mut properties = json!({
        "model": identifier(),
        "field": identifier(),
        "id": {"anyOf": [record_id(), digits]},
    });
    for (name, schema) in more {
        properties[*name] = schema.clone();
    }
    json!({
        "type": "object",
        "description": "Members that are not named here are ignored.",
        "properties": properties,
    })
}

fn request(id: &Value, params: &Value) -> Value {
    json!({
        "type": "object",
        "required": ["params"],
        "properties": {
            "jsonrpc": {"const": "2.0"},
            "method": {"type": "string"},
            "id": id,
            "params": params,
        },
    })
}

fn response(id: &Value, answers: &[&str]) -> Value {
    let answers = answers.iter().chain(&["Refused", "Failed"]);
    json!({"anyOf": [
        {
            "type": "object",
            "required": ["jsonrpc", "id", "result"],
            "properties": {
                "jsonrpc": {"const": "2.0"},
                "id": id,
                "result": {"anyOf": answers.map(|name| reference(name)).collect::<Vec<_>>()},
            },
            "additionalProperties": false,
        },
        reference("LoggedOut"),
    ]})
}

/// A result: all of its members are always there.
fn answer(statuses: &[u16], members: &[(&str, Value)]) -> Value {
    let mut properties = json!({"status": {"enum": statuses}, "message": {"type": "string"}});
    let mut required = vec!["status", "message"];
    for (name, schema) in members {
        properties[*name] = schema.clone();
        required.push(name);
    }
    json!({
        "type": "object",
        "required": required,
        "properties": properties,
        "additionalProperties": false,
    })
}

fn text(pattern: &str) -> Value {
    json!({"type": "string", "pattern": pattern})
}

fn generation() -> Value {
    text("^gen_[0-7][0-9A-HJKMNP-TV-Za-hjkmnp-tv-z]{25}$")
}

fn instant() -> Value {
    text(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$")
}

fn seconds() -> Value {
    json!({"type": ["integer", "null"], "minimum": 1})
}

fn whole() -> Value {
    json!({"type": "integer", "minimum": 1})
}

fn or_false(schema: Value) -> Value {
    json!({"anyOf": [schema, {"const": false}]})
}

/// What the clients of the existing back end write for what is not there.
fn nothing_or(schema: Value) -> Value {
    json!({"anyOf": [schema, {"enum": [null, false, ""]}]})
}
