//! The OpenAPI document of the service.

use axum::Json;
use serde_json::{Value, json};

/// Returns the document.
#[must_use]
pub fn document() -> Value {
    json!({"openapi": "3.1.0"})
}

pub(crate) async fn serve() -> Json<Value> {
    Json(document())
}
