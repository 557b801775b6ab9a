//! nginx with a certificate that nobody knows: refused, unless it is trusted or nothing is asked.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

use crate::common::Folder;
use crate::install::{Server, nginx};

/// An authority, and what it vouched for.
pub struct Papers {
    pub ca: String,
    pub cert: String,
    pub key: String,
}

/// A certificate for `localhost` and for whom it names, vouched for by an authority of its own.
pub fn papers(common_name: &str) -> Papers {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key"));
    let authority = authority.expect("a certificate");
    let key = KeyPair::generate().expect("a key");
    let mut names = CertificateParams::new(["localhost".to_owned()]).expect("a name");
    names.distinguished_name.push(DnType::CommonName, common_name);
    let certificate = names.signed_by(&key, &authority).expect("a certificate");
    Papers { ca: authority.pem(), cert: certificate.pem(), key: key.serialize_pem() }
}

const DIRECTIVES: &str = "
    access_log off;
    server {
        listen 127.0.0.1:PORT ssl;
        ssl_certificate FOLDER/cert.pem;
        ssl_certificate_key FOLDER/key.pem;
        location / { return 200 'secret'; }
    }";

/// nginx with a certificate for `localhost`; who signed it is in `ca.pem`.
fn server() -> Option<Server> {
    let Papers { ca, cert, key } = papers("localhost");
    let files =
        [("ca.pem", ca.as_bytes()), ("cert.pem", cert.as_bytes()), ("key.pem", key.as_bytes())];
    nginx(DIRECTIVES, &files)
}

#[test]
fn an_unknown_certificate_is_refused_until_it_is_trusted() {
    let Some(server) = server() else { return };
    let folder = Folder::of(
        "local r = lt.http.get '/'
         lt.expect(r, { status = 200, body_contains = 'secret', ['took its time'] = r.reused or r.timings.tls > 0 })",
    );
    let ca = server.folder.path().join("ca.pem").display().to_string();
    let (right, wrong) = (
        format!("https://localhost:{}", server.port),
        format!("https://127.0.0.1:{}", server.port),
    );
    for (url, flags, trusted) in [
        (&right, &[][..], false),
        (&right, &["--cacert", &ca], true),
        (&right, &["--insecure"], true),
        (&wrong, &["--cacert", &ca], false),
        (&wrong, &["--insecure"], true),
    ] {
        let arguments = [&["--base-url", url, "--vus", "2", "--iterations", "10"], flags].concat();
        let (ran, summary) = folder.summary(&arguments);
        ran.exits(if trusted { 0 } else { 3 });
        let connections = &summary["connections"];
        if trusted {
            assert_eq!((&connections["opened"], &connections["reused"]), (&2.into(), &8.into()));
            continue;
        }
        let errors = summary["errors"].as_array().expect("a list");
        let tls = errors.iter().find(|error| error["category"] == "tls").expect("it is told");
        assert_eq!(tls["count"], 10);
        let message = tls["message"].as_str().expect("a text");
        assert!(message.contains("ertificate"), "{message}");
    }
}
