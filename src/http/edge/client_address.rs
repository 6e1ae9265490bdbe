//! Where a request comes from, past the proxies that are trusted.

use std::net::IpAddr;

use actix_web::dev::ServiceRequest;

const FORWARDED_FOR: &str = "x-forwarded-for";

/// A network: an address and how many of its leading bits count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Network {
    bits: u128,
    mask: u128,
    v4: bool,
}

/// The proxies whose word is believed.
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies(Vec<Network>);

impl TrustedProxies {
    /// Reads addresses and networks; those that are neither are left out (the configuration has refused them).
    #[must_use]
    pub fn parse(networks: &[String]) -> Self {
        Self(networks.iter().filter_map(|text| network(text)).collect())
    }

    /// The caller's address: the peer's, or while that is a trusted proxy the one it was forwarded for.
    #[must_use]
    pub fn caller(&self, request: &ServiceRequest) -> Option<IpAddr> {
        let mut address = request.peer_addr()?.ip().to_canonical();
        let named = request.headers().get_all(FORWARDED_FOR).filter_map(|value| value.to_str().ok());
        let mut hops: Vec<&str> = named.flat_map(|list| list.split(',')).map(str::trim).collect();
        while self.trusts(address) {
            let Some(next) = hops.pop().and_then(|text| text.parse::<IpAddr>().ok()) else {
                break;
            };
            address = next.to_canonical();
        }
        Some(address)
    }

    fn trusts(&self, address: IpAddr) -> bool {
        let bits = bits(address);
        self.0.iter().any(|network| network.v4 == address.is_ipv4() && bits & network.mask == network.bits)
    }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        // Moved to the top, so that one mask serves both.
        IpAddr::V4(address) => u128::from(address.to_bits()) << 96,
        IpAddr::V6(address) => address.to_bits(),
    }
}

fn network(text: &str) -> Option<Network> {
    let (address, length) =
        text.split_once('/').map_or((text, None), |(address, length)| (address, Some(length)));
    let address: IpAddr = address.parse().ok()?;
    let full: u32 = if address.is_ipv4() { 32 } else { 128 };
    let length = length.map_or(Some(full), |length| length.parse().ok()).filter(|length| *length <= full)?;
    let mask = if length == 0 { 0 } else { u128::MAX << (128 - length) };
    Some(Network { bits: bits(address) & mask, mask, v4: address.is_ipv4() })
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn caller(trusted: &[&str], peer: &str, forwarded: Option<&str>) -> String {
        let trusted: Vec<String> = trusted.iter().map(|text| (*text).to_owned()).collect();
        let mut request = TestRequest::get().peer_addr(format!("{peer}:1").parse().unwrap());
        if let Some(list) = forwarded {
            request = request.insert_header((FORWARDED_FOR, list));
        }
        TrustedProxies::parse(&trusted).caller(&request.to_srv_request()).unwrap().to_string()
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        assert_eq!(caller(&[], "10.0.0.1", Some("1.2.3.4")), "10.0.0.1");
        assert_eq!(caller(&["10.0.0.0/8"], "10.0.0.1", Some("1.2.3.4")), "1.2.3.4");
        assert_eq!(caller(&["10.0.0.0/8"], "10.0.0.1", Some("9.9.9.9, 1.2.3.4, 10.1.1.1")), "1.2.3.4");
        assert_eq!(caller(&["10.0.0.1"], "10.0.0.2", Some("1.2.3.4")), "10.0.0.2");
        assert_eq!(caller(&["10.0.0.0/8"], "10.0.0.1", Some("nonsense")), "10.0.0.1");
        assert_eq!(caller(&["10.0.0.0/8"], "10.0.0.1", None), "10.0.0.1");
        assert_eq!(caller(&["::1"], "[::1]", Some("1.2.3.4")), "1.2.3.4");
    }
}
