//! Who we are and where we come from and go to, as nginx sees it.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use crate::common::Folder;
use crate::install::{Server, nginx};
use crate::tls::papers;

const ASKING: &str = "
    log_format who '$ssl_client_verify $ssl_client_s_dn';
    access_log FOLDER/access.log who;
    server {
        listen 127.0.0.1:PORT ssl;
        ssl_certificate FOLDER/cert.pem;
        ssl_certificate_key FOLDER/key.pem;
        ssl_client_certificate FOLDER/clients.pem;
        ssl_verify_client on;
        location / { return 200 'hello'; }
    }";

const PLAIN: &str = "
    log_format who '$remote_addr $host $http_user_agent';
    access_log FOLDER/access.log who;
    server { listen PORT; listen [::]:PORT; location / { return 200 'hello'; } }";

const SCRIPT: &str = "
    local lt = require 'loadtool'
    local function go() lt.expect(lt.http.get '/', { status = 200 }) end
    return { http = { HTTP }, scenarios = { a = { run = go, MORE load = { vus = 4, iterations_per_vu = 5 } } } }";

fn script(http: &str, more: &str) -> Folder {
    Folder::new(&SCRIPT.replace("HTTP", http).replace("MORE", more))
}

/// How often each word stood at this place of nginx's lines.
fn counts(server: &Server, place: usize) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for line in server.log("access.log", 20) {
        *counts.entry(line[place].clone()).or_default() += 1;
    }
    counts
}

fn openssl(folder: &Folder, arguments: &str) {
    let output = Command::new("openssl")
        .args(arguments.split(' '))
        .current_dir(folder.path(""))
        .output()
        .expect("openssl can be started");
    assert!(output.status.success(), "openssl {arguments}: {output:?}");
}

#[test]
fn a_server_that_asks_for_a_certificate_gets_it_whatever_kind_its_key_is_of() {
    let kinds = [
        "ecparam -name prime256v1 -genkey -noout -out key.pem", // SEC1
        "genrsa -traditional -out key.pem 2048",                // PKCS#1
        "genrsa -out key.pem 2048",                             // PKCS#8
        "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -out key.pem",
    ];
    for kind in kinds {
        let folder =
            script("tls = { ca = 'server.pem', cert = 'client.pem', key = 'key.pem' }", "");
        openssl(&folder, kind);
        openssl(&folder, "req -x509 -new -key key.pem -subj /CN=ada -days 2 -out client.pem");
        let (server, client) =
            (papers("localhost"), fs::read(folder.path("client.pem")).expect("it was made"));
        let files = [
            ("cert.pem", server.cert.as_bytes()),
            ("key.pem", server.key.as_bytes()),
            ("clients.pem", &client),
        ];
        let Some(nginx) = nginx(ASKING, &files) else { return };
        let folder = folder.file("server.pem", &server.ca);
        let url = format!("https://localhost:{}", nginx.port);
        let base = ["--base-url", &*url, "--resolve", "localhost=127.0.0.1"];
        folder.run(&base).exits(0);
        let expected = BTreeMap::from([("CN=ada".to_owned(), 20)]);
        assert_eq!(counts(&nginx, 1), expected, "{kind}");
    }
}

#[test]
fn a_certificate_that_is_another_ones_or_missing_is_the_servers_to_refuse() {
    let (server, client) = (papers("localhost"), papers("ada"));
    let files = [
        ("cert.pem", server.cert.as_bytes()),
        ("key.pem", server.key.as_bytes()),
        ("clients.pem", client.ca.as_bytes()),
    ];
    let Some(nginx) = nginx(ASKING, &files) else { return };
    let url = format!("https://localhost:{}", nginx.port);
    let other = papers("eve");
    let folder = script("tls = { insecure = true }", "")
        .file("ada.pem", format!("{}{}", client.cert, client.key))
        .file("eve.pem", format!("{}{}", other.cert, other.key));
    let base = ["--base-url", &*url, "--resolve", "localhost=127.0.0.1"];
    for (flags, code) in [(&["--cert", "ada.pem"][..], 0), (&["--cert", "eve.pem"], 3), (&[], 3)] {
        let (ran, summary) = folder.summary(&[&base[..], flags].concat());
        ran.exits(code);
        if code != 0 {
            assert_eq!(summary["requests"][0]["statuses"]["400"], 20, "{flags:?}");
        }
    }
}

