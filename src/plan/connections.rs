//! Settings of connections: those of the `http` tables, and over them those of the command line.

use std::path::{Path, PathBuf};

use super::draft::{ConnectionFlags, Node};
use super::read::{Fields, Report, Shown, scalar};
use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::http::local::LocalAddresses;
use crate::http::proxy::Proxy;
use crate::http::settings::{Fixed, Misfit, Pick};
use crate::http::{TransportOptions, Version};

/// Options of connections in an `http` table.
pub(super) const OPTIONS: [&str; 6] =
    ["dns", "local_addresses", "proxy", "resolve", "tls", "version"];

/// `defaults`, changed by the `http` table that `owner` may have, and by the command line.
pub(super) fn connection_options(
    owner: &Fields<'_, '_>,
    defaults: &TransportOptions,
) -> TransportOptions {
    let mut options = defaults.clone();
    let node = owner.get("http");
    let http = node.and_then(|node| Fields::any(owner.report, owner.path.field("http"), node));
    if let Some(http) = http {
        from_script(&http, &mut options);
    }
    from_flags(owner.report, &mut options);
    options
}

fn from_script(http: &Fields<'_, '_>, options: &mut TransportOptions) {
    if let Some(node) = http.get("version") {
        let version = scalar(node).ok_or_else(|| no_version(&Shown(node).to_string()));
        take(http, "version", version.and_then(|word| version_of(&word)), &mut options.version);
    }
    read_tls(http, options);
    if let Some(url) = http.text("proxy") {
        take(http, "proxy", Proxy::parse(url).map(Some), &mut options.proxy);
    }
    if let Some(node) = http.get("resolve")
        && let Some(names) = Fields::any(http.report, http.path.field("resolve"), node)
    {
        names.iter().for_each(|(name, node)| read_fixed(&names, name, node, options));
    }
    if let Some(dns) = http.table("dns", &["pick", "ttl"]) {
        options.dns.ttl = dns.duration("ttl").unwrap_or(options.dns.ttl);
        let words = [("first", Pick::First), ("round_robin", Pick::RoundRobin)];
        options.dns.pick = dns.choice("pick", &words).unwrap_or(options.dns.pick);
    }
    if let Some(node) = http.get("local_addresses") {
        let read = texts(node).and_then(|texts| local_addresses(&texts));
        take(http, "local_addresses", read, &mut options.local_addresses);
    }
}

/// Puts what was read into its place, or notes why it could not be.
fn take<T>(table: &Fields<'_, '_>, name: &str, read: Result<T, Misfit>, place: &mut T) {
    match read {
        Ok(value) => *place = value,
        Err((message, hint)) => {
            table.fault(name, format!("{}: {message}", table.name(name)), hint);
        }
    }
}

fn version_of(word: &str) -> Result<Version, Misfit> {
    let found = Version::WORDS.iter().find(|(known, _)| *known == word);
    found.map(|(_, version)| *version).ok_or_else(|| no_version(&format!("\"{word}\"")))
}

fn no_version(shown: &str) -> Misfit {
    let words: Vec<&str> = Version::WORDS.iter().map(|(word, _)| *word).collect();
    let hint = did_you_mean(shown.trim_matches('"'), words.iter().copied());
    let all = || format!("one of \"{}\"", words.join("\", \""));
    (format!("there is no version {shown}"), hint.unwrap_or_else(all))
}

fn read_tls(http: &Fields<'_, '_>, options: &mut TransportOptions) {
    let known = ["ca", "cert", "insecure", "key", "sni"];
    let Some(table) = http.table("tls", &known) else { return };
    let tls = &mut options.tls;
    tls.insecure = table.flag("insecure").unwrap_or(tls.insecure);
    tls.without_sni = table.flag("sni").map_or(tls.without_sni, |sni| !sni);
    let file = |name: &str| {
        let file = table.report.draft.beside(table.text(name)?);
        if let Err(message) = check_file(name, &file) {
            table.fault(name, message, "give a PEM file; its path begins at the script's folder");
        }
        Some(file)
    };
    if let Some(ca) = file("ca") {
        tls.ca = Some(ca);
    }
    if let Some(cert) = file("cert") {
        (tls.cert, tls.key) = (Some(cert), None); // a key belongs to its certificate
    }
    if let Some(key) = file("key") {
        tls.key = Some(key);
    }
    if tls.key.is_some() && tls.cert.is_none() {
        let message = format!("{} is given without `cert`", table.name("key"));
        table.fault("key", message, "give the certificate too: `cert = \"client.pem\"`");
    }
}

