//! Ports for servers; a file of its own, as xtask takes it too, which builds nothing but itself.

use core::hash::BuildHasher;
use std::{fs, hash::RandomState, net::TcpListener};

/// Returns a port of loopback on which nobody listens, from below those that the kernel lends to
/// connections: one of these could take a port before its server does.
pub(crate) fn free_port() -> u16 {
    let lent = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let lowest_lent = lent
        .split_whitespace()
        .next()
        .and_then(|it| it.parse().ok());
    let ports = LOWEST_PORT..lowest_lent.unwrap_or(32_768).max(LOWEST_PORT + 1_000);
    let any = RandomState::new().hash_one(std::process::id());
    let skipped = usize::try_from(any % 1_000_000).unwrap_or(0) % ports.len();
    let is_free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    ports
        .clone()
        .cycle()
        .skip(skipped)
        .take(ports.len())
        .find(is_free)
        .unwrap_or(LOWEST_PORT) // none is: whoever binds it will say so
}

const LOWEST_PORT: u16 = 10_000;
