//! Any expression over any bytes ends: with an answer, or with what is wrong with either.
#![no_main]

use libfuzzer_sys::fuzz_target;
use loadtool::extract::XPath;
use loadtool::extract::xpath::{Answer, Refusal};

fuzz_target!(|input: (&str, &[u8])| {
    let (path, body) = input;
    let path = XPath::compile(path).or_else(|_| XPath::compile("//@*/.. | //text()"));
    let path = path.expect("the second one is an XPath");
    let all = path.evaluate(body, &[], usize::MAX);
    match (path.evaluate(body, &[], 1), all) {
        (Ok(Answer::Nodes(first)), Ok(Answer::Nodes(all))) => {
            assert_eq!(first.first(), all.first());
        }
        (Err(Refusal::Document(first)), Err(Refusal::Document(all))) => assert_eq!(first, all),
        _ => {}
    }
});
