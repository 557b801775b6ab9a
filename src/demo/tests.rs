//! The shop as a client sees it, over a socket.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use serde_json::{Value, json};

use super::{Demo, Options, ROUTES, serve};

struct Client {
    demo: Demo,
}

struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Client {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        Client { demo: serve(listener, &Options::default()).expect("a shop") }
    }

    /// HTTP/1.0, so that the body ends with the connection and is never chunked.
    fn ask(&self, method: &str, path: &str, headers: &str, body: &str) -> Answer {
        let mut stream = TcpStream::connect(self.demo.address()).expect("connects");
        let length = body.len();
        write!(stream, "{method} {path} HTTP/1.0\r\nhost: shop\r\n{headers}content-length: {length}\r\n\r\n{body}")
            .expect("writes");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("reads");
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n").expect("a head");
        let head = String::from_utf8(answer[..end].to_vec()).expect("a plain head");
        let status = head.split(' ').nth(1).expect("a status").parse().expect("a number");
        Answer { status, head, body: answer[end + 4..].to_vec() }
    }

    fn get(&self, path: &str, headers: &str) -> Answer {
        self.ask("GET", path, headers, "")
    }

    fn send(&self, method: &str, path: &str, headers: &str, body: &Value) -> Answer {
        let headers = format!("content-type: application/json\r\n{headers}");
        self.ask(method, path, &headers, &body.to_string())
    }

    /// The cookie line and the bearer line of user 1.
    fn log_in(&self) -> (String, String) {
        let who = json!({ "email": "user1@shop.test", "password": "secret-1" });
        let answer = self.send("POST", "/login", "", &who);
        assert_eq!(answer.status, 200);
        assert_eq!(answer.json()["user"]["email"], "user1@shop.test");
        let token = answer.json()["token"].as_str().expect("a token").to_owned();
        (answer.cookie(), format!("authorization: Bearer {token}\r\n"))
    }
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("text")
    }

    fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    fn cookie(&self) -> String {
        let set = self.header("set-cookie").expect("a cookie");
        format!("cookie: {}\r\n", set.split(';').next().expect("a pair"))
    }
}

#[test]
fn a_journey_from_login_to_order_works_with_cookie_and_with_token() {
    let shop = Client::new();
    let (cookie, bearer) = shop.log_in();
    let added = shop.send("POST", "/cart/17/items", &bearer, &json!({ "quantity": 2 }));
    assert_eq!(added.status, 201);
    let cart_id = added.json()["cart_id"].clone();
    assert!(cart_id.is_u64());
    let more = shop.send("POST", "/cart", &cookie, &json!({ "product_id": 18 }));
    assert_eq!((more.status, &more.json()["cart_id"]), (201, &cart_id));
    assert_eq!(shop.send("PUT", "/cart/18", &cookie, &json!({ "quantity": 5 })).json()["count"], 7);
    assert_eq!(shop.ask("DELETE", "/cart/18", &cookie, "").json()["count"], 2);

    let price = shop.get("/products/17", "").json()["price"].as_f64().expect("a price");
    let order = shop.ask("POST", "/checkout", &cookie, "");
    assert_eq!((order.status, order.json()["total"].as_f64()), (201, Some(2.0 * price)));
    let number = order.json()["order_id"].clone();
    assert_eq!(shop.get("/orders", &bearer).json()["orders"][0]["order_id"], number);
    assert_eq!(shop.get(&format!("/orders/{number}"), &bearer).status, 200);
    assert_eq!(shop.get("/orders/999999", &bearer).status, 404);
    assert_eq!(shop.ask("POST", "/checkout", &cookie, "").status, 409, "the cart is empty now");
}

