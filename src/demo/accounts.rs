//! Who may log in: a hundred thousand accounts known by rule, and those that were registered.

use std::collections::{HashMap, VecDeque};

use super::answer::Problem;

const BUILT_IN: u32 = 100_000;

/// `userN@shop.test` with the password `secret-N`, N from 1 to 100,000, and the registered ones.
/// Passwords are kept as they came: nothing here is worth protecting.
#[derive(Debug)]
pub struct Accounts {
    cap: usize,
    passwords: HashMap<String, String>,
    oldest: VecDeque<String>,
}

impl Accounts {
    /// Room for `cap` registrations, at least one.
    pub fn new(cap: usize) -> Self {
        Accounts { cap: cap.max(1), passwords: HashMap::new(), oldest: VecDeque::new() }
    }

    /// Adds an account; the oldest makes room in a full shop.
    pub fn register(&mut self, email: &str, password: &str) -> Result<(), Problem> {
        check(email, password)?;
        if built_in(email).is_some() || self.passwords.contains_key(email) {
            return Err(Problem::conflict(format!("{email} is registered")));
        }
        if self.oldest.len() >= self.cap
            && let Some(oldest) = self.oldest.pop_front()
        {
            self.passwords.remove(&oldest);
        }
        self.oldest.push_back(email.to_owned());
        self.passwords.insert(email.to_owned(), password.to_owned());
        Ok(())
    }

    /// Whether this is the password of that account.
    pub fn admits(&self, email: &str, password: &str) -> bool {
        match built_in(email) {
            Some(n) => password.strip_prefix("secret-") == Some(n),
            None => self.passwords.get(email).is_some_and(|known| known == password),
        }
    }
}

fn check(email: &str, password: &str) -> Result<(), Problem> {
    let parts = email.split_once('@');
    let plain = parts.is_some_and(|(name, host)| !name.is_empty() && host.contains('.'));
    if !plain || email.len() > 254 || email.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(Problem::bad("email is not an address"));
    }
    if !(8..=128).contains(&password.len()) {
        return Err(Problem::bad("password has between 8 and 128 bytes"));
    }
    Ok(())
}

/// The number in a built-in address, as it is written there.
fn built_in(email: &str) -> Option<&str> {
    let n = email.strip_prefix("user")?.strip_suffix("@shop.test")?;
    let number: u32 = n.parse().ok()?;
    ((1..=BUILT_IN).contains(&number) && n == number.to_string()).then_some(n)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn built_in_accounts_have_their_own_password() {
        let accounts = Accounts::new(1);
        assert!(accounts.admits("user17@shop.test", "secret-17"));
        for (email, password) in [
            ("user17@shop.test", "secret-18"),
            ("user0@shop.test", "secret-0"),
            ("user017@shop.test", "secret-017"),
            ("user100001@shop.test", "secret-100001"),
            ("someone@shop.test", ""),
        ] {
            assert!(!accounts.admits(email, password), "{email}");
        }
    }

    #[test]
    fn a_registered_account_may_log_in_until_it_makes_room() {
        let mut accounts = Accounts::new(1);
        assert_eq!(accounts.register("ann@example.org", "long enough"), Ok(()));
        assert!(accounts.admits("ann@example.org", "long enough"));
        assert!(accounts.register("ann@example.org", "long enough").is_err(), "twice");
        assert_eq!(accounts.register("bob@example.org", "long enough"), Ok(()));
        assert!(!accounts.admits("ann@example.org", "long enough"), "made room");
    }

    #[test]
    fn an_address_or_password_that_is_none_is_refused() {
        let mut accounts = Accounts::new(1);
        for (email, password) in [
            ("", "long enough"),
            ("@example.org", "long enough"),
            ("a b@example.org", "long enough"),
            ("ann@example", "long enough"),
            ("ann@example.org", "short"),
            ("user1@shop.test", "long enough"),
        ] {
            assert!(accounts.register(email, password).is_err(), "{email} {password}");
        }
    }
}
