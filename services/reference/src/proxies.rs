//! Proxies in front of the service: what they say of a request counts, and nobody else's word does.

use core::net::IpAddr;

use axum::http::HeaderMap;
use ipnet::IpNet;

/// Where the client of a request is: the other end of the connection, or of the proxies before it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Client(pub(crate) IpAddr);

/// The networks of the proxies that are trusted.
#[derive(Debug)]
pub(crate) struct Proxies(Vec<IpNet>);

impl Proxies {
    pub(crate) fn new(networks: &[IpNet]) -> Self {
        Self(networks.to_vec())
    }

    /// Says whether an address is a trusted proxy's; one of IPv4 within IPv6 is the one of IPv4.
    pub(crate) fn trust(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }

    /// Returns the last address before the trusted proxies: each of them names the one that it was
    /// asked by at the end of `X-Forwarded-For`, and what stands further left anybody may have written.
    pub(crate) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let said = headers.get_all("x-forwarded-for");
        let said: Vec<&str> = said
            .iter()
            .flat_map(|value| value.to_str().unwrap_or("").split(','))
            .collect();
        let mut client = peer.to_canonical();
        for address in said.iter().rev() {
            match address.trim().parse::<IpAddr>() {
                Ok(address) if self.trust(client) => client = address.to_canonical(),
                _ => break,
            }
        }
        client
    }

    /// Returns the id that a request has from a trusted proxy, or else one of its own.
    pub(crate) fn request_id(&self, peer: Option<IpAddr>, headers: &HeaderMap) -> String {
        let said = headers.get(REQUEST_ID).and_then(|said| said.to_str().ok());
        let is_trusted = peer.is_some_and(|peer| self.trust(peer));
        match said.filter(|said| is_trusted && is_id(said)) {
            Some(id) => id.into(),
            None => {
                let mut bytes = [0; 16];
                // Without randomness requests are told apart by their time.
                let _ = getrandom::fill(&mut bytes);
                bytes.iter().map(|byte| format!("{byte:02x}")).collect()
            }
        }
    }
}

/// The header of a request's id, in request and answer.
pub(crate) const REQUEST_ID: &str = "x-request-id";

/// What may stand in a line of the log.
fn is_id(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:/+=".contains(&byte);
    (1..=128).contains(&text.len()) && text.bytes().all(fits)
}

/// Reads a network, or an address alone.
pub(crate) fn network(text: &str) -> Result<IpNet, &'static str> {
    let network = text
        .parse::<IpNet>()
        .or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    network.map_err(|_| "it must be an address or a network, such as 10.0.0.0/8")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &'static str, values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn case_588_the_client_is_the_last_address_that_a_trusted_proxy_names() {
        let proxies = ["10.0.0.0/8", "192.0.2.1", "fd00::/8"].map(|text| network(text).unwrap());
        let proxies = Proxies::new(&proxies);
        for (peer, said, client) in [
            ("10.1.2.3", &["203.0.113.9"][..], "203.0.113.9"),
            ("::ffff:10.1.2.3", &["203.0.113.9"], "203.0.113.9"),
            ("10.1.2.3", &["203.0.113.9, 192.0.2.1"], "203.0.113.9"),
            ("10.1.2.3", &["203.0.113.9", "192.0.2.1"], "203.0.113.9"),
            // What the client has written itself is left of its own address.
            ("10.1.2.3", &["198.51.100.7, 203.0.113.9"], "203.0.113.9"),
            ("10.1.2.3", &["198.51.100.7, unknown"], "10.1.2.3"),
            ("10.1.2.3", &["198.51.100.7,\tx, 192.0.2.1"], "192.0.2.1"),
            ("10.1.2.3", &[], "10.1.2.3"),
            ("fd00::1", &["2001:db8::5"], "2001:db8::5"),
            ("192.0.2.2", &["203.0.113.9"], "192.0.2.2"),
        ] {
            let found = proxies.client(peer.parse().unwrap(), &headers("x-forwarded-for", said));
            assert_eq!(found.to_string(), client, "{peer} {said:?}");
        }
        assert!(network("10.0.0.0/33").is_err() && network("proxy").is_err());
    }

    #[test]
    fn case_586_an_id_is_taken_from_a_trusted_proxy_alone_and_fits_a_line() {
        let proxies = Proxies::new(&[network("10.0.0.0/8").unwrap()]);
        let id = |peer: &str, said: &str| {
            proxies.request_id(Some(peer.parse().unwrap()), &headers(REQUEST_ID, &[said]))
        };
        assert_eq!(id("10.0.0.1", "a-1"), "a-1");
        let long = "a".repeat(129);
        for (peer, said) in [
            ("192.0.2.1", "a-1"),
            ("10.0.0.1", "a 1"),
            ("10.0.0.1", "\"a\""),
            ("10.0.0.1", &long),
        ] {
            let own = id(peer, said);
            assert_eq!(own.len(), 32, "{own}");
            assert_ne!(own, id(peer, said));
        }
    }
}
