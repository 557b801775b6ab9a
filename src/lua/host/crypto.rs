//! `lt.crypto`: digests, HMAC and random bytes, as hex unless the author names another form.

use std::rc::Rc;

use aws_lc_rs::{digest, hmac, rand};
use base64::Engine;
use md5::{Digest, Md5};
use mlua::{Lua, LuaString, Table, Value};

use super::encode::{STANDARD, URL_SAFE, to_hex};
use super::told::{Told, needs, told, unknown};
use super::{Host, read};

/// Most bytes that are drawn at once.
const MOST_RANDOM: u64 = 1 << 20;

/// Puts the raw functions into `h`.
pub fn register(lua: &Lua, _: &Rc<Host>, h: &Table) -> mlua::Result<()> {
    for (name, digest) in DIGESTS {
        let usage = format!("lt.crypto.{name}");
        let function = move |lua: &Lua, (text, form): (Value, Value)| {
            let bytes = bytes(&usage, "a string", &text);
            given(lua, &usage, bytes.map(|text| digest(&text.as_bytes())), &form)
        };
        h.raw_set(format!("crypto_{name}"), lua.create_function(function)?)?;
    }
    let hmac = |lua: &Lua, (algorithm, key, text, form): (Value, Value, Value, Value)| {
        given(lua, "lt.crypto.hmac", mac(&algorithm, &key, &text), &form)
    };
    h.raw_set("crypto_hmac", lua.create_function(hmac)?)?;
    let random = |lua: &Lua, (n, form): (Value, Value)| {
        given(lua, "lt.crypto.random_bytes", random(&n), &form)
    };
    h.raw_set("crypto_random_bytes", lua.create_function(random)?)
}

/// In the form that is asked for.
fn given(
    lua: &Lua,
    usage: &str,
    bytes: Result<Vec<u8>, String>,
    form: &Value,
) -> mlua::Result<Told<LuaString>> {
    match bytes.and_then(|bytes| Ok(Form::read(usage, form)?.of(bytes))) {
        Ok(text) => Ok((None, Some(lua.create_string(text)?))),
        Err(message) => Ok(told(Err(message))),
    }
}

type Hash = fn(&[u8]) -> Vec<u8>;

const DIGESTS: [(&str, Hash); 5] = [
    ("md5", |bytes| Md5::digest(bytes).as_slice().to_vec()),
    ("sha1", |bytes| sha(&digest::SHA1_FOR_LEGACY_USE_ONLY, bytes)),
    ("sha256", |bytes| sha(&digest::SHA256, bytes)),
    ("sha384", |bytes| sha(&digest::SHA384, bytes)),
    ("sha512", |bytes| sha(&digest::SHA512, bytes)),
];

fn sha(algorithm: &'static digest::Algorithm, bytes: &[u8]) -> Vec<u8> {
    digest::digest(algorithm, bytes).as_ref().to_vec()
}

const MACS: [(&str, hmac::Algorithm); 4] = [
    ("sha1", hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY),
    ("sha256", hmac::HMAC_SHA256),
    ("sha384", hmac::HMAC_SHA384),
    ("sha512", hmac::HMAC_SHA512),
];

fn mac(algorithm: &Value, key: &Value, text: &Value) -> Result<Vec<u8>, String> {
    const USAGE: &str = "lt.crypto.hmac(algorithm, key, text)";
    let name = bytes(USAGE, "an algorithm like \"sha256\"", algorithm)?.to_string_lossy();
    let known = MACS.iter().find(|(known, _)| *known == name);
    let Some((_, algorithm)) = known else {
        return Err(unknown("algorithm of lt.crypto.hmac", &name, MACS.map(|(name, _)| name)));
    };
    let (key, text) = (bytes(USAGE, "a string as key", key)?, bytes(USAGE, "a string", text)?);
    let key = hmac::Key::new(*algorithm, &key.as_bytes());
    Ok(hmac::sign(&key, &text.as_bytes()).as_ref().to_vec())
}

/// From the system's generator: keys and nonces must not follow from a seed.
fn random(n: &Value) -> Result<Vec<u8>, String> {
    let n = read::count("lt.crypto.random_bytes", n)?;
    if n > MOST_RANDOM {
        return Err(format!("lt.crypto.random_bytes({n}): at most {MOST_RANDOM} at once"));
    }
    let mut bytes = vec![0; usize::try_from(n).expect("it is below a megabyte")];
    let filled = rand::fill(&mut bytes);
    filled.map_err(|_| "lt.crypto.random_bytes: the system gives no random bytes".to_owned())?;
    Ok(bytes)
}

fn bytes(usage: &str, kind: &str, value: &Value) -> Result<LuaString, String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        other => Err(needs(usage, kind, other)),
    }
}

/// How bytes are given to the author.
#[derive(Clone, Copy)]
enum Form {
    Hex,
    Base64,
    Base64Url,
    Raw,
}

impl Form {
    const KNOWN: [(&str, Form); 4] = [
        ("hex", Form::Hex),
        ("base64", Form::Base64),
        ("base64url", Form::Base64Url),
        ("raw", Form::Raw),
    ];

    fn read(usage: &str, form: &Value) -> Result<Form, String> {
        let name = match form {
            Value::Nil => return Ok(Form::Hex),
            Value::String(name) => name.to_string_lossy(),
            other => return Err(needs(usage, "a form like \"base64\"", other)),
        };
        let known = Form::KNOWN.into_iter().find(|(known, _)| *known == name);
        known.map(|(_, form)| form).ok_or_else(|| {
            unknown(&format!("form of {usage}"), &name, Form::KNOWN.map(|(name, _)| name))
        })
    }

    fn of(self, bytes: Vec<u8>) -> Vec<u8> {
        match self {
            Form::Hex => to_hex(&bytes),
            Form::Base64 => STANDARD.encode(bytes).into(),
            Form::Base64Url => URL_SAFE.encode(bytes).into(),
            Form::Raw => bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The digests of "abc": RFC 1321, FIPS 180.
    #[test]
    fn digests_are_those_of_the_standards() {
        let begin = ["900150983cd24fb0", "a9993e364706816a", "ba7816bf8f01cfea"];
        for ((name, digest), begin) in DIGESTS.into_iter().zip(begin) {
            let hex = String::from_utf8(to_hex(&digest(b"abc"))).unwrap();
            assert!(hex.starts_with(begin), "{name}: {hex}");
        }
        let lengths = DIGESTS.map(|(_, digest)| digest(b"").len());
        assert_eq!(lengths, [16, 20, 32, 48, 64]);
    }

    /// RFC 4231, test case 2.
    #[test]
    fn hmac_is_that_of_the_standard() {
        let lua = Lua::new();
        let text = |text: &str| Value::String(lua.create_string(text).unwrap());
        let mac = |algorithm| {
            let (key, message) = (text("Jefe"), text("what do ya want for nothing?"));
            mac(&text(algorithm), &key, &message).map(|mac| String::from_utf8(to_hex(&mac)))
        };
        let sha256 = mac("sha256").unwrap().unwrap();
        assert!(sha256.starts_with("5bdcc146bf60754e6a042426089575c7"), "{sha256}");
        assert_eq!(
            mac("sha265").unwrap_err(),
            "unknown algorithm of lt.crypto.hmac `sha265`; did you mean `sha256`?"
        );
    }

    #[test]
    fn random_bytes_differ_and_are_bounded() {
        let draw = |n| random(&Value::Integer(n));
        assert_ne!(draw(16).unwrap(), draw(16).unwrap());
        assert!(draw(0).unwrap().is_empty());
        assert!(draw(1 << 21).is_err() && draw(-1).is_err());
    }
}