#[test]
fn a_certificate_of_openssl_that_signed_itself_is_trusted_as_it_is() {
    let folder = script("", "");
    openssl(
        &folder,
        "req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -subj /CN=localhost \
         -days 2 -addext subjectAltName=DNS:localhost",
    );
    let (cert, key) = (
        fs::read(folder.path("cert.pem")).expect("it was made"),
        fs::read(folder.path("key.pem")).expect("it was made"),
    );
    let directives = ASKING.replace("ssl_verify_client on;", "");
    let files = [("cert.pem", &*cert), ("key.pem", &*key), ("clients.pem", &*cert)];
    let Some(nginx) = nginx(&directives, &files) else { return };
    let url = format!("https://localhost:{}", nginx.port);
    let base = ["--base-url", &*url, "--resolve", "localhost=127.0.0.1"];
    folder.run(&[&base[..], &["--cacert", "cert.pem"]].concat()).exits(0);
    folder.run(&base).exits(3);
}

#[test]
fn users_come_from_their_addresses_in_turn() {
    for (http, more, flags, expected) in [
        ("local_addresses = '127.0.0.2-127.0.0.5'", "", &[][..], "2:5 3:5 4:5 5:5"),
        ("local_addresses = { '127.0.0.7', '127.0.0.9' }", "", &[], "7:10 9:10"),
        ("local_addresses = '127.0.0.4/30'", "connections = 'fresh',", &[], "5:10 6:10"),
        ("local_addresses = '127.0.0.9'", "", &["--local-address", "127.0.0.3"], "3:20"),
    ] {
        let Some(nginx) = nginx(PLAIN, &[]) else { return };
        let url = nginx.url();
        script(http, more).run(&[&["--base-url", &url], flags].concat()).exits(0);
        let counts = counts(&nginx, 0);
        let seen: Vec<String> = counts
            .iter()
            .map(|(address, count)| format!("{}:{count}", address.replace("127.0.0.", "")))
            .collect();
        assert_eq!(seen.join(" "), expected, "{http} {more} {flags:?}");
    }
}

#[test]
fn names_go_where_they_are_told_to_and_user_agents_say_what_they_are_told_to() {
    let Some(nginx) = nginx(PLAIN, &[]) else { return };
    let url = format!("http://shop.test:{}", nginx.port);
    let http = format!(
        "user_agent = 'theirs', resolve = {{ ['shop.test'] = '127.0.0.1', ['shop.test:{}'] = '::1' }}",
        nginx.port
    );
    let flags = ["--base-url", &*url, "--user-agent", "mine"];
    script(&http, "").run(&flags).exits(0);
    let line = ["::1", "shop.test", "mine"].map(str::to_owned).to_vec();
    assert_eq!(nginx.log("access.log", 20), vec![line; 20]);
}

#[test]
fn connections_take_the_addresses_of_a_name_in_turn() {
    for (pick, expected) in [("round_robin", "127.0.0.1:10 ::1:10"), ("first", "127.0.0.1:20")] {
        let Some(nginx) = nginx(PLAIN, &[]) else { return };
        let url = format!("http://shop.test:{}", nginx.port);
        let http = format!(
            "dns = {{ pick = '{pick}' }}, resolve = {{ ['shop.test'] = {{ '127.0.0.1', '::1' }} }}"
        );
        script(&http, "connections = 'fresh',").run(&["--base-url", &url]).exits(0);
        let counts = counts(&nginx, 0);
        let seen: Vec<String> =
            counts.iter().map(|(address, count)| format!("{address}:{count}")).collect();
        assert_eq!(seen.join(" "), expected);
    }
}
