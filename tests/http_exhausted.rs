//! What happens when the tool itself runs out. A test program of its own, for the limit that it
//! lowers holds for all of a process.

use std::fs::File;
use std::rc::Rc;

use http::{HeaderMap, Method};
use loadtool::http::{
    CallOptions, Category, Exchange, Leg, Observer, Request, ReqwestTransport, Session, Transport,
    TransportOptions, call,
};
use rlimit::Resource;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use url::Url;

struct Nobody;

impl Observer for Nobody {
    fn exchange(&self, _: &Request, _: &Leg<'_>, _: &Exchange) {}
}

#[tokio::test]
async fn a_process_without_descriptors_left_is_resource_and_recovers() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let transport = ReqwestTransport::new(&TransportOptions::default()).unwrap();
    let session = Session::new(transport.open(None));
    let request = Rc::new(Request {
        method: Method::GET,
        url: Rc::new(Url::parse(&format!("http://{address}/")).unwrap()),
        name: "/".into(),
        headers: HeaderMap::new(),
        body: Default::default(),
        options: Rc::new(CallOptions::default()),
    });
    let (_, hard) = Resource::NOFILE.get().unwrap();
    Resource::NOFILE.set(64, hard).unwrap();
    let taken: Vec<File> = std::iter::from_fn(|| File::open("/dev/null").ok()).collect();
    let response = call(&session, request.clone(), &Nobody).await;
    let error = response.error.unwrap();
    assert_eq!(error.category, Category::Resource);
    let message = format!("out of resources while connecting to {address}: too many open files");
    assert_eq!(error.message, message);

    drop(taken);
    let serve = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        assert!(stream.read(&mut [0; 1024]).await.unwrap() > 0);
        stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
        stream
    };
    let (response, _stream) = tokio::join!(call(&session, request, &Nobody), serve);
    assert_eq!((response.status, response.error), (204, None));
}
