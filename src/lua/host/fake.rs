//! `lt.fake`: names, addresses and words that look real, from the `fake` crate's tables, by the
//! user's own generator: the same seed makes the same people.
//!
//! What goes to other people's servers must reach nobody: e-mail addresses are of `example.*`,
//! which nobody owns (RFC 2606).

use std::rc::Rc;

use fake::Fake;
use fake::faker::impls::address::CityNameGenFn;
use fake::faker::{address, company, currency, internet, job, lorem, name, phone_number};
use fake::locales::{
    AR_SA, CY_GB, DE_DE, Data, EN, FA_IR, FR_FR, IT_IT, JA_JP, NL_NL, PT_BR, PT_PT, TR_TR, ZH_CN,
    ZH_TW,
};
use mlua::{Lua, Table, Value};
use rand::RngExt;
use rand_xoshiro::Xoshiro256PlusPlus;

use super::random::drawing;
use super::told::{needs, unknown};
use super::{Host, read};

/// Most words or sentences of one text.
const MOST: u64 = 10_000;

/// Puts the raw functions into `h`.
pub fn register(lua: &Lua, host: &Rc<Host>, h: &Table) -> mlua::Result<()> {
    h.raw_set("fake_kinds", KINDS)?;
    h.raw_set("fake_texts", TEXTS)?;
    let draw = |_: &Lua, rng: &mut Rng, (kind, n, options): (String, Value, Value)| {
        draw(rng, &kind, &n, &options)
    };
    h.raw_set("fake", drawing(lua, host, draw)?)
}

type Rng = Xoshiro256PlusPlus;

/// What takes no number.
const KINDS: [&str; 24] = [
    "city",
    "company",
    "country",
    "country_code",
    "credit_card",
    "currency",
    "domain",
    "email",
    "first_name",
    "ipv4",
    "ipv6",
    "job",
    "last_name",
    "latitude",
    "longitude",
    "mac",
    "name",
    "password",
    "phone",
    "postcode",
    "state",
    "street",
    "user_agent",
    "user_name",
];

/// What does: of words or sentences.
const TEXTS: [&str; 4] = ["paragraph", "sentence", "word", "words"];

/// One of a kind, in the language that is asked for.
fn draw(rng: &mut Rng, kind: &str, n: &Value, options: &Value) -> Result<String, String> {
    let usage = format!("lt.fake.{kind}");
    let locale = locale(&usage, options)?;
    let n = match n {
        Value::Nil => None,
        n if kind == "word" => return Err(needs(&usage, "a table of options", n)),
        n => Some(number(&usage, n)?),
    };
    Ok(locale(rng, kind, n))
}

fn number(usage: &str, n: &Value) -> Result<usize, String> {
    match read::count(usage, n)? {
        n @ 1..=MOST => Ok(n as usize),
        n => Err(format!("{usage}({n}): the number must be from 1 to {MOST}")),
    }
}

/// Makes one of a kind in its language.
type Locale = fn(&mut Rng, &str, Option<usize>) -> String;

const LOCALES: [(&str, Locale); 14] = [
    ("ar_sa", |rng, kind, n| of(AR_SA, rng, kind, n)),
    ("cy_gb", |rng, kind, n| of(CY_GB, rng, kind, n)),
    ("de_de", |rng, kind, n| of(DE_DE, rng, kind, n)),
    ("en", |rng, kind, n| of(EN, rng, kind, n)),
    ("fa_ir", |rng, kind, n| of(FA_IR, rng, kind, n)),
    ("fr_fr", |rng, kind, n| of(FR_FR, rng, kind, n)),
    ("it_it", |rng, kind, n| of(IT_IT, rng, kind, n)),
    ("ja_jp", |rng, kind, n| of(JA_JP, rng, kind, n)),
    ("nl_nl", |rng, kind, n| of(NL_NL, rng, kind, n)),
    ("pt_br", |rng, kind, n| of(PT_BR, rng, kind, n)),
    ("pt_pt", |rng, kind, n| of(PT_PT, rng, kind, n)),
    ("tr_tr", |rng, kind, n| of(TR_TR, rng, kind, n)),
    ("zh_cn", |rng, kind, n| of(ZH_CN, rng, kind, n)),
    ("zh_tw", |rng, kind, n| of(ZH_TW, rng, kind, n)),
];

