//! The page that walks through the contract: files of the program itself, under a strict policy.

use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::envelope::Refused;

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
                      img-src 'self' data:; connect-src 'self'; form-action 'none'; \
                      base-uri 'none'; frame-ancestors 'none'";

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";

/// Path, type and text of each file.
const FILES: [(&str, &str, &str); 5] = [
    ("/", HTML, include_str!("../page/index.html")),
    ("/page.js", SCRIPT, include_str!("../page/page.js")),
    ("/pad.js", SCRIPT, include_str!("../page/pad.js")),
    ("/verify.js", SCRIPT, include_str!("../page/verify.js")),
    ("/page.css", STYLE, include_str!("../page/page.css")),
];

pub(crate) async fn index() -> Response {
    serve("/")
}

pub(crate) async fn file(Path(name): Path<String>) -> Response {
    serve(&format!("/{name}"))
}

/// Says whether a path is one of the page's.
pub(crate) fn has(path: &str) -> bool {
    FILES.iter().any(|(known, ..)| *known == path)
}

fn serve(path: &str) -> Response {
    let Some((_, kind, text)) = FILES.iter().find(|(known, ..)| *known == path) else {
        return Refused::new(StatusCode::NOT_FOUND, "no such path").into_response();
    };
    let headers = [
        (header::CONTENT_TYPE, *kind),
        (header::CONTENT_SECURITY_POLICY, POLICY),
    ];
    (headers, *text).into_response()
}
