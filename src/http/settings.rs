//! Settings of connections: what all connections of a scenario's users have in common.
//!
//! Script and command line give them as text; here is what such text means. Every error is a
//! message and a hint, without the name of the option, which the caller knows.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use url::Host;

use super::local::LocalAddresses;
use super::proxy::Proxy;

/// Settings of connections. `Default` holds the documented defaults.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TransportOptions {
    /// Which HTTP is spoken.
    pub version: Version,
    /// Whom to trust, and who we are.
    pub tls: TlsOptions,
    /// Through which all connections go. The environment names none.
    pub proxy: Option<Proxy>,
    /// Names that are not looked up; the more special ones win.
    pub resolve: Vec<Fixed>,
    /// How names are looked up.
    pub dns: DnsOptions,
    /// Where connections come from; empty leaves it to the system.
    pub local_addresses: LocalAddresses,
}

/// Which HTTP is spoken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Version {
    /// What the server likes best, as told in the TLS handshake; 1.1 over plain `http`.
    #[default]
    Auto,
    /// 1.1 alone.
    Http1,
    /// 2 alone; over plain `http` it cannot be agreed on.
    Http2,
    /// 2 alone, also over plain `http`, where the server is expected to know.
    PriorKnowledge,
}

/// Whom to trust, and who we are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsOptions {
    /// Do not verify certificates.
    pub insecure: bool,
    /// PEM file of certificates to trust beside the system's.
    pub ca: Option<PathBuf>,
    /// PEM file of our certificate, and those that vouch for it.
    pub cert: Option<PathBuf>,
    /// PEM file of its key; without one the key is in `cert`.
    pub key: Option<PathBuf>,
    /// Do not tell the server which name it is called by.
    pub without_sni: bool,
}

/// A name whose addresses are given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fixed {
    /// As URLs have it: in lower case, with international names encoded.
    pub name: String,
    /// Only for URLs of this port.
    pub port: Option<u16>,
    /// At least one.
    pub addresses: Vec<IpAddr>,
}

/// How names are looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DnsOptions {
    /// How long addresses are good for; with zero each connection looks up anew.
    pub ttl: Duration,
    /// Which of several addresses a connection goes to.
    pub pick: Pick,
}

impl Default for DnsOptions {
    fn default() -> Self {
        DnsOptions { ttl: Duration::from_secs(60), pick: Pick::First }
    }
}

/// Which of several addresses a connection goes to; the others serve if it cannot be reached.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Pick {
    /// The first.
    #[default]
    First,
    /// Each in turn, over all users.
    RoundRobin,
}

/// A message and a hint.
pub type Misfit = (String, String);

impl Version {
    /// Every version with the word for it.
    pub const WORDS: [(&str, Version); 4] = [
        ("auto", Version::Auto),
        ("1.1", Version::Http1),
        ("2", Version::Http2),
        ("h2c", Version::PriorKnowledge),
    ];

    /// Whether connections of this kind speak nothing but HTTP/2.
    pub fn insists_on_2(self) -> bool {
        matches!(self, Version::Http2 | Version::PriorKnowledge)
    }
}

impl Fixed {
    /// `shop.test` or `shop.test:8080`, and an address or several.
    pub fn parse(name: &str, addresses: &[&str]) -> Result<Fixed, Misfit> {
        let example = || "write for example [\"shop.test\"] = \"127.0.0.1\"".to_owned();
        let (host, port) = match name.rsplit_once(':') {
            Some((host, port)) => match port.parse() {
                Ok(port) => (host, Some(port)),
                Err(_) => {
                    return Err((format!("`{name}` is no name, and no name:port"), example()));
                }
            },
            None => (name, None),
        };
        let name = match Host::parse(host) {
            Ok(Host::Domain(name)) => name,
            Ok(_) => {
                let hint = "an address is never looked up; put a name into the URL".to_owned();
                return Err((format!("`{host}` is an address, not a name"), hint));
            }
            Err(_) => return Err((format!("`{host}` is no name of a host"), example())),
        };
        let addresses =
            addresses.iter().map(|text| address(text)).collect::<Result<Vec<_>, _>>()?;
        match addresses.is_empty() {
            false => Ok(Fixed { name, port, addresses }),
            true => Err((format!("`{name}` is given no address"), example())),
        }
    }