#[test]
fn the_shop_says_what_it_answers_and_answers_it() {
    let shop = Client::new();
    let told = shop.get("/", "");
    assert_eq!((told.status, String::from_utf8(told.body).as_deref()), (200, Ok(ROUTES)));
    let routes = ROUTES.lines().filter_map(|line| line.strip_prefix("  ")?.split_once(" /"));
    let routes: Vec<_> =
        routes.filter(|(method, _)| ["GET", "POST", "PUT"].contains(method)).collect();
    assert!(routes.len() > 20, "{routes:?}");
    for (method, rest) in routes {
        let path = rest.split(' ').next().expect("split gives one");
        let path = path.replace("{code}", "200").replace("{name}", "gzip");
        let path = ["{id}", "{ms}", "{size}", "{times}"]
            .iter()
            .fold(path, |path, field| path.replace(field, "1"));
        let answer = shop.ask(method, &format!("/{path}"), "", "");
        let body = String::from_utf8_lossy(&answer.body).into_owned();
        assert!(answer.status != 405 && !body.contains("there is no path"), "{path}: {body}");
    }
}

#[test]
fn a_wrong_password_cookie_or_token_is_a_401_that_says_why() {
    let shop = Client::new();
    let who = json!({ "email": "user1@shop.test", "password": "wrong" });
    assert_eq!(shop.send("POST", "/login", "", &who).status, 401);
    for (header, why) in [
        ("", "neither a session cookie nor a bearer token"),
        ("cookie: session=nonsense\r\n", "malformed"),
        ("cookie: session=00000000000000000000000000000001\r\n", "unknown or has ended"),
        ("authorization: Bearer nonsense\r\n", "bad token"),
    ] {
        let answer = shop.get("/cart", header);
        assert_eq!(answer.status, 401, "{header}");
        let error = answer.json()["error"].as_str().expect("an error").to_owned();
        assert!(error.contains(why), "{error}");
    }
}

#[test]
fn a_session_that_logged_out_or_in_again_is_over() {
    let shop = Client::new();
    let (cookie, bearer) = shop.log_in();
    assert_eq!(shop.ask("POST", "/logout", &cookie, "").status, 204);
    assert_eq!(shop.get("/cart", &cookie).status, 401);
    assert_eq!(shop.get("/cart", &bearer).status, 401);

    let (first, _) = shop.log_in();
    let who = json!({ "email": "user2@shop.test", "password": "secret-2" });
    let second = shop.send("POST", "/login", &first, &who).cookie();
    assert_eq!(shop.get("/cart", &first).status, 401);
    assert_eq!(shop.get("/cart", &second).status, 200);
}

#[test]
fn one_session_never_sees_the_cart_of_another() {
    let shop = Client::new();
    let (one, _) = shop.log_in();
    let (other, _) = shop.log_in();
    shop.send("POST", "/cart", &one, &json!({ "product_id": 3 }));
    assert_eq!(shop.get("/cart", &one).json()["count"], 1);
    assert_eq!(shop.get("/cart", &other).json()["count"], 0);
}

#[test]
fn who_registers_may_log_in() {
    let shop = Client::new();
    let who = json!({ "email": "ann@example.org", "password": "long enough" });
    assert_eq!(shop.send("POST", "/login", "", &who).status, 401);
    assert_eq!(shop.send("POST", "/register", "", &who).status, 201);
    assert_eq!(shop.send("POST", "/register", "", &who).status, 409);
    assert_eq!(shop.send("POST", "/login", "", &who).status, 200);
}

#[test]
fn the_form_takes_its_own_token_once_and_redirects() {
    let shop = Client::new();
    let page = shop.get("/form", "");
    let cookie = page.cookie();
    let csrf =
        page.text().split("name=\"csrf\" value=\"").nth(1).expect("a token")[..32].to_owned();
    let headers = format!("content-type: application/x-www-form-urlencoded\r\n{cookie}");
    let body = format!("csrf={csrf}&name=%3CAnn%3E+%26+Bob");
    let without = "content-type: application/x-www-form-urlencoded\r\n";
    assert_eq!(shop.ask("POST", "/form", without, &body).status, 403, "no session");
    let taken = shop.ask("POST", "/form", &headers, &body);
    assert_eq!(taken.status, 303);
    let thanks = shop.get(taken.header("location").expect("a target"), "");
    assert!(thanks.text().contains("Thank you, &lt;Ann&gt; &amp; Bob."), "{}", thanks.text());
    assert_eq!(shop.ask("POST", "/form", &headers, &body).status, 403, "spent");
}

