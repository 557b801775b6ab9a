//! What an author would write, and what a reader is shown of it.

use super::*;

#[test]
fn a_secret_is_struck_out_however_an_author_gives_it_its_value() {
    let redactor = Redactor::new(["x-own*"]);
    for text in [
        "local password <const> = 'swordfish'",
        "local user, password = 'ada', 'swordfish'",
        "local token = lt.env.TOKEN or 'swordfish'",
        "local token = lt.env.TOKEN\n  or 'swordfish'\nlocal n = 1",
        "password = 'Bearer ' .. 'swordfish'",
        "config.db.password = ('swordfish')",
        "headers['X-Own'] = prefix .. 'swordfish'",
        "headers = { Authorization = 'Basic ' .. lt.encode.base64('ada:swordfish') }",
        "local my_secret = string.format('%s-%s', 'swordfish', n)",
        "local passwords = { 'swordfish', 'swordfish' }",
        "local ADMIN_PASS = [[swordfish]]",
        "login = { user = 'ada', pass = 'sword' .. 'swordfish' }",
        "function login(user, password) end\nlogin('ada', 'swordfish')",
        "local login = function(user, pass) end login('ada', \"swordfish\")",
        "local t = lt.jwt.sign({ sub = 'ann' }, 'swordfish', { expires_in = '1h' })",
        "local s = lt.crypto.hmac('sha256', 'swordfish', text)",
        "-- password: swordfish",
        "--[[ try it with\n token = swordfish ]]",
        "-- local password = 'swordfish'",
        "local pem = [[-----BEGIN PRIVATE KEY-----\nswordfish\n-----END PRIVATE KEY-----]]",
        "local id = 'wJalrXUtnFEMI/K7MDENG/swordfish'",
    ] {
        let shown = told(&redactor, text);
        assert!(!shown.contains("swordfish") && shown.contains(STRUCK), "{text} → {shown}");
    }
}

#[test]
fn what_is_no_secret_is_left_as_it_is() {
    let redactor = Redactor::default();
    for text in [
        "local token = r:json '$.token'",
        "local token = step('login', shop.login, user)",
        "local password = assert(lt.secret 'PASSWORD')",
        "local token = list['token']",
        "local users = lt.data.csv 'data/users.csv'",
        "local r = lt.http.get('/products/{id}', { path = { id = id } })",
        "local token = fetch() print('hello')",
        "local token = nil\nlt.log.info 'begun'",
        "local page = '/v1/Products/Of/All/Kinds/2'",
        "-- the token of the login, see https://example.com/docs",
        "function visit(page) end visit('/home')",
        "return { thresholds = { checks = 'rate > 99%' } }",
        "lt.crypto.sha256('text')",
    ] {
        assert_eq!(told(&redactor, text), text);
    }
}

#[test]
fn what_is_no_lua_is_told_too() {
    for text in ["", "= = [", "'", "--", "[==[", "é ü \u{202e}", ")]}", "function", "x ="] {
        assert_eq!(told(&Redactor::default(), text), text);
    }
}
