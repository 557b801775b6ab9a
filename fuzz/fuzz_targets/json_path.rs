//! The walk over bytes and the built document agree on any body, JSON or not.
#![no_main]

use libfuzzer_sys::fuzz_target;
use loadtool::extract::JsonPath;

fuzz_target!(|input: (&str, &[u8])| {
    let (path, body) = input;
    let path = JsonPath::compile(path).or_else(|_| JsonPath::compile("$.a[0]"));
    let simple = path.expect("the second one is a path").all(body);
    // A slice keeps every path from being walked.
    let document = JsonPath::compile("$[0:9]").expect("a path").all(body);
    let truth = serde_json::from_slice::<serde_json::Value>(body);
    assert_eq!(document.is_ok(), truth.is_ok());
    match simple {
        Ok(found) => {
            assert!(truth.is_ok());
            for text in found {
                assert!(serde_json::from_slice::<serde_json::Value>(text).is_ok());
            }
        }
        Err(message) => assert!(truth.is_err(), "{message}"),
    }
});
