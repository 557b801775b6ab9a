//! `lt.jwt`: JSON Web Tokens, signed and read.
//!
//! A token that cannot be trusted (another key, expired, no token at all) is `nil` and a message,
//! since it came from elsewhere; a key that is none is the author's mistake and raises. Keys that
//! stand in PEM texts and files are read once per worker.

use std::rc::Rc;
use std::str::FromStr;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, EncodingKey, crypto};
use mlua::{Lua, Table, Value};
use serde_json::{Map, Value as Node};

use super::compiled::Kept;
use super::encode::URL_SAFE;
use super::told::{HINT, needs, told, unknown};
use super::{Host, read};
use crate::lua::value::{Json, plain};
use crate::units;

/// Largest key file, in bytes.
const KEY_LIMIT: u64 = 64 << 10;

/// How every PEM text begins.
const PEM: &[u8] = b"-----BEGIN ";

const ALGORITHMS: [&str; 12] = [
    "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256",
    "ES384", "EdDSA",
];

/// Puts the raw functions into `h`.
pub fn register(lua: &Lua, host: &Rc<Host>, h: &Table) -> mlua::Result<()> {
    let json = Json::of(lua)?;
    let tokens = Rc::new(Tokens { host: host.clone(), json, keys: Keys::default() });
    let this = tokens.clone();
    let sign = move |lua: &Lua, (claims, key, options): (Value, Value, Value)| {
        Ok(told(this.sign(lua, &claims, &key, &options)))
    };
    h.raw_set("jwt_sign", lua.create_function(sign)?)?;
    let decode = move |lua: &Lua, (token, key, options): (Value, Value, Value)| {
        tokens.decode(lua, &token, &key, &options)
    };
    h.raw_set("jwt_decode", lua.create_function(decode)?)
}

struct Tokens {
    host: Rc<Host>,
    json: Rc<Json>,
    keys: Keys,
}

/// A message to raise; claims, header; or why there are none.
type Answer = (Option<String>, Option<Value>, Option<Value>, Option<String>);

/// Claims and header, or why there are none.
type Decoded = Result<(Value, Value), String>;

impl Tokens {
    fn sign(
        &self,
        lua: &Lua,
        claims: &Value,
        key: &Value,
        options: &Value,
    ) -> Result<String, String> {
        const USAGE: &str = "lt.jwt.sign(claims, key)";
        let Value::Table(_) = claims else {
            return Err(needs(USAGE, "a table of claims", claims));
        };
        let key = self.key(lua, USAGE, key)?;
        let options = Options::read(options, &self.json, &key)?;
        let mut claims = self.object(claims, "claims")?;
        if let Some(lifetime) = options.expires_in {
            claims.entry("iat").or_insert_with(|| now().into());
            claims.insert("exp".into(), (now() + lifetime).into());
        }
        let key = self.keys.signing(&key, options.algorithm)?;
        let message = format!("{}.{}", part(&options.header), part(&claims));
        let signature = crypto::sign(message.as_bytes(), &key, options.algorithm);
        let signature = signature.map_err(|error| format!("lt.jwt.sign: {error}"))?;
        Ok(format!("{message}.{signature}"))
    }

    /// A table as a JSON object.
    fn object(&self, table: &Value, what: &str) -> Result<Map<String, Node>, String> {
        let mut text = Vec::new();
        self.json
            .encode(table, &mut text)
            .map_err(|fault| format!("lt.jwt.sign: {what}: {fault}"))?;
        serde_json::from_slice(&text)
            .map_err(|_| format!("lt.jwt.sign: {what} must be a table of name = value, not a list"))
    }

    fn decode(
        &self,
        lua: &Lua,
        token: &Value,
        key: &Value,
        options: &Value,
    ) -> mlua::Result<Answer> {
        let raised = |message| Ok((Some(message), None, None, None));
        let (token, key, options) = match self.asked(lua, token, key, options) {
            Ok(asked) => asked,
            Err(message) => return raised(message),
        };
        let Some(parts) = Parts::of(&token) else {
            let why = "not a JWT: it has not three parts with dots between them";
            return Ok((None, None, None, Some(why.into())));
        };
        if let Some(key) = key {
            match self.verify(&parts, &key, &options) {
                Ok(None) => {}
                Ok(why) => return Ok((None, None, None, why)),
                Err(message) => return raised(message),
            }
        }
        Ok(match self.read(lua, &parts)? {
            Ok((claims, header)) => (None, Some(claims), Some(header), None),
            Err(why) => (None, None, None, Some(why)),
        })
    }