    /// The command line's `NAME=ADDR`, or `NAME=ADDR,ADDR`.
    pub fn parse_flag(text: &str) -> Result<Fixed, Misfit> {
        match text.split_once('=') {
            Some((name, addresses)) => {
                Fixed::parse(name, &addresses.split(',').collect::<Vec<_>>())
            }
            None => {
                let hint = "write for example shop.test=127.0.0.1, or shop.test:8080=127.0.0.1";
                Err((format!("`{text}` is not NAME=ADDRESS"), hint.to_owned()))
            }
        }
    }
}

fn address(text: &str) -> Result<IpAddr, Misfit> {
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    bare.parse().map_err(|_| {
        let hint = match text.parse::<std::net::SocketAddr>() {
            Ok(address) => {
                format!("leave the port to the URL and write \"{}\"", address.ip())
            }
            Err(_) => "write for example \"127.0.0.1\" or \"::1\"".to_owned(),
        };
        (format!("`{text}` is no IP address"), hint)
    })
}

/// What differs from the defaults, in a few words each.
impl fmt::Display for TransportOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut words = Vec::new();
        match self.version {
            Version::Auto => {}
            Version::Http1 => words.push("HTTP/1.1 only".to_owned()),
            Version::Http2 => words.push("HTTP/2 only".to_owned()),
            Version::PriorKnowledge => words.push("HTTP/2 only, also without TLS".to_owned()),
        }
        if self.tls.insecure {
            words.push("certificates are not verified".to_owned());
        }
        if let Some(cert) = &self.tls.cert {
            words.push(format!("client certificate {}", cert.display()));
        }
        if let Some(proxy) = &self.proxy {
            words.push(format!("through the proxy {proxy}"));
        }
        for fixed in &self.resolve {
            words.push(fixed.to_string());
        }
        if !self.local_addresses.is_empty() {
            words.push(format!("from {}", self.local_addresses));
        }
        f.write_str(&words.join("; "))
    }
}

impl fmt::Display for Fixed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        let addresses: Vec<String> = self.addresses.iter().map(IpAddr::to_string).collect();
        write!(f, " at {}", addresses.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_given_addresses_with_or_without_a_port() {
        let fixed = Fixed::parse("Shop.Test:8080", &["127.0.0.1", "[::1]"]).unwrap();
        assert_eq!(fixed.to_string(), "shop.test:8080 at 127.0.0.1, ::1");
        let fixed = Fixed::parse_flag("bücher.test=127.0.0.1,127.0.0.2").unwrap();
        assert_eq!(fixed.to_string(), "xn--bcher-kva.test at 127.0.0.1, 127.0.0.2");
    }

    #[test]
    fn what_is_no_name_or_no_address_is_told() {
        let cases = [
            ("shop.test=localhost", "`localhost` is no IP address"),
            ("shop.test=", "`` is no IP address"),
            ("shop.test=127.0.0.1:80", "`127.0.0.1:80` is no IP address"),
            ("127.0.0.1=127.0.0.2", "`127.0.0.1` is an address, not a name"),
            ("a b=127.0.0.2", "`a b` is no name of a host"),
            ("shop.test:x=127.0.0.2", "`shop.test:x` is no name, and no name:port"),
            ("shop.test:443:127.0.0.1", "`shop.test:443:127.0.0.1` is not NAME=ADDRESS"),
        ];
        for (text, message) in cases {
            assert_eq!(Fixed::parse_flag(text).unwrap_err().0, message, "{text}");
        }
        let (_, hint) = Fixed::parse_flag("shop.test=127.0.0.1:80").unwrap_err();
        assert_eq!(hint, "leave the port to the URL and write \"127.0.0.1\"");
    }
}
