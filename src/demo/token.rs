//! JSON Web Tokens (HS256) that name a session; a key of its own per process, so that another
//! shop's token is refused.

use jsonwebtoken::{
    DecodingKey, EncodingKey, Header, Validation, decode, encode, get_current_timestamp,
};
use serde::{Deserialize, Serialize};

use super::answer::Problem;
use super::session::SessionId;

const LIFETIME_S: u64 = 24 * 3600;

/// Signs and reads tokens.
pub struct Tokens {
    sign: EncodingKey,
    verify: DecodingKey,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    sub: String,
    sid: String,
    iat: u64,
    exp: u64,
}

impl Tokens {
    /// With this secret.
    pub fn new(secret: &[u8]) -> Self {
        Tokens { sign: EncodingKey::from_secret(secret), verify: DecodingKey::from_secret(secret) }
    }

    /// A token for `user`'s session, good for a day.
    pub fn issue(&self, user: &str, id: SessionId) -> String {
        let iat = get_current_timestamp();
        let claims = Claims { sub: user.into(), sid: id.to_string(), iat, exp: iat + LIFETIME_S };
        encode(&Header::default(), &claims, &self.sign).expect("plain claims and an HMAC key")
    }

    /// The session that a token names.
    pub fn read(&self, token: &str) -> Result<SessionId, Problem> {
        let claims = decode::<Claims>(token, &self.verify, &Validation::default())
            .map_err(|error| Problem::unauthorized(format!("bad token: {error}")))?
            .claims;
        SessionId::parse(&claims.sid)
            .ok_or_else(|| Problem::unauthorized("bad token: it names no session"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_names_its_session_to_the_shop_that_issued_it_alone() {
        let id = SessionId::new(7);
        let token = Tokens::new(b"one").issue("a@shop.test", id);
        assert_eq!(Tokens::new(b"one").read(&token), Ok(id));
        assert!(Tokens::new(b"two").read(&token).is_err());
        assert!(Tokens::new(b"one").read("nonsense").is_err());
    }
}