    fn asked(
        &self,
        lua: &Lua,
        token: &Value,
        key: &Value,
        options: &Value,
    ) -> Result<(String, Option<Vec<u8>>, Checks), String> {
        const USAGE: &str = "lt.jwt.decode(token, key)";
        let Value::String(token) = token else { return Err(needs(USAGE, "a token", token)) };
        let key = match key {
            Value::Nil => None,
            key => Some(self.key(lua, USAGE, key)?),
        };
        Ok((token.to_string_lossy(), key, Checks::read(options)?))
    }

    /// Whether the token is what the key's owner signed, and of today: else why not.
    fn verify(&self, parts: &Parts, key: &[u8], checks: &Checks) -> Result<Option<String>, String> {
        let header: Map<String, Node> = match parts.json(parts.header) {
            Ok(header) => header,
            Err(why) => return Ok(Some(why)),
        };
        let name = header.get("alg").and_then(Node::as_str).unwrap_or("none");
        let Ok(algorithm) = Algorithm::from_str(name) else {
            return Ok(Some(format!("signed with `{name}`, which cannot be verified")));
        };
        if let Some(wanted) = checks.algorithm.filter(|wanted| *wanted != algorithm) {
            return Ok(Some(format!("signed with {name}, not with {wanted:?}")));
        }
        if is_pem(key) == (algorithm.family() == AlgorithmFamily::Hmac) {
            let kind = if is_pem(key) { "a PEM text" } else { "no PEM text" };
            return Ok(Some(format!("signed with {name}, but the key is {kind}")));
        }
        let key = self.keys.verifying(key, algorithm)?;
        let genuine = crypto::verify(parts.signature, parts.message.as_bytes(), &key, algorithm);
        Ok(match genuine {
            Ok(true) => checks.time(parts),
            _ => Some("the signature is wrong: it is of another key or another text".into()),
        })
    }

    fn read(&self, lua: &Lua, parts: &Parts) -> mlua::Result<Decoded> {
        let read = |what: &str, part: &str| -> mlua::Result<Result<Value, String>> {
            let Ok(text) = URL_SAFE.decode(part) else {
                return Ok(Err(format!("not a JWT: its {what} is not base64url")));
            };
            let value = self.json.decode(lua, &text)?;
            Ok(value.map_err(|why| format!("not a JWT: its {what} is not JSON: {why}")))
        };
        let (claims, header) = (read("claims", parts.claims)?, read("header", parts.header)?);
        Ok(claims.and_then(|claims| Ok((claims, header?))))
    }

    /// The bytes of a key: a text, or `{ file = … }`.
    fn key(&self, lua: &Lua, usage: &str, key: &Value) -> Result<Vec<u8>, String> {
        const KINDS: &str = "a key: a text, or { file = … } of a PEM file";
        match key {
            Value::String(text) => Ok(text.as_bytes().to_vec()),
            Value::Table(table) => {
                let file: Value = plain(table).raw_get("file").unwrap_or(Value::Nil);
                let Value::String(file) = file else { return Err(needs(usage, KINDS, key)) };
                let path = self.host.beside_caller(lua, &file.to_string_lossy());
                let known = path.as_os_str().as_encoded_bytes();
                self.keys.files.of(known, || file_of(&path)).map(|bytes| bytes.to_vec())
            }
            other => Err(needs(usage, KINDS, other)),
        }
    }
}

fn file_of(path: &std::path::Path) -> Result<Vec<u8>, String> {
    let refused = |why: String| format!("cannot read the key file {}: {why}", path.display());
    let about = std::fs::metadata(path).map_err(|error| refused(error.to_string()))?;
    if !about.is_file() || about.len() > KEY_LIMIT {
        return Err(refused("it is no file of at most 64 KiB".into()));
    }
    std::fs::read(path).map_err(|error| refused(error.to_string()))
}