fn check_file(what: &str, file: &Path) -> Result<(), String> {
    let kind = match what {
        "ca" => "CA file",
        "cert" => "certificate file",
        _ => "key file",
    };
    match file.is_file() {
        true => Ok(()),
        false => Err(format!("the {kind} `{}` is not there", file.display())),
    }
}

fn read_fixed(names: &Fields<'_, '_>, name: &str, node: &Node, options: &mut TransportOptions) {
    let read = texts(node).and_then(|texts| Fixed::parse(name, &texts));
    let mut fixed = None;
    take(names, name, read.map(Some), &mut fixed);
    if let Some(fixed) = fixed {
        add_fixed(fixed, options);
    }
}

/// The last word on a name wins.
fn add_fixed(fixed: Fixed, options: &mut TransportOptions) {
    options.resolve.retain(|known| (&known.name, known.port) != (&fixed.name, fixed.port));
    options.resolve.push(fixed);
}

/// A text, or a list of them.
fn texts(node: &Node) -> Result<Vec<&str>, Misfit> {
    let items = match node {
        Node::List(items) => items.as_slice(),
        one => std::slice::from_ref(one),
    };
    items.iter().map(text).collect()
}

fn text(node: &Node) -> Result<&str, Misfit> {
    match node {
        Node::Text(text) => Ok(text),
        other => {
            let hint = "write for example \"127.0.0.1\", or a list of such".to_owned();
            Err((format!("it must be a string or a list of them, not {}", Shown(other)), hint))
        }
    }
}

fn local_addresses(texts: &[&str]) -> Result<LocalAddresses, Misfit> {
    let mut addresses = LocalAddresses::default();
    texts.iter().try_for_each(|text| addresses.add(text))?;
    match addresses.foreign() {
        None => Ok(addresses),
        Some((address, error)) => {
            let reason = error.to_string();
            let reason = reason.split(" (os error").next().unwrap_or_default().to_lowercase();
            let hint = "`ip address` lists the addresses that this machine has".to_owned();
            Err((format!("no connection can come from {address}: {reason}"), hint))
        }
    }
}

fn from_flags(report: &Report<'_>, options: &mut TransportOptions) {
    let flags = &report.draft.flags.connections;
    let fault = |flag: &str, (message, hint): Misfit| {
        report.note(Diagnostic::new(format!("--{flag}: {message}")).hint(hint));
    };
    if let Some(word) = &flags.http_version {
        match version_of(word) {
            Ok(version) => options.version = version,
            Err(misfit) => fault("http-version", misfit),
        }
    }
    files_from_flags(flags, options, &fault);
    if let Some(url) = &flags.proxy {
        match Proxy::parse(url) {
            Ok(proxy) => options.proxy = Some(proxy),
            Err(misfit) => fault("proxy", misfit),
        }
    }
    for given in &flags.resolve {
        match Fixed::parse_flag(given) {
            Ok(fixed) => add_fixed(fixed, options),
            Err(misfit) => fault("resolve", misfit),
        }
    }
    if !flags.local_addresses.is_empty() {
        let texts: Vec<&str> = flags.local_addresses.iter().map(String::as_str).collect();
        match local_addresses(&texts) {
            Ok(addresses) => options.local_addresses = addresses,
            Err(misfit) => fault("local-address", misfit),
        }
    }
}

fn files_from_flags(
    flags: &ConnectionFlags,
    options: &mut TransportOptions,
    fault: &impl Fn(&str, Misfit),
) {
    let tls = &mut options.tls;
    tls.insecure |= flags.insecure;
    let file = |flag: &str, what: &str, file: &PathBuf| {
        if let Err(message) = check_file(what, file) {
            fault(flag, (message, "give a PEM file".to_owned()));
        }
        Some(file.clone())
    };
    if let Some(ca) = &flags.cacert {
        tls.ca = file("cacert", "ca", ca);
    }
    if let Some(cert) = &flags.cert {
        (tls.cert, tls.key) = (file("cert", "cert", cert), None);
    }
    if let Some(key) = &flags.key {
        tls.key = file("key", "key", key);
        if tls.cert.is_none() {
            let hint = "give the certificate too: --cert client.pem".to_owned();
            fault("key", ("it is given without --cert".to_owned(), hint));
        }
    }
}
