//! Any text is rows that are JSON objects each, or a fault that says what to do or where.
#![no_main]

use std::io::Write;

use libfuzzer_sys::fuzz_target;
use loadtool::data::{Pick, PoolSpec, Pools, Row, Source};

fuzz_target!(|input: (u8, &[u8])| {
    let (kind, bytes) = input;
    let mut file = tempfile::NamedTempFile::new().expect("a file for the test");
    file.write_all(bytes).expect("room for the test's file");
    let file = file.path().to_path_buf();
    let source = match kind % 3 {
        0 => Source::Ndjson { file },
        1 => Source::Json { file, path: None },
        _ => Source::Json { file, path: Some("$.a".to_owned()) },
    };
    let spec = PoolSpec { source, name: None, pick: Pick::Sequential, at_end: None };
    match Pools::default().open(spec) {
        Ok(pool) => {
            for index in 0..pool.len() {
                let Some(Row::Document(text)) = pool.row(index) else { panic!("every row is there") };
                let row: serde_json::Value = serde_json::from_str(text).expect("it was checked");
                let names = row.as_object().expect("rows are objects").keys();
                assert!(names.into_iter().all(|name| pool.may_lack(name)));
            }
        }
        Err(fault) => assert!(fault.line.is_some(), "{fault}"),
    }
});