/// Keys that were parsed.
#[derive(Default)]
struct Keys {
    files: Kept<Vec<u8>>,
    signing: Kept<EncodingKey>,
    verifying: Kept<DecodingKey>,
}

impl Keys {
    fn signing(&self, key: &[u8], algorithm: Algorithm) -> Result<Rc<EncodingKey>, String> {
        let make = match algorithm.family() {
            AlgorithmFamily::Hmac => return Ok(Rc::new(EncodingKey::from_secret(key))),
            AlgorithmFamily::Rsa => EncodingKey::from_rsa_pem,
            AlgorithmFamily::Ec => EncodingKey::from_ec_pem,
            AlgorithmFamily::Ed => EncodingKey::from_ed_pem,
        };
        let made = self.signing.of(&known(key, algorithm), || make(key));
        made.map_err(|_| no_key("lt.jwt.sign", algorithm, "private"))
    }

    fn verifying(&self, key: &[u8], algorithm: Algorithm) -> Result<Rc<DecodingKey>, String> {
        let make = match algorithm.family() {
            AlgorithmFamily::Hmac => return Ok(Rc::new(DecodingKey::from_secret(key))),
            AlgorithmFamily::Rsa => DecodingKey::from_rsa_pem,
            AlgorithmFamily::Ec => DecodingKey::from_ec_pem,
            AlgorithmFamily::Ed => DecodingKey::from_ed_pem,
        };
        let made = self.verifying.of(&known(key, algorithm), || make(key));
        made.map_err(|_| no_key("lt.jwt.decode", algorithm, "public"))
    }
}

/// By what a parsed key is found again.
fn known(key: &[u8], algorithm: Algorithm) -> Vec<u8> {
    [format!("{algorithm:?} ").as_bytes(), key].concat()
}

fn no_key(call: &str, algorithm: Algorithm, kind: &str) -> String {
    let form = match (algorithm.family(), kind) {
        (AlgorithmFamily::Ec, "private") => " in PKCS #8 form (openssl pkcs8 -topk8 -nocrypt)",
        _ => "",
    };
    format!("{call}: this is no {kind} key for {algorithm:?}{HINT}give a PEM text{form}")
}

fn is_pem(key: &[u8]) -> bool {
    key.trim_ascii_start().starts_with(PEM)
}

/// What `lt.jwt.sign` was told.
struct Options {
    algorithm: Algorithm,
    header: Map<String, Node>,
    /// Seconds.
    expires_in: Option<i64>,
}

impl Options {
    fn read(options: &Value, json: &Json, key: &[u8]) -> Result<Options, String> {
        let mut own = Map::new();
        let (mut algorithm, mut kid, mut expires_in) = (None, None, None);
        each("lt.jwt.sign", options, |name, value| {
            match name {
                "alg" => algorithm = Some(algorithm_of(value)?),
                "kid" => kid = Some(read::text(name, value)?),
                "headers" => own = headers(value, json)?,
                "expires_in" => expires_in = Some(lifetime(value)?),
                _ => return Err(unknown("option of lt.jwt.sign", name, SIGNING)),
            }
            Ok(())
        })?;
        let algorithm = match algorithm {
            None if is_pem(key) => {
                return Err("lt.jwt.sign: the key is a PEM text; say what it signs with, as in \
                            { alg = \"RS256\" }"
                    .into());
            }
            Some(named) if named.family() == AlgorithmFamily::Hmac && is_pem(key) => {
                return Err(format!(
                    "lt.jwt.sign: {named:?} takes a secret, and the key is a PEM text"
                ));
            }
            named => named.unwrap_or(Algorithm::HS256),
        };
        let mut header = Map::new();
        header.insert("alg".into(), format!("{algorithm:?}").into());
        header.insert("typ".into(), "JWT".into());
        header.extend(kid.map(|kid| ("kid".into(), kid.into())));
        header.extend(own);
        Ok(Options { algorithm, header, expires_in })
    }
}

