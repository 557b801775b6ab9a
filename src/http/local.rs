//! Addresses of this machine from which connections come. A pair of addresses has some 28,000
//! ports, and a server that counts clients by address sees but one: several addresses help.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener};

use super::settings::Misfit;

/// Addresses of a range that are tried before the load; the last of it is always tried.
const TRIED: u128 = 64;

/// Addresses that users take in turn.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LocalAddresses(Vec<Range>);

/// So many addresses from the first on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Range {
    first: IpAddr,
    count: u128,
}

impl LocalAddresses {
    /// Adds an address (`10.0.0.5`), a range (`10.0.0.5-10.0.0.9`) or a network (`10.0.0.0/28`,
    /// without the first and last of it, which no machine can have).
    pub fn add(&mut self, text: &str) -> Result<(), Misfit> {
        let range = match (text.split_once('-'), text.split_once('/')) {
            (Some((first, last)), None) => Range::between(first, last),
            (None, Some((address, bits))) => Range::network(address, bits),
            _ => address(text).map(|first| Range { first, count: 1 }),
        };
        let range = range.ok_or_else(|| {
            let hint = "write for example 127.0.0.2, 127.0.0.2-127.0.0.9 or 127.0.0.0/28";
            (format!("`{text}` is no address, range or network"), hint.to_owned())
        })?;
        self.0.push(range);
        Ok(())
    }

    /// The first of them that this machine does not have, with the reason. Ranges are tried at
    /// both ends, not through.
    pub fn foreign(&self) -> Option<(IpAddr, io::Error)> {
        let mut tried = self.0.iter().flat_map(|range| {
            (0..range.count.min(TRIED)).chain([range.count - 1]).map(|k| range.nth(k))
        });
        let refused = |address| Some((address, TcpListener::bind((address, 0)).err()?));
        tried.find_map(refused)
    }

    /// Whether the system chooses.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The address of whoever comes `turn`-th, from 0; `None` if the system chooses.
    pub fn nth(&self, turn: u64) -> Option<IpAddr> {
        let mut left = u128::from(turn).checked_rem(self.count())?;
        for range in &self.0 {
            if left < range.count {
                return Some(range.nth(left));
            }
            left -= range.count;
        }
        None
    }

    fn count(&self) -> u128 {
        self.0.iter().map(|range| range.count).sum()
    }
}

impl Range {
    fn between(first: &str, last: &str) -> Option<Range> {
        let (first, last) = (address(first)?, address(last)?);
        if first.is_ipv4() != last.is_ipv4() {
            return None;
        }
        let count = bits(last).checked_sub(bits(first))?.checked_add(1)?;
        Some(Range { first, count })
    }

    fn network(text: &str, prefix: &str) -> Option<Range> {
        let (address, prefix) = (address(text)?, prefix.parse::<u32>().ok()?);
        let width: u32 = if address.is_ipv4() { 32 } else { 128 };
        let host = width.checked_sub(prefix).filter(|host| *host < 128)?;
        let first = bits(address) >> host << host;
        let all = Range { first: of(address, first), count: 1 << host };
        match address {
            IpAddr::V4(_) if host >= 2 => Some(Range { first: all.nth(1), count: all.count - 2 }),
            _ => Some(all),
        }
    }

    fn nth(&self, k: u128) -> IpAddr {
        of(self.first, bits(self.first) + k)
    }
}

fn address(text: &str) -> Option<IpAddr> {
    text.trim().parse().ok()
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(address.to_bits()),
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// The address of these bits, of the family of `like`.
fn of(like: IpAddr, bits: u128) -> IpAddr {
    match like {
        IpAddr::V4(_) => Ipv4Addr::from_bits(bits as u32).into(),
        IpAddr::V6(_) => Ipv6Addr::from_bits(bits).into(),
    }
}

/// `127.0.0.2, 127.0.0.4-127.0.0.9`.
impl fmt::Display for LocalAddresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, range) in self.0.iter().enumerate() {
            let comma = if i == 0 { "" } else { ", " };
            write!(f, "{comma}{}", range.first)?;
            if range.count > 1 {
                write!(f, "-{}", range.nth(range.count - 1))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(texts: &[&str]) -> LocalAddresses {
        let mut addresses = LocalAddresses::default();
        texts.iter().for_each(|text| addresses.add(text).unwrap());
        addresses
    }

    #[test]
    fn addresses_ranges_and_networks_are_taken_in_turn() {
        let cases: [(&[&str], &str, &str); 6] = [
            (&["127.0.0.2"], "127.0.0.2", "127.0.0.2 127.0.0.2 127.0.0.2"),
            (&["127.0.0.9", "::1"], "127.0.0.9, ::1", "127.0.0.9 ::1 127.0.0.9"),
            (&["10.0.0.4-10.0.0.5"], "10.0.0.4-10.0.0.5", "10.0.0.4 10.0.0.5 10.0.0.4"),
            (&["10.0.0.7/30"], "10.0.0.5-10.0.0.6", "10.0.0.5 10.0.0.6 10.0.0.5"),
            (&["10.0.0.6/31"], "10.0.0.6-10.0.0.7", "10.0.0.6 10.0.0.7 10.0.0.6"),
            (&["fd00::/127", "10.0.0.1/32"], "fd00::-fd00::1, 10.0.0.1", "fd00:: fd00::1 10.0.0.1"),
        ];
        for (texts, shown, first) in cases {
            let addresses = of(texts);
            assert_eq!(addresses.to_string(), shown);
            let turns = (0..3).flat_map(|turn| addresses.nth(turn)).map(|a| a.to_string());
            assert_eq!(turns.collect::<Vec<_>>().join(" "), first, "{texts:?}");
        }
        assert_eq!(LocalAddresses::default().nth(7), None);
        assert_eq!(of(&["127.0.0.0/8"]).nth(255).unwrap().to_string(), "127.0.1.0");
    }

    #[test]
    fn what_is_no_address_is_told() {
        let texts = [
            "",
            "eth0",
            "10.0.0.256",
            "10.0.0.9-10.0.0.1",
            "10.0.0.1-::1",
            "10.0.0.0/33",
            "::/0",
            "1-2/3",
        ];
        for text in texts {
            let told = LocalAddresses::default().add(text).unwrap_err().0;
            assert_eq!(told, format!("`{text}` is no address, range or network"));
        }
    }

    #[test]
    fn an_address_of_another_machine_is_found() {
        assert!(of(&["127.0.0.1", "127.0.0.2-127.0.0.9"]).foreign().is_none());
        let (address, _) = of(&["127.0.0.1", "192.0.2.1"]).foreign().unwrap();
        assert_eq!(address.to_string(), "192.0.2.1");
    }
}
