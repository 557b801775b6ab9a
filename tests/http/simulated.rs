//! The simulated transport: what stands above it cannot tell.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use http::header::LOCATION;
use http::{HeaderMap, Method};
use loadtool::http::{
    CallOptions, Category, Exchange, Leg, Next, Observer, Request, Session, SimulatedTransport,
    Transport, call,
};
use tokio::time::Instant;
use url::Url;

#[derive(Default)]
struct Hops(RefCell<Vec<(u8, bool, u16)>>);

impl Observer for Hops {
    fn exchange(&self, _: &Request, leg: &Leg<'_>, done: &Exchange) {
        let followed = leg.next == Next::Redirect;
        self.0.borrow_mut().push((leg.hop, followed, done.status));
    }
}

fn get(url: &str) -> Rc<Request> {
    Rc::new(Request {
        method: Method::GET,
        url: Rc::new(Url::parse(url).unwrap()),
        name: "/".into(),
        headers: HeaderMap::new(),
        body: Default::default(),
        options: Rc::new(CallOptions::default()),
    })
}

#[tokio::test(start_paused = true)]
async fn calls_take_the_time_that_is_simulated() {
    let transport = SimulatedTransport::new(|hop| match hop.url.path() {
        "/start" => {
            let mut done = Exchange::answer(302, "");
            done.headers.insert(LOCATION, "/end".parse().unwrap());
            (Duration::from_secs(2), done)
        }
        "/end" => (Duration::from_secs(3), Exchange::answer(200, "end")),
        _ => (Duration::from_secs(3600), Exchange::answer(200, "late")),
    });
    let session = Session::new(transport.open(None));
    let (began, hops) = (Instant::now(), Hops::default());
    let response = call(&session, get("http://h/start"), &hops).await;
    assert_eq!((response.body, response.duration), ("end".into(), Duration::from_secs(5)));
    assert_eq!(began.elapsed(), Duration::from_secs(5));
    assert_eq!(*hops.0.borrow(), [(0, true, 302), (1, false, 200)]);

    let response = call(&session, get("http://h/hang"), &hops).await;
    assert_eq!((response.status, response.duration), (0, Duration::from_secs(30)));
    assert_eq!(response.error.map(|error| error.category), Some(Category::Timeout));
}
