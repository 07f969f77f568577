//! The log: lines of JSON on standard error, without codes and without whole numbers.

use otp_engine::Event;
use tracing::level_filters::LevelFilter;

use crate::config::LogLevel;

/// Starts the log of this process; what was started before stays.
pub fn start(least: LogLevel) {
    let least = match least {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
    };
    let log = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_span_list(false)
        .with_max_level(least)
        .with_writer(std::io::stderr)
        .finish();
    let _ = tracing::subscriber::set_global_default(log); // a host's own stays
}

/// Writes the line of an event.
pub(crate) fn event(name: &'static str, event: &Event<'_>) {
    let field = event.binding.map(|binding| binding.target());
    let recipient = event.recipient.map(|recipient| masked(recipient.as_str()));
    tracing::info!(
        event = name,
        tenant = event.tenant,
        user = event.user,
        challenge = event.id.map(|id| id.to_string()),
        model = field.map(|field| field.model),
        field = field.map(|field| field.field),
        record = field.map(|field| field.id),
        recipient,
        reason = event.reason, // of an administrator's reset
        "otp"
    );
}

/// Hides a number but for its last three digits.
fn masked(number: &str) -> String {
    let hidden = number.chars().count().saturating_sub(3);
    let last: String = number.chars().skip(hidden).collect();
    format!("{}{last}", "*".repeat(hidden))
}