/// `{ locale = "de_de" }`; English unless it is said.
fn locale(usage: &str, options: &Value) -> Result<Locale, String> {
    let mut name = "en".to_owned();
    match options {
        Value::Nil => {}
        Value::Table(options) => read::each(options, |key, value| match &key {
            Value::String(key) if *key == "locale" => {
                name = read::text("locale", &value)?.to_lowercase();
                Ok(())
            }
            Value::String(key) => {
                Err(unknown(&format!("option of {usage}"), &key.to_string_lossy(), ["locale"]))
            }
            other => Err(needs("an option table", "names", other)),
        })?,
        other => return Err(needs(usage, "a table of options", other)),
    }
    let known = LOCALES.iter().find(|(known, _)| *known == name);
    known
        .map(|(_, locale)| *locale)
        .ok_or_else(|| unknown("locale", &name, LOCALES.map(|(name, _)| name)))
}

/// What the tables of locale `l` have of a kind; where they have none, English ones stand in.
fn of<L: Data + CityNameGenFn + Copy>(l: L, rng: &mut Rng, kind: &str, n: Option<usize>) -> String {
    match kind {
        "city" => address::raw::CityName(l).fake_with_rng(rng),
        "company" => company::raw::CompanyName(l).fake_with_rng(rng),
        "country" => address::raw::CountryName(l).fake_with_rng(rng),
        "country_code" => address::raw::CountryCode(l).fake_with_rng(rng),
        "credit_card" => credit_card(rng),
        "currency" => currency::raw::CurrencyCode(l).fake_with_rng(rng),
        "domain" => domain(rng),
        "email" => email(rng),
        "first_name" => name::raw::FirstName(l).fake_with_rng(rng),
        "ipv4" => internet::raw::IPv4(l).fake_with_rng(rng),
        "ipv6" => internet::raw::IPv6(l).fake_with_rng(rng),
        "job" => job::raw::Title(l).fake_with_rng(rng),
        "last_name" => name::raw::LastName(l).fake_with_rng(rng),
        "latitude" => address::raw::Latitude(l).fake_with_rng(rng),
        "longitude" => address::raw::Longitude(l).fake_with_rng(rng),
        "mac" => internet::raw::MACAddress(l).fake_with_rng(rng),
        "name" => name::raw::Name(l).fake_with_rng(rng),
        "password" => internet::raw::Password(l, 12..17).fake_with_rng(rng),
        "phone" => phone_number::raw::PhoneNumber(l).fake_with_rng(rng),
        "postcode" => address::raw::PostCode(l).fake_with_rng(rng),
        "state" => address::raw::StateName(l).fake_with_rng(rng),
        "street" => street(l, rng),
        "user_agent" => internet::raw::UserAgent(l).fake_with_rng(rng),
        "user_name" => user_name(rng),
        "paragraph" => {
            let sentences = n.unwrap_or_else(|| rng.random_range(3..7));
            let sentences: Vec<String> = (0..sentences).map(|_| sentence(l, rng, None)).collect();
            sentences.join(" ")
        }
        "sentence" => sentence(l, rng, n),
        "words" => words(l, rng, n.unwrap_or(3)),
        _ => lorem::raw::Word(l).fake_with_rng(rng),
    }
}

fn words<L: Data + Copy>(l: L, rng: &mut Rng, n: usize) -> String {
    let words: Vec<String> = lorem::raw::Words(l, n..n + 1).fake_with_rng(rng);
    words.join(" ")
}

fn sentence<L: Data + Copy>(l: L, rng: &mut Rng, n: Option<usize>) -> String {
    let n = n.unwrap_or_else(|| rng.random_range(5..12));
    let words = words(l, rng, n);
    let mut letters = words.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(letters).chain(['.']).collect()
}

/// `24 Elm Street`.
fn street<L: Data + Copy>(l: L, rng: &mut Rng) -> String {
    let number: String = address::raw::BuildingNumber(l).fake_with_rng(rng);
    let street: String = address::raw::StreetName(l).fake_with_rng(rng);
    format!("{number} {street}")
}

/// In ASCII whatever the locale, and one of some hundred millions.
fn user_name(rng: &mut Rng) -> String {
    let first: &str = name::raw::FirstName(EN).fake_with_rng(rng);
    let last: &str = name::raw::LastName(EN).fake_with_rng(rng);
    let letters = |name: &str| name.chars().filter(char::is_ascii_alphabetic).collect::<String>();
    let number = rng.random_range(1..100);
    format!("{}.{}{number}", letters(first), letters(last)).to_lowercase()
}