/// Whole seconds; unlike a timeout it may well be an hour.
fn lifetime(value: &Value) -> Result<i64, String> {
    let length = match value {
        Value::String(text) => units::duration(&text.to_string_lossy()),
        Value::Integer(seconds) => units::seconds(*seconds as f64),
        Value::Number(seconds) => units::seconds(*seconds),
        other => return Err(needs("expires_in", "seconds or a text like \"1h\"", other)),
    };
    Ok(length.map_err(|what| format!("expires_in: {what}"))?.as_secs().cast_signed())
}

const SIGNING: [&str; 4] = ["alg", "expires_in", "headers", "kid"];

fn headers(value: &Value, json: &Json) -> Result<Map<String, Node>, String> {
    let mut text = Vec::new();
    json.encode(value, &mut text).map_err(|fault| format!("headers: {fault}"))?;
    let headers: Map<String, Node> = serde_json::from_slice(&text)
        .map_err(|_| needs("headers", "a table of name = value", value))?;
    match headers.contains_key("alg") {
        true => Err("headers: `alg` is an option of its own".into()),
        false => Ok(headers),
    }
}

/// What `lt.jwt.decode` was told to check, besides the signature.
struct Checks {
    algorithm: Option<Algorithm>,
    time: bool,
}

impl Checks {
    fn read(options: &Value) -> Result<Checks, String> {
        let mut checks = Checks { algorithm: None, time: true };
        each("lt.jwt.decode", options, |name, value| {
            match name {
                "alg" => checks.algorithm = Some(algorithm_of(value)?),
                "check_time" => checks.time = read::flag(name, value)?,
                _ => return Err(unknown("option of lt.jwt.decode", name, ["alg", "check_time"])),
            }
            Ok(())
        })?;
        Ok(checks)
    }

    /// Why the token does not hold now.
    fn time(&self, parts: &Parts) -> Option<String> {
        if !self.time {
            return None;
        }
        let claims: Map<String, Node> = match parts.json(parts.claims) {
            Ok(claims) => claims,
            Err(why) => return Some(why),
        };
        let seconds = |name| claims.get(name).and_then(Node::as_f64);
        let now = now() as f64;
        match (seconds("exp"), seconds("nbf")) {
            (Some(exp), _) if exp <= now => Some(format!("expired {} s ago", now - exp.floor())),
            (_, Some(nbf)) if nbf > now => {
                Some(format!("not valid before {} s from now", nbf.ceil() - now))
            }
            _ => None,
        }
    }
}

fn each(
    call: &str,
    options: &Value,
    mut visit: impl FnMut(&str, &Value) -> Result<(), String>,
) -> Result<(), String> {
    match options {
        Value::Nil => Ok(()),
        Value::Table(options) => read::each(options, |key, value| match &key {
            Value::String(name) => visit(&name.to_string_lossy(), &value),
            other => Err(needs("an option table", "names", other)),
        }),
        other => Err(needs(call, "a table of options", other)),
    }
}

fn algorithm_of(value: &Value) -> Result<Algorithm, String> {
    let name = read::text("alg", value)?;
    Algorithm::from_str(&name).map_err(|_| unknown("algorithm", &name, ALGORITHMS))
}

/// A token as it is sent.
struct Parts<'t> {
    message: &'t str,
    header: &'t str,
    claims: &'t str,
    signature: &'t str,
}

impl<'t> Parts<'t> {
    fn of(token: &'t str) -> Option<Parts<'t>> {
        let (message, signature) = token.rsplit_once('.')?;
        let (header, claims) = message.split_once('.')?;
        (!claims.contains('.')).then_some(Parts { message, header, claims, signature })
    }

    /// One of its two objects.
    fn json(&self, part: &str) -> Result<Map<String, Node>, String> {
        let text =
            URL_SAFE.decode(part).map_err(|_| "not a JWT: it is not base64url".to_owned())?;
        serde_json::from_slice(&text).map_err(|_| "not a JWT: it holds no JSON object".to_owned())
    }
}

fn part(object: &Map<String, Node>) -> String {
    URL_SAFE.encode(serde_json::to_vec(object).expect("names are strings"))
}

/// Seconds since 1970.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs().cast_signed())
}
