//! A reference service over [`otp_engine`]: the HTTP contract of send, verify and get signature.
//!
//! The program `otp-engine-reference` serves it with the users of a demonstration. A host that has
//! users of its own brings them as a [`Directory`](directory::Directory), and its gateway as a
//! [`Gateway`](gateway::Gateway), and builds its own program from [`Server`].

mod admin;
mod answer;
mod app;
mod blocking;
mod config;
mod deliveries;
pub mod directory;
mod envelope;
mod error;
mod failure;
pub mod gateway;
mod health;
mod images;
mod json;
mod listen;
mod logging;
mod metrics;
mod open;
mod openapi;
mod outgoing;
mod page;
mod proxies;
mod redirects;
mod request;
mod router;
mod routes;
mod secrets;
mod service;
mod start;
#[cfg(test)]
mod vectors;

pub use admin::document as admin_openapi;
pub use config::{GatewayKind, LogLevel, Options};
pub use error::Error;
pub use logging::start as start_logging;
pub use openapi::document as openapi;
pub use start::{Bound, Parts, Server};