#[test]
fn what_makes_no_sense_is_answered_in_json() {
    let shop = Client::new();
    let (cookie, _) = shop.log_in();
    let json = format!("content-type: application/json\r\n{cookie}");
    for (method, path, body, status) in [
        ("GET", "/nowhere", "", 404),
        ("DELETE", "/products", "", 405),
        ("GET", "/products?page=0", "", 400),
        ("GET", "/products?size=101", "", 400),
        ("GET", "/products?page=two", "", 400),
        ("GET", "/products/999", "", 404),
        ("GET", "/products/abc", "", 400),
        ("POST", "/login", "{", 400),
        ("POST", "/login", "{}", 422),
        ("POST", "/cart", r#"{"product_id":999}"#, 404),
        ("POST", "/cart", r#"{"product_id":1,"quantity":0}"#, 400),
        ("PUT", "/cart/9", r#"{"quantity":1}"#, 404),
        ("GET", "/status/700", "", 400),
        ("GET", "/delay/60001", "", 400),
        ("GET", "/redirect/1?code=304", "", 400),
        ("GET", "/encoding/rot13", "", 404),
    ] {
        let answer = shop.ask(method, path, &json, body);
        assert_eq!(answer.status, status, "{method} {path}");
        assert_eq!(answer.json()["status"], status, "{method} {path}");
    }
}

#[test]
fn variations_answer_as_ordered() {
    let shop = Client::new();
    assert_eq!(shop.get("/health", "").json()["status"], "ok");
    assert_eq!(shop.get("/status/503", "").status, 503);
    assert_eq!(shop.get("/status/204", "").body.len(), 0);
    assert_eq!(shop.get("/delay/1", "").json()["delay_ms"], 1);
    let big = shop.get("/bytes/150000", "");
    assert_eq!((big.body.len(), big.header("content-length")), (150_000, Some("150000")));
    let first = shop.get("/redirect/2?code=307", "");
    assert_eq!((first.status, first.header("location")), (307, Some("/redirect/1?code=307")));
    assert_eq!(shop.get("/redirect/0", "").status, 200);
    let events = shop.get("/stream?events=3&every_ms=1", "");
    assert_eq!(events.text().matches("event: tick").count(), 3);
}

#[test]
fn an_echo_shows_method_query_headers_and_body() {
    let shop = Client::new();
    let echo = shop.send("PATCH", "/echo?a=1%202&b=", "x-two: 1\r\nx-two: 2\r\n", &json!({"n": 1}));
    let echo = echo.json();
    assert_eq!(echo["method"], "PATCH");
    assert_eq!(echo["query"], json!({ "a": "1 2", "b": "" }));
    assert_eq!(echo["headers"]["x-two"], "1, 2");
    assert_eq!((&echo["json"]["n"], &echo["body"]), (&json!(1), &json!(r#"{"n":1}"#)));
}

#[test]
fn each_encoding_decodes_to_the_same_words() {
    let shop = Client::new();
    for name in ["identity", "gzip", "deflate", "br", "zstd"] {
        let answer = shop.get(&format!("/encoding/{name}"), "");
        assert_eq!(answer.header("content-encoding"), Some(name));
        let mut text = Vec::new();
        let body = answer.body.as_slice();
        let read = match name {
            "gzip" => flate2::read::GzDecoder::new(body).read_to_end(&mut text),
            "deflate" => flate2::read::ZlibDecoder::new(body).read_to_end(&mut text),
            "br" => brotli::Decompressor::new(body, 4096).read_to_end(&mut text),
            "zstd" => zstd::decode_all(body).map(|all| text.write(&all).expect("to memory")),
            _ => std::io::Cursor::new(body).read_to_end(&mut text),
        };
        read.expect("decodes");
        let value: Value = serde_json::from_slice(&text).expect("JSON");
        assert_eq!(value["encoding"], name);
    }
}

#[test]
fn a_dropped_shop_is_closed() {
    let shop = Client::new();
    let address = shop.demo.address();
    let mut open = TcpStream::connect(address).expect("connects");
    drop(shop);
    assert!(TcpStream::connect(address).is_err());
    assert!(matches!(open.read(&mut [0; 1]), Ok(0) | Err(_)), "kept connections end too");
}