fn email(rng: &mut Rng) -> String {
    let user = user_name(rng);
    format!("{user}@{}", domain(rng))
}

fn domain(rng: &mut Rng) -> String {
    let top = ["com", "net", "org"][rng.random_range(0..3)];
    format!("example.{top}")
}

/// Of Visa, Mastercard or American Express, with the right check digit; that of the crate is wrong
/// where the number of digits is odd.
fn credit_card(rng: &mut Rng) -> String {
    let (prefix, length) =
        [("4", 16), ("51", 16), ("55", 16), ("34", 15), ("37", 15)][rng.random_range(0..5)];
    let mut digits: Vec<u32> = prefix.chars().filter_map(|digit| digit.to_digit(10)).collect();
    digits.resize_with(length - 1, || rng.random_range(0..10));
    digits.push(0);
    let check = (10 - luhn(&digits) % 10) % 10;
    digits.truncate(length - 1);
    digits.into_iter().chain([check]).map(|digit| digit.to_string()).collect()
}

/// The sum that is a multiple of ten for the number of a card (ISO/IEC 7812): from the right,
/// every second digit counts twice, and two digits of that are added up.
fn luhn(digits: &[u32]) -> u32 {
    let twice = |digit: u32| digit * 2 / 10 + digit * 2 % 10;
    let places = digits.iter().rev().enumerate();
    places.map(|(place, &digit)| if place % 2 == 0 { digit } else { twice(digit) }).sum()
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    fn drawn(seed: u64, kind: &str, locale: &str) -> String {
        let lua = Lua::new();
        let options = lua.create_table_from([("locale", locale)]).unwrap();
        let mut rng = Rng::seed_from_u64(seed);
        draw(&mut rng, kind, &Value::Nil, &Value::Table(options)).unwrap()
    }

    #[test]
    fn every_kind_has_something_in_every_locale_and_follows_the_seed() {
        for (locale, _) in LOCALES {
            for kind in KINDS.into_iter().chain(TEXTS) {
                for seed in 0..20 {
                    let text = drawn(seed, kind, locale);
                    assert!(!text.trim().is_empty(), "{kind} of {locale}");
                    assert_eq!(text, drawn(seed, kind, locale), "{kind} of {locale}");
                }
            }
        }
        assert_ne!(drawn(1, "name", "en"), drawn(2, "name", "en"));
    }

    #[test]
    fn kinds_look_like_what_they_are() {
        for seed in 0..100 {
            let email = drawn(seed, "email", "ja_jp");
            assert!(email.is_ascii() && email.contains("@example."), "{email}");
            let ip = drawn(seed, "ipv4", "en");
            assert!(ip.parse::<std::net::Ipv4Addr>().is_ok(), "{ip}");
        }
    }

    #[test]
    fn the_check_digit_of_a_known_card_is_right() {
        let digits = |card: &str| card.chars().filter_map(|c| c.to_digit(10)).collect::<Vec<_>>();
        for card in ["4111111111111111", "378282246310005", "5555555555554444"] {
            assert_eq!(luhn(&digits(card)) % 10, 0, "{card}");
        }
        assert_ne!(luhn(&digits("4111111111111112")) % 10, 0);
        for seed in 0..100 {
            let card = credit_card(&mut Rng::seed_from_u64(seed));
            assert!(luhn(&digits(&card)).is_multiple_of(10) && card.len() >= 15, "{card}");
        }
    }

    #[test]
    fn texts_have_as_many_words_as_asked_for() {
        let mut rng = Rng::seed_from_u64(1);
        let words = draw(&mut rng, "words", &Value::Integer(7), &Value::Nil).unwrap();
        assert_eq!(words.split(' ').count(), 7);
        let sentence = draw(&mut rng, "sentence", &Value::Integer(2), &Value::Nil).unwrap();
        assert!(sentence.ends_with('.') && sentence.starts_with(char::is_uppercase), "{sentence}");
        let refused = draw(&mut rng, "words", &Value::Integer(0), &Value::Nil).unwrap_err();
        assert_eq!(refused, "lt.fake.words(0): the number must be from 1 to 10000");
    }
}
